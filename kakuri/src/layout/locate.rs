//! Where a path inside leads, as far as can be told before anything is mounted.

use std::os::unix::ffi::OsStringExt;

use kakuri_mount::Node;

use super::{Layout, Origin, Stands, What};
use crate::host::as_path;
use crate::pathname;

/// The kernel follows this many symbolic links before it says ELOOP.
const MAX_LINKS: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Folder,
    File,
    Missing,
    /// Something on the way is not a folder, or links go in circles.
    Blocked,
}

/// The end of a walk.
#[derive(Clone, Debug)]
pub struct Located {
    /// The path without symbolic links, as far as it exists.
    pub at: Vec<u8>,
    pub found: Found,
    /// The deepest folder that exists on the way (the path itself, or what it lies in).
    pub deepest: Vec<u8>,
    /// Where `deepest` is on the host, if it shows a folder of the host.
    pub deepest_host: Option<Vec<u8>>,
    /// Where `at` is on the host, if it was found and shows something of the host.
    pub host: Option<Vec<u8>>,
    /// A symbolic link in a folder the user bound that led out of that folder, or one in a folder the container
    /// keeps that led anywhere but to its own /run.
    pub led_out: Option<Vec<u8>>,
}

impl Located {
    pub fn exists(&self) -> bool {
        matches!(self.found, Found::Folder | Found::File)
    }
}

/// One walk from the root: either its end, or the path to walk instead because of a link.
enum Walk {
    End(Located),
    Link { wanted: Vec<u8>, out: Option<Vec<u8>> },
}

impl Layout {
    /// Follows an absolute path inside.
    pub fn locate(&self, path: &[u8]) -> Located {
        let mut wanted = pathname::absolute(b"/", path);
        let mut led_out = None;
        for _ in 0..=MAX_LINKS {
            match self.walk(&wanted) {
                Walk::End(mut located) => {
                    located.led_out = led_out;
                    return located;
                }
                Walk::Link { wanted: next, out } => {
                    wanted = next;
                    led_out = led_out.or(out);
                }
            }
        }
        let deepest = b"/".to_vec();
        Located { at: wanted, found: Found::Blocked, deepest, deepest_host: None, host: None, led_out }
    }

