//! Layers laid upon others: whiteouts that hide nothing, folders nobody names, links into other layers.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::PathBuf;

use kakuri_wire::Fail;

use crate::archive::{Archive, Entry};
use crate::common::Scene;
use crate::role::{As, Role, can_unshare, work};

/// Unpacks archives upon each other, the lowest first, and settles them.
fn stack(scene: &Scene, archives: Vec<Archive>) -> Result<Vec<PathBuf>, Fail> {
    let work = work(scene);
    let role = Role::start("unpack", &work, As::Single);
    let mut open = Vec::new();
    for (n, archive) in archives.into_iter().enumerate() {
        let bytes = archive.end();
        open.push(role.unpack(n as u32, &bytes, &bytes)?.unsettled);
        symlink(work.join(format!("{n}/fs")), scene.work().join(format!("below/{n}"))).unwrap();
    }
    role.end();
    let role = Role::start("settle", &work, As::Single);
    for (n, open) in open.iter().enumerate() {
        let below: Vec<u32> = (0..n as u32).rev().collect();
        role.settle(n as u32, &below)?;
        assert!(!work.join(format!("{n}/unsettled")).exists(), "{open}");
    }
    role.end();
    Ok((0..open.len()).map(|n| work.join(format!("{n}/fs"))).collect())
}

fn base() -> Archive {
    Archive::default()
        .put(&Entry { flag: b'5', name: b"./", mode: 0o751, time: 111, ..Entry::default() })
        .put(&Entry { flag: b'5', name: b"d", mode: 0o1777, time: 222, ..Entry::default() })
        .put(&Entry {
            flag: b'5',
            name: b"d/in",
            mode: 0o500,
            time: 333,
            records: vec![("SCHILY.xattr.user.k", b"v")],
            ..Entry::default()
        })
        .put(&Entry { name: b"d/f", mode: 0o4755, time: 444, data: b"file", ..Entry::default() })
        .hard("d/g", "d/f")
        .hard("h", "d/f")
        .link("s", "d/f")
        .folder("usr")
        .folder("usr/lib")
        .file("usr/lib/old", b"old")
        .link("lib", "usr/lib")
        .link("abs", "/usr/lib")
        .link("out", "../../../../usr")
}

#[test]
fn whiteouts_of_nothing_go_and_times_stay() {
    if !can_unshare() {
        return;
    }
    let scene = Scene::new();
    let top = Archive::default()
        .put(&Entry { flag: b'5', name: b"d", mode: 0o755, time: 555, ..Entry::default() })
        .file("d/.wh.f", b"")
        .file("d/.wh.none", b"")
        .put(&Entry { flag: b'5', name: b"new", mode: 0o755, time: 666, ..Entry::default() })
        .file("new/.wh.none", b"")
        .file("new/.wh..wh..opq", b"")
        .file("usr/.wh..wh..opq", b"")
        .file("usr/.wh.lib", b"");
    let layers = stack(&scene, vec![base(), top]).expect("settled");
    let top = &layers[1];
    assert!(fs::symlink_metadata(top.join("d/f")).unwrap().file_type().is_char_device());
    assert!(!top.join("d/none").exists());
    assert_eq!(fs::read_dir(top.join("new")).unwrap().count(), 0);
    // What an opaque folder hides needs no whiteout.
    assert_eq!(fs::read_dir(top.join("usr")).unwrap().count(), 0);
    assert_eq!(fs::metadata(top.join("d")).unwrap().mtime(), 555);
    assert_eq!(fs::metadata(top.join("new")).unwrap().mtime(), 666);
    let mut value = [0; 1];
    assert!(rustix::fs::getxattr(top.join("usr"), "user.overlay.opaque", &mut value[..]).is_ok());
    assert!(rustix::fs::getxattr(top.join("new"), "user.overlay.opaque", &mut value[..]).is_err());
}

#[test]
fn folders_nobody_names_are_those_below() {
    if !can_unshare() {
        return;
    }
    let scene = Scene::new();
    let layers =
        stack(&scene, vec![base(), Archive::default().file("d/in/x", b"x").file("new/x", b"x")]).expect("settled");
    let like = |name: &str| {
        let meta = fs::metadata(layers[1].join(name)).unwrap();
        (meta.mode() & 0o7777, meta.mtime())
    };
    assert_eq!((like(""), like("d"), like("d/in")), ((0o751, 111), (0o1777, 222), (0o500, 333)));
    assert_eq!(like("new").0, 0o755);
    let mut value = [0; 1];
    assert!(rustix::fs::getxattr(layers[1].join("d/in"), "user.k", &mut value[..]).is_ok() && value == *b"v");
}

