//! `--audio`: the socket of PulseAudio, or of PipeWire in its place; where there is none of them, PipeWire's own, by which
//! more can be had than sound (screens and cameras, as its session manager lets it).
//!
//! No cookie is handed over: the server knows the caller by the kernel's word for it (pulse-client.conf(5), `cookie-file`,
//! is for those it does not know).

use kakuri_wire::{Bytes, Result};

use super::runtime::Runtime;
use super::socket::{Socket, cannot, in_runtime, variable};
use super::{Doors, Visitor};
use crate::bind::place::Placing;
use crate::host::Host;
use crate::pathname;

const DOOR: &str = "audio";
const HINT: &str = "is a sound server running? pactl info asks it";
const PIPEWIRE: &str = "pipewire-0";

pub fn open(placing: &mut Placing, doors: &mut Doors, visitor: &Visitor, runtime: &mut Runtime) -> Result<()> {
    let host = visitor.host;
    if let Some(server) = variable(host, "PULSE_SERVER") {
        let path = local(server).ok_or_else(|| {
            cannot(DOOR)
                .why(format!("PULSE_SERVER is '{}', which is no socket of this machine", Bytes(server.to_vec())))
                .hint("a server on the network: --allow-network -e PULSE_SERVER")
        })?;
        return pulse(placing, doors, visitor, runtime, &Socket::look(DOOR, path, "PULSE_SERVER", HINT)?);
    }
    let there = |path: &Option<Vec<u8>>| path.as_ref().is_some_and(|p| crate::host::as_path(p).exists());
    let native = in_runtime(host, b"pulse/native");
    if let Some(path) = native.filter(|path| there(&Some(path.clone()))) {
        return pulse(placing, doors, visitor, runtime, &Socket::look(DOOR, &path, "XDG_RUNTIME_DIR", HINT)?);
    }
    let own = pipewire(host);
    match own.filter(|path| there(&Some(path.clone()))) {
        Some(path) => {
            let socket = Socket::look(DOOR, &path, "XDG_RUNTIME_DIR", HINT)?;
            runtime.show(placing, doors, visitor, PIPEWIRE, &socket)?;
            doors.set("PIPEWIRE_REMOTE", PIPEWIRE);
            Ok(())
        }
        None => Err(cannot(DOOR)
            .why("PULSE_SERVER is not set, and there is neither pulse/native nor pipewire-0 in XDG_RUNTIME_DIR")
            .hint(HINT)),
    }
}

fn pulse(
    placing: &mut Placing,
    doors: &mut Doors,
    visitor: &Visitor,
    runtime: &mut Runtime,
    socket: &Socket,
) -> Result<()> {
    let at = runtime.show(placing, doors, visitor, "pulse/native", socket)?;
    // The folder around it is made with it, and libpulse wants it to be the user's.
    doors.given.push(runtime.join("pulse"));
    doors.set("PULSE_SERVER", [b"unix:", &at[..]].concat());
    Ok(())
}

fn pipewire(host: &Host) -> Option<Vec<u8>> {
    let name = variable(host, "PIPEWIRE_REMOTE").unwrap_or(PIPEWIRE.as_bytes());
    if name.first() == Some(&b'/') {
        return Some(name.to_vec());
    }
    match variable(host, "PIPEWIRE_RUNTIME_DIR") {
        Some(folder) => Some(pathname::join(folder, name)),
        None => in_runtime(host, name),
    }
}

/// The path of the first server of the list that is on this machine: `unix:PATH` or `/PATH`, after the `{MACHINE}` it may
/// be meant for.
fn local(servers: &[u8]) -> Option<&[u8]> {
    servers.split(|&b| b == b' ').find_map(|server| {
        let server = match server.first() {
            Some(b'{') => &server[server.iter().position(|&b| b == b'}')? + 1..],
            _ => server,
        };
        let path = server.strip_prefix(b"unix:").unwrap_or(server);
        (path.first() == Some(&b'/')).then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn servers_of_this_machine() {
        for (text, path) in [
            ("unix:/run/p/native", Some("/run/p/native")),
            ("/tmp/p", Some("/tmp/p")),
            ("{0123ab}unix:/p", Some("/p")),
            ("tcp:host:4713 unix:/p", Some("/p")),
            ("host", None),
            ("tcp:localhost", None),
            ("{unix:/p", None),
            ("unix:p", None),
        ] {
            assert_eq!(local(text.as_bytes()), path.map(str::as_bytes), "{text}");
        }
    }
}
