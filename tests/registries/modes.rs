//! Debian's registry in its four modes, with and without a login, right and wrong.

use std::fs;

use crate::common::Scene;
use crate::common::registry::{PASSWORD, Registry, USER};
use crate::{need, nothing_is_here, registry, runs, start};

/// Keeps the authority where a registry's own are kept.
pub fn trust(scene: &Scene, registry: &Registry) {
    let folder = scene.home().join(".config/containers/certs.d").join(&registry.host);
    fs::create_dir_all(&folder).unwrap();
    fs::copy(registry.cert_dir().join("ca.crt"), folder.join("ca.crt")).unwrap();
}

#[test]
fn plain() {
    need!("docker-registry", "skopeo", "curl", "busybox");
    let scene = Scene::new();
    let registry = registry(&scene, "plain");
    let name = format!("{}/public/busybox", registry.host);
    let absent = format!("{}/public/absent", registry.host);
    start(&scene, &absent, "single", &[])
        .refused(125, &[&absent, "there is no 'latest' in 'public/absent'"])
        .hints(&["correct the name or the tag"]);
    start(&scene, &format!("{name}:2"), "single", &[]).refused(125, &["there is no '2' in 'public/busybox'"]);
    start(&scene, &name, "single", &["--tls-verify"])
        .refused(125, &[&registry.host, "does not speak TLS"])
        .hints(&["--tls-verify=false"]);
    nothing_is_here(&scene, "plain");
    runs(&scene, &name, &[]);
    // What a name without a login is given, a login is given too.
    runs(&scene, &name, &["--creds", "anybody:at-all"]);
    // It is here now: nobody is asked for it.
    drop(registry);
    let said = scene.kakuri(["--image", &name, "cat", "/etc/os-release"]).output().ok();
    assert_eq!((said.text(), said.err()), (crate::RELEASE.into(), String::new()));
}

#[test]
fn tls() {
    need!("docker-registry", "skopeo", "curl", "openssl", "busybox");
    let scene = Scene::new();
    let registry = registry(&scene, "tls");
    let name = format!("{}/public/busybox", registry.host);
    let folder = format!("certs.d/{}", registry.host);
    start(&scene, &name, "single", &[])
        .refused(125, &[&name, "authority nobody here knows"])
        .hints(&[&folder, "--tls-verify=false"]);
    nothing_is_here(&scene, "an authority nobody here knows");
    let by_option = registry.cert_dir().display().to_string();
    runs(&scene, &name, &["--cert-dir", &by_option]);
    runs(&scene, &name, &["--tls-verify=false"]);
    // Nothing of that was kept.
    start(&scene, &name, "single", &[]).refused(125, &["authority nobody here knows"]);
    let bundle = registry.cert_dir().join("ca.crt");
    scene.kakuri(["pull", "-q", &name]).env("SSL_CERT_FILE", &bundle).output().ok();
    trust(&scene, &registry);
    runs(&scene, &name, &[]);
}

#[test]
fn basic() {
    need!("docker-registry", "skopeo", "curl", "openssl", "htpasswd", "busybox");
    let scene = Scene::new();
    let registry = registry(&scene, "basic");
    trust(&scene, &registry);
    let name = format!("{}/private/busybox", registry.host);
    let login = format!("kakuri registry login {}", registry.host);
    start(&scene, &name, "single", &[]).refused(125, &[&name, "wants a login"]).hints(&[&login]);
    wrong(&scene, &name, &login);
    nothing_is_here(&scene, "basic");
    runs(&scene, &name, &["--creds", &format!("{USER}:{PASSWORD}")]);
    // It was for once.
    start(&scene, &name, "single", &[]).refused(125, &["wants a login"]);
    logs_in(&scene, &registry, &name);
}

#[test]
fn token() {
    need!("docker-registry", "skopeo", "curl", "openssl", "python3", "busybox");
    let scene = Scene::new();
    let registry = registry(&scene, "token");
    trust(&scene, &registry);
    let (name, public) = (format!("{}/private/busybox", registry.host), format!("{}/public/busybox", registry.host));
    let login = format!("kakuri registry login {}", registry.host);
    start(&scene, &name, "single", &[]).refused(125, &[&name, "wants a login"]).hints(&[&login]);
    // A wrong login is no better than none, though none would do.
    wrong(&scene, &name, &login);
    wrong(&scene, &public, &login);
    nothing_is_here(&scene, "token");
    runs(&scene, &public, &[]);
    runs(&scene, &name, &["--creds", &format!("{USER}:{PASSWORD}")]);
    logs_in(&scene, &registry, &name);
}

/// The password is told to nobody, and least of all to who reads the error.
#[track_caller]
fn wrong(scene: &Scene, name: &str, login: &str) {
    for creds in [format!("{USER}:horse-battery"), format!("nobody:{PASSWORD}")] {
        let said = start(scene, name, "single", &["--creds", &creds]);
        let said = said.refused(125, &[name, "does not take this login"]).hints(&[login]);
        let password = creds.split_once(':').unwrap().1;
        assert!(!said.err().contains(password), "{said}");
    }
}

/// With a login that is kept in a file that is named, and where logins are kept.
#[track_caller]
fn logs_in(scene: &Scene, registry: &Registry, name: &str) {
    let file = scene.work().join("logins.json").display().to_string();
    for more in [&["--authfile", &file][..], &[]] {
        start(scene, name, "single", &[]).refused(125, &["wants a login"]);
        let words = ["registry", "login", "-u", USER, "--password-stdin"];
        let run = scene.kakuri(words.iter().chain(more).chain(&[registry.host.as_str()]));
        assert_eq!(run.input(format!("{PASSWORD}\n")).output().ok().text(), "");
        runs(scene, name, more);
    }
    let pulled = scene.kakuri(["pull", name]).output().ok();
    let digest = pulled.text();
    assert!(digest.starts_with("sha256:") && digest.len() == 71, "{pulled}");
    scene.kakuri(["registry", "logout", &registry.host]).output().ok();
    scene.kakuri(["pull", name]).output().refused(1, &["wants a login"]);
}
