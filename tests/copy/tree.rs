//! Trees: what arrives is what was there.

use std::ffi::OsStr;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::common::Scene;
use super::{Web, snapshot};

/// Everything that is easily got wrong.
fn odd_tree(top: &Path) {
    fs::create_dir_all(top.join("empty")).unwrap();
    fs::create_dir_all(top.join("a/b/c")).unwrap();
    let long = "n".repeat(255);
    for name in ["new\nline", " ", "-rf", "a:b", "\x1b[31m", "ä", &long, "a/b/c/deep"] {
        fs::write(top.join(name), name).unwrap();
    }
    fs::write(top.join(OsStr::from_bytes(b"\xff\xfe")), "bytes").unwrap();
    fs::write(top.join("none"), "").unwrap();
    for (name, mode) in [("-rf", 0o755), (" ", 0o400), ("a:b", 0o666), ("ä", 0o4755), ("a", 0o750), ("empty", 0o2777)]
    {
        fs::set_permissions(top.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink("/etc", top.join("link")).unwrap();
    symlink("nowhere/\n", top.join("dangling")).unwrap();
    fs::hard_link(top.join("ä"), top.join("a/second")).unwrap();
    fs::hard_link(top.join("ä"), top.join("a/b/third")).unwrap();
    let mut sparse = fs::File::create(top.join("sparse")).unwrap();
    sparse.seek(SeekFrom::Start(500 << 20)).unwrap();
    sparse.write_all(b"middle").unwrap();
    sparse.set_len(1 << 30).unwrap();
    for (name, time) in [("none", 1_000_000_000_123_456_789), ("a", 7), ("a/b/c/deep", 1_500_000_000_000_000_000)] {
        let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(time);
        fs::File::open(top.join(name)).unwrap().set_modified(time).unwrap();
    }
}

/// Set-id bits do not travel.
fn without_set_id(top: &Path) -> std::collections::BTreeMap<Vec<u8>, super::Thing> {
    let mut all = snapshot(top);
    all.values_mut().for_each(|thing| thing.1 &= 0o1777);
    all
}

#[test]
fn odd_files_go_in_and_come_out() {
    let web = Web::running(&[]);
    let from = web.scene.folder("from");
    odd_tree(&from);
    web.cp(["-a", "from", "web:/root"]).output().ok();
    let inside =
        web.sh("cd /root/from && stat -c '%a %h' ä && stat -c %b sparse && cat a/b/c/deep && echo && readlink link");
    let mut lines = inside.lines();
    assert_eq!(lines.next(), Some("755 3"));
    assert!(lines.next().unwrap().parse::<u64>().unwrap() < 4096, "holes are kept: {inside}");
    assert_eq!(lines.collect::<Vec<_>>(), ["a/b/c/deep", "/etc"]);
    web.cp(["-a", "web:/root/from", "to"]).output().ok();
    let to = web.work("to");
    assert_eq!(snapshot(&to), without_set_id(&from));
    let stat = |name: &str| to.join(name).metadata().unwrap();
    assert_eq!(stat("ä").ino(), stat("a/second").ino());
    assert_eq!(stat("ä").ino(), stat("a/b/third").ino());
    assert!(stat("sparse").blocks() < 4096, "{} blocks", stat("sparse").blocks());
    let mut sparse = fs::File::open(to.join("sparse")).unwrap();
    sparse.seek(SeekFrom::Start(500 << 20)).unwrap();
    let mut middle = [0; 8];
    std::io::Read::read_exact(&mut sparse, &mut middle).unwrap();
    assert_eq!(&middle, b"middle\0\0");
    for name in ["none", "a", "a/b/c/deep"] {
        assert_eq!(stat(name).modified().unwrap(), from.join(name).metadata().unwrap().modified().unwrap(), "{name}");
    }
    // Without -a what arrives is new.
    web.cp(["web:/root/from/none", "new"]).output().ok();
    assert!(web.work("new").metadata().unwrap().modified().unwrap().elapsed().unwrap() < Duration::from_secs(600));
}

#[test]
fn what_goes_where_is_as_with_docker() {
    // From, to, and where the file is then; `d` is a folder with `f` in it, `there` and `file` are there.
    let table = [
        ("d", "new", "new/f"),
        ("d", "new/", "new/f"),
        ("d", "there", "there/d/f"),
        ("d/", "there", "there/d/f"),
        ("d/.", "there", "there/f"),
        ("d/.", "new", "new/f"),
        ("d/f", "there", "there/f"),
        ("d/f", "there/", "there/f"),
        ("d/f", "new", "new"),
        ("d/f", "file", "file"),
        ("d/f", "there/.", "there/f"),
        ("d", "link", "there/d/f"),
        ("d", "link/", "there/d/f"),
        ("d/f", "tofile", "file"),
        ("d/f", "there/../there/x", "there/x"),
    ];
    let make = "rm -rf new there file link tofile d; mkdir there d; echo F >d/f; echo old >file; ln -s there link; ln -s file tofile";
    let web = Web::running(&[]);
    let outside = |script: &str| web.scene.program("sh").args(["-c", script]).output().ok().text();
    for (from, to, file) in table {
        outside(make);
        web.sh(&format!("cd /root; {make}"));
        web.cp([from, &format!("web:/root/{to}")]).output().ok();
        assert_eq!(web.sh(&format!("cat /root/{file}")), "F", "{from} to web:{to}");
        assert_eq!(web.sh("readlink /root/link /root/tofile"), "there\nfile", "the links are still there");
        // What comes out of a container goes through no link that is not named with a slash.
        if matches!(to, "link" | "tofile") {
            continue;
        }
        web.sh(&format!("cd /root; {make}"));
        web.cp([&format!("web:root/{from}"), to]).output().ok();
        assert_eq!(outside(&format!("cat {file}")), "F", "web:{from} to {to}");
    }
    // A folder that is there keeps what is in it.
    outside("rm -rf there; mkdir -p there/d; echo mine >there/d/g");
    web.cp(["web:/root/d", "there"]).output().ok();
    assert_eq!(outside("cat there/d/g there/d/f"), "mine\nF");
}

#[test]
fn links_are_copied_as_links_unless_asked() {
    let web = Web::running(&[]);
    web.sh("cd /root; echo real >real; ln -s /root/real abs; ln -s ../root/real rel; ln -s ../../../../root/real up");
    for name in ["abs", "rel", "up"] {
        let from = format!("web:/root/{name}");
        web.cp([from.as_str(), "."]).output().ok();
        assert!(web.work(name).symlink_metadata().unwrap().is_symlink(), "{name}");
        let followed = format!("{name}-L");
        web.cp(["-L", &from, &followed]).output().ok();
        assert_eq!(fs::read(web.work(&followed)).unwrap(), b"real\n", "{name} leads to the container's file");
    }
    // A file in the place of a link is a file: what the link leads to is not written.
    web.scene.file("precious", "precious");
    fs::create_dir(web.work("d")).unwrap();
    symlink("../precious", web.work("d/real")).unwrap();
    web.cp(["web:/root/real", "d"]).output().ok();
    assert_eq!(fs::read(web.work("precious")).unwrap(), b"precious");
    assert_eq!(fs::read(web.work("d/real")).unwrap(), b"real\n");
}

#[test]
fn ten_thousand_folders_deep() {
    crate::need!("perl");
    const LEVELS: usize = 10_000;
    let web = Web::with(Scene::new(), &[]);
    let make = format!("mkdir 'deep'; chdir 'deep'; for (1..{LEVELS}) {{ mkdir 'd'; chdir 'd' }} open F, '>', 'f'");
    web.scene.program("perl").args(["-e", &make]).output().ok();
    web.cp(["deep", "web:/root"]).output().ok();
    web.cp(["web:/root/deep", "back"]).output().ok();
    let count = "chdir 'back'; $n++ while chdir 'd'; print $n, -e 'f' ? ' f' : ''";
    assert_eq!(web.scene.program("perl").args(["-e", count]).output().ok().text(), format!("{LEVELS} f"));
    // The scene's own way to clean up is none for this.
    web.scene.program("rm").args(["-rf", "deep", "back"]).output().ok();
}
