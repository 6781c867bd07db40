//! A file that runs as its owner, planted where others on the machine come to: seen from the host, where alone it is one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::Scene;
use crate::need;
use crate::tree::{no_memory_layer, plant};

/// Every way to make one that a shell has.
const PLANT: &str = "for at in /given /root; do \
    busybox cp /bin/busybox $at/a; busybox chmod 4755 $at/a; busybox chmod 6755 $at/a; busybox chmod g+s $at/a; \
    busybox install -m 4755 /bin/busybox $at/b; busybox mkdir $at/c; busybox chmod 2777 $at/c; busybox mkdir -m 2777 $at/d; \
    done 2>/dev/null; busybox find /root -perm /6000 | busybox grep -c . || true";

fn planted(folder: &Path) -> Vec<String> {
    let set_id = |entry: &fs::DirEntry| entry.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o6000 != 0);
    let entries = fs::read_dir(folder).unwrap().flatten().filter(set_id);
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// How many such files there are in the root afterwards; None where there is no layer in memory.
fn attack(scene: &Scene, options: &[&str], given: &Path) -> Option<u32> {
    for name in ["a", "b"] {
        let _ = fs::remove_file(given.join(name));
    }
    for name in ["c", "d"] {
        let _ = fs::remove_dir(given.join(name));
    }
    let words = options.iter().copied().chain(["--rootfs", "tree:O", "--", "busybox", "sh", "-c", PLANT]);
    let said = scene.kakuri(words).output();
    if no_memory_layer(&said) {
        return None;
    }
    Some(said.ok().text().trim().parse().unwrap())
}

#[test]
fn no_set_id_file_lies_where_others_come() {
    need!("busybox");
    let scene = Scene::new();
    plant(&scene, "tree");
    let open = scene.folder("open");
    let closed = scene.folder("closed");
    let within = closed.join("given");
    fs::create_dir(&within).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    // Nobody comes there: a package manager does what it must, in the root and, of no use to anybody, in the folder.
    let Some(made) = attack(&scene, &["--bind", "closed/given:/given"], &within) else { return };
    assert!(made > 0);
    // Nothing of the host's can be written.
    assert!(attack(&scene, &["--bind", "open:/given:ro"], &open).unwrap() > 0);
    assert_eq!(planted(&open), Vec::<String>::new());
    // Others come there, and a filter does not see which folder it is.
    for bind in ["open:/given", "open/new:/given:create"] {
        assert_eq!(attack(&scene, &["--bind", bind], &open), Some(0), "{bind}");
        assert_eq!(planted(&open), Vec::<String>::new(), "{bind}");
    }
    // Nor does another folder's mode help that the command may change.
    let both = ["--bind", "closed/given:/given", "--bind", "closed:/closed"];
    assert_eq!(attack(&scene, &both, &within), Some(0));
    assert_eq!(planted(&within), Vec::<String>::new());
    let told = scene.kakuri(["--explain", "--rootfs", "tree:O", "--bind", "open:/given", "busybox"]).output().ok();
    assert!(told.text().contains("in 'open', which others reach"), "{told}");
    let told =
        scene.kakuri(["--explain", "--rootfs", "tree:O", "--bind", "closed/given:/given", "busybox"]).output().ok();
    assert!(!told.text().contains("others reach"), "{told}");
}
