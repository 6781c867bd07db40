//! Lending the network to another container of the same owner's, which is then made below this one's set-up namespace.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use kakuri_wire::fail::{CODE_FAILED, Fail, OrFail, Result, Stage};
use kakuri_wire::{namespace, sys};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::requests::Waits;
use super::watch::Supervisor;
use crate::control::{FromSupervisor, Shared};
use crate::network::Kind;

/// User namespaces in the set-up namespace: the payload's own, and two of each container that shares the network.
const OWN: usize = 1;
const EACH: usize = 2;
/// The kernel still counts the namespaces of a container for a while after its end: seconds, on a quiet machine.
const LINGER: Duration = Duration::from_secs(15);

impl Supervisor {
    pub fn share_network(&mut self, asker: u32) -> Result<()> {
        let wiring = &self.plan.wiring;
        let name = self.name();
        match wiring.kind {
            Kind::None | Kind::Own => {}
            Kind::Host => {
                return Err(Fail::new(Stage::Front, format!("the network of '{name}' is the host's"))
                    .hint("--allow-network gives the same"));
            }
            Kind::Joined => {
                return Err(Fail::new(Stage::Front, format!("the network of '{name}' is not its own"))
                    .hint(format!("--network {} joins the same", wiring.label)));
            }
        }
        let what = || format!("cannot open the network of '{name}'");
        // PID 1 is our own child and not reaped yet, so its number is nobody else's.
        let namespace = |kind: &str| -> Result<OwnedFd> {
            let path = format!("/proc/{}/ns/{kind}", self.cell.init_pid);
            openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).fail(Stage::Front, what)
        };
        let (owner, network) = (namespace("user")?, namespace("net")?);
        let shared = Shared {
            resolvers: wiring.resolvers.clone(),
            search: wiring.search.clone(),
            hosts: wiring.hosts.clone(),
            nest: self.plan.setup.nest,
        };
        self.wait_for(asker, Waits::Network);
        self.make_room();
        self.answer(asker, &FromSupervisor::Namespaces(Box::new(shared)), &[owner.as_fd(), network.as_fd()]);
        Ok(())
    }

    /// One that shared the network has gone.
    pub fn see_off(&mut self) {
        self.departed.push(Instant::now() + LINGER);
        self.make_room();
    }

    /// Those of whom nothing can be left by now.
    pub fn forget_departed(&mut self) {
        let now = Instant::now();
        if self.departed.iter().any(|due| *due <= now) {
            self.departed.retain(|due| *due > now);
            self.make_room();
        }
    }

    /// Sets how many user namespaces there may be in the set-up namespace to what is in use, so that the payload can
    /// make none of its own. Where it cannot be set, the other container is refused by the kernel, and says so.
    pub fn make_room(&mut self) {
        if self.plan.setup.nest {
            return;
        }
        let guests = self.askers.iter().filter(|asker| asker.waits == Waits::Network).count() + self.departed.len();
        if let Err(e) = self.limit_namespaces(OWN + EACH * guests) {
            log::info!("cannot make room for the namespaces of another container: {e}");
        }
    }

    fn limit_namespaces(&self, most: usize) -> std::result::Result<(), Errno> {
        let path = format!("/proc/{}/ns/user", self.cell.init_pid);
        let owner = openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let text = most.to_string();
        // Only a process of that namespace may set it, and it is thrown away.
        let (_, child) = sys::clone_vfork(0, &mut || {
            let set = namespace::join_user(owner.as_fd()).and_then(|()| {
                let setting = "/proc/sys/user/max_user_namespaces";
                let file = openat(CWD, setting, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
                rustix::io::write(&file, text.as_bytes()).map(drop)
            });
            set.map_or(i32::from(CODE_FAILED), |()| 0)
        })
        .map_err(|e| Errno::from_raw_os_error(e.raw_os_error().unwrap_or(libc::EIO)))?;
        match waitid(WaitId::PidFd(child.as_fd()), WaitIdOptions::EXITED)?.and_then(|status| status.exit_status()) {
            Some(0) => Ok(()),
            _ => Err(Errno::PERM),
        }
    }
}
