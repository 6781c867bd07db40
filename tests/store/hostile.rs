//! What a container may have put into its folders does not keep it from being removed, and takes nothing else with it.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use super::common::{KAKURI, Scene};
use super::{containers, create, names};
use crate::need;

/// Folders in one another, deeper than any path may be long.
fn dig(at: &Path, name: &str, depth: usize) {
    let mut here: OwnedFd = fs::File::open(at).unwrap().into();
    let name = CString::new(name).unwrap();
    for _ in 0..depth {
        // SAFETY: an open folder and a C string; openat gives a new descriptor or -1.
        let fd = unsafe {
            assert_eq!(libc::mkdirat(here.as_raw_fd(), name.as_ptr(), 0o755), 0);
            libc::openat(here.as_raw_fd(), name.as_ptr(), libc::O_DIRECTORY | libc::O_CLOEXEC)
        };
        assert!(fd >= 0, "{}", std::io::Error::last_os_error());
        // SAFETY: the kernel has just given us this descriptor.
        here = unsafe { OwnedFd::from_raw_fd(fd) };
    }
}

#[test]
fn any_tree_is_removed_and_nothing_beside_it() {
    let scene = Scene::new();
    let precious = scene.file("precious/file", "mine");
    let root = create(&scene, "web").folder.join("root");
    dig(&root.join("srv"), "d", 10_000);
    dig(&root.join("home"), &"n".repeat(255), 300);
    symlink(scene.work().join("precious"), root.join("var/link")).unwrap();
    symlink(&precious, root.join("var/file")).unwrap();
    symlink("..", root.join("var/up")).unwrap();
    symlink("loop", root.join("var/loop")).unwrap();
    let socket = root.join("var/lib/socket");
    // A path that is short enough for an address.
    let shorter = Command::new("sh").arg("-c").arg("cd \"$0\" && mkfifo pipe").arg(root.join("var/lib")).status();
    assert!(shorter.unwrap().success());
    let _ = UnixListener::bind(&socket);
    for i in 0..3000 {
        fs::write(root.join(format!("var/cache/{i}")), "").unwrap();
        fs::create_dir_all(root.join(format!("var/spool/{i}/{i}"))).unwrap();
    }
    for (name, mode) in [("none", 0o000), ("write", 0o222), ("search", 0o111), ("read", 0o444)] {
        let folder = root.join("var/opt").join(name);
        fs::create_dir_all(folder.join("in/side")).unwrap();
        fs::write(folder.join("in/file"), "x").unwrap();
        fs::set_permissions(folder.join("in"), fs::Permissions::from_mode(mode)).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::write(root.join("srv/a\nb\x1b[2J"), "").unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o000)).unwrap();
    assert_eq!(scene.kakuri(["remove", "web"]).output().ok().text(), "web");
    assert!(names(&containers(&scene)).is_empty(), "{:?}", names(&containers(&scene)));
    assert_eq!(fs::read_to_string(&precious).unwrap(), "mine");
}

#[test]
fn a_removal_needs_few_descriptors() {
    let scene = Scene::new();
    let root = create(&scene, "web").folder.join("root");
    dig(&root.join("srv"), "d", 2000);
    scene.kakuri(["remove", "web"]).rlimit(libc::RLIMIT_NOFILE, 16).output().ok();
    assert!(names(&containers(&scene)).is_empty());
}

#[test]
fn what_cannot_be_removed_is_named_and_all_else_is_gone() {
    need!("unshare");
    let scene = Scene::new();
    let root = create(&scene, "web").folder.join("root");
    fs::create_dir(root.join("srv/mounted")).unwrap();
    fs::write(root.join("srv/file"), "x").unwrap();
    let other = scene.file("other/file", "mine").parent().unwrap().to_path_buf();
    // Somebody has mounted a folder of his there: it is not walked into.
    let script = "mount --bind \"$1\" \"$2\" && \"$0\" remove web";
    let output = scene
        .program("unshare")
        .args(["-Urm", "sh", "-c", script, KAKURI])
        .args([&other, &root.join("srv/mounted")])
        .output();
    if output.err().contains("mount:") || output.err().contains("unshare") {
        super::common::skip(format_args!("removing what is mounted: {}", output.err().trim()));
        return;
    }
    let output = output.refused(1, &["cannot remove", "srv/mounted", "something is mounted there"]).hints(&["unmount"]);
    assert!(other.join("file").exists(), "{output}");
    let left = names(&containers(&scene));
    assert!(left.len() == 1 && left[0].starts_with(".old-web-"), "the name is free: {left:?}");
    assert!(!containers(&scene).join(&left[0]).join("root/srv/file").exists());
    scene.kakuri(["create", "web"]).output().ok();
    assert_eq!(names(&containers(&scene)), ["web"], "what was in the way is not any more");
}
