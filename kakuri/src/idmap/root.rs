//! The ids of a container that root of the host starts: never root's own.
//!
//! S maps 0 to root, whose processes build the container and have no right left when it stands, and everything above to
//! ids that nobody else has. P, where the command is, maps those alone: in it no number means the host's root. Nobody's
//! files belong to such ids, so what root binds, and what kakuri keeps for its containers, is shown by mounts that
//! exchange owners: on disk the numbers are those inside.
//!
//! All of root's containers have the same ids, as all of another user's have. What keeps them apart is what keeps a user's
//! apart: namespaces.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use kakuri_init::{Extent, Maps};
use kakuri_wire::caps::{self, Set};
use kakuri_wire::fail::{CODE_FAILED, Fail, OrFail, Result, Stage};
use kakuri_wire::sys;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

use super::subid::Given;
use super::{By, Ids, Lack, Range, maps, subid, wrong};
use crate::account::Accounts;
use crate::host::Host;
use crate::output;
use crate::process::Owned;
use crate::spec::{IdMode, Spec};

/// The first id above those that systemd-nspawn takes for its containers, and below those that systemd reserves for
/// foreign files; what is above 2^31 some programs take for negative numbers (systemd's UIDS-GIDS).
const FIRST: u32 = 0x7000_0000;
const END: u32 = 0x7ffe_0000;
const COUNT: u32 = 65536;

/// Decided more than once, and told once.
static SAID: AtomicBool = AtomicBool::new(false);

/// For the mounts' namespace; the places of the tools, which root does not start.
const PLACE: usize = 6;

/// As [`super::decide`].
pub fn decide(spec: &Spec, host: &Host) -> Result<Ids> {
    if spec.ids == IdMode::Single {
        return Err(Fail::new(Stage::Front, "cannot give the container your own id alone (--userns single)")
            .why("you are root, and its command would be root of the host")
            .hint("leave --userns out: a container that root starts has ids of its own"));
    }
    let asked = matches!(spec.ids, IdMode::Range | IdMode::Map { .. });
    if let Some(missing) = missing()? {
        let why = format!("kakuri was started by a root without the rights to map ids ({missing})");
        if asked {
            return Err(Fail::new(Stage::Front, "cannot give the container ids of its own")
                .why(why)
                .hint("give the outer container these rights, or start kakuri as an ordinary user in it"));
        }
        let note = format!("{why}: the command's id is that root's own, as an ordinary user's would be his");
        if !SAID.swap(true, Ordering::Relaxed) {
            output::warn(&note);
        }
        return Ok(Ids { range: None, notes: vec![note] });
    }
    let (given, mut notes) = given(host)?;
    let set_up = |given: &[Given]| {
        maps::set_up(0, given).ok_or_else(|| {
            Fail::new(Stage::Front, "cannot give the container ids of its own")
                .why("the range root has in /etc/subuid or /etc/subgid is its own id")
                .hint("give root another, or none: then kakuri chooses one")
        })
    };
    let set_up = Maps { uids: set_up(&given[0])?, gids: set_up(&given[1])? };
    let (uids, gids) = (maps::total(&set_up.uids), maps::total(&set_up.gids));
    // Without the last, which is root's.
    let own = |total: u32| vec![Extent { inside: 0, outside: 1, count: total - 1 }];
    let wished = match &spec.ids {
        IdMode::Map { uids: users, gids: groups } => {
            let (users, groups) = match (users.is_empty(), groups.is_empty()) {
                (true, _) => (groups, groups),
                (_, true) => (users, users),
                _ => (users, groups),
            };
            Maps { uids: drawn(users, uids, "--uidmap")?, gids: drawn(groups, gids, "--gidmap")? }
        }
        _ => Maps { uids: own(uids), gids: own(gids) },
    };
    if uids.min(gids) <= super::USUAL {
        notes.push(format!(
            "root's range gives the container {} uids and {} gids: programs that want more, such as user nobody, will fail",
            uids - 1,
            gids - 1
        ));
    }
    let split = |wanted: &[Extent], of: &[Extent]| {
        maps::split(wanted, of).ok_or_else(|| {
            Fail::new(Stage::Front, "cannot give the container ids of its own")
                .why("the map has too many lines")
                .hint("give root one range in /etc/subuid and /etc/subgid, and not many")
        })
    };
    let payload = Maps { uids: split(&wished.uids, &set_up.uids)?, gids: split(&wished.gids, &set_up.gids)? };
    Ok(Ids { range: Some(Range { set_up, payload, by: By::Root }), notes })
}

/// Rights it takes that this root has not.
fn missing() -> Result<Option<String>> {
    let wanted = Set::SETUID | Set::SETGID | Set::SETFCAP | Set::SYS_ADMIN;
    let lacking = wanted - caps::held(Stage::Front)?;
    let names: Vec<String> = lacking.iter_names().map(|(name, _)| format!("CAP_{name}")).collect();
    Ok((!names.is_empty()).then(|| names.join(", ")))
}

/// A map as root typed it, in which he himself must not be.
fn drawn(wanted: &[Extent], total: u32, option: &str) -> Result<Vec<Extent>> {
    let map = maps::check(wanted, total).and_then(|map| match maps::has(&map, 0) {
        true => Err("OUT 0 is you, and you are root of the host".into()),
        false => Ok(map),
    });
    map.map_err(|why| match wrong(option, why) {
        Lack::Wrong(fail) => fail.hint(format!("{option} IN:OUT:COUNT; OUT 1 is the first id of root's containers")),
        lack => Fail::new(Stage::Front, lack.words().0),
    })
}

