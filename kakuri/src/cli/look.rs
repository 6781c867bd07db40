//! The verbs that look: list, inspect, logs, top, port.

use std::ffi::OsString;

use kakuri_wire::Fail;

use super::ask::{Format, General, Inspect, List, Logs, Verbs, Wanted};
use super::enter::{done, general, one_name, read};
use super::manage::names;
use super::options::Id;
use super::pages::Verb;
use super::scan::{Scanned, shown, shown_option};
use super::{Command, Stop, misuse, network, phrase};

/// `kakuri list`.
pub fn list(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    containers(verb, arguments, false)
}

/// `kakuri container ls`.
pub fn docker_list(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    containers(verb, arguments, true)
}

fn containers(verb: &'static Verb, arguments: &[OsString], docker: bool) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    if let Some(word) = scanned.words.first() {
        let name = shown(word);
        return Err(misuse(format!("kakuri {} takes no '{name}'", verb.name))
            .hint(format!(
                "kakuri {0} --filter name={name}; or kakuri -- {0} {name} for a program of that name",
                verb.name
            ))
            .into());
    }
    let mut list = List {
        quiet: scanned.has(Id::Quiet),
        format: Format::default(),
        filters: Vec::new(),
        all: !docker || scanned.has(Id::All),
        docker,
        no_trunc: scanned.has(Id::NoTrunc),
        general: general(&scanned)?,
    };
    for met in &scanned.met {
        let name = shown_option(met.name);
        match met.id {
            Id::Format => list.format = phrase::format(&name, met.value)?,
            Id::Filter => list.filters.push(phrase::filter(&name, met.value)?),
            _ => {}
        }
    }
    done(Verbs::List(list))
}

pub fn inspect(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let processes = processes(&scanned)?;
    let mut inspect = Inspect {
        names: if processes.is_some() { Vec::new() } else { names(verb, &scanned.words)? },
        format: Format::default(),
        security: scanned.has(Id::Security),
        processes,
        general: general(&scanned)?,
    };
    for met in scanned.met.iter().filter(|m| m.id == Id::Format) {
        inspect.format = phrase::format(&shown_option(met.name), met.value)?;
    }
    done(Verbs::Inspect(inspect))
}

/// `--pid PID,...`, `--all`: Ryouiki's form.
fn processes(scanned: &Scanned) -> Result<Option<Wanted>, Fail> {
    let mut numbers = Vec::new();
    for met in scanned.met.iter().filter(|m| m.id == Id::Pid) {
        for word in met.value.split(|&b| b == b',') {
            let number = std::str::from_utf8(word).ok().filter(|w| w.bytes().all(|b| b.is_ascii_digit()));
            match number.and_then(|w| w.parse::<i32>().ok()).filter(|n| *n > 0) {
                Some(number) => numbers.push(number),
                None => {
                    return Err(misuse(format!("bad value '{}' for --pid", shown(met.value)))
                        .why(format!("'{}' is no number of a process", shown(word)))
                        .hint("--pid 4711, or --pid 4711,4712, as the host numbers them"));
                }
            }
        }
    }
    let all = scanned.has(Id::All);
    if !all && numbers.is_empty() {
        return Ok(None);
    }
    let option = if all { "--all" } else { "--pid" };
    if let Some(name) = scanned.words.first() {
        let name = shown(name);
        return Err(misuse(format!("{option} is about processes, and '{name}' is a container"))
            .hint(format!("kakuri inspect {name}, or kakuri container top {name}")));
    }
    match (all, scanned.has(Id::Security)) {
        (_, true) => {
            Err(misuse(format!("{option} and --security are two questions")).hint("kakuri inspect --security NAME"))
        }
        (true, _) if !numbers.is_empty() => {
            Err(misuse("--all and --pid are two answers to one question").hint("choose one of them"))
        }
        (true, _) => Ok(Some(Wanted::All)),
        _ => Ok(Some(Wanted::Numbers(numbers))),
    }
}

pub fn logs(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let mut logs = Logs {
        name: one_name(verb, &scanned.words)?,
        follow: scanned.has(Id::Follow),
        tail: None,
        since: None,
        until: None,
        timestamps: scanned.has(Id::Timestamps),
        general: general(&scanned)?,
    };
    for met in &scanned.met {
        let name = shown_option(met.name);
        match met.id {
            Id::Tail => logs.tail = phrase::lines(&name, met.value)?,
            Id::Since => logs.since = Some(phrase::moment(&name, met.value)?),
            Id::Until => logs.until = Some(phrase::moment(&name, met.value)?),
            _ => {}
        }
    }
    if logs.since.zip(logs.until).is_some_and(|(since, until)| until < since) {
        return Err(misuse("--until is before --since").hint("exchange them").into());
    }
    done(Verbs::Logs(logs))
}

pub fn top(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    done(Verbs::Top { name: one_name(verb, &scanned.words)?, general: general(&scanned)? })
}

/// `container stats`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    /// Empty: all that run.
    pub names: Vec<String>,
    /// `--no-stream`: once.
    pub once: bool,
    pub format: Format,
    pub general: General,
}

pub fn stats(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let names = if scanned.words.is_empty() { Vec::new() } else { names(verb, &scanned.words)? };
    let mut stats =
        Stats { names, once: scanned.has(Id::NoStream), format: Format::default(), general: general(&scanned)? };
    for met in scanned.met.iter().filter(|m| m.id == Id::Format) {
        stats.format = phrase::format(&shown_option(met.name), met.value)?;
    }
    done(Verbs::Stats(stats))
}

/// `container port NAME [PORT[/PROTOCOL]]`.
pub fn port(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let (words, wanted) = match scanned.words[..] {
        [name, port] => (vec![name], Some(network::inside(port)?)),
        _ => (scanned.words.clone(), None),
    };
    done(Verbs::Port { name: one_name(verb, &words)?, wanted, general: general(&scanned)? })
}
