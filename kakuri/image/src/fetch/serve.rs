//! The process from its first word to its last: the front's words, and a thread for each thing it asks for.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use kakuri_wire::channel::{Broken, Channel};
use kakuri_wire::document::{read_secret, seal_bytes};
use kakuri_wire::fail::{Fail, OrFail, Result};

use super::blob::Transfer;
use super::cancel::Cancel;
use super::certificate::Roots;
use super::endpoint::Endpoint;
use super::manifest;
use super::resolve::Names;
use super::{STAGE, confine, login, retry};
use crate::Digest;
use crate::talk::{Ask, FromFetch, Job, Patience, ToFetch, Want};

/// What all threads share.
struct Work {
    link: Arc<Channel>,
    names: Arc<Names>,
    ask: Ask,
    endpoints: Vec<Endpoint>,
    patience: Patience,
    /// The blobs on their way.
    blobs: Mutex<HashMap<u32, Arc<Cancel>>>,
}

/// For the front, until it hangs up, which ends everything.
pub fn serve(link: &Channel) -> Result<()> {
    let done = be_told(link);
    if let Err(fail) = &done {
        // A front that has gone hears nothing.
        let _ = link.send(&FromFetch::Failed(fail.clone()), &[]);
    }
    done
}

fn be_told(link: &Channel) -> Result<()> {
    confine::hide()?;
    let (word, mut carried) = link.recv().map_err(lost)?;
    let (ToFetch::Start(version), Some(document)) = (word, carried.pop()) else { return Err(unexpected("Start")) };
    version.check(STAGE)?;
    let work = Arc::new(Work::new(link, read_secret(STAGE, document)?)?);
    confine::confine()?;
    work.say(&FromFetch::Ready, &[]);
    if work.ask == Ask::Login {
        start(&work, Work::prove)?;
    }
    loop {
        match link.recv() {
            Ok((word, carried)) => hear(&work, word, carried)?,
            // The threads go with the process.
            Err(Broken::Closed) => return Ok(()),
            Err(broken) => return Err(lost(broken)),
        }
    }
}

fn hear(work: &Arc<Work>, word: ToFetch, mut carried: Vec<OwnedFd>) -> Result<()> {
    match word {
        ToFetch::Start(_) => return Err(unexpected("a question")),
        ToFetch::Manifest { want } => start(work, move |work| work.manifest(&want))?,
        ToFetch::Small { digest, size } => start(work, move |work| work.small(&digest, size))?,
        ToFetch::Blob { n, digest, size, from } => {
            let pipe = carried.pop().ok_or_else(|| unexpected("a pipe"))?;
            let cancel = Arc::new(Cancel::default());
            if work.blobs().insert(n, cancel.clone()).is_some() {
                return Err(unexpected("a blob of another number"));
            }
            start(work, move |work| work.blob(n, &digest, size, from, pipe, &cancel))?;
        }
        ToFetch::Cancel { n } => {
            // One that has been answered is off the list.
            if let Some(cancel) = work.blobs().get(&n) {
                cancel.set();
            }
        }
        ToFetch::Resolved { ask, addresses } => work.names.answered(ask, Ok(addresses)),
        ToFetch::Unresolved { ask, fail } => work.names.answered(ask, Err(fail)),
    }
    Ok(())
}

fn start(work: &Arc<Work>, task: impl FnOnce(&Work) + Send + 'static) -> Result<()> {
    let work = work.clone();
    let started = thread::Builder::new().name("fetch".into()).spawn(move || task(&work));
    started.map(drop).fail(STAGE, || "cannot start a thread".into())
}

impl Work {
    /// Reads all files there are to read.
    fn new(link: &Channel, job: Job) -> Result<Work> {
        let what = || "cannot make a second hold of the link".to_string();
        let link = Arc::new(Channel::from(link.as_fd().try_clone_to_owned().fail(STAGE, what)?));
        let patience = job.patience;
        let names = Arc::new(Names::new(link.clone(), Duration::from_millis(patience.connect)));
        let mut roots = Roots::default();
        let made = job.endpoints.into_iter().map(|given| Endpoint::new(given, patience, &mut roots, &names));
        let endpoints = made.collect::<Result<Vec<_>>>()?;
        Ok(Work { link, names, ask: job.ask, endpoints, patience, blobs: Mutex::default() })
    }

