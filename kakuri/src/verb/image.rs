//! `kakuri image rm` and `inspect`, and the way to the others.

use kakuri_image::Source;
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result};
use serde_json::{Map, Value, json};

use super::{FAILED, Surroundings, archive, images};
use crate::cli::{self, Format, General};
use crate::host::Host;
use crate::image::access;
use crate::image::store::{Images, Listed, Removed, refs};
use crate::output::template::Template;
use crate::output::{self, time};

pub fn run(wanted: &cli::Images, login: bool) -> Result<u8> {
    match wanted {
        cli::Images::List { quiet, no_trunc, format, general } => images::run(*quiet, *no_trunc, format, general),
        cli::Images::Remove { images, force, general } => remove(images, *force, general),
        cli::Images::Inspect { images, format, general } => inspect(images, format, general),
        cli::Images::Save { images, format, output, quiet, general } => {
            archive::save(images, *format, output.as_ref(), *quiet, general)
        }
        cli::Images::Load(wanted) => archive::load(wanted, login),
    }
}

/// A word as the name of an image, in full; None: it is none, but may be an id.
pub fn name_of(typed: &Bytes, host: &Host) -> Option<String> {
    access::resolve(typed.as_bytes(), host).and_then(|source| refs::name_of(&source)).ok()
}

fn remove(typed: &[Bytes], force: bool, general: &General) -> Result<u8> {
    super::start_log(general.verbose);
    let failed = |fail: Fail| fail.code(FAILED);
    let here = Surroundings::look(general).map_err(failed)?;
    let images = Images::of(&here.config, &here.host);
    images.sweep();
    let mut code = 0;
    for word in typed {
        match images.remove(&word.to_string(), name_of(word, &here.host).as_deref(), force, &here.store) {
            Ok(removed) => {
                output::print(&told(&removed)).map_err(failed)?;
            }
            Err(fail) if force && is_missing(&fail) => {}
            Err(fail) => {
                output::warn(fail);
                code = FAILED;
            }
        }
    }
    Ok(code)
}

fn is_missing(fail: &Fail) -> bool {
    fail.what.starts_with("no image is named")
}

/// In docker's words, which scripts read.
fn told(removed: &[Removed]) -> String {
    let mut text = String::new();
    for Removed { names, image } in removed {
        names.iter().for_each(|name| text += &format!("Untagged: {name}\n"));
        if let Some(image) = image {
            text += &format!("Deleted: {image}\n");
        }
    }
    text
}

fn inspect(typed: &[Bytes], format: &Format, general: &General) -> Result<u8> {
    super::start_log(general.verbose);
    let template = match format {
        Format::Template(text) => Some(Template::parse(text)?),
        _ => None,
    };
    let failed = |fail: Fail| fail.code(FAILED);
    let here = Surroundings::look(general).map_err(failed)?;
    let images = Images::of(&here.config, &here.host);
    let (all, wrong) = images.all().map_err(failed)?;
    let (mut values, mut code) = (Vec::new(), 0);
    for word in typed {
        let meant = images.meant_image(&word.to_string(), name_of(word, &here.host).as_deref());
        match meant {
            Ok(id) => {
                let of: Vec<&Listed> = all.iter().filter(|listed| listed.id == id).collect();
                match of.first() {
                    Some(first) => values.push(value(first, &of)),
                    // It is named, and its record cannot be read.
                    None => {
                        wrong.iter().for_each(output::warn);
                        code = FAILED;
                    }
                }
            }
            Err(fail) => {
                output::warn(fail);
                code = FAILED;
            }
        }
    }
    super::show(values, format, template)?;
    Ok(code)
}

/// As docker's `image inspect` says it. Its id is that of its manifest, by which everything here finds it.
fn value(listed: &Listed, all: &[&Listed]) -> Value {
    let recipe = &listed.record.recipe;
    let run = &recipe.run;
    let names: Vec<&str> = all.iter().filter_map(|listed| listed.name()).collect();
    let tags: Vec<&str> = names.iter().copied().filter(|name| !name.contains("@sha")).collect();
    let set =
        |names: &[String]| Value::Object(names.iter().map(|name| (name.clone(), json!({}))).collect::<Map<_, _>>());
    let nonempty = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
    json!({
        "Id": listed.id.to_string(),
        "RepoTags": tags,
        "RepoDigests": digests(listed, &names),
        "Created": recipe.created,
        "Architecture": recipe.platform.architecture,
        "Variant": recipe.platform.variant,
        "Os": recipe.platform.os,
        "Size": listed.record.size,
        "Config": {
            "User": run.user.as_deref().unwrap_or_default(),
            "ExposedPorts": set(&run.ports),
            "Env": run.env,
            "Entrypoint": nonempty(&run.entrypoint),
            "Cmd": nonempty(&run.cmd),
            "Volumes": set(&run.volumes),
            "WorkingDir": run.workdir.as_deref().unwrap_or_default(),
            "StopSignal": run.stop_signal,
            "Labels": run.labels,
        },
        "RootFS": { "Type": "layers", "Layers": recipe.layers.iter().map(|l| l.diff_id.to_string()).collect::<Vec<_>>() },
        "Metadata": { "LastTagTime": time::rfc3339(time::from_millis(listed.record.pulled), 3) },
        "Descriptor": {
            "digest": listed.id.to_string(),
            "config": recipe.config.to_string(),
            "layers": recipe.layers.iter().map(|l| json!({ "digest": l.digest.to_string(), "size": l.size })).collect::<Vec<_>>(),
        },
    })
}

/// Where it can be pulled from again and be the very same.
fn digests(listed: &Listed, names: &[&str]) -> Vec<String> {
    let mut digests: Vec<String> = Vec::new();
    for name in names {
        if let Ok(Source::Registry(reference)) = Source::parse(name.as_bytes()) {
            let index = listed.record.index.as_ref().unwrap_or(&listed.id);
            let digest = format!("{}@{index}", reference.name());
            if !digests.contains(&digest) {
                digests.push(digest);
            }
        }
    }
    digests
}
