//! A pull: the hub between the fetcher, the unpacker and the store.
//!
//! The front parses nothing of an image's. Documents go on as they came, sealed; the bytes of layers go from the fetcher
//! to the unpacker by a pipe of theirs; what may be said when is [`drive`]'s, and what is on disk [`store`](super::store)'s.

mod drive;
mod hub;
mod layout;
pub mod progress;
mod recipe;
mod settle;

use std::borrow::Cow;
use std::time::Duration;

use kakuri_image::{Platform, Reference, Source};
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use serde::{Deserialize, Serialize};

use super::access::{Access, Creds};
use super::store::{Images, Stored, key, refs};
use crate::helper::Programs;
use crate::host::Host;
use crate::idmap::Ids;
use crate::signals::{self, Signals};
pub use drive::out_of_turn;
use hub::Hub;
use progress::Progress;

/// `--pull`: when an image is fetched although it is here, or not fetched although it is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    Always,
    #[default]
    Missing,
    Never,
}

pub struct Wanted<'a> {
    pub source: &'a Source,
    pub platform: &'a Platform,
    pub access: &'a Access,
    pub policy: Policy,
    /// No progress is shown.
    pub quiet: bool,
    /// It is a folder made of an archive.
    pub loaded: Option<&'a Loaded<'a>>,
}

/// An image out of an archive.
pub struct Loaded<'a> {
    /// What it is called from now on.
    pub name: &'a Reference,
    /// As typed.
    pub archive: &'a Bytes,
}

impl Wanted<'_> {
    fn name(&self) -> Result<String> {
        match self.loaded {
            Some(loaded) => Ok(loaded.name.to_string()),
            None => refs::name_of(self.source),
        }
    }
}

/// Of a pull that ends in the middle.
const KEPT: &str = "what has come is kept, and the same command goes on with it";
/// Between two looks at what another pull of the same image is doing.
const PAUSE: Duration = Duration::from_millis(100);

/// Makes it be here, unpacked for these ids.
pub fn pull(wanted: &Wanted, images: &Images, ids: &Ids, programs: &Programs, host: &Host) -> Result<Stored> {
    let name = wanted.name()?;
    if let Some(stored) = here(wanted, images, ids)? {
        return Ok(stored);
    }
    // Before anything is made or held: whoever is asked may leave.
    let access = asked(wanted, images)?;
    let wanted = &Wanted { access: &access, ..*wanted };
    images.sweep();
    let mut progress = Progress::new(wanted.quiet);
    let Some(_turn) = take_turn(wanted, images, &name, &mut progress)? else {
        return Err(interrupted(libc::SIGINT, &name));
    };
    // Whoever had it before has perhaps done it all.
    if let Some(stored) = here(wanted, images, ids)? {
        return Ok(stored);
    }
    let known = images.find(wanted.source, wanted.platform).unwrap_or_else(|fail| {
        log::info!("{fail}");
        None
    });
    let mut work = images.begin(&key(ids))?;
    let surroundings = hub::Surroundings { wanted, name: &name, ids, programs, host };
    let pulled = match known.filter(|_| wanted.policy != Policy::Always) {
        // It is here, and was not unpacked for these ids.
        Some(stored) if work.has_blobs(&stored.recipe) => {
            Hub::of_stored(surroundings, &mut work, &mut progress, &stored).and_then(Hub::run)
        }
        Some(_) if wanted.policy == Policy::Never => {
            Err(Fail::new(Stage::Front, format!("cannot unpack the image {name} for these ids"))
                .why("its layers are not stored any more")
                .hint(format!("kakuri pull {name} fetches them again")))
        }
        None if wanted.policy == Policy::Never => {
            Err(Fail::new(Stage::Front, format!("the image {name} is not here")).hint(format!("kakuri pull {name}")))
        }
        _ => Hub::of_source(surroundings, &mut work, &mut progress).and_then(Hub::run),
    };
    progress.clear();
    // Helpers are gone by now; whatever came stays for the next one.
    work.end();
    pulled
}

/// How it is fetched, with all that only the user knows. What is stored needs no registry.
fn asked<'a>(wanted: &Wanted<'a>, images: &Images) -> Result<Cow<'a, Access>> {
    let mut access = Cow::Borrowed(wanted.access);
    if let (Source::Registry(reference), Some(Creds::User(_))) = (wanted.source, &wanted.access.creds) {
        let stored = || images.find(wanted.source, wanted.platform).is_ok_and(|stored| stored.is_some());
        let fetched = match wanted.policy {
            Policy::Always => true,
            Policy::Missing => !stored(),
            Policy::Never => false,
        };
        if fetched {
            access.to_mut().ask(&reference.registry())?;
        }
    }
    Ok(access)
}

/// What needs nothing to be done.
fn here(wanted: &Wanted, images: &Images, ids: &Ids) -> Result<Option<Stored>> {
    if wanted.policy == Policy::Always {
        return Ok(None);
    }
    match images.find(wanted.source, wanted.platform) {
        Ok(Some(stored)) => Ok(images.layers(&stored, ids)?.map(|_| stored)),
        Ok(None) => Ok(None),
        // What cannot be read is fetched again, unless it may not be.
        Err(fail) if wanted.policy == Policy::Never => Err(fail),
        Err(_) => Ok(None),
    }
}

/// Of several pulls of one image one does the work, and the others wait for it. None: a signal came.
fn take_turn(
    wanted: &Wanted,
    images: &Images,
    name: &str,
    progress: &mut Progress,
) -> Result<Option<super::store::Turn>> {
    if let Some(turn) = images.try_turn(name, wanted.platform)? {
        return Ok(Some(turn));
    }
    progress.say(&format!("another kakuri is pulling {name}: waiting for it"));
    let mut signals = Signals::block()?;
    loop {
        if let Some(came) = signals.take()
            && is_end(came.signal)
        {
            return Ok(None);
        }
        let _ = kakuri_wire::channel::wait(&signals, rustix::event::PollFlags::IN, PAUSE);
        if let Some(turn) = images.try_turn(name, wanted.platform)? {
            return Ok(Some(turn));
        }
    }
}

/// Whether it asks this process to end.
pub fn is_end(signal: i32) -> bool {
    !matches!(signal, libc::SIGWINCH | libc::SIGCONT)
}

pub fn interrupted(signal: i32, name: &str) -> Fail {
    Fail::new(Stage::Front, format!("the pull of {name} was ended by SIG{}", signals::name(signal)))
        .hint(KEPT)
        .code(128_u8.saturating_add(signal.clamp(1, 64) as u8))
}
