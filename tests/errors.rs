//! Every error in the sources, as one list to read: tests/golden/errors.txt. A new or changed one makes the list differ, so that
//! somebody reads it beside the others; and what can be asked of every one is asked here.
//!
//! A line is `where | stage | what | why | hint`. Alternatives are parted by ` / `, a value is `{expression}`, what a
//! system call says is `errno`, and `...` is an error made elsewhere. A line without a stage is a text that becomes part of an error, or a notice.
//! `KAKURI_GOLDEN=write cargo test --test errors` writes it anew: read the difference before it is committed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "errors/phrase.rs"]
mod phrase;
#[path = "errors/rules.rs"]
mod rules;
#[path = "errors/scan.rs"]
mod scan;
#[path = "errors/signature.rs"]
mod signature;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use scan::{Entry, Source};

/// Where errors are made.
const CRATES: [&str; 7] = [
    "kakuri/src",
    "kakuri/image/src",
    "kakuri/seccomp/src",
    "kakuri/wire/src",
    "kakuri-init/src",
    "kakuri-mount/src",
    "kakuri-netns/src",
];

/// What is printed because it was asked for, or at build time, and no error.
const NO_ERRORS: [&str; 13] = [
    "kakuri-mount/src/explain.rs",
    "kakuri-netns/src/explain.rs",
    "kakuri/seccomp/src/describe.rs",
    "kakuri/seccomp/src/source.rs",
    "kakuri/src/cli/complete",
    "kakuri/src/cli/help.rs",
    "kakuri/src/cli/man.rs",
    "kakuri/src/cli/options/",
    "kakuri/src/cli/pages",
    "kakuri/src/doctor/script.rs",
    "kakuri/src/explain",
    "kakuri/src/output/time.rs",
    "kakuri/src/vpn/describe.rs",
];

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in CRATES {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    files
        .iter()
        .map(|path| {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_string();
            Source::read(name, &fs::read_to_string(path).unwrap())
        })
        .filter(|source| !NO_ERRORS.iter().any(|start| source.name.starts_with(start)))
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if stem == "tests" || stem.ends_with("_tests") {
            continue;
        }
        match path.is_dir() {
            true => collect(&path, files),
            false if path.extension().is_some_and(|e| e == "rs") => files.push(path),
            false => {}
        }
    }
}

fn errors() -> &'static [Entry] {
    static ALL: OnceLock<Vec<Entry>> = OnceLock::new();
    ALL.get_or_init(|| {
        let sources = sources();
        let signatures = signature::all(&sources);
        sources.iter().flat_map(|source| scan::errors(source, &signatures)).collect()
    })
}

#[test]
fn the_list_is_the_one_that_was_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/errors.txt");
    let mut lines: Vec<String> = errors().iter().map(ToString::to_string).collect();
    lines.dedup();
    let actual = lines.join("\n") + "\n";
    if std::env::var_os("KAKURI_GOLDEN").is_some_and(|v| v == "write") {
        fs::write(&path, &actual).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap();
    for line in actual.lines() {
        assert!(expected.lines().any(|old| old == line), "new or changed, and not in {}:\n{line}", path.display());
    }
    for line in expected.lines() {
        assert!(actual.lines().any(|new| new == line), "in {}, and no longer in the sources:\n{line}", path.display());
    }
    assert!(expected == actual, "{} has another order", path.display());
}

#[test]
fn every_one_speaks_with_the_same_voice() {
    let entries = errors();
    assert!(entries.len() > 1000, "only {} were found", entries.len());
    let broken: Vec<String> = entries
        .iter()
        .flat_map(|entry| rules::broken(entry).into_iter().map(move |rule| format!("{rule}:\n    {entry}")))
        .collect();
    assert!(broken.is_empty(), "{} break a rule:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn every_one_has_a_reason() {
    let entries = errors();
    let bare: Vec<String> = rules::unexplained(entries).iter().map(ToString::to_string).collect();
    assert!(bare.is_empty(), "these say neither why nor what to do:\n{}", bare.join("\n"));
}
