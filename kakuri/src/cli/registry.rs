//! The verbs of `kakuri registry`.

use std::ffi::OsString;

use kakuri_wire::{Bytes, Fail};

use super::ask::{Login, Logout, Registry, Verbs};
use super::enter::{done, general, read};
use super::options::Id;
use super::pages::{REGISTRY, Verb};
use super::scan::{Met, Scanned, shown, shown_option};
use super::{Command, Stop, misuse, plain};
use crate::image::access::Access;

/// The registry of names without one.
const USUAL: &[u8] = b"docker.io";

/// `kakuri registry VERB ...`.
pub fn family(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    plain::member(verb, &REGISTRY, arguments)
}

pub fn login(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let last = |id: Id| scanned.met.iter().rev().find(|met| met.id == id);
    if let Some(met) = last(Id::Password) {
        // What was typed is not shown again.
        return Err(misuse(format!(
            "{} would show the password to every user of this machine",
            shown_option(met.name)
        ))
        .why("the words of a command can be read in /proc")
        .hint("leave it out and be asked, or give it by --password-stdin <FILE")
        .into());
    }
    let user = last(Id::Username).map(user).transpose()?;
    let stdin = scanned.has(Id::PasswordStdin);
    if stdin && user.is_none() {
        return Err(misuse("--password-stdin says nothing of whose password it is")
            .hint("kakuri registry login -u USER --password-stdin REGISTRY <FILE")
            .into());
    }
    done(Verbs::Registry(Registry::Login(Login {
        registry: one_registry(verb, &scanned.words)?.unwrap_or_else(|| Bytes(USUAL.to_vec())),
        user,
        stdin,
        access: access(&scanned)?,
        general: general(&scanned)?,
    })))
}

pub fn logout(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let (registry, all) = (one_registry(verb, &scanned.words)?, scanned.has(Id::All));
    if let (Some(registry), true) = (&registry, all) {
        return Err(misuse(format!("--all means every registry, and '{registry}' is one of them"))
            .hint(format!("kakuri registry logout --all, or kakuri registry logout {registry}"))
            .into());
    }
    done(Verbs::Registry(Registry::Logout(Logout {
        registry: if all { None } else { Some(registry.unwrap_or_else(|| Bytes(USUAL.to_vec()))) },
        access: access(&scanned)?,
        general: general(&scanned)?,
    })))
}

fn one_registry(verb: &Verb, words: &[&[u8]]) -> Result<Option<Bytes>, Fail> {
    match words {
        [] => Ok(None),
        [b""] => Err(misuse("'' is no registry").hint(format!("kakuri {} quay.io", verb.name))),
        [one] => Ok(Some(Bytes(one.to_vec()))),
        [_, more, ..] => {
            Err(misuse(format!("kakuri {} takes one registry, and '{}' follows it", verb.name, shown(more)))
                .hint(format!("kakuri {} {}", verb.name, verb.usage)))
        }
    }
}

fn user(met: &Met) -> Result<String, Fail> {
    let wrong = |why: &str| {
        Err(misuse(format!("bad value '{}' for {}", shown(met.value), shown_option(met.name)))
            .why(why)
            .hint("the name alone; the password is asked for, or read by --password-stdin"))
    };
    match std::str::from_utf8(met.value) {
        Ok("") => wrong("it is empty"),
        Ok(name) if name.contains(':') => wrong("a user's name has no colon"),
        Ok(name) if !name.chars().any(char::is_control) => Ok(name.into()),
        _ => wrong("it is not text"),
    }
}

/// `--authfile`, `--cert-dir`, `--tls-verify`.
fn access(scanned: &Scanned) -> Result<Access, Fail> {
    let mut access = Access::default();
    for met in &scanned.met {
        match met.id {
            Id::Authfile => access.authfile = Some(file(met)?),
            Id::CertDir => access.cert_dir = Some(file(met)?),
            Id::TlsVerify => access.tls_verify = Some(truth(met)?),
            _ => {}
        }
    }
    Ok(access)
}

fn file(met: &Met) -> Result<Bytes, Fail> {
    match met.value {
        b"" => Err(misuse(format!("{} '' names nothing", shown_option(met.name)))
            .hint(format!("{} PATH, or leave it out", shown_option(met.name)))),
        path => Ok(Bytes(path.to_vec())),
    }
}

fn truth(met: &Met) -> Result<bool, Fail> {
    match met.value {
        b"" if met.bare => Ok(true),
        b"true" | b"1" => Ok(true),
        b"false" | b"0" => Ok(false),
        _ => Err(misuse(format!("bad value '{}' for {}", shown(met.value), shown_option(met.name)))
            .why("it is neither true nor false")
            .hint(format!("{}=false", shown_option(met.name)))),
    }
}
