//! newuidmap and newgidmap: the two programs with rights of their own that write the maps of a range. Started at once,
//! side by side, with nothing of ours but the numbers; waited for when everything else that needs no maps is done.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use kakuri_init::Extent;
use kakuri_wire::channel::wait;
use kakuri_wire::fail::{CODE_FAILED, Fail, OrFail, Result, Stage};
use kakuri_wire::{Bytes, sys};
use rustix::event::PollFlags;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::pread;
use rustix::process::{Signal, set_parent_process_death_signal};

use super::{By, Range, root};
use crate::helper::open_null;
use crate::process::Owned;

/// Beside kakuri-mount, two of kakuri-netns and PID 1, whose maps they write.
pub const OF_INIT: [usize; 2] = [4, 5];
/// For another process of the same ids, [`super::within`]: those of PID 1 may not have become their programs yet.
pub const OF_OTHERS: [usize; 2] = [6, 7];

/// Of what one of them says.
const MOST: usize = 1000;

/// Both at work; neither where the maps are written already.
pub struct Mapping {
    tools: Vec<Tool>,
}

struct Tool {
    name: &'static str,
    process: Owned,
    /// Its standard error: a file in memory, which it can fill without anybody reading.
    said: OwnedFd,
}

impl Mapping {
    /// For the process of this number, which must live in its new namespace and stay there. `places`: of
    /// [`sys::clone_beside`].
    pub fn begin(pid: i32, range: &Range, places: [usize; 2]) -> Result<Mapping> {
        let By::Tools(found) = &range.by else {
            root::write(pid, &range.set_up)?;
            return Ok(Mapping { tools: Vec::new() });
        };
        let null = open_null()?;
        let tool =
            |place, name, path: &CString, extents: &[Extent]| Tool::begin(place, name, path, pid, extents, &null);
        Ok(Mapping {
            tools: vec![
                tool(places[0], "newuidmap", &found.uids, &range.set_up.uids)?,
                tool(places[1], "newgidmap", &found.gids, &range.set_up.gids)?,
            ],
        })
    }

    /// Returns once the maps are written.
    pub fn finish(mut self, end: Instant) -> Result<()> {
        self.tools.iter_mut().try_for_each(|tool| tool.finish(end))
    }
}

impl Tool {
    fn begin(
        place: usize,
        name: &'static str,
        path: &CString,
        pid: i32,
        extents: &[Extent],
        null: &OwnedFd,
    ) -> Result<Tool> {
        let what = || format!("cannot start {name}");
        let said = memfd_create(name, MemfdFlags::CLOEXEC).fail(Stage::Front, what)?;
        let mut argv = vec![path.clone(), number(pid)];
        argv.extend(extents.iter().flat_map(|e| [e.inside, e.outside, e.count]).map(number));
        let (argv, env, path) = (sys::Strings::new(argv), sys::Strings::new(Vec::new()), path.clone());
        let (lent_null, lent_said) = (sys::lend(null), sys::lend(&said));
        let child = move || {
            // Where the program has no rights of its own it would else outlive us.
            let _ = set_parent_process_death_signal(Some(Signal::KILL));
            let placed = sys::dup_onto(lent_null, 0)
                .and_then(|()| sys::dup_onto(lent_null, 1))
                .and_then(|()| sys::dup_onto(lent_said, 2))
                .and_then(|()| sys::close_range(3, u32::MAX, false));
            if placed.is_ok() {
                let _ = argv.exec(&path, &env);
            }
            i32::from(CODE_FAILED)
        };
        let (_, pidfd) = sys::clone_beside(place, 0, child).fail(Stage::Front, what)?;
        // The child's copies are its own from its first moment.
        Ok(Tool { name, process: Owned::new(pidfd, Stage::Front), said })
    }

    fn finish(&mut self, end: Instant) -> Result<()> {
        let left = end.saturating_duration_since(Instant::now());
        let what = || Fail::new(Stage::Front, format!("{} could not map the container's ids", self.name));
        if left.is_zero() || wait(&self.process, PollFlags::IN, left).is_err() {
            return Err(what().why("it did not end").hint("is the directory of users, LDAP perhaps, not answering?"));
        }
        match self.process.outcome() {
            Some(Ok(())) => Ok(()),
            ended => {
                let mut text = [0_u8; MOST];
                let length = pread(&self.said, &mut text[..], 0).unwrap_or(0);
                let said = String::from_utf8_lossy(text.get(..length).unwrap_or_default()).into_owned();
                let said = said.lines().next().unwrap_or_default().trim().to_string();
                let why = match said.is_empty() {
                    true => ended.and_then(|ended| ended.err()).unwrap_or_else(|| "it ended".into()),
                    // A name stands before every word of it.
                    false => Bytes::from(said.as_str()).to_string(),
                };
                Err(what()
                    .why(why)
                    .hint("kakuri doctor says what it wants; kakuri without --userns range needs it not"))
            }
        }
    }
}

fn number(number: impl ToString) -> CString {
    // Digits alone.
    CString::new(number.to_string()).unwrap_or_default()
}

/// How long the two may take where nothing else sets a limit.
pub const LIMIT: Duration = Duration::from_secs(20);
