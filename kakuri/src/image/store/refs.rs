//! refs/: which image a name means, for each platform. A file's own name is a hash, because an image's may be longer than
//! a file's.

use std::os::fd::OwnedFd;

use kakuri_image::{Algorithm, Digest, Platform, Source};
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::place::REFS;
use super::{file, names_in};
use crate::host::Host;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ref {
    pub version: u32,
    pub name: String,
    pub platform: Platform,
    pub image: Digest,
    /// The list of platforms it was chosen from, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Digest>,
    /// Milliseconds since 1970.
    pub pulled: u64,
}

/// The name of an image as it is kept and shown: whole, and the same from wherever it is typed.
pub fn name_of(source: &Source) -> Result<String> {
    match source {
        Source::Registry(reference) => Ok(reference.to_string()),
        Source::Layout { path, tag } => {
            let path = Bytes(Host::look().expand(path.as_bytes())?);
            Ok(Source::Layout { path, tag: tag.clone() }.to_string())
        }
    }
}

/// The file of a name.
pub fn file(name: &str, platform: &Platform) -> String {
    Digest::of(Algorithm::Sha256, format!("{name}\n{platform}").as_bytes()).hex().to_string() + ".json"
}

/// What a name means; None: nothing. An error says what is wrong with its file.
pub fn read(top: &OwnedFd, name: &str, platform: &Platform) -> Result<Option<Ref>, String> {
    let path = format!("{REFS}/{}", file(name, platform));
    match file::read::<Ref>(top, &path)? {
        // Of one that has another's place.
        Some(found) if found.name != name || found.platform != *platform => {
            Err(format!("{path}: it is of {} ({})", found.name, found.platform))
        }
        found => Ok(found),
    }
}

pub fn write(top: &OwnedFd, what: &Ref) -> Result<()> {
    file::write(top, REFS, &file(&what.name, &what.platform), what)
}

pub fn remove(top: &OwnedFd, what: &Ref) -> Result<()> {
    match unlinkat(top, format!("{REFS}/{}", file(&what.name, &what.platform)), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(Fail::new(Stage::Front, format!("cannot remove the name {}", what.name)).errno(e)),
    }
}

/// All of them, those that cannot be read as what is wrong with them.
pub fn all(top: &OwnedFd) -> Result<Vec<Result<Ref, String>>> {
    let mut found = Vec::new();
    for name in names_in(top, REFS)?.into_iter().filter(|name| name.ends_with(".json")) {
        let path = format!("{REFS}/{name}");
        match file::read::<Ref>(top, &path) {
            Ok(Some(what)) if file(&what.name, &what.platform) == name => found.push(Ok(what)),
            Ok(Some(what)) => found.push(Err(format!("{path}: it is of {}", what.name))),
            // Removed meanwhile.
            Ok(None) => {}
            Err(why) => found.push(Err(why)),
        }
    }
    Ok(found)
}
