//! `kakuri create`: a container with a name, made and not started.

use kakuri_wire::fail::Result;

use super::{FAILED, Surroundings};
use crate::cli::Create;
use crate::plan::{self, Kept};
use crate::store::{Kind, Record};

pub fn run(wanted: &Create) -> Result<u8> {
    super::start_log(wanted.general.verbose);
    let surroundings = Surroundings::look(&wanted.general, false)?;
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
    let mut record = Record::new(Kind::Persistent, false, wanted.spec.clone(), host)?;
    // What it shows of the host is named, and not guessed from the words of one command.
    record.spec.auto_bind = false;
    // Bad input creates nothing: what cannot be planned is found before there is anything.
    let kept = Kept::of(&store.dir.join(&name));
    for note in plan::make(&record.spec, host, config, Some(&kept))?.notes {
        log::info!("{note}");
    }
    store.create(&name, &record, wanted.replace, host)?;
    Ok(name)
}
