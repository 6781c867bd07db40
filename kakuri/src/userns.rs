//! Why a user namespace was refused, and the command that mends it. No capability.
//!
//! The kernel gives an errno and nothing else; which of its many guards it was is found by what can be read
//! about each ([`facts`]). Deciding is pure: the same facts, the same answer.

pub mod facts;
mod mend;

pub use facts::{Facts, Outer};
pub use mend::lasting;

/// The guard that refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The kernel was built without them.
    NotBuilt,
    /// Debian's and Arch's hardened kernels: kernel.unprivileged_userns_clone=0.
    Switch,
    /// Ubuntu's: made, but without any capability inside.
    Apparmor,
    /// user.max_user_namespaces=0.
    NoneAllowed,
    /// user.max_user_namespaces is used up.
    UsedUp,
    /// Another of user.max_*_namespaces is 0.
    NoneOf(&'static str),
    /// Another of them is used up.
    UsedUpOf(&'static str),
    /// The limit is one that an outer user namespace set, or they are nested too deep.
    OuterLimit,
    /// RLIMIT_NPROC or a cgroup's pids limit.
    Processes,
    Memory,
    /// A system call filter of whatever this process runs in.
    Filter,
    /// This process's root is not its mount namespace's.
    Chroot,
    /// The caller's own ids have no meaning in the user namespace it is in.
    Unmapped,
    /// SELinux or another security module.
    Module,
    Unknown,
}

/// For the one who met this errno at a clone, an unshare or a map: the reason in words, and a hint with the
/// exact command.
pub fn explain_failure(errno: i32) -> (String, String) {
    explain(&facts::collect(errno))
}

/// The same for a user namespace made in one of ours, where not even root has rights over the host: Debian's and
/// Arch's switch refuses root that one alone (seen on Debian's 6.1 and 6.12).
pub fn explain_second(errno: i32) -> (String, String) {
    explain(&Facts { privileged: false, ..facts::collect(errno) })
}

/// The same for a namespace of another kind alone: `mnt`, `pid`, `net`, `ipc`, `uts` or `cgroup`. The commands of the hint
/// come third.
pub fn explain_kind(errno: i32, kind: &'static str) -> (String, String, Vec<String>) {
    let facts = Facts { limit: facts::limit_of(kind), ..facts::collect(errno) };
    let cause = match (errno, facts.limit) {
        (libc::ENOSPC, Some(0)) => Cause::NoneOf(kind),
        (libc::ENOSPC, _) => Cause::UsedUpOf(kind),
        _ => find(&facts),
    };
    (mend::reason(cause, &facts), mend::hint(cause, &facts), mend::commands(cause, &facts))
}

/// The commands of that hint alone, as lines of a shell script. None where it is no command's to mend.
pub fn commands(errno: i32) -> Vec<String> {
    let facts = facts::collect(errno);
    mend::commands(find(&facts), &facts)
}

fn explain(facts: &Facts) -> (String, String) {
    let cause = find(facts);
    (mend::reason(cause, facts), mend::hint(cause, facts))
}

/// The most certain explanation comes first: what was switched off by name, then what the surroundings
/// forbid, and a guess only where nothing else is left.
pub fn find(facts: &Facts) -> Cause {
    match facts.errno {
        libc::EINVAL | libc::ENOSYS if !facts.built => Cause::NotBuilt,
        libc::EINVAL if facts.seccomp != Some(2) => Cause::NotBuilt,
        libc::ENOSPC | libc::EUSERS => match facts.limit {
            Some(0) => Cause::NoneAllowed,
            // One clone asks for a namespace of every kind, and has one errno for all of them.
            _ if facts.none_of.is_some() => Cause::NoneOf(facts.none_of.unwrap_or_default()),
            // The file shows the limit of the namespace we are in; that of one further out counts as well.
            _ if facts.nested => Cause::OuterLimit,
            _ => Cause::UsedUp,
        },
        libc::EAGAIN => Cause::Processes,
        libc::ENOMEM => Cause::Memory,
        libc::EPERM | libc::EACCES | libc::ENOSYS | libc::EINVAL => refused(facts),
        _ => Cause::Unknown,
    }
}

fn refused(facts: &Facts) -> Cause {
    // Neither sysctl binds one who is root on the host.
    if facts.switched_off == Some(true) && !facts.privileged {
        Cause::Switch
    } else if facts.chroot {
        Cause::Chroot
    } else if facts.unmapped {
        Cause::Unmapped
    } else if facts.apparmor_restricts == Some(true) && !facts.privileged && facts.seccomp != Some(2) {
        Cause::Apparmor
    } else if facts.seccomp == Some(2) {
        Cause::Filter
    } else if facts.errno == libc::EACCES || facts.confined {
        Cause::Module
    } else {
        Cause::Unknown
    }
}

#[cfg(test)]
mod tests;
