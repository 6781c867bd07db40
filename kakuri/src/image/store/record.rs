//! records/: what is known of an image, by its digest, however many names it has.

use std::os::fd::OwnedFd;

use kakuri_image::{Digest, Recipe};
use kakuri_wire::fail::Result;
use serde::{Deserialize, Serialize};

use super::place::RECORDS;
use super::{file, names_in};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub version: u32,
    /// As which it came first.
    pub name: String,
    pub recipe: Recipe,
    /// Of what its layers unpack to, bytes.
    pub size: u64,
    /// The list of platforms it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Digest>,
    /// Milliseconds since 1970.
    pub pulled: u64,
}

fn file_of(image: &Digest) -> String {
    format!("{}.json", image.hex())
}

pub fn path(image: &Digest) -> String {
    format!("{RECORDS}/{}", file_of(image))
}

/// What is known of this image; None: nothing. An error says what is wrong with its file.
pub fn read(top: &OwnedFd, image: &Digest) -> Result<Option<Record>, String> {
    let path = path(image);
    match file::read::<Record>(top, &path)? {
        Some(record) if record.recipe.manifest != *image => {
            Err(format!("{path}: it is of another image, {}", record.recipe.manifest))
        }
        found => Ok(found),
    }
}

pub fn write(top: &OwnedFd, record: &Record) -> Result<()> {
    file::write(top, RECORDS, &file_of(&record.recipe.manifest), record)
}

/// The digits of all images there are records of, readable or not.
pub fn all(top: &OwnedFd) -> Result<Vec<String>> {
    let names = names_in(top, RECORDS)?;
    Ok(names.into_iter().filter_map(|name| name.strip_suffix(".json").map(str::to_string)).collect())
}
