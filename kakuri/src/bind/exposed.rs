//! Folders of the host that a command may write and that others on this machine can reach.
//!
//! A file that runs as its owner is without effect inside, because no bind honours it; on the host it is one. Planted where
//! another of its users comes to, it makes him who it belongs to: the caller, or root where root has started the container. No
//! filter of system calls sees which folder a file is made in, so that with such a folder none is made anywhere.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use kakuri_wire::{Bytes, Result};

use super::profile;
use crate::config::Config;
use crate::host::{Host, as_path};
use crate::spec::{RootfsMode, Spec};

/// The first there is. Only containers with a root of their own are asked: the others make no such files at all.
pub fn find(spec: &Spec, host: &Host, config: &Config) -> Result<Option<Bytes>> {
    if !spec.has_own_root() {
        return Ok(None);
    }
    let mut binds = spec.binds.clone();
    binds.extend(profile::binds(&spec.profiles, config, host, &mut Vec::new())?);
    let root = spec.rootfs.iter().filter(|root| root.mode == RootfsMode::ReadWrite).map(|root| &root.path);
    let written = binds.iter().filter(|bind| !bind.read_only && !bind.cow).map(|bind| &bind.source);
    let mut folders = Vec::new();
    for typed in written.chain(root) {
        folders.push((typed, resolve(&host.expand(typed.as_bytes())?)));
    }
    let open = |(_, at): &&(&Bytes, PathBuf)| {
        let closed = at.ancestors().skip(1).any(|above| {
            // What lies in another of them is not for us to rely on: its modes are the command's to change.
            !folders.iter().any(|(_, other)| above.starts_with(other)) && is_closed(above, host)
        });
        !closed
    };
    Ok(folders.iter().find(open).map(|(typed, _)| (*typed).clone()))
}

/// Without links; what is to be made yet, by what there is above it.
fn resolve(path: &[u8]) -> PathBuf {
    let path = as_path(path);
    let there = path.ancestors().find_map(|above| Some((above, std::fs::canonicalize(above).ok()?)));
    there.map_or_else(|| path.into(), |(above, real)| real.join(path.strip_prefix(above).unwrap_or(Path::new(""))))
}

/// Whether nobody goes through this folder but its owner and root.
fn is_closed(folder: &Path, host: &Host) -> bool {
    let Ok(found) = folder.metadata() else { return false };
    let (mode, alone) = (found.mode(), found.gid() == host.gid && is_private(host));
    (found.uid() == host.uid || found.uid() == 0)
        && mode & 0o001 == 0
        && (mode & 0o010 == 0 || alone)
        && !has_list(folder)
}

/// Whether the caller's group has nobody else in it, as far as the machine's own files say.
fn is_private(host: &Host) -> bool {
    let (name, gid) = (host.user_name(), host.gid.to_string());
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let (users, groups) = (read("/etc/passwd"), read("/etc/group"));
    let field = |line: &'_ str, at: usize| line.split(':').nth(at).unwrap_or_default().to_string();
    let mut of_users = users.lines().filter(|line| field(line, 3) == gid).map(|line| field(line, 0));
    let mut of_groups = groups.lines().filter(|line| field(line, 2) == gid);
    of_users.all(|user| user == name)
        && of_groups.all(|line| field(line, 3).split(',').all(|user| user.is_empty() || user == name))
}

/// An access list says more than the mode does.
fn has_list(folder: &Path) -> bool {
    let mut none: [u8; 0] = [];
    rustix::fs::getxattr(folder, "system.posix_acl_access", &mut none).is_ok_and(|length| length > 0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::spec::{Bind, Rootfs};

    fn exposed(folder: &Path, change: impl FnOnce(&mut Spec)) -> Option<String> {
        let bind = Bind {
            source: Bytes::from(folder),
            destination: None,
            read_only: false,
            noexec: false,
            create: true,
            cow: false,
        };
        let root = Rootfs { path: "/".into(), mode: RootfsMode::Overlay };
        let mut spec = Spec { rootfs: Some(root), binds: vec![bind], ..Spec::default() };
        change(&mut spec);
        find(&spec, &Host::look(), &Config::defaults(Vec::new())).expect("an answer").map(|folder| folder.to_string())
    }

    #[test]
    fn what_others_reach_is_told_from_what_they_do_not() {
        let above = std::env::temp_dir().join(format!("kakuri-exposed-{}", std::process::id()));
        let folder = above.join("within/given");
        fs::create_dir_all(&folder).expect("a folder");
        let mode = |mode| fs::set_permissions(&above, fs::Permissions::from_mode(mode)).expect("a mode");
        mode(0o755);
        assert_eq!(exposed(&folder, |_| {}), Some(folder.display().to_string()));
        assert_eq!(exposed(&folder.join("new/one"), |_| {}), Some(folder.join("new/one").display().to_string()));
        // Its own mode can be changed from within.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("a mode");
        assert!(exposed(&folder, |_| {}).is_some());
        assert_eq!(exposed(&folder, |spec| spec.binds[0].read_only = true), None);
        assert_eq!(exposed(&folder, |spec| spec.binds[0].cow = true), None);
        assert_eq!(exposed(&folder, |spec| spec.rootfs = None), None, "no such files are made there");
        mode(0o700);
        assert_eq!(exposed(&folder, |_| {}), None);
        assert_eq!(exposed(&folder.join("new/one"), |_| {}), None);
        // Nor is one to be relied on that is written, too.
        let both = |spec: &mut Spec| {
            spec.binds.push(Bind { source: Bytes::from(&above), ..spec.binds[0].clone() });
        };
        assert!(exposed(&folder, both).is_some());
        mode(0o701);
        assert!(exposed(&folder, |_| {}).is_some());
        fs::remove_dir_all(&above).expect("it goes");
    }
}
