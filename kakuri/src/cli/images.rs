//! The verbs about images: pull, images, image ls, rm, inspect, save, load.

use std::ffi::OsString;

use kakuri_image::Source;
use kakuri_wire::{Bytes, Fail};

use super::ask::{Format, Images, Load, Pull, Verbs};
use super::enter::{done, general, read};
use super::image::{access, platform};
use super::options::Id;
use super::pages::{IMAGE, Verb};
use super::scan::{shown, shown_option};
use super::{Command, Stop, misuse, phrase, plain, value};
use crate::image::access::Access;
use crate::image::save;
use crate::spec::IdMode;

/// `kakuri image VERB ...`.
pub fn family(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    plain::member(verb, &IMAGE, arguments)
}

pub fn pull(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let images = named(verb, &scanned.words)?;
    // What is no name of an image is misuse, of whichever of them, and before any is fetched.
    images.iter().try_for_each(|typed| Source::parse(typed.as_bytes()).map(|_| ()))?;
    let mut pull = Pull {
        images,
        platform: None,
        access: Access::default(),
        ids: IdMode::Auto,
        quiet: scanned.has(Id::Quiet),
        general: general(&scanned)?,
    };
    for met in &scanned.met {
        let name = shown_option(met.name);
        match met.id {
            Id::Platform => pull.platform = Some(platform(&name, met.value)?),
            Id::Userns => pull.ids = ids(&name, met.value)?,
            _ => access(met, &mut pull.access)?,
        }
    }
    done(Verbs::Pull(pull))
}

pub fn list(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    if let Some(word) = scanned.words.first() {
        let word = shown(word);
        return Err(misuse(format!("kakuri {} takes no '{word}'", verb.name))
            .hint(format!("kakuri image inspect {word}; or kakuri -- {} {word} for a program of that name", verb.name))
            .into());
    }
    let mut format = Format::default();
    for met in scanned.met.iter().filter(|met| met.id == Id::Format) {
        format = phrase::format(&shown_option(met.name), met.value)?;
    }
    done(Verbs::Images(Images::List {
        quiet: scanned.has(Id::Quiet),
        no_trunc: scanned.has(Id::NoTrunc),
        format,
        general: general(&scanned)?,
    }))
}

pub fn remove(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let (images, force) = (named(verb, &scanned.words)?, scanned.has(Id::Force));
    done(Verbs::Images(Images::Remove { images, force, general: general(&scanned)? }))
}

pub fn inspect(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let mut format = Format::default();
    for met in scanned.met.iter().filter(|met| met.id == Id::Format) {
        format = phrase::format(&shown_option(met.name), met.value)?;
    }
    done(Verbs::Images(Images::Inspect { images: named(verb, &scanned.words)?, format, general: general(&scanned)? }))
}

pub fn save(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let (mut format, mut output) = (save::Format::default(), None);
    for met in &scanned.met {
        let name = shown_option(met.name);
        match met.id {
            Id::Format => {
                let words = [("docker-archive", save::Format::Docker), ("oci-archive", save::Format::Oci)];
                format = value::word(&name, met.value, &words, &[])?;
            }
            Id::Output => output = Some(file(&name, met.value)?),
            _ => {}
        }
    }
    let (images, quiet) = (named(verb, &scanned.words)?, scanned.has(Id::Quiet));
    done(Verbs::Images(Images::Save { images, format, output, quiet, general: general(&scanned)? }))
}

pub fn load(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    if let Some(word) = scanned.words.first() {
        let word = shown(word);
        return Err(misuse(format!("kakuri {} takes no '{word}'", verb.name))
            .hint(format!("kakuri image load -i {word} reads a file; the images in it keep their names"))
            .into());
    }
    let quiet = scanned.has(Id::Quiet);
    let mut load = Load { file: None, platform: None, ids: IdMode::Auto, quiet, general: general(&scanned)? };
    for met in &scanned.met {
        let name = shown_option(met.name);
        match met.id {
            Id::Input => load.file = Some(file(&name, met.value)?),
            Id::Platform => load.platform = Some(platform(&name, met.value)?),
            Id::Userns => load.ids = ids(&name, met.value)?,
            _ => {}
        }
    }
    done(Verbs::Images(Images::Load(load)))
}

fn file(name: &str, typed: &[u8]) -> Result<Bytes, Fail> {
    match typed {
        b"" => Err(misuse(format!("{name} '' names no file")).hint(format!("{name} images.tar, say"))),
        path => Ok(Bytes(path.to_vec())),
    }
}

fn ids(name: &str, typed: &[u8]) -> Result<IdMode, Fail> {
    let range = value::word(name, typed, &[("single", false), ("range", true)], &[])?;
    Ok(if range { IdMode::Range } else { IdMode::Single })
}

/// At least one, and none twice.
fn named(verb: &Verb, words: &[&[u8]]) -> Result<Vec<Bytes>, Fail> {
    if words.is_empty() {
        return Err(misuse(format!("kakuri {} needs the name of an image", verb.name))
            .hint(format!("kakuri {} alpine, say; kakuri images shows those that are here", verb.name)));
    }
    let mut images = Vec::with_capacity(words.len());
    for word in words {
        let image = Bytes(word.to_vec());
        if !images.contains(&image) {
            images.push(image);
        }
    }
    Ok(images)
}
