//! A full disk: no container is lost, none is half made, and no half-written file is believed.

use super::common::{KAKURI, Scene};
use crate::need;

/// In namespaces of its own: a disk of 64 pages, filled so that each number of them is free once.
const SCRIPT: &str = r#"
set -eu
kakuri=$0 disk=$1
fail() { echo "FAILED free=$free: $*"; cat err; exit 1; }
checked() { # ends well, or with one line and a hint
    if "$kakuri" "$@" >out 2>err; then return 0; fi
    [ -s out ] && fail "$*: said something on standard output"
    [ "$(wc -l <err)" -le 2 ] && grep -q '^kakuri: ' err || fail "$*: no plain error"
    return 1
}
whole() { # every container there is whole; nothing else is there
    for c in "$disk"/*/; do
        [ -d "$c" ] || continue
        grep -q '"version": 1' "$c/config.json" && tail -n 1 "$c/config.json" | grep -q '^}' || fail "half a record in $c"
        [ -d "$c/root/var/tmp" ] && [ -d "$c/root/srv" ] || fail "half a container in $c"
    done
    for c in "$disk"/.new-* "$disk"/.old-*; do [ ! -e "$c" ] || fail "left: $c"; done
}
made=0 refused=0
free=0
while [ $free -lt 64 ]; do
    mount -t tmpfs -o size=256k,mode=0700,nr_inodes=4096 none "$disk"
    "$kakuri" create first >/dev/null
    echo mine >"$disk/first/root/srv/mine"
    used=$(stat -f -c '%f' "$disk")
    if [ "$used" -gt $free ]; then head -c $(( (used - free) * 4096 )) /dev/zero >"$disk/.filler"; fi
    [ "$(stat -f -c %f "$disk")" -le $free ] || [ "$used" -le $free ] || fail "the disk is not as full as wanted"
    if checked create second; then made=$((made + 1)); [ -d "$disk/second" ] || fail "made, and not there"
    else refused=$((refused + 1)); [ ! -e "$disk/second" ] || fail "refused, and there"; fi
    whole
    checked create --replace second || :
    whole
    checked container rename first renamed && mv "$disk/renamed" "$disk/first" || :
    whole
    if [ -n "${START:-}" ]; then
        # A full disk keeps nobody from running, but where not even a link fits.
        checked start first true || grep -q 'No space left' err || fail "start: something else"
        whole
        ! grep -q '"ended":null' "$disk/first/last.json" 2>/dev/null || fail "it ended, and last.json says otherwise"
        [ ! -e "$disk/first/last.json" ] || tail -c 1 "$disk/first/last.json" | grep -q '}' || fail "half a last.json"
    fi
    [ "$(cat "$disk/first/root/srv/mine")" = mine ] || fail "a container is lost"
    "$kakuri" remove first >/dev/null 2>err || fail "remove"
    [ ! -e "$disk/first" ] || fail "removed, and there"
    whole
    umount "$disk"
    free=$((free + 1))
done
[ $made -gt 0 ] && [ $refused -gt 0 ] || fail "made $made, refused $refused: the disk was never full, or always"
echo fine
"#;

fn fill(scene: &Scene, start: bool) {
    let disk = scene.folder("disk");
    super::put_containers_at(scene, &disk);
    let mut run = scene.program("unshare").args(["-Urm", "sh", "-c", SCRIPT, KAKURI]).arg(&disk);
    if start {
        run = run.env("START", "yes");
    }
    let output = run.limit(std::time::Duration::from_secs(300)).output();
    if output.err().starts_with("unshare:") || output.err().starts_with("mount:") {
        super::common::skip(format_args!("a full disk: {}", output.err().trim()));
        return;
    }
    assert_eq!(output.text(), "fine", "{output}");
}

#[test]
fn no_container_is_lost_or_half_made_at_any_number_of_free_pages() {
    need!("unshare");
    fill(&Scene::new(), false);
}

#[test]
fn containers_run_on_a_full_disk() {
    need!("unshare");
    fill(&Scene::new(), true);
}
