//! `--dbus NAME,...`: the session bus, filtered. Without a filter the bus is a way out of any container (systemd's manager is
//! on it, and runs what it is told), so there is no door without xdg-dbus-proxy, which lets through what concerns the names
//! that were given and nothing else.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;

use kakuri_wire::{Bytes, Result};

use super::runtime::{Runtime, may_connect};
use super::socket::{Socket, cannot, in_runtime, variable};
use super::{Doors, Visitor};
use crate::bind::place::Placing;
use crate::host::Host;
use crate::layout::{Source, What};
use crate::spec;

pub const DOOR: &str = "dbus";
const VARIABLE: &str = "DBUS_SESSION_BUS_ADDRESS";
const PROGRAM: &str = "xdg-dbus-proxy";
const HINT: &str = "is there a session bus? dbus-run-session starts one, and kakuri in it";
/// It does not exist when the plan is made: the proxy makes it.
const SOCKET: &str = "the session bus";

/// The proxy to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bus {
    pub program: CString,
    /// Of the caller's bus, as D-Bus writes addresses.
    pub address: Vec<u8>,
    pub names: Vec<spec::Bus>,
    /// Where the container has its socket.
    pub at: Bytes,
    /// The caller's runtime folder, in which the socket lies for a moment.
    pub runtime: Option<Bytes>,
}

pub fn open(placing: &mut Placing, doors: &mut Doors, visitor: &Visitor, runtime: &mut Runtime) -> Result<()> {
    let Visitor { spec, host, who, .. } = visitor;
    let address = match variable(host, VARIABLE) {
        Some(text) => address(text, host)?,
        None => {
            let path = in_runtime(host, b"bus").filter(|path| crate::host::as_path(path).exists());
            let path = path.ok_or_else(|| {
                cannot(DOOR).why(format!("{VARIABLE} is not set, and there is no bus in XDG_RUNTIME_DIR")).hint(HINT)
            })?;
            of_path(&Socket::look(DOOR, &path, "XDG_RUNTIME_DIR", HINT)?.path)
        }
    };
    let program = host.places(PROGRAM).find(|path| path.is_file());
    let program = program.and_then(|path| CString::new(path.as_os_str().as_bytes()).ok()).ok_or_else(|| {
        cannot(DOOR)
            .why(format!(
                "{PROGRAM} is not installed, and without its filter the bus would be a way out of the container"
            ))
            .hint(format!("sudo apt install {PROGRAM}; other systems call the package the same"))
    })?;
    may_connect(DOOR, visitor)?;
    runtime.make(placing, doors, visitor)?;
    let at = runtime.join("bus");
    // Where it comes from is known when the proxy runs.
    let from = super::proxy::place(host.var("XDG_RUNTIME_DIR"));
    let source = Source { from, typed: Some(SOCKET.into()), read_only: true, ..Source::default() };
    let at = placing.put(&at, What::Bind(source), &"cannot open --dbus")?;
    doors.set(VARIABLE, of_path(&at));
    let names: Vec<String> = spec.doors.dbus.iter().map(shown).collect();
    doors.shown.push(format!("{DOOR}: {} of your session bus at {}", names.join(", "), Bytes(at.clone())));
    if who.uid != host.uid {
        placing.notes.push(format!(
            "programs that tell the bus their uid, {}, are refused by it, because outside they are {}: --userns keep-id",
            who.uid, host.uid
        ));
    }
    let runtime = host.var("XDG_RUNTIME_DIR").map(|folder| Bytes(folder.to_vec()));
    doors.bus = Some(Bus { program, address, names: spec.doors.dbus.clone(), at: Bytes(at), runtime });
    Ok(())
}

fn shown(bus: &spec::Bus) -> String {
    match bus {
        spec::Bus::Talk(name) => name.clone(),
        spec::Bus::Own(name) => format!("own:{name}"),
    }
}

/// The first address of the list (D-Bus specification, "Server Addresses") that is a socket of this machine, in our words.
fn address(text: &[u8], host: &Host) -> Result<Vec<u8>> {
    for one in text.split(|&b| b == b';') {
        let Some(values) = one.strip_prefix(b"unix:") else { continue };
        for value in values.split(|&b| b == b',') {
            if let Some(path) = value.strip_prefix(b"path=").and_then(unescape) {
                return Ok(of_path(&Socket::look(DOOR, &path, VARIABLE, HINT)?.path));
            }
            if let Some(name) = value.strip_prefix(b"abstract=").and_then(unescape) {
                return Ok([&b"unix:abstract="[..], &escape(&name)].concat());
            }
            if value == b"runtime=yes"
                && let Some(path) = in_runtime(host, b"bus")
            {
                return Ok(of_path(&Socket::look(DOOR, &path, VARIABLE, HINT)?.path));
            }
        }
    }
    let shown = Bytes(text.to_vec());
    Err(cannot(DOOR).why(format!("{VARIABLE} is '{shown}', which is no socket of this machine")).hint(HINT))
}

fn of_path(path: &[u8]) -> Vec<u8> {
    [&b"unix:path="[..], &escape(path)].concat()
}

/// Bytes that stand for themselves; all others are `%` and two digits.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_/.\\*".contains(&byte)
}

fn escape(value: &[u8]) -> Vec<u8> {
    let one = |&b: &u8| if is_plain(b) { vec![b] } else { format!("%{b:02x}").into_bytes() };
    value.iter().flat_map(one).collect()
}

fn unescape(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let (digits, tail) = rest.split_first_chunk::<2>()?;
        let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        out.push(u8::from_str_radix(digits, 16).ok().filter(|&b| b != 0)?);
        rest = tail;
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let host = Host::default();
        let of = |text: &str| address(text.as_bytes(), &host).map(|a| String::from_utf8_lossy(&a).into_owned());
        assert_eq!(of("unix:abstract=/tmp/dbus-x,guid=00").expect("one"), "unix:abstract=/tmp/dbus-x");
        assert_eq!(of("tcp:host=a,port=1;unix:guid=0,abstract=a%2cb").expect("one"), "unix:abstract=a%2cb");
        for wrong in
            ["", "autolaunch:", "tcp:host=a", "unix:", "unix:abstract=", "unix:abstract=%0", "unix:abstract=%00x"]
        {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert!(of("unix:path=/nonexistent/bus").expect_err("nothing there").to_string().contains("/nonexistent/bus"));
        assert_eq!(of_path(b"/a b,c=%"), b"unix:path=/a%20b%2cc%3d%25");
        assert_eq!(unescape(b"a%20b%2Cc").as_deref(), Some(&b"a b,c"[..]));
    }
}
