//! `kakuri create`: a container with a name, made and not started.

use kakuri_wire::fail::{Fail, Result};

use super::{FAILED, Surroundings};
use crate::account;
use crate::cli::{Create, locate};
use crate::guarantee;
use crate::image::ready::{self, Fetch};
use crate::network::Wiring;
use crate::plan::{self, Kept, Storage};
use crate::run::take_contents;
use crate::spec::made::Made;
use crate::spec::{IdMode, Spec};
use crate::store::{Kind, Record};
use crate::vpn::keep;

pub fn run(wanted: &Create) -> Result<u8> {
    // Before anything of ours is opened, at what might be one of these numbers.
    let mut made = wanted.spec.made.clone();
    let failed = |fail: Fail| locate(&wanted.described, fail).code(FAILED);
    take_contents(&mut made.files).map_err(failed)?;
    super::start_log(wanted.general.verbose);
    let surroundings = Surroundings::look(&wanted.general)?;
    let name = create(wanted, made, &surroundings).map_err(failed)?;
    super::print(format!("{name}\n").as_bytes())
}

fn create(wanted: &Create, made: Made, surroundings: &Surroundings) -> Result<String> {
    let Surroundings { host, config, store } = surroundings;
    store.sweep();
    let name = match &wanted.name {
        Some(name) => name.clone(),
        None => store.fresh_name()?,
    };
    // What it shows of the host is named, and not guessed from the words of one command.
    let mut spec = Spec { auto_bind: false, made, ..wanted.spec.clone() };
    // Bad input creates nothing: what cannot be planned is found before there is anything.
    let kept = Kept::of(&store.dir.join(&name));
    let wiring = Wiring::decide(&spec, host, config, None)?;
    let image = ready::prepare(&spec, host, config, Fetch::Permitted { login: false, quiet: false })?;
    let storage = Storage { kept: Some(&kept), image: image.as_ref(), ..Storage::default() };
    let settled = account::settle(&spec, host, config, &storage)?;
    let ids = ready::ids(image.as_ref(), &settled, host)?;
    let plan = plan::make(&settled, host, config, &storage, wiring, &ids)?;
    guarantee::check(&plan)?;
    plan.warn();
    // Held until there is a record that names it.
    if let Some(image) = &image {
        image.pin(&mut spec);
        if spec.ids == IdMode::Unset {
            // What it keeps has owners, who must not be others at the next start.
            spec.ids = if ids.range.is_some() { IdMode::Range } else { IdMode::Single };
        }
    }
    let (spec, copy) = keep::with(spec, host)?;
    let beside: Vec<_> = copy.iter().map(keep::Copy::file).collect();
    store.create(&name, &Record::new(Kind::Persistent, false, spec, host)?, &beside, wanted.replace, host)?;
    Ok(name)
}
