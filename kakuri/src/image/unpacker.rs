//! The front's side of a `kakuri-image [unpack]`, `[settle]` or `[archive]`: a container of its own, without a network, that sees one
//! folder.
//!
//! What is parsed there was made by strangers, so it is a container like any other, and barer: no /proc, no /dev, no
//! variable of the caller's, a root of nothing but the program and the work folder, and a network namespace in which
//! there is nothing. It has the ids its image's containers will have, because what it makes is theirs. It ends with the
//! front, as every container does.

mod program;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kakuri_image::Owners;
use kakuri_image::talk::{FromUnpack, Limits, ToUnpack};
use kakuri_init::{Filter, FromInit, Process, Setup, Status};
use kakuri_wire::caps::Set;
use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::handshake::Version;
use kakuri_wire::{Bytes, Channel, lifeline};

use crate::cell::{self, Cell, Descriptors, First, NotStarted};
use crate::helper::{Programs, open_null, title};
use crate::host::Host;
use crate::identity::Identity;
use crate::idmap::Ids;
use crate::layout::{Layout, Origin, Source, What};
use crate::network::{Kind, Wiring};
use crate::plan::{Namespaces, Outline, Plan, Terminal, limit};
use crate::spec::{OnFailure, User};

/// A process that has been told to end, or has nothing more to hear, does.
const LIMIT: Duration = Duration::from_secs(10);

/// What making the files of an image takes, whoever they belong to.
const RIGHTS: Set =
    Set::CHOWN.union(Set::DAC_OVERRIDE).union(Set::FOWNER).union(Set::FSETID).union(Set::MKNOD).union(Set::SETFCAP);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Unpack,
    Settle,
    /// It makes files of its own alone, and needs no right for that.
    Archive,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Unpack => "unpack",
            Role::Settle => "settle",
            Role::Archive => "archive",
        }
    }

    fn rights(self) -> Set {
        match self {
            Role::Unpack | Role::Settle => RIGHTS,
            Role::Archive => Set::empty(),
        }
    }
}

pub struct Unpacker {
    link: Channel,
    cell: Cell,
}

impl Unpacker {
    /// Starts it. `work` becomes /work, its current folder; `below` become /below/0, /below/1, ..., read-only. It is root
    /// of a namespace with these ids. The first it says is Ready.
    pub fn begin(
        role: Role,
        work: &Path,
        below: &[PathBuf],
        ids: &Ids,
        programs: &Programs,
        host: &Host,
    ) -> Result<Unpacker> {
        // Ready, and without a right yet, before there is anything to be shown.
        let label = role.name().to_string();
        let wiring = unwired();
        let outline = outline(label, ids, host);
        let begun = cell::begin(&outline, &wiring, programs)?;
        let plan = plan(role, work, below, ids, programs, host, outline, wiring)?;
        let what = || "cannot make a link to kakuri-image".to_string();
        let (link, far) = Channel::pair().fail(Stage::Front, what)?;
        let null = open_null()?;
        let descriptors = Descriptors { inherited: vec![null.as_fd(); 3], passed: vec![far.as_fd()] };
        let first = First::Command(&plan.process, descriptors);
        // Signals end this process, and the container with it: what came is kept.
        let (cell, _) = begun.carry_out(&plan, &first, &mut |_| ()).map_err(|not| match not {
            NotStarted::Failed(fail) | NotStarted::Refused(fail) => fail,
        })?;
        drop(far);
        let owners = if ids.range.is_some() { Owners::Kept } else { Owners::Squashed };
        let unpacker = Unpacker { link, cell };
        unpacker.ask(&ToUnpack::Start(Version::ours(), Limits::default(), owners), &[])?;
        Ok(unpacker)
    }

