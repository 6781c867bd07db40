//! `kakuri pull`: images made to be here, unpacked for the containers that will want them.

use kakuri_image::{Digest, Platform, Source};
use kakuri_wire::fail::{Fail, Result};

use super::{FAILED, SIGNALLED, Surroundings};
use crate::cli;
use crate::helper::Programs;
use crate::idmap::Ids;
use crate::image::access::{self, Access};
use crate::image::pull::{self, Policy, Wanted};
use crate::image::store::Images;
use crate::output;

pub fn run(wanted: &cli::Pull, login: bool) -> Result<u8> {
    super::start_log(wanted.general.verbose);
    let failed = |fail: Fail| fail.code(FAILED);
    let here = Surroundings::look(&wanted.general).map_err(failed)?;
    let programs = Programs::locate(login).map_err(failed)?;
    let ids = super::ids_of_images(&wanted.ids, wanted.quiet, &here.host).map_err(failed)?;
    let images = Images::of(&here.config, &here.host);
    // A password is asked for once.
    let mut access = wanted.access.clone();
    let mut code = 0;
    for typed in &wanted.images {
        match one((wanted, &mut access), typed.as_bytes(), &here, &images, &ids, &programs) {
            Ok(digest) => {
                output::print(&format!("{digest}\n")).map_err(failed)?;
            }
            // Whoever ended one has ended all.
            Err(fail) if fail.code > SIGNALLED => return Err(fail),
            Err(fail) => {
                output::warn(fail);
                code = FAILED;
            }
        }
    }
    Ok(code)
}

fn one(
    (wanted, access): (&cli::Pull, &mut Access),
    typed: &[u8],
    here: &Surroundings,
    images: &Images,
    ids: &Ids,
    programs: &Programs,
) -> Result<Digest> {
    let source = access::resolve(typed, &here.host)?;
    if let Source::Registry(reference) = &source {
        access.ask(&reference.registry())?;
    }
    let platform = wanted.platform.clone().unwrap_or_else(Platform::host);
    let before = images.find(&source, &platform).ok().flatten().map(|stored| stored.recipe.manifest);
    let pull = Wanted {
        source: &source,
        platform: &platform,
        access,
        policy: Policy::Always,
        quiet: wanted.quiet,
        loaded: None,
    };
    let stored = pull::pull(&pull, images, ids, programs, &here.host)?;
    let digest = stored.recipe.manifest;
    // What the name meant before may be nobody's now.
    if before.is_some_and(|before| before != digest) {
        images.collect(&here.store)?;
    }
    Ok(digest)
}