    fn prove(&self) {
        let what = self.endpoints.first().map_or("cannot log in".into(), |e| format!("cannot log in to {}", e.name));
        let done = self.over(&what, &Arc::default(), &mut |_, _, _| {}, &mut login::prove);
        self.say(&done.map_or_else(FromFetch::Failed, |()| FromFetch::Welcome), &[]);
    }

    fn manifest(&self, want: &Want) {
        let fetched = self.over(&self.what(), &Arc::default(), &mut |_, _, _| {}, &mut |endpoint| {
            manifest::fetch(endpoint, &self.ask, want).map(|manifest| (manifest, endpoint.name.clone()))
        });
        let sealed = fetched.and_then(|(manifest, from)| {
            Ok((FromFetch::Manifest { media: manifest.media, from }, seal_bytes(STAGE, &manifest.bytes)?))
        });
        match sealed {
            Ok((word, document)) => self.say(&word, &[document.as_fd()]),
            Err(fail) => self.say(&FromFetch::Failed(fail), &[]),
        }
    }

    fn small(&self, digest: &Digest, size: u64) {
        let fetched = self.over(&self.what(), &Arc::default(), &mut |_, _, _| {}, &mut |endpoint| {
            manifest::fetch_small(endpoint, digest, size)
        });
        match fetched.and_then(|bytes| seal_bytes(STAGE, &bytes)) {
            Ok(document) => self.say(&FromFetch::Small, &[document.as_fd()]),
            Err(fail) => self.say(&FromFetch::SmallFailed(fail), &[]),
        }
    }

    fn blob(&self, n: u32, digest: &Digest, size: u64, from: u64, pipe: OwnedFd, cancel: &Arc<Cancel>) {
        let what = format!("cannot fetch a layer of {}", self.subject());
        let mut tell = |bytes| self.say(&FromFetch::Progress { n, bytes }, &[]);
        let mut transfer = Transfer::new(digest, size, from, pipe, cancel, &mut tell);
        let done = match &mut transfer {
            Ok(transfer) => {
                let mut retried =
                    |attempt, after_ms, fail| self.say(&FromFetch::Retrying { n, attempt, after_ms, fail }, &[]);
                self.over(&what, cancel, &mut retried, &mut |endpoint| transfer.run(endpoint)).map(|()| transfer.at)
            }
            Err(trouble) => Err(Fail::new(STAGE, what).why(trouble.why.as_str())),
        };
        // The number is free before it is answered for, so that it may be used at once.
        self.blobs().remove(&n);
        match done {
            Ok(bytes) => {
                drop(transfer);
                self.say(&FromFetch::Progress { n, bytes }, &[]);
                self.say(&FromFetch::Sent { n }, &[]);
            }
            // Why is said before the pipe ends: who reads that would complain first, of no more than that.
            Err(fail) => {
                self.say(&FromFetch::BlobFailed { n, fail }, &[]);
                drop(transfer);
            }
        }
    }

    fn over<T>(
        &self,
        what: &str,
        cancel: &Arc<Cancel>,
        tell: &mut dyn FnMut(u32, u64, Fail),
        act: &mut dyn FnMut(&Endpoint) -> Result<T, super::trouble::Trouble>,
    ) -> Result<T> {
        cancel.enter();
        retry::over(&self.endpoints, &self.patience, cancel, what, tell, act)
    }

    fn subject(&self) -> String {
        match &self.ask {
            Ask::Pull(reference) => format!("'{}'", manifest::shown(reference)),
            Ask::Login => "nothing".into(),
        }
    }

    fn what(&self) -> String {
        format!("cannot fetch {}", self.subject())
    }

    /// A front that has gone is seen by who reads the link.
    fn say(&self, word: &FromFetch, fds: &[std::os::fd::BorrowedFd]) {
        let _ = self.link.send(word, fds);
    }

    fn blobs(&self) -> MutexGuard<'_, HashMap<u32, Arc<Cancel>>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lost(broken: Broken) -> Fail {
    Fail::new(STAGE, "lost kakuri").why(broken.to_string())
}

fn unexpected(wanted: &str) -> Fail {
    Fail::new(STAGE, "kakuri spoke out of turn").why(format!("{wanted} was to come"))
}
