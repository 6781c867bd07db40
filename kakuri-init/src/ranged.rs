//! P with more ids than one. Full capabilities in S (used: SETUID, SETGID, SETFCAP).
//!
//! Nobody in P may write such a map himself: the writer needs power over the ids, which is S's. So P's throw-away child
//! waits until PID 1 has written them; dead it would have no maps to write, because a process that has ended has no
//! memory and its files belong to root.

use std::fmt::Write as _;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::sys;
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::nsfs::Proc;
use crate::payload::{Making, REFUSED, write};
use crate::{Extent, Maps};

/// Makes P and its maps; as the other kind does, its child ends with the number of P's descriptor. Where the maps are
/// refused it waits for ever, which is until PID 1 ends for that.
pub fn begin(proc: &Proc, maps: &Maps) -> Result<Making> {
    let (gate, opener) = pipe_with(PipeFlags::CLOEXEC).fail(Stage::Init, || REFUSED.into())?;
    let (lent_proc, lent_gate) = (sys::lend(proc), sys::lend(&gate));
    let (_, child) = sys::clone_beside(0, libc::CLONE_NEWUSER | libc::CLONE_FILES, move || {
        let opened = loop {
            match rustix::io::read(lent_gate, &mut [0_u8; 1]) {
                Err(Errno::INTR) => {}
                Ok(1) => {
                    break openat(lent_proc, "self/ns/user", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
                }
                _ => break Err(Errno::PERM),
            }
        };
        opened.map_or(0, IntoRawFd::into_raw_fd)
    })
    .fail(Stage::Init, || REFUSED.into())?;
    write_maps(proc, &child, maps)?;
    rustix::io::write(&opener, b"1").fail(Stage::Init, || REFUSED.into())?;
    // Open until it has ended: the table of descriptors is shared, and so is what closes one.
    Ok(Making { child, gate: Some((gate, opener)) })
}

fn write_maps(proc: &Proc, child: &OwnedFd, maps: &Maps) -> Result<()> {
    let what = || "cannot write the id maps of the payload's user namespace".to_string();
    let pid = number(proc, child).fail(Stage::Init, what)?;
    for (file, extents) in [("uid_map", &maps.uids), ("gid_map", &maps.gids)] {
        write(proc, &format!("{pid}/{file}"), &text(extents)).map_err(|e| {
            Fail::new(Stage::Init, what()).errno(e).why(format!("{file} was refused: {}", text(extents).trim_end()))
        })?;
    }
    Ok(())
}

/// The lines of a map.
fn text(extents: &[Extent]) -> String {
    extents.iter().fold(String::new(), |mut text, Extent { inside, outside, count }| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{inside} {outside} {count}");
        text
    })
}

/// The child's number as this proc file system counts, which may be one from outside of our process namespace.
fn number(proc: &Proc, child: &OwnedFd) -> Result<u32, Errno> {
    let path = format!("self/fdinfo/{}", child.as_fd().as_raw_fd());
    let file = openat(proc, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut text = [0_u8; 512];
    let length = rustix::io::read(&file, &mut text[..])?;
    let text = std::str::from_utf8(text.get(..length).unwrap_or_default()).map_err(|_| Errno::PROTO)?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse::<u32>().ok());
    pid.filter(|&pid| pid > 0).ok_or(Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::{Extent, text};

    #[test]
    fn lines_of_a_map() {
        let extents = [Extent { inside: 0, outside: 0, count: 1 }, Extent { inside: 1, outside: 1, count: 65536 }];
        assert_eq!(text(&extents), "0 0 1\n1 1 65536\n");
    }
}
