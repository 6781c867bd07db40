//! Doors: ways to what the caller's desktop and machine have, each asked for by its own option and each as narrow as it
//! can be made. Decided here at each start from the caller's own environment; nothing is made.
//!
//! A socket is bound alone, never the folder it lies in, and read-only: it can be connected to, and neither its mode nor its
//! owner be changed, which the container, being the caller for the kernel, could. A door that leads nowhere is an error.

mod agent;
mod audio;
pub mod dbus;
mod git;
mod gpu;
pub mod proxy;
mod runtime;
mod socket;
mod wayland;
mod x11;

use kakuri_wire::{Bytes, Result};

use crate::bind::place::Placing;
use crate::environment::Variables;
use crate::host::Host;
use crate::identity::Identity;
use crate::idmap::Ids;
use crate::network::Kind;
use crate::spec::{Doors as Wanted, Spec};
use dbus::Bus;
pub use git::Made;
use runtime::Runtime;

/// What a start needs to know of its doors.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    /// What programs find them by.
    pub variables: Variables,
    /// The options that let it speak with somebody.
    pub sockets: Vec<&'static str>,
    /// A line each, for --explain.
    pub shown: Vec<String>,
    /// Places inside that are to be the user's own, where he is not the container's root.
    pub given: Vec<Vec<u8>>,
    /// What has to be made on the host before the start, so that the container cannot make it.
    pub make: Vec<Made>,
    pub bus: Option<Bus>,
    /// A folder of libraries that comes before those of the root.
    pub libraries: Option<Vec<u8>>,
}

/// Who stands behind the doors.
pub struct Visitor<'a> {
    spec: &'a Spec,
    host: &'a Host,
    who: &'a Identity,
    ids: &'a Ids,
    network: Kind,
}

/// Puts what the doors need into the tree, which has all the binds by now.
pub fn open(
    placing: &mut Placing,
    spec: &Spec,
    host: &Host,
    (who, ids): (&Identity, &Ids),
    network: Kind,
) -> Result<Doors> {
    let mut doors = Doors::default();
    let wanted: &Wanted = &spec.doors;
    if wanted.is_default() {
        return Ok(doors);
    }
    let bus = !wanted.dbus.is_empty();
    let sockets = [
        (wanted.ssh_agent, "--ssh-agent"),
        (wanted.wayland, "--wayland"),
        (wanted.x11, "--x11"),
        (wanted.audio, "--audio"),
        (bus, "--dbus"),
    ];
    doors.sockets = sockets.into_iter().filter_map(|(open, option)| open.then_some(option)).collect();
    let visitor = Visitor { spec, host, who, ids, network };
    let mut runtime = Runtime::of(&visitor);
    if wanted.ssh_agent {
        agent::open(placing, &mut doors, &visitor, &mut runtime)?;
    }
    if wanted.wayland {
        wayland::open(placing, &mut doors, &visitor, &mut runtime)?;
    }
    if wanted.x11 {
        x11::open(placing, &mut doors, &visitor, &mut runtime)?;
    }
    if wanted.audio {
        audio::open(placing, &mut doors, &visitor, &mut runtime)?;
    }
    if bus {
        dbus::open(placing, &mut doors, &visitor, &mut runtime)?;
    }
    if wanted.gpu {
        gpu::open(placing, &mut doors, &visitor)?;
    }
    if wanted.git {
        git::open(placing, &mut doors, &host.home)?;
    }
    Ok(doors)
}

impl Doors {
    fn set(&mut self, key: &str, value: impl AsRef<[u8]>) {
        self.variables.insert(key.into(), value.as_ref().to_vec());
    }

    /// `ssh-agent: /tmp/ssh-x/agent.1 at /run/user/0/ssh-agent`.
    fn show(&mut self, door: &str, from: &[u8], at: &[u8]) {
        self.shown.push(format!("{door}: {} at {}", Bytes(from.to_vec()), Bytes(at.to_vec())));
    }
}
