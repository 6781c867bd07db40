//! Folders in which something is mounted: the kernel makes no overlay of them.

use std::fs;

use crate::common::{Scene, have, skip};

#[test]
fn what_is_mounted_in_the_folder_is_changed_and_committed_too() {
    if !have("unshare") || !have("mount") {
        return skip("mounts in a folder: unshare or mount is not installed");
    }
    let scene = Scene::new();
    scene.file("p/top", "top\n");
    scene.file("p/way/file", "file\n");
    scene.file("p/way/side/s", "side\n");
    scene.folder("p/way/mnt");
    scene.file("p/plain/x", "plain\n");
    let script = r#"
        mount -t tmpfs t p/way/mnt || exit 77
        mkdir p/way/mnt/deep && echo m >p/way/mnt/deep/m
        mkdir p/way/mnt/inner && mount -t tmpfs t p/way/mnt/inner && echo i >p/way/mnt/inner/i
        cat >try.sh <<'E'
cd "$1" && cat top way/file way/side/s way/mnt/deep/m way/mnt/inner/i plain/x
echo 1 >>top; echo 2 >>way/file; echo 3 >>way/side/s; echo 4 >>way/mnt/deep/m; echo 5 >way/mnt/inner/new; rm plain/x
rm -r way/mnt/deep 2>/dev/null && echo removed; mkdir fresh; mv way/mnt way/other 2>/dev/null && echo moved; :
E
        "$1" try p -- sh -c "$(cat try.sh)" sh "$PWD/p" || exit 1
        cat p/top p/way/file p/plain/x
        "$1" changes -z p | tr '\0' '\n'
        "$1" commit p || exit 2
        cat p/top p/way/file p/way/side/s p/way/mnt/inner/new; ls p/way/mnt p/plain
        "$1" commit --undo p || exit 3
        cat p/top p/way/mnt/deep/m p/plain/x; ls p/way/mnt/inner
    "#;
    let said = scene.program("unshare").args(["-Urm", "sh", "-c", script, "sh", crate::common::KAKURI]).output();
    if said.status.code() == Some(77) {
        return skip(format_args!("mounts in a folder: nothing may be mounted here: {}", said.err().trim()));
    }
    let want = "top\nfile\nside\nm\ni\nplain\n\
                top\nfile\nplain\n\
                A p/fresh\nM p/top\nD p/plain/x\nM p/way/file\nD p/way/mnt/deep/m\nA p/way/mnt/inner/new\nM p/way/side/s\n\
                top\n1\nfile\n2\nside\n3\n5\np/plain:\n\np/way/mnt:\ndeep\ninner\n\
                top\nm\nplain\ni";
    assert_eq!(said.ok().text(), want);
    assert_eq!(fs::read(scene.work().join("p/top")).unwrap(), b"top\n");
}
