//! Capabilities only go down. Names and numbers from capabilities(7).

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use crate::fail::{Fail, OrFail, Result, Stage};
use crate::sys;

pub use rustix::thread::CapabilitySet as Set;

/// Keeps exactly `keep` in the permitted and effective sets and nothing inheritable; ambient ones fall with it.
pub fn keep(stage: Stage, keep: CapabilitySet) -> Result<()> {
    let sets = CapabilitySets { effective: keep, permitted: keep, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).fail(stage, || "cannot give up capabilities".into())
}

/// What this process may put in effect.
pub fn held(stage: Stage) -> Result<CapabilitySet> {
    capabilities(None).map(|sets| sets.permitted).fail(stage, || "cannot tell which capabilities there are".into())
}

/// Keeps `keep` in effect, and has `aside` ready for one call: [`keep`] of both puts it in effect, and of the first
/// alone gives it up for good.
pub fn put_aside(stage: Stage, keep: CapabilitySet, aside: CapabilitySet) -> Result<()> {
    let sets = CapabilitySets { effective: keep, permitted: keep | aside, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).fail(stage, || "cannot give up capabilities".into())
}

/// Puts these of the permitted ones in effect, and takes all others out of it; they stay permitted.
pub fn put_in_effect(stage: Stage, effective: CapabilitySet) -> Result<()> {
    let permitted = held(stage)?;
    let sets = CapabilitySets { effective, permitted, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).fail(stage, || "cannot put capabilities in effect".into())
}

/// Gives up every capability for good.
pub fn drop_all(stage: Stage) -> Result<()> {
    keep(stage, CapabilitySet::empty())
}

/// Cuts the bounding set down to `keep`, so that no exec gives more than that (needs CAP_SETPCAP).
/// Numbers the running kernel does not know are none it could give.
pub fn bound(stage: Stage, keep: CapabilitySet) -> Result<()> {
    for cap in 0..64 {
        if keep.bits() & (1 << cap) != 0 {
            continue;
        }
        match sys::drop_bounding(cap) {
            Ok(()) => {}
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => break,
            Err(e) => return Err(Fail::new(stage, "cannot cut the capability bounding set").errno(e)),
        }
    }
    Ok(())
}

/// What root inside a container may hold over its own namespace P: the list docker and podman give.
pub fn default_bounding() -> CapabilitySet {
    use CapabilitySet as C;
    C::CHOWN
        | C::DAC_OVERRIDE
        | C::FOWNER
        | C::FSETID
        | C::KILL
        | C::SETGID
        | C::SETUID
        | C::SETPCAP
        | C::NET_BIND_SERVICE
        | C::NET_RAW
        | C::SYS_CHROOT
        | C::MKNOD
        | C::AUDIT_WRITE
        | C::SETFCAP
}
