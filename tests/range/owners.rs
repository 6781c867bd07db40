//! An image in range mode against what umoci makes of it as root of a namespace with the same ids: kinds, modes, owners,
//! sizes, links, times, contents.

use std::time::UNIX_EPOCH;

use crate::common::{Scene, skip};
use crate::{RANGE, need, ranged};

/// The image's own folders; in the others are things of the container's.
const LIST: &str = r#"cd "$1" || exit 1
list="bin data home root usr var etc/passwd etc/group"
{
    busybox find $list -type d -exec busybox stat -c '%n d %a %u %g . . %Y' {} +
    busybox find $list ! -type d -exec busybox stat -c '%N %F %a %u %g %h %s %Y' {} +
    busybox find $list -type f -exec busybox sha256sum {} +
} | LC_ALL=C busybox sort"#;

/// Whether umoci's line means the same. It leaves a new time to folders that no layer names, and to some it has removed
/// something from.
fn fits(ours: &str, theirs: &str, began: u64) -> bool {
    let split = |line: &str| -> Option<(String, u64)> {
        let (rest, time) = line.rsplit_once(' ')?;
        Some((rest.to_string(), time.parse().ok()?))
    };
    match (split(ours), split(theirs)) {
        (Some((ours, _)), Some((theirs, time))) if ours == theirs => ours.ends_with(". .") && time >= began,
        _ => false,
    }
}

#[test]
fn owners_are_those_of_umoci() {
    need!("python3", "zstd", "umoci", "busybox", "unshare");
    ranged!();
    let scene = Scene::new();
    let began = UNIX_EPOCH.elapsed().unwrap().as_secs();
    // From copies: where the checkout is may be closed to who runs the tests.
    scene.file("mkimages.py", include_str!("../registry/mkimages.py"));
    let maker = scene.file("make-images.sh", include_str!("../registry/make-images.sh"));
    scene.program("bash").arg(maker).arg("images").output().ok();
    let layout = scene.work().join("images/oci");
    let bundle = scene.work().join("bundle");
    let as_root = ["--map-root-user", "--map-auto", "--"];
    let unpack = scene.program("unshare").args(as_root).args(["umoci", "unpack", "--image"]);
    let unpacked = unpack.arg(format!("{}:layers-gzip", layout.display())).arg(&bundle).output();
    if unpacked.err().starts_with("unshare:") {
        return skip(format_args!("range::owners: {}", unpacked.err().trim()));
    }
    unpacked.ok();
    let list = scene.program("unshare").args(as_root).args(["sh", "-c", LIST, "list"]).arg(bundle.join("rootfs"));
    let theirs = list.output().ok().text();
    assert!(theirs.contains("data/uid1000 regular file 600 1000 1000 1 1 "), "{theirs}");
    assert!(theirs.contains("data/uid54321 regular file 644 54321 54321 1 1 "), "{theirs}");
    // It knows no zstd; the layers are the same.
    for tag in ["layers-gzip", "layers-zstd", "layers-plain"] {
        let image = format!("oci:{}:{tag}", layout.display());
        let options = ["run", "--image", &image].into_iter().chain(RANGE);
        let said = scene.kakuri(options.chain(["sh", "-c", LIST, "list", "/"])).output().ok();
        let ours = said.text();
        let differ: Vec<_> = ours.lines().zip(theirs.lines()).filter(|(o, t)| o != t && !fits(o, t, began)).collect();
        assert!(differ.is_empty(), "{tag}: {differ:#?}");
        assert_eq!(ours.lines().count(), theirs.lines().count(), "{tag}");
    }
}
