//! An image's configuration (OCI image specification, config.md), which Docker's has the same fields as.

use std::collections::BTreeMap;

use kakuri_wire::fail::Result;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::judge::{Manifest, refused};
use crate::{Digest, Layer, Platform, Recipe, RunConfig};

#[derive(Deserialize)]
struct Document {
    #[serde(default, deserialize_with = "or_default")]
    architecture: String,
    #[serde(default, deserialize_with = "or_default")]
    os: String,
    #[serde(default, deserialize_with = "or_default")]
    variant: String,
    created: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    config: Run,
    rootfs: Rootfs,
}

#[derive(Deserialize)]
struct Rootfs {
    #[serde(default, deserialize_with = "or_default")]
    diff_ids: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Run {
    #[serde(deserialize_with = "or_default")]
    user: String,
    #[serde(deserialize_with = "or_default")]
    exposed_ports: BTreeMap<String, IgnoredAny>,
    #[serde(deserialize_with = "or_default")]
    env: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    entrypoint: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    cmd: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    volumes: BTreeMap<String, IgnoredAny>,
    #[serde(deserialize_with = "or_default")]
    working_dir: String,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    stop_signal: String,
}

/// Docker writes null for what there is none of.
fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(d).map(Option::unwrap_or_default)
}

/// What the image is: the configuration must be of the manifest's layers, and for the machine that was wanted.
pub fn read(bytes: &[u8], manifest: Manifest) -> Result<Recipe> {
    let document: Document =
        serde_json::from_slice(bytes).map_err(|e| refused(format!("its configuration is none: {e}")))?;
    let platform = platform(&document, &manifest.wanted)?;
    let Document { created, config, rootfs, .. } = document;
    if rootfs.diff_ids.len() != manifest.layers.len() {
        return Err(refused(format!(
            "its manifest has {} layers, and its configuration {}",
            manifest.layers.len(),
            rootfs.diff_ids.len()
        )));
    }
    let mut layers: Vec<Layer> = Vec::with_capacity(manifest.layers.len());
    for (blob, diff_id) in manifest.layers.into_iter().zip(&rootfs.diff_ids) {
        let diff_id: Digest =
            diff_id.parse().map_err(|why| refused(format!("its configuration names a layer by no digest: {why}")))?;
        let chain = layers.last().map_or_else(|| diff_id.clone(), |below| below.chain.chained(&diff_id));
        layers.push(Layer { digest: blob.digest, size: blob.size, packing: blob.packing, diff_id, chain });
    }
    let run = run(config);
    if has_nul(&run) {
        return Err(refused("its configuration holds a word that no command can have, with a NUL in it"));
    }
    Ok(Recipe { manifest: manifest.digest, config: manifest.config, platform, layers, run, created })
}

/// Few images lie; some are silent, which is nobody's harm.
fn platform(document: &Document, wanted: &Platform) -> Result<Platform> {
    if document.architecture.is_empty() {
        return Ok(wanted.clone());
    }
    let os = if document.os.is_empty() { "linux" } else { &document.os };
    let own = Platform::of(os, &document.architecture, Some(&document.variant));
    if wanted.suits(&own).is_none() {
        let shown: String = own.to_string().chars().take(80).collect();
        return Err(kakuri_wire::Fail::new(kakuri_wire::Stage::Unpack, format!("the image is not there for {wanted}"))
            .why(format!("it is for {shown}"))
            .hint(format!("to have it all the same: --platform {shown}")));
    }
    Ok(own)
}

fn run(config: Run) -> RunConfig {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    RunConfig {
        entrypoint: config.entrypoint,
        cmd: config.cmd,
        env: config.env,
        workdir: some(config.working_dir),
        user: some(config.user),
        stop_signal: some(config.stop_signal),
        volumes: config.volumes.into_keys().collect(),
        ports: config.exposed_ports.into_keys().collect(),
        labels: config.labels,
    }
}

fn has_nul(run: &RunConfig) -> bool {
    let lists = [&run.entrypoint, &run.cmd, &run.env, &run.volumes, &run.ports];
    let words = [&run.workdir, &run.user, &run.stop_signal];
    lists.into_iter().flatten().chain(words.into_iter().flatten()).any(|word| word.contains('\0'))
}
