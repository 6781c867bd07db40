//! What may make namespaces of its own, and stays inside all the same.

use crate::common::Scene;
use crate::need;
use crate::outside::Outside;

/// As deep as it likes: what is read-only, covered or hidden stays so.
#[test]
fn at_any_depth() {
    need!("unshare");
    let scene = Scene::new();
    let mut outside = Outside::new(&scene);
    let treasure = format!("TREASURE={}", outside.treasure.display());
    let script = "
        mount -o remount,bind,rw /usr 2>/dev/null && touch /usr/attack 2>/dev/null && echo writable
        mount -o remount,rw / 2>/dev/null && touch /usr/attack 2>/dev/null && echo written
        umount /usr 2>/dev/null && echo uncovered; umount -l /etc/hosts 2>/dev/null && echo the hosts
        mount --move /proc /mnt 2>/dev/null && echo moved; mount -o remount,bind,suid,dev /usr 2>/dev/null && echo set-id
        for way in '' /proc/1/root /proc/self/root/..; do [ -e $way$TREASURE ] && echo found by $way; done
        echo 'deep enough'";
    let deep = |depth: usize| {
        // Named as an argument it would be bound.
        let mut words = vec!["--nest", "-e", &treasure, "--"];
        for _ in 0..depth {
            words.extend(["unshare", "-Urm"]);
        }
        words.extend(["sh", "-c", script]);
        scene.kakuri(words).output().ok().text()
    };
    for depth in [0, 1, 2, 8, 20] {
        assert_eq!(deep(depth), "deep enough", "{depth}");
    }
    outside.stands();
}
