//! Debian's registry, on this machine's loopback.

use std::net::TcpListener;

use super::Scene;
use super::live::signal;
use super::oci::Oci;

const MAKE: &str = include_str!("../registry/make-registry.sh");

/// It ends with this value.
pub struct Registry {
    pid: i32,
    /// `127.0.0.1:PORT`; it speaks without TLS.
    pub host: String,
}

impl Registry {
    pub fn new(scene: &Scene) -> Registry {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = scene.folder("registry");
        // From a copy: where the checkout is may be closed to who runs the tests.
        let copy = scene.file("make-registry.sh", MAKE);
        let made = scene.program("bash").arg(copy).arg(port.to_string()).arg(&folder).arg("plain").env("NOPUSH", "1");
        made.output().ok();
        let pid = std::fs::read_to_string(folder.join("pid")).unwrap();
        Registry { pid: pid.trim().parse().unwrap(), host: format!("127.0.0.1:{port}") }
    }

    /// Puts an image of a folder there, under a name without its host.
    pub fn push(&self, scene: &Scene, oci: &Oci, tag: &str, name: &str) {
        let to = format!("docker://{}/{name}", self.host);
        let copied = scene.program("skopeo").args(["copy", "-q", "--insecure-policy", "--dest-tls-verify=false"]);
        copied.arg(oci.name(tag)).arg(to).output().ok();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        signal(self.pid, libc::SIGKILL);
    }
}
