//! One id, which needs no privilege and no helper (user_namespaces(7)).

use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{getegid, geteuid};

/// S's root is the caller, and nobody else is mapped.
pub struct Single {
    uid: u32,
    gid: u32,
}

impl Single {
    pub fn of_caller() -> Single {
        Single { uid: geteuid().as_raw(), gid: getegid().as_raw() }
    }

    /// The same where S is made below another user namespace of the caller's, whose one id it has.
    pub fn of_root() -> Single {
        Single { uid: 0, gid: 0 }
    }

    /// In a child that is in its new user namespace: writes its own maps. setgroups is denied first, which is
    /// what permits the group map; groups the caller has stay, and none can be dropped.
    pub fn write_own(&self) -> Result<()> {
        write("/proc/self/setgroups", "deny")?;
        write("/proc/self/uid_map", &format!("0 {} 1\n", self.uid))?;
        write("/proc/self/gid_map", &format!("0 {} 1\n", self.gid))
    }
}

fn write(path: &str, text: &str) -> Result<()> {
    let written = openat(CWD, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(|file| rustix::io::write(&file, text.as_bytes()))
        .and_then(|n| if n == text.len() { Ok(()) } else { Err(rustix::io::Errno::IO) });
    written.map_err(|e| {
        let fail = Fail::new(Stage::Front, format!("cannot write {path} of the new user namespace")).errno(e);
        match e {
            rustix::io::Errno::NOENT => fail.hint("kakuri needs /proc, and /proc of this very pid namespace"),
            rustix::io::Errno::PERM | rustix::io::Errno::ACCESS => {
                let (why, hint) = crate::userns::explain_failure(e.raw_os_error());
                fail.why(why).hint(hint)
            }
            _ => fail,
        }
    })
}
