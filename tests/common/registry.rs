//! Debian's registry, on this machine's loopback, in each of its modes.

use std::net::TcpListener;
use std::path::PathBuf;

use super::Scene;
use super::live::signal;
use super::oci::Oci;

const MAKE: &str = include_str!("../registry/make-registry.sh");
const TOKENS: &str = include_str!("../registry/token-server.py");

/// Who may do everything where somebody has to log in.
pub const USER: &str = "bob";
pub const PASSWORD: &str = "hunter2";

/// It ends with this value.
pub struct Registry {
    folder: PathBuf,
    mode: &'static str,
    /// `127.0.0.1:PORT`.
    pub host: String,
}

impl Registry {
    /// Without TLS, for everybody.
    pub fn new(scene: &Scene) -> Registry {
        Registry::of(scene, "plain")
    }

    /// `plain`, `tls`, `basic`, `token`.
    pub fn of(scene: &Scene, mode: &'static str) -> Registry {
        let held = || TcpListener::bind("127.0.0.1:0").unwrap();
        let port = |held: &TcpListener| held.local_addr().unwrap().port();
        let (first, second) = (held(), held());
        let (port, tokens) = (port(&first), port(&second));
        drop((first, second));
        let folder = scene.folder("registry");
        // From a copy: where the checkout is may be closed to who runs the tests.
        let copy = scene.file("make-registry.sh", MAKE);
        scene.file("token-server.py", TOKENS);
        let registry = Registry { folder, mode, host: format!("127.0.0.1:{port}") };
        let made = scene.program("bash").arg(copy).arg(port.to_string()).arg(&registry.folder).arg(mode);
        made.env("NOPUSH", "1").env("TOKEN_PORT", tokens.to_string()).output().ok();
        registry
    }

    /// A folder of the form of `--cert-dir` with the authority it is believed by.
    pub fn cert_dir(&self) -> PathBuf {
        self.folder.join("certs.d").join(&self.host)
    }

    /// Puts an image of a folder there, under a name without its host.
    pub fn push(&self, scene: &Scene, oci: &Oci, tag: &str, name: &str) {
        let mut copy = scene.program("skopeo").args(["copy", "-q", "--insecure-policy"]);
        copy = match self.mode {
            "plain" => copy.arg("--dest-tls-verify=false"),
            _ => copy.arg("--dest-cert-dir").arg(self.cert_dir()),
        };
        if matches!(self.mode, "basic" | "token") {
            copy = copy.arg(format!("--dest-creds={USER}:{PASSWORD}"));
        }
        copy.arg(oci.name(tag)).arg(format!("docker://{}/{name}", self.host)).output().ok();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        for file in ["pid", "token.pid"] {
            let text = std::fs::read_to_string(self.folder.join(file)).unwrap_or_default();
            if let Ok(pid) = text.trim().parse() {
                signal(pid, libc::SIGKILL);
            }
        }
    }
}
