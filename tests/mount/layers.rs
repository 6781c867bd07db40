//! A root of many folders: the layers of an image, carried out by kakuri-mount alone.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use kakuri_mount::{FromMount, Layer, Lower, MAX_LOWERS, Plan, Root, RootKind};

use crate::front::{Pid1, Scratch, build_with, built, failed, plan, start_without};

/// So many layers, the lowest the shell's root; the highest first.
fn layers(own: &Scratch, count: usize) -> Vec<PathBuf> {
    let lowest = own.folder("l/0");
    for folder in ["usr", "proc", "tmp", "etc"] {
        fs::create_dir_all(lowest.join(folder)).expect("a folder");
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        if fs::symlink_metadata(Path::new("/").join(link)).is_ok_and(|m| m.is_symlink()) {
            symlink(format!("usr/{link}"), lowest.join(link)).expect("a link");
        } else {
            fs::create_dir_all(lowest.join(link)).expect("a folder");
        }
    }
    for n in 0..count {
        own.file(format!("l/{n}/etc/of-{n}"), &n.to_string());
        own.file(format!("l/{n}/etc/last"), &n.to_string());
    }
    (0..count).rev().map(|n| own.0.join(format!("l/{n}")).canonicalize().expect("it exists")).collect()
}

fn rooted(layers: &[PathBuf], how: RootKind) -> Plan {
    let mut tree = plan([]);
    tree.ops.retain(|op| !matches!(op, kakuri_mount::Op::Symlink { .. }));
    let seen = |path: &PathBuf| fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
    let (top, under) = layers.split_first().expect("a layer");
    let under = under.iter().map(|path| Lower { from: path.clone().into(), seen: seen(path) }).collect();
    let root = Root { from: top.clone().into(), typed: Some("image".into()), seen: seen(top), under, how };
    Plan { root: Some(root), read_only: false, ..tree }
}

fn on_disk(own: &Scratch) -> RootKind {
    let folder = |name: &str| own.folder(name).canonicalize().expect("it exists").into();
    RootKind::Overlay { layer: Some(Layer { upper: folder("upper"), work: folder("work") }) }
}

fn looks_whole(pid1: &mut Pid1, count: usize) {
    assert_eq!(pid1.say("cat /etc/last"), (count - 1).to_string());
    assert_eq!(pid1.say("ls /etc | wc -l"), format!("{}\n", count + 1));
    assert_eq!(pid1.say("cat /etc/of-0"), "0");
    assert_eq!(pid1.say("rm /etc/of-0 && echo new > /etc/last && cat /etc/last"), "new\n");
    let mounts = pid1.say("grep ' / overlay ' /proc/self/mounts | tail -n 1");
    assert!(mounts.contains("overlay rw,nosuid,nodev"), "{mounts}");
}

#[test]
fn layers_lie_upon_each_other() {
    for count in [2, 3, 40] {
        let Some(mut pid1) = Pid1::start() else { return };
        let own = Scratch::new(&format!("layers-{count}"));
        let all = layers(&own, count);
        built(&mut pid1, &rooted(&all, on_disk(&own)));
        looks_whole(&mut pid1, count);
        assert_eq!(fs::read_to_string(all[0].join("etc/last")).expect("untouched"), (count - 1).to_string());
        assert!(own.0.join("upper/etc/last").exists());
    }
}

#[test]
fn as_many_as_overlayfs_takes() {
    let Some(mut pid1) = Pid1::start() else { return };
    let own = Scratch::new("most");
    let all = layers(&own, MAX_LOWERS);
    built(&mut pid1, &rooted(&all, on_disk(&own)));
    looks_whole(&mut pid1, MAX_LOWERS);

    let Some(mut pid1) = Pid1::start() else { return };
    let own = Scratch::new("too-many");
    let all = layers(&own, MAX_LOWERS + 1);
    let fail = failed(&mut pid1, &rooted(&all, on_disk(&own)));
    assert!(fail.why.is_some_and(|why| why.contains("499 folders")));
}

/// Linux 6.6 and older know no parameter for one folder after the other, and say so at once, or before 6.5 in the end.
#[test]
fn where_the_kernel_takes_no_folder_after_the_other() {
    // The first call is the staging tmpfs's own. Then come the folders, the two of the layer, four flags, the making.
    for (count, call) in [(2, 2), (MAX_LOWERS, 2), (2, 10)] {
        let Some(mut pid1) = Pid1::start() else { return };
        let own = Scratch::new(&format!("classic-{count}-{call}"));
        let all = layers(&own, count);
        let Some(program) = start_without(&own, &format!("fsconfig:error=EINVAL:when={call}")) else { return };
        let answer = build_with(program, &mut pid1, &rooted(&all, on_disk(&own)));
        assert_eq!(answer, FromMount::Built, "{count}");
        looks_whole(&mut pid1, count);
        // What it was made with is no part of what the container sees.
        let mounts = pid1.say("cat /proc/$$/mountinfo");
        assert_eq!(mounts.matches(" - overlay ").count(), 1, "{mounts}");
        // Made by the links' names, and so by no folder after the other.
        assert!(mounts.contains("lowerdir=0:1"), "{mounts}");
    }
}

#[test]
fn a_layer_that_changed_since_the_look_is_none() {
    let own = Scratch::new("changed-layer");
    let all = layers(&own, 3);
    for n in 0..2 {
        let Some(mut pid1) = Pid1::start() else { return };
        let mut wrong = rooted(&all, on_disk(&own));
        let under = &mut wrong.root.as_mut().expect("a root").under;
        under[n].seen = under[n].seen.map(|(device, inode)| (device, inode + 1));
        let fail = failed(&mut pid1, &wrong);
        assert!(fail.what.contains("'image'") && fail.why.is_some_and(|why| why.contains("changed")), "{n}");
    }
    let Some(mut pid1) = Pid1::start() else { return };
    let mut gone = rooted(&all, on_disk(&own));
    gone.root.as_mut().expect("a root").under[1].from = own.0.join("l/none").into();
    assert!(failed(&mut pid1, &gone).what.contains("'image'"));
}
