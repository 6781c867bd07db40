//! Images out of an archive: `docker save`'s, `podman save`'s, skopeo's or our own.
//!
//! The archive is read by `kakuri-image [archive]`, which makes a folder of the OCI layout of it; from there each image
//! is pulled, by the way there is into the store for a folder of anybody's. What the role says of names is a
//! stranger's word, and so is what it has made.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use kakuri_image::talk::{Contained, Contents, FromUnpack, ToUnpack};
use kakuri_image::{Platform, Reference, Source};
use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::{Bytes, document};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::access::Access;
use super::pull::progress::{PACE, Progress};
use super::pull::{self, Loaded, Policy, Wanted, interrupted, is_end};
use super::store::{Images, key};
use super::unpacker::{Role, Unpacker};
use crate::helper::Programs;
use crate::host::Host;
use crate::idmap::{self, Ids};
use crate::output;
use crate::signals::Signals;

/// How the repository of an image is called that has no name; its digest follows.
const NAMELESS: &str = "localhost/loaded";

pub struct Archive<'a> {
    pub file: File,
    /// As typed, or what standard input is called.
    pub shown: &'a Bytes,
    pub platform: &'a Platform,
    pub quiet: bool,
}

/// Loads all images of it. `each` is told every name, when the image is here.
pub fn load(
    archive: &Archive,
    images: &Images,
    ids: &Ids,
    programs: &Programs,
    host: &Host,
    each: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    images.sweep();
    // Swept by the next one, should this one be killed; the folder is the caller's own, whatever ids its images have.
    let work = images.begin(&key(ids))?;
    let done = read(archive, &work.path(), programs, host).and_then(|contents| {
        let layout = Bytes::from(work.path().join("layout"));
        let access = Access::default();
        for (n, image) in contents.images.iter().enumerate() {
            let source = Source::Layout { path: layout.clone(), tag: Some(n.to_string()) };
            for name in names(image) {
                let loaded = Loaded { name: &name, archive: archive.shown };
                let wanted = Wanted {
                    source: &source,
                    platform: archive.platform,
                    access: &access,
                    policy: Policy::Always,
                    quiet: archive.quiet,
                    loaded: Some(&loaded),
                };
                each(&pull::pull(&wanted, images, ids, programs, host)?.name)?;
            }
        }
        Ok(())
    });
    work.end();
    done
}

/// What it is called here: its names as docker reads them, and by its digest where it has none.
fn names(image: &Contained) -> Vec<Reference> {
    let mut names: Vec<Reference> = Vec::new();
    for word in &image.names {
        match Source::parse(word.as_bytes()) {
            Ok(Source::Registry(name)) if !names.contains(&name) => names.push(name),
            Ok(Source::Registry(_)) => {}
            Ok(Source::Layout { .. }) | Err(_) => {
                output::warn(format_args!(
                    "'{}' in the archive is no name of an image; it is passed over",
                    Bytes::from(&word[..])
                ));
            }
        }
    }
    if names.is_empty()
        && let Ok(Source::Registry(name)) = Source::parse(format!("{NAMELESS}@{}", image.digest).as_bytes())
    {
        names.push(name);
    }
    names
}

/// Has it read, into `layout` in the work folder.
fn read(archive: &Archive, work: &Path, programs: &Programs, host: &Host) -> Result<Contents> {
    let mut progress = Progress::new(archive.quiet);
    // One id is enough for files that are the caller's.
    let mut unpacker = Unpacker::begin(Role::Archive, work, &[], &idmap::least(host)?, programs, host)?;
    let mut signals = Signals::block()?;
    let mut ready = false;
    loop {
        wait(&signals, &unpacker)?;
        if let Some(came) = signals.take().filter(|came| is_end(came.signal)) {
            return Err(interrupted(came.signal, &archive.shown.to_string()));
        }
        for (word, mut fds) in unpacker.hear()? {
            match (word, ready) {
                (FromUnpack::Failed(fail), _) => return Err(about(archive, fail)),
                (FromUnpack::Ready, false) => {
                    ready = true;
                    unpacker.ask(&ToUnpack::Archive, &[archive.file.as_fd()])?;
                }
                (FromUnpack::Progress { written, .. }, true) => {
                    progress.tell(&format!("reading '{}'  {}", archive.shown, output::size(written)));
                }
                (FromUnpack::Archive, true) => {
                    let fd = fds.pop().ok_or_else(|| pull::out_of_turn(Stage::Unpack, "an archive"))?;
                    progress.clear();
                    unpacker.finish()?;
                    return document::read(Stage::Front, fd);
                }
                (word, _) => return Err(pull::out_of_turn(Stage::Unpack, &format!("{word:?}"))),
            }
        }
    }
}

fn wait(signals: &Signals, unpacker: &Unpacker) -> Result<()> {
    let mut watched: Vec<PollFd> = vec![PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
    watched.extend(unpacker.watched().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    let pace = Timespec { tv_sec: 0, tv_nsec: i64::from(PACE.subsec_nanos()) };
    match poll(&mut watched, Some(&pace)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(e) => Err(Fail::new(Stage::Front, "cannot wait for kakuri-image").errno(e)),
    }
}

/// Which archive it is about.
fn about(archive: &Archive, fail: Fail) -> Fail {
    let what = format!("cannot load images from '{}': {}", archive.shown, fail.what);
    let errno = fail.errno.map(Errno::from_raw_os_error);
    let fail = Fail { what, ..fail };
    match errno {
        Some(e) => super::store::full(fail, e),
        None => fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kakuri_image::{Algorithm, Digest};

    #[test]
    fn names_are_read_as_docker_does() {
        let digest = Digest::of(Algorithm::Sha256, b"x");
        let of = |names_in: &[&str]| {
            let names_in = names_in.iter().map(|name| (*name).to_string()).collect();
            names(&Contained { names: names_in, digest: digest.clone() })
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<String>>()
        };
        assert_eq!(
            of(&["alpine", "alpine:latest", "quay.io/a/b:1"]),
            ["docker.io/library/alpine:latest", "quay.io/a/b:1"]
        );
        // A folder of the caller's is no name a stranger may give, nor is what cannot be one.
        let by_digest = format!("localhost/loaded@{digest}");
        assert_eq!(of(&["oci:/etc", "<none>:<none>", "\x1b[2J"]), std::slice::from_ref(&by_digest));
        assert_eq!(of(&[]), [by_digest]);
    }
}
