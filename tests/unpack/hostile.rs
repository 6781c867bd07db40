//! Archives that want something else than to be unpacked.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::archive::{Archive, Entry};
use crate::common::Scene;
use crate::role::{As, Role, can_unshare, work};

/// What is below a folder: paths, in order.
fn names(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
            }
            found.push(entry.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

#[test]
fn names_that_lead_out_are_refused_and_nothing_is_left() {
    let scene = Scene::new();
    let work = work(&scene);
    let role = Role::start("unpack", &work, As::Caller);
    let long = [b'n'; 256];
    let deep = b"d/".repeat(1500);
    let records = |path: &'static [u8]| Entry { name: b"x", records: vec![("path", path)], ..Entry::default() };
    let cases: Vec<(&str, Archive)> = vec![
        ("leads out", Archive::default().file("../up", b"x")),
        ("leads out", Archive::default().file("a/../../up", b"x")),
        ("leads out", Archive::default().folder("..")),
        ("leads out", Archive::default().hard("x", "../../../etc/passwd")),
        ("leads out", Archive::default().put(&records(b"/../../etc/x"))),
        (
            "255 bytes",
            Archive::default().put(&Entry { name: b"x", records: vec![("path", &long)], ..Entry::default() }),
        ),
        ("too deep", Archive::default().put(&Entry { name: b"x", records: vec![("path", &deep)], ..Entry::default() })),
        ("no usable name", Archive::default().put(&records(b"a\0b"))),
        ("whiteout of nothing", Archive::default().file("a/.wh...", b"")),
        ("whiteout of nothing", Archive::default().file(".wh..", b"")),
        ("whiteout of nothing", Archive::default().file(".wh.", b"")),
        ("in a whiteout", Archive::default().file(".wh.a/b", b"")),
        ("the root is a folder", Archive::default().file("./", b"").link(".", "/etc")),
        ("hard link to a folder", Archive::default().folder("d").hard("x", "d")),
        ("root", Archive::default().hard("x", "/")),
        ("a file stands", Archive::default().file("f", b"x").file("f/in", b"x")),
        ("circle", Archive::default().link("a", "b").link("b", "a").file("a/x", b"")),
        ("nothing that has a name", Archive::default().link("a", "")),
        ("folder its file lies in", Archive::default().file("d/f", b"x").hard("d", "d/f")),
    ];
    for (n, (words, archive)) in cases.into_iter().enumerate() {
        let bytes = archive.end();
        let fail = role.unpack(n as u32, &bytes, &bytes).expect_err(words);
        assert!(fail.to_string().contains(words), "{words}: {fail}");
        assert!(names(&work.join(n.to_string())).is_empty(), "{words}");
    }
    assert!(!scene.work().join("up").exists() && !work.join("up").exists());
    role.end();
}

/// Links may lead anywhere; what is written through them stays in the tree.
#[test]
fn links_lead_nowhere_else() {
    let scene = Scene::new();
    let work = work(&scene);
    let out = scene.folder("outside");
    let role = Role::start("unpack", &work, As::Caller);
    let archive = Archive::default()
        .link("abs", &out.to_string_lossy())
        .file("abs/a", b"1")
        .link("up", "../../../../..")
        .file("up/b", b"2")
        .link("to/here", "../x/y")
        .file("to/here/c", b"3")
        .link("etc", "/conf")
        .hard("passwd", "etc/passwd")
        .file("etc/passwd", b"own")
        .end();
    let report = role.unpack(0, &archive, &archive).expect("unpacked");
    assert!(report.unsettled);
    let fs = work.join("0/fs");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    assert_eq!(fs::read(fs.join(out.strip_prefix("/").unwrap()).join("a")).unwrap(), b"1");
    assert_eq!(fs::read(fs.join("b")).unwrap(), b"2");
    assert_eq!(fs::read(fs.join("x/y/c")).unwrap(), b"3");
    assert_eq!(fs::read(fs.join("passwd")).unwrap(), b"own");
    assert_eq!(fs::read(fs.join("conf/passwd")).unwrap(), b"own");
    role.end();
}

#[test]
fn the_last_word_counts_whatever_stood_there() {
    let scene = Scene::new();
    let work = work(&scene);
    let role = Role::start("unpack", &work, As::Caller);
    let archive = Archive::default()
        .file("twice", b"long and first")
        .file("twice", b"2")
        .folder("tree/a/b/c")
        .file("tree/a/b/c/f", b"x")
        .file("tree/.wh.z", b"")
        .file("tree", b"now a file")
        .file("other", b"x")
        .folder("other")
        .file("other/in", b"y")
        .link("link", "nowhere")
        .folder("link")
        .file("link/in", b"z")
        .file("one", b"1")
        .hard("two", "one")
        .hard("one", "one")
        .folder("four/deep")
        .file("four/deep/two", b"another")
        .file("some/two", b"some")
        .hard("four", "some/two")
        .hard("three", "later")
        .file("later", b"l")
        .put(&Entry { flag: b'5', name: b"mode", mode: 0o500, ..Entry::default() })
        .file("mode/in", b"m")
        .end();
    let report = role.unpack(0, &archive, &archive).expect("unpacked");
    let fs = work.join("0/fs");
    assert_eq!(fs::read(fs.join("twice")).unwrap(), b"2");
    assert_eq!(fs::read(fs.join("tree")).unwrap(), b"now a file");
    assert_eq!(fs::read(fs.join("other/in")).unwrap(), b"y");
    assert_eq!(fs::read(fs.join("link/in")).unwrap(), b"z");
    let inode = |name: &str| fs::metadata(fs.join(name)).unwrap().ino();
    assert_eq!(inode("one"), inode("two"));
    assert_eq!(inode("three"), inode("later"));
    assert_eq!(fs::metadata(fs.join("mode")).unwrap().mode() & 0o7777, 0o500);
    assert_eq!(fs::read(fs.join("mode/in")).unwrap(), b"m");
    assert_eq!(fs::read(fs.join("four")).unwrap(), b"some");
    assert_eq!(report.entries, 23);
    role.end();
}

/// Order does not matter between a whiteout and what its layer has.
#[test]
fn whiteouts() {
    let scene = Scene::new();
    let work = work(&scene);
    let role = Role::start("unpack", &work, As::Caller);
    let archive = Archive::default()
        .file("d/.wh.gone", b"")
        .file("d/.wh.back", b"")
        .file("d/back", b"here")
        .folder("d/sub")
        .file("d/sub/in", b"x")
        .file("d/.wh.sub", b"")
        .file("o/new", b"n")
        .file("o/.wh..wh..opq", b"")
        .file(".wh..wh.plnk/1.1", b"aufs")
        .end();
    role.unpack(0, &archive, &archive).expect("unpacked");
    let fs = work.join("0/fs");
    let gone = fs::symlink_metadata(fs.join("d/gone")).unwrap();
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    assert_eq!(fs::read(fs.join("d/back")).unwrap(), b"here");
    let opaque = |name: &str| {
        let mut value = [0; 1];
        rustix::fs::getxattr(fs.join(name), "user.overlay.opaque", &mut value[..]).is_ok() && value == *b"y"
    };
    assert!(opaque("d/sub") && opaque("o") && !opaque("d"));
    assert!(!names(&fs).iter().any(|name| name.contains(".wh.")));
    role.end();
}

#[test]
fn devices_and_attributes_of_others_are_left_out_and_counted() {
    let scene = Scene::new();
    let work = work(&scene);
    if !can_unshare() {
        return;
    }
    let role = Role::start("unpack", &work, As::Single);
    let device = |flag, name| Entry { flag, name, ..Entry::default() };
    let attributes: Vec<(&str, &[u8])> = vec![
        ("SCHILY.xattr.user.mine", b"yes"),
        ("SCHILY.xattr.user.overlay.redirect", b"/etc"),
        ("SCHILY.xattr.user.overlay.opaque", b"y"),
        ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
        ("SCHILY.xattr.security.selinux", b"system_u"),
    ];
    let archive = Archive::default()
        .put(&device(b'3', b"null"))
        .put(&device(b'4', b"block"))
        .put(&Entry { flag: b'6', name: b"pipe", mode: 0o622, ..Entry::default() })
        .put(&Entry { flag: b'V', name: b"volume", ..Entry::default() })
        .put(&Entry { flag: b'5', name: b"d", mode: 0o755, records: attributes.clone(), ..Entry::default() })
        .put(&Entry { name: b"f", mode: 0o4755, data: b"x", records: attributes, ..Entry::default() })
        .end();
    let report = role.unpack(0, &archive, &archive).expect("unpacked");
    let left = |what: &str| report.left_out.iter().find(|(name, _)| name == what).map(|(_, n)| *n);
    assert_eq!(left("device nodes"), Some(2), "{report:?}");
    assert_eq!(left("attributes"), Some(8), "{report:?}");
    assert_eq!(left("entries of unknown kinds"), Some(1), "{report:?}");
    let fs = work.join("0/fs");
    assert_eq!(names(&fs), ["d", "f", "pipe"]);
    assert!(fs::symlink_metadata(fs.join("pipe")).unwrap().file_type().is_fifo());
    assert_eq!(fs::metadata(fs.join("pipe")).unwrap().mode() & 0o7777, 0o622);
    assert_eq!(fs::metadata(fs.join("f")).unwrap().mode() & 0o7777, 0o4755);
    for name in ["d", "f"] {
        let mut value = [0; 10];
        let length = rustix::fs::getxattr(fs.join(name), "user.mine", &mut value[..]).unwrap();
        assert_eq!(&value[..length], b"yes");
        assert!(rustix::fs::getxattr(fs.join(name), "user.overlay.opaque", &mut value[..]).is_err());
        assert!(rustix::fs::getxattr(fs.join(name), "user.overlay.redirect", &mut value[..]).is_err());
    }
    role.end();
}

#[test]
fn odd_times_and_names_are_kept() {
    use std::os::unix::ffi::OsStrExt;
    let scene = Scene::new();
    let work = work(&scene);
    let role = Role::start("unpack", &work, As::Caller);
    let long = [b"p".repeat(200), b"q".repeat(200), b"r".repeat(250)].join(&b'/');
    let archive = Archive::default()
        .put(&Entry { name: b"old", time: -1_000_000, ..Entry::default() })
        .put(&Entry { name: b"late", time: 1 << 33, ..Entry::default() })
        .put(&Entry { name: b"exact", records: vec![("mtime", b"1234567890.123456789")], ..Entry::default() })
        .put(&Entry { name: b"\xff\n\x1b", data: b"odd", ..Entry::default() })
        .put(&Entry { name: b"x", data: b"deep", records: vec![("path", &long)], ..Entry::default() })
        .put(&Entry { flag: b'5', name: b"d", mode: 0o755, time: 1000, ..Entry::default() })
        .file("d/in", b"")
        .end();
    role.unpack(0, &archive, &archive).expect("unpacked");
    let fs = work.join("0/fs");
    let time = |name: &str| fs::metadata(fs.join(name)).unwrap();
    assert_eq!(time("old").mtime(), -1_000_000);
    assert_eq!(time("late").mtime(), 1 << 33);
    assert_eq!((time("exact").mtime(), time("exact").mtime_nsec()), (1_234_567_890, 123_456_789));
    assert_eq!(time("d").mtime(), 1000);
    assert_eq!(fs::read(fs.join(std::ffi::OsStr::from_bytes(b"\xff\n\x1b"))).unwrap(), b"odd");
    assert_eq!(fs::read(fs.join(std::ffi::OsStr::from_bytes(&long))).unwrap(), b"deep");
    role.end();
}
