//! Who one is to a registry: the files podman, skopeo and docker keep logins in (containers-auth.json(5)), and the
//! helpers these files name. Nothing of them is read but for the registries of the pull at hand.

pub mod file;
pub mod key;

use kakuri_image::talk::{Login, Secret};
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::helper::Helper;
use super::{Access, place};
use crate::host::{Host, as_path};
use crate::pathname;
use crate::terminal::ask;
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
    let mut files = vec![own(host)];
    if host.uid == 0 && host.var("XDG_RUNTIME_DIR").is_none() {
        // Root's own, where he has no session. Nobody else may look there.
        files.push(b"/run/containers/0/auth.json".to_vec());
    }
    files.push(place::config(host, b"containers/auth.json"));
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
        && let Some(login) = of_helper(&helper, registry, host)?
    {
        return Ok(Some(login));
    }
    if let Some(login) = file.login(registry, repository)? {
        return Ok(Some(login));
    }
    match file.helper_of_all()? {
        Some(helper) => of_helper(&helper, registry, host),
        None => Ok(None),
    }
}

fn of_helper(helper: &Helper, registry: &str, host: &Host) -> Result<Option<Login>> {
    for server in key::servers(registry) {
        if let Some(login) = helper.get(server, host)? {
            return Ok(Some(login));
        }
    }
    Ok(None)
}

/// `--creds USER`: the password, asked for with the terminal's echo off.
pub fn asked(user: &str, registry: &str) -> Result<Login> {
    let fail = |what: String| Fail::new(Stage::Front, what);
    let login = format!("kakuri registry login -u {user} --password-stdin {registry} <FILE");
    let user_shown = Bytes::from(user);
    if !ask::possible() {
        return Err(fail(format!("cannot ask for the password of '{user_shown}' at {registry}"))
            .why("standard input and error are no terminal")
            .hint(format!("{login} keeps a login, as does a file named by --authfile")));
    }
    let password = ask::password(&format!("Password of '{user_shown}' at {registry}: "))?;
    match password.is_empty() {
        true => Err(fail(format!("the password of '{user_shown}' at {registry} is empty")).hint("type it when asked")),
        false => Ok(Login::Basic { user: user.into(), password: Secret(password) }),
    }
}
