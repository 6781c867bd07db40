//! Debian's registry, in each of its modes.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use kakuri_image::talk::{Ask, Endpoint, FromFetch, Job, Login, Scheme, Want};

use crate::front::{Fetch, Folder, bytes, digest, endpoint, job, login, noise};

/// A registry with one image in it, twice: as `public/thing:1` and as `private/thing:1`.
struct Registry {
    folder: Folder,
    port: u16,
    mode: &'static str,
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
}

impl Registry {
    /// None: what it takes is not here.
    fn new(mode: &'static str) -> Option<Registry> {
        for needed in ["docker-registry", "skopeo", "htpasswd", "curl", "openssl"] {
            let found = Command::new("sh").args(["-c", &format!("command -v {needed}")]).output().expect("a shell");
            if !found.status.success() {
                eprintln!("skipped: {needed} is not installed");
                return None;
            }
        }
        let folder = Folder::new();
        let (first, second) = (free(), free());
        for name in ["make-registry.sh", "token-server.py"] {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry").join(name);
            std::fs::copy(from, folder.path(name)).expect("copied");
        }
        let port = first.local_addr().expect("an address").port();
        let token_port = second.local_addr().expect("an address").port();
        drop((first, second));
        let made = Command::new("bash")
            .arg(folder.path("make-registry.sh"))
            .arg(port.to_string())
            .arg(folder.path("registry"))
            .arg(mode)
            .env("NOPUSH", "1")
            .env("TOKEN_PORT", token_port.to_string())
            .output()
            .expect("a registry");
        let layer = noise(3_000_000);
        let config = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#.to_vec();
        let mut registry = Registry { folder, port, mode, manifest: Vec::new(), config, layer };
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        registry.fill();
        Some(registry)
    }

