//! Keeping a login, and forgetting it: the file of logins is written anew, whole, and with all in it that is not ours.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use kakuri_image::reference::host_and_port;
use kakuri_image::talk::Login;
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Map, Value, json};
use zeroize::{Zeroize, Zeroizing};

use super::credentials::{file, key};
use super::helper::Helper;
use super::place::{self, shown};
use crate::host::{Host, as_path};
use crate::store::folder;

/// A registry, or a part of one, as a login is for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// `host[:port]`.
    pub name: String,
    /// Empty for all of it.
    pub path: String,
}

impl Registry {
    /// `quay.io`, `localhost:5000`, `quay.io/team`, and addresses of it (`https://index.docker.io/v1/`).
    pub fn parse(typed: &[u8]) -> Result<Registry> {
        let wrong = |why: &str| {
            Err(Fail::new(Stage::Front, format!("'{}' is no registry", shown(typed)))
                .why(why)
                .hint("quay.io, localhost:5000, or quay.io/team for a part of one"))
        };
        let Ok(text) = std::str::from_utf8(typed) else { return wrong("it is not text") };
        let plain = key::plain(text);
        let (name, path) = plain.split_once('/').unwrap_or((&plain, ""));
        if let Err(why) = host_and_port(name) {
            return wrong(&why);
        }
        let part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
        };
        if !path.is_empty() && !path.split('/').all(part) {
            return wrong("what follows the host is no name of a repository: neither tag nor digest stands there");
        }
        Ok(Registry { name: name.into(), path: path.into() })
    }

    /// What its login is kept under.
    pub fn key(&self) -> String {
        if self.path.is_empty() { self.name.clone() } else { format!("{}/{}", self.name, self.path) }
    }
}

/// Where a login is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    File(Vec<u8>),
    /// The helper of this name.
    Helper(String),
}

/// Keeps a login: with the helper the file names for the registry, else in the file itself.
pub fn keep(path: &[u8], registry: &Registry, login: &Login, host: &Host) -> Result<Kept> {
    let mut file = Open::new(path, true)?;
    if let Some(helper) = file.helper(registry)? {
        // One name of the registry will do: the first is asked first.
        let server = key::servers(&registry.name).first().copied().unwrap_or(&registry.name);
        helper.store(server, login, host)?;
        return Ok(Kept::Helper(helper.program));
    }
    let entry = match login {
        Login::Basic { user, password } => json!({ "auth": *file::encode(user, password) }),
        Login::Identity(token) => json!({ "identitytoken": *token.0 }),
    };
    let key = registry.key();
    let auths = file.auths()?;
    // Docker's own file is read by docker too, which looks for this name.
    let written = auths.keys().find(|other| key::plain(other) == key).cloned().unwrap_or(key);
    if let Some(mut old) = auths.insert(written, entry) {
        wipe(&mut old);
    }
    file.write()?;
    Ok(Kept::File(path.to_vec()))
}

/// Forgets a login, wherever the file has it; where it was.
pub fn forget(path: &[u8], registry: &Registry, host: &Host) -> Result<Vec<Kept>> {
    let Some(mut file) = Open::existing(path)? else { return Ok(Vec::new()) };
    let mut was = Vec::new();
    if let Some(helper) = file.helper(registry)? {
        let mut erased = false;
        for server in key::servers(&registry.name) {
            // Some fail where there is nothing, some do not: what counts is what they had.
            if helper.get(server, host)?.is_some() {
                erased |= helper.erase(server, host)?;
            }
        }
        if erased {
            was.push(Kept::Helper(helper.program));
        }
    }
    let key = registry.key();
    let auths = file.auths()?;
    let meant: Vec<String> = auths.keys().filter(|other| key::plain(other) == key).cloned().collect();
    for name in &meant {
        if let Some(mut old) = auths.remove(name) {
            wipe(&mut old);
        }
    }
    if !meant.is_empty() {
        file.write()?;
        was.push(Kept::File(path.to_vec()));
    }
    Ok(was)
}

