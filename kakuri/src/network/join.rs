//! A network namespace that somebody else made: `--network ns:PATH`, and what of it is the same for
//! `--network container:NAME`.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::{Bytes, Channel, namespace, sys};
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};

use crate::host::Host;

/// What is joined, held open from before the container is begun.
#[derive(Debug)]
pub struct Joined {
    /// The user namespace that owns the network; None: our own.
    pub owner: Option<OwnedFd>,
    pub network: OwnedFd,
    /// The supervisor of the container whose network it is: it makes room for ours as long as this is open.
    pub control: Option<Channel>,
}

impl Joined {
    /// The numbers of all it holds.
    pub fn descriptors(&self) -> impl Iterator<Item = u32> {
        let fds =
            [self.owner.as_ref().map(AsFd::as_fd), Some(self.network.as_fd()), self.control.as_ref().map(AsFd::as_fd)];
        fds.into_iter().flatten().map(|fd| fd.as_raw_fd() as u32)
    }

    /// Called in a process that is thrown away: to where the container is then made.
    pub fn enter(&self) -> std::io::Result<()> {
        namespace::join_network(self.owner.as_ref().map(AsFd::as_fd), self.network.as_fd())
    }

    /// The same for this very process, which root may: the container is made in the meantime, and [`Joined::leave`] is
    /// given what was left.
    pub fn visit(&self) -> Result<OwnedFd> {
        let what = || "cannot join the network".to_string();
        let own = openat(CWD, "/proc/self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let own = own.fail(Stage::Front, what)?;
        namespace::join_network(None, self.network.as_fd())
            .map_err(|e| Fail::new(Stage::Front, what()).errno(e))
            .map(|()| own)
    }

    pub fn leave(own: OwnedFd) -> Result<()> {
        namespace::join_network(None, own.as_fd())
            .map_err(|e| Fail::new(Stage::Front, "cannot leave the network that was joined").errno(e))
    }
}

/// The network namespace a file names: a bind of ip-netns(8), or /proc/PID/ns/net.
pub fn open(path: &Bytes, host: &Host) -> Result<Joined> {
    let cannot = || Fail::new(Stage::Front, format!("cannot join the network namespace '{path}'"));
    let absolute = Bytes(host.absolute(path.as_bytes())?);
    let network = openat(CWD, absolute.as_path(), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| cannot().errno(e).hint("name a file such as /run/netns/NAME or /proc/PID/ns/net"))?;
    if sys::namespace_type(network.as_fd()).ok() != Some(libc::CLONE_NEWNET) {
        return Err(cannot()
            .why("it is no network namespace")
            .hint("name a file such as /run/netns/NAME or /proc/PID/ns/net"));
    }
    let roots = || {
        cannot()
            .why("it was made by root, or by another user, and only they may enter it")
            .hint("as root it can be joined; --network nat or --network container:NAME need no root")
    };
    let owner = sys::namespace_owner(network.as_fd()).map_err(|_| roots())?;
    let own = openat(CWD, "/proc/self/ns/user", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(fstat)
        .map_err(|e| cannot().errno(e).hint("kakuri needs /proc"))?;
    let theirs = fstat(&owner).map_err(|e| cannot().errno(e))?;
    let ours = (own.st_dev, own.st_ino) == (theirs.st_dev, theirs.st_ino);
    if ours && !host.is_real_root() {
        return Err(roots());
    }
    Ok(Joined { owner: (!ours).then_some(owner), network, control: None })
}
