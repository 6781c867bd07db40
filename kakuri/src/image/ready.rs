//! What a start needs of an image: found or fetched before anything of the container exists, held for as long as it runs,
//! and what it says laid under what the user said.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kakuri_image::{Digest, Platform, RunConfig, Source};
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::access;
use super::pull::{self, Policy, Wanted};
use super::store::{Images, Stored};
use crate::config::Config;
use crate::helper::Programs;
use crate::host::Host;
use crate::idmap::{self, Ids};
use crate::signals;
use crate::spec::{Image, Spec, User};
use crate::store::Store;
use crate::store::scratch::{self, Scratch};

/// An image that is here, unpacked for a container's ids.
#[derive(Debug)]
pub struct Ready {
    pub stored: Stored,
    /// As it was typed, for people.
    pub typed: Bytes,
    /// The folders of its layers, resolved, the highest first.
    pub layers: Vec<Vec<u8>>,
    pub ids: Ids,
    /// Where what is written goes, where that cannot be memory and is not kept.
    pub scratch: Option<Scratch>,
    /// Nobody removes the image as long as it is open.
    held: OwnedFd,
}

/// Whether an image may be fetched for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// As `--pull` says. `login`: kakuri is somebody's login shell.
    Permitted { login: bool, quiet: bool },
    /// Nothing is to be done, or it was decided when the container was made.
    Never { login: bool },
}

/// The image of a container, if it has one.
pub fn prepare(spec: &Spec, host: &Host, config: &Config, fetch: Fetch) -> Result<Option<Ready>> {
    let Some(image) = &spec.image else { return Ok(None) };
    let ids = idmap::decide(spec, host)?;
    let images = Images::of(config, host);
    let search = Search { image, images: &images, ids: &ids, host };
    search.find(fetch).map(|(stored, layers, held)| {
        Some(Ready { stored, typed: image.reference.clone(), layers, ids: ids.clone(), scratch: None, held })
    })
}

/// The ids of a container, which have been decided already where it has an image.
pub fn ids(ready: Option<&Ready>, spec: &Spec, host: &Host) -> Result<Ids> {
    ready.map_or_else(|| idmap::decide(spec, host), |ready| Ok(ready.ids.clone()))
}

type Found = (Stored, Vec<Vec<u8>>, OwnedFd);

struct Search<'a> {
    image: &'a Image,
    images: &'a Images,
    ids: &'a Ids,
    host: &'a Host,
}

impl Search<'_> {
    fn find(&self, fetch: Fetch) -> Result<Found> {
        let platform = self.image.platform.clone().unwrap_or_else(Platform::host);
        let source = access::resolve(self.image.reference.as_bytes(), self.host)?;
        let here = match &self.image.id {
            Some(id) => self.images.by_id(id)?,
            None if matches!(fetch, Fetch::Permitted { .. }) && self.image.policy == Policy::Always => None,
            None => self.images.find(&source, &platform)?,
        };
        if let Some(stored) = &here
            && let Some(found) = self.whole(stored)?
        {
            return Ok(found);
        }
        // What was pinned is unpacked again from what is here still: the name may mean another by now.
        let (login, quiet, policy) = match (fetch, &self.image.id) {
            (Fetch::Permitted { login, quiet }, None) => (login, quiet, self.image.policy),
            (Fetch::Permitted { login, quiet }, Some(_)) => (login, quiet, Policy::Never),
            (Fetch::Never { login }, _) => (login, true, Policy::Never),
        };
        if here.is_none() && policy == Policy::Never {
            return Err(self.missing());
        }
        let source = match (source, &self.image.id) {
            (Source::Registry(reference), Some(id)) => {
                Source::Registry(kakuri_image::Reference { digest: Some(id.clone()), ..reference })
            }
            (source, _) => source,
        };
        let wanted =
            Wanted { source: &source, platform: &platform, access: &self.image.access, policy, quiet, loaded: None };
        let programs = Programs::locate(login)?;
        let stored = pull::pull(&wanted, self.images, self.ids, &programs, self.host)?;
        if self.image.id.as_ref().is_some_and(|id| *id != stored.recipe.manifest) {
            return Err(self.missing());
        }
        let gone = || {
            Fail::new(Stage::Front, format!("the image '{}' was removed meanwhile", self.image.reference))
                .hint("try again")
        };
        self.whole(&stored)?.ok_or_else(gone)
    }

    /// Held first, and looked at then: so what has been seen stays.
    fn whole(&self, stored: &Stored) -> Result<Option<Found>> {
        let held = self.images.hold(stored)?;
        let Some(layers) = self.images.layers(stored, self.ids)? else { return Ok(None) };
        if layers.is_empty() {
            return Err(Fail::new(Stage::Front, format!("cannot use '{}' as the root", self.image.reference))
                .why("the image has no layers: there is nothing in it")
                .hint("kakuri --base none starts from nothing"));
        }
        Ok(Some((stored.clone(), resolved(layers)?, held)))
    }

    fn missing(&self) -> Fail {
        let Image { reference, id, name, .. } = self.image;
        let fail = Fail::new(Stage::Front, format!("the image '{reference}' is not here"));
        match (id, name) {
            (Some(id), Some(name)) => fail
                .why(format!("the container was made from {}, which was removed since", short(id)))
                .hint(format!("kakuri pull {} brings it back", pinned(name, reference, id))),
            _ => fail.hint(format!("kakuri pull {reference}")),
        }
    }
}

