//! The role with the folder: it verifies documents and layers, and unpacks. It has no network, and sees one folder.
//!
//! It is root of a user namespace with the very ids the image's containers have, in a container of its own that shows
//! nothing but this program and the work folder, which is the current one. Nothing is looked up by a path that
//! anybody else could have made: `N` and `N.blob` are our own, and in a layer's tree every step is a single name.

pub(crate) mod blob;
mod config;
mod contents;
mod finish;
pub(crate) mod frames;
mod judge;
mod media;
mod meter;
mod name;
mod owner;
pub(crate) mod place;
pub(crate) mod remove;
pub(crate) mod squeeze;
mod tree;
pub(crate) mod unsettled;
pub(crate) mod way;
mod worker;

pub(crate) use finish::OPAQUE;
pub(crate) use name::split;
pub(crate) use owner::times;
pub(crate) use tree::wrong;

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use kakuri_wire::channel::{Broken, Channel};
use kakuri_wire::document;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::fs::Mode;
use rustix::io::Errno;

use crate::Owners;
use crate::talk::{FromUnpack, Limits, ToUnpack};
use judge::Judge;
use worker::{Job, Shop};

/// For the front, until it hangs up. What is still being unpacked then is dropped.
pub fn serve(link: &Channel) -> Result<()> {
    let Some((limits, owners)) = begin(link)? else { return Ok(()) };
    let shop = Arc::new(Shop::new(copy(link)?, limits, owners));
    let mut judge = Judge::new(limits);
    while let Some((message, mut fds)) = hear(link)? {
        let fd = || Fail::new(Stage::Unpack, "kakuri has sent too few descriptors");
        let answer = match message {
            ToUnpack::Judge { digest, tag, platform } => {
                document(fds.pop().ok_or_else(fd)?).and_then(|bytes| judge.judge(&bytes, digest, tag, platform))
            }
            ToUnpack::Config => {
                document(fds.pop().ok_or_else(fd)?).and_then(|bytes| judge.config(&bytes)).and_then(|recipe| {
                    let sealed = document::seal(Stage::Unpack, &recipe)?;
                    say(link, &FromUnpack::Recipe, &[sealed])?;
                    Ok(None)
                })
            }
            ToUnpack::Layer { n, layer, have, keep } => {
                let from = fds.pop().ok_or_else(fd)?;
                shop.take(Job { n, layer, have, keep, from }).map(|()| None)
            }
            ToUnpack::Start(..) | ToUnpack::Settle { .. } | ToUnpack::Archive => Err(out_of_turn()),
        };
        match answer {
            Ok(Some(word)) => say(link, &word, &[])?,
            Ok(None) => {}
            Err(fail) => say(link, &FromUnpack::Failed(fail), &[])?,
        }
    }
    Ok(())
}

/// The first word of either role. None: the front is gone.
pub(crate) fn begin(link: &Channel) -> Result<Option<(Limits, Owners)>> {
    // Modes are the archive's.
    rustix::process::umask(Mode::empty());
    let begun = match hear(link)? {
        None => return Ok(None),
        Some((ToUnpack::Start(version, limits, owners), _)) => {
            version.check(Stage::Unpack).map(|()| Some((limits, owners)))
        }
        Some(_) => Err(out_of_turn()),
    };
    match &begun {
        Ok(_) => say(link, &FromUnpack::Ready, &[])?,
        Err(fail) => say(link, &FromUnpack::Failed(fail.clone()), &[])?,
    }
    begun
}

/// The same link, for another thread.
fn copy(link: &Channel) -> Result<Channel> {
    link.as_fd().try_clone_to_owned().map(Channel::from).fail(Stage::Unpack, || "cannot speak to kakuri".into())
}

/// The front's next word; None once it is gone.
pub(crate) fn hear(link: &Channel) -> Result<Option<(ToUnpack, Vec<OwnedFd>)>> {
    match link.recv() {
        Ok(heard) => Ok(Some(heard)),
        Err(Broken::Closed) => Ok(None),
        Err(e) => Err(Fail::new(Stage::Unpack, "cannot understand kakuri").why(e.to_string())),
    }
}

pub(crate) fn say(link: &Channel, word: &FromUnpack, fds: &[OwnedFd]) -> Result<()> {
    let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
    match link.send(word, &fds) {
        // Nobody is there to hear it; the next word that is not there says so too.
        Ok(()) | Err(Broken::Closed) => Ok(()),
        Err(e) => Err(Fail::new(Stage::Unpack, "cannot speak to kakuri").why(e.to_string())),
    }
}

pub(crate) fn out_of_turn() -> Fail {
    Fail::new(Stage::Unpack, "kakuri spoke out of turn")
}

fn document(fd: OwnedFd) -> Result<Vec<u8>> {
    document::sealed(Stage::Unpack, fd)
}

/// What the file system has against it, in words.
pub(crate) fn disk(fail: Fail, e: Errno) -> Fail {
    let fail = fail.errno(e);
    match e {
        Errno::NOSPC => fail
            .why("no space is left where images are kept")
            .hint("make room: df -h and df -i show what is full, kakuri images what is there"),
        Errno::DQUOT => {
            fail.why("the quota is used up where images are kept").hint("make room: kakuri images shows what is there")
        }
        Errno::MFILE | Errno::NFILE => fail.hint("raise the limit of open files: ulimit -n 1024"),
        _ => fail,
    }
}
