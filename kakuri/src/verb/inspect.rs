//! `kakuri inspect`: everything that is known of containers, as JSON. Docker's names stand beside ours where scripts
//! know them by heart.

mod docker;
mod processes;
mod security;

use kakuri_wire::fail::{Fail, Result};
use serde_json::{Value, json};

use super::list::seen::{Seen, Status};
use super::top::{self, Process};
use super::{FAILED, Surroundings};
use crate::cli::{self, Format};
use crate::image::store::Stored;
use crate::output::template::Template;
use crate::output::{self, time};
use crate::vpn::keep;

pub fn run(wanted: &cli::Inspect) -> Result<u8> {
    let template = match &wanted.format {
        Format::Template(text) => Some(Template::parse(text)?),
        _ => None,
    };
    let failed = |fail: Fail| fail.code(FAILED);
    let here = Surroundings::look(&wanted.general).map_err(failed)?;
    if let Some(which) = &wanted.processes {
        return processes::run(wanted, which, &here, template);
    }
    if wanted.security {
        return security::run(wanted, &here, template);
    }
    let mut values = Vec::new();
    let mut code = 0;
    for name in &wanted.names {
        match here.store.find(name) {
            Ok(entry) => {
                let seen = Seen::of(entry, &here.config);
                let stored = seen.stored(&here.config);
                values.push(value(&seen, stored.as_ref()));
            }
            Err(fail) => {
                output::warn(fail);
                code = FAILED;
            }
        }
    }
    super::show(values, &wanted.format, template)?;
    Ok(code)
}

fn value(seen: &Seen, stored: Option<&Stored>) -> Value {
    let record = &seen.entry.record;
    let mut value = json!({
        "name": seen.entry.name,
        "path": kakuri_wire::Bytes::from(&seen.entry.folder),
        "created": moment(record.created),
        "kind": record.kind,
        "remove": record.remove,
        "command": seen.command,
        "network": seen.network,
        "image": image(seen, stored),
        "vpn": vpn(seen),
        "doors": record.spec.doors.names(),
        "state": state(seen),
        "usage": seen.usage(),
        "spec": record.spec,
        "live": live(seen),
    });
    if let (Value::Object(value), Value::Object(aliases)) = (&mut value, docker::aliases(seen, stored)) {
        value.extend(aliases);
    }
    value
}

fn state(seen: &Seen) -> Value {
    let ended = ended(seen);
    let signal = match ended.and_then(|ended| ended.status) {
        Some(kakuri_init::Status::Signal { signal, .. }) => Some(signal),
        _ => None,
    };
    json!({
        "status": seen.status.word(),
        "running": seen.status == Status::Running,
        "pid": seen.pid(),
        "started_at": started(seen).map(moment),
        "finished_at": ended.map(|ended| moment(ended.at)),
        "exit_code": seen.exit_code(),
        "signal": signal,
        "stopped": ended.is_some_and(|ended| ended.stopped),
        "timed_out": ended.is_some_and(|ended| ended.timed_out),
        "oom_killed": seen.usage().is_some_and(|usage| usage.oom_kills > 0),
        "error": ended.and_then(|ended| ended.failure.as_ref()).map(ToString::to_string),
        "refused": ended.and_then(|ended| ended.refused.as_ref()),
    })
}

/// Its image: what it was made from, and what that says. Null where it has none.
fn image(seen: &Seen, stored: Option<&Stored>) -> Value {
    let Some(image) = &seen.entry.record.spec.image else { return Value::Null };
    let recipe = stored.map(|stored| &stored.recipe);
    json!({
        "reference": image.reference,
        "name": image.name,
        "id": image.id,
        "platform": recipe.map(|recipe| recipe.platform.to_string()),
        "created": recipe.map(|recipe| &recipe.created),
        "layers": recipe.map(|recipe| recipe.layers.len()),
        "labels": recipe.map(|recipe| &recipe.run.labels),
        "ports": recipe.map(|recipe| &recipe.run.ports),
        "volumes": recipe.map(|recipe| &recipe.run.volumes),
    })
}

/// What is recorded of its VPN, and where its peers are. Never a key.
fn vpn(seen: &Seen) -> Value {
    let Some(vpn) = &seen.entry.record.spec.vpn else { return Value::Null };
    let conf = if vpn.stored { keep::conf(&seen.entry.folder, vpn).ok() } else { None };
    let endpoints = conf.map(|conf| {
        let named = conf.peers.iter().filter_map(|peer| peer.endpoint.as_ref());
        named.map(ToString::to_string).collect::<Vec<_>>()
    });
    json!({ "label": crate::vpn::label(vpn), "config": vpn.config, "stored": vpn.stored, "endpoints": endpoints,
        "on_failure": vpn.on_failure, "ignore_hooks": vpn.ignore_hooks })
}

/// How the last run ended, unless it runs again.
fn ended(seen: &Seen) -> Option<&crate::store::Ended> {
    let last = seen.last.as_ref().filter(|_| seen.status != Status::Running)?;
    last.ended.as_ref()
}

fn started(seen: &Seen) -> Option<u64> {
    seen.facts.as_ref().map(|facts| facts.started).or(seen.last.as_ref().map(|last| last.started))
}

/// What only the living one can tell; null where it does not run or does not answer.
fn live(seen: &Seen) -> Value {
    let Some(facts) = &seen.facts else { return Value::Null };
    let process = |one: Process| {
        json!({ "host_pid": one.host_pid, "pid": one.pid, "parent": one.parent, "user": one.user,
            "state": one.state.to_string(), "command": one.command() })
    };
    let sessions = facts.sessions.iter().map(|session| {
        json!({ "session": session.session, "command": session.command, "pid": session.pid, "first": session.first,
            "terminal": session.terminal, "logged": session.logged, "started_at": moment(session.started) })
    });
    json!({
        "init": facts.init,
        "supervisor": facts.supervisor,
        "namespaces": facts.namespaces,
        "network": facts.network,
        "ports": facts.ports,
        "sessions": sessions.collect::<Value>(),
        "processes": top::processes(facts).into_iter().map(process).collect::<Value>(),
        "refused": facts.refused,
        "notes": facts.notes,
        "cgroup": facts.group,
    })
}

fn moment(millis: u64) -> String {
    time::rfc3339(time::from_millis(millis), 3)
}
