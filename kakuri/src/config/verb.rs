//! `kakuri config show|path|init|check`.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;

use kakuri_wire::{Bytes, Fail, Result, Stage};

use super::Config;
use crate::host::{Host, as_path};
use crate::pathname;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// What holds, as a file that says so.
    Show,
    Path,
    /// Writes the defaults where nothing is yet.
    Init,
    Check,
}

/// Other verbs than running a command fail with 1.
const FAILED: u8 = 1;

/// Gives what goes to standard output.
pub fn run(verb: Verb, host: &Host, named: Option<&[u8]>) -> Result<Vec<u8>> {
    let config = match verb {
        // They say where the file is, whatever is in it.
        Verb::Path | Verb::Init => place(host, named)?,
        Verb::Show | Verb::Check => Config::load(host, named).map_err(|f| f.code(FAILED))?,
    };
    let line = |path: &[u8]| [path, b"\n"].concat();
    match verb {
        Verb::Show => Ok(text(&config).into_bytes()),
        Verb::Path => Ok(line(&config.file)),
        Verb::Check => Ok(Vec::new()),
        Verb::Init => {
            init(&config).map_err(|f| f.code(FAILED))?;
            Ok(line(&config.file))
        }
    }
}

fn place(host: &Host, named: Option<&[u8]>) -> Result<Config> {
    let named = named.or(host.var("KAKURI_CONFIG").filter(|v| !v.is_empty()));
    Ok(Config::defaults(match named {
        Some(typed) => host.expand(typed)?,
        None => super::usual_place(host),
    }))
}

fn init(config: &Config) -> Result<()> {
    let path = as_path(&config.file);
    let cannot = |e: std::io::Error| {
        let hint = match e.kind() {
            std::io::ErrorKind::AlreadyExists => "edit it, or remove it first",
            std::io::ErrorKind::StorageFull => "make room there, or name another place with --config FILE",
            _ => "name a place you may write: kakuri config init --config FILE",
        };
        Fail::new(Stage::Front, format!("cannot write '{}'", Bytes(config.file.clone()))).errno(e).hint(hint)
    };
    if let Some(folder) = pathname::parent(&config.file) {
        std::fs::create_dir_all(as_path(folder)).map_err(cannot)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(cannot)?;
    file.write_all(text(config).as_bytes()).map_err(|e| {
        // Half a configuration is none: the next try finds the place free.
        let _ = std::fs::remove_file(path);
        cannot(e)
    })
}

/// The configuration as TOML.
fn text(config: &Config) -> String {
    let mut out = String::new();
    let dir = quoted(&config.containers_dir);
    let _ = writeln!(out, "[storage]\ncontainers_dir = {dir}\n\n[defaults]\nallow_network = {}", config.allow_network);
    if !config.require.is_empty() {
        let names: Vec<String> = config.require.iter().map(|name| quoted(name)).collect();
        let _ = writeln!(out, "require = [{}]", names.join(", "));
    }
    out.push('\n');
    let _ = writeln!(out, "[bind_profiles]");
    for (name, entries) in &config.bind_profiles {
        let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        let name = if bare { name.clone() } else { quoted(name) };
        let entries: Vec<String> = entries.iter().map(|e| quoted(e)).collect();
        let _ = writeln!(out, "{name} = [{}]", entries.join(", "));
    }
    out
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_back() {
        let mut config = Config::defaults(b"/c".to_vec());
        config.require = vec!["limits".into(), "all".into()];
        config.bind_profiles.insert("odd \"name\"\n".into(), vec!["~/a\\b".into()]);
        let read = super::super::file::parse(b"/c".to_vec(), text(&config).as_bytes()).expect("parses");
        assert_eq!(read, config);
    }
}