    fn fill(&mut self) {
        let layout = self.folder.path("layout");
        let blobs = layout.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).expect("a folder");
        let put = |bytes: &[u8]| std::fs::write(blobs.join(digest(bytes).hex()), bytes).expect("written");
        put(&self.layer);
        put(&self.config);
        let describe = |bytes: &[u8], kind: &str| {
            format!(
                r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{}","size":{}}}"#,
                digest(bytes),
                bytes.len()
            )
        };
        let (config, layer) = (describe(&self.config, "config.v1+json"), describe(&self.layer, "layer.v1.tar"));
        self.manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{config},"layers":[{layer}]}}"#
        )
        .into_bytes();
        put(&self.manifest);
        let index = describe(&self.manifest, "manifest.v1+json");
        let named = index.replacen('{', r#"{"annotations":{"org.opencontainers.image.ref.name":"it"},"#, 1);
        std::fs::write(layout.join("index.json"), format!(r#"{{"schemaVersion":2,"manifests":[{named}]}}"#))
            .expect("written");
        std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("written");
        for repository in ["public/thing", "private/thing"] {
            let mut skopeo = Command::new("skopeo");
            skopeo.args(["--insecure-policy", "copy", "-q", "--preserve-digests"]);
            match self.mode {
                "plain" => skopeo.arg("--dest-tls-verify=false"),
                _ => skopeo
                    .arg("--dest-cert-dir")
                    .arg(self.folder.path(&format!("registry/certs.d/127.0.0.1:{}", self.port))),
            };
            if matches!(self.mode, "basic" | "token") {
                skopeo.args(["--dest-creds", "bob:hunter2"]);
            }
            let target = format!("docker://127.0.0.1:{}/{repository}:1", self.port);
            let done = skopeo.arg(format!("oci:{}:it", layout.display())).arg(target).output().expect("skopeo");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
    }

    fn at(&self, repository: &str, login: Option<Login>) -> Endpoint {
        let scheme = if self.mode == "plain" { Scheme::Http } else { Scheme::Https };
        let roots = if self.mode == "plain" { vec![] } else { vec![bytes(&self.folder.path("registry/ca.crt"))] };
        Endpoint { repository: repository.into(), roots, login, ..endpoint(self.port, scheme) }
    }

    /// All there is comes as it was pushed.
    fn comes(&self, endpoint: Endpoint) {
        let mut fetch = Fetch::ready(&job(vec![endpoint]));
        let (media, manifest, _) = fetch.manifest(Want::Named).expect("a manifest");
        assert_eq!(media, "application/vnd.oci.image.manifest.v1+json");
        assert!(manifest == self.manifest);
        assert!(fetch.manifest(Want::Digest(digest(&self.manifest))).expect("a manifest").1 == self.manifest);
        assert!(fetch.small(&self.config).expect("a configuration") == self.config);
        for from in [0, 1_234_567] {
            let blob = fetch.blob(&digest(&self.layer), self.layer.len() as u64, from);
            assert!(blob.done.is_ok() && blob.bytes == self.layer[from as usize..], "{:?}", blob.done);
        }
        assert_eq!(fetch.end(), Some(0));
    }

    fn refused(&self, endpoint: Endpoint, why: &str) {
        let fail = Fetch::ready(&job(vec![endpoint])).manifest(Want::Named).expect_err("refused");
        assert!(fail.to_string().contains(why), "{why}: {fail}");
        assert!(fail.hint.is_some_and(|hint| hint.contains(&format!("kakuri registry login 127.0.0.1:{}", self.port))));
    }

    fn logs_in(&self, login: Option<Login>) -> bool {
        let job = Job { ask: Ask::Login, ..job(vec![self.at("", login)]) };
        match Fetch::ready(&job).hear().0 {
            FromFetch::Welcome => true,
            FromFetch::Failed(fail) => {
                assert!(fail.to_string().starts_with(&format!("cannot log in to 127.0.0.1:{}", self.port)), "{fail}");
                false
            }
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        for name in ["registry/pid", "registry/token.pid"] {
            if let Ok(pid) = std::fs::read_to_string(self.folder.path(name)) {
                let _ = Command::new("kill").arg(pid.trim()).output();
            }
        }
    }
}

fn free() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port")
}

#[test]
fn without_tls_and_without_a_login() {
    let Some(registry) = Registry::new("plain") else { return };
    registry.comes(registry.at("public/thing", None));
    registry.comes(registry.at("public/thing", login("bob", "hunter2")));
    registry.comes(Endpoint { scheme: Scheme::Either, ..registry.at("public/thing", None) });
    let https = Endpoint { scheme: Scheme::Https, ..registry.at("public/thing", None) };
    let fail = Fetch::ready(&job(vec![https])).manifest(Want::Named).expect_err("no TLS");
    assert!(fail.to_string().contains("does not speak TLS"), "{fail}");
    let fail = Fetch::ready(&job(vec![registry.at("public/absent", None)])).manifest(Want::Named).expect_err("absent");
    assert!(fail.to_string().contains("there is no '1' in 'public/absent'"), "{fail}");
    assert!(registry.logs_in(login("bob", "hunter2")));
}

#[test]
fn with_tls_and_without_a_login() {
    let Some(registry) = Registry::new("tls") else { return };
    registry.comes(registry.at("public/thing", None));
    registry.comes(Endpoint { verify: false, roots: vec![], ..registry.at("public/thing", None) });
}

#[test]
fn with_a_password() {
    let Some(registry) = Registry::new("basic") else { return };
    registry.comes(registry.at("private/thing", login("bob", "hunter2")));
    registry.refused(registry.at("public/thing", login("bob", "wrong")), "does not take this login");
    registry.refused(registry.at("public/thing", None), "wants a login");
    assert!(registry.logs_in(login("bob", "hunter2")));
    assert!(!registry.logs_in(login("bob", "wrong")) && !registry.logs_in(None));
}

#[test]
fn with_tokens() {
    let Some(registry) = Registry::new("token") else { return };
    registry.comes(registry.at("private/thing", login("bob", "hunter2")));
    registry.comes(registry.at("public/thing", None));
    registry.refused(registry.at("private/thing", None), "wants a login");
    registry.refused(registry.at("public/thing", login("bob", "wrong")), "does not take this login");
    assert!(registry.logs_in(login("bob", "hunter2")) && !registry.logs_in(login("bob", "wrong")));
}
