//! `kakuri create`: a container with a name, made and not started.

use kakuri_wire::fail::Result;

use super::{FAILED, Surroundings};
use crate::account;
use crate::cli::Create;
use crate::idmap;
use crate::network::Wiring;
use crate::plan::{self, Kept};
use crate::spec::Spec;
use crate::store::{Kind, Record};
use crate::vpn::keep;

pub fn run(wanted: &Create) -> Result<u8> {
    super::start_log(wanted.general.verbose);
    let surroundings = Surroundings::look(&wanted.general)?;
    let name = create(wanted, &surroundings).map_err(|fail| fail.code(FAILED))?;
    super::print(format!("{name}\n").as_bytes())
}

fn create(wanted: &Create, surroundings: &Surroundings) -> Result<String> {
    let Surroundings { host, config, store } = surroundings;
    store.sweep();
    let name = match &wanted.name {
        Some(name) => name.clone(),
        None => store.fresh_name()?,
    };
    // What it shows of the host is named, and not guessed from the words of one command.
    let spec = Spec { auto_bind: false, ..wanted.spec.clone() };
    // Bad input creates nothing: what cannot be planned is found before there is anything.
    let kept = Kept::of(&store.dir.join(&name));
    let wiring = Wiring::decide(&spec, host, config, None)?;
    let settled = account::settle(&spec, host, config, Some(&kept))?;
    let ids = idmap::decide(&settled, host)?;
    for note in plan::make(&settled, host, config, Some(&kept), wiring, &ids)?.notes {
        log::info!("{note}");
    }
    let (spec, copy) = keep::with(spec, host)?;
    let beside: Vec<_> = copy.iter().map(keep::Copy::file).collect();
    store.create(&name, &Record::new(Kind::Persistent, false, spec, host)?, &beside, wanted.replace, host)?;
    Ok(name)
}