/// /lib is a link below: what is put into it goes where it leads, as it does for everybody else.
#[test]
fn links_below_are_followed() {
    if !can_unshare() {
        return;
    }
    let scene = Scene::new();
    let top = Archive::default()
        .file("lib/a", b"a")
        .file("abs/b", b"b")
        .file("out/lib/c", b"c")
        .file("lib/.wh.old", b"")
        .hard("lib/linked", "h")
        // Named itself, it is a folder in the link's place.
        .folder("s")
        .file("s/own", b"s");
    let layers = stack(&scene, vec![base(), top]).expect("settled");
    let top = &layers[1];
    for name in ["a", "b", "c"] {
        assert_eq!(fs::read(top.join("usr/lib").join(name)).unwrap(), name.as_bytes());
    }
    assert!(fs::symlink_metadata(top.join("usr/lib/old")).unwrap().file_type().is_char_device());
    assert_eq!(fs::read(top.join("usr/lib/linked")).unwrap(), b"file");
    assert_eq!(fs::read(top.join("s/own")).unwrap(), b"s");
    for gone in ["lib", "abs", "out"] {
        assert!(fs::symlink_metadata(top.join(gone)).is_err(), "{gone}");
    }
    let usr = fs::metadata(top.join("usr/lib")).unwrap();
    assert_eq!((usr.mode() & 0o777, usr.mtime()), (0o755, 1_700_000_000));
}

#[test]
fn a_file_below_that_gets_a_name_comes_up_with_all_it_has() {
    if !can_unshare() {
        return;
    }
    let scene = Scene::new();
    let top = Archive::default().hard("new", "d/g").hard("soft", "s").file("d/.wh.f", b"");
    let layers = stack(&scene, vec![base(), top]).expect("settled");
    let top = &layers[1];
    let inode = |name: &str| fs::symlink_metadata(top.join(name)).unwrap().ino();
    assert_eq!(inode("new"), inode("d/g"));
    assert_eq!(inode("new"), inode("h"));
    // The name that is hidden stays hidden.
    assert!(fs::symlink_metadata(top.join("d/f")).unwrap().file_type().is_char_device());
    let meta = fs::metadata(top.join("new")).unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.mtime(), meta.nlink()), (0o4755, 444, 3));
    assert_eq!(fs::read_link(top.join("soft")).unwrap().to_str(), Some("d/f"));
    assert_eq!(fs::metadata(top.join("d")).unwrap().mtime(), 222);
}

#[test]
fn links_to_what_no_layer_has_are_refused() {
    if !can_unshare() {
        return;
    }
    for (words, top) in [
        ("which no layer has", Archive::default().hard("x", "none")),
        ("which no layer has", Archive::default().hard("x", "d/f/deeper")),
        ("which no layer has", Archive::default().file("d/.wh.f", b"").hard("x", "d/f")),
        ("which no layer has", Archive::default().hard("x", "lib/../../../../../../etc/passwd")),
        ("to a folder", Archive::default().hard("x", "usr/lib")),
        ("to a folder", Archive::default().hard("x", "lib/../lib")),
    ] {
        let scene = Scene::new();
        let fail = stack(&scene, vec![base(), top]).expect_err(words);
        assert!(fail.to_string().contains(words) || fail.to_string().contains("leads out"), "{words}: {fail}");
    }
}

#[test]
fn an_opaque_root_hides_all() {
    if !can_unshare() {
        return;
    }
    let scene = Scene::new();
    let top = Archive::default().file(".wh..wh..opq", b"").file("d/only", b"x").file("h", b"own");
    let layers = stack(&scene, vec![base(), top]).expect("settled");
    let top = &layers[1];
    for name in ["s", "usr", "lib", "abs", "out"] {
        assert!(fs::symlink_metadata(top.join(name)).unwrap().file_type().is_char_device(), "{name}");
    }
    let mut value = [0; 1];
    assert!(rustix::fs::getxattr(top.join("d"), "user.overlay.opaque", &mut value[..]).is_ok());
    assert_eq!(fs::read(top.join("h")).unwrap(), b"own");
}

/// A lowest layer hides nothing.
#[test]
fn the_lowest_layer() {
    if !can_unshare() {
        return;
    }
    let scene = Scene::new();
    let only = Archive::default().file("a/.wh.b", b"").file("a/.wh..wh..opq", b"").file("a/c", b"");
    let layers = stack(&scene, vec![only]).expect("settled");
    let names: Vec<_> = fs::read_dir(layers[0].join("a")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["c"]);
    assert_eq!(fs::metadata(&layers[0]).unwrap().mode() & 0o7777, 0o755);
}
