//! A folder of the host as the root, carried out by kakuri-mount alone.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use kakuri_mount::{Layer, Op, Plan, Root, RootKind};

use crate::front::{Pid1, Scratch, bind, built, entry, failed, file, plan, private};

/// A tree with mount points for what a shell of the host needs.
fn tree(own: &Scratch) -> PathBuf {
    let tree = own.folder("tree");
    for folder in ["usr", "proc", "tmp", "etc", "closed"] {
        fs::create_dir_all(tree.join(folder)).expect("a folder");
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        if fs::symlink_metadata(Path::new("/").join(link)).is_ok_and(|m| m.is_symlink()) {
            symlink(format!("usr/{link}"), tree.join(link)).expect("a link");
        } else {
            fs::create_dir_all(tree.join(link)).expect("a folder");
        }
    }
    fs::write(tree.join("etc/theirs"), "theirs").expect("a file");
    fs::set_permissions(tree.join("closed"), PermissionsExt::from_mode(0o500)).expect("closed");
    tree
}

fn rooted(from: &Path, how: RootKind, ops: impl IntoIterator<Item = Op>) -> Plan {
    let mut tree = plan(ops);
    let links = |op: &Op| matches!(op, Op::Symlink { .. });
    tree.ops.retain(|op| !links(op));
    let seen = fs::metadata(from).map(|m| (m.dev(), m.ino())).ok();
    let from = from.canonicalize().expect("it exists");
    Plan {
        root: Some(Root { from: from.into(), typed: Some("typed".into()), seen, under: vec![], how }),
        read_only: false,
        ..tree
    }
}

fn layer(own: &Scratch) -> RootKind {
    let folder = |name: &str| own.folder(name).canonicalize().expect("it exists").into();
    RootKind::Overlay { layer: Some(Layer { upper: folder("upper"), work: folder("work") }) }
}

#[test]
fn a_folder_itself_has_every_place_or_none_is_made() {
    for read_only in [true, false] {
        let Some(mut pid1) = Pid1::start() else { return };
        let own = Scratch::new("itself");
        let from = tree(&own);
        built(&mut pid1, &rooted(&from, RootKind::Bind { read_only }, [private("/tmp", 0o1777)]));
        assert_eq!(pid1.say("cat /etc/theirs; echo x > /tmp/x"), "theirs", "{read_only}");
        assert_eq!(pid1.say("echo x > /new").contains("Read-only"), read_only);
        assert_eq!(from.join("new").exists(), !read_only);
        assert!(!from.join(".old").exists());
        assert_eq!(pid1.say("ls -d /.old /home").matches("No such file").count(), 2);

        let Some(mut pid1) = Pid1::start() else { return };
        let missing = rooted(&from, RootKind::Bind { read_only }, [private("/missing", 0o755)]);
        let fail = failed(&mut pid1, &missing);
        assert!(fail.what.contains("/missing") && fail.why.is_some_and(|why| why.contains("folder of the host")));
        assert!(!from.join("missing").exists());
    }
}

#[test]
fn a_skeleton_brings_what_a_folder_lacks() {
    let Some(mut pid1) = Pid1::start() else { return };
    let own = Scratch::new("lacks");
    let from = tree(&own);
    let skeleton = vec![entry("run", kakuri_mount::Node::Folder), entry("etc/ours", file(""))];
    let private_file = Op::PrivateFile { at: "/etc/ours".into(), mode: 0o600, text: "ours".into(), make: true };
    built(&mut pid1, &rooted(&from, RootKind::Skeleton { skeleton }, [private("/run", 0o755), private_file]));
    assert_eq!(pid1.say("cat /etc/theirs /etc/ours; stat -c %a /etc/ours"), "theirsours600\n");
    assert_eq!(pid1.say("echo more >> /etc/ours; cat /etc/ours"), "oursmore\n");
    assert!(pid1.say("echo x > /etc/new").contains("Read-only"));
    assert!(!from.join("run").exists() && !from.join("etc/ours").exists());
}

