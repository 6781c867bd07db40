//! ready/KEY/IMAGE: that all layers of an image are there for these ids. It is the one file a start reads of them.

use std::os::fd::OwnedFd;

use kakuri_image::{Digest, Recipe};
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::place::{READY, full, make};
use super::{file, names_in};
use crate::store::live;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    pub version: u32,
    pub image: Digest,
    /// Chain ids, the lowest first.
    pub layers: Vec<Digest>,
    /// As in a layer's `done`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
}

/// Whether all its layers were there for these ids when they were last looked at.
pub fn is(top: &OwnedFd, key: &str, recipe: &Recipe) -> bool {
    let path = format!("{READY}/{key}/{}", recipe.manifest.hex());
    let ready = match file::read::<Ready>(top, &path) {
        Ok(Some(ready)) => ready,
        Ok(None) => return false,
        Err(why) => {
            log::info!("{why}");
            return false;
        }
    };
    ready.image == recipe.manifest
        && ready.layers.iter().eq(recipe.layers.iter().map(|layer| &layer.chain))
        && ready.boot.is_none_or(|boot| boot == live::boot())
}

/// Says so. `synced`: they are known to be on disk.
pub fn write(top: &OwnedFd, key: &str, recipe: &Recipe, synced: bool) -> Result<()> {
    let cannot = |e: Errno| full(Fail::new(Stage::Front, "cannot write to the folder of images").errno(e), e);
    make(top, &format!("{READY}/{key}")).map_err(cannot)?;
    let ready = Ready {
        version: file::VERSION,
        image: recipe.manifest.clone(),
        layers: recipe.layers.iter().map(|layer| layer.chain.clone()).collect(),
        boot: (!synced).then(live::boot),
    };
    file::write(top, &format!("{READY}/{key}"), recipe.manifest.hex(), &ready)
}

/// All that are not known to be on disk: key, digits of the image, and what the file says.
pub fn unsynced(top: &OwnedFd) -> Result<Vec<(String, String, Ready)>> {
    let mut found = Vec::new();
    for key in names_in(top, READY)? {
        for image in names_in(top, &format!("{READY}/{key}"))? {
            if let Ok(Some(ready)) = file::read::<Ready>(top, &format!("{READY}/{key}/{image}"))
                && ready.boot.is_some()
            {
                found.push((key.clone(), image, ready));
            }
        }
    }
    Ok(found)
}

/// Notes that all of it is on disk.
pub fn mark_synced(top: &OwnedFd, key: &str, ready: &Ready) {
    let _ = file::write(top, &format!("{READY}/{key}"), ready.image.hex(), &Ready { boot: None, ..ready.clone() });
}
