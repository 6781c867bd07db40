//! A WireGuard configuration as wg-quick(8) and wg(8) define it, read and judged. Makes no system call.
//!
//! Read in three stages: lines ([`read`]), settings of a section ([`interface`], [`peer`]), and what they are together
//! ([`whole`], [`together`]). What comes of it is the container's side ([`Conf::plan`]) and the tunnel's ([`Conf::tunnel`]). The file
//! is trusted no more than a packet: sizes are limited, and no message shows a key, nor anything that could be one.

mod interface;
mod known;
mod make;
mod peer;
mod read;
mod report;
mod together;
mod value;
mod whole;

use std::net::IpAddr;

use kakuri_wire::{Fail, Result};

use crate::tunnel::Endpoint;
use crate::{Cidr, Key, PublicKey};

/// The largest configuration, in bytes.
pub const MAX_SIZE: usize = 64 * 1024;
/// More peers than this no configuration has.
pub const MAX_PEERS: usize = 1024;
/// More networks than this, those of all peers together, no configuration has.
pub const MAX_ALLOWED: usize = 4096;
pub use make::{USUAL_MTU, mtu_on};

/// What the TUN device is called inside.
pub const DEVICE: &str = "wg0";

/// A configuration that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conf {
    /// Of the container, never none.
    pub addresses: Vec<Cidr>,
    /// Resolvers.
    pub dns: Vec<IpAddr>,
    /// Domains that short names are looked for in.
    pub search: Vec<String>,
    /// Bytes; None: what the way to the endpoint lets through.
    pub mtu: Option<u32>,
    pub table: Table,
    pub private_key: Key,
    /// The UDP port on the host; None: whatever is free.
    pub listen_port: Option<u16>,
    /// Never none.
    pub peers: Vec<Peer>,
    /// Commands and the like that wg-quick would carry out. They never run.
    pub hooks: Vec<Hook>,
    /// What is weaker or other than its author may expect, each with file and line.
    pub warnings: Vec<String>,
}

/// Which routes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// One for each of AllowedIPs.
    Auto,
    /// Those of the addresses alone.
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub public_key: PublicKey,
    pub preshared_key: Option<Key>,
    /// None: it calls us first.
    pub endpoint: Option<Endpoint>,
    /// Networks, none of them another peer's too.
    pub allowed: Vec<Cidr>,
    /// Seconds; None: none are sent.
    pub keepalive: Option<u16>,
}

/// A setting that wg-quick carries out: `PostUp` and its like, and `SaveConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    pub line: usize,
    pub key: &'static str,
}

/// All that is to be said of a configuration.
#[derive(Debug)]
pub struct Examined {
    /// None where there are errors.
    pub conf: Option<Conf>,
    pub errors: Vec<Fail>,
    /// Those of the configuration, or what was met before it turned out to be none.
    pub warnings: Vec<String>,
}

/// Reads a configuration; `name` is what messages call the file. The first error, as `NAME:LINE: ...`.
pub fn parse(name: &str, text: &[u8]) -> Result<Conf> {
    let Examined { conf, errors, .. } = examine(name, text);
    match (conf, errors.into_iter().next()) {
        (Some(conf), None) => Ok(conf),
        (_, Some(first)) => Err(first),
        (None, None) => Err(report::unreadable(name, "it holds nothing")),
    }
}

/// Reads a configuration to its end, whatever is wrong with it.
pub fn examine(name: &str, text: &[u8]) -> Examined {
    let mut report = report::Report::new(name);
    let conf = match read::text(name, text) {
        Ok(text) => whole::judge(read::lines(text), &mut report),
        Err(fail) => {
            report.errors.push(fail);
            None
        }
    };
    let report::Report { errors, warnings, .. } = report;
    let conf = conf.filter(|_| errors.is_empty()).map(|conf| Conf { warnings: warnings.clone(), ..conf });
    Examined { conf, errors, warnings }
}

#[cfg(test)]
mod tests;
