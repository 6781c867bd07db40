//! Docker's names for what it and kakuri both know.

use std::collections::BTreeMap;

use kakuri_wire::Bytes;
use serde_json::{Value, json};

use super::{ended, moment, started};
use crate::image::store::Stored;
use crate::spec::Limits;
use crate::verb::list::seen::{Seen, Status};
use crate::verb::port;

/// What docker gives for a time that has not come.
const NEVER: &str = "0001-01-01T00:00:00Z";

pub fn aliases(seen: &Seen, stored: Option<&Stored>) -> Value {
    let spec = &seen.entry.record.spec;
    let ended = ended(seen);
    let says = stored.map(Says::of).unwrap_or_default();
    let mount = |bind: &crate::spec::Bind| {
        json!({ "Type": "bind", "Source": bind.source, "Destination": bind.destination.as_ref().unwrap_or(&bind.source),
            "Mode": if bind.read_only { "ro" } else { "rw" }, "RW": !bind.read_only })
    };
    json!({
        "Id": seen.entry.name,
        "Name": seen.entry.name,
        "Created": moment(seen.entry.record.created),
        "Path": seen.command.first(),
        "Args": seen.command.iter().skip(1).collect::<Vec<_>>(),
        "Image": spec.image.as_ref().and_then(|image| image.id.as_ref()).map_or_else(|| seen.image(), |id| id.to_string()),
        "State": {
            "Status": seen.status.word(),
            "Running": seen.status == Status::Running,
            "Paused": false,
            "Restarting": false,
            "OOMKilled": seen.usage().is_some_and(|usage| usage.oom_kills > 0),
            "Dead": seen.status == Status::Dead,
            "Pid": seen.pid().unwrap_or(0),
            "ExitCode": seen.exit_code().unwrap_or(0),
            "Error": ended.and_then(|ended| ended.failure.as_ref()).map(ToString::to_string).unwrap_or_default(),
            "StartedAt": started(seen).map_or(NEVER.into(), moment),
            "FinishedAt": ended.map_or(NEVER.into(), |ended| moment(ended.at)),
        },
        "Config": {
            "Hostname": spec.hostname.as_deref().unwrap_or(&seen.entry.name),
            "Entrypoint": spec.image.as_ref().and_then(|image| image.entrypoint.clone()).or(says.entrypoint),
            "Cmd": if spec.command.is_empty() { says.cmd } else { spec.command.clone() },
            "Env": says.env.into_iter().chain(spec.environment.set.iter().cloned()).collect::<Vec<_>>(),
            "User": says.user,
            "WorkingDir": spec.workdir.clone().or(says.workdir),
            "Image": seen.image(),
            "Labels": says.labels,
        },
        "HostConfig": { "NetworkMode": seen.network, "AutoRemove": seen.entry.record.remove,
            "Memory": spec.limits.memory.unwrap_or(0), "MemorySwap": memory_swap(&spec.limits),
            "NanoCpus": spec.limits.cpus.unwrap_or(0) * 1_000_000, "PidsLimit": spec.limits.most_pids() },
        "NetworkSettings": { "Ports": ports(seen) },
        "Mounts": spec.binds.iter().map(mount).collect::<Vec<_>>(),
    })
}

/// Both together; -1 is no limit of swap, 0 none at all.
fn memory_swap(limits: &Limits) -> i64 {
    match limits.swap_bytes() {
        Some(Some(swap)) => limits.memory.map_or(0, |memory| memory.saturating_add(swap) as i64),
        Some(None) => -1,
        None => 0,
    }
}

/// What the image says, in the form of a container's own.
#[derive(Default)]
struct Says {
    entrypoint: Option<Vec<Bytes>>,
    cmd: Vec<Bytes>,
    env: Vec<Bytes>,
    user: String,
    workdir: Option<Bytes>,
    labels: BTreeMap<String, String>,
}

impl Says {
    fn of(stored: &Stored) -> Says {
        let run = &stored.recipe.run;
        let all = |words: &[String]| words.iter().map(Bytes::from).collect::<Vec<_>>();
        Says {
            entrypoint: Some(all(&run.entrypoint)).filter(|words| !words.is_empty()),
            cmd: all(&run.cmd),
            env: all(&run.env),
            user: run.user.clone().unwrap_or_default(),
            workdir: run.workdir.as_ref().map(Bytes::from),
            labels: run.labels.clone(),
        }
    }
}

/// By the container's port, every place on the host that leads there; of a running one.
fn ports(seen: &Seen) -> Value {
    let mut ports = serde_json::Map::new();
    let published = seen.facts.iter().flat_map(|facts| port::each(&facts.ports));
    for ((inside, protocol), host) in published {
        let places = ports.entry(format!("{inside}/{protocol}")).or_insert_with(|| json!([]));
        if let Value::Array(places) = places {
            places.push(json!({ "HostIp": host.ip().to_string(), "HostPort": host.port().to_string() }));
        }
    }
    Value::Object(ports)
}
