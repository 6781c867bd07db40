//! File systems that only a process inside the container's namespaces can make.

use serde::{Deserialize, Serialize};

/// Made by PID 1 as detached mounts, handed through the front, attached by kakuri-mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kernelfs {
    /// Wants a pid namespace of our own.
    Proc,
    /// Wants an ipc namespace of our own.
    Mqueue,
    /// Wants a network namespace of our own.
    Sysfs,
}

impl Kernelfs {
    /// Its type for fsopen(2), and its word in messages.
    pub fn name(self) -> &'static str {
        match self {
            Kernelfs::Proc => "proc",
            Kernelfs::Mqueue => "mqueue",
            Kernelfs::Sysfs => "sysfs",
        }
    }
}
