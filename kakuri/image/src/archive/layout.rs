//! index.json (OCI image specification, image-layout.md): read as strangers write it, and written for the front, with one
//! number for each image in the place of its names.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::shelf::Shelf;
use super::{Result, encode, parse, refused};
use crate::Digest;
use crate::talk::{Contained, Contents};

pub const INDEX: &str = "index.json";
/// Images in one archive.
const MOST: usize = 1000;
/// How the specification names an image; podman writes all of its name there, skopeo what it was told, docker the tag.
const NAME: &str = "org.opencontainers.image.ref.name";
/// Where docker and containerd write all of it.
const WHOLE_NAME: &str = "io.containerd.image.name";
/// What buildkit puts beside an image to tell how it was made.
const ATTESTATION: &str = "vnd.docker.reference.type";

/// An image as an index names it, for one kind of machine or for several.
pub struct Found {
    pub name: Option<String>,
    pub descriptor: Map<String, Value>,
    pub digest: Digest,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Map<String, Value>>,
}

pub fn read(shelf: &Shelf) -> Result<Vec<Found>> {
    let index: Index = parse(shelf, INDEX)?;
    let mut found = Vec::new();
    for mut descriptor in index.manifests {
        let annotations = match descriptor.remove("annotations") {
            Some(Value::Object(annotations)) => annotations,
            _ => Map::new(),
        };
        if annotations.contains_key(ATTESTATION) {
            continue;
        }
        let digest = descriptor.get("digest").and_then(Value::as_str).and_then(|text| text.parse::<Digest>().ok());
        let digest = digest.ok_or_else(|| refused("its index.json names an image without a digest"))?;
        shelf.item(&format!("blobs/{}/{}", digest.algorithm().name(), digest.hex()))?;
        let text = |key| annotations.get(key).and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = text(WHOLE_NAME).or_else(|| text(NAME)).map(str::to_string);
        found.push(Found { name, descriptor, digest });
    }
    Ok(found)
}

/// Those that are one image, of several names or for several kinds of machine.
struct Group {
    names: Vec<String>,
    of: Vec<Found>,
}

impl Group {
    /// Whether it may have it too: a name means one image for each kind of machine.
    fn takes(&self, found: &Found) -> bool {
        let platform = found.descriptor.get("platform");
        let same_name = found.name.as_ref().map_or(self.names.is_empty(), |name| self.names.contains(name));
        same_name && !self.of.iter().any(|other| other.descriptor.get("platform") == platform)
    }

    fn is_of(&self, digests: &[&Digest]) -> bool {
        self.of.iter().map(|found| &found.digest).eq(digests.iter().copied())
    }
}

fn grouped(all: Vec<Found>) -> Result<Vec<Group>> {
    if all.len() > MOST {
        return Err(refused(format!("it names {} images, and {MOST} can be read", all.len())));
    }
    let mut groups: Vec<Group> = Vec::new();
    for found in all {
        match groups.iter_mut().find(|group| group.takes(&found)) {
            Some(group) => group.of.push(found),
            None => groups.push(Group { names: found.name.clone().into_iter().collect(), of: vec![found] }),
        }
    }
    let mut merged: Vec<Group> = Vec::new();
    for group in groups {
        let digests: Vec<&Digest> = group.of.iter().map(|found| &found.digest).collect();
        match merged.iter_mut().find(|other| other.is_of(&digests)) {
            Some(same) => same.names.extend(group.names),
            None => merged.push(group),
        }
    }
    Ok(merged)
}

#[derive(Serialize)]
struct Written {
    #[serde(rename = "schemaVersion")]
    version: u32,
    manifests: Vec<Map<String, Value>>,
}

/// Completes the folder.
pub fn write(shelf: &mut Shelf, found: Vec<Found>) -> Result<Contents> {
    let (mut contents, mut manifests) = (Contents::default(), Vec::new());
    for (n, group) in grouped(found)?.into_iter().enumerate() {
        let Some(first) = group.of.first() else { continue };
        contents.images.push(Contained { names: group.names, digest: first.digest.clone() });
        for Found { mut descriptor, .. } in group.of {
            descriptor.insert("annotations".into(), json!({ NAME: n.to_string() }));
            manifests.push(descriptor);
        }
    }
    shelf.finish(INDEX, &encode(&Written { version: 2, manifests })?)?;
    shelf.finish("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Algorithm;

    fn found(name: Option<&str>, of: &str, machine: Option<&str>) -> Found {
        let mut descriptor = Map::new();
        if let Some(machine) = machine {
            descriptor.insert("platform".into(), json!({ "os": "linux", "architecture": machine }));
        }
        Found { name: name.map(Into::into), descriptor, digest: Digest::of(Algorithm::Sha256, of.as_bytes()) }
    }

    fn groups(all: Vec<Found>) -> Vec<(Vec<String>, usize)> {
        grouped(all).expect("groups").into_iter().map(|group| (group.names, group.of.len())).collect()
    }

    #[test]
    fn what_is_one_image() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_string()).collect::<Vec<String>>();
        // Two names of one, two machines of one, two without a name that are for the same machine.
        let two = groups(vec![found(Some("a"), "1", None), found(Some("b"), "1", None)]);
        assert_eq!(two, [(names(&["a", "b"]), 1)]);
        let machines = groups(vec![found(Some("a"), "1", Some("amd64")), found(Some("a"), "2", Some("arm64"))]);
        assert_eq!(machines, [(names(&["a"]), 2)]);
        let nameless = || vec![found(None, "1", Some("amd64")), found(None, "2", Some("arm64"))];
        assert_eq!(groups(nameless()), [(names(&[]), 2)]);
        assert_eq!(groups(vec![found(None, "1", None), found(None, "2", None)]).len(), 2);
        // Two of one name for one machine are two, and the later one gets it.
        let twice = groups(vec![found(Some("a"), "1", None), found(Some("a"), "2", None)]);
        assert_eq!(twice.len(), 2);
    }
}
