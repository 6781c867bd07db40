//! A disk that is full at any moment of a pull: it is said, nothing half made stays, and with more room it goes on.

use serde_json::json;

use super::common::oci::{Entry, noise, tar};
use super::common::{KAKURI, Scene, skip};
use super::{busybox, store};
use crate::need;

/// In namespaces of its own, with a disk of each of these sizes.
const SCRIPT: &str = r#"
set -eu
kakuri=$0 disk=$1 name=$2
fail() { echo "FAILED at $size kB: $*"; cat err; find "$disk" -maxdepth 3; exit 1; }
refused=0 made=0
for size in 300 900 1500 2100 2700 3300 3900 4500 5100 5700 6300 6900 9000; do
    mount -t tmpfs -o size=${size}k,mode=0700 none "$disk"
    if "$kakuri" pull --userns single -q "$name" >out 2>err; then made=$((made + 1))
    else
        refused=$((refused + 1))
        [ -s out ] && fail "said something on standard output"
        [ "$(wc -l <err)" -le 2 ] && grep -q '^kakuri: ' err && grep -q 'hint' err || fail "no plain error"
        grep -qE 'space|free' err || fail "it does not say what is missing"
        [ -z "$(ls -A "$disk/work" 2>/dev/null)" ] || fail "left in work/"
        [ -z "$(ls -A "$disk/records" 2>/dev/null)" ] || fail "an image that is not whole"
        for blob in "$disk"/blobs/sha256/*; do
            [ ! -e "$blob" ] || [ "$(sha256sum <"$blob" | cut -d' ' -f1)" = "${blob##*/}" ] || fail "a blob that is none"
        done
        mount -o remount,size=32m "$disk"
        "$kakuri" pull --userns single -q "$name" >out 2>err || fail "with more room"
    fi
    "$kakuri" run --userns single --pull never --image "$name" >out 2>err || fail "it does not run"
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
    let mut oci = super::runnable(&scene);
    let upper = tar(&[
        Entry::Folder("data/", 0o755),
        Entry::File("data/file", 0o644, b"of the image"),
        Entry::File("data/large", 0o644, &noise(1_000_000, 5)),
    ]);
    oci.put("latest", &[busybox(), upper], &json!({ "Cmd": ["cat", "/data/file"], "Env": ["PATH=/bin"] }));
    std::fs::create_dir_all(store(&scene)).unwrap();
    let run =
        scene.program("unshare").args(["-Urm", "sh", "-c", SCRIPT, KAKURI]).arg(store(&scene)).arg(oci.name("latest"));
    let output = run.limit(std::time::Duration::from_secs(300)).output();
    if output.err().starts_with("unshare:") || output.err().starts_with("mount:") {
        skip(format_args!("a full disk: {}", output.err().trim()));
        return;
    }
    assert_eq!(output.ok().text(), "fine");
}
