//! `kakuri list`, and docker's columns for `kakuri container ls`.

mod filter;
pub mod seen;

use std::time::SystemTime;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result};
use serde_json::{Value, json};

use super::{FAILED, Surroundings};
use crate::cli::{self, Format};
use crate::output::table::Table;
use crate::output::template::Template;
use crate::output::{self, shorten, time, words};
use filter::Filter;
use seen::{Seen, Status};

/// Columns of a command, in our table and in docker's.
const COMMAND: usize = 40;
const DOCKER_COMMAND: usize = 20;

/// Docker's fields and what heads their columns.
const HEADS: [(&str, &str); 14] = [
    ("ID", "CONTAINER ID"),
    ("Names", "NAMES"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("CreatedAt", "CREATED AT"),
    ("RunningFor", "CREATED"),
    ("Ports", "PORTS"),
    ("State", "STATE"),
    ("Status", "STATUS"),
    ("Size", "SIZE"),
    ("Labels", "LABELS"),
    ("Mounts", "MOUNTS"),
    ("Networks", "NETWORKS"),
    ("exit_code", "EXIT CODE"),
];

/// A container as a line tells it.
struct Row {
    name: String,
    status: Status,
    /// None: its record cannot be believed.
    seen: Option<Seen>,
}

pub fn run(wanted: &cli::List) -> Result<u8> {
    let filter = Filter::of(&wanted.filters)?;
    let now = SystemTime::now();
    let both = |row: &Row| merged(dockers(row, wanted.no_trunc, now), ours(row, now));
    let template = match &wanted.format {
        Format::Template(text) => {
            let template = Template::parse(text)?;
            // Before anything is looked at: what is wrong with it is so whatever there is.
            template.check(&both(&Row { name: String::new(), status: Status::Unreadable, seen: None }))?;
            Some(template)
        }
        _ => None,
    };
    let failed = |fail: Fail| fail.code(FAILED);
    let here = Surroundings::look(&wanted.general).map_err(failed)?;
    let mut rows = Vec::new();
    for (name, entry) in here.store.all().map_err(failed)? {
        // A name that is not wanted is not asked about.
        if !filter.name(&name) {
            continue;
        }
        let row = match entry {
            Ok(entry) => {
                let seen = Seen::of(entry, &here.config);
                Row { name, status: seen.status, seen: Some(seen) }
            }
            Err(fail) => {
                warn_of(&name, fail);
                Row { name, status: Status::Unreadable, seen: None }
            }
        };
        let network = row.seen.as_ref().map(|seen| &seen.network[..]);
        let shown = wanted.all || filter.by_status() || row.status == Status::Running;
        let seen = row.seen.as_ref();
        let image = filter.image(seen) && filter.labels(seen, &here.config);
        if shown && filter.status(row.status) && filter.network(network) && image {
            rows.push(row);
        }
    }
    let text = match &wanted.format {
        _ if wanted.quiet => rows.iter().map(|row| row.name.clone() + "\n").collect(),
        Format::Table if wanted.docker => docker_table(&rows, wanted.no_trunc, now),
        Format::Table => table(&rows, wanted.no_trunc, now),
        Format::Json if !wanted.docker => output::json::pretty(&rows.iter().map(|row| ours(row, now)).collect()),
        // Docker's own is a line each.
        Format::Json | Format::Jsonl => {
            let value = |row| if wanted.docker { dockers(row, wanted.no_trunc, now) } else { ours(row, now) };
            output::json::lines(&rows.iter().map(value).collect::<Vec<_>>())
        }
        Format::Template(_) => {
            let values: Vec<Value> = rows.iter().map(both).collect();
            template.map_or(Ok(String::new()), |t| t.all(&values, &HEADS, output::colours()))?
        }
    };
    output::print(&text).map_err(failed)
}

/// One line, whatever there is to say.
fn warn_of(name: &str, mut fail: Fail) {
    fail.hint = None;
    let text = fail.to_string();
    let named = text.contains(name);
    output::warn(if named { text } else { format!("cannot read the container '{name}': {text}") });
}

fn table(rows: &[Row], whole: bool, now: SystemTime) -> String {
    let of_image = |row: &Row| row.seen.as_ref().is_some_and(|seen| seen.entry.record.spec.image.is_some());
    // Where there is one that has any.
    let images = rows.iter().any(of_image);
    let all = |mut cells: Vec<String>, image: String| {
        cells.extend(images.then_some(image));
        cells
    };
    let heads = ["NAME", "STATUS", "PID", "SINCE", "COMMAND", "NETWORK"].map(String::from).to_vec();
    let mut table = Table::new(all(heads, "IMAGE".into()));
    for Row { name, status, seen } in rows {
        let dash = || "-".to_string();
        let Some(seen) = seen else {
            table.row(all(vec![name.clone(), status.word().into(), dash(), dash(), dash(), dash()], dash()));
            continue;
        };
        let cells = vec![
            name.clone(),
            seen.brief(),
            seen.pid().map_or_else(dash, |pid| pid.to_string()),
            time::ago(time::from_millis(seen.since), now),
            Some(shortened(&seen.command, whole, COMMAND)).filter(|c| !c.is_empty()).unwrap_or_else(dash),
            seen.network.clone(),
        ];
        table.row(all(cells, seen.image()));
    }
    table.text(output::colours())
}

fn docker_table(rows: &[Row], whole: bool, now: SystemTime) -> String {
    let heads = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];
    let head = |field: &&str| HEADS.iter().find(|(f, _)| f == field).map_or("", |(_, head)| head);
    let mut table = Table::new(heads.iter().map(head));
    for row in rows {
        let value = dockers(row, whole, now);
        table.row(heads.iter().map(|field| value[*field].as_str().unwrap_or_default()));
    }
    table.text(output::colours())
}

