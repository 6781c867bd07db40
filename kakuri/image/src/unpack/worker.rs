//! Unpacking layers, each in a thread of its own, a few at once.

use std::collections::VecDeque;
use std::io::{self, BufReader, Read};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use kakuri_wire::Channel;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};

use super::blob::{Blob, CHUNK};
use super::frames::Windows;
use super::meter::{Memory, Meter};
use super::place::Place;
use super::squeeze::Archive;
use super::tree::{Tree, Trouble};
use crate::talk::{FromUnpack, Limits, Report};
use crate::tar::{Broken, Reader};
use crate::{Layer, Owners};

pub struct Job {
    pub n: u32,
    pub layer: Layer,
    pub have: u64,
    pub keep: bool,
    pub from: OwnedFd,
}

/// What the workers share.
pub struct Shop {
    pub link: Channel,
    pub limits: Limits,
    pub owners: Owners,
    pub windows: Windows,
    pub memory: Memory,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    workers: usize,
}

impl Shop {
    pub fn new(link: Channel, limits: Limits, owners: Owners) -> Shop {
        let (windows, memory) = (Windows::default(), Memory::default());
        Shop { link, limits, owners, windows, memory, queue: Mutex::default() }
    }

    /// Takes a job; it is begun at once if not too many are.
    pub fn take(self: &Arc<Shop>, job: Job) -> Result<()> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.jobs.push_back(job);
        let most = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4);
        if queue.workers < most {
            queue.workers += 1;
            let shop = Arc::clone(self);
            std::thread::Builder::new()
                .name("layer".into())
                .spawn(move || shop.work())
                .fail(Stage::Unpack, || "cannot unpack another layer beside".into())?;
        }
        Ok(())
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            let n = job.n;
            let word = match self.unpack(job) {
                Ok(report) => FromUnpack::Done { n, report },
                Err((fail, keep)) => FromUnpack::Bad { n, fail, keep },
            };
            // A front that is gone wants no word.
            let _ = self.link.send(&word, &[]);
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let job = queue.jobs.pop_front();
        if job.is_none() {
            queue.workers -= 1;
        }
        job
    }

    /// The layer's tree; else why there is none, and how much of what came is of use.
    fn unpack(&self, job: Job) -> Result<Report, (Fail, u64)> {
        let Job { n, layer, have, keep, from } = job;
        let nothing = |fail| (fail, 0);
        let place = Place::make(n).map_err(nothing)?;
        let mut blob = Blob::begin(n, &layer, have, keep, from, |fd| place.give_away(fd)).map_err(nothing)?;
        let told = super::copy(&self.link).map_err(nothing)?;
        let tell = move |written| drop(told.send(&FromUnpack::Progress { n, written }, &[]));
        let mut meter = Meter::new(self.limits, self.memory.clone(), Box::new(tell));
        let done = self.fill(&place, &mut blob, &layer, &mut meter);
        if done.is_err() {
            place.empty();
        }
        done
    }

    fn fill(&self, place: &Place, blob: &mut Blob, layer: &Layer, meter: &mut Meter) -> Result<Report, (Fail, u64)> {
        let mut tree = match place.tree(self.owners, meter) {
            Ok(tree) => tree,
            Err(fail) => return Err((fail, blob.saved())),
        };
        let read = self.read(blob, layer, &mut tree);
        if let Err(Wrong::Disk(fail)) = read {
            return Err((fail, blob.saved()));
        }
        // The digest of all of it comes before any other reason: what was cut or changed on its way is not to be called
        // a bad layer.
        let whole = blob.drain();
        blob.close();
        let saved = blob.saved();
        if let Some(fail) = blob.trouble.take().filter(|_| !whole) {
            return Err((about(layer, fail), saved));
        }
        if blob.digest().as_ref() != Some(&layer.digest) {
            let fail = Fail::new(Stage::Unpack, format!("the layer {} is not what it should be", short(layer)))
                .why("what came has another digest: it was changed on its way, or where it lay")
                .hint("pull again; if it happens again, pull from another registry");
            return Err((fail, 0));
        }
        let diff_id = match read {
            Ok(diff_id) => diff_id,
            Err(Wrong::Layer(fail) | Wrong::Disk(fail)) => return Err((fail, saved)),
        };
        if diff_id != layer.diff_id {
            let fail = Fail::new(Stage::Unpack, format!("the layer {} is not the image's", short(layer)))
                .why("what is in it has another digest than the image's configuration says")
                .hint("the image was put together wrongly: ask its makers");
            return Err((fail, saved));
        }
        let open = tree.finish().map_err(|trouble| match trouble {
            Trouble::Refused(fail) | Trouble::Disk(fail) => (fail, saved),
            Trouble::Unread(broken) => (damaged(layer, &broken), saved),
        })?;
        if !open.is_empty() {
            place.leave_open(&open).map_err(|fail| (fail, saved))?;
        }
        Ok(meter.report(!open.is_empty()))
    }

    /// Reads the archive to its end, and behind it to the blob's.
    fn read(&self, blob: &mut Blob, layer: &Layer, tree: &mut Tree) -> Result<crate::Digest, Wrong> {
        let unread = |limit: Option<String>, broken: &Broken| match limit {
            Some(why) => Wrong::Layer(about(layer, Fail::new(Stage::Unpack, "too much").why(why))),
            None => Wrong::Layer(damaged(layer, broken)),
        };
        let opened = Archive::open(blob, layer.size, layer.diff_id.algorithm(), self.limits, &self.windows);
        let mut archive = opened.map_err(|e| unread(None, &Broken::Read(e)))?;
        let mut reader = Reader::strict(BufReader::with_capacity(CHUNK, &mut archive));
        let done = all(&mut reader, tree);
        match done {
            Ok(()) => Ok(archive.digest()),
            Err(Trouble::Refused(fail)) => Err(Wrong::Layer(fail)),
            Err(Trouble::Disk(fail)) => Err(Wrong::Disk(fail)),
            Err(Trouble::Unread(broken)) => Err(unread(archive.inside.limit.take(), &broken)),
        }
    }
}

