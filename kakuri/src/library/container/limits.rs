//! Limits of a container as a whole, and a second wall around its files and ports.

use std::path::{Path, PathBuf};

use super::Container;
use crate::library::words::text;

/// What Landlock lets commands do (landlock(7)), over all else that is asked of a container: a wall the kernel keeps even
/// if another falls.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Landlock {
    /// Files beneath may be read. With this or one of the next two, no others may be used.
    Read(PathBuf),
    /// Files beneath may be read, written, made and removed.
    Write(PathBuf),
    /// Files beneath may be read and executed: programs and their libraries.
    Execute(PathBuf),
    /// This TCP port may be listened on, and no others that are not named.
    BindTcp(u16),
    /// This TCP port may be connected to, and no others that are not named.
    ConnectTcp(u16),
    /// All is denied that no rule allows of `fs`, `tcp.bind` or `tcp.connect`; or `abstract` sockets of others, or `signals`
    /// to them.
    Restrict(String),
}

impl Container {
    /// The most memory all its processes have together, in bytes. It wants a control group, which a session of systemd
    /// gives.
    pub fn memory(&mut self, bytes: u64) -> &mut Container {
        self.calls.option(text!("Container::memory", bytes), "--memory", bytes.to_string());
        self
    }

    /// So much more of it in swap, in bytes; otherwise nothing.
    pub fn swap(&mut self, bytes: u64) -> &mut Container {
        self.calls.option(text!("Container::swap", bytes), "--swap", bytes.to_string());
        self
    }

    /// The most time of processors, in processors: 1.5 is one and a half.
    pub fn cpus(&mut self, processors: f64) -> &mut Container {
        self.calls.option(text!("Container::cpus", processors), "--cpus", processors.to_string());
        self
    }

    /// The most processes and threads at a time.
    pub fn pids_limit(&mut self, most: u32) -> &mut Container {
        self.calls.option(text!("Container::pids_limit", most), "--pids-limit", most.to_string());
        self
    }

    /// A rule of Landlock's. Paths are inside.
    pub fn landlock(&mut self, rule: &Landlock) -> &mut Container {
        let call = text!("Container::landlock", rule);
        let mut path = |option, path: &Path| self.calls.option(call.clone(), option, path);
        match rule {
            Landlock::Read(at) => path("--landlock-ro", at),
            Landlock::Write(at) => path("--landlock-rw", at),
            Landlock::Execute(at) => path("--landlock-rx", at),
            Landlock::BindTcp(port) => self.calls.option(call, "--landlock-tcp-bind", port.to_string()),
            Landlock::ConnectTcp(port) => self.calls.option(call, "--landlock-tcp-connect", port.to_string()),
            Landlock::Restrict(kind) => self.calls.option(call, "--landlock-restrict", kind),
        }
        self
    }

    /// It is started only where this guarantee is enforced; `kakuri --explain` lists them, `all` is every one.
    pub fn require(&mut self, guarantee: impl AsRef<str>) -> &mut Container {
        let guarantee = guarantee.as_ref();
        self.calls.option(text!("Container::require", guarantee), "--require", guarantee);
        self
    }
}
