//! The container's own runtime folder: `/run/user/UID`, as programs expect it (XDG Base Directory Specification: 0700 and the
//! user's own). There is one only where a door needs it.

use kakuri_wire::{Bytes, Fail, Result, Stage};

use super::socket::Socket;
use super::{Doors, Visitor};
use crate::bind::place::Placing;
use crate::idmap::maps;
use crate::layout::{Origin, Source, What};
use crate::pathname;

pub struct Runtime {
    pub path: Vec<u8>,
    made: bool,
}

impl Runtime {
    pub fn of(visitor: &Visitor) -> Runtime {
        Runtime { path: format!("/run/user/{}", visitor.who.uid).into_bytes(), made: false }
    }

    pub fn join(&self, name: impl AsRef<[u8]>) -> Vec<u8> {
        pathname::join(&self.path, name.as_ref())
    }

    /// Shows a socket of the host's there; where it is then.
    pub fn show(
        &mut self,
        placing: &mut Placing,
        doors: &mut Doors,
        visitor: &Visitor,
        name: impl AsRef<[u8]>,
        socket: &Socket,
    ) -> Result<Vec<u8>> {
        may_connect(socket.door, visitor)?;
        self.make(placing, doors, visitor)?;
        let at = self.join(name);
        put(placing, socket, &at)?;
        doors.show(socket.door, &socket.path, &at);
        Ok(at)
    }

    /// Makes it, once.
    pub fn make(&mut self, placing: &mut Placing, doors: &mut Doors, visitor: &Visitor) -> Result<()> {
        if self.made {
            return Ok(());
        }
        self.made = true;
        // What the user himself has put there is taken as it is.
        if placing.layout.get(&self.path).is_none_or(|point| point.origin != Origin::User) {
            let what = What::Private { mode: 0o700, read_only: visitor.spec.read_only };
            placing.put(&self.path, what, &"cannot make the container's runtime folder")?;
            doors.given.push(self.path.clone());
        }
        doors.set("XDG_RUNTIME_DIR", &self.path);
        Ok(())
    }
}

/// Puts a socket at its place inside.
pub fn put(placing: &mut Placing, socket: &Socket, at: &[u8]) -> Result<()> {
    let source = Source {
        from: socket.path.clone(),
        typed: Some(socket.path.clone()),
        seen: socket.seen,
        read_only: true,
        ..Source::default()
    };
    let label = format!("cannot open --{} at '{}'", socket.door, Bytes(at.to_vec()));
    placing.put(at, What::Bind(source), &label).map(drop)
}

/// The kernel lets nobody connect to a socket who may not write to it, and those who listen ask whose process it is: with a
/// range of ids only the user inside who is the caller outside gets through.
pub fn may_connect(door: &str, visitor: &Visitor) -> Result<()> {
    let Some(range) = &visitor.ids.range else { return Ok(()) };
    let who = visitor.who;
    if maps::outside(&range.payload.uids, who.uid) == Some(0) {
        return Ok(());
    }
    Err(Fail::new(Stage::Front, format!("cannot open --{door} for user {} of the container", who.uid))
        .why("with a range of ids that user is one of your sub-ids outside, whom the kernel lets connect to no socket of yours")
        .hint("--userns range,keep-id makes the command you; --userns single gives the container your own id alone"))
}
