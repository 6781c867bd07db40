//! `kakuri shell NAME`: joins the running container, else starts it; it lives until the last one leaves.
//!
//! As somebody's login shell (or an ssh ForceCommand) it takes no option and next to no variable from who logs in, and
//! what it is asked to run is run by the container's shell.

use std::os::unix::ffi::OsStrExt;

use kakuri_wire::fail::Result;
use kakuri_wire::{Bytes, sys};

use super::{Surroundings, exec};
use crate::cli::Shell;
use crate::client;
use crate::client::session::Manner;
use crate::control::{Order, Words};
use crate::plan::Terminal;
use crate::status::Reporter;

/// What whoever logs in may say by his environment: how his terminal is, and in which language he is spoken to. Where
/// files lie (HOME, XDG_*), what is run (PATH, SHELL) and how (KAKURI_*) would let him name a container of his own
/// making, with every folder bound in it; for the home the password file is asked.
const HEEDED: [&str; 7] = ["TERM", "COLORTERM", "LANG", "LANGUAGE", "TZ", "NO_COLOR", "SSH_ORIGINAL_COMMAND"];

/// Forgets the rest of the environment; before anything of it is read.
pub fn forget_environment() {
    // The system's own, as pam_systemd(8) sets it.
    let runtime = format!("/run/user/{}", rustix::process::getuid().as_raw());
    let own = std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|dir| dir.as_bytes() == runtime.as_bytes());
    sys::retain_variables(|key| {
        let key = key.as_bytes();
        key.starts_with(b"LC_")
            || HEEDED.iter().any(|heeded| heeded.as_bytes() == key)
            || (own && key == b"XDG_RUNTIME_DIR")
    });
}

pub fn run(wanted: &Shell, login: bool) -> Result<u8> {
    let login = login || wanted.login;
    if !login {
        super::start_log(wanted.general.verbose);
    }
    let surroundings = Surroundings::look(&wanted.general)?;
    let host = &surroundings.host;
    // sshd gives a ForceCommand's user what he asked for.
    let forced = host.var("SSH_ORIGINAL_COMMAND").filter(|_| wanted.login).map(|c| Bytes(c.to_vec()));
    let order = Order {
        words: Words::Shell { login: true, script: wanted.command.clone().or(forced) },
        environment: client::environment(&wanted.environment, host)?,
        // Wherever whoever started it stood.
        workdir: if login { Some(Bytes(b"~".to_vec())) } else { wanted.workdir.clone() },
        user: wanted.user.clone(),
        terminal: [false; 3],
        window: None,
        pass: Vec::new(),
        first: false,
        interactive: true,
    };
    // A login that is left would go on with nobody to come back to it.
    let detach_keys = if login { Some(Vec::new()) } else { wanted.detach_keys.clone() };
    let manner = Manner { terminal: Terminal::Auto, detach_keys, passed: Vec::new() };
    exec::enter(&surroundings, &wanted.name, &order, &manner, login, &mut Reporter::new(None))
}
