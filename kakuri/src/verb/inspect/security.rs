//! `kakuri inspect --security`: what a container guarantees. Of one that runs, as it was started, by its supervisor's word; of
//! another, as it would be started now.

use kakuri_wire::fail::{Fail, Result, Stage};
use serde_json::{Value, json};

use crate::account;
use crate::cli::{Format, Inspect};
use crate::guarantee::{self, Verdict};
use crate::image::ready::{self, Fetch};
use crate::network::Wiring;
use crate::output;
use crate::output::template::Template;
use crate::plan::{self, Kept, Storage};
use crate::store::{Entry, Kind};
use crate::verb::list::seen::Seen;
use crate::verb::{FAILED, Surroundings, show};

pub fn run(wanted: &Inspect, here: &Surroundings, template: Option<Template>) -> Result<u8> {
    let mut code = 0;
    let mut told = Vec::new();
    for name in &wanted.names {
        match here.store.find(name).and_then(|entry| look(entry, here)) {
            Ok(one) => told.push(one),
            Err(fail) => {
                output::warn(fail);
                code = FAILED;
            }
        }
    }
    if wanted.format == Format::Table {
        let text: Vec<String> = told.iter().map(Told::text).collect();
        output::print(&text.join("\n")).map_err(|fail| fail.code(FAILED))?;
    } else {
        show(told.iter().map(Told::value).collect(), &wanted.format, template)?;
    }
    Ok(code)
}

/// Of one container.
struct Told {
    name: String,
    running: bool,
    verdicts: Vec<Verdict>,
}

impl Told {
    fn text(&self) -> String {
        let when = if self.running { "as it was started" } else { "as it would be started now" };
        format!("{}: {when}\n{}", self.name, guarantee::table(&self.verdicts))
    }

    fn value(&self) -> Value {
        json!({ "name": self.name, "running": self.running, "guarantees": self.verdicts })
    }
}

fn look(entry: Entry, here: &Surroundings) -> Result<Told> {
    let seen = Seen::of(entry, &here.config);
    let name = seen.entry.name.clone();
    let verdicts = match &seen.facts {
        Some(facts) if facts.guarantees.is_empty() => {
            return Err(Fail::new(Stage::Front, format!("'{name}' does not tell what it guarantees"))
                .why("it was started by an older kakuri")
                .hint(format!("kakuri restart {name}, and ask again")));
        }
        Some(facts) => facts.guarantees.clone(),
        None => would(&seen.entry, here)?,
    };
    Ok(Told { name, running: seen.facts.is_some(), verdicts })
}

/// Nothing is made, resolved or locked: the plan alone tells.
fn would(entry: &Entry, here: &Surroundings) -> Result<Vec<Verdict>> {
    let Surroundings { host, config, .. } = here;
    let kept = (entry.record.kind == Kind::Persistent).then(|| Kept::of(&entry.folder));
    let mut spec = entry.record.spec.clone();
    spec.auto_bind &= kept.is_none();
    let image = ready::prepare(&spec, host, config, Fetch::Never { login: false })?;
    let storage = Storage { kept: kept.as_ref(), image: image.as_ref(), ..Storage::default() };
    let spec = account::settle(&spec, host, config, &storage)?;
    let ids = ready::ids(image.as_ref(), &spec, host)?;
    let wiring = Wiring::decide(&spec, host, config, Some(&entry.folder))?;
    Ok(guarantee::judge(&plan::make(&spec, host, config, &storage, wiring, &ids)?))
}
