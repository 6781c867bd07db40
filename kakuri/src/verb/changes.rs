//! `kakuri changes`: what a layer has that the original has not.

mod rows;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result};
use serde_json::{Value, json};

use super::{FAILED, print};
use crate::bind::source;
use crate::cli::{Changes, Format, General};
use crate::config::Config;
use crate::host::Host;
use crate::layer::Kind;
use crate::layer::list::{Change, Pair};
use crate::layer::patch;
use crate::layer::subject::{ROOT, Subject, Wanted};
use crate::layer::tries::{State, Tries, Try};
use crate::output::table::Table;
use crate::output::template::Template;
use crate::output::{self, time};
use crate::pathname;
use rows::Row;

/// What changes, commit and discard look at first.
pub fn look(general: &General) -> Result<(Host, Config)> {
    super::start_log(general.verbose);
    let host = Host::look();
    let config = Config::load(&host, general.config.as_ref().map(|f| f.as_bytes()))?;
    Ok((host, config))
}

/// Paths as typed, made absolute: links on the way are followed, the last name is not.
pub fn absolute(host: &Host, paths: &[Bytes]) -> Result<Vec<Vec<u8>>> {
    let one = |typed: &Bytes| {
        let path = host.absolute(typed.as_bytes())?;
        let above = pathname::parent(&path).and_then(source::real);
        Ok(above.map_or(path.clone(), |above| pathname::join(&above, pathname::name(&path))))
    };
    paths.iter().map(one).collect()
}

pub fn run(wanted: &Changes) -> Result<u8> {
    let template = match &wanted.format {
        Format::Template(text) => {
            let template = Template::parse(text)?;
            template.check(&if wanted.list { rows::no_try() } else { rows::nothing() })?;
            Some(template)
        }
        _ => None,
    };
    shown(wanted, template.as_ref()).map_err(|fail| fail.code(FAILED))
}

fn shown(wanted: &Changes, template: Option<&Template>) -> Result<u8> {
    let (host, config) = look(&wanted.general)?;
    if wanted.list {
        return list(&host, wanted, template);
    }
    let paths = absolute(&host, &wanted.paths)?;
    let target = Wanted { container: wanted.container.as_deref(), paths: &paths, committed: false, lenient: false };
    let subject = Subject::find(&target, &host, &config)?;
    let changes = subject.changes(&paths)?;
    if wanted.patch {
        return as_patch(&changes);
    }
    let mut rows = Vec::new();
    for (pair, changes) in &changes {
        for change in changes.iter().filter(|change| wanted.all || change.kind != Kind::Touched) {
            rows.push(Row::of(pair, change, &host, wanted.docker)?);
            if wanted.all && change.kind == Kind::Deleted {
                rows.extend(inside(pair, change, &host, wanted.docker)?);
            }
        }
    }
    if wanted.docker {
        let line = |row: &Row| format!("{} {}\n", row.dockers(), output::plain(&row.shown));
        return output::print(&rows.iter().map(line).collect::<String>());
    }
    if wanted.null {
        let line = |row: &Row| [&[row.kind.letter() as u8, b' '], &row.shown[..], b"\0"].concat();
        return print(&rows.iter().flat_map(line).collect::<Vec<u8>>());
    }
    let values = || rows.iter().map(Row::value).collect::<Vec<Value>>();
    let text = match (&wanted.format, template) {
        (Format::Json, _) => output::json::pretty(&values().into()),
        (Format::Jsonl, _) => output::json::lines(&values()),
        (_, Some(template)) => template.all(&values(), &rows::HEADS, output::colours())?,
        _ => {
            let mut table = Table::new(["CHANGE", "PATH", "WHAT"]);
            rows.iter().for_each(|row| table.row(row.cells()));
            table.text(output::colours())
        }
    };
    output::print(&text)
}

/// What lay in a folder that was deleted.
fn inside(pair: &Pair, change: &Change, host: &Host, docker: bool) -> Result<Vec<Row>> {
    let below = pair.below(&change.path).map_err(|(path, e)| unreadable(pair, &path, e))?;
    let mut rows = Vec::new();
    for (path, node) in below.into_iter().skip(1) {
        let change = Change { path, kind: Kind::Deleted, before: Some(node), after: None };
        rows.push(Row::of(pair, &change, host, docker)?);
    }
    Ok(rows)
}

fn unreadable(pair: &Pair, path: &[u8], e: rustix::io::Errno) -> Fail {
    crate::copy::cannot("read", Bytes(pair.on_host(path)), e)
}

/// In the order of the paths, named from the folder that all of it lies in.
fn as_patch(changes: &[(&Pair, Vec<Change>)]) -> Result<u8> {
    let base = |pair: &&Pair| pair.number != ROOT;
    let top = patch::common(changes.iter().map(|(pair, _)| *pair).filter(base).map(|p| p.record.from.as_bytes()));
    let mut out = Vec::new();
    let mut left_out = 0_usize;
    for (pair, changes) in changes {
        let name = |path: &[u8]| {
            let whole = if pair.number == ROOT { pair.inside(path) } else { pair.on_host(path) };
            pathname::below(&whole, if pair.number == ROOT { b"/" } else { &top }).unwrap_or(&whole).to_vec()
        };
        for change in changes {
            let gone = change.kind == Kind::Deleted || change.kind == Kind::Type;
            let below = match &change.before {
                Some(node) if gone && node.is(crate::layer::upper::Form::Folder) => {
                    pair.below(&change.path).map_err(|(path, e)| unreadable(pair, &path, e))?
                }
                _ => Vec::new(),
            };
            for (path, node) in below.iter().filter(|(_, node)| !node.is(crate::layer::upper::Form::Folder)) {
                match patch::removal(pair, path, node, &name(path))? {
                    Some(text) => out.extend(text),
                    None => left_out += 1,
                }
            }
            match patch::patch(pair, change, &name(&change.path))? {
                Some(text) => out.extend(text),
                None if patch::has_words(change) => left_out += 1,
                None => {}
            }
        }
    }
    if left_out > 0 {
        output::warn(format!("{left_out} left out, because a patch holds neither what is no text nor pipes"));
    }
    print(&out)
}

fn list(host: &Host, wanted: &Changes, template: Option<&Template>) -> Result<u8> {
    let tries = Tries::of(host).all()?;
    let values = || tries.iter().map(rows::of_try).collect::<Vec<Value>>();
    let text = match (&wanted.format, template) {
        (Format::Json, _) => output::json::pretty(&values().into()),
        (Format::Jsonl, _) => output::json::lines(&values()),
        (_, Some(template)) => template.all(&values(), &[], output::colours())?,
        _ => {
            let now = std::time::SystemTime::now();
            let mut table = Table::new(["FOLDER", "COMMAND", "BEGAN", "STATE"]);
            for found in &tries {
                table.row([
                    found.shown(),
                    output::shorten(&output::words(&found.record.command), 40),
                    time::ago(time::from_millis(found.record.began.millis()), now),
                    state(found).to_string(),
                ]);
            }
            table.text(output::colours())
        }
    };
    output::print(&text)
}

fn state(found: &Try) -> &'static str {
    match found.record.state {
        State::Committed => "committed",
        State::Open if found.is_held() => "running",
        State::Open if found.record.ended.is_none() => "killed",
        State::Open => "open",
    }
}

/// `{}` of these.
fn object(fields: &[(&str, Value)]) -> Value {
    let mut value = json!({});
    for (key, field) in fields {
        value[*key] = field.clone();
    }
    value
}
