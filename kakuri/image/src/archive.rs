//! The role that reads an archive of images, as `docker save`, `podman save` and `skopeo copy` write it, and makes a
//! folder of the OCI layout of it. It has no network, and sees one folder.
//!
//! An archive is hostile: no name in it becomes the name of a file. Each file is hashed as it comes and kept by its digest;
//! which name meant which is remembered, and looked up when the whole archive has been read, because what says
//! what an image is made of may come last.

mod docker;
mod layout;
mod path;
mod shelf;

use std::fs::File;
use std::io::{BufReader, Read};
use std::os::fd::OwnedFd;

use kakuri_wire::Channel;
use kakuri_wire::document;
use kakuri_wire::fail::{Fail, Result, Stage};

use crate::talk::{Contents, FromUnpack, Limits, ToUnpack};
use crate::tar::{Broken, Reader};
use crate::unpack::blob::CHUNK;
use crate::unpack::frames::Windows;
use crate::unpack::squeeze::Inside;
use crate::unpack::{begin, hear, out_of_turn, say};
use shelf::{Shelf, Unkept};

/// Files, folders and links in an archive: an image has a few for each of its layers.
const ENTRIES: u64 = 65_536;

/// For the front, until it hangs up.
pub fn serve(link: &Channel) -> Result<()> {
    let Some((limits, _)) = begin(link)? else { return Ok(()) };
    while let Some((message, mut fds)) = hear(link)? {
        let read = match (message, fds.pop()) {
            (ToUnpack::Archive, Some(fd)) => read(link, fd, limits),
            _ => Err(out_of_turn()),
        };
        match read.and_then(|contents| document::seal(Stage::Unpack, &contents)) {
            Ok(sealed) => say(link, &FromUnpack::Archive, &[sealed])?,
            Err(fail) => say(link, &FromUnpack::Failed(fail), &[])?,
        }
    }
    Ok(())
}

fn read(link: &Channel, fd: OwnedFd, limits: Limits) -> Result<Contents> {
    let mut from = File::from(fd);
    // Of a pipe nobody knows it; the limits that have no need of it hold.
    let size = from.metadata().ok().filter(std::fs::Metadata::is_file).map_or(u64::MAX, |found| found.len());
    let windows = Windows::default();
    let cannot = |e: std::io::Error| unread(None, &Broken::Read(e));
    let mut inside = Inside::open(&mut from, size, limits, &windows).map_err(cannot)?;
    let tell = |written| drop(link.send(&FromUnpack::Progress { n: 0, written }, &[]));
    let mut shelf = Shelf::make(limits.bytes, Box::new(tell))?;
    match all(&mut inside, &mut shelf) {
        Ok(()) => {}
        Err(Unkept::Refused(fail)) => return Err(fail),
        Err(Unkept::Unread(broken)) => return Err(unread(inside.limit.take(), &broken)),
    }
    contents(&mut shelf)
}

fn all(inside: &mut impl Read, shelf: &mut Shelf) -> Result<(), Unkept> {
    let mut reader = Reader::strict(BufReader::with_capacity(CHUNK, inside));
    let mut entries = 0;
    while let Some(entry) = reader.entry()? {
        entries += 1;
        if entries > ENTRIES {
            return Err(refused(format!("it has more than {ENTRIES} files")).into());
        }
        shelf.take(&entry, &mut reader)?;
    }
    // To its very end: who writes into a pipe is not to be cut off, and compressed data has a sum there.
    let mut buffer = vec![0; CHUNK];
    loop {
        match reader.rest(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(e) => return Err(Broken::Read(e).into()),
        }
    }
}

/// One that is both is read as a layout: its manifests are the images' own, so that they keep their digests.
fn contents(shelf: &mut Shelf) -> Result<Contents> {
    let (layout, docker) = (shelf.has("oci-layout") && shelf.has(layout::INDEX), shelf.has(docker::MANIFEST));
    let found = if layout {
        layout::read(shelf)?
    } else if docker {
        docker::read(shelf)?
    } else if shelf.has("repositories") {
        return Err(refused("it is in the form docker had before 1.10, in which nothing can be verified")
            .hint("have it saved again by a docker of this decade"));
    } else {
        return Err(refused("it has neither a manifest.json nor an index.json with an oci-layout").hint(
            "docker save, podman save and skopeo copy write such archives; the files of a root filesystem go into a \
             folder: kakuri --rootfs DIR",
        ));
    };
    let contents = layout::write(shelf, found)?;
    if contents.images.is_empty() {
        return Err(refused("there is no image in it"));
    }
    Ok(contents)
}

fn refused(why: impl Into<String>) -> Fail {
    Fail::new(Stage::Unpack, "the archive cannot be used")
        .why(why)
        .hint("save the image anew: docker save, podman save and skopeo copy write archives that can be used")
}

/// Something that is said to be in it and is not.
fn missing(name: &str) -> Fail {
    refused(format!("'{}' is missing in it", cut(name))).hint("it is not whole: save the image anew")
}

/// A stranger's word, for a message.
fn cut(word: &str) -> String {
    word.chars().take(160).collect()
}

fn unread(limit: Option<String>, broken: &Broken) -> Fail {
    const ANEW: &str = "it is not whole: copy it, or save the image anew";
    match (limit, broken) {
        (Some(why), _) => refused(why),
        (None, Broken::Damaged { why, at: 0 }) => {
            refused(*why).hint("docker save, podman save and skopeo copy write archives of images")
        }
        (None, Broken::Damaged { why, at }) => refused(format!("it is damaged at byte {at}: {why}")).hint(ANEW),
        (None, Broken::Compressed(program)) => {
            refused(format!("{program} has compressed it")).hint(format!("{program} -dc FILE | kakuri image load"))
        }
        (None, Broken::Read(e)) if e.raw_os_error().is_some() => {
            Fail::new(Stage::Unpack, "cannot read the archive").why(e.to_string())
        }
        (None, Broken::Read(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            refused("its compressed data ends early").hint(ANEW)
        }
        (None, Broken::Read(e)) => refused(format!("its compressed data is damaged: {e}")).hint(ANEW),
    }
}

/// A document in it, of at most so many bytes.
fn parse<T: serde::de::DeserializeOwned>(shelf: &Shelf, name: &str) -> Result<T> {
    let bytes = shelf.document(name)?;
    serde_json::from_slice(&bytes).map_err(|e| refused(format!("its {name} cannot be understood: {e}")))
}

fn encode(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Fail::new(Stage::Unpack, "cannot write a manifest").why(e.to_string()))
}