/// Uids and gids: what the files give root, as LXC and others take it; else a range that nobody was given and nobody has.
fn given(host: &Host) -> Result<([Vec<Given>; 2], Vec<String>)> {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (subuid, subgid) = (text("/etc/subuid"), text("/etc/subgid"));
    let roots = |text: &str| subid::parse(text, "root", host.uid);
    let (uids, gids) = (roots(&subuid), roots(&subgid));
    if !uids.is_empty() && !gids.is_empty() {
        return Ok(([uids, gids], Vec::new()));
    }
    let mut taken: Vec<(u64, u64)> =
        [&subuid, &subgid].into_iter().flat_map(|text| subid::all(text)).map(span).collect();
    taken.extend(Accounts::of_host().numbers().into_iter().map(|id| (u64::from(id), u64::from(id) + 1)));
    let free = free(&taken).ok_or_else(|| {
        Fail::new(Stage::Front, "cannot give the container ids of its own")
            .why("every range that is usual for it is somebody's")
            .hint("give root one: usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST root")
    })?;
    Ok(([vec![free], vec![free]], Vec::new()))
}

fn span(given: Given) -> (u64, u64) {
    (u64::from(given.first), u64::from(given.first) + u64::from(given.count))
}

/// The first that meets none of these.
fn free(taken: &[(u64, u64)]) -> Option<Given> {
    let candidates = (FIRST..END).step_by(COUNT as usize).map(|first| Given { first, count: COUNT });
    let mut free = candidates.filter(|given| {
        let (from, to) = span(*given);
        taken.iter().all(|&(a, b)| to <= a || b <= from)
    });
    free.next()
}

/// Writes the maps of a process's new user namespace, as only root may. It must live, and be our own child.
pub fn write(pid: i32, maps: &Maps) -> Result<()> {
    for (file, extents) in [("uid_map", &maps.uids), ("gid_map", &maps.gids)] {
        let path = format!("/proc/{pid}/{file}");
        let text: String = extents.iter().map(|e| format!("{} {} {}\n", e.inside, e.outside, e.count)).collect();
        let written = openat(CWD, &path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
            .and_then(|file| rustix::io::write(&file, text.as_bytes()));
        written.map_err(|e| {
            Fail::new(Stage::Front, format!("cannot write the container's {file}"))
                .errno(e)
                .why(format!("the kernel refused '{}'", text.trim_end().replace('\n', ", ")))
                .hint("kakuri doctor says which ids there are")
        })?;
    }
    Ok(())
}

/// A user namespace with P's ids and nothing in it: by it kakuri-mount has owners exchanged.
pub fn owners(range: &Range) -> Result<OwnedFd> {
    let what = || "cannot make the namespace that says who owns what".to_string();
    let on_host = |payload: &[Extent], set_up: &[Extent]| -> Vec<Extent> {
        let line = |e: &Extent| Some(Extent { outside: maps::outside(set_up, e.outside)?, ..*e });
        payload.iter().filter_map(line).collect()
    };
    let Range { set_up, payload, .. } = range;
    let map = Maps { uids: on_host(&payload.uids, &set_up.uids), gids: on_host(&payload.gids, &set_up.gids) };
    let (gate, opener) = pipe_with(PipeFlags::CLOEXEC).fail(Stage::Front, what)?;
    let lent = sys::lend(&gate);
    // It has a table of descriptors of its own, and with it a copy of the other end: it is ended, not let go.
    let parent = getpid();
    let waits = move || {
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        // One that died before that would not be seen otherwise.
        if getppid() == Some(parent) {
            let _ = rustix::io::read(lent, &mut [0_u8; 1]);
        }
        i32::from(CODE_FAILED)
    };
    let (pid, pidfd) = sys::clone_beside(PLACE, libc::CLONE_NEWUSER, waits).map_err(|e| {
        let (why, hint) = crate::userns::explain_failure(e.raw_os_error().unwrap_or(0));
        Fail::new(Stage::Front, what()).errno(e).why(why).hint(hint)
    })?;
    let mut child = Owned::new(pidfd, Stage::Front);
    let made = write(pid, &map).and_then(|()| {
        File::open(format!("/proc/{pid}/ns/user")).map_err(|e| Fail::new(Stage::Front, what()).errno(e))
    });
    child.end();
    drop(opener);
    made.map(OwnedFd::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_range_that_is_nobodys() {
        let first = |taken: &[(u64, u64)]| free(taken).map(|given| (given.first, given.count));
        assert_eq!(first(&[(0, 1), (100_000, 165_536)]), Some((0x7000_0000, 65536)));
        assert_eq!(first(&[(0x7000_ffff, 0x7001_0001)]), Some((0x7002_0000, 65536)));
        assert_eq!(first(&[(0, u64::from(u32::MAX))]), None);
    }

    #[test]
    fn root_is_in_no_map() {
        let extent = |outside| vec![Extent { inside: 0, outside, count: 10 }];
        let refused = drawn(&extent(0), 65537, "--uidmap").expect_err("root").to_string();
        assert!(refused.contains("root of the host"), "{refused}");
        assert_eq!(drawn(&extent(1), 65537, "--uidmap").expect("fits"), extent(1));
    }
}