/// The registries a file has logins for.
pub fn registries(path: &[u8]) -> Result<Vec<Registry>> {
    let all = file::read(path)?.map(|file| file.registries()).unwrap_or_default();
    all.iter().map(|name| Registry::parse(name.as_bytes())).collect()
}

/// A file of logins that is being changed, by nobody else at the time.
struct Open {
    /// Where it really is: a link to it stays one.
    real: PathBuf,
    folder: OwnedFd,
    form: file::AuthFile,
    whole: Value,
}

impl Open {
    fn existing(path: &[u8]) -> Result<Option<Open>> {
        if as_path(path).exists() { Open::new(path, false).map(Some) } else { Ok(None) }
    }

    /// `make`: its folder is made where there is none.
    fn new(path: &[u8], make: bool) -> Result<Open> {
        let cannot = |e: std::io::Error| {
            Fail::new(Stage::Front, format!("cannot write '{}'", shown(path)))
                .errno(e)
                .hint("name a file you may write with --authfile FILE")
        };
        let real = std::fs::canonicalize(as_path(path)).unwrap_or_else(|_| as_path(path).to_path_buf());
        let parent = real.parent().unwrap_or(Path::new("/"));
        if make {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(cannot)?;
        }
        let opened = std::fs::File::open(parent).map_err(cannot)?;
        let folder = OwnedFd::from(opened);
        // Two logins at once: the second reads what the first has written. Not every file system has locks.
        let _ = flock(&folder, FlockOperation::LockExclusive);
        let text = place::read(path)?.unwrap_or_default();
        let blank = text.iter().all(u8::is_ascii_whitespace);
        let mut whole = Value::Object(Map::new());
        let form = file::parse(path, text.clone())?;
        if !blank {
            whole = serde_json::from_slice(&text).map_err(|e| cannot(e.into()))?;
        }
        Ok(Open { real, folder, form, whole })
    }

    /// The registry's own helper, else that of all. They know registries, and no parts of one.
    fn helper(&self, registry: &Registry) -> Result<Option<Helper>> {
        if !registry.path.is_empty() {
            return Ok(None);
        }
        match self.form.helper_of(&registry.name)? {
            Some(helper) => Ok(Some(helper)),
            None => self.form.helper_of_all(),
        }
    }

    fn auths(&mut self) -> Result<&mut Map<String, Value>> {
        let real = &self.real;
        let wrong = || {
            Fail::new(Stage::Front, format!("'{}' is no file of logins", Bytes::from(real)))
                .why("it is JSON of another form than containers-auth.json(5) has")
                .hint("correct it, or keep logins in another: --authfile FILE")
        };
        let Value::Object(whole) = &mut self.whole else { return Err(wrong()) };
        let auths = whole.entry("auths").or_insert_with(|| Value::Object(Map::new()));
        if auths.is_null() {
            *auths = Value::Object(Map::new());
        }
        auths.as_object_mut().ok_or_else(wrong)
    }

    /// In the old one's place, mode 0600: whoever reads meets the old one or the new one.
    fn write(&mut self) -> Result<()> {
        let shown = Bytes::from(&self.real);
        let cannot = || Fail::new(Stage::Front, format!("cannot write '{shown}'"));
        let mut text = Zeroizing::new(Vec::with_capacity(4096));
        serde_json::to_writer_pretty(&mut *text, &self.whole).map_err(|e| cannot().why(e.to_string()))?;
        text.push(b'\n');
        let name = self.real.file_name().map(OsStrExt::as_bytes).and_then(|name| std::str::from_utf8(name).ok());
        let name = name.ok_or_else(|| cannot().why("its name is no text").hint("--authfile FILE"))?;
        folder::write(&self.folder, name, &text)
            .map_err(|e| cannot().errno(e).hint("make room there, or name another file with --authfile FILE"))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        wipe(&mut self.whole);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(list) => list.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        _ => {}
    }
}
