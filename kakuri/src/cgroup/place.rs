//! Where a control group may be made, and what can be limited there. Looks, and makes nothing.

use std::path::{Path, PathBuf};

use kakuri_wire::{Bytes, Fail};
use rustix::fs::{Access, access};

use crate::host::{Host, as_path};

/// Where the one hierarchy of version 2 is mounted, on every host that has it alone.
pub const ROOT: &str = "/sys/fs/cgroup";
/// What statfs(2) calls it: CGROUP2_SUPER_MAGIC.
const VERSION_2: u64 = 0x6367_7270;

/// What a group can limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Controllers {
    pub memory: bool,
    pub cpu: bool,
    pub pids: bool,
    pub io: bool,
}

impl Controllers {
    /// A list as the kernel's files have it.
    pub fn read(list: &str) -> Controllers {
        let has = |name: &str| list.split_whitespace().any(|word| word == name);
        Controllers { memory: has("memory"), cpu: has("cpu"), pids: has("pids"), io: has("io") }
    }

    fn each(self) -> [(bool, &'static str); 4] {
        [(self.memory, "memory"), (self.cpu, "cpu"), (self.pids, "pids"), (self.io, "io")]
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.each().into_iter().filter(|(has, _)| *has).map(|(_, name)| name)
    }

    /// Those of `self` that are not among `others`.
    pub fn without(self, others: Controllers) -> Controllers {
        Controllers {
            memory: self.memory && !others.memory,
            cpu: self.cpu && !others.cpu,
            pids: self.pids && !others.pids,
            io: self.io && !others.io,
        }
    }

    pub fn is_empty(self) -> bool {
        self == Controllers::default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A scope of the service manager that listens at the first of these sockets that answers.
    Manager { sockets: Vec<Socket> },
    /// Below this group, which is ours.
    Below(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    pub path: PathBuf,
    /// A message bus, with the manager one of many on it.
    pub bus: bool,
}

/// What the host offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub place: Place,
    pub controllers: Controllers,
}

/// Why there is no place, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub why: String,
    pub mend: String,
}

impl Missing {
    pub fn explain(self, fail: Fail) -> Fail {
        fail.why(self.why).hint(self.mend)
    }
}

/// The best place there is.
pub fn find(host: &Host) -> Result<Offer, Missing> {
    if !is_version_2(Path::new(ROOT)) {
        return Err(no_hierarchy());
    }
    let own = own_group();
    match manager(host, own.as_deref()) {
        Some(offer) => Ok(offer),
        None => below(host, own.as_deref()),
    }
}

fn is_version_2(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|found| found.f_type as u64 == VERSION_2)
}

fn no_hierarchy() -> Missing {
    if is_version_2(&Path::new(ROOT).join("unified")) || Path::new(ROOT).join("memory").exists() {
        return Missing {
            why: "the host's control groups are of version 1, and cannot be delegated".into(),
            mend: "boot the host with systemd.unified_cgroup_hierarchy=1".into(),
        };
    }
    Missing {
        why: format!("no control groups of version 2 are mounted at {ROOT}"),
        mend: format!("sudo mount -t cgroup2 cgroup2 {ROOT}; inside a container, start that one with its own"),
    }
}

/// The group this process is in, below the root: cgroups(7), /proc/PID/cgroup.
pub fn own_group() -> Option<PathBuf> {
    let text = std::fs::read("/proc/self/cgroup").ok()?;
    let line = text.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(b"0::/"))?;
    let path = as_path(line);
    // Above the root of our cgroup namespace nothing is ours.
    let plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    plain.then(|| path.to_path_buf())
}

/// What a group has, or what of that its children have.
pub fn controllers_of(folder: &Path, file: &str) -> Option<Controllers> {
    std::fs::read_to_string(folder.join(file)).ok().map(|list| Controllers::read(&list))
}

/// The user's own service manager, or for root of the system the system's.
fn manager(host: &Host, own: Option<&Path>) -> Option<Offer> {
    let (runtime, group): (PathBuf, PathBuf) = match host.is_real_root() {
        true => ("/run".into(), ROOT.into()),
        false => {
            let named = host.var("XDG_RUNTIME_DIR").map(as_path).filter(|path| path.is_absolute());
            // Who came by su has it nevertheless, if he is logged in as well.
            let runtime = named.map_or_else(|| format!("/run/user/{}", host.uid).into(), Path::to_path_buf);
            (runtime, managers_group(host.uid, own))
        }
    };
    if !runtime.join("systemd/private").exists() {
        return None;
    }
    let bus = if host.is_real_root() { "dbus/system_bus_socket" } else { "bus" };
    let socket = |name: &str, bus| Socket { path: runtime.join(name), bus };
    // The manager's own first: it is there without a bus, and needs fewer words.
    let sockets = vec![socket("systemd/private", false), socket(bus, true)];
    let controllers = controllers_of(&group, "cgroup.controllers")?;
    Some(Offer { place: Place::Manager { sockets }, controllers })
}

