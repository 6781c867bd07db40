//! `--x11`: the socket of a display of this machine, `/tmp/.X11-unix/XN`, and the one cookie that opens it (X(7), "Display
//! names"; Xsecurity(7)). Whoever is let in sees and sends the keys and windows of all other clients: that is X11, and no
//! socket makes it narrower.

mod authority;

use kakuri_wire::{Bytes, Result};

use super::runtime::{self, Runtime, may_connect};
use super::socket::{Socket, cannot, variable};
use super::{Doors, Visitor};
use crate::bind::place::Placing;
use crate::layout::{Origin, What};
use crate::pathname;

const DOOR: &str = "x11";
const HINT: &str = "start kakuri in your X session, where DISPLAY is :0 or the like";
const FOLDER: &[u8] = b"/tmp/.X11-unix";
const AUTHORITY: &str = "Xauthority";

pub fn open(placing: &mut Placing, doors: &mut Doors, visitor: &Visitor, runtime: &mut Runtime) -> Result<()> {
    let host = visitor.host;
    let Some(display) = variable(host, "DISPLAY") else {
        return Err(cannot(DOOR).why("DISPLAY is not set, so no display is known").hint(HINT));
    };
    let Some(number) = local(display) else {
        let shown = Bytes(display.to_vec());
        return Err(cannot(DOOR)
            .why(format!("DISPLAY is '{shown}', a display on the network and not of this machine"))
            .hint("the network leads there, ssh's forwarding included: --allow-network -e DISPLAY"));
    };
    let name = format!("X{number}");
    let socket = Socket::look(DOOR, &pathname::join(FOLDER, name.as_bytes()), "DISPLAY", HINT)?;
    may_connect(DOOR, visitor)?;
    // A folder of its own, so that a root that is written keeps nothing of it.
    if placing.layout.get(FOLDER).is_none() {
        placing.put(FOLDER, What::Private { mode: 0o1777, read_only: false }, &"cannot open --x11")?;
    }
    let at = pathname::join(FOLDER, name.as_bytes());
    runtime::put(placing, &socket, &at)?;
    doors.show(DOOR, &socket.path, &at);
    doors.set("DISPLAY", format!(":{number}"));
    let path = match variable(host, "XAUTHORITY") {
        Some(path) => host.absolute(path)?,
        None => pathname::join(&host.home, b".Xauthority"),
    };
    match authority::cookie(&path, number)? {
        Some(entry) => {
            runtime.make(placing, doors, visitor)?;
            let at = runtime.join(AUTHORITY);
            placing.layout.put(at.clone(), Origin::User, What::Secret { text: entry });
            doors.set("XAUTHORITY", &at);
            doors.given.push(at);
        }
        None => placing.notes.push(format!(
            "'{}' has no cookie for the display :{number}, so it lets in whom it knows otherwise, or nobody",
            Bytes(path)
        )),
    }
    Ok(())
}

/// The number of a display that is reached by a socket: `:N`, `:N.SCREEN`, `unix:N`.
fn local(display: &[u8]) -> Option<u32> {
    let rest = display.strip_prefix(b"unix").unwrap_or(display).strip_prefix(b":")?;
    let mut parts = rest.splitn(2, |&b| b == b'.');
    let digits = |part: &[u8]| {
        let text = std::str::from_utf8(part).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
        text.parse::<u32>().ok()
    };
    let number = digits(parts.next()?)?;
    match parts.next() {
        Some(screen) => digits(screen).map(|_| number),
        None => Some(number),
    }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn displays_of_this_machine() {
        for (display, number) in [
            (":0", Some(0)),
            (":12.1", Some(12)),
            ("unix:3", Some(3)),
            ("localhost:10.0", None),
            ("host:0", None),
            ("host::0", None),
            ("::1:0", None),
            (":", None),
            (":x", None),
            (":+1", None),
            (":1.", None),
            (":99999999999", None),
            ("", None),
            ("/tmp/x:0", None),
        ] {
            assert_eq!(local(display.as_bytes()), number, "{display}");
        }
    }
}
