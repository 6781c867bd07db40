//! Whether the caller can have a range of ids, and if not, why and what mends it: for a start and for `kakuri doctor`
//! alike. Looking and judging are apart, so that the same facts give the same answer.

use std::ffi::CString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use kakuri_wire::fail::Fail;

use super::Tools;
use super::subid::{self, Given};
use crate::account::Accounts;
use crate::host::Host;

/// Why there is none.
#[derive(Debug)]
pub enum Lack {
    /// One of the tools, or both.
    Tools(Vec<&'static str>),
    /// The user namespace we are in has not the ids the files promise.
    Outer,
    NoRange,
    NoNewPrivileges,
    /// newgrp(1) and sg(1): the tools want the group the password file has.
    OtherGroup {
        is: u32,
        usual: u32,
    },
    /// The network of a container (or else of a file's) is to be joined.
    Network(bool),
    /// Root of the host called.
    Root,
    /// What the user typed, told by itself.
    Wrong(Box<Fail>),
}

impl Lack {
    /// The reason, and the command that mends it.
    pub fn words(&self) -> (String, String) {
        let (why, mend): (String, String) = match self {
            Lack::Tools(names) => {
                let are = if names.len() > 1 { "are" } else { "is" };
                return (
                    format!("{} {are} not installed", names.join(" and ")),
                    "sudo apt install uidmap (Fedora: shadow-utils; Arch, Alpine: shadow)".into(),
                );
            }
            Lack::Outer => (
                "the user namespace this runs in has too few ids itself".into(),
                "run kakuri outside the outer container, or map a range into that one".into(),
            ),
            Lack::NoRange => (
                "this user has no range in /etc/subuid and /etc/subgid".into(),
                "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \"$USER\"".into(),
            ),
            Lack::NoNewPrivileges => (
                "no_new_privs is set on this process, so that newuidmap gains no rights".into(),
                "run kakuri outside the sandbox or service that sets it (systemd: NoNewPrivileges=no)".into(),
            ),
            Lack::OtherGroup { is, usual } => (
                format!("this process has group {is} and the password file says {usual}, which newgidmap refuses"),
                format!("run it in a shell that `newgrp` or `sg` did not begin (id -g says {usual} there)"),
            ),
            Lack::Network(container) => (
                format!(
                    "the network it joins belongs to a {} with one id",
                    if *container { "container" } else { "namespace" }
                ),
                "leave the range out, or give it a network of its own: --network nat".into(),
            ),
            Lack::Root => (
                "kakuri was started by root, whose container would be root of the host".into(),
                "start it as an ordinary user".into(),
            ),
            Lack::Wrong(fail) => (fail.what.clone(), fail.hint.clone().unwrap_or_default()),
        };
        (why, mend)
    }
}

/// What there is.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub newuidmap: Option<CString>,
    pub newgidmap: Option<CString>,
    pub uids: Vec<Given>,
    pub gids: Vec<Given>,
    /// /proc/self/uid_map and gid_map: what exists here at all.
    pub uid_map: String,
    pub gid_map: String,
    pub no_new_privileges: bool,
    /// The group this process has, and the one of the password file.
    pub gid: u32,
    pub usual_gid: Option<u32>,
}

/// What the caller may have.
#[derive(Clone, Debug)]
pub struct Granted {
    pub uids: Vec<Given>,
    pub gids: Vec<Given>,
    pub tools: Tools,
}

impl Facts {
    pub fn look(host: &Host) -> Facts {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let account = Accounts::of_host().by_uid(host.uid);
        let name = account.as_ref().map_or_else(|| host.user_name(), |account| account.name.clone());
        let (uids, gids) = match subid::is_elsewhere(&text("/etc/nsswitch.conf")) {
            true => (ask(&name, false, host), ask(&name, true, host)),
            false => (
                subid::parse(&text("/etc/subuid"), &name, host.uid),
                // By number this file too is asked for the user, not for a group.
                subid::parse(&text("/etc/subgid"), &name, host.uid),
            ),
        };
        Facts {
            newuidmap: find("newuidmap", host),
            newgidmap: find("newgidmap", host),
            uids,
            gids,
            uid_map: text("/proc/self/uid_map"),
            gid_map: text("/proc/self/gid_map"),
            no_new_privileges: rustix::thread::no_new_privs().unwrap_or(false),
            gid: host.gid,
            usual_gid: account.map(|account| account.gid),
        }
    }

