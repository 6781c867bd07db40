//! Trees to be a root, and what of one can be told apart.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use crate::common::{Output, Scene, skip};

const PROGRAMS: [&str; 23] = [
    "ash", "cat", "chmod", "echo", "grep", "head", "id", "ln", "ls", "mkdir", "mv", "pwd", "readlink", "rm", "rmdir",
    "sh", "sleep", "stat", "tail", "test", "touch", "true", "wc",
];

/// A small system below the scene's folder.
pub fn plant(scene: &Scene, name: &str) -> PathBuf {
    let tree = scene.folder(name);
    for folder in ["bin", "etc", "home/ada", "root", "usr/share/doc", "var"] {
        fs::create_dir_all(tree.join(folder)).unwrap();
    }
    fs::copy("/bin/busybox", tree.join("bin/busybox")).unwrap();
    for program in PROGRAMS {
        symlink("busybox", tree.join("bin").join(program)).unwrap();
    }
    let passwd = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000:Ada:/home/ada:/bin/ash\n";
    for (file, text) in [("etc/passwd", passwd), ("etc/release", "of the tree\n"), ("usr/share/a", "a\n")] {
        fs::write(tree.join(file), text).unwrap();
    }
    fs::write(tree.join("usr/share/doc/old"), "old").unwrap();
    symlink("../run", tree.join("var/run")).unwrap();
    tree
}

/// Every name below a folder with its kind, owner, mode, times and contents.
pub fn snapshot(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.push(folder.clone());
        for path in entries {
            let meta = fs::symlink_metadata(&path).unwrap();
            let inside = match meta.file_type() {
                kind if kind.is_symlink() => fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec(),
                kind if kind.is_file() => fs::read(&path).unwrap(),
                _ => Vec::new(),
            };
            let sum = inside.iter().fold(5381_u64, |sum, &byte| sum.wrapping_mul(33) ^ u64::from(byte));
            let (changed, modified) = ((meta.ctime(), meta.ctime_nsec()), (meta.mtime(), meta.mtime_nsec()));
            let (mode, uid, gid) = (meta.mode(), meta.uid(), meta.gid());
            lines.push(format!("{} {mode:o} {uid} {gid} {changed:?} {modified:?} {sum:x}", path.display()));
            if meta.is_dir() && path != folder {
                folders.push(path);
            }
        }
    }
    lines.sort();
    lines
}

/// Whether this kernel keeps no writable layer in memory, and says so with what to do instead.
pub fn no_memory_layer(said: &Output) -> bool {
    let refused = said.err().contains("Linux 6.6");
    if refused {
        assert!(said.err().contains("kakuri create --rootfs"), "{said}");
        skip("a writable layer in memory takes Linux 6.6");
    }
    refused
}
