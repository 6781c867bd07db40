//! Roots laid out as traps: at each place that is looked at or mounted on, whatever can lie there. Each works or is refused
//! by name, in time, and nothing of the host is touched.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::common::{Output, Scene};
use crate::need;
use crate::tree::{plant, snapshot};

/// Where something is read, made, entered or mounted, and each folder on the way.
const PLACES: [&str; 26] = [
    "dev",
    "proc",
    "sys",
    "tmp",
    "run",
    "etc",
    "etc/passwd",
    "etc/group",
    "etc/resolv.conf",
    "etc/hosts",
    "etc/hostname",
    "etc/mtab",
    "root",
    "home",
    "home/ada",
    "var",
    "var/tmp",
    "var/run",
    "work",
    "work/deep",
    "srv",
    "srv/given",
    "srv/given/place",
    "dev/shm",
    "dev/pts",
    "bin",
];

/// All of them; every fourth where the tests run once more with other options, which takes its time.
pub fn places() -> impl Iterator<Item = &'static str> {
    PLACES.into_iter().step_by(if std::env::var_os("KAKURI_TEST_ALWAYS").is_some() { 4 } else { 1 })
}

/// A start that goes by all of them.
pub const WORDS: [&str; 8] =
    ["--bind", "given:/srv/given/place", "--bind", "data:/srv/data", "-w", "/work/deep", "--hostname", "box"];

/// What a command sees of them; it is not to wait at a pipe itself.
pub const LOOK: &str = "for file in /etc/passwd /etc/hosts /srv/given/place/passwd; do [ -f $file ] && /bin/busybox head -c 300 $file; done; \
                        echo fine";

const KINDS: [&str; 13] = [
    "a link to the host",
    "a link up and out",
    "a link to itself",
    "a link to PID 1",
    "a link to a magic link",
    "a link within",
    "a fifo",
    "a socket",
    "a file",
    "a folder",
    "a huge file",
    "a closed folder",
    "a whiteout",
];

fn lay(kind: &str, at: &Path, treasure: &Path) {
    let _ = fs::remove_dir_all(at);
    let _ = fs::remove_file(at);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    let node = |mode: libc::mode_t| {
        let path = std::ffi::CString::new(at.as_os_str().as_encoded_bytes()).unwrap();
        // SAFETY: a string and two integers; 0:0 is the one device everybody may make.
        unsafe { libc::mknod(path.as_ptr(), mode | 0o644, 0) }
    };
    match kind {
        "a link to the host" => symlink(treasure, at).unwrap(),
        "a link up and out" => {
            let up = Path::new("../../../../../../../../../..").join(treasure.strip_prefix("/").unwrap());
            symlink(up, at).unwrap();
        }
        "a link to itself" => symlink(at.file_name().unwrap(), at).unwrap(),
        "a link to PID 1" => symlink("/proc/1/root/tmp", at).unwrap(),
        "a link to a magic link" => symlink("/proc/self/cwd", at).unwrap(),
        "a link within" => symlink("/usr/share", at).unwrap(),
        "a fifo" => assert_eq!(node(libc::S_IFIFO), 0),
        "a socket" => assert_eq!(node(libc::S_IFSOCK), 0),
        "a file" => fs::write(at, "text").unwrap(),
        "a folder" => fs::create_dir(at).unwrap(),
        "a huge file" => fs::File::create(at).unwrap().set_len(1 << 40).unwrap(),
        "a closed folder" => {
            fs::create_dir(at).unwrap();
            fs::set_permissions(at, fs::Permissions::from_mode(0o0)).unwrap();
        }
        // Where this file system has none, there is nothing.
        "a whiteout" => drop(node(libc::S_IFCHR)),
        _ => unreachable!("{kind}"),
    }
}

/// What may come of it: it works, and shows nothing of the host's; or one line says what is wrong with what.
#[track_caller]
pub fn sound(said: &Output, what: &str) {
    let (text, err) = (said.text(), said.err());
    assert!(!text.contains("treasure"), "{what}: {said}");
    match said.code() {
        0 => assert!(text.ends_with("fine"), "{what}: {said}"),
        125..=127 => {
            // Before it, what was fetched and unpacked of an image.
            let lines: Vec<&str> = err.lines().skip_while(|line| !line.starts_with("kakuri: ")).collect();
            assert!((1..=2).contains(&lines.len()), "{what}: {said}");
            assert!(!err.contains("panicked") && !err.contains('\u{1b}'), "{what}: {said}");
        }
        code => panic!("{what}: {code}: {said}"),
    }
}

fn traps(mode: &str) {
    let scene = Scene::new();
    scene.file("treasure/passwd", "treasure:x:0:0:treasure:/treasure:/bin/sh\n");
    scene.file("treasure/hosts", "treasure");
    scene.file("given/file", "given");
    scene.file("data", "data");
    let treasure = scene.folder("treasure");
    let before = (snapshot(&treasure), snapshot(&scene.folder("given")));
    let root = format!("tree:{mode}");
    let mut worked = 0;
    let places: Vec<&str> = places().collect();
    for &place in &places {
        for kind in KINDS {
            let tree = plant(&scene, "tree");
            for folder in ["srv/given/place", "work/deep", "dev", "proc", "sys", "tmp", "run"] {
                fs::create_dir_all(tree.join(folder)).unwrap();
            }
            fs::write(tree.join("srv/data"), "").unwrap();
            lay(kind, &tree.join(place), &treasure);
            let what = format!("{kind} at {place}, {mode}");
            let words = ["--rootfs", &root].into_iter().chain(WORDS).chain([
                "--",
                "/bin/busybox",
                "timeout",
                "10",
                "sh",
                "-c",
                LOOK,
            ]);
            let said = scene.kakuri(words).output();
            if said.err().contains("Linux 6.6") {
                return;
            }
            sound(&said, &what);
            worked += usize::from(said.code() == 0);
            assert_eq!((snapshot(&treasure), snapshot(&scene.folder("given"))), before, "{what}");
            let _ = scene.program("chmod").args(["-R", "u+rwx"]).arg(&tree).output();
            fs::remove_dir_all(&tree).unwrap();
        }
    }
    // Most are harmless, and a test that is refused all along shows nothing.
    assert!(worked > places.len() * KINDS.len() / 4, "{mode}: {worked}");
}

#[test]
fn a_root_that_is_read() {
    need!("busybox");
    traps("ro");
}

#[test]
fn a_root_with_a_layer_over_it() {
    need!("busybox");
    traps("O");
}

#[test]
fn a_root_that_is_written() {
    need!("busybox");
    traps("rw");
}