    fn walk(&self, wanted: &[u8]) -> Walk {
        let mut at: Vec<u8> = Vec::with_capacity(wanted.len());
        // The mount we are in, and what the current folder is on the host.
        let mut mount: Option<(usize, Origin, bool)> = None;
        let mut host: Option<Vec<u8>> = self.root.as_ref().map(|root| root.top().to_vec());
        // While it lies in the root folder: how many of its layers show here.
        let mut in_root = self.root.as_ref().map(|root| (root, root.height()));
        let end = |at: Vec<u8>, found, deepest: &[u8], deepest_host, host| {
            let deepest = if deepest.is_empty() { b"/".to_vec() } else { deepest.to_vec() };
            let at = if at.is_empty() { b"/".to_vec() } else { at };
            Walk::End(Located { at, found, deepest, deepest_host, host, led_out: None })
        };
        for name in pathname::components(wanted) {
            let above = at.len();
            at.push(b'/');
            at.extend_from_slice(name);
            let last = at.len() == wanted.len();
            let point = self.get(&at);
            if let Some(point) = point {
                if let What::Symlink { to } = &point.what {
                    return Walk::Link { wanted: through(&at[..above], to, &wanted[at.len()..]), out: None };
                }
                in_root = None;
                let before = host.take();
                host = match &point.what {
                    What::Bind(source) | What::Cow { source, .. } => Some(source.from.clone()),
                    What::Union { from, .. } => Some(from.clone()),
                    What::Attach(kakuri_wire::Kernelfs::Proc) => Some(b"/proc".to_vec()),
                    What::Attach(kakuri_wire::Kernelfs::Sysfs) => Some(b"/sys".to_vec()),
                    _ => None,
                };
                if point.what.is_mount() {
                    let kept = matches!(&point.what, What::Bind(source) if source.kept);
                    mount = Some((at.len(), point.origin, kept));
                }
                if !point.what.is_folder() {
                    let found = if last { Found::File } else { Found::Blocked };
                    let deepest = at[..above].to_vec();
                    return end(at, found, &deepest, before, host);
                }
                continue;
            }
            match mount.and_then(|(root, ..)| self.skeleton_node(&at, root)) {
                Some(Node::Folder) => {
                    host = None;
                    continue;
                }
                Some(Node::Symlink(to)) => {
                    let wanted = through(&at[..above], to.as_bytes(), &wanted[at.len()..]);
                    return Walk::Link { wanted, out: None };
                }
                Some(Node::File(_)) => {
                    let found = if last { Found::File } else { Found::Blocked };
                    let deepest = at[..above].to_vec();
                    return end(at, found, &deepest, host, None);
                }
                None => {}
            }
            let Some(folder) = host.take() else {
                if self.under(&at).next().is_some() {
                    continue;
                }
                let deepest = at[..above].to_vec();
                return end(joined(at, wanted), Found::Missing, &deepest, None, None);
            };
            let (stands, there) = match in_root {
                Some((root, show)) => root.look(&at, show),
                None => look(pathname::join(&folder, name)),
            };
            match stands {
                Stands::Folder { show } => {
                    host = Some(there);
                    in_root = in_root.map(|(root, _)| (root, show));
                }
                Stands::Link(to) => {
                    let next = through(&at[..above], &to, &wanted[at.len()..]);
                    let out = match mount {
                        Some((root, Origin::User, _)) if pathname::below(&next, &at[..root]).is_none() => Some(at),
                        Some((.., true)) if pathname::below(&next, b"/run").is_none() => Some(at),
                        _ => None,
                    };
                    return Walk::Link { wanted: next, out };
                }
                Stands::File => {
                    let found = if last { Found::File } else { Found::Blocked };
                    let deepest = at[..above].to_vec();
                    return end(at, found, &deepest, Some(folder), Some(there));
                }
                // Missing on the host, but a mount below it is already decided, so it will be there.
                _ if self.under(&at).next().is_some() => {}
                stands => {
                    let own = in_root.is_some() || matches!(mount, Some((.., true)));
                    let found = match stands {
                        Stands::Nothing => Found::Missing,
                        // What is there is found when it is made.
                        Stands::Closed if own && self.ranged => Found::Missing,
                        _ => Found::Blocked,
                    };
                    let deepest = at[..above].to_vec();
                    return end(joined(at, wanted), found, &deepest, Some(folder), None);
                }
            }
        }
        let deepest = at.clone();
        end(at, Found::Folder, &deepest, host.clone(), host)
    }

    /// What the skeleton of the union at the first `root` bytes of `at` has there.
    fn skeleton_node(&self, at: &[u8], root: usize) -> Option<Node> {
        match &self.get(&at[..root])?.what {
            What::Union { skeleton, .. } => {
                let name = at.get(root + 1..)?;
                if let Some(node) = skeleton.get(name) {
                    return Some(node.clone());
                }
                let inner = [name, b"/"].concat();
                let below = skeleton.range(inner.clone()..).next().is_some_and(|(n, _)| n.starts_with(&inner));
                below.then_some(Node::Folder)
            }
            _ => None,
        }
    }
}

/// What the host has at a path whose folders are known to be none but folders.
fn look(there: Vec<u8>) -> (Stands, Vec<u8>) {
    let stands = match std::fs::symlink_metadata(as_path(&there)) {
        Ok(meta) if meta.is_dir() => Stands::Folder { show: 0 },
        // Links of /proc lead each process elsewhere.
        Ok(meta) if meta.file_type().is_symlink() && !there.starts_with(b"/proc/") => {
            match std::fs::read_link(as_path(&there)) {
                Ok(to) => Stands::Link(to.into_os_string().into_vec()),
                Err(_) => Stands::Closed,
            }
        }
        Ok(_) => Stands::File,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Stands::Nothing,
        Err(_) => Stands::Closed,
    };
    (stands, there)
}

