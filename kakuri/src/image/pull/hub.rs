//! One pull, carried out: whoever has a word is heard, [`Drive`] says what follows, and it is done here.

mod layers;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use kakuri_image::talk::{Ask, FromFetch, FromUnpack, Job, LARGEST_CONFIG, Patience, ToFetch, ToUnpack, Want};
use kakuri_image::{Algorithm, Digest, Recipe, Reference, Source};
use kakuri_wire::document;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::drive::{Act, Drive};
use super::layout::Layout;
use super::progress::{PACE, Progress};
use super::{KEPT, Wanted, interrupted, is_end, recipe, settle};
use crate::helper::Programs;
use crate::host::Host;
use crate::idmap::Ids;
use crate::image::access;
use crate::image::fetcher::Fetcher;
use crate::image::store::{Came, Stored, Work};
use crate::image::unpacker::{Role, Unpacker};
use crate::signals::Signals;

/// More than this many layers at a time would only share the processors and the line.
const WORKERS: usize = 4;
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub wanted: &'a Wanted<'a>,
    /// The image's, whole.
    pub name: &'a str,
    pub ids: &'a Ids,
    pub programs: &'a Programs,
    pub host: &'a Host,
}

/// Where its documents and layers come from.
enum Origin {
    Registry(Fetcher),
    Layout(Layout),
    /// All of it is stored.
    Store,
}

pub struct Hub<'a> {
    around: Surroundings<'a>,
    work: &'a mut Work,
    progress: &'a mut Progress,
    drive: Drive,
    origin: Origin,
    unpacker: Unpacker,
    signals: Signals,
    /// What has come last and goes on to the unpacker.
    document: Option<OwnedFd>,
    /// Manifest, perhaps with lists of platforms before it, and configuration, as they came.
    documents: Vec<Vec<u8>>,
    recipe: Option<Recipe>,
    index: Option<Digest>,
    /// Layers whose stored or resumed blob was no good.
    anew: Vec<usize>,
}

impl<'a> Hub<'a> {
    /// From the registry or the folder the source names.
    pub fn of_source(around: Surroundings<'a>, work: &'a mut Work, progress: &'a mut Progress) -> Result<Hub<'a>> {
        let origin = match around.wanted.source {
            Source::Registry(reference) => {
                let endpoints = access::endpoints(reference, around.wanted.access, around.host)?;
                let job = Job { ask: Ask::Pull(reference.clone()), endpoints, patience: Patience::default() };
                Origin::Registry(Fetcher::begin(job, around.programs)?)
            }
            Source::Layout { path, .. } => {
                let (folder, image) = match around.wanted.loaded {
                    Some(loaded) => (loaded.archive, format!("the image in '{}'", loaded.archive)),
                    None => (path, format!("the image '{}'", around.wanted.source)),
                };
                Origin::Layout(Layout::open(path, (folder, &image), around.host)?)
            }
        };
        let drive = Drive::new(matches!(origin, Origin::Registry(_)), false);
        Hub::begin(around, work, progress, origin, drive)
    }

    /// Of an image whose blobs are all here.
    pub fn of_stored(
        around: Surroundings<'a>,
        work: &'a mut Work,
        progress: &'a mut Progress,
        stored: &Stored,
    ) -> Result<Hub<'a>> {
        let mut hub = Hub::begin(around, work, progress, Origin::Store, Drive::new(false, true))?;
        hub.believe(stored.recipe.clone())?;
        Ok(hub)
    }

