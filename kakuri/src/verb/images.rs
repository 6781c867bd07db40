//! `kakuri images`, `kakuri image ls`: what is here, with docker's names beside ours.

use std::time::SystemTime;

use kakuri_image::{Platform, Source};
use kakuri_wire::fail::{Fail, Result};
use serde_json::{Value, json};

use super::{FAILED, Surroundings};
use crate::cli::{Format, General};
use crate::image::store::{Images, Listed};
use crate::output::table::Table;
use crate::output::template::Template;
use crate::output::{self, plain, size, time};

/// Digits of an id in a table.
const DIGITS: usize = 12;
/// What docker says of a name that is none.
const NONE: &str = "<none>";

/// Docker's fields and what heads their columns.
const HEADS: [(&str, &str); 7] = [
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("ID", "IMAGE ID"),
    ("Digest", "DIGEST"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Size", "SIZE"),
];

pub fn run(quiet: bool, whole: bool, format: &Format, general: &General) -> Result<u8> {
    super::start_log(general.verbose);
    let now = SystemTime::now();
    let template = match format {
        Format::Template(text) => {
            let template = Template::parse(text)?;
            template.check(&like())?;
            Some(template)
        }
        _ => None,
    };
    let failed = |fail: Fail| fail.code(FAILED);
    let here = Surroundings::look(general).map_err(failed)?;
    let images = Images::of(&here.config, &here.host);
    images.sweep();
    let (all, wrong) = images.all().map_err(failed)?;
    wrong.into_iter().for_each(output::warn);
    let values = || all.iter().map(|listed| value(listed, now, whole));
    let text = match (format, template) {
        _ if quiet => ids(&all, whole),
        (_, Some(template)) => template.all(&values().collect::<Vec<_>>(), &HEADS, output::colours())?,
        (Format::Json, _) => output::json::pretty(&values().collect()),
        (Format::Jsonl, _) => output::json::lines(&values().collect::<Vec<_>>()),
        _ => table(&all, whole, now),
    };
    output::print(&text).map_err(failed)
}

/// Each once, however many names it has.
fn ids(all: &[Listed], whole: bool) -> String {
    let mut ids: Vec<String> = Vec::new();
    for listed in all {
        let id = id(listed, whole) + "\n";
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids.concat()
}

fn id(listed: &Listed, whole: bool) -> String {
    if whole { listed.id.to_string() } else { listed.id.hex().chars().take(DIGITS).collect() }
}

fn table(all: &[Listed], whole: bool, now: SystemTime) -> String {
    let mut table = Table::new(["NAME", "ID", "PLATFORM", "SIZE", "CREATED", "PULLED"]);
    for listed in all {
        table.row([
            plain(listed.name().map_or_else(|| NONE.into(), familiar).as_bytes()),
            id(listed, whole),
            plain(listed.record.recipe.platform.to_string().as_bytes()),
            size(listed.record.size),
            created(listed, now).map_or_else(|| "-".into(), |created| time::ago(created, now)),
            time::ago(pulled(listed), now),
        ]);
    }
    table.text(output::colours())
}

/// As short as it may be typed.
fn familiar(name: &str) -> String {
    match Source::parse(name.as_bytes()) {
        Ok(Source::Registry(reference)) => reference.familiar(),
        _ => name.into(),
    }
}

fn created(listed: &Listed, now: SystemTime) -> Option<SystemTime> {
    time::parse(listed.record.recipe.created.as_deref()?, now)
}

fn pulled(listed: &Listed) -> SystemTime {
    time::from_millis(listed.named.as_ref().map_or(listed.record.pulled, |named| named.pulled))
}

fn value(listed: &Listed, now: SystemTime, whole: bool) -> Value {
    let created = created(listed, now);
    // As Go prints a time.
    let at = |time| time::rfc3339(time, 0).replace('T', " ").replace('Z', " +0000 UTC");
    let (repository, tag) = listed.name().map_or((NONE.into(), NONE.into()), parts);
    json!({
        "name": listed.name(),
        "id": listed.id.to_string(),
        "platform": listed.record.recipe.platform.to_string(),
        "size": listed.record.size,
        "created": created.map(|created| time::rfc3339(created, 3)),
        "pulled": time::rfc3339(pulled(listed), 3),
        "layers": listed.record.recipe.layers.len(),
        "Repository": repository,
        "Tag": tag,
        "ID": id(listed, whole),
        "Digest": listed.id.to_string(),
        "CreatedSince": created.map_or(String::new(), |created| time::ago(created, now)),
        "CreatedAt": created.map_or(String::new(), at),
        "Size": size(listed.record.size),
    })
}

/// Repository and tag, as docker shows them.
fn parts(name: &str) -> (String, String) {
    match Source::parse(name.as_bytes()) {
        Ok(Source::Registry(reference)) => {
            let tag = reference.tag.clone().unwrap_or_else(|| NONE.into());
            (reference.name(), tag)
        }
        Ok(Source::Layout { path, tag }) => (format!("oci:{path}"), tag.unwrap_or_else(|| NONE.into())),
        Err(_) => (name.into(), NONE.into()),
    }
}

/// All the fields there are.
fn like() -> Value {
    let mut fields = json!({ "name": null, "id": "", "platform": Platform::host().to_string(), "size": 0,
        "created": null, "pulled": "", "layers": 0 });
    for (field, _) in HEADS {
        fields[field] = "".into();
    }
    fields
}