#[test]
fn an_overlay_keeps_what_is_written_apart() {
    let own = Scratch::new("overlay");
    let from = tree(&own);
    let look = |path: &Path| fs::metadata(path).map(|m| (m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec())).ok();
    let before = [look(&from), look(&from.join("etc"))];
    for round in 0..2 {
        let Some(mut pid1) = Pid1::start() else { return };
        built(&mut pid1, &rooted(&from, layer(&own), [private("/made/here", 0o755)]));
        if round == 0 {
            assert_eq!(pid1.say("rm /etc/theirs; echo y > /etc/new; rmdir /closed; mkdir /closed; ls /closed"), "");
        }
        assert_eq!(pid1.say("ls /etc; stat -c %a /closed; touch /made/here/x"), "new\n755\n");
        // The rights it took to mount it are the mount's, and nobody's else.
        assert!(pid1.say("grep ' / ' /proc/self/mounts | tail -n 1").contains("overlay rw,nosuid,nodev"));
    }
    assert_eq!([look(&from), look(&from.join("etc"))], before);
    assert!(own.0.join("upper/made/here").is_dir() && !own.0.join("upper/made/here/x").exists());
}

#[test]
fn what_changed_since_the_look_is_no_root() {
    let Some(mut pid1) = Pid1::start() else { return };
    let own = Scratch::new("changed");
    let from = tree(&own);
    let mut other = rooted(&from, RootKind::Bind { read_only: true }, []);
    let root = other.root.as_mut().expect("a root");
    root.seen = root.seen.map(|(device, inode)| (device, inode + 1));
    let fail = failed(&mut pid1, &other);
    assert!(fail.what.contains("'typed'") && fail.why.is_some_and(|why| why.contains("changed")));

    let Some(mut pid1) = Pid1::start() else { return };
    let mut linked = rooted(&from, RootKind::Bind { read_only: true }, []);
    let link = own.0.canonicalize().expect("it exists").join("link");
    symlink(&from, &link).expect("a link");
    linked.root.as_mut().expect("a root").from = link.into();
    assert!(failed(&mut pid1, &linked).why.is_some_and(|why| why.contains("changed")));
}

#[test]
fn a_mount_in_the_folder_is_no_part_of_an_overlay_and_one_that_is_locked_refuses_it() {
    let own = Scratch::new("locked");
    let from = tree(&own);
    let mounts = format!("mount -t tmpfs none {}/etc", from.display());
    let Some(mut pid1) = Pid1::after_mounting(&mounts) else { return };
    let fail = failed(&mut pid1, &rooted(&from, layer(&own), []));
    assert!(fail.what.contains("'typed'") && fail.why.is_some_and(|why| why.contains("no overlay")), "{:?}", fail.hint);
    assert!(fail.hint.is_some_and(|hint| hint.contains(":ro")));
}

#[test]
fn the_right_it_takes_to_mount_an_overlay_is_given_up_with_that_call() {
    let own = Scratch::new("given-up");
    let from = tree(&own);
    own.file("shut/data", "data");
    let shut = own.folder("shut");
    let binding = || bind(shut.join("data"), "/data").op();
    let op = binding();
    fs::set_permissions(&shut, PermissionsExt::from_mode(0o000)).expect("shut");
    let Some(mut pid1) = Pid1::start() else { return };
    let fail = failed(&mut pid1, &rooted(&from, layer(&own), [op]));
    fs::set_permissions(&shut, PermissionsExt::from_mode(0o700)).expect("open");
    assert_eq!(fail.errno, Some(libc::EACCES), "{fail}");
    let Some(mut pid1) = Pid1::start() else { return };
    built(&mut pid1, &rooted(&from, layer(&own), [binding()]));
    assert_eq!(pid1.say("cat /data"), "data");
}
