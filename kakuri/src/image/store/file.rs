//! The store's small files: JSON of a form that has a number, written whole or not at all.

use std::os::fd::OwnedFd;

use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::io::Errno;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::place::full;
use crate::store::folder::{self, Unfit};

/// Of every file; one of a higher number is a newer kakuri's.
pub const VERSION: u32 = 1;

#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// What a file says; None where there is none. An error says what is wrong with it.
pub fn read<T: DeserializeOwned>(dir: &OwnedFd, name: &str) -> Result<Option<T>, String> {
    match folder::read(dir, name) {
        Ok(bytes) => parse(&bytes).map(Some).map_err(|why| format!("{name}: {why}")),
        Err(Unfit::Errno(Errno::NOENT | Errno::NOTDIR)) => Ok(None),
        Err(unfit) => {
            let reason = unfit.fail("", "").reason().unwrap_or_default();
            Err(format!("{name}: {reason}"))
        }
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    if bytes.is_empty() {
        return Err("it is empty".into());
    }
    serde_json::from_slice(bytes).map_err(|e| match serde_json::from_slice(bytes) {
        Ok(Head { version }) if version > VERSION => {
            format!("it was made by a newer kakuri (form {version}), and this one reads form {VERSION}")
        }
        _ if e.is_eof() => "it ends in the middle".into(),
        _ if e.is_syntax() => format!("it is not JSON: {e}"),
        _ => format!("it is none of kakuri's: {e}"),
    })
}

/// Writes it in the place of an older one, durably.
pub fn write(dir: &OwnedFd, folder: &str, name: &str, value: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec(value)
        .map_err(|e| Fail::new(Stage::Front, format!("cannot write {folder}/{name}")).why(e.to_string()))?;
    write_bytes(dir, folder, name, &bytes)
}

pub fn write_bytes(dir: &OwnedFd, folder: &str, name: &str, bytes: &[u8]) -> Result<()> {
    let what = || format!("cannot write {folder}/{name} in the folder of images");
    let within = folder::open_own_at(dir, folder)
        .map_err(|unfit| unfit.fail(what(), format!("take away what stands in the place of its {folder}")))?;
    folder::write(&within, name, bytes).map_err(|e| full(Fail::new(Stage::Front, what()).errno(e), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        version: u32,
        text: String,
    }

    #[test]
    fn only_what_is_whole_is_believed() {
        let sample = Sample { version: 1, text: "x".into() };
        let bytes = serde_json::to_vec(&sample).expect("writes");
        assert_eq!(parse::<Sample>(&bytes), Ok(sample));
        for cut in 0..bytes.len() {
            let why = parse::<Sample>(&bytes[..cut]).expect_err("cut");
            assert!(why == "it is empty" || why == "it ends in the middle", "{cut}: {why}");
        }
        let newer = parse::<Sample>(br#"{"version": 2, "colour": 1}"#).expect_err("newer");
        assert!(newer.contains("a newer kakuri (form 2)"), "{newer}");
        let other = parse::<Sample>(br#"{"version": 1, "text": "x", "colour": 1}"#).expect_err("unknown");
        assert!(other.contains("unknown field `colour`"), "{other}");
    }
}
