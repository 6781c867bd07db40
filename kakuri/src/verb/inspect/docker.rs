//! Docker's names for what it and kakuri both know.

use serde_json::{Value, json};

use super::{ended, moment, started};
use crate::verb::list::seen::{Seen, Status};
use crate::verb::port;

/// What docker gives for a time that has not come.
const NEVER: &str = "0001-01-01T00:00:00Z";

pub fn aliases(seen: &Seen) -> Value {
    let spec = &seen.entry.record.spec;
    let ended = ended(seen);
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
        "Image": seen.image(),
        "State": {
            "Status": seen.status.word(),
            "Running": seen.status == Status::Running,
            "Paused": false,
            "Restarting": false,
            "Dead": seen.status == Status::Dead,
            "Pid": seen.pid().unwrap_or(0),
            "ExitCode": seen.exit_code().unwrap_or(0),
            "Error": ended.and_then(|ended| ended.failure.as_ref()).map(ToString::to_string).unwrap_or_default(),
            "StartedAt": started(seen).map_or(NEVER.into(), moment),
            "FinishedAt": ended.map_or(NEVER.into(), |ended| moment(ended.at)),
        },
        "Config": {
            "Hostname": spec.hostname.as_deref().unwrap_or(&seen.entry.name),
            "Cmd": spec.command,
            "Env": spec.environment.set,
            "WorkingDir": spec.workdir,
            "Image": seen.image(),
            "Labels": {},
        },
        "HostConfig": { "NetworkMode": seen.network, "AutoRemove": seen.entry.record.remove },
        "NetworkSettings": { "Ports": ports(seen) },
        "Mounts": spec.binds.iter().map(mount).collect::<Vec<_>>(),
    })
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
