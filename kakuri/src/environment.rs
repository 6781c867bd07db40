//! The environment: an allow-list, and what the user adds. A later layer wins: the image's, the host's (asked for), what
//! is true inside, doors, files, settings.

use std::collections::BTreeMap;

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Bytes, Fail, Result, Stage};

use crate::bind::source::typed_path;
use crate::door::Doors;
use crate::host::{Host, as_path};
use crate::identity::Identity;
use crate::layout::{Found, Layout};
use crate::spec;

/// What passes from the caller; LC_* besides.
const KEPT: [&str; 6] = ["TERM", "COLORTERM", "LANG", "LANGUAGE", "TZ", "NO_COLOR"];
const STANDARD: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];

/// Where the dynamic linker looks first (ld.so(8)).
const LIBRARIES: &[u8] = b"LD_LIBRARY_PATH";

pub type Variables = BTreeMap<Vec<u8>, Vec<u8>>;

/// What is true inside, whatever anybody says of it.
pub struct Facts<'a> {
    pub who: &'a Identity,
    pub shell: &'a [u8],
    pub hostname: Option<&'a str>,
    pub path: Vec<u8>,
    /// What the image says.
    pub image: Variables,
    pub doors: &'a Doors,
}

/// Everything the command starts with.
pub fn variables(spec: &spec::Environment, host: &Host, facts: &Facts) -> Result<Variables> {
    let kept = |key: &[u8]| key.starts_with(b"LC_") || KEPT.iter().any(|kept| kept.as_bytes() == key);
    let of_host = host.env.iter().filter(|(k, _)| spec.host || kept(k)).map(|(k, v)| (k.clone(), v.clone()));
    let mut all = facts.image.clone();
    all.extend(of_host);
    let mut set = |key: &str, value: &[u8]| drop(all.insert(key.into(), value.to_vec()));
    let name = facts.who.name.as_bytes();
    for (key, value) in [("HOME", &facts.who.home[..]), ("USER", name), ("LOGNAME", name), ("SHELL", facts.shell)] {
        // An image may know better than its passwd.
        set(key, facts.image.get(key.as_bytes()).map_or(value, Vec::as_slice));
    }
    set("PATH", &facts.path);
    set("container", b"kakuri");
    if let Some(name) = facts.hostname {
        set("HOSTNAME", name.as_bytes());
    }
    all.extend(facts.doors.variables.clone());
    if let Some(folder) = &facts.doors.libraries {
        let more = all.remove(LIBRARIES).filter(|more| !more.is_empty());
        let all_of = [Some(folder.clone()), more].into_iter().flatten().collect::<Vec<_>>();
        all.insert(LIBRARIES.to_vec(), all_of.join(&b':'));
    }
    for file in &spec.files {
        read_file(file.as_bytes(), host, &mut all)?;
    }
    for setting in &spec.set {
        apply(setting.as_bytes(), host, &mut all);
    }
    Ok(all)
}

/// What a further command in a running container gets of the caller's, over what the container has: `KEY=value`, and
/// `KEY` alone for a variable to take away.
pub fn settings(spec: &spec::Environment, host: &Host) -> Result<Vec<Bytes>> {
    let kept = |key: &[u8]| key.starts_with(b"LC_") || KEPT.iter().any(|kept| kept.as_bytes() == key);
    let mut all: Variables =
        host.env.iter().filter(|(k, _)| spec.host || kept(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
    for file in &spec.files {
        read_file(file.as_bytes(), host, &mut all)?;
    }
    let mut gone = Vec::new();
    for setting in &spec.set {
        let setting = setting.as_bytes();
        apply(setting, host, &mut all);
        if !setting.contains(&b'=') && !all.contains_key(setting) {
            gone.push(Bytes(setting.to_vec()));
        }
    }
    let pair = |(k, v): (&Vec<u8>, &Vec<u8>)| Bytes([k, v].map(Vec::as_slice).join(&b'='));
    Ok(gone.into_iter().chain(all.iter().map(pair)).collect())
}

/// `KEY=value`; `KEY` alone is the caller's value, and nothing where he has none.
fn apply(setting: &[u8], host: &Host, all: &mut Variables) {
    match setting.iter().position(|&b| b == b'=') {
        Some(at) => drop(all.insert(setting[..at].to_vec(), setting[at + 1..].to_vec())),
        None => match host.env.get(setting) {
            Some(value) => drop(all.insert(setting.to_vec(), value.clone())),
            None => drop(all.remove(setting)),
        },
    }
}

/// As docker reads them: a setting a line, `#` comments, no quoting.
fn read_file(typed: &[u8], host: &Host, all: &mut Variables) -> Result<()> {
    let shown = Bytes(typed.to_vec());
    let path = typed_path(host, typed)?;
    let text = std::fs::read(as_path(&path))
        .fail(Stage::Front, || format!("cannot read the environment file '{shown}'"))
        .map_err(|f| f.hint("--env-file names a file of KEY=value lines"))?;
    for (number, line) in text.split(|&b| b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_start();
        if line.is_empty() || line[0] == b'#' {
            continue;
        }
        let key = line.split(|&b| b == b'=').next().unwrap_or(line);
        if key.is_empty() || key.contains(&0) || key.iter().any(u8::is_ascii_whitespace) || line.contains(&0) {
            return Err(Fail::new(Stage::Front, format!("{shown}:{}: '{}'", number + 1, Bytes(line.to_vec())))
                .why("this is no KEY=value line")
                .hint("a key holds no blank; comments begin with #"));
        }
        apply(line, host, all);
    }
    Ok(())
}

/// The caller's entries that are visible inside, in order, then the standard ones.
pub fn path(host: &Host, layout: &Layout) -> Vec<u8> {
    let mut entries: Vec<&[u8]> = Vec::new();
    for entry in host.var("PATH").unwrap_or_default().split(|&b| b == b':') {
        if entry.first() == Some(&b'/') && !entries.contains(&entry) {
            let standard = STANDARD.iter().any(|s| s.as_bytes() == entry);
            if standard || layout.locate(entry).found == Found::Folder {
                entries.push(entry);
            }
        }
    }
    for entry in STANDARD {
        if !entries.contains(&entry.as_bytes()) {
            entries.push(entry.as_bytes());
        }
    }
    entries.join(&b':')
}

/// For a root of its own, where the caller's entries mean nothing.
pub fn standard_path() -> Vec<u8> {
    STANDARD.join(":").into_bytes()
}

/// What an image's configuration says: `KEY=value`. What is none is left out.
pub fn of_image(settings: &[String]) -> Variables {
    let pair = |setting: &String| {
        let (key, value) = setting.split_once('=').filter(|(key, _)| !key.is_empty() && !setting.contains('\0'))?;
        Some((key.as_bytes().to_vec(), value.as_bytes().to_vec()))
    };
    settings.iter().filter_map(pair).collect()
}

/// The caller's shell if it is visible inside, else bash, else sh.
pub fn shell(host: &Host, layout: &Layout) -> Vec<u8> {
    let visible = |path: &&[u8]| path.first() == Some(&b'/') && layout.locate(path).found == Found::File;
    host.var("SHELL")
        .into_iter()
        .chain(SHELLS.iter().map(|s| s.as_bytes()))
        .find(visible)
        .unwrap_or(b"/bin/sh")
        .to_vec()
}
