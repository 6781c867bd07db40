//! `kakuri completion`: the scripts, the manual pages, and the words such a script asks for at every press of Tab.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use kakuri_image::Source;
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::{FAILED, Surroundings, print, registry};
use crate::cli::complete::{Offer, offer, script};
use crate::cli::pages::Prefer;
use crate::cli::{Complete, General, man};
use crate::host::Host;
use crate::image::store::Images;
use crate::store::State;
use crate::vpn::find;

pub fn run(wanted: &Complete) -> Result<u8> {
    match wanted {
        Complete::Script(shell) => print(script(shell).as_bytes()),
        Complete::Words(words) => print(lines(&offer(words)).as_bytes()),
        Complete::Man(folder) => write_pages(folder).map(|()| 0),
    }
}

/// `word TAB what it is`, a line each; or, where the command has begun, `TAB N`, N being the place of its first word.
/// Silent about whatever goes wrong: nobody asked for an error while typing.
fn lines(offer: &Offer) -> String {
    if let Some(place) = offer.command {
        return format!("\t{place}\n");
    }
    let mut words = offer.words.clone();
    if offer.configs {
        words.extend(find::names(&Host::look()).into_iter().map(|name| (name, "a VPN configuration".into())));
    }
    if offer.registries {
        words.extend(registry::known(&Host::look()).into_iter().map(|name| (name, "a registry".into())));
    }
    if (offer.profiles || offer.images || offer.names.is_some())
        && let Ok(around) = Surroundings::look(&General::default())
    {
        if offer.profiles {
            words.extend(around.config.bind_profiles.keys().map(|name| (name.clone(), "a profile".into())));
        }
        if offer.images {
            words.extend(images(&around, &offer.typed));
        }
        if let Some(prefer) = offer.names {
            words.extend(names(&around, prefer, &offer.typed, offer.suffix));
        }
    }
    let fits = words.into_iter().filter(|(word, _)| word.starts_with(&offer.typed));
    fits.map(|(word, note)| format!("{}{word}\t{note}\n", offer.prefix)).collect()
}

/// Those a person most likely means come first.
fn names(around: &Surroundings, prefer: Prefer, typed: &str, suffix: &str) -> Vec<(String, String)> {
    let all = around.store.all().unwrap_or_default();
    // Whether one runs is asked of its lock: only for those that can be meant.
    let meant = all.into_iter().filter(|(name, _)| format!("{name}{suffix}").starts_with(typed));
    let mut found: Vec<(bool, String, String)> = meant
        .map(|(name, entry)| {
            let note = match entry.map(|e| e.state()) {
                Ok(State::Running) => "running",
                Ok(State::Stopped | State::Died) => "stopped",
                Err(_) => "cannot be read",
            };
            let later = match prefer {
                Prefer::Running => note != "running",
                Prefer::Stopped => note == "running",
                Prefer::Any | Prefer::New => false,
            };
            (later, format!("{name}{suffix}"), note.to_string())
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, name, note)| (name, note)).collect()
}

/// As they are typed: short where that means the same, in full where that was begun.
fn images(around: &Surroundings, typed: &str) -> Vec<(String, String)> {
    let (all, _) = Images::of(&around.config, &around.host).all().unwrap_or_default();
    let mut found: Vec<(String, String)> = Vec::new();
    for listed in &all {
        let Some(name) = listed.name() else { continue };
        let name = match Source::parse(name.as_bytes()) {
            Ok(Source::Registry(reference)) if !name.starts_with(typed) || typed.is_empty() => reference.familiar(),
            _ => name.to_string(),
        };
        if !found.iter().any(|(one, _)| *one == name) {
            found.push((name, "an image".into()));
        }
    }
    found
}

fn write_pages(folder: &Bytes) -> Result<()> {
    if !folder.as_path().is_dir() {
        return Err(Fail::new(Stage::Front, format!("'{folder}' is no folder to write the manual pages to"))
            .hint(format!("make it first: mkdir -p {folder}"))
            .code(FAILED));
    }
    // man(1) looks for a page of the fifth section nowhere else.
    let fifth = match folder.as_path().file_name() {
        Some(name) if name == "man1" => folder.as_path().with_file_name("man5"),
        _ => folder.as_path().to_path_buf(),
    };
    let cannot = |path: &Path, e: std::io::Error| {
        Fail::new(Stage::Front, format!("cannot write '{}'", Bytes::from(path)))
            .errno(e)
            .hint("name a folder you may write to: kakuri completion man ~/.local/share/man/man1")
            .code(FAILED)
    };
    for (name, text) in man::pages(date_of_pages()) {
        let folder = if name.ends_with(".5") { &fifth } else { folder.as_path() };
        let path = folder.join(&name);
        fs::create_dir_all(folder).and_then(|()| fs::write(&path, text)).map_err(|e| cannot(&path, e))?;
    }
    Ok(())
}

/// The day a packager gives (reproducible-builds.org, SOURCE_DATE_EPOCH: seconds since 1970), else today.
fn date_of_pages() -> SystemTime {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let given = given.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    given.unwrap_or_else(SystemTime::now)
}
