//! The folders of a root as one tree, for who wants to see all of it.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use rustix::fs::{Dir, Mode, OFlags, openat};
use rustix::io::Errno;

use super::{Root, Stands};
use crate::pathname;

impl Root {
    /// What stands at a path inside, opened for its name and its facts alone. No link is followed.
    pub fn open_at(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let (host, _) = self.walk(path)?;
        let (folder, rest) = self.place(&host).ok_or(Errno::NOENT)?;
        folder.open_at(rest)
    }

    /// The names in a folder, in their order.
    pub fn names(&self, path: &[u8]) -> Result<Vec<Vec<u8>>, Errno> {
        let (_, show) = self.walk(path)?;
        let show = show.ok_or(Errno::NOTDIR)?;
        let at = pathname::join(b"/", path);
        let (mut names, mut hidden) = (BTreeSet::new(), BTreeSet::new());
        for layer in self.stack.iter().take(show) {
            let folder = match layer.open_at(&at) {
                Ok(folder) => folder,
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                Err(e) => return Err(e),
            };
            let list = openat(folder, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
            for entry in Dir::new(list)? {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if name == b"." || name == b".." || hidden.contains(name) {
                    continue;
                }
                match layer.is_whiteout(&pathname::join(&at, name)) {
                    true if !names.contains(name) => drop(hidden.insert(name.to_vec())),
                    true => {}
                    false => drop(names.insert(name.to_vec())),
                }
            }
        }
        Ok(names.into_iter().collect())
    }

    /// Where on the host a path is, and of a folder how many of ours show what lies in it.
    fn walk(&self, path: &[u8]) -> Result<(Vec<u8>, Option<usize>), Errno> {
        let mut found = (self.top().to_vec(), Some(self.height()));
        let mut at = Vec::new();
        for name in pathname::components(path) {
            at = [&at[..], b"/", name].concat();
            found = match self.look(&at, found.1.ok_or(Errno::NOTDIR)?) {
                (Stands::Folder { show }, host) => (host, Some(show)),
                (Stands::File | Stands::Link(_), host) => (host, None),
                (Stands::Nothing, _) => return Err(Errno::NOENT),
                (Stands::Closed, _) => return Err(Errno::ACCESS),
            };
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::spec::RootfsMode;
    use kakuri_wire::Bytes;
    use rustix::fs::{CWD, FileType, XattrFlags, mknodat, setxattr};

    /// Three layers: what lies in each, the lowest first. A name that ends in a slash is a folder, with `!` an opaque one,
    /// with `-` a whiteout (which takes a user namespace, or root), with `@` a link.
    fn layers(name: &str, all: [&[&str]; 3]) -> Option<(PathBuf, Root)> {
        let top = std::env::temp_dir().join(format!("kakuri-merge-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&top);
        for (n, things) in all.iter().enumerate() {
            let layer = top.join(n.to_string());
            fs::create_dir_all(&layer).expect("a folder");
            for thing in *things {
                if !make(&layer, thing) {
                    let _ = fs::remove_dir_all(&top);
                    eprintln!("skipped: no whiteout or attribute can be made here by this user");
                    return None;
                }
            }
        }
        let top = fs::canonicalize(&top).expect("its path");
        let paths: Vec<Vec<u8>> = [2, 1, 0].map(|n| Bytes::from(top.join(n.to_string())).0).to_vec();
        let root = Root::open_stack(&paths, RootfsMode::Overlay, None).expect("a root");
        Some((top, root))
    }

    fn make(layer: &Path, thing: &str) -> bool {
        let (path, kind) = thing.split_at(thing.len() - 1);
        let at = layer.join(if "/!-@".contains(kind) { path } else { thing });
        fs::create_dir_all(at.parent().expect("a parent")).expect("folders");
        match kind {
            "/" => fs::create_dir_all(at).is_ok(),
            "!" => {
                fs::create_dir_all(&at).expect("a folder");
                setxattr(&at, super::super::OPAQUE, b"y", XattrFlags::empty()).is_ok()
            }
            "-" => mknodat(CWD, &at, FileType::CharacterDevice, Mode::empty(), 0).is_ok(),
            "@" => symlink("elsewhere", at).is_ok(),
            _ => fs::write(at, thing).is_ok(),
        }
    }

    fn names(root: &Root, path: &str) -> String {
        let names = root.names(path.as_bytes()).expect(path);
        names.iter().map(|name| String::from_utf8_lossy(name)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn folders_are_joined_and_links_are_not_followed() {
        let lowest: &[&str] = &["a/one", "b/x", "c/deep/y", "file"];
        let Some((top, root)) = layers("join", [lowest, &["a/two", "b@", "c/deep"], &["a/three", "file/in"]]) else {
            return;
        };
        assert_eq!(names(&root, ""), "a b c file");
        assert_eq!(names(&root, "a"), "one three two");
        // A link over a folder, a file over one, and a folder over a file.
        assert_eq!(root.names(b"b"), Err(Errno::NOTDIR));
        assert_eq!(root.names(b"c/deep"), Err(Errno::NOTDIR));
        assert_eq!(names(&root, "file"), "in");
        assert!(root.open_at(b"b/x").is_err() && root.open_at(b"a/one").is_ok() && root.open_at(b"a/none").is_err());
        let _ = fs::remove_dir_all(top);
    }

    #[test]
    fn opaque_folders_hide_all_below() {
        let lowest: &[&str] = &["a/one", "a/sub/deep", "b/one"];
        let Some((top, root)) = layers("opaque", [lowest, &["a!", "a/two", "b/two"], &["a/three", "b/sub!"]]) else {
            return;
        };
        assert_eq!((names(&root, "a"), names(&root, "b")), ("three two".into(), "one sub two".into()));
        assert_eq!(root.look(b"/a", 3).0, Stands::Folder { show: 2 });
        assert_eq!(root.look(b"/a/one", 2).0, Stands::Nothing);
        assert!(root.open_at(b"a/sub/deep").is_err());
        let _ = fs::remove_dir_all(top);
    }

    #[test]
    fn whiteouts_of_every_layer_count() {
        let lowest: &[&str] = &["a/one", "a/two", "gone/x", "back/x"];
        let middle: &[&str] = &["a/one-", "gone-", "back-"];
        let Some((top, root)) = layers("white", [lowest, middle, &["a/three", "back/y"]]) else { return };
        assert_eq!((names(&root, ""), names(&root, "a")), ("a back".into(), "three two".into()));
        // What was removed and made again begins anew.
        assert_eq!(names(&root, "back"), "y");
        assert!(
            root.open_at(b"gone/x").is_err() && root.open_at(b"a/one").is_err() && root.open_at(b"back/x").is_err()
        );
        let _ = fs::remove_dir_all(top);
    }
}
