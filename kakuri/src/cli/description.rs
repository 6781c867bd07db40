//! `--config-file`: a container described in TOML.
//!
//! A file is read into the options it stands for ([`entries`]), by the tables the command line is read by, and these are laid
//! over one another: what a file includes, the file, the command line. So a key can say what an option can, and nothing
//! else; and each is understood, and refused, in the option's own words, behind the place in the file.

mod entries;
mod file;
mod include;
mod place;

use std::os::unix::ffi::OsStrExt;

use kakuri_wire::{Bytes, Fail};

use super::Run;
use super::ask::Given;
use super::options::Id;
use super::overlay::{give_way, met};
use super::pages::Verb;
use super::run::{apply, blank, one_root};
use super::scan::{Met, Scanned, shown_option};
use crate::host::{Host, as_path, in_home};
use crate::pathname;
use entries::{Entry, Said};
use file::File;

/// What files say, one over the one before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    layers: Vec<Layer>,
    /// What the command line says, which none of these is to be blamed for.
    typed: Vec<Given>,
}

/// One file.
#[derive(Clone, Debug, PartialEq)]
struct Layer {
    file: File,
    entries: Vec<Entry>,
}

/// A run of which the files have said what they say. Without any, one of which nothing was said yet.
pub(super) fn begin(verb: &'static Verb, scanned: &Scanned) -> Result<Run, Fail> {
    if scanned.has(Id::ConfigFile) { from_files(verb, scanned) } else { Ok(blank()) }
}

// Apart, so that a start without a file has none of it on its pages.
#[cold]
fn from_files(verb: &'static Verb, scanned: &Scanned) -> Result<Run, Fail> {
    let host = Host::look();
    let named = scanned.met.iter().filter(|m| m.id == Id::ConfigFile).map(|m| m.value);
    let layers = include::read(verb, named, &host)?;
    let typed = scanned.met.iter().map(|m| Given {
        id: m.id,
        name: shown_option(m.name).into_bytes(),
        value: m.value.to_vec(),
        bare: m.bare,
    });
    let words = scanned.command.iter().map(|word| Given {
        id: Id::Nothing,
        name: b"CMD".into(),
        value: word.as_bytes().into(),
        bare: false,
    });
    let mut described = Description { layers, typed: typed.chain(words).collect() };
    described.forget_what_is_overruled(scanned);
    let mut run = blank();
    described.lay(&mut run, &host)?;
    give_way(&scanned.met, &mut run.spec);
    run.described = Some(Box::new(described));
    Ok(run)
}

/// Every option, of the files too.
pub(super) fn all<'a>(
    described: &'a Option<Box<Description>>,
    scanned: &'a Scanned<'a>,
) -> impl Iterator<Item = Met<'a>> {
    let of_files = described.iter().flat_map(|d| &d.layers).flat_map(|layer| &layer.entries);
    scanned.met.iter().copied().chain(of_files.filter_map(Entry::option).map(met))
}

/// The error with the place of what it is about, where a file said that.
pub fn locate(described: &Option<Box<Description>>, fail: Fail) -> Fail {
    match described {
        Some(described) => place::locate(described, fail),
        None => fail,
    }
}

impl Description {
    /// What is taken back further up, and commands in whose place another stands.
    fn forget_what_is_overruled(&mut self, scanned: &Scanned) {
        let mut denied = scanned.denied.clone();
        let mut commanded = !scanned.command.is_empty() || scanned.has(Id::Script);
        for layer in self.layers.iter_mut().rev() {
            layer.entries.retain(|entry| match &entry.said {
                Said::Option(given) => !denied.contains(&given.id),
                Said::Command(_) => !commanded,
                Said::Not(_) => true,
            });
            for entry in &layer.entries {
                match &entry.said {
                    Said::Not(id) => denied.push(*id),
                    Said::Command(_) => commanded = true,
                    Said::Option(_) => {}
                }
            }
        }
    }

    fn lay(&self, run: &mut Run, host: &Host) -> Result<(), Fail> {
        for layer in &self.layers {
            let at = |entry: &Entry, fail: Fail| layer.file.refuse(entry.offset, fail);
            let options: Vec<Met> = layer.entries.iter().filter_map(Entry::option).map(met).collect();
            one_root(&options).map_err(|fail| place::locate(self, fail))?;
            give_way(&options, &mut run.spec);
            for entry in &layer.entries {
                match &entry.said {
                    // A variable: whether the caller stands where there is a file of that name is nothing to this one.
                    Said::Option(Given { id: Id::Env, value, .. }) if is_bare(value) => {
                        run.spec.environment.set.push(Bytes(value.clone()));
                    }
                    Said::Option(given) => apply(run, &met(given)).map_err(|fail| at(entry, fail))?,
                    Said::Command(words) => run.spec.command.clone_from(words),
                    Said::Not(_) => {}
                }
            }
            anchor(run, &layer.file.folder, host)?;
        }
        Ok(())
    }

    /// The files, in the order they were read, as they were named.
    pub fn files(&self) -> String {
        let names: Vec<String> = self.layers.iter().map(|layer| layer.file.shown()).collect();
        names.join(", ")
    }
}

fn is_bare(value: &[u8]) -> bool {
    !value.is_empty() && !value.iter().any(|b| b"=/".contains(b))
}

/// Relative paths of a file are meant from the folder it lies in; those of files before it are absolute by now.
fn anchor(run: &mut Run, folder: &[u8], host: &Host) -> Result<(), Fail> {
    let there = Host { cwd: Some(folder.to_vec()), ..host.clone() };
    if let Some(config) = &mut run.general.config {
        *config = Bytes(there.expand(config.as_bytes())?);
    }
    if let Some(vpn) = &mut run.spec.vpn {
        // A name, unless it is a path or such a file lies there: as on the command line.
        let typed = vpn.config.as_bytes();
        let beside = pathname::join(folder, typed);
        let is_file = typed.contains(&b'/') || (typed.ends_with(b".conf") && as_path(&beside).is_file());
        if is_file && in_home(typed).is_none() && typed.first() != Some(&b'/') {
            vpn.config = Bytes(beside);
        }
    }
    run.spec = std::mem::take(&mut run.spec).anchored(&there)?;
    Ok(())
}
