//! The root of a running container as a descriptor.
//!
//! PID 1's own root, by `/proc/PID/root`: the caller owns the user namespace PID 1 lives in, and so may look although
//! PID 1 has made itself unreadable to the container. Nobody inside can change that root, because the mounts
//! are not the container's to change. What is seen below it is what the container sees: binds, its private folders, all of it.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::handshake::PROTOCOL;
use kakuri_wire::{Channel, document, sys};
use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;

use crate::client::ask;
use crate::control::{Facts, FromSupervisor, ToSupervisor};

/// A supervisor that is well answers at once, on a machine that is not.
const LIMIT: Duration = Duration::from_secs(20);

/// A container that is being copied from or to. One that was started for it ends when this goes.
pub struct Inside {
    control: Channel,
    init: i32,
    pub root: OwnedFd,
    /// The first uid and gid of a container that root started, on the host. None: the caller is one of its users.
    pub first: Option<(u32, u32)>,
}

impl Inside {
    /// None where the container ended before it could be looked at.
    pub fn open(control: Channel, name: &str) -> Result<Option<Inside>> {
        // One that is being started for us may take its time; what goes wrong with that is the answer.
        if let Err(Broken::Closed) = control.send(&ToSupervisor::Stand, &[]) {
            return Ok(None);
        }
        match control.recv() {
            Ok((FromSupervisor::Done, _)) => {}
            Ok((FromSupervisor::Ended(_), _)) => return Ok(None),
            Ok((other, _)) => return Err(ask::unexpected(other)),
            Err(Broken::Closed) => return Ok(None),
            Err(e) => return Err(ask::lost(&e)),
        }
        // Others may come and go meanwhile; it stays for us.
        match ask(&control, &ToSupervisor::Stay { protocol: PROTOCOL })? {
            Some((FromSupervisor::Done, _)) => {}
            Some((other, _)) => return Err(ask::unexpected(other)),
            None => return Ok(None),
        }
        let Some(facts) = look(&control)? else { return Ok(None) };
        let opened = open(&facts);
        // PID 1 is its supervisor's child that nobody has collected: as long as that one names the same, the number was
        // not another process's meanwhile.
        match look(&control)? {
            Some(again) if again.init == facts.init => {}
            _ => return Ok(None),
        }
        let (root, first) = opened.map_err(|e| {
            super::fail(format!("cannot reach the files of the container '{name}'"))
                .errno(e)
                .hint(format!("kakuri exec {name} tar -c PATH copies out from within"))
        })?;
        Ok(Some(Inside { control, init: facts.init, root, first }))
    }

    /// Whether it still runs. Of one that has ended the mounts come apart, and what was copied meanwhile may be
    /// anything.
    pub fn stands(&self) -> bool {
        look(&self.control).is_ok_and(|facts| facts.is_some_and(|facts| facts.init == self.init))
    }
}

fn look(control: &Channel) -> Result<Option<Facts>> {
    match ask(control, &ToSupervisor::Look { protocol: PROTOCOL })? {
        Some((FromSupervisor::Facts, mut fds)) => {
            let none = || {
                Fail::new(Stage::Front, "the container's supervisor does not say where its files are")
                    .hint("kakuri exec NAME tar -c PATH copies out from within")
            };
            document::read(Stage::Front, fds.pop().ok_or_else(none)?).map(Some)
        }
        Some((other, _)) => Err(ask::unexpected(other)),
        None => Ok(None),
    }
}

/// A question and its answer; None where the supervisor has ended.
fn ask(control: &Channel, question: &ToSupervisor) -> Result<Option<(FromSupervisor, Vec<OwnedFd>)>> {
    match control.send(question, &[]) {
        Ok(()) => {}
        Err(Broken::Closed) => return Ok(None),
        Err(e) => return Err(ask::lost(&e)),
    }
    match control.recv_within(LIMIT) {
        Ok(answer) => Ok(Some(answer)),
        Err(Broken::Closed) => Ok(None),
        Err(e) => Err(ask::lost(&e)),
    }
}

fn open(facts: &Facts) -> Result<(OwnedFd, Option<(u32, u32)>), Errno> {
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // Once open it stands for that process and no later one of its number.
    let process = openat(CWD, format!("/proc/{}", facts.init), folder, Mode::empty())?;
    let namespace = readlinkat(&process, c"ns/mnt", Vec::new())?;
    let expected = facts.namespaces.get("mnt").map(|inode| format!("mnt:[{inode}]"));
    // The supervisor may number processes by another process namespace than ours.
    if expected.is_none_or(|expected| expected.as_bytes() != namespace.as_bytes()) {
        return Err(Errno::SRCH);
    }
    let root = openat(&process, c"root", folder, Mode::empty())?;
    let first = match sys::was_born_root() {
        true => first_of(&process, c"uid_map")?.zip(first_of(&process, c"gid_map")?),
        false => None,
    };
    Ok((root, first))
}

/// What follows the caller's own line of S's map.
fn first_of(process: &OwnedFd, file: &CStr) -> Result<Option<u32>, Errno> {
    let file = openat(process, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut text = [0_u8; 4096];
    let length = rustix::io::read(&file, &mut text[..])?;
    let text = String::from_utf8_lossy(text.get(..length).unwrap_or_default()).into_owned();
    let second = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    Ok(second)
}
