//! A disk that is full at any moment of a load.

use super::common::{KAKURI, Scene, skip};
use super::{runnable, store};
use crate::need;

const SCRIPT: &str = r#"
set -eu
kakuri=$0 disk=$1 archive=$2
fail() { echo "FAILED at $size kB: $*"; cat err; find "$disk" -maxdepth 3; exit 1; }
refused=0 made=0
for size in 100 900 1700 2500 3300 4100 4900 5700 6500 7300 8100 12000; do
    mount -t tmpfs -o size=32m,mode=0700 none "$disk"
    head -c $(( (32768 - size) * 1024 )) /dev/zero >"$disk/.filler"
    if "$kakuri" image load --userns single -q -i "$archive" >out 2>err; then made=$((made + 1))
    else
        refused=$((refused + 1))
        [ -s out ] && fail "said something on standard output"
        [ "$(wc -l <err)" -le 2 ] && grep -q '^kakuri: ' err && grep -q 'hint' err || fail "no plain error"
        grep -qE 'space|free' err || fail "it does not say what is missing"
        [ -z "$(ls -A "$disk/work" 2>/dev/null)" ] || fail "left in work/"
        [ -z "$(ls -A "$disk/records" 2>/dev/null)" ] || fail "an image that is not whole"
        rm "$disk/.filler"
        "$kakuri" image load --userns single -q -i "$archive" >out 2>err || fail "with more room"
    fi
    "$kakuri" run --userns single --pull never --image team/app:1 >out 2>err || fail "it does not run"
    grep -q 'of the image' out || fail "it is another"
    umount "$disk"
done
[ $made -gt 0 ] && [ $refused -gt 3 ] || fail "made $made, refused $refused: the disk was never full, or always"
echo fine
"#;

#[test]
fn a_full_disk_at_every_point() {
    need!("busybox");
    let scene = Scene::new();
    let archive = scene.file("archive.tar", runnable("team/app:1"));
    std::fs::create_dir_all(store(&scene)).unwrap();
    let run = scene.program("unshare").args(["-Urm", "sh", "-c", SCRIPT, KAKURI]).arg(store(&scene)).arg(archive);
    let output = run.limit(std::time::Duration::from_secs(300)).output();
    if output.err().starts_with("unshare:") || output.err().starts_with("mount:") {
        skip(format_args!("a full disk: {}", output.err().trim()));
        return;
    }
    assert_eq!(output.ok().text(), "fine");
}
