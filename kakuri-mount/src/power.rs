//! Which rights are in effect at which step. Runs in S.
//!
//! With one id everything that is made belongs to the caller, and CAP_SYS_ADMIN does; a writable overlay wants one more,
//! in the call that makes it. With a range of ids the root of what is built is another, and what lies in it belongs to
//! many: there things are made as that root, with the rights he has over files inside, and files of the host are opened
//! as the caller, without. None of it reaches beyond the caller's own ids: over a file whose owner has no id in S no
//! capability of S counts.

use std::os::fd::OwnedFd;

use kakuri_wire::{Fail, Result, Stage, caps};
use rustix::fs::{AtFlags, Gid, Stat, Uid, chownat, fstat};
use rustix::io::Errno;
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

use crate::attach::Tree;
use crate::{Home, Op, Plan, Ranged};

use caps::Set;

/// For what belongs to many, and for an overlay, which copies files up with owner, set-id bits and capabilities.
const OVER_FILES: Set = Set::DAC_OVERRIDE.union(Set::CHOWN).union(Set::FOWNER).union(Set::FSETID).union(Set::SETFCAP);

/// Puts rights over files into effect, and takes them back.
#[derive(Default)]
pub struct Power {
    ranged: Option<Ranged>,
    /// Writable overlays still to come.
    overlays: usize,
}

impl Power {
    pub fn of(plan: &Plan) -> Power {
        let root = plan.root.as_ref().is_some_and(|root| root.is_overlay());
        let cows = plan.ops.iter().chain(&plan.finish).filter(|op| matches!(op, Op::Cow(_))).count();
        Power { ranged: plan.ranged.clone(), overlays: cows + usize::from(root) }
    }

    /// What a process that has joined S keeps for good. Of what only some steps want, nothing is in effect yet.
    pub fn settle(plan: &Plan) -> Result<()> {
        match &plan.ranged {
            None if Power::of(plan).overlays > 0 => caps::put_aside(Stage::Mount, Set::SYS_ADMIN, Set::DAC_OVERRIDE),
            None => caps::keep(Stage::Mount, Set::SYS_ADMIN),
            Some(ranged) => {
                let (uid, gid) = (Uid::from_raw(ranged.root.0), Gid::from_raw(ranged.root.1));
                // As the real ids they can be taken on and off without any capability.
                set_thread_res_gid(gid, Gid::ROOT, Gid::ROOT)
                    .and_then(|()| set_thread_res_uid(uid, Uid::ROOT, Uid::ROOT))
                    .map_err(no_ids)?;
                caps::put_aside(Stage::Mount, Set::SYS_ADMIN, OVER_FILES)
            }
        }
    }

