//! Logins to registries as far as no network is needed: asked for, kept, found again and forgotten; by whom they are
//! kept; and that nobody else ever sees a password.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "registry_login/endpoints.rs"]
mod endpoints;
#[path = "registry_login/helpers.rs"]
mod helpers;
#[path = "registry_login/kept.rs"]
mod kept;
#[path = "registry_login/proved.rs"]
mod proved;
#[path = "registry_login/typed.rs"]
mod typed;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kakuri::host::Host;
use kakuri::image::access::Access;
use kakuri_image::talk::{Login, Secret};
use kakuri_wire::Bytes;

use common::Scene;

/// What no output, log, file or command line but the right one may hold.
pub const SECRET: &str = "correct-horse-battery";

/// The scene's own home and runtime folder, and nothing of the machine's.
pub fn host(scene: &Scene) -> Host {
    let bytes = |path: PathBuf| path.as_os_str().as_bytes().to_vec();
    let mut host = Host { home: bytes(scene.home()), cwd: Some(bytes(scene.work())), ..Host::default() };
    host.env.insert(b"XDG_RUNTIME_DIR".to_vec(), bytes(scene.runtime()));
    host.env.insert(b"PATH".to_vec(), [bytes(scene.work().join("bin")), b"/usr/bin:/bin".to_vec()].join(&b':'));
    host
}

pub fn put(path: impl AsRef<Path>, text: &str) -> PathBuf {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    path.to_path_buf()
}

pub fn named(path: &Path) -> Access {
    Access { authfile: Some(Bytes::from(path)), ..Access::default() }
}

pub fn basic(user: &str, password: &str) -> Login {
    Login::Basic { user: user.into(), password: Secret(password.to_string().into()) }
}

/// For comparison: `user:password`, `token T`, `nobody`.
pub fn shown(login: Option<Login>) -> String {
    match login {
        None => "nobody".into(),
        Some(Login::Basic { user, password }) => format!("{user}:{}", *password.0),
        Some(Login::Identity(token)) => format!("token {}", *token.0),
    }
}
