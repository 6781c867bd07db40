//! `kakuri container port`: which ports of the host lead into a running container, as docker writes them.

use std::fmt::Write;
use std::net::SocketAddr;

use kakuri_netns::nat::{Forward, Protocol};
use kakuri_wire::fail::{Fail, Result, Stage};

use super::{FAILED, Surroundings};
use crate::cli::General;
use crate::client::ask;
use crate::output;

/// One port of a container.
pub type Port = (u16, Protocol);

/// `wanted`: only this one of the container's.
pub fn run(name: &str, wanted: Option<Port>, general: &General) -> Result<u8> {
    port(name, wanted, general).map_err(|fail| fail.code(FAILED))
}

fn port(name: &str, wanted: Option<Port>, general: &General) -> Result<u8> {
    let here = Surroundings::look(general)?;
    let entry = here.store.find(name)?;
    let facts = ask::look(&entry)?;
    let mut text = String::new();
    for ((port, protocol), host) in each(&facts.ports) {
        let _ = match wanted {
            None => writeln!(text, "{port}/{protocol} -> {host}"),
            Some(wanted) if wanted == (port, protocol) => writeln!(text, "{host}"),
            Some(_) => Ok(()),
        };
    }
    match wanted {
        Some((port, protocol)) if text.is_empty() => {
            Err(Fail::new(Stage::Front, format!("no port of the host leads to {port}/{protocol} of '{}'", entry.name))
                .hint(format!("`kakuri container port {}` lists those that do", entry.name)))
        }
        _ => output::print(&text),
    }
}

/// Every published port with its place on the host, in the order they were given.
pub fn each(ports: &[Forward]) -> impl Iterator<Item = (Port, SocketAddr)> {
    ports.iter().flat_map(|forward| {
        forward
            .pairs()
            .map(|(host, inside)| ((inside, forward.protocol), SocketAddr::new(forward.address, host)))
            .collect::<Vec<_>>()
    })
}
