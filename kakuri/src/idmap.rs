//! The ids of a container: one, which is the caller's, or a range of his.
//!
//! With a range S maps 0 to the caller and everything above to the ids /etc/subuid and /etc/subgid give him, always in
//! that order; which of them P's root and P's users are is P's map over S's ids alone. Only newuidmap and newgidmap may
//! write S's maps then, and nothing of this is looked at or paid for where no range was asked for.
//!
//! Root of the host always has one, and is not in P's map: see [`root`].

pub mod maps;
pub mod range;
pub mod root;
pub mod single;
pub mod subid;
pub mod tools;
pub mod within;

use std::ffi::CString;
use std::os::unix::fs::MetadataExt;

use kakuri_init::{Extent, Maps};
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::Stat;

use crate::host::Host;
use crate::identity::Identity;
use crate::spec::{IdMode, Network, Spec, User};
use range::{Facts, Lack};
pub use single::Single;

/// Fewer than these, and the last of the usual users, nobody, has no id.
const USUAL: u32 = 65535;

/// Decided: the ids of one container.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    /// None: one id, as `Setup` has it.
    pub range: Option<Range>,
    /// What should be known of them.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// S's, in the host's ids.
    pub set_up: Maps,
    /// P's, in S's ids, each line within one of S's.
    pub payload: Maps,
    pub by: By,
}

/// Who writes S's maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    Tools(Tools),
    /// The front itself, root of the host. Files on disk then have the numbers they have inside.
    Root,
}

impl Range {
    pub fn is_roots(&self) -> bool {
        self.by == By::Root
    }
}

/// Where newuidmap and newgidmap are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    pub uids: CString,
    pub gids: CString,
}

/// Decides. Reads what says which ids the caller has, and makes nothing.
pub fn decide(spec: &Spec, host: &Host) -> Result<Ids> {
    if host.is_real_root() {
        return root::decide(spec, host);
    }
    let asked = match &spec.ids {
        IdMode::Unset if spec.image.is_none() => return Ok(Ids::default()),
        IdMode::Single => return Ok(Ids::default()),
        IdMode::Range => "--userns range",
        IdMode::Unset | IdMode::Auto => "--userns auto",
        IdMode::Map { .. } => "--uidmap",
    };
    match found(spec, host) {
        Ok(ids) => Ok(ids),
        Err(lack) if matches!(spec.ids, IdMode::Unset | IdMode::Auto) => {
            let (why, mend) = lack.words();
            let notes = vec![format!("one id only, because {why}: {mend}")];
            Ok(Ids { range: None, notes })
        }
        Err(Lack::Wrong(fail)) => Err(*fail),
        Err(lack) => {
            let (why, mend) = lack.words();
            Err(Fail::new(Stage::Front, format!("cannot give the container a range of ids ({asked})"))
                .why(why)
                .hint(mend))
        }
    }
}

fn found(spec: &Spec, host: &Host) -> Result<Ids, Lack> {
    // The owner of a network that exists has one id, and the container would be made below it.
    if let Some(network @ (Network::Container(_) | Network::Namespace(_))) = &spec.network {
        return Err(Lack::Network(matches!(network, Network::Container(_))));
    }
    let facts = Facts::look(host);
    let granted = facts.granted()?;
    let set_up = Maps {
        uids: maps::set_up(host.uid, &granted.uids).ok_or(Lack::NoRange)?,
        gids: maps::set_up(host.gid, &granted.gids).ok_or(Lack::NoRange)?,
    };
    let (uids, gids) = (maps::total(&set_up.uids), maps::total(&set_up.gids));
    let mut notes = Vec::new();
    let wished = match &spec.ids {
        IdMode::Map { uids: users, gids: groups } => {
            // One of them stands for both.
            let or =
                |own: &'_ Vec<Extent>, other: &'_ Vec<Extent>| if own.is_empty() { other.clone() } else { own.clone() };
            Maps {
                uids: maps::check(&or(users, groups), uids).map_err(|why| wrong("--uidmap", why))?,
                gids: maps::check(&or(groups, users), gids).map_err(|why| wrong("--gidmap", why))?,
            }
        }
        _ if spec.user == User::KeepId => Maps { uids: maps::keep(uids, host.uid), gids: maps::keep(gids, host.gid) },
        _ if is_of_sub_ids(spec, host, &set_up) => {
            notes.push(
                "the root belongs to the first of your sub-ids, so that one is root inside; you are its last id".into(),
            );
            Maps { uids: maps::high(uids), gids: maps::high(gids) }
        }
        _ => Maps { uids: maps::low(uids), gids: maps::low(gids) },
    };
    if uids.min(gids) <= USUAL {
        notes.push(format!(
            "your range gives the container {uids} uids and {gids} gids: programs that want more, such as user nobody, will fail"
        ));
    }
    let split = |wanted: &[Extent], of: &[Extent], name| {
        maps::split(wanted, of).ok_or_else(|| wrong(name, "it wants ids that you do not have".into()))
    };
    let payload = Maps {
        uids: split(&wished.uids, &set_up.uids, "--uidmap")?,
        gids: split(&wished.gids, &set_up.gids, "--gidmap")?,
    };
    Ok(Ids { range: Some(Range { set_up, payload, by: By::Tools(granted.tools) }), notes })
}

/// For what makes nothing that anybody owns: one id, or root's range.
pub fn least(host: &Host) -> Result<Ids> {
    if host.is_real_root() { root::decide(&Spec::default(), host) } else { Ok(Ids::default()) }
}

