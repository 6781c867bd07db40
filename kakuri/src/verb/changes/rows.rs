//! A change, or a try, as a line or an object tells it.

use kakuri_wire::Bytes;
use kakuri_wire::fail::Result;
use serde_json::{Value, json};

use super::{object, state};
use crate::host::Host;
use crate::layer::Kind;
use crate::layer::list::{Change, Pair};
use crate::layer::patch::quoted;
use crate::layer::subject::ROOT;
use crate::layer::tries::Try;
use crate::layer::upper::{Form, Node, Tree};
use crate::output::{plain, time};
use crate::pathname;

pub const HEADS: [(&str, &str); 4] =
    [("change", "CHANGE"), ("letter", "CHANGE"), ("path", "PATH"), ("folder", "FOLDER")];

pub struct Row {
    pub kind: Kind,
    /// From where the caller is, where it lies below that.
    pub shown: Vec<u8>,
    folder: Bytes,
    before: Option<Side>,
    after: Option<Side>,
}

struct Side {
    form: Form,
    mode: u32,
    size: u64,
    target: Option<Bytes>,
}

impl Side {
    fn of(tree: &Tree, path: &[u8], node: &Node) -> Side {
        let target = if node.is(Form::Link) { tree.target(path).ok().map(Bytes) } else { None };
        Side { form: node.form, mode: node.permissions(), size: node.size, target }
    }
}

impl Row {
    pub fn of(pair: &Pair, change: &Change, host: &Host, docker: bool) -> Result<Row> {
        let path = match docker || pair.number == ROOT {
            true => pair.inside(&change.path),
            false => pair.on_host(&change.path),
        };
        let here = host.cwd.as_deref().filter(|_| !docker && pair.number != ROOT);
        let shown = match here.and_then(|cwd| pathname::below(&path, cwd)) {
            Some(b"") => b".".to_vec(),
            Some(rest) => rest.to_vec(),
            None => path,
        };
        let before = change.before.as_ref().map(|node| Side::of(&pair.lower, &change.path, node));
        let after = change.after.as_ref().map(|node| Side::of(&pair.upper, &change.path, node));
        Ok(Row { kind: change.kind, shown, folder: pair.record.from.clone(), before, after })
    }

    pub fn cells(&self) -> [String; 3] {
        let mut shown = quoted(b"", &self.shown);
        let folder = self.after.as_ref().or(self.before.as_ref()).is_some_and(|side| side.form == Form::Folder);
        if folder && !shown.ends_with(b"\"") {
            shown.push(b'/');
        }
        [self.kind.word().to_string(), plain(&shown), self.what()]
    }

    fn what(&self) -> String {
        let of = |side: &Side| match (&side.form, &side.target) {
            (_, Some(to)) => format!("link to {to}"),
            (Form::File, _) => format!("file, {}", bytes(side.size)),
            (form, _) => form.word().to_string(),
        };
        match (&self.before, &self.after) {
            (None, Some(new)) => of(new),
            (Some(old), None) => of(old),
            (Some(old), Some(new)) => {
                let mut parts = Vec::new();
                match self.kind {
                    Kind::Type | Kind::Link => parts.push(format!("{} -> {}", of(old), of(new))),
                    Kind::Modified if old.size != new.size => {
                        parts.push(format!("{} -> {}", bytes(old.size), bytes(new.size)));
                    }
                    Kind::Modified => parts.push(bytes(new.size)),
                    _ => {}
                }
                if old.mode != new.mode && old.form == new.form && old.form != Form::Link {
                    parts.push(format!("{:04o} -> {:04o}", old.mode, new.mode));
                } else if self.kind == Kind::Mode {
                    parts.push("attributes".into());
                }
                parts.join(", ")
            }
            (None, None) => String::new(),
        }
    }

    /// docker's letter.
    pub fn dockers(&self) -> char {
        match self.kind {
            Kind::Added => 'A',
            Kind::Deleted => 'D',
            _ => 'C',
        }
    }

    pub fn value(&self) -> Value {
        let side = |side: &Option<Side>| {
            side.as_ref().map(|side| {
                let mut value = json!({ "type": side.form.word(), "mode": format!("{:04o}", side.mode) });
                if side.form == Form::File {
                    value["size"] = side.size.into();
                }
                if let Some(to) = &side.target {
                    value["target"] = json!(to);
                }
                value
            })
        };
        object(&[
            ("change", self.kind.word().into()),
            ("letter", self.kind.letter().to_string().into()),
            ("path", json!(Bytes(self.shown.clone()))),
            ("folder", json!(self.folder)),
            ("before", side(&self.before).into()),
            ("after", side(&self.after).into()),
        ])
    }
}

fn bytes(size: u64) -> String {
    if size == 1 { "1 byte".into() } else { format!("{size} bytes") }
}

/// What every change has, for the check of a template.
pub fn nothing() -> Value {
    let side = json!({ "type": "", "mode": "", "size": 0, "target": "" });
    json!({ "change": "", "letter": "", "path": "", "folder": "", "before": side, "after": side })
}

pub fn no_try() -> Value {
    json!({ "id": "", "folders": [], "command": [], "began": "", "ended": null, "code": null, "state": "" })
}

pub fn of_try(found: &Try) -> Value {
    let moment = |stamp: crate::layer::Stamp| time::rfc3339(time::from_millis(stamp.millis()), 3);
    json!({
        "id": found.id,
        "folders": found.record.folders,
        "command": found.record.command,
        "began": moment(found.record.began),
        "ended": found.record.ended.map(moment),
        "code": found.record.code,
        "state": state(found),
    })
}
