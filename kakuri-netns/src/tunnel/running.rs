//! What the threads of a running tunnel share.

use std::os::fd::OwnedFd;
use std::sync::{Barrier, Mutex, PoisonError};

use kakuri_wire::{Fail, Result};

use super::counters::Counters;
use super::device::Device;
use super::peers::Peers;
use super::transmit::Transmit;

/// What a thread does until it cannot go on.
pub type Work = fn(&Running) -> Result<()>;

pub struct Running {
    pub peers: Peers,
    pub transmit: Transmit,
    pub device: Device,
    pub counters: Counters,
    /// Of the device, bytes.
    pub mtu: usize,
    /// The threads, and the one that starts them: nobody works before all of them are confined.
    pub gate: Barrier,
    /// Written when a thread ends, which is the end of the tunnel.
    pub ended: OwnedFd,
    pub why: Mutex<Option<Fail>>,
}

impl Running {
    /// A thread's life: starts, waits for the confinement, works, and says why it could not go on.
    pub fn live(&self, work: Work) {
        // The first says that this thread is there to be confined, the second that it has been.
        self.gate.wait();
        self.gate.wait();
        let why = work(self).err();
        let mut told = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none() {
            *told = why;
        }
        drop(told);
        // The counter of an event; it cannot be full.
        let _ = rustix::io::write(&self.ended, &1_u64.to_ne_bytes());
    }
}
