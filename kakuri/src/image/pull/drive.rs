//! Which word is permitted now, and what follows it: the order of a pull as a value, without a process or a file. What is
//! out of turn ends the pull: neither side is trusted.
//!
//! ```text
//! both ready -> manifest -> judge -> (index: manifest -> judge, twice at most) -> config -> recipe -> layers -> whole
//! ```

use kakuri_image::Digest;
use kakuri_image::talk::{FromFetch, FromUnpack, LARGEST_CONFIG, LARGEST_MANIFEST, Report, Want};
use kakuri_wire::fail::{Fail, Result, Stage};

/// A list of platforms may name another; a layout's list of images may name such a one.
const DEPTH: u8 = 2;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    Nothing,
    /// Get a manifest, from whichever source.
    Manifest(Want),
    /// Have the document that has just come judged; it is to have this digest, if it was asked for by one.
    Judge(Option<Digest>),
    /// Get the configuration.
    Small(Digest, u64),
    /// Have the configuration that has just come read.
    Config,
    /// The recipe has come; [`Drive::plan`] is next.
    Recipe,
    /// A layer's blob is verified and unpacked.
    Done(usize),
    /// A layer was refused; what of its blob has this many bytes is worth keeping.
    Bad(usize, Fail, u64),
    /// Its bytes cannot be had.
    Lost(usize, Fail),
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    /// `fetch`, `unpack`: who is not ready yet.
    Starting {
        fetch: bool,
        unpack: bool,
    },
    /// A manifest was asked for, by this digest.
    Manifest(Option<Digest>),
    Judging,
    Small,
    Configuring,
    /// The recipe is there, and the layers are not planned yet.
    Believing,
    Layers,
}

/// How far a layer has come.
#[derive(Clone, Debug, PartialEq)]
enum Turn {
    /// It is in the store.
    Stored,
    Waiting,
    /// It is being unpacked. `sent`: all that was to come of it has been sent.
    Open {
        fetched: bool,
        sent: bool,
    },
    /// It is to be begun again when the fetcher has said its last word of it.
    Ending,
    Whole(Report),
}

pub struct Drive {
    phase: Phase,
    depth: u8,
    /// The recipe is known already.
    known: bool,
    turns: Vec<Turn>,
    workers: usize,
}

impl Drive {
    /// `fetch`: whether there is a fetcher. `known`: the recipe is known already, and its layers planned.
    pub fn new(fetch: bool, known: bool) -> Drive {
        let phase = Phase::Starting { fetch, unpack: true };
        Drive { phase, depth: 0, known, turns: Vec::new(), workers: 1 }
    }

    /// The layers: of each whether it is in the store. At most so many are worked on at a time.
    pub fn plan(&mut self, stored: &[bool], workers: usize) {
        self.turns = stored.iter().map(|&stored| if stored { Turn::Stored } else { Turn::Waiting }).collect();
        self.workers = workers.max(1);
        if self.phase == Phase::Believing {
            self.phase = Phase::Layers;
        }
    }

    /// The next layer to begin, if there is one and it is time for it.
    pub fn next(&self) -> Option<usize> {
        let open = self.turns.iter().filter(|turn| matches!(turn, Turn::Open { .. })).count();
        let free = self.phase == Phase::Layers && open < self.workers;
        if free { self.turns.iter().position(|turn| *turn == Turn::Waiting) } else { None }
    }

    /// It is begun. `fetched`: its bytes come from the fetcher.
    pub fn begin(&mut self, n: usize, fetched: bool) {
        self.turns[n] = Turn::Open { fetched, sent: false };
    }

    /// It is to be begun once more.
    pub fn again(&mut self, n: usize) {
        let ending = matches!(self.turns[n], Turn::Open { fetched: true, sent: false });
        self.turns[n] = if ending { Turn::Ending } else { Turn::Waiting };
    }

    /// Whether all layers are whole.
    pub fn is_whole(&self) -> bool {
        self.phase == Phase::Layers && self.turns.iter().all(|turn| matches!(turn, Turn::Stored | Turn::Whole(_)))
    }

    /// What became of those that were made here; None: it was in the store.
    pub fn reports(&self) -> Vec<Option<Report>> {
        let report = |turn: &Turn| if let Turn::Whole(report) = turn { Some(report.clone()) } else { None };
        self.turns.iter().map(report).collect()
    }

    /// Whether a layer is being worked on.
    pub fn is_open(&self, n: u32) -> bool {
        matches!(self.turns.get(n as usize), Some(Turn::Open { .. }))
    }

