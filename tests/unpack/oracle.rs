//! Whole images against what umoci makes of them.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use kakuri_image::talk::{FromUnpack, ToUnpack};
use kakuri_image::{Digest, Platform, Recipe};
use kakuri_wire::{Stage, document};

use crate::common::{Scene, skip};
use crate::need;
use crate::role::{As, Role, can_unshare, memory, work};

/// Where the script is that makes the images.
fn maker() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = ["tests/registry", "../shared/registry"]
        .map(|folder| root.join(folder).join("make-images.sh"))
        .into_iter()
        .find(|p| p.exists());
    if found.is_none() {
        skip("there is no make-images.sh");
    }
    found
}

fn blob(layout: &Path, digest: &Digest) -> PathBuf {
    layout.join("blobs/sha256").join(digest.hex())
}

fn judge(role: &Role, path: &Path, digest: Option<Digest>, tag: Option<&str>) -> FromUnpack {
    let bytes = memory(&fs::read(path).unwrap());
    let ask = ToUnpack::Judge { digest, tag: tag.map(Into::into), platform: Platform::host() };
    role.say(&ask, &[bytes.as_fd()]);
    role.hear().0
}

fn recipe(role: &Role, layout: &Path, tag: &str) -> Recipe {
    let mut word = judge(role, &layout.join("index.json"), None, Some(tag));
    while let FromUnpack::Index { manifest, .. } = &word {
        word = judge(role, &blob(layout, manifest), Some(manifest.clone()), None);
    }
    let FromUnpack::Manifest { config, .. } = word else { panic!("{tag}: {word:?}") };
    role.say(&ToUnpack::Config, &[memory(&fs::read(blob(layout, &config)).unwrap()).as_fd()]);
    let (FromUnpack::Recipe, mut fds) = role.hear() else { panic!("{tag}: no recipe") };
    document::read(Stage::Front, fds.pop().unwrap()).unwrap()
}

/// Kinds, modes, sizes, links, times and contents of all that is seen from inside of a tree.
const LIST: &str = r#"set -e; cd "$1"
find . \( -type d -printf '%P %y %m %T@\n' \) -o \( -type l -printf '%P %y %l %T@\n' \) -o -printf '%P %y %m %n %s %T@\n' | LC_ALL=C sort
find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
cd "$1/data" 2>/dev/null || exit 0
getfattr -d -m '^user\.kakuri' xattr"#;

fn list(scene: &Scene, tree: &Path) -> String {
    let out = scene.program("unshare").args(["-Ur", "--", "bash", "-c", LIST, "list"]).arg(tree).output();
    out.ok().text()
}

fn list_merged(scene: &Scene, lowers: &[PathBuf]) -> String {
    if let [only] = lowers {
        return list(scene, only);
    }
    let lowers: Vec<String> = lowers.iter().map(|path| path.to_str().unwrap().to_string()).collect();
    let script = format!(
        "mount -t overlay -o userxattr,lowerdir={} none \"$1\" && LIST='{}' && eval \"$LIST\"",
        lowers.join(":"),
        LIST.replace('\'', "'\\''")
    );
    let at = scene.folder("merged");
    let out = scene.program("unshare").args(["-Urm", "--", "bash", "-c", &script, "list"]).arg(at).output();
    out.ok().text()
}

#[test]
fn trees_are_those_of_umoci() {
    need!("python3", "zstd", "umoci", "getfattr", "busybox");
    let Some(maker) = maker().filter(|_| can_unshare()) else { return };
    let scene = Scene::new();
    let began = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    scene.program("bash").arg(maker).arg("images").output().ok();
    let layout = scene.work().join("images/oci");
    for tag in ["layers-gzip", "layers-zstd", "layers-plain", "busybox", "multi"] {
        let work = work(&scene);
        let role = Role::start("unpack", &work, As::Single);
        let recipe = recipe(&role, &layout, tag);
        for (n, layer) in recipe.layers.iter().enumerate() {
            let file = File::open(blob(&layout, &layer.digest)).unwrap();
            role.say(&ToUnpack::Layer { n: n as u32, layer: layer.clone(), have: 0, keep: false }, &[file.as_fd()]);
        }
        // They end in any order.
        for _ in &recipe.layers {
            match role.hear().0 {
                FromUnpack::Done { .. } => {}
                other => panic!("{tag}: {other:?}"),
            }
        }
        role.end();
        let role = Role::start("settle", &work, As::Single);
        for n in 0..recipe.layers.len() as u32 {
            symlink(work.join(format!("{n}/fs")), scene.work().join(format!("below/{n}"))).unwrap();
            let below: Vec<u32> = (0..n).rev().collect();
            role.settle(n, &below).unwrap();
        }
        role.end();
        let lowers: Vec<PathBuf> = (0..recipe.layers.len()).rev().map(|n| work.join(format!("{n}/fs"))).collect();
        let ours = list_merged(&scene, &lowers);
        let bundle = scene.work().join("bundle");
        let image = format!("{}:{tag}", layout.display());
        // It knows no zstd; the layers are the same.
        let known = if tag == "layers-zstd" { image.replace("zstd", "gzip") } else { image };
        if tag != "multi" {
            let theirs = scene.program("umoci").args(["unpack", "--rootless", "--image", &known]).arg(&bundle).output();
            theirs.ok();
            let theirs = list(&scene, &bundle.join("rootfs"));
            // It leaves the time to folders that no layer names, and to some it has removed something from.
            let fits = |(ours, theirs): &(&str, &str)| {
                let changed = |line: &str| {
                    let (rest, time) = line.rsplit_once(' ')?;
                    let seconds: u64 = time.split('.').next()?.parse().ok()?;
                    (rest.contains(" d ") && seconds >= began).then(|| rest.to_string())
                };
                ours == theirs || changed(theirs).is_some_and(|rest| ours.rsplit_once(' ').map(|o| o.0) == Some(&rest))
            };
            let differ: Vec<_> = ours.lines().zip(theirs.lines()).filter(|pair| !fits(pair)).collect();
            assert!(differ.is_empty(), "{tag}: {differ:#?}");
            assert_eq!(ours.lines().count(), theirs.lines().count(), "{tag}");
        }
        if tag.starts_with("layers") {
            assert!(ours.contains("user.kakuri=\"hello\""), "{ours}");
        } else if tag == "multi" {
            assert_eq!(fs::read_to_string(lowers[0].join("etc/arch")).unwrap(), "amd64\n");
        }
        let made = [bundle, work, scene.work().join("below")];
        scene
            .program("bash")
            .args(["-c", "chmod -R u+rwx \"$@\" 2>/dev/null; rm -rf \"$@\"", "rm"])
            .args(made)
            .output()
            .ok();
    }
}