/// All the caller's ids, where he has any, whatever a container wants of them.
pub fn granted() -> Option<Range> {
    let host = Host::look();
    let granted = if host.is_real_root() { return None } else { Facts::look(&host).granted().ok()? };
    let set_up = Maps { uids: maps::set_up(host.uid, &granted.uids)?, gids: maps::set_up(host.gid, &granted.gids)? };
    Some(Range { payload: Maps::default(), set_up, by: By::Tools(granted.tools) })
}

fn wrong(option: &str, why: String) -> Lack {
    Lack::Wrong(Box::new(
        Fail::new(Stage::Front, format!("cannot make the id map {option} asks for"))
            .why(why)
            .hint(format!("{option} IN:OUT:COUNT; OUT 0 is you, and 1 is the first of your sub-ids")),
    ))
}

/// What mmdebstrap and podman unpack in a user namespace of their own belongs to the first sub-id.
fn is_of_sub_ids(spec: &Spec, host: &Host, set_up: &Maps) -> bool {
    let Some(rootfs) = &spec.rootfs else { return false };
    let first = maps::outside(&set_up.uids, 1);
    let owner = host
        .expand(rootfs.path.as_bytes())
        .ok()
        .and_then(|path| std::fs::metadata(crate::host::as_path(&path)).ok().map(|folder| folder.uid()));
    first.is_some() && owner == first
}

impl Ids {
    /// Whether root of the host calls, and the container has ids of its own.
    pub fn are_roots(&self) -> bool {
        self.range.as_ref().is_some_and(Range::is_roots)
    }

    /// Whether something of the host's that has this owner is one of the container's own, so that its root may do
    /// anything with it.
    pub fn own(&self, uid: u32, gid: u32, host: &Host) -> bool {
        match &self.range {
            None => (uid, gid) == (host.uid, host.gid),
            Some(Range { payload, by: By::Root, .. }) => {
                maps::has_inside(&payload.uids, uid) && maps::has_inside(&payload.gids, gid)
            }
            Some(Range { set_up, .. }) => maps::has(&set_up.uids, uid) && maps::has(&set_up.gids, gid),
        }
    }

    /// Whether one of the container's users who is not root may enter a folder of the host's.
    pub fn may_enter(&self, who: &Identity, folder: &Stat) -> bool {
        let Some(range @ Range { set_up, payload, .. }) = &self.range else { return false };
        let on_host = |payload, set_up, id| match range.is_roots() {
            true => Some(id),
            false => maps::outside(payload, id).and_then(|id| maps::outside(set_up, id)),
        };
        let own = on_host(&payload.uids, &set_up.uids, who.uid) == Some(folder.st_uid);
        let group = || who.groups.iter().any(|&gid| on_host(&payload.gids, &set_up.gids, gid) == Some(folder.st_gid));
        // The first that fits decides, as path_resolution(7) has it.
        let bit = if own {
            0o100
        } else if group() {
            0o010
        } else {
            0o001
        };
        folder.st_mode & bit != 0
    }

    /// kakuri-mount's part. `home`: a folder of the container's own that its user is to have; `given`: what else.
    pub fn ranged(&self, who: &Identity, home: Option<&[u8]>, given: &[Vec<u8>]) -> Option<kakuri_mount::Ranged> {
        let range = self.range.as_ref()?;
        let uid = |uid| maps::outside(&range.payload.uids, uid);
        let gid = |gid| maps::outside(&range.payload.gids, gid);
        let his = |at: &[u8]| {
            Some(kakuri_mount::Home { at: kakuri_wire::Bytes(at.to_vec()), uid: uid(who.uid)?, gid: gid(who.gid)? })
        };
        Some(kakuri_mount::Ranged {
            // Where P has no root nobody minds who owns its folders, but the caller, who can remove them.
            root: (uid(0).unwrap_or(0), gid(0).unwrap_or(0)),
            tty: gid(5),
            home: home.and_then(his),
            mapped: range.is_roots(),
            given: given.iter().filter_map(|at| his(at)).collect(),
        })
    }

    /// PID 1's part.
    pub fn maps(&self) -> Option<Maps> {
        self.range.as_ref().map(|range| range.payload.clone())
    }

    /// PID 1's part of a command.
    pub fn of(&self, who: &Identity) -> Result<Option<kakuri_init::Ids>> {
        let Some(range) = &self.range else { return Ok(None) };
        check(&range.payload, who.uid, who.gid)?;
        let groups = who.groups.iter().copied().filter(|&gid| maps::outside(&range.payload.gids, gid).is_some());
        Ok(Some(kakuri_init::Ids { uid: who.uid, gid: who.gid, groups: groups.collect(), pipes: false }))
    }
}

/// Whether there is such a user in a container with these maps.
pub fn check(payload: &Maps, uid: u32, gid: u32) -> Result<()> {
    let lacking = if maps::outside(&payload.uids, uid).is_none() {
        ("user", uid, &payload.uids)
    } else if maps::outside(&payload.gids, gid).is_none() {
        ("group", gid, &payload.gids)
    } else {
        return Ok(());
    };
    let (kind, id, extents) = lacking;
    let shown: Vec<String> = maps::merged(extents).iter().map(|(from, to)| format!("{from}-{to}")).collect();
    Err(Fail::new(Stage::Front, format!("cannot be {kind} {id} in this container"))
        .why(format!("its range has no such id: {}", shown.join(", ")))
        .hint("name another with -u, or have a larger range given to you: sudo usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST USER"))
}