enum Wrong {
    Layer(Fail),
    Disk(Fail),
}

fn all(reader: &mut Reader<impl Read>, tree: &mut Tree) -> Result<(), Trouble> {
    let mut buffer = vec![0; CHUNK];
    while let Some(entry) = reader.entry().map_err(Trouble::Unread)? {
        tree.entry(entry, reader, &mut buffer)?;
    }
    // Its digest is of all of it, whatever stands behind the end mark.
    loop {
        match reader.rest(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(e) => return Err(Trouble::Unread(Broken::Read(e))),
        }
    }
}

/// As people know it from elsewhere.
fn short(layer: &Layer) -> String {
    let hex = layer.digest.hex();
    format!("{}:{}", layer.digest.algorithm().name(), hex.get(..12).unwrap_or(hex))
}

fn about(layer: &Layer, fail: Fail) -> Fail {
    let why = match (&fail.why, fail.errno) {
        (Some(why), _) => format!("{}: {why}", fail.what),
        (None, Some(errno)) => format!("{}: {}", fail.what, kakuri_wire::fail::describe(errno)),
        (None, None) => fail.what.clone(),
    };
    Fail { what: format!("cannot unpack the layer {}", short(layer)), why: Some(why), ..fail }
}

fn damaged(layer: &Layer, broken: &Broken) -> Fail {
    let what = format!("cannot unpack the layer {}", short(layer));
    let why = match broken {
        Broken::Damaged { why, at } => format!("its archive is damaged at byte {at}: {why}"),
        Broken::Compressed(program) => format!("{program} has compressed it, which no layer may be by"),
        Broken::Read(e) if e.kind() == io::ErrorKind::UnexpectedEof => "its compressed data ends early".into(),
        Broken::Read(e) => format!("its compressed data is damaged: {e}"),
    };
    Fail::new(Stage::Unpack, what).why(why).hint("the image was put together wrongly: ask its makers")
}