    /// After a word of the fetcher's.
    pub fn fetched(&mut self, word: &FromFetch) -> Result<Act> {
        match (&self.phase, word) {
            (_, FromFetch::Failed(fail)) => Err(fail.clone()),
            (&Phase::Starting { fetch: true, unpack }, FromFetch::Ready) => Ok(self.ready(false, unpack)),
            (Phase::Manifest(_), FromFetch::Manifest { .. }) => self.manifest_came(),
            (Phase::Small, FromFetch::Small) => self.config_came(),
            (Phase::Small, FromFetch::SmallFailed(fail)) => Err(fail.clone()),
            (Phase::Layers, FromFetch::Progress { n, .. } | FromFetch::Retrying { n, .. }) => {
                // Of one that is whole by now the last word may be on its way.
                self.of_fetch(*n, word).map(|_| Act::Nothing)
            }
            (Phase::Layers, FromFetch::Sent { n }) => {
                match self.of_fetch(*n, word)? {
                    Turn::Open { sent, .. } => *sent = true,
                    turn if *turn == Turn::Ending => *turn = Turn::Waiting,
                    _ => {}
                }
                Ok(Act::Nothing)
            }
            (Phase::Layers, FromFetch::BlobFailed { n, fail }) => match self.of_fetch(*n, word)? {
                Turn::Open { .. } => Ok(Act::Lost(*n as usize, fail.clone())),
                turn => {
                    // It was refused without the rest.
                    if *turn == Turn::Ending {
                        *turn = Turn::Waiting;
                    }
                    Ok(Act::Nothing)
                }
            },
            _ => Err(out_of_turn(Stage::Fetch, &format!("{word:?}"))),
        }
    }

    fn of_fetch(&mut self, n: u32, word: &FromFetch) -> Result<&mut Turn> {
        let turn = self.turns.get_mut(n as usize).ok_or_else(|| out_of_turn(Stage::Fetch, &format!("{word:?}")))?;
        match turn {
            Turn::Open { fetched: true, sent: false } | Turn::Ending | Turn::Whole(_) => Ok(turn),
            _ => Err(out_of_turn(Stage::Fetch, &format!("{word:?}"))),
        }
    }

    /// After a word of the unpacker's.
    pub fn unpacked(&mut self, word: &FromUnpack) -> Result<Act> {
        let wrong = || out_of_turn(Stage::Unpack, &format!("{word:?}"));
        match (&self.phase, word) {
            (_, FromUnpack::Failed(fail)) => Err(fail.clone()),
            (&Phase::Starting { fetch, unpack: true }, FromUnpack::Ready) => Ok(self.ready(fetch, false)),
            (Phase::Judging, FromUnpack::Index { manifest, size }) => {
                if self.depth == DEPTH || *size > LARGEST_MANIFEST {
                    return Err(Fail::new(Stage::Front, "the image is refused")
                        .why("its list of platforms leads to another list, again and again, or to something large")
                        .hint("name one of its manifests by its digest"));
                }
                self.depth += 1;
                self.phase = Phase::Manifest(Some(manifest.clone()));
                Ok(Act::Manifest(Want::Digest(manifest.clone())))
            }
            (Phase::Judging, FromUnpack::Manifest { config, size }) => {
                if *size > LARGEST_CONFIG {
                    return Err(Fail::new(Stage::Front, "the image is refused")
                        .why(format!("its configuration has {size} bytes, more than {LARGEST_CONFIG}")));
                }
                self.phase = Phase::Small;
                Ok(Act::Small(config.clone(), *size))
            }
            (Phase::Configuring, FromUnpack::Recipe) => {
                self.phase = Phase::Believing;
                Ok(Act::Recipe)
            }
            (Phase::Layers, FromUnpack::Progress { n, .. }) if self.is_open(*n) => Ok(Act::Nothing),
            (Phase::Layers, FromUnpack::Done { n, report }) if self.is_open(*n) => {
                self.turns[*n as usize] = Turn::Whole(report.clone());
                Ok(Act::Done(*n as usize))
            }
            (Phase::Layers, FromUnpack::Bad { n, fail, keep }) if self.is_open(*n) => {
                Ok(Act::Bad(*n as usize, fail.clone(), *keep))
            }
            _ => Err(wrong()),
        }
    }

    /// A manifest has come, from whichever source.
    pub fn manifest_came(&mut self) -> Result<Act> {
        match std::mem::replace(&mut self.phase, Phase::Judging) {
            Phase::Manifest(digest) => Ok(Act::Judge(digest)),
            _ => Err(out_of_turn(Stage::Front, "a manifest")),
        }
    }

    /// The configuration has.
    pub fn config_came(&mut self) -> Result<Act> {
        match std::mem::replace(&mut self.phase, Phase::Configuring) {
            Phase::Small => Ok(Act::Config),
            _ => Err(out_of_turn(Stage::Front, "a configuration")),
        }
    }

    fn ready(&mut self, fetch: bool, unpack: bool) -> Act {
        if fetch || unpack {
            self.phase = Phase::Starting { fetch, unpack };
            return Act::Nothing;
        }
        if self.known {
            self.phase = Phase::Layers;
            return Act::Nothing;
        }
        self.phase = Phase::Manifest(None);
        Act::Manifest(Want::Named)
    }
}

pub fn out_of_turn(stage: Stage, message: &str) -> Fail {
    let word: String = message.chars().take(40).collect();
    Fail::new(stage, format!("{stage} spoke out of turn"))
        .why(word)
        .hint("are all five programs of one build? kakuri version tells")
}

#[cfg(test)]
mod tests;
