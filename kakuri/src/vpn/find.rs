//! Which file a configuration is: by its path, or by its name in the usual folders.

use std::io::ErrorKind;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::host::{Host, as_path, in_home};
use crate::pathname;

const SUFFIX: &[u8] = b".conf";
/// Longer than any name people give.
const MAX_NAME: usize = 64;

/// A file that is to be read.
#[derive(Debug)]
pub struct Found {
    /// Absolute.
    pub path: Vec<u8>,
    /// As it was typed, or for a name the path it led to.
    pub shown: String,
    pub notes: Vec<String>,
}

/// Where names are looked for, the first first.
pub fn folders(host: &Host) -> Vec<Vec<u8>> {
    let home = |rest: &[u8]| pathname::join(&host.home, rest);
    let mut folders = vec![b"/etc/wireguard".to_vec()];
    match host.var("XDG_CONFIG_HOME").filter(|base| base.first() == Some(&b'/')) {
        Some(base) => folders.push(pathname::absolute(base, b"wireguard")),
        None => folders.push(home(b".config/wireguard")),
    }
    folders.push(home(b".wireguard"));
    folders
}

/// A word with a `/` is a path, one with `.conf` too where there is such a file; the rest are names. A file that happens
/// to have the name and lies where the caller stands comes last: whose folder that is nobody knows.
pub fn find(typed: &Bytes, host: &Host) -> Result<Found> {
    let bytes = typed.as_bytes();
    if bytes.contains(&b'/') || in_home(bytes).is_some() {
        return Ok(Found { path: host.expand(bytes)?, shown: typed.to_string(), notes: Vec::new() });
    }
    let stem = bytes.strip_suffix(SUFFIX);
    let here = host.absolute(bytes).ok().filter(|path| is_file(path));
    if let (Some(_), Some(path)) = (stem, &here) {
        return Ok(Found { path: path.clone(), shown: typed.to_string(), notes: Vec::new() });
    }
    let name = stem.unwrap_or(bytes);
    if !is_name(name) {
        return Err(Fail::new(Stage::Front, format!("'{typed}' is no name of a VPN configuration"))
            .why("it has letters, digits and _=+.-, and begins with none of the last two")
            .hint("a file is named with its folder: --vpn ./wg.conf"));
    }
    by_name(name, here, host)
}

fn by_name(name: &[u8], here: Option<Vec<u8>>, host: &Host) -> Result<Found> {
    let mut readable: Vec<Vec<u8>> = Vec::new();
    let mut tried: Vec<(Vec<u8>, Errno)> = Vec::new();
    for folder in folders(host) {
        let path = pathname::join(&folder, &[name, SUFFIX].concat());
        match access(as_path(&path), Access::READ_OK) {
            Ok(()) => readable.push(path),
            Err(e) => tried.push((path, e)),
        }
    }
    let shown = |path: &[u8]| Bytes(path.to_vec()).to_string();
    readable.extend(here);
    let mut readable = readable.into_iter();
    let Some(path) = readable.next() else { return Err(nowhere(name, &tried, host)) };
    let mut notes: Vec<String> = readable
        .map(|other| {
            format!("the VPN configuration '{}' is {}, and not {}", Bytes(name.to_vec()), shown(&path), shown(&other))
        })
        .collect();
    if let Some((closed, _)) = tried.iter().find(|(_, e)| *e == Errno::ACCESS) {
        notes.push(format!("{} may not be looked into: {} is used", shown(closed), shown(&path)));
    }
    Ok(Found { shown: shown(&path), path, notes })
}

/// Every place is named, because one of them was meant.
fn nowhere(name: &[u8], tried: &[(Vec<u8>, Errno)], host: &Host) -> Fail {
    let name = Bytes(name.to_vec());
    let places: Vec<String> = tried
        .iter()
        .map(|(path, e)| match *e {
            Errno::NOENT | Errno::NOTDIR => Bytes(path.clone()).to_string(),
            Errno::ACCESS => format!("{} (which you may not read)", Bytes(path.clone())),
            e => format!("{} ({})", Bytes(path.clone()), kakuri_wire::fail::describe(e.raw_os_error())),
        })
        .collect();
    let fail = Fail::new(Stage::Front, format!("there is no VPN configuration '{name}'"))
        .why(format!("looked for {}", places.join(", ")));
    if let Some((path, _)) = tried.iter().find(|(_, e)| *e == Errno::ACCESS) {
        return fail.hint(install(path, host));
    }
    match &names(host)[..] {
        [] => fail.hint(format!("put it there (mode 600), or name its file: --vpn ./{name}.conf")),
        names => {
            fail.hint(format!("there are {}; a file is named with its folder: --vpn ./{name}.conf", names.join(", ")))
        }
    }
}

/// What copies a configuration of root's to where its user may read it.
pub fn install(path: &[u8], host: &Host) -> String {
    let ours = folders(host).into_iter().nth(1).unwrap_or_default();
    let (path, ours) = (quoted(path), quoted(&ours));
    format!("mkdir -p {ours} && sudo install -m600 -o \"$USER\" {path} {ours}/")
}

/// A path as a shell takes it.
pub fn quoted(path: &[u8]) -> String {
    crate::output::words(&[Bytes(path.to_vec())])
}

/// Every name there is, as far as the folders can be read.
pub fn names(host: &Host) -> Vec<String> {
    use std::os::unix::ffi::OsStringExt;
    let mut names: Vec<String> = Vec::new();
    for folder in folders(host) {
        for entry in std::fs::read_dir(as_path(&folder)).into_iter().flatten().flatten() {
            let file = entry.file_name().into_vec();
            let name = file.strip_suffix(SUFFIX).filter(|name| is_name(name));
            names.extend(name.and_then(|name| String::from_utf8(name.to_vec()).ok()));
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// What wg-quick(8) takes for the name of an interface, but longer, and nothing that leads elsewhere.
fn is_name(name: &[u8]) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.iter().all(|b| b.is_ascii_alphanumeric() || b"_=+.-".contains(b))
        && !name.starts_with(b".")
        && !name.starts_with(b"-")
}

fn is_file(path: &[u8]) -> bool {
    match std::fs::metadata(as_path(path)) {
        Ok(found) => !found.is_dir(),
        // It is there, whatever it is: reading it will say what is wrong.
        Err(e) => !matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for good in ["wg0", "home-office", "a.b", "x=y+z_1"] {
            assert!(is_name(good.as_bytes()), "{good}");
        }
        let long = "x".repeat(65);
        for bad in ["", ".", "..", "../x", ".hidden", "-x", "a/b", "a b", "a\n", "é", &long] {
            assert!(!is_name(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn the_folders_and_their_order() {
        let mut host = Host { home: b"/home/u".to_vec(), ..Host::default() };
        let shown = |host: &Host| folders(host).into_iter().map(|f| Bytes(f).to_string()).collect::<Vec<_>>();
        assert_eq!(shown(&host), ["/etc/wireguard", "/home/u/.config/wireguard", "/home/u/.wireguard"]);
        host.env.insert(b"XDG_CONFIG_HOME".to_vec(), b"/cfg/".to_vec());
        assert_eq!(shown(&host), ["/etc/wireguard", "/cfg/wireguard", "/home/u/.wireguard"]);
        host.env.insert(b"XDG_CONFIG_HOME".to_vec(), b"relative".to_vec());
        assert_eq!(shown(&host)[1], "/home/u/.config/wireguard");
    }
}
