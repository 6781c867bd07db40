//! Documents: manifests and indexes, and the configurations they name.

use kakuri_wire::fail::Result;
use ureq::http::StatusCode;
use ureq::http::header::{ACCEPT, CONTENT_TYPE};

use super::endpoint::Endpoint;
use super::trouble::{Trouble, quoted};
use super::{body, exchange};
use crate::talk::{Ask, LARGEST_CONFIG, LARGEST_MANIFEST, Want};
use crate::{Digest, Reference};

/// What is understood, in the order it is liked.
const MEDIA: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
/// What was given up in 2019: there is no digest of its configuration.
const OLD: &str = "application/vnd.docker.distribution.manifest.v1+";
/// What no registry calls a manifest.
const PAGE: &str = "text/html";

pub struct Manifest {
    pub media: String,
    pub bytes: Vec<u8>,
}

/// The reference as people write it.
pub fn shown(reference: &Reference) -> String {
    let mut text = reference.host.clone();
    if let Some(port) = reference.port {
        text.push_str(&format!(":{port}"));
    }
    text.push('/');
    text.push_str(&reference.repository);
    if let Some(tag) = &reference.tag {
        text.push_str(&format!(":{tag}"));
    }
    if let Some(digest) = &reference.digest {
        text.push_str(&format!("@{digest}"));
    }
    text
}

pub fn fetch(endpoint: &Endpoint, ask: &Ask, want: &Want) -> Result<Manifest, Trouble> {
    let nothing = || Trouble::new("there is no reference to fetch");
    let (digest, word) = match (want, ask) {
        (Want::Digest(digest), _) => (Some(digest), digest.to_string()),
        (Want::Named, Ask::Pull(Reference { digest: Some(digest), .. })) => (Some(digest), digest.to_string()),
        (Want::Named, Ask::Pull(Reference { tag: Some(tag), .. })) => (None, tag.clone()),
        (Want::Named, _) => return Err(nothing()),
    };
    let path = format!("{}/manifests/{word}", endpoint.repository);
    let response = exchange::get(endpoint, &path, &[(ACCEPT, MEDIA)])?;
    if response.status() != StatusCode::OK {
        let absent = format!("there is no '{word}' in '{}'", endpoint.repository);
        let trouble = body::refusal(endpoint, response, &absent);
        return Err(if trouble.hint.is_some() { trouble } else { trouble.hint("correct the name or the tag") });
    }
    let media = media(&response);
    if media.starts_with(OLD) {
        return Err(Trouble::new("the image is of the old form (schema 1), which nothing but old registries has")
            .hint("have it pushed anew by a tool of today: skopeo copy --format oci"));
    }
    if media == PAGE {
        return Err(Trouble::new(format!("it answers with a page for people ({PAGE}), and no manifest"))
            .hint("is it a registry? Where it is, a proxy or a network's login page may stand in between"));
    }
    let bytes = body::read(endpoint, response, LARGEST_MANIFEST, "its manifest")?;
    if digest.is_some_and(|digest| !digest.is_of(&bytes)) {
        return Err(changed());
    }
    Ok(Manifest { media, bytes })
}

/// A blob that is small enough to be held.
pub fn fetch_small(endpoint: &Endpoint, digest: &Digest, size: u64) -> Result<Vec<u8>, Trouble> {
    if size > LARGEST_CONFIG {
        return Err(Trouble::new(format!("its configuration is larger than {} KiB", LARGEST_CONFIG >> 10)));
    }
    let response = exchange::get(endpoint, &format!("{}/blobs/{digest}", endpoint.repository), &[])?;
    if response.status() != StatusCode::OK {
        return Err(body::lost(endpoint, response, "it has lost the configuration its manifest names"));
    }
    let bytes = body::read(endpoint, response, size, "its configuration")?;
    if !digest.is_of(&bytes) { Err(changed()) } else { Ok(bytes) }
}

/// The front has it judged again; here it is that a mirror may be better.
fn changed() -> Trouble {
    Trouble::new("what it sends is not what was asked for: its digest is another")
        .hint("try again; where it stays so, tell whoever runs the registry")
}

fn media(response: &ureq::http::Response<ureq::Body>) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    quoted(value.split(';').next().unwrap_or_default().trim())
}
