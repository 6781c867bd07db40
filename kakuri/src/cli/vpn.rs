//! The verbs of `kakuri vpn`.

use std::ffi::OsString;

use kakuri_wire::{Bytes, Fail};

use super::ask::{Format, Verbs, Vpn};
use super::enter::{done, general, one_name, read};
use super::options::Id;
use super::pages::{VPN, Verb};
use super::scan::{Met, Scanned, shown, shown_option};
use super::{Command, Stop, misuse, network, phrase, plain};
use crate::spec::{self, Spec};

/// `kakuri vpn VERB ...`.
pub fn family(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    plain::member(verb, &VPN, arguments)
}

pub fn set(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let [name, config] = scanned.words[..] else {
        return Err(misuse(format!(
            "kakuri vpn set takes a container and a configuration, and {} words were given",
            scanned.words.len()
        ))
        .hint("kakuri vpn set NAME CONF")
        .into());
    };
    let vpn = configuration(verb, config, &scanned)?;
    done(Verbs::Vpn(Vpn::Set { name: phrase::name(verb.name, name)?, vpn, general: general(&scanned)? }))
}

/// As `--vpn` and its manner say it.
fn configuration(verb: &Verb, typed: &[u8], scanned: &Scanned) -> Result<spec::Vpn, Fail> {
    let mut spec = Spec::default();
    network::vpn(&format!("kakuri {}", verb.name), typed, &mut spec)?;
    let manner = |met: &&Met| matches!(met.id, Id::VpnIgnoreHooks | Id::VpnOnFailure);
    scanned.met.iter().filter(manner).try_for_each(|met| network::vpn_manner(met, &mut spec))?;
    spec.vpn
        .ok_or_else(|| misuse("no VPN configuration was named").hint(format!("kakuri {} {}", verb.name, verb.usage)))
}

pub fn show(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let (name, json) = (one_name(verb, &scanned.words)?, json(&scanned)?);
    done(Verbs::Vpn(Vpn::Show { name, json, general: general(&scanned)? }))
}

pub fn remove(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    done(Verbs::Vpn(Vpn::Remove { name: one_name(verb, &scanned.words)?, general: general(&scanned)? }))
}

pub fn check(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    match scanned.words[..] {
        [config] => {
            done(Verbs::Vpn(Vpn::Check { vpn: configuration(verb, config, &scanned)?, general: general(&scanned)? }))
        }
        [] => Err(misuse("kakuri vpn check needs a configuration")
            .hint("kakuri vpn check ./wg.conf, or by its name")
            .into()),
        [_, more, ..] => {
            Err(misuse(format!("kakuri vpn check takes one configuration, and '{}' follows it", shown(more)))
                .hint("one check for each")
                .into())
        }
    }
}

pub fn status(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let (name, json) = (one_name(verb, &scanned.words)?, json(&scanned)?);
    done(Verbs::Vpn(Vpn::Status { name, json, general: general(&scanned)? }))
}

/// `--json`, `--format json`.
fn json(scanned: &Scanned) -> Result<bool, Fail> {
    let mut json = scanned.has(Id::Json);
    for met in scanned.met.iter().filter(|m| m.id == Id::Format) {
        let name = shown_option(met.name);
        match phrase::format(&name, met.value)? {
            Format::Json | Format::Jsonl => json = true,
            Format::Table => json = false,
            Format::Template(_) => {
                return Err(misuse(format!("bad value '{}' for {name}", Bytes(met.value.to_vec())))
                    .why("there are no templates here")
                    .hint(format!("{name} json")));
            }
        }
    }
    Ok(json)
}