    /// What to poll for reading: its link, and what tells that its container has ended.
    pub fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [self.link.as_fd(), self.cell.link.as_fd()].into_iter()
    }

    pub fn ask(&self, word: &ToUnpack, fds: &[BorrowedFd]) -> Result<()> {
        log::trace!("to kakuri-image: {word:?}");
        match self.link.send(word, fds) {
            // Why it has ended is heard.
            Ok(()) | Err(Broken::Closed) => Ok(()),
            Err(e) => Err(Fail::new(Stage::Unpack, "cannot speak to kakuri-image").why(e.to_string())),
        }
    }

    /// What it has said, without waiting. Its end is an error.
    pub fn hear(&mut self) -> Result<Vec<(FromUnpack, Vec<OwnedFd>)>> {
        let mut words = Vec::new();
        loop {
            match self.link.recv_now() {
                Ok((word, fds)) => {
                    log::trace!("from kakuri-image: {word:?}");
                    words.push((word, fds));
                }
                Err(Broken::Late) => break,
                // What it has said before counts first.
                Err(Broken::Closed) if !words.is_empty() => return Ok(words),
                Err(Broken::Closed) => return Err(self.lost()),
                Err(e) => return Err(Fail::new(Stage::Unpack, "cannot understand kakuri-image").why(e.to_string())),
            }
        }
        // PID 1 says that it has ended a moment after its link shows that.
        if words.is_empty() && self.cell.link.hung_up() {
            return Err(self.lost());
        }
        Ok(words)
    }

    /// Lets it end, and waits for its container to be gone.
    pub fn finish(self) -> Result<()> {
        let Unpacker { link, mut cell } = self;
        // Its end of file: it has nothing to hear any more.
        drop(link);
        cell.init.await_end(LIMIT);
        cell.init.end();
        Ok(())
    }

    fn lost(&mut self) -> Fail {
        let fail = Fail::new(Stage::Unpack, "lost kakuri-image");
        match self.cell.link.recv_within(LIMIT) {
            Ok((FromInit::Exited(Status::Signal { signal: libc::SIGKILL, .. }), _)) => {
                fail.why("it was killed").hint("is the memory used up? dmesg tells whom the kernel has killed for it")
            }
            Ok((FromInit::Exited(Status::Signal { signal, .. }), _)) => {
                fail.why(format!("it was killed by signal {signal}"))
            }
            Ok((FromInit::Exited(Status::Code(code)), _)) => fail.why(format!("it exited with code {code}")),
            Ok((FromInit::Failed(own), _)) => own,
            _ => fail.why("its container has ended"),
        }
    }
}

/// A network namespace in which there is lo, and nobody else's hand.
fn unwired() -> Wiring {
    Wiring {
        label: "none".into(),
        kind: Kind::None,
        netns: None,
        uplink: None,
        on_failure: OnFailure::Stop,
        resolvers: None,
        search: Vec::new(),
        hosts: Vec::new(),
        joined: None,
        notes: Vec::new(),
    }
}

fn outline(label: String, ids: &Ids, host: &Host) -> Outline {
    let network = ids.range.is_some().then(|| rustix::fs::stat("/proc/self/ns/net").ok().map(|stat| stat.st_ino));
    let setup = Setup {
        hostname: Some("kakuri".into()),
        network: true,
        filesystems: Vec::new(),
        uid: 0,
        gid: 0,
        nest: false,
        // Programs of an image may be such as run as their owner.
        filter: Some(Filter { set_id: true }),
        guarded: host.is_real_root(),
        maps: ids.maps(),
        outer_network: network.flatten(),
    };
    let namespaces = Namespaces { ipc: true, uts: true, cgroup: true, network: true };
    Outline { label, setup, namespaces, range: ids.range.clone(), limits: None }
}

#[allow(clippy::too_many_arguments)] // one caller, which has just these
fn plan(
    role: Role,
    work: &Path,
    below: &[PathBuf],
    ids: &Ids,
    programs: &Programs,
    host: &Host,
    outline: Outline,
    wiring: Wiring,
) -> Result<Plan> {
    let name = title("kakuri-image", role.name()).into_bytes();
    let mut layout = Layout::default();
    layout.ranged = ids.range.is_some();
    // By the name it is to have: PID 1 starts what it finds along PATH, and calls it that.
    program::put(&mut layout, &[b"/", &name[..]].concat(), programs)?;
    let mut show = |at: &str, folder: &Path, read_only| {
        let from = resolved(folder)?;
        layout.put(at, Origin::Base, What::Bind(Source { from, folder: true, read_only, ..Source::default() }));
        Ok::<(), Fail>(())
    };
    show("/work", work, false)?;
    for (k, folder) in below.iter().enumerate() {
        show(&format!("/below/{k}"), folder, true)?;
    }
    let steps = layout.steps();
    let who = Identity::of(&User::Root, host);
    Ok(Plan {
        label: outline.label,
        mount: kakuri_mount::Plan {
            version: kakuri_mount::PLAN_VERSION,
            root: None,
            size: None,
            read_only: true,
            ops: steps.ops,
            finish: steps.finish,
            ranged: ids.ranged(&who, None),
        },
        setup: outline.setup,
        process: Process {
            argv: vec![Bytes(name)],
            path: Bytes(b"/".to_vec()),
            env: Vec::new(),
            cwd: Bytes(b"/work".to_vec()),
            bounding: role.rights().bits(),
            limits: limit::defaults(host, None),
            filter: None,
            terminal: [false; 3],
            window: None,
            pass: vec![lifeline::LINK],
            ids: ids.of(&who)?,
        },
        namespaces: outline.namespaces,
        terminal: Terminal::Never,
        timeout: None,
        create: Vec::new(),
        cover: Vec::new(),
        layers: Vec::new(),
        keep: None,
        lacking: None,
        stop_signal: None,
        wiring,
        limits: None,
        notes: Vec::new(),
        weaker: Vec::new(),
    })
}

/// Without links, as a bind wants it.
fn resolved(folder: &Path) -> Result<Vec<u8>> {
    let path = std::fs::canonicalize(folder)
        .fail(Stage::Front, || format!("cannot show the folder '{}' to kakuri-image", Bytes::from(folder)))?;
    Ok(Bytes::from(path).0)
}
