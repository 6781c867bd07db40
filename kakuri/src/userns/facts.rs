//! What can be known about the guards of user namespaces. Reads files, decides nothing. No capability.

use std::fs;
use std::path::Path;

use rustix::process::{getegid, geteuid};

/// Everything [`super::find`] looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub errno: i32,
    /// The kernel knows user namespaces.
    pub built: bool,
    /// CAP_SYS_ADMIN over the host: in a user namespace it exempts nobody.
    pub privileged: bool,
    /// kernel.unprivileged_userns_clone is 0; None where there is no such setting.
    pub switched_off: Option<bool>,
    /// kernel.apparmor_restrict_unprivileged_userns is 1.
    pub apparmor_restricts: Option<bool>,
    /// AppArmor or SELinux confine this very process.
    pub confined: bool,
    /// user.max_user_namespaces of the namespace we are in.
    pub limit: Option<u64>,
    /// The first other kind of namespace of which none is allowed.
    pub none_of: Option<&'static str>,
    /// We are in a user namespace that is not the machine's first.
    pub nested: bool,
    /// Our own ids are not mapped where we are.
    pub unmapped: bool,
    /// `Seccomp:` of /proc/self/status: 2 is a filter.
    pub seccomp: Option<u8>,
    pub chroot: bool,
    pub outer: Option<Outer>,
    /// Where kakuri is, for a profile of its own.
    pub program: String,
}

/// What we run in, where it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outer {
    Docker,
    Podman,
    Kubernetes,
    Flatpak,
    Kakuri,
    Lxc,
    Nspawn,
    Service,
    Other,
}

pub fn collect(errno: i32) -> Facts {
    let read = |path: &str| fs::read_to_string(path).ok();
    let status = read("/proc/self/status").unwrap_or_default();
    let effective = field(&status, "CapEff:").and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0);
    let map = read("/proc/self/uid_map").unwrap_or_default();
    let ids = (geteuid().as_raw(), getegid().as_raw());
    Facts {
        errno,
        built: Path::new("/proc/self/ns/user").exists() || !Path::new("/proc/self/ns").exists(),
        privileged: effective & (1 << 21) != 0 && !is_nested(&map),
        switched_off: number("/proc/sys/kernel/unprivileged_userns_clone").map(|n| n == 0),
        apparmor_restricts: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").map(|n| n != 0),
        confined: read("/proc/self/attr/current").is_some_and(|label| is_confined(&label)),
        limit: limit_of("user"),
        none_of: ["mnt", "pid", "ipc", "uts", "cgroup"].into_iter().find(|kind| limit_of(kind) == Some(0)),
        nested: is_nested(&map),
        unmapped: is_unmapped(&map, ids.0) || is_unmapped(&read("/proc/self/gid_map").unwrap_or_default(), ids.1),
        seccomp: field(&status, "Seccomp:").and_then(|text| text.parse().ok()),
        chroot: read("/proc/self/mountinfo").is_some_and(|own| {
            let elsewhere = |id: u32| read(&format!("/proc/{id}/mountinfo")).is_some_and(|of| is_elsewhere(&own, &of));
            !has_root(&own) || ancestors().any(elsewhere)
        }),
        outer: outer(),
        program: std::env::current_exe()
            .map_or_else(|_| "kakuri".into(), |path| kakuri_wire::Bytes::from(path).to_string()),
    }
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok())
}

/// user.max_KIND_namespaces of the namespace we are in.
pub(super) fn limit_of(kind: &str) -> Option<u64> {
    number(&format!("/proc/sys/user/max_{kind}_namespaces"))
}

pub(super) fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// A profile in force; "unconfined" and SELinux's domains for people are none.
pub(super) fn is_confined(label: &str) -> bool {
    let label = label.trim_end_matches(['\0', '\n']);
    label.ends_with("(enforce)") || (label.contains(':') && !label.contains("unconfined"))
}

/// The first namespace maps every id to itself in one extent.
pub(super) fn is_nested(map: &str) -> bool {
    let words: Vec<&str> = map.split_whitespace().collect();
    !words.is_empty() && words != ["0", "0", "4294967295"]
}

/// An empty map is that of a namespace just made, whose map is about to be written.
pub(super) fn is_unmapped(map: &str, id: u32) -> bool {
    let mut extents = map.lines().filter_map(|line| {
        let mut words = line.split_whitespace().map(|word| word.parse::<u64>().ok());
        let (first, _, count) = (words.next()??, words.next()??, words.next()??);
        Some(first..first + count)
    });
    !map.trim().is_empty() && !extents.any(|extent| extent.contains(&u64::from(id)))
}

/// The mounts we can reach include one at `/`, unless our root is a folder within a mount.
pub(super) fn has_root(mountinfo: &str) -> bool {
    mountinfo.lines().any(|line| line.split(' ').nth(4) == Some("/"))
}

/// The processes above this one, to the first.
fn ancestors() -> impl Iterator<Item = u32> {
    let parent = |id: &u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        field(&status, "PPid:")?.parse().ok().filter(|id| *id != 0)
    };
    std::iter::successors(Some(std::os::unix::process::parent_id()), parent)
}

/// Our root is one of another process's mounts, and not its root: a chroot whose folder is itself a mount. The other is above
/// us and outside: the first process, or the one that went into the chroot for us. The numbers of mounts are the machine's, so that those of
/// another mount namespace are never the same.
pub(super) fn is_elsewhere(own: &str, other: &str) -> bool {
    let field = |line: &str, at: usize| line.split(' ').nth(at).map(str::to_string);
    // Of several at one place the last is the one that is seen.
    let root = own.lines().rfind(|line| field(line, 4).as_deref() == Some("/")).and_then(|line| field(line, 0));
    other.lines().any(|line| root.is_some() && field(line, 0) == root && field(line, 4).as_deref() != Some("/"))
}

fn outer() -> Option<Outer> {
    let exists = |path: &str| Path::new(path).exists();
    let variable = std::env::var("container").unwrap_or_default();
    match variable.as_str() {
        "kakuri" => Some(Outer::Kakuri),
        "podman" => Some(Outer::Podman),
        "docker" => Some(Outer::Docker),
        "flatpak" => Some(Outer::Flatpak),
        "lxc" => Some(Outer::Lxc),
        "systemd-nspawn" => Some(Outer::Nspawn),
        _ if exists("/.flatpak-info") => Some(Outer::Flatpak),
        _ if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() => Some(Outer::Kubernetes),
        _ if exists("/.dockerenv") => Some(Outer::Docker),
        _ if exists("/run/.containerenv") => Some(Outer::Podman),
        "" if std::env::var_os("INVOCATION_ID").is_some() => Some(Outer::Service),
        "" => None,
        _ => Some(Outer::Other),
    }
}