    /// The first thing that is missing is told: what mends it is needed first.
    pub fn granted(self) -> Result<Granted, Lack> {
        let (uids, gids) = match (self.newuidmap, self.newgidmap) {
            (Some(uids), Some(gids)) => (uids, gids),
            (uids, gids) => {
                let missing = [("newuidmap", uids.is_none()), ("newgidmap", gids.is_none())];
                return Err(Lack::Tools(missing.into_iter().filter(|m| m.1).map(|m| m.0).collect()));
            }
        };
        if self.uids.is_empty() || self.gids.is_empty() {
            // In an outer container without ids to give, a line would not help either.
            return Err(if ids(&self.uid_map) < 65536 { Lack::Outer } else { Lack::NoRange });
        }
        if !covers(&self.uid_map, &self.uids) || !covers(&self.gid_map, &self.gids) {
            return Err(Lack::Outer);
        }
        if self.no_new_privileges {
            return Err(Lack::NoNewPrivileges);
        }
        match self.usual_gid {
            Some(usual) if usual != self.gid => Err(Lack::OtherGroup { is: self.gid, usual }),
            _ => Ok(Granted { uids: self.uids, gids: self.gids, tools: Tools { uids, gids } }),
        }
    }
}

/// A line's first id here, and how many.
fn lines(map: &str) -> impl Iterator<Item = (u64, u64)> + '_ {
    map.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (inside, _, count) = (words.next()?, words.next()?, words.next()?);
        Some((inside.parse().ok()?, count.parse().ok()?))
    })
}

/// How many ids the user namespace we are in has.
fn ids(map: &str) -> u64 {
    lines(map).map(|line| line.1).sum()
}

/// Whether all of these exist in the user namespace we are in. A line each at most, as the kernel wants it.
fn covers(map: &str, given: &[Given]) -> bool {
    given.iter().all(|range| {
        let (first, end) = (u64::from(range.first), u64::from(range.first) + u64::from(range.count));
        lines(map).any(|(inside, count)| inside <= first && end <= inside + count)
    })
}

fn find(name: &str, host: &Host) -> Option<CString> {
    let runs = |path: &PathBuf| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file();
    host.places(name).find(runs).and_then(|path| CString::new(path.into_os_string().into_vec()).ok())
}

/// Directory services have ranges too, which getsubids(1) prints.
fn ask(name: &str, groups: bool, host: &Host) -> Vec<Given> {
    let Some(program) = find("getsubids", host) else { return Vec::new() };
    let mut command = Command::new(std::ffi::OsStr::from_bytes(program.as_bytes()));
    if groups {
        command.arg("-g");
    }
    let said = command.arg(name).stdin(Stdio::null()).stderr(Stdio::null()).output();
    said.map(|out| subid::printed(&String::from_utf8_lossy(&out.stdout))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Facts {
        let range = vec![Given { first: 100_000, count: 65536 }];
        Facts {
            newuidmap: CString::new("/usr/bin/newuidmap").ok(),
            newgidmap: CString::new("/usr/bin/newgidmap").ok(),
            uids: range.clone(),
            gids: range,
            uid_map: "0 0 4294967295\n".into(),
            gid_map: "0 0 4294967295\n".into(),
            no_new_privileges: false,
            gid: 1000,
            usual_gid: Some(1000),
        }
    }

    fn why(facts: Facts) -> String {
        facts.granted().expect_err("lacking").words().0
    }

    #[test]
    fn everything_that_can_be_missing_is_named() {
        assert!(all().granted().is_ok());
        assert_eq!(why(Facts { newgidmap: None, ..all() }), "newgidmap is not installed");
        assert_eq!(
            why(Facts { newuidmap: None, newgidmap: None, ..all() }),
            "newuidmap and newgidmap are not installed"
        );
        assert!(why(Facts { gids: vec![], ..all() }).contains("/etc/subgid"));
        assert!(why(Facts { uid_map: "0 1000 1\n".into(), ..all() }).contains("too few ids"));
        assert!(why(Facts { gid_map: "0 0 65536\n".into(), ..all() }).contains("too few ids"));
        assert!(why(Facts { no_new_privileges: true, ..all() }).contains("no_new_privs"));
        assert!(why(Facts { gid: 7, ..all() }).contains("group 7 and the password file says 1000"));
        // Directory services: the password file knows nothing of the caller.
        assert!(Facts { gid: 7, usual_gid: None, ..all() }.granted().is_ok());
    }

    #[test]
    fn outer_namespaces() {
        let outer = "0 1000 1\n1 100000 65536\n";
        let given = |first, count| [Given { first, count }];
        assert_eq!((ids("0 0 4294967295\n"), ids(outer), ids("")), (4_294_967_295, 65537, 0));
        assert!(covers(outer, &given(1, 65536)) && covers(outer, &given(1000, 64537)));
        assert!(!covers(outer, &given(0, 2)) && !covers(outer, &given(1, 65537)) && !covers(outer, &given(100_000, 1)));
    }
}
