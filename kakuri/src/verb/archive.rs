//! `kakuri image save` and `kakuri image load`: images as files.

use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use kakuri_image::Platform;
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::fs::{CWD, Mode, OFlags, openat};

use super::{FAILED, Surroundings, image};
use crate::cli::{General, Load};
use crate::helper::Programs;
use crate::host::as_path;
use crate::image::load::{self, Archive};
use crate::image::save::{self, Format, Output, Wanted};
use crate::image::store::Images;
use crate::output;

pub fn save(typed: &[Bytes], format: Format, to: Option<&Bytes>, quiet: bool, general: &General) -> Result<u8> {
    super::start_log(general.verbose);
    if to.is_none() && std::io::stdout().is_terminal() {
        return Err(Fail::new(Stage::Front, "standard output is a terminal, and an archive is no text")
            .hint("kakuri image save -o images.tar REF..., or send it on with | or >"));
    }
    let failed = |fail: Fail| fail.code(FAILED);
    let here = Surroundings::look(general).map_err(failed)?;
    let images = Images::of(&here.config, &here.host);
    let wanted = typed.iter().map(|word| {
        let name = image::name_of(word, &here.host);
        let (typed, image) = (word.to_string(), images.meant_image(&word.to_string(), name.as_deref())?);
        // By its id it has no name, whatever else a word of digits might mean.
        let name = name.filter(|name| images.is_name_of(name, &image));
        Ok(Wanted { typed, image, name })
    });
    let wanted = wanted.collect::<Result<Vec<Wanted>>>().map_err(failed)?;
    let save = || {
        let mut output = match to {
            Some(file) => Output::file(as_path(&here.host.expand(file.as_bytes())?), file)?,
            None => Output::stdout()?,
        };
        save::save(&wanted, format, quiet, &images, &mut output)?;
        output.finish()
    };
    save().map(|()| 0).map_err(failed)
}

pub fn load(wanted: &Load, login: bool) -> Result<u8> {
    super::start_log(wanted.general.verbose);
    if wanted.file.is_none() && std::io::stdin().is_terminal() {
        return Err(Fail::new(Stage::Front, "standard input is a terminal, and no archive comes from there")
            .hint("kakuri image load -i images.tar, or docker save REF | kakuri image load"));
    }
    let failed = |fail: Fail| fail.code(FAILED);
    let here = Surroundings::look(&wanted.general).map_err(failed)?;
    let programs = Programs::locate(login).map_err(failed)?;
    let ids = super::ids_of_images(&wanted.ids, wanted.quiet, &here.host).map_err(failed)?;
    let shown = wanted.file.clone().unwrap_or_else(|| Bytes::from("standard input"));
    let file = open(wanted.file.as_ref(), &here).map_err(failed)?;
    let platform = wanted.platform.clone().unwrap_or_else(Platform::host);
    let archive = Archive { file, shown: &shown, platform: &platform, quiet: wanted.quiet };
    let images = Images::of(&here.config, &here.host);
    let mut each = |name: &str| output::print(&format!("{name}\n")).map(drop);
    let loaded = load::load(&archive, &images, &ids, &programs, &here.host, &mut each);
    // What the names meant before may be nobody's now.
    if let Err(fail) = images.collect(&here.store) {
        output::warn(fail);
    }
    match loaded {
        Ok(()) => Ok(0),
        // Whoever ended it has its code.
        Err(fail) if fail.code > super::SIGNALLED => Err(fail),
        Err(fail) => Err(failed(fail)),
    }
}

fn open(file: Option<&Bytes>, here: &Surroundings) -> Result<File> {
    let Some(typed) = file else {
        let what = || "cannot read standard input".to_string();
        return std::io::stdin().as_fd().try_clone_to_owned().map(File::from).fail(Stage::Front, what);
    };
    let path = here.host.expand(typed.as_bytes())?;
    let cannot = |e| {
        Fail::new(Stage::Front, format!("cannot read '{typed}'"))
            .errno(e)
            .hint("name an archive: docker save, podman save and kakuri image save write them")
    };
    let file = File::from(
        openat(CWD, as_path(&path), OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
            .map_err(cannot)?,
    );
    if file.metadata().is_ok_and(|found| found.is_dir()) {
        return Err(Fail::new(Stage::Front, format!("cannot read '{typed}'"))
            .why("it is a folder")
            .hint(format!("a folder of the OCI layout is pulled: kakuri pull oci:{typed}")));
    }
    Ok(file)
}