/// Of the user's service manager: what it has can be delegated to us.
fn managers_group(uid: u32, own: Option<&Path>) -> PathBuf {
    let name = format!("user@{uid}.service");
    let above = own.into_iter().flat_map(Path::ancestors).find(|path| path.ends_with(&name));
    let usual = || PathBuf::from(format!("user.slice/user-{uid}.slice/{name}"));
    Path::new(ROOT).join(above.map_or_else(usual, Path::to_path_buf))
}

/// The nearest group above us, or our own, in which we may make others that have what we need.
fn below(host: &Host, own: Option<&Path>) -> Result<Offer, Missing> {
    let Some(own) = own else { return Err(not_ours(host, Path::new(""))) };
    let mut busy = None;
    for group in own.ancestors() {
        let folder = Path::new(ROOT).join(group);
        let is_ours = |file: &str| access(folder.join(file), Access::WRITE_OK).is_ok();
        if !is_ours("") || !is_ours("cgroup.procs") {
            break;
        }
        let there = controllers_of(&folder, "cgroup.controllers").unwrap_or_default();
        let passed_on = controllers_of(&folder, "cgroup.subtree_control").unwrap_or_default();
        // What is not passed on yet can be, but not where there are processes: only the root of all may have both.
        let free = is_ours("cgroup.subtree_control") && (is_root(&folder) || !has_processes(&folder));
        let controllers = if free { there } else { passed_on };
        if !controllers.is_empty() {
            return Ok(Offer { place: Place::Below(folder), controllers });
        }
        busy.get_or_insert(folder);
    }
    match busy {
        Some(folder) => Err(with_processes(&folder)),
        None => Err(not_ours(host, own)),
    }
}

/// The root of the whole tree has none of the files about its own use.
pub fn is_root(folder: &Path) -> bool {
    !folder.join("cgroup.events").exists()
}

fn has_processes(folder: &Path) -> bool {
    std::fs::read(folder.join("cgroup.procs")).is_ok_and(|list| !list.is_empty())
}

fn with_processes(folder: &Path) -> Missing {
    let folder = Bytes::from(folder);
    Missing {
        why: format!("the group {folder} has processes in itself, so it cannot pass on what it has"),
        mend: format!(
            "sh -c 'mkdir {folder}/shell; for p in $(cat {folder}/cgroup.procs); do echo $p >{folder}/shell/cgroup.procs; done' moves them"
        ),
    }
}

fn not_ours(host: &Host, own: &Path) -> Missing {
    let user = host.user_name();
    // The one that runs the system would give us one of our own.
    if Path::new("/run/systemd/system").exists() {
        return Missing {
            why: "no service manager runs for you, and no control group is yours".into(),
            mend: format!("sudo loginctl enable-linger {user}; or log in as {user} anew, and not by su or sudo"),
        };
    }
    let group = format!("{ROOT}/{user}");
    Missing {
        why: format!("the control group /{} is not yours", Bytes::from(own)),
        mend: format!(
            "sudo sh -c 'cd {ROOT}; echo +cpu +memory +pids >cgroup.subtree_control; mkdir -p {user}/shell; \
             chown -R {user} {user}; echo +cpu +memory +pids >{user}/cgroup.subtree_control; \
             echo '$$' >{user}/shell/cgroup.procs' gives your shell {group}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_controllers() {
        let read = Controllers::read("cpuset cpu io memory pids\n");
        assert_eq!(read, Controllers { memory: true, cpu: true, pids: true, io: true });
        assert!(Controllers::read("cpuset hugetlb\n").is_empty());
        let left = read.without(Controllers::read("memory"));
        assert_eq!(left.names().collect::<Vec<_>>(), ["cpu", "pids", "io"]);
    }

    #[test]
    fn the_group_of_a_users_manager() {
        let path = |own: Option<&str>| managers_group(7, own.map(Path::new));
        let usual = Path::new("/sys/fs/cgroup/user.slice/user-7.slice/user@7.service");
        assert_eq!(path(None), usual);
        assert_eq!(path(Some("user.slice/user-7.slice/session-3.scope")), usual);
        assert_eq!(path(Some("user.slice/user-7.slice/user@7.service/app.slice/x.scope")), usual);
        assert_eq!(path(Some("a/user@7.service/b")), Path::new("/sys/fs/cgroup/a/user@7.service"));
    }
}
