//! Taking an image's name away, and with the last one the image.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use kakuri_image::Digest;
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::refs::{self, Ref};
use super::{Images, collect, hold};
use crate::store::{State, Store};

/// Of an id, in digits: fewer would be a word by chance.
const SHORTEST: usize = 4;

/// What was done.
#[derive(Debug, Default, PartialEq)]
pub struct Removed {
    /// Names it has no more.
    pub names: Vec<String>,
    /// None: it has others.
    pub image: Option<Digest>,
}

/// What a word means.
enum Meant {
    /// One of an image's names, for every platform it has it for.
    Name(Vec<Ref>),
    Image(Digest),
}

impl Images {
    /// `typed`: a name, filled in where it is one (`name`), or the beginning of an id. `force`: although containers were
    /// made from it. What runs from it holds it whatever is said.
    pub fn remove(&self, typed: &str, name: Option<&str>, force: bool, containers: &Store) -> Result<Vec<Removed>> {
        let top = self.open()?.ok_or_else(|| unknown(typed))?;
        let removed = {
            let _store = self.lock(&top)?;
            let refs: Vec<Ref> = refs::all(&top)?.into_iter().flatten().collect();
            match self.meant(&top, typed, name, &refs)? {
                Meant::Name(names) => {
                    let one =
                        |gone: &Ref| self.take_away(&top, &gone.image, vec![gone.clone()], &refs, force, containers);
                    names.iter().map(one).collect::<Result<Vec<Removed>>>()?
                }
                Meant::Image(image) => {
                    let names: Vec<Ref> = refs.iter().filter(|named| named.image == image).cloned().collect();
                    if names.len() > 1 && !force {
                        let shown: Vec<&str> = names.iter().map(|named| &named.name[..]).collect();
                        return Err(Fail::new(Stage::Front, format!("cannot remove the image {}", short(&image)))
                            .why(format!("it has several names: {}", shown.join(", ")))
                            .hint("name one of them, or all with -f"));
                    }
                    vec![self.take_away(&top, &image, names, &refs, force, containers)?]
                }
            }
        };
        self.erase_old(&top);
        Ok(removed)
    }

    /// The image a word means: a name of one that is here, else the beginning of an id.
    pub fn meant_image(&self, typed: &str, name: Option<&str>) -> Result<Digest> {
        let top = self.open()?.ok_or_else(|| unknown(typed))?;
        let refs: Vec<Ref> = refs::all(&top)?.into_iter().flatten().collect();
        match self.meant(&top, typed, name, &refs)? {
            Meant::Image(image) => Ok(image),
            Meant::Name(names) => names.into_iter().next().map(|named| named.image).ok_or_else(|| unknown(typed)),
        }
    }

    /// Whether a name means it, for some platform.
    pub fn is_name_of(&self, name: &str, image: &Digest) -> bool {
        let Ok(Some(top)) = self.open() else { return false };
        let all = refs::all(&top).unwrap_or_default();
        all.into_iter().flatten().any(|named| named.name == name && named.image == *image)
    }

    fn meant(&self, top: &OwnedFd, typed: &str, name: Option<&str>, refs: &[Ref]) -> Result<Meant> {
        let named: Vec<Ref> = refs.iter().filter(|named| Some(&named.name[..]) == name).cloned().collect();
        if !named.is_empty() {
            return Ok(Meant::Name(named));
        }
        let digits = typed.strip_prefix("sha256:").unwrap_or(typed);
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if digits.len() < SHORTEST || !digits.bytes().all(is_digit) {
            return Err(unknown(typed));
        }
        let mut begin: BTreeSet<String> = super::record::all(top)?.into_iter().collect();
        begin.extend(refs.iter().map(|named| named.image.hex().to_string()));
        begin.retain(|image| image.starts_with(digits));
        let all: Vec<Digest> = begin.iter().filter_map(|digits| collect::digest_of(digits)).collect();
        match &all[..] {
            [] => Err(unknown(typed)),
            [image] => Ok(Meant::Image(image.clone())),
            several => {
                let shown: Vec<String> = several.iter().take(5).map(|image| image.hex()[..16].to_string()).collect();
                Err(Fail::new(Stage::Front, format!("'{}' is ambiguous", Bytes::from(typed)))
                    .why(format!("{}{}", shown.join(", "), if several.len() > 5 { ", ..." } else { "" }))
                    .hint("type more of the id"))
            }
        }
    }

    /// Takes these names of an image away, and the image with the last of them.
    fn take_away(
        &self,
        top: &OwnedFd,
        image: &Digest,
        names: Vec<Ref>,
        refs: &[Ref],
        force: bool,
        containers: &Store,
    ) -> Result<Removed> {
        let gone =
            |named: &Ref| names.iter().any(|gone| (&gone.name, &gone.platform) == (&named.name, &named.platform));
        let last = !refs.iter().any(|named| named.image == *image && !gone(named));
        let shown = names.first().map_or_else(|| short(image), |named| named.name.clone());
        let what = || format!("cannot remove the image {shown}");
        // Held until it is gone, so that nothing begins to run from it.
        let mut own = None;
        if last {
            let users = users(image, containers)?;
            own = hold::take(top, image)?;
            let running: Vec<&str> = users.iter().filter(|(_, runs)| *runs).map(|(name, _)| &name[..]).collect();
            if own.is_none() {
                let fail = Fail::new(Stage::Front, what());
                return Err(match &running[..] {
                    [] => {
                        fail.why("a container runs from it").hint("end it first: kakuri list shows those with a name")
                    }
                    names => fail
                        .why(format!("running from it: {}", names.join(", ")))
                        .hint(format!("kakuri stop {}", names.join(" "))),
                });
            }
            if !force && !users.is_empty() {
                let names: Vec<&str> = users.iter().map(|(name, _)| &name[..]).collect();
                return Err(Fail::new(Stage::Front, what())
                    .why(format!("containers were made from it: {}", names.join(", ")))
                    .hint(format!("kakuri remove {}; or kakuri image rm -f {shown}", names.join(" "))));
            }
        }
        for named in &names {
            refs::remove(top, named)?;
        }
        let names = names.into_iter().map(|named| named.name).collect();
        if !last {
            return Ok(Removed { names, image: None });
        }
        self.collect_locked(top, containers, Some(image))?;
        drop(own);
        Ok(Removed { names, image: Some(image.clone()) })
    }
}

/// Containers with a name that were made from it, and whether they run.
fn users(image: &Digest, containers: &Store) -> Result<Vec<(String, bool)>> {
    let mut users = Vec::new();
    for (name, entry) in containers.all()? {
        if let Ok(entry) = entry
            && collect::image_of(&entry.record.spec).as_ref() == Some(image)
        {
            users.push((name, entry.state() == State::Running));
        }
    }
    Ok(users)
}

/// An id as lists show it.
pub fn short(image: &Digest) -> String {
    image.hex().chars().take(12).collect()
}

fn unknown(typed: &str) -> Fail {
    Fail::new(Stage::Front, format!("no image is named '{}'", Bytes::from(typed)))
        .hint("kakuri images shows all; an id may be shortened")
}
