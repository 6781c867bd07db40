//! The configuration file: its place, its form, its defaults. It is never written unasked.

mod file;
pub mod variables;
pub mod verb;

use std::collections::BTreeMap;
use std::io::ErrorKind;

pub(crate) use file::position;
use kakuri_wire::fail::OrFail;
use kakuri_wire::{Bytes, Fail, Result, Stage};

use crate::host::{Host, as_path, in_home};
use crate::pathname;

/// What holds when everything was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where it is, or would be.
    pub file: Vec<u8>,
    /// As written: `~` is the caller's home, `$NAME` a variable of his.
    pub containers_dir: String,
    pub allow_network: bool,
    /// Guarantees without which no container starts, by name.
    pub require: Vec<String>,
    pub bind_profiles: BTreeMap<String, Vec<String>>,
}

impl Config {
    /// What holds without a file.
    pub fn defaults(file: Vec<u8>) -> Config {
        let list = |entries: &[&str]| entries.iter().map(|e| (*e).to_string()).collect();
        Config {
            file,
            containers_dir: "~/.local/kakuri/containers".into(),
            allow_network: false,
            require: Vec::new(),
            bind_profiles: BTreeMap::from([
                ("dev".into(), list(&["~/.config", "~/.local", "~/.cache", "~/.ssh"])),
                ("minimal".into(), list(&["~/.cache"])),
            ]),
        }
    }

    /// Reads the file: `named` on the command line, else KAKURI_CONFIG, else the usual place, where it may be
    /// missing.
    pub fn load(host: &Host, named: Option<&[u8]>) -> Result<Config> {
        let named = named.or(host.var("KAKURI_CONFIG").filter(|v| !v.is_empty()));
        let path = match named {
            Some(typed) => host.expand(typed)?,
            None => usual_place(host),
        };
        let text = match std::fs::read(as_path(&path)) {
            Ok(text) => text,
            Err(e) if named.is_none() && matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Config::defaults(path));
            }
            Err(e) => {
                let shown = Bytes(named.unwrap_or(&path).to_vec());
                let fail = Err(e).fail(Stage::Front, || format!("cannot read the configuration '{shown}'"));
                return fail
                    .map_err(|f: Fail| f.hint("kakuri config init writes one, kakuri config path names its place"));
            }
        };
        let config = file::parse(path, &text)?;
        match variables::expand(config.containers_dir.as_bytes(), host) {
            Ok(_) => Ok(config),
            Err(name) => Err(Fail::new(Stage::Front, Bytes(config.file.clone()).to_string())
                .why(format!("containers_dir names ${name}, which is not set"))
                .hint("set it, or name the folder itself")),
        }
    }

    /// Where named containers are stored.
    pub fn containers_dir(&self, host: &Host) -> Vec<u8> {
        // That each variable has a value was seen when it was read.
        let written = self.containers_dir.as_bytes();
        let typed = variables::expand(written, host).unwrap_or_else(|_| written.to_vec());
        pathname::absolute(&host.home, in_home(&typed).unwrap_or(&typed))
    }
}

/// `$XDG_CONFIG_HOME/container/config.toml`.
fn usual_place(host: &Host) -> Vec<u8> {
    let base = match host.var("XDG_CONFIG_HOME").filter(|v| v.first() == Some(&b'/')) {
        Some(base) => base.to_vec(),
        None => pathname::join(&host.home, b".config"),
    };
    pathname::absolute(&base, b"container/config.toml")
}
