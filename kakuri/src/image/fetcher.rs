//! The front's side of a `kakuri-image [fetch]`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_image::talk::{FromFetch, Job, ToFetch};
use kakuri_wire::Channel;
use kakuri_wire::channel::Broken;
use kakuri_wire::document;
use kakuri_wire::fail::{CODE_FAILED, Fail, OrFail, Result, Stage};
use kakuri_wire::handshake::Version;
use kakuri_wire::sys;

use crate::cell::lookup::Lookup;
use crate::helper::{Birth, Programs, open_null, title};
use crate::process::{Owned, lost};

/// Words heard before others have their turn. Strangers talk with who says them.
const WORDS: usize = 16;
/// Names looked up at a time, and for one job: a registry has three, and whoever is sent about has a few more.
const LOOKUPS: usize = 8;
const ALL_LOOKUPS: u32 = 256;
/// Of a name (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 253;

/// A process with the network and without a file. It ends with this value.
pub struct Fetcher {
    link: Channel,
    process: Owned,
    /// kakuri-netns, for look-ups.
    resolver: OwnedFd,
    /// By the number of the question.
    lookups: Vec<(u32, Lookup)>,
    looked_up: u32,
}

impl Fetcher {
    /// Starts it with its job. Names are looked up for it, by processes of their own, in [`Fetcher::hear`]. The job's
    /// secrets are gone from this process when it returns.
    pub fn begin(job: Job, programs: &Programs) -> Result<Fetcher> {
        let program = programs.open("kakuri-image")?;
        let resolver = programs.open("kakuri-netns")?;
        let (link, far) = Channel::pair().fail(Stage::Front, || "cannot make a link to a helper".into())?;
        let null = open_null()?;
        let birth = Birth::new(&program, &far, &null, title("kakuri-image", "fetch"));
        let spawned = sys::clone_vfork(0, &mut || {
            let _ = birth.become_helper();
            i32::from(CODE_FAILED)
        });
        let (_, pidfd) = spawned.fail(Stage::Front, || "cannot start kakuri-image".into())?;
        drop(far);
        let fetcher =
            Fetcher { link, process: Owned::new(pidfd, Stage::Fetch), resolver, lookups: Vec::new(), looked_up: 0 };
        let document = document::seal_secret(Stage::Front, &job)?;
        drop(job);
        fetcher.ask(&ToFetch::Start(Version::ours()), &[document.as_fd()])?;
        Ok(fetcher)
    }

    /// What to poll for reading.
    pub fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(self.link.as_fd()).chain(self.lookups.iter().map(|(_, lookup)| lookup.as_fd()))
    }

    /// Waits for nobody: it reads at once whatever it is told.
    pub fn ask(&self, word: &ToFetch, fds: &[BorrowedFd]) -> Result<()> {
        log::trace!("to kakuri-image: {word:?}");
        match self.link.send_now(word, fds) {
            // One that has ended is told by what is heard of it, with its last word.
            Ok(()) | Err(Broken::Closed) => Ok(()),
            Err(broken) => Err(Fail::new(Stage::Fetch, "cannot speak with kakuri-image").why(broken.to_string())),
        }
    }

    /// What it has said, without waiting. Its end is an error.
    pub fn hear(&mut self) -> Result<Vec<(FromFetch, Vec<OwnedFd>)>> {
        self.hear_lookups()?;
        let mut heard = Vec::new();
        for _ in 0..WORDS {
            match self.link.recv_now::<FromFetch>() {
                Ok((FromFetch::Resolve { ask, host, port }, _)) => self.look_up(ask, host, port)?,
                Ok((word, fds)) => {
                    log::trace!("from kakuri-image: {word:?}");
                    heard.push((word, fds));
                }
                Err(Broken::Late) => break,
                // Told again by the next call, when what it said last has been heard.
                Err(_) if !heard.is_empty() => break,
                Err(broken) => return Err(lost(&mut self.process, &broken)),
            }
        }
        Ok(heard)
    }

    fn look_up(&mut self, ask: u32, host: String, port: u16) -> Result<()> {
        let refused = |why: &str| Fail::new(Stage::Front, "cannot look up a name").why(why);
        self.looked_up = self.looked_up.saturating_add(1);
        let begun = if host.is_empty() || host.len() > LONGEST_NAME || host.contains('\0') {
            Err(refused("it is no name of a host"))
        } else if self.lookups.len() >= LOOKUPS || self.looked_up > ALL_LOOKUPS {
            Err(refused("too many are asked for"))
        } else {
            Lookup::begin(&self.resolver, host, port)
        };
        match begun {
            Ok(lookup) => self.lookups.push((ask, lookup)),
            Err(fail) => self.ask(&ToFetch::Unresolved { ask, fail }, &[])?,
        }
        Ok(())
    }

    fn hear_lookups(&mut self) -> Result<()> {
        let mut answers = Vec::new();
        self.lookups.retain(|(ask, lookup)| match lookup.hear() {
            None => true,
            Some(answer) => {
                answers.push((*ask, answer));
                false
            }
        });
        answers.into_iter().try_for_each(|(ask, answer)| {
            let word = match answer {
                Ok(addresses) => ToFetch::Resolved { ask, addresses },
                Err(fail) => ToFetch::Unresolved { ask, fail },
            };
            self.ask(&word, &[])
        })
    }
}