/// `wanted` has no links past `at` that could be seen; the rest is taken by name.
fn joined(at: Vec<u8>, wanted: &[u8]) -> Vec<u8> {
    if wanted.starts_with(&at) { wanted.to_vec() } else { at }
}

/// The path a link in `folder` stands for, and what followed the link.
fn through(folder: &[u8], to: &[u8], rest: &[u8]) -> Vec<u8> {
    let target = pathname::absolute(folder, to);
    pathname::absolute(&target, rest.strip_prefix(b"/").unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Source;
    use kakuri_mount::UnionKind;

    fn layout() -> Layout {
        let mut layout = Layout::default();
        let shown = |from: &str, folder| What::Bind(Source { from: from.into(), folder, ..Source::default() });
        layout.put("/usr", Origin::Base, shown("/usr", true));
        layout.put("/bin", Origin::Base, What::Symlink { to: b"usr/bin".to_vec() });
        layout.put("/tmp", Origin::Base, What::Private { mode: 0o1777, read_only: false });
        layout.put("/var", Origin::Base, What::Private { mode: 0o755, read_only: false });
        layout.put("/var/run", Origin::Base, What::Symlink { to: b"../run".to_vec() });
        layout.put("/tmp/a/b", Origin::User, shown("/usr/bin/env", false));
        layout.put("/loop", Origin::Base, What::Symlink { to: b"loop".to_vec() });
        let skeleton = [(b"made/deep".to_vec(), Node::Folder), (b"hosts".to_vec(), Node::File(Default::default()))];
        let what = What::Union {
            from: b"/usr/share".to_vec(),
            how: UnionKind::Overlay,
            skeleton: skeleton.into_iter().collect(),
        };
        layout.put("/etc", Origin::Base, what);
        layout
    }

    #[test]
    fn walks_as_the_kernel_would_inside() {
        let layout = layout();
        for (path, at, found) in [
            ("/", "/", Found::Folder),
            ("/usr", "/usr", Found::Folder),
            ("/bin/env", "/usr/bin/env", Found::File),
            ("/bin/env/x", "/usr/bin/env", Found::Blocked),
            ("/bin/missing/x", "/usr/bin/missing/x", Found::Missing),
            ("/tmp", "/tmp", Found::Folder),
            ("/tmp/a", "/tmp/a", Found::Folder),
            ("/tmp/a/b", "/tmp/a/b", Found::File),
            ("/tmp/a/c", "/tmp/a/c", Found::Missing),
            ("/var/run/x", "/run/x", Found::Missing),
            ("/etc/hosts", "/etc/hosts", Found::File),
            ("/etc/made", "/etc/made", Found::Folder),
            ("/etc/made/deep", "/etc/made/deep", Found::Folder),
            ("/etc/made/other", "/etc/made/other", Found::Missing),
            ("/loop/x", "/loop/x", Found::Blocked),
        ] {
            let located = layout.locate(path.as_bytes());
            assert_eq!((&*String::from_utf8_lossy(&located.at), located.found), (at, found), "{path}");
        }
    }

    #[test]
    fn tells_where_a_missing_place_would_be() {
        let located = layout().locate(b"/bin/missing/x");
        assert_eq!(
            (located.deepest.as_slice(), located.deepest_host.as_deref()),
            (&b"/usr/bin"[..], Some(&b"/usr/bin"[..]))
        );
        let located = layout().locate(b"/tmp/a/c/d");
        assert_eq!((located.deepest.as_slice(), located.deepest_host), (&b"/tmp/a"[..], None));
    }
}
