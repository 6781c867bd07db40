//! Who one is to a registry: the files podman, skopeo and docker keep logins in (containers-auth.json(5)), and the
//! helpers these files name. Nothing of them is read but for the registries of the pull at hand.

pub mod file;
pub mod key;

use kakuri_image::talk::{Login, Secret};
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use zeroize::Zeroizing;

use super::helper::Helper;
use super::{Access, place};
use crate::host::{Host, as_path};
use crate::pathname;
use file::AuthFile;

/// One that is named stands in the place of all others.
pub fn named(access: &Access, host: &Host) -> Result<Option<(Vec<u8>, &'static str)>> {
    if let Some(typed) = &access.authfile {
        return host.expand(typed.as_bytes()).map(|path| Some((path, "--authfile")));
    }
    match host.var("REGISTRY_AUTH_FILE").filter(|path| !path.is_empty()) {
        Some(typed) => host.expand(typed).map(|path| Some((path, "REGISTRY_AUTH_FILE"))),
        None => Ok(None),
    }
}

/// The one logins are written to. Where the session has a runtime folder it is there, as podman and skopeo have it:
/// that is memory, so that a password which can be read by whoever gets the disk is never on it, and is gone when the
/// session ends. Without such a folder it is `~/.config/containers/auth.json`, which they read too.
pub fn own(host: &Host) -> Vec<u8> {
    match host.var("XDG_RUNTIME_DIR").filter(|base| base.first() == Some(&b'/') && as_path(base).is_dir()) {
        Some(base) => pathname::absolute(base, b"containers/auth.json"),
        None => place::config(host, b"containers/auth.json"),
    }
}

/// Of podman and its kin, the first the one they write.
pub fn of_podman(host: &Host) -> Vec<Vec<u8>> {
    let run = format!("/run/containers/{}/auth.json", host.uid).into_bytes();
    let mut files = vec![own(host), run, place::config(host, b"containers/auth.json")];
    files.dedup();
    files
}

pub fn of_docker(host: &Host) -> Vec<u8> {
    match host.var("DOCKER_CONFIG").filter(|folder| !folder.is_empty()).map(|folder| host.expand(folder)) {
        Some(Ok(folder)) => pathname::join(&folder, b"config.json"),
        _ => pathname::join(&host.home, b".docker/config.json"),
    }
}

/// The login for a repository of a registry, `host[:port]`; None: one is nobody in particular.
pub fn find(registry: &str, repository: &str, access: &Access, host: &Host) -> Result<Option<Login>> {
    if let Some((path, by)) = named(access, host)? {
        return match file::read(&path)? {
            Some(file) => of_file(&file, registry, repository, host),
            None => Err(Fail::new(Stage::Front, format!("cannot read '{}' ({by})", place::shown(&path)))
                .errno(libc::ENOENT)
                .hint("kakuri registry login with the same file makes it")),
        };
    }
    for path in of_podman(host).into_iter().chain([of_docker(host)]) {
        let Some(file) = file::read(&path)? else { continue };
        if let Some(login) = of_file(&file, registry, repository, host)? {
            return Ok(Some(login));
        }
    }
    Ok(None)
}

/// A helper of the registry's own, else what stands in the file, else the helper of all.
fn of_file(file: &AuthFile, registry: &str, repository: &str, host: &Host) -> Result<Option<Login>> {
    if let Some(helper) = file.helper_of(registry)?
        && let Some(login) = ask(&helper, registry, host)?
    {
        return Ok(Some(login));
    }
    if let Some(login) = file.login(registry, repository)? {
        return Ok(Some(login));
    }
    match file.helper_of_all()? {
        Some(helper) => ask(&helper, registry, host),
        None => Ok(None),
    }
}

fn ask(helper: &Helper, registry: &str, host: &Host) -> Result<Option<Login>> {
    for server in key::servers(registry) {
        if let Some(login) = helper.get(server, host)? {
            return Ok(Some(login));
        }
    }
    Ok(None)
}

/// `--creds USER:PASSWORD`. Without a password it is asked for, with the terminal's echo off.
pub fn typed(option: &str, value: &[u8]) -> Result<Login> {
    let wrong = |why: &str| {
        // Nothing of it is shown.
        Err(Fail::new(Stage::Front, format!("bad value for {option}")).why(why).hint(format!(
            "{option} USER:PASSWORD, or {option} USER, which asks; a login that is kept: kakuri registry login"
        )))
    };
    let Ok(text) = std::str::from_utf8(value) else { return wrong("it is not text") };
    if text.chars().any(char::is_control) {
        return wrong("it has control characters");
    }
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(Zeroizing::new(password.to_string()))),
        None => (text, None),
    };
    if user.is_empty() || password.as_ref().is_some_and(|p| p.is_empty()) {
        return wrong("one of the two is empty");
    }
    let password = match password {
        Some(password) => password,
        None => crate::terminal::ask::password(&format!("Password of '{}': ", Bytes::from(user)))?,
    };
    Ok(Login::Basic { user: user.into(), password: Secret(password) })
}
