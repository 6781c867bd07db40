//! Images made here: folders of the OCI layout, their layers plain archives.

use std::fs;
use std::path::{Path, PathBuf};

use kakuri_image::{Algorithm, Digest};
use serde_json::{Value, json};

/// A file or folder of a layer.
pub enum Entry<'a> {
    Folder(&'a str, u32),
    File(&'a str, u32, &'a [u8]),
    Link(&'a str, &'a str),
    Fifo(&'a str),
}

/// A ustar archive, everything root's.
pub fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let (name, kind, mode, link, content): (&str, u8, u32, &str, &[u8]) = match entry {
            Entry::Folder(name, mode) => (name, b'5', *mode, "", b""),
            Entry::File(name, mode, content) => (name, b'0', *mode, "", content),
            Entry::Link(name, target) => (name, b'2', 0o777, target, b""),
            Entry::Fifo(name) => (name, b'6', 0o644, "", b""),
        };
        let mut header = [0_u8; 512];
        let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
        put(0, name.as_bytes());
        put(100, format!("{mode:07o}").as_bytes());
        put(108, b"0000000");
        put(116, b"0000000");
        put(124, format!("{:011o}", content.len()).as_bytes());
        put(136, b"14524770400");
        put(148, b"        ");
        put(156, &[kind]);
        put(157, link.as_bytes());
        put(257, b"ustar\x0000");
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// A layer with a shell and what it needs to look around.
pub fn busybox() -> Vec<u8> {
    let program = fs::read("/bin/busybox").unwrap();
    let mut entries = vec![
        Entry::Folder("bin/", 0o755),
        Entry::Folder("etc/", 0o755),
        Entry::Folder("root/", 0o700),
        Entry::Folder("tmp/", 0o1777),
        Entry::Folder("proc/", 0o755),
        Entry::Folder("sys/", 0o755),
        Entry::Folder("dev/", 0o755),
        Entry::File("bin/busybox", 0o755, &program),
        Entry::File("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n"),
    ];
    for link in ["bin/sh", "bin/cat", "bin/find", "bin/sleep", "bin/true", "bin/md5sum", "bin/ls", "bin/id"] {
        entries.push(Entry::Link(link, "busybox"));
    }
    tar(&entries)
}

/// Bytes nobody compresses, the same each time.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub fn digest(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

/// A folder of images.
pub struct Oci {
    pub dir: PathBuf,
    manifests: Vec<Value>,
}

impl Oci {
    pub fn new(dir: &Path) -> Oci {
        fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
        fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Oci { dir: dir.to_path_buf(), manifests: Vec::new() }
    }

    pub fn blob(&self, media: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        fs::write(self.dir.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        json!({ "mediaType": format!("application/vnd.oci.image.{media}"), "digest": digest, "size": bytes.len() })
    }

    /// Configuration and manifest of an image with these layers.
    pub fn documents(layers: &[Vec<u8>], config: &Value) -> (Vec<u8>, Vec<u8>) {
        let architecture = kakuri_image::Platform::host().architecture;
        let diff_ids: Vec<Digest> = layers.iter().map(|layer| digest(layer)).collect();
        let document = json!({ "architecture": architecture, "os": "linux", "config": config,
            "rootfs": { "type": "layers", "diff_ids": diff_ids } });
        let document = serde_json::to_vec(&document).unwrap();
        let described = |layer: &Vec<u8>| json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(layer), "size": layer.len() });
        let manifest = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&document), "size": document.len() },
            "layers": layers.iter().map(described).collect::<Vec<Value>>() });
        (document, serde_json::to_vec(&manifest).unwrap())
    }

    /// Puts an image there, in the place of another of this tag; its digest.
    pub fn put(&mut self, tag: &str, layers: &[Vec<u8>], config: &Value) -> Digest {
        let (document, manifest) = Oci::documents(layers, config);
        layers.iter().for_each(|layer| drop(self.blob("layer.v1.tar", layer)));
        self.blob("config.v1+json", &document);
        let mut described = self.blob("manifest.v1+json", &manifest);
        described["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        self.manifests.retain(|other| other["annotations"] != described["annotations"]);
        self.manifests.push(described);
        let index = json!({ "schemaVersion": 2, "manifests": self.manifests });
        fs::write(self.dir.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
        digest(&manifest)
    }

    pub fn name(&self, tag: &str) -> String {
        format!("oci:{}:{tag}", self.dir.display())
    }
}