    /// Does something to the container's own files: as its root.
    pub fn as_root<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some(ranged) = &self.ranged else { return act() };
        become_root(Uid::from_raw(ranged.root.0), Gid::from_raw(ranged.root.1), OVER_FILES)?;
        let done = act();
        // Whether it worked or not.
        become_root(Uid::ROOT, Gid::ROOT, Set::empty())?;
        done
    }

    /// The same where the owners of the host's files are mapped. Elsewhere such files are the caller's, who does it.
    pub fn as_mapped_root<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.is_mapped() { self.as_root(act) } else { act() }
    }

    fn is_mapped(&self) -> bool {
        self.ranged.as_ref().is_some_and(|ranged| ranged.mapped)
    }

    /// Makes a writable overlay, which does everything with the rights of who mounted it, for good. With the last one the
    /// right to more is given up.
    pub fn over_files<T>(&mut self, act: impl FnOnce() -> Result<T, Errno>) -> Result<Result<T, Errno>> {
        self.overlays = self.overlays.saturating_sub(1);
        if self.ranged.is_some() {
            return self.as_root(|| Ok(act()));
        }
        caps::keep(Stage::Mount, Set::SYS_ADMIN | Set::DAC_OVERRIDE)?;
        let done = act();
        // Whether it worked or not.
        match self.overlays {
            0 => caps::keep(Stage::Mount, Set::SYS_ADMIN)?,
            _ => caps::put_aside(Stage::Mount, Set::SYS_ADMIN, Set::DAC_OVERRIDE)?,
        }
        Ok(done)
    }

    /// Gives a home of the container's own, and what else is to be his, to its user. What somebody has had since is left.
    pub fn give_home(&self, root: &Tree) -> Result<()> {
        let Some(Ranged { home, given, root: own, .. }) = &self.ranged else { return Ok(()) };
        home.iter().chain(given).try_for_each(|home| self.give(root, home, *own))
    }

    fn give(&self, root: &Tree, Home { at, uid, gid }: &Home, own: (u32, u32)) -> Result<()> {
        self.as_root(|| {
            let folder = root.existing(at)?;
            let what = || Fail::new(Stage::Mount, format!("cannot give '{at}' to the container's user"));
            let stat = fstat(&folder).map_err(|e| what().errno(e))?;
            // What the front made for a container with a name is the caller's.
            if stat.st_uid != 0 && stat.st_uid != own.0 {
                return Ok(());
            }
            if (stat.st_uid, stat.st_gid) == (*uid, *gid) {
                return Ok(());
            }
            let (uid, gid) = (Uid::from_raw(*uid), Gid::from_raw(*gid));
            match chownat(&folder, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH) {
                // Nobody is to write it.
                Err(Errno::ROFS) => Ok(()),
                given => given.map_err(|e| what().errno(e)),
            }
        })
    }

    /// A layer's folder shows as the root's own. The front made it, and so it is the caller's.
    pub fn give_layer(&self, upper: &OwnedFd) -> Result<(), Errno> {
        let Some(Ranged { root, .. }) = &self.ranged else { return Ok(()) };
        let stat = fstat(upper)?;
        if (stat.st_uid, stat.st_gid) == *root || stat.st_uid != 0 {
            return Ok(());
        }
        let given = self.as_root(|| {
            Ok(chownat(upper, c"", Some(Uid::from_raw(root.0)), Some(Gid::from_raw(root.1)), AtFlags::EMPTY_PATH))
        });
        given.map_err(|_| Errno::PERM)?
    }

    /// Where owners are mapped a layer's folder is the owner's of the folder it lies over.
    pub fn give_to_owner(&self, upper: &OwnedFd, of: &Stat) -> Result<(), Errno> {
        if !self.is_mapped() {
            return Ok(());
        }
        let (uid, gid) = (Uid::from_raw(of.st_uid), Gid::from_raw(of.st_gid));
        let given = self.as_root(|| {
            match chownat(upper, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH) {
                // The owner has no id inside.
                Err(Errno::INVAL | Errno::OVERFLOW) => Ok(Ok(())),
                given => Ok(given),
            }
        });
        given.map_err(|_| Errno::PERM)?
    }

    /// Whose terminals are: a caller who has no id inside could give them to nobody.
    pub fn terminals(&self) -> Option<u32> {
        self.ranged.as_ref().filter(|ranged| ranged.mapped).map(|ranged| ranged.root.0)
    }

    /// The group of terminals.
    pub fn tty(&self) -> Option<u32> {
        self.ranged.as_ref().and_then(|ranged| ranged.tty)
    }
}

/// The ids for files, and with them these capabilities beside the one for mounts: an exchange of ids takes out of effect
/// what there was.
fn become_root(uid: Uid, gid: Gid, more: Set) -> Result<()> {
    set_thread_res_gid(None, gid, None).and_then(|()| set_thread_res_uid(None, uid, None)).map_err(no_ids)?;
    caps::put_in_effect(Stage::Mount, Set::SYS_ADMIN | more)
}

fn no_ids(e: Errno) -> Fail {
    Fail::new(Stage::Mount, "cannot act as the container's root").errno(e)
}
