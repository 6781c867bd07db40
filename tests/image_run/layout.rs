//! Images made here, as folders of the OCI layout, byte by byte: so that each can have what a test is about.

use std::fs;
use std::path::PathBuf;

use kakuri_image::{Algorithm, Digest};
use serde_json::{Value, json};

use crate::common::Scene;

/// A layer in the making (tar(5), ustar).
#[derive(Clone, Default)]
pub struct Tar(Vec<u8>);

impl Tar {
    pub fn new() -> Tar {
        Tar::default()
    }

    pub fn folder(self, name: &str, mode: u32) -> Tar {
        self.entry(name, b'5', mode, (0, 0), "", b"")
    }

    pub fn file(self, name: &str, text: impl AsRef<[u8]>) -> Tar {
        self.entry(name, b'0', 0o644, (0, 0), "", text.as_ref())
    }

    pub fn program(self, name: &str, text: impl AsRef<[u8]>) -> Tar {
        self.entry(name, b'0', 0o755, (0, 0), "", text.as_ref())
    }

    pub fn link(self, name: &str, to: &str) -> Tar {
        self.entry(name, b'2', 0o777, (0, 0), to, b"")
    }

    pub fn fifo(self, name: &str) -> Tar {
        self.entry(name, b'6', 0o644, (0, 0), "", b"")
    }

    pub fn entry(mut self, name: &str, kind: u8, mode: u32, owner: (u32, u32), link: &str, text: &[u8]) -> Tar {
        let mut header = [0_u8; 512];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, &format!("{mode:07o}\0"));
        put(108, &format!("{:07o}\0", owner.0));
        put(116, &format!("{:07o}\0", owner.1));
        put(124, &format!("{:011o}\0", text.len()));
        put(136, &format!("{:011o}\0", 1_700_000_000));
        put(148, "        ");
        put(157, link);
        put(257, "ustar\x0000");
        header[156] = kind;
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        self.0.extend(header);
        self.0.extend(text);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn done(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

pub const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n\
    lone:x:77:78::/nowhere:/bin/false\n";
pub const GROUP: &str = "root:x:0:\napp:x:1001:\nextra:x:2000:app,other\nmore:x:2001:app\n";

/// A system of busybox. None where there is none that can be taken along.
pub fn base() -> Option<Tar> {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].iter().find_map(|path| fs::read(path).ok())?;
    let mut tar = Tar::new();
    for (folder, mode) in [("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777), ("root", 0o700), ("home", 0o755)] {
        tar = tar.folder(folder, mode);
    }
    tar = tar.entry("home/app", b'5', 0o700, (1000, 1001), "", b"").program("bin/busybox", busybox);
    for applet in "sh ls cat echo id env stat sleep grep sort touch rm mkdir pwd kill head wc ln true".split(' ') {
        tar = tar.link(&format!("bin/{applet}"), "busybox");
    }
    Some(tar.file("etc/passwd", PASSWD).file("etc/group", GROUP))
}

/// A folder of images, in the scene's own.
pub struct Layout {
    folder: PathBuf,
    images: Vec<(String, Value)>,
}

impl Layout {
    pub fn new(scene: &Scene) -> Layout {
        let folder = scene.folder("images");
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Layout { folder, images: Vec::new() }
    }

    fn blob(&self, media: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(Algorithm::Sha256, bytes);
        fs::write(self.folder.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        json!({ "mediaType": format!("application/vnd.oci.image.{media}"), "digest": digest, "size": bytes.len() })
    }

    /// Makes an image of this tag, or another in its place; how it is typed.
    pub fn image(&mut self, tag: &str, layers: impl IntoIterator<Item = Tar>, config: Value) -> String {
        let layers: Vec<Vec<u8>> = layers.into_iter().map(Tar::done).collect();
        let diffs: Vec<Digest> = layers.iter().map(|layer| Digest::of(Algorithm::Sha256, layer)).collect();
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let whole = json!({ "architecture": architecture, "os": "linux", "config": config,
            "rootfs": { "type": "layers", "diff_ids": diffs } });
        let config = self.blob("config.v1+json", whole.to_string().as_bytes());
        let layers: Vec<Value> = layers.iter().map(|layer| self.blob("layer.v1.tar", layer)).collect();
        let manifest = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config, "layers": layers });
        let mut entry = self.blob("manifest.v1+json", manifest.to_string().as_bytes());
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        self.images.retain(|(name, _)| name != tag);
        self.images.push((tag.into(), entry));
        let all: Vec<&Value> = self.images.iter().map(|(_, entry)| entry).collect();
        fs::write(self.folder.join("index.json"), json!({ "schemaVersion": 2, "manifests": all }).to_string()).unwrap();
        format!("oci:{}:{tag}", self.folder.display())
    }

    /// Nobody finds it any more.
    pub fn take_away(&self) {
        fs::rename(&self.folder, self.folder.with_extension("away")).unwrap();
    }
}

/// One image with this configuration, and how it is typed.
pub fn one(scene: &Scene, config: Value) -> Option<String> {
    let base = base();
    if base.is_none() {
        crate::common::skip("image_run: busybox-static is not installed");
    }
    Some(Layout::new(scene).image("test", [base?], config))
}