/// By digest, where a registry can be asked for it so.
fn pinned(name: &str, typed: &Bytes, id: &Digest) -> String {
    match Source::parse(typed.as_bytes()) {
        Ok(Source::Registry(reference)) => format!("{}@{id}", reference.name()),
        _ => name.to_string(),
    }
}

/// `sha256:` and twelve digits.
pub fn short(id: &Digest) -> String {
    format!("{}:{}", id.algorithm().name(), id.hex().get(..12).unwrap_or(id.hex()))
}

/// Without links, the highest first. Most lie in one folder, which is resolved once.
fn resolved(layers: Vec<PathBuf>) -> Result<Vec<Vec<u8>>> {
    let mut last: Option<(PathBuf, PathBuf)> = None;
    let mut real = Vec::with_capacity(layers.len());
    for layer in layers.iter().rev() {
        let above = |path: &Path| path.parent().and_then(Path::parent).map(Path::to_path_buf);
        let folder = above(layer).unwrap_or_default();
        let resolved = match &last {
            Some((from, to)) if *from == folder => to.clone(),
            _ => std::fs::canonicalize(&folder).map_err(|e| {
                Fail::new(Stage::Front, format!("cannot open the layer '{}'", Bytes::from(layer)))
                    .why(e.to_string())
                    .hint("kakuri pull mends an image")
            })?,
        };
        let rest = layer.strip_prefix(&folder).unwrap_or(layer);
        real.push(resolved.join(rest).as_os_str().as_bytes().to_vec());
        last = Some((folder, resolved));
    }
    Ok(real)
}

impl Ready {
    pub fn config(&self) -> &RunConfig {
        &self.stored.recipe.run
    }

    /// Has room made for what a container writes that keeps nothing, where memory is none for it.
    pub fn make_room(&mut self, store: &Store) -> Result<()> {
        if scratch::is_wanted() {
            self.scratch = Some(store.scratch()?);
        }
        Ok(())
    }

    /// To be kept open by who runs the container.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        [self.held.as_raw_fd()].into_iter().chain(self.scratch.as_ref().map(Scratch::descriptor))
    }

    /// The wish with what the image says where the user said nothing.
    pub fn complete(&self, spec: &Spec) -> Spec {
        let config = self.config();
        let image = spec.image.as_ref();
        let typed = image.and_then(|image| image.entrypoint.clone());
        let bytes = |words: &[String]| words.iter().map(Bytes::from).collect::<Vec<_>>();
        // Another entrypoint has no use for the arguments of this one (docker run --entrypoint).
        let (mut argv, own) = match typed {
            Some(entrypoint) => (entrypoint, Vec::new()),
            None => (bytes(&config.entrypoint), bytes(&config.cmd)),
        };
        argv.extend(if spec.command.is_empty() { own } else { spec.command.clone() });
        let user = match (&spec.user, config.user.as_deref()) {
            (User::Unset, Some(name)) if !name.is_empty() => User::Name(name.into()),
            (user, _) => user.clone(),
        };
        let said = config.stop_signal.as_deref().and_then(signals::parse);
        let workdir = config.workdir.as_deref().filter(|folder| !folder.is_empty());
        // Of an image it is a path inside, relative or not.
        let workdir = workdir.map(|folder| Bytes(crate::pathname::absolute(b"/", folder.as_bytes())));
        Spec {
            command: argv,
            user,
            workdir: spec.workdir.clone().or(workdir),
            stop_signal: spec.stop_signal.or(said),
            ..spec.clone()
        }
    }

    /// The same wish, bound to this very image: what a container with a name is stored with. A login was for fetching it.
    pub fn pin(&self, spec: &mut Spec) {
        if let Some(image) = &mut spec.image {
            image.access.creds = None;
            image.id = Some(self.stored.recipe.manifest.clone());
            image.name = Some(self.stored.name.clone());
        }
    }
}
