//! /etc: the host's settings, with the container's own names and resolver in their place.

use kakuri_mount::{Node, UnionKind};
use kakuri_wire::Bytes;
use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use super::{Places, add};
use crate::host::as_path;
use crate::identity::Identity;
use crate::layout::{Layout, What};
use crate::network::{Kind, Wiring};
use crate::spec::{Base, Spec};

/// A hosts or resolv.conf larger than this, in bytes, is not one.
const MAX_FILE: usize = 1 << 20;

/// The files of the container's own.
const NAMES: [&str; 6] = ["group", "hostname", "hosts", "nsswitch.conf", "passwd", "resolv.conf"];

const LOOPBACK: &[u8] = b"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/// What they are made of.
pub struct Etc<'a> {
    pub who: &'a Identity,
    pub shell: &'a [u8],
    pub hostname: &'a str,
    pub wiring: &'a Wiring,
}

/// The union over the host's /etc, still without the files of the container's own.
pub fn mount_point(places: &mut Places, spec: &Spec) {
    if spec.base == Base::Host && std::fs::metadata("/etc").is_ok_and(|m| m.is_dir()) {
        // Known from the start, so that nobody follows the links that the host may have in their place.
        let skeleton = NAMES.iter().map(|name| (name.as_bytes().to_vec(), Node::File(Bytes::default()))).collect();
        add(places, "/etc", What::Union { from: b"/etc".to_vec(), how: union_kind(), skeleton });
    } else {
        for name in NAMES {
            add(places, &format!("/etc/{name}"), What::File { text: Vec::new() });
        }
    }
}

impl Etc<'_> {
    /// Fills the files in, where the user has not put something else in their place.
    pub fn fill(&self, layout: &mut Layout) {
        for (name, text) in NAMES.iter().zip(self.files()) {
            layout.fill(b"/etc", name.as_bytes(), text);
        }
    }

    /// Their contents, in the order of [`NAMES`].
    fn files(&self) -> [Vec<u8>; NAMES.len()] {
        let name = self.hostname;
        let (hosts, lookups) = match self.wiring.kind {
            Kind::Host => (hosts_own("/etc/hosts"), "files dns"),
            Kind::None => (LOOPBACK.to_vec(), "files"),
            Kind::Own | Kind::Joined => (LOOPBACK.to_vec(), "files dns"),
        };
        let more: String = self.wiring.hosts.iter().map(|(name, ip)| format!("{ip}\t{name}\n")).collect();
        [
            self.who.group(),
            format!("{name}\n").into_bytes(),
            [&hosts[..], format!("127.0.1.1\t{name}\n").as_bytes(), more.as_bytes()].concat(),
            format!("passwd: files\ngroup: files\nshadow: files\nhosts: {lookups}\n").into_bytes(),
            self.who.passwd(self.shell),
            self.resolvers(),
        ]
    }

    /// resolv.conf(5).
    fn resolvers(&self) -> Vec<u8> {
        let Some(servers) = &self.wiring.resolvers else {
            return match self.wiring.kind {
                Kind::Host => hosts_own("/etc/resolv.conf"),
                _ => b"# no network\n".to_vec(),
            };
        };
        let mut text = String::new();
        if servers.is_empty() {
            text += "# no resolver is configured\n";
        }
        if !self.wiring.search.is_empty() {
            text += &format!("search {}\n", self.wiring.search.join(" "));
        }
        for server in servers {
            text += &format!("nameserver {server}\n");
        }
        text.into_bytes()
    }
}

/// The host's own file, which may be a link into /run, ending in a line break.
fn hosts_own(path: &str) -> Vec<u8> {
    let mut text = std::fs::read(as_path(path.as_bytes())).unwrap_or_default();
    text.truncate(MAX_FILE);
    if text.last().is_some_and(|&b| b != b'\n') {
        text.push(b'\n');
    }
    text
}

/// Container engines mount their own hosts, hostname and resolv.conf over the image's: mounts that an
/// overlay of /etc would not show, and that a user namespace may not look under. There /etc is made of
/// one bind per entry.
fn union_kind() -> UnionKind {
    let mount = |path: &str| statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::MNT_ID).ok().map(|s| s.stx_mnt_id);
    let etc = mount("/etc");
    let foreign = |path: &&str| mount(path).is_some_and(|id| Some(id) != etc);
    match ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"].iter().any(foreign) {
        true => UnionKind::Entries,
        false => UnionKind::Overlay,
    }
}