fn shortened(command: &[Bytes], whole: bool, most: usize) -> String {
    if whole { words(command) } else { shorten(&words(command), most) }
}

/// Our own names: what a script asks for.
fn ours(row: &Row, now: SystemTime) -> Value {
    let Some(seen) = &row.seen else {
        let status = row.status.word();
        return json!({ "name": row.name, "status": status, "state": status, "pid": null, "since": null,
            "created": null, "command": null, "network": null, "image": null, "exit_code": null });
    };
    let moment = |millis| time::rfc3339(time::from_millis(millis), 3);
    json!({
        "name": row.name,
        "status": seen.long(now),
        "state": row.status.word(),
        "pid": seen.pid(),
        "since": moment(seen.since),
        "created": moment(seen.entry.record.created),
        "command": seen.command,
        "network": seen.network,
        "image": seen.image(),
        "exit_code": seen.exit_code(),
    })
}

fn dockers(row: &Row, whole: bool, now: SystemTime) -> Value {
    let mut value = json!({ "ID": row.name, "Names": row.name, "Image": "", "Command": "", "CreatedAt": "",
        "RunningFor": "", "Ports": "", "State": row.status.word(), "Status": row.status.title(), "Size": "",
        "Labels": "", "Mounts": "", "Networks": "" });
    let Some(seen) = &row.seen else { return value };
    let created = time::from_millis(seen.entry.record.created);
    value["Image"] = seen.image().into();
    value["Command"] = format!("\"{}\"", shortened(&seen.command, whole, DOCKER_COMMAND)).into();
    // As Go prints a time.
    value["CreatedAt"] = time::rfc3339(created, 0).replace('T', " ").replace('Z', " +0000 UTC").into();
    value["RunningFor"] = time::ago(created, now).into();
    value["Status"] = seen.long(now).into();
    let mounts: Vec<String> = seen.entry.record.spec.binds.iter().map(|bind| bind.source.to_string()).collect();
    value["Mounts"] = mounts.join(",").into();
    value["Ports"] = seen.ports().into();
    value["Networks"] = seen.network.clone().into();
    value
}

fn merged(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}
