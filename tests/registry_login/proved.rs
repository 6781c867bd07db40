//! Logins at a registry that knows one user: Debian's docker-registry on this machine's own loopback.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};

use crate::common::{HANG, Pty, Scene, until};
use crate::need;
use crate::{SECRET, put};

/// A registry of the scene's; ends with this value.
struct Registry {
    server: Child,
    name: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Plain http, one user `me`.
fn registry(scene: &Scene) -> Registry {
    let users = scene.program("htpasswd").args(["-Bbn", "me", SECRET]).output().ok().text();
    let users = put(scene.work().join("users"), &users);
    // The kernel's choice; a port just given back is not given out again at once.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let name = format!("127.0.0.1:{port}");
    let store = scene.folder("store");
    let text = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '{name}'}}\n\
         auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
        store.display(),
        users.display()
    );
    let config = put(scene.work().join("registry.yml"), &text);
    let server = Command::new("docker-registry")
        .arg("serve")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let registry = Registry { server, name };
    assert!(until(HANG, || TcpStream::connect(&registry.name).is_ok()), "the registry never listens");
    registry
}

#[test]
fn kept_once_the_registry_has_taken_it() {
    need!("docker-registry", "htpasswd");
    let scene = Scene::new();
    let registry = registry(&scene);
    let kept = scene.runtime().join("containers/auth.json");
    let login = || scene.kakuri(["registry", "login", "-u", "me", "--password-stdin", &registry.name]);
    let wrong = login().env("KAKURI_LOG", "trace").input("wrong-horse\n").output();
    assert_eq!(wrong.code(), 1, "{wrong}");
    assert!(!kept.exists() && !wrong.err().contains("wrong-horse"), "{wrong}");

    let said = login().env("KAKURI_LOG", "trace").input(format!("{SECRET}\n")).output();
    assert_eq!((said.code(), said.text()), (0, String::new()), "{said}");
    assert!(!said.err().contains(SECRET), "{said}");
    let line = said.err().lines().last().unwrap_or_default().to_string();
    assert!(line.contains(&format!("logged in to {} as 'me'", registry.name)), "{said}");
    assert!(line.contains("containers/auth.json', in base64"), "{said}");
    assert_eq!(fs::metadata(&kept).unwrap().mode() & 0o777, 0o600);

    // What podman's kin reads.
    if crate::common::have("skopeo") {
        let inspect = scene.program("skopeo").args([
            "inspect",
            "--tls-verify=false",
            &format!("docker://{}/none", registry.name),
        ]);
        let said = inspect.env("REGISTRY_AUTH_FILE", &kept).output();
        assert!(said.err().contains("manifest unknown") || said.err().contains("name unknown"), "{said}");
    }
    let out = scene.kakuri(["registry", "logout", &registry.name]).output();
    assert!(out.code() == 0 && !fs::read_to_string(&kept).unwrap().contains(&registry.name), "{out}");

    let mut terminal = Pty::start(scene.kakuri(["registry", "login", "-u", "me", &registry.name]));
    terminal.expect("Password of 'me'");
    terminal.send(&format!("{SECRET}\r"));
    let status = terminal.wait();
    assert!(status.success() && !terminal.shown().contains(SECRET), "{}", terminal.shown());
    assert!(fs::read_to_string(&kept).unwrap().contains(&registry.name));
}

/// While a registry lets us wait: no process shows the password in its words or its variables.
#[test]
fn nobody_sees_the_password_meanwhile() {
    // Others of this file type one where everybody can see it.
    let scene = Scene::alone();
    let mute = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let name = mute.local_addr().unwrap().to_string();
    let run = scene.kakuri(["registry", "login", "-u", "me", "--password-stdin", &name]);
    let password = put(scene.work().join("password"), SECRET);
    let mut child = run.stdin(fs::File::open(password).unwrap()).spawn();
    let (held, _) = mute.accept().unwrap();
    let mut fetching = false;
    for process in fs::read_dir("/proc").unwrap().flatten() {
        for of in ["cmdline", "environ"] {
            let bytes = fs::read(process.path().join(of)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(SECRET), "{} of {:?}", of, process.path());
            fetching |= text.starts_with("kakuri-image [fetch]");
        }
    }
    assert!(fetching, "nobody was at work");
    let _ = child.kill();
    let _ = child.wait();
    drop(held);
}
