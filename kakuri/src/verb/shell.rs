//! `kakuri shell NAME`: joins the running container, else starts it; it lives until the last one leaves.
//!
//! As somebody's login shell (or an ssh ForceCommand) it takes no option and no KAKURI_* variable from who logs in,
//! and what it is asked to run is run by the container's shell.

use kakuri_wire::Bytes;
use kakuri_wire::fail::Result;

use super::{Surroundings, exec};
use crate::cli::Shell;
use crate::client;
use crate::client::session::Manner;
use crate::control::{Order, Words};
use crate::plan::Terminal;

pub fn run(wanted: &Shell, login: bool) -> Result<u8> {
    let login = login || wanted.login;
    if !login {
        super::start_log(wanted.general.verbose);
    }
    let surroundings = Surroundings::look(&wanted.general, login)?;
    let host = &surroundings.host;
    // sshd gives a ForceCommand's user what he asked for.
    let forced = host.var("SSH_ORIGINAL_COMMAND").filter(|_| wanted.login).map(|c| Bytes(c.to_vec()));
    let name = match wanted.name.as_str() {
        "" => host.user_name(),
        name => name.to_string(),
    };
    let order = Order {
        words: Words::Shell { login: true, script: wanted.command.clone().or(forced) },
        environment: client::environment(&wanted.environment, host)?,
        // Wherever whoever started it stood.
        workdir: if login { Some(Bytes(b"~".to_vec())) } else { wanted.workdir.clone() },
        user: wanted.user,
        terminal: [false; 3],
        window: None,
        pass: Vec::new(),
        first: false,
        interactive: true,
    };
    // A login that is left would go on with nobody to come back to it.
    let detach_keys = if login { Some(Vec::new()) } else { wanted.detach_keys.clone() };
    let manner = Manner { terminal: Terminal::Auto, detach_keys, passed: Vec::new() };
    exec::enter(&surroundings, &name, &order, &manner, login)
}