    fn begin(
        around: Surroundings<'a>,
        work: &'a mut Work,
        progress: &'a mut Progress,
        origin: Origin,
        drive: Drive,
    ) -> Result<Hub<'a>> {
        let Surroundings { ids, programs, host, .. } = around;
        let unpacker = Unpacker::begin(Role::Unpack, &work.path(), &[], ids, programs, host)?;
        // Only now, so that no helper is born with them held back.
        let signals = Signals::block()?;
        let (documents, anew) = (Vec::new(), Vec::new());
        Ok(Hub {
            around,
            work,
            progress,
            drive,
            origin,
            unpacker,
            signals,
            document: None,
            documents,
            recipe: None,
            index: None,
            anew,
        })
    }

    /// To its end. Whatever ends it, both helpers are gone when this returns.
    pub fn run(mut self) -> Result<Stored> {
        loop {
            while let Some(n) = self.drive.next() {
                self.begin_layer(n)?;
            }
            if self.drive.is_whole() {
                break;
            }
            self.progress.draw();
            self.wait()?;
            if let Some(came) = self.signals.take().filter(|came| is_end(came.signal)) {
                return Err(interrupted(came.signal, self.around.name));
            }
            self.hear().map_err(|fail| self.ended(fail))?;
        }
        let Hub { around, work, progress, drive, unpacker, origin, signals, documents, recipe, index, .. } = self;
        let Some(recipe) = recipe else { return Err(super::drive::out_of_turn(Stage::Front, "whole")) };
        // It has nothing more to say, and the next one is to see what it has written.
        unpacker.finish()?;
        drop((origin, signals));
        let mut reports = drive.reports();
        settle::settle(around, work, &recipe, &mut reports, progress)?;
        for (n, report) in reports.iter().enumerate() {
            for (what, count) in report.iter().flat_map(|report| &report.left_out) {
                log::info!("layer {n}: {count} left out: {what}");
            }
        }
        let made: Vec<Option<(u64, u64)>> =
            reports.iter().map(|report| report.as_ref().map(|report| (report.entries, report.bytes))).collect();
        let documents = named(&recipe, index.as_ref(), documents);
        let came = Came { name: around.name, platform: around.wanted.platform, documents: &documents };
        work.commit(&recipe, &made, &came)
    }

    /// Where somebody ended because a signal was meant for all of us, that is what is told.
    fn ended(&mut self, fail: Fail) -> Fail {
        match self.signals.take().filter(|came| is_end(came.signal)) {
            Some(came) => interrupted(came.signal, self.around.name),
            None => fail,
        }
    }

    fn wait(&self) -> Result<()> {
        let mut watched: Vec<BorrowedFd> = vec![self.signals.as_fd()];
        watched.extend(self.unpacker.watched());
        if let Origin::Registry(fetcher) = &self.origin {
            watched.extend(fetcher.watched());
        }
        let mut polled: Vec<PollFd> = watched.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        let pace = Timespec { tv_sec: 0, tv_nsec: i64::from(PACE.subsec_nanos()) };
        match poll(&mut polled, Some(&pace)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(e) => Err(Fail::new(Stage::Front, "cannot wait for the helpers").errno(e)),
        }
    }

    /// Hears both. The unpacker's words are taken first and acted upon last: when it complains of bytes that ended too
    /// early, the fetcher has said why before they did.
    fn hear(&mut self) -> Result<()> {
        let unpacked = self.unpacker.hear()?;
        if let Origin::Registry(fetcher) = &mut self.origin {
            for (word, fds) in fetcher.hear()? {
                self.after_fetch(&word, fds)?;
            }
        }
        for (word, fds) in unpacked {
            self.after_unpack(&word, fds)?;
        }
        Ok(())
    }

    fn after_fetch(&mut self, word: &FromFetch, mut fds: Vec<OwnedFd>) -> Result<()> {
        match word {
            FromFetch::Progress { n, bytes } => self.progress.come(*n as usize, *bytes),
            FromFetch::Retrying { n, attempt, fail, .. } => {
                self.progress.say(&format!("layer {n}: {fail}; try {attempt} follows"));
            }
            FromFetch::Manifest { from, .. } => log::info!("a manifest came from {from}"),
            _ => {}
        }
        let act = self.drive.fetched(word)?;
        if matches!(act, Act::Judge(_) | Act::Config) {
            let fd = fds.pop().ok_or_else(|| super::drive::out_of_turn(Stage::Fetch, "a document"))?;
            self.came(fd)?;
        }
        self.carry_out(act)
    }

    fn after_unpack(&mut self, word: &FromUnpack, mut fds: Vec<OwnedFd>) -> Result<()> {
        if let FromUnpack::Progress { n, written } = word {
            self.progress.written(*n as usize, *written);
        }
        match self.drive.unpacked(word).map_err(|fail| self.of_image(word, fail))? {
            Act::Recipe => {
                let fd = fds.pop().ok_or_else(|| super::drive::out_of_turn(Stage::Unpack, "a recipe"))?;
                let found: Recipe = document::read(Stage::Front, fd)?;
                let (manifest, config) = match &self.documents[..] {
                    [.., manifest, config] => (manifest, config),
                    _ => return Err(super::drive::out_of_turn(Stage::Unpack, "a recipe")),
                };
                recipe::check(&found, manifest, config, self.around.wanted.platform)?;
                self.believe(found)
            }
            act => self.carry_out(act),
        }
    }

    /// What the unpacker says of an image that cannot be used, which it does not know the name of.
    fn of_image(&self, word: &FromUnpack, fail: Fail) -> Fail {
        match word {
            FromUnpack::Failed(_) => {
                let verb = if self.around.wanted.loaded.is_some() { "load" } else { "pull" };
                Fail { what: format!("cannot {verb} {}: {}", self.around.name, fail.what), ..fail }
            }
            _ => fail,
        }
    }

    /// A document, which is kept as it came.
    fn came(&mut self, fd: OwnedFd) -> Result<()> {
        let what = || "cannot read a document of the image".to_string();
        let file = File::from(fd);
        let size = file.metadata().fail(Stage::Front, what)?.len();
        if size > LARGEST_CONFIG {
            return Err(Fail::new(Stage::Front, what())
                .why(format!("it has {size} bytes, more than the {LARGEST_CONFIG} any has"))
                .hint("name another tag of it, or ask those who made it"));
        }
        let mut bytes = vec![0; size as usize];
        file.read_exact_at(&mut bytes, 0).fail(Stage::Front, what)?;
        self.documents.push(bytes);
        self.document = Some(file.into());
        Ok(())
    }

    fn carry_out(&mut self, act: Act) -> Result<()> {
        match act {
            Act::Nothing | Act::Recipe => Ok(()),
            Act::Manifest(want) => self.ask_manifest(want),
            Act::Judge(digest) => {
                // The first one is asked for by name, which may have a digest.
                let digest = digest.or_else(|| match self.around.wanted.source {
                    Source::Registry(Reference { digest, .. }) => digest.clone(),
                    Source::Layout { .. } => None,
                });
                let tag = match self.around.wanted.source {
                    Source::Layout { tag, .. } if self.documents.len() == 1 => tag.clone(),
                    _ => None,
                };
                let platform = self.around.wanted.platform.clone();
                self.hand_document(&ToUnpack::Judge { digest, tag, platform })
            }
            Act::Small(digest, size) => self.ask_config(digest, size),
            Act::Config => self.hand_document(&ToUnpack::Config),
            Act::Done(n) => {
                if let Some(layer) = self.layer(n) {
                    self.work.put_blob(n, &layer)?;
                }
                self.progress.finish(n);
                Ok(())
            }
            Act::Bad(n, fail, keep) => self.refused(n, fail, keep),
            Act::Lost(_, fail) if fail.hint.is_none() => Err(fail.hint(KEPT)),
            Act::Lost(_, fail) => Err(fail),
        }
    }

    fn hand_document(&mut self, word: &ToUnpack) -> Result<()> {
        let Some(document) = self.document.take() else {
            return Err(super::drive::out_of_turn(Stage::Front, "a document"));
        };
        self.unpacker.ask(word, &[document.as_fd()])
    }

    fn ask_manifest(&mut self, want: Want) -> Result<()> {
        let bytes = match (&self.origin, &want) {
            (Origin::Registry(fetcher), _) => return fetcher.ask(&ToFetch::Manifest { want }, &[]),
            (Origin::Layout(layout), Want::Named) => layout.index()?,
            (Origin::Layout(layout), Want::Digest(digest)) => layout.small(digest)?,
            (Origin::Store, _) => return Err(super::drive::out_of_turn(Stage::Front, "a manifest")),
        };
        self.came(document::seal_bytes(Stage::Front, &bytes)?)?;
        let act = self.drive.manifest_came()?;
        self.carry_out(act)
    }

    fn ask_config(&mut self, digest: Digest, size: u64) -> Result<()> {
        let bytes = match &self.origin {
            Origin::Registry(fetcher) => return fetcher.ask(&ToFetch::Small { digest, size }, &[]),
            Origin::Layout(layout) => layout.small(&digest)?,
            Origin::Store => return Err(super::drive::out_of_turn(Stage::Front, "a configuration")),
        };
        self.came(document::seal_bytes(Stage::Front, &bytes)?)?;
        let act = self.drive.config_came()?;
        self.carry_out(act)
    }

    /// The recipe is known: what it needs is pinned, and what is missing of it planned.
    fn believe(&mut self, recipe: Recipe) -> Result<()> {
        // The list it was chosen from is the last document but two; a layout's index.json is no blob of the image's.
        let lists = self.documents.len().saturating_sub(2);
        let first = usize::from(matches!(self.origin, Origin::Layout(_)));
        self.index =
            (first < lists).then(|| Digest::of(Algorithm::Sha256, self.documents.get(first).map_or(&[], |d| &d[..])));
        self.check_name(&recipe)?;
        // What was kept and is lost comes again with a pull.
        let mend = !matches!(self.origin, Origin::Store);
        let stored = self.work.pin(&recipe, self.index.as_ref(), mend)?;
        let missing = stored.iter().filter(|stored| !**stored).count();
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.drive.plan(&stored, WORKERS.min(cpus).min(missing));
        self.progress.begin(&recipe.layers, &stored);
        self.recipe = Some(recipe);
        Ok(())
    }

    /// An archive may call what is in it whatever it likes, but not by the digest of something else.
    fn check_name(&self, recipe: &Recipe) -> Result<()> {
        match self.around.wanted.loaded.and_then(|loaded| loaded.name.digest.as_ref()) {
            Some(digest) if *digest != recipe.manifest && Some(digest) != self.index.as_ref() => {
                Err(Fail::new(Stage::Front, format!("the image is refused: it is not {}", self.around.name))
                    .why(format!("its digest is {}", recipe.manifest))
                    .hint("the archive calls it what it is not: have it saved again"))
            }
            _ => Ok(()),
        }
    }
}

/// The documents with the digests they are kept by.
fn named(recipe: &Recipe, index: Option<&Digest>, documents: Vec<Vec<u8>>) -> Vec<(Digest, Vec<u8>)> {
    let known = [Some(&recipe.manifest), Some(&recipe.config), index];
    let name = |bytes: &Vec<u8>| known.into_iter().flatten().find(|digest| digest.is_of(bytes)).cloned();
    documents.into_iter().filter_map(|bytes| name(&bytes).map(|digest| (digest, bytes))).collect()
}
