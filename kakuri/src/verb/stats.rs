//! `kakuri container stats`: what running containers use, as docker shows it.

mod sample;

use std::io::{ErrorKind, IsTerminal, Write};
use std::thread;
use std::time::Duration;

use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::sys;
use serde_json::{Value, json};

use super::{FAILED, Surroundings};
use crate::cli::{self, Format};
use crate::client::ask;
use crate::output::table::Table;
use crate::output::template::Template;
use crate::output::{self, size};
use crate::store::State;
use sample::Sample;

/// Between two looks: what a processor's share is told over.
const PAUSE: Duration = Duration::from_secs(1);
/// To the upper left, and all below is cleared.
const AGAIN: &str = "\x1b[H\x1b[J";

/// Docker's fields and what heads their columns.
const HEADS: [(&str, &str); 9] = [
    ("Container", "CONTAINER"),
    ("ID", "CONTAINER ID"),
    ("Name", "NAME"),
    ("CPUPerc", "CPU %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("MemPerc", "MEM %"),
    ("NetIO", "NET I/O"),
    ("BlockIO", "BLOCK I/O"),
    ("PIDs", "PIDS"),
];

pub fn run(wanted: &cli::Stats) -> Result<u8> {
    let template = match &wanted.format {
        Format::Template(text) => {
            let template = Template::parse(text)?;
            // Before anything is looked at: what is wrong with it is so whatever there is.
            template.check(&value(&Row { before: None, now: Sample::default() }))?;
            Some(template)
        }
        _ => None,
    };
    stats(wanted, template.as_ref()).map_err(|fail| fail.code(FAILED))
}

/// One container now, and a moment before.
struct Row {
    before: Option<Sample>,
    now: Sample,
}

fn stats(wanted: &cli::Stats, template: Option<&Template>) -> Result<u8> {
    let here = Surroundings::look(&wanted.general)?;
    let mut code = 0;
    let mut names = Vec::new();
    for typed in &wanted.names {
        match here.store.find(typed).and_then(|entry| ask::look(&entry).map(|_| entry.name)) {
            Ok(name) => names.push(name),
            Err(fail) => {
                output::warn(fail);
                code = FAILED;
            }
        }
    }
    if names.is_empty() && !wanted.names.is_empty() {
        return Ok(code);
    }
    let mut before = look(&here, &names)?;
    let without: Vec<&str> = before.iter().filter(|one| !one.grouped).map(|one| &one.name[..]).collect();
    if !without.is_empty() {
        let names = without.join(", ");
        output::warn(format!(
            "no control group was made for {names}: the figures are the sum of the processes there are now; started with a limit (--memory, --cpus, --pids-limit) the kernel counts"
        ));
    }
    loop {
        // Two looks make a share of processors.
        thread::sleep(PAUSE);
        let now = look(&here, &names)?;
        let old = |name: &str| before.iter().find(|one| one.name == name).cloned();
        let rows: Vec<Row> = now.iter().map(|one| Row { before: old(&one.name), now: one.clone() }).collect();
        let text = shown(&rows, &wanted.format, template)?;
        let redraw = !wanted.once && wanted.format == Format::Table && std::io::stdout().is_terminal();
        let goes_on = put(&if redraw { format!("{AGAIN}{text}") } else { text })?;
        if wanted.once || !goes_on || (now.is_empty() && !names.is_empty()) {
            return Ok(code);
        }
        before = now;
    }
}

/// Those named that run; all that run where none is named.
fn look(here: &Surroundings, names: &[String]) -> Result<Vec<Sample>> {
    let mut found = Vec::new();
    for (name, entry) in here.store.all()? {
        let Ok(entry) = entry else { continue };
        if (names.is_empty() || names.contains(&name))
            && entry.state() == State::Running
            && let Ok(facts) = ask::look(&entry)
        {
            found.push(Sample::of(&facts));
        }
    }
    Ok(found)
}

fn shown(rows: &[Row], format: &Format, template: Option<&Template>) -> Result<String> {
    let values: Vec<Value> = rows.iter().map(value).collect();
    match (format, template) {
        (_, Some(template)) => template.all(&values, &HEADS, output::colours()),
        // Docker's own is a line each.
        (Format::Json | Format::Jsonl, _) => Ok(output::json::lines(&values)),
        _ => {
            let mut table = Table::new(HEADS[2..].iter().map(|(_, head)| *head));
            for value in &values {
                table.row(HEADS[2..].iter().map(|(field, _)| value[*field].as_str().unwrap_or_default()));
            }
            Ok(table.text(output::colours()))
        }
    }
}

/// Docker's words, and the numbers behind them by names of ours; what is not counted is `--` and null.
fn value(row: &Row) -> Value {
    let Row { before, now } = row;
    let unknown = || "--".to_string();
    let percent = |share: Option<f64>| share.map_or_else(unknown, |share| format!("{share:.2}%"));
    let pair = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (None, None) => unknown(),
        (one, other) => format!("{} / {}", one.map_or_else(unknown, size), other.map_or_else(unknown, size)),
    };
    let usage = &now.usage;
    let limit = usage.memory_limit.or(now.machine);
    let of_memory = usage.memory.zip(limit).filter(|(_, limit)| *limit > 0);
    let processors = before.as_ref().and_then(|before| now.processors_since(before));
    json!({
        "Container": now.name,
        "ID": now.name,
        "Name": now.name,
        "CPUPerc": percent(processors.map(|share| share * 100.0)),
        "MemUsage": pair(usage.memory, limit),
        "MemPerc": percent(of_memory.map(|(used, limit)| used as f64 * 100.0 / limit as f64)),
        "NetIO": pair(now.received, now.sent),
        "BlockIO": pair(usage.read_bytes, usage.written_bytes),
        "PIDs": usage.pids.map_or_else(unknown, |pids| pids.to_string()),
        "cgroup": now.grouped,
        "processors": processors,
        "received_bytes": now.received,
        "sent_bytes": now.sent,
        "usage": usage,
    })
}

/// Whether somebody still reads.
fn put(text: &str) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    match sys::ignoring(libc::SIGPIPE, || out.write_all(text.as_bytes()).and_then(|()| out.flush())) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Fail::new(Stage::Front, "cannot write to standard output")
            .errno(e)
            .hint("make room where it goes, or send it elsewhere")),
    }
}
