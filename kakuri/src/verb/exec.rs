//! `kakuri exec NAME CMD`: a command in a container; a stopped one is started for as long as somebody is in it.

use kakuri_wire::Channel;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::Surroundings;
use crate::cli::Exec;
use crate::client::session::{self, Manner};
use crate::client::starter::{Begun, Starter, Wish};
use crate::client::{self, ask};
use crate::control::{FromSupervisor, Order, ToSupervisor, Words};
use crate::plan::Terminal;
use crate::run::take_passed;
use crate::status::Reporter;
use crate::supervise::Outcome;
use crate::supervisor::Life;
use crate::terminal::Caller;
use crate::{exit, output, store};
use kakuri_wire::document;
use kakuri_wire::handshake::PROTOCOL;
use std::os::fd::BorrowedFd;

/// A container that ends in the moment it is entered is started anew; this often.
const TRIES: usize = 50;

pub fn run(wanted: &Exec, login: bool) -> Result<u8> {
    // Before anything of ours is opened, at what might be one of these numbers.
    let mut reporter = super::report(wanted.status_fd, &wanted.general)?;
    exec(wanted, login, &mut reporter).inspect_err(|fail| reporter.failed(fail))
}

fn exec(wanted: &Exec, login: bool, reporter: &mut Reporter) -> Result<u8> {
    let passed = take_passed(&wanted.pass)?;
    super::start_log(wanted.general.verbose);
    let surroundings = Surroundings::look(&wanted.general)?;
    let order = Order {
        words: Words::Command(wanted.command.clone()),
        environment: client::environment(&wanted.environment, &surroundings.host)?,
        workdir: wanted.workdir.clone(),
        user: wanted.user.clone(),
        terminal: [false; 3],
        window: None,
        pass: wanted.pass.clone(),
        first: false,
        interactive: wanted.interactive,
    };
    let terminal = match wanted.terminal {
        None => Terminal::Auto,
        Some(true) => Terminal::Always,
        Some(false) => Terminal::Never,
    };
    if wanted.detach {
        if !passed.is_empty() {
            return Err(Fail::new(Stage::Front, "--pass-fd with -d has nobody to pass a descriptor from")
                .hint("leave one of them out"));
        }
        return detached(&surroundings, &wanted.name, order, terminal == Terminal::Always, login);
    }
    let manner = Manner { terminal, detach_keys: wanted.detach_keys.clone(), passed };
    enter(&surroundings, &wanted.name, &order, &manner, login, reporter)
}

/// Runs a command in the container, in the foreground.
pub fn enter(
    surroundings: &Surroundings,
    name: &str,
    order: &Order,
    manner: &Manner,
    login: bool,
    reporter: &mut Reporter,
) -> Result<u8> {
    let caller = Caller::look()?;
    for _ in 0..TRIES {
        let (control, begun) = reach(surroundings, name, login)?;
        let Some((mut session, terminal)) = session::begin(control, order.clone(), &caller, manner)? else { continue };
        reporter.running(session.pid);
        return match session.mind(&caller, terminal, manner, false)? {
            Outcome::Ended { status, usage, .. } => {
                let refused = session.refused();
                if let Some(refused) = &refused {
                    refused.tell();
                }
                if begun {
                    session.settle();
                }
                reporter.ended(status, false, usage, None, refused.as_ref());
                let code = exit::code(status, false);
                if code == exit::KILLED && !begun {
                    tell_shortage(surroundings, name);
                }
                Ok(code)
            }
            Outcome::Left => Ok(left(name, session.was_taken())),
        };
    }
    Err(unstable(name))
}

/// A command that was killed may have been for want of memory: the container says, if it still runs.
fn tell_shortage(surroundings: &Surroundings, name: &str) {
    let facts = surroundings.store.find(name).and_then(|entry| ask::look(&entry)).ok();
    if let Some(shortage) = facts.and_then(|facts| facts.usage?.shortage()) {
        output::warn(format!("{name}: {shortage}"));
    }
}

/// Says that the command goes on without us.
pub fn left(name: &str, taken: bool) -> u8 {
    let why = if taken { "another `attach` took its terminal" } else { "it runs on" };
    if !output::is_hushed() {
        eprintln!("\r\nkakuri: left '{name}', {why}: kakuri attach {name}");
    }
    0
}

fn detached(surroundings: &Surroundings, name: &str, mut order: Order, terminal: bool, login: bool) -> Result<u8> {
    order.terminal = [terminal; 3];
    for _ in 0..TRIES {
        let control = supervisor_of(surroundings, name, login)?;
        if order_detached(&control, &order)? {
            return Ok(0);
        }
    }
    Err(unstable(name))
}

/// Has a command started in the background; false where the supervisor ended before it took the order.
pub fn order_detached(control: &Channel, order: &Order) -> Result<bool> {
    let document = document::pack(Stage::Front, order)?;
    let fds: Vec<BorrowedFd> = document.descriptor().into_iter().collect();
    let asked = control.send_enclosing(&ToSupervisor::Detached { protocol: PROTOCOL }, document.enclosed(), &fds);
    if asked.is_err() && !matches!(asked, Err(kakuri_wire::channel::Broken::Closed)) {
        return asked.map(|()| true).map_err(|e| ask::lost(&e));
    }
    match control.recv() {
        Ok((FromSupervisor::Started { .. }, _)) => Ok(true),
        Ok((other, _)) => {
            ask::settle(control);
            Err(ask::unexpected(other))
        }
        Err(kakuri_wire::channel::Broken::Closed) => Ok(false),
        Err(e) => Err(ask::lost(&e)),
    }
}

/// The supervisor of a container that runs, or is started for us.
pub fn supervisor_of(surroundings: &Surroundings, name: &str, login: bool) -> Result<Channel> {
    reach(surroundings, name, login).map(|(control, _)| control)
}

/// The same, and whether it was started for us.
fn reach(surroundings: &Surroundings, name: &str, login: bool) -> Result<(Channel, bool)> {
    if let Some(control) = client::running(&surroundings.store, name) {
        return Ok((control, false));
    }
    for _ in 0..TRIES {
        let entry = surroundings.store.find(name)?;
        // A shortened name is a convenience of who may name any; a login is for one container.
        if login && entry.name != name {
            return Err(store::name::unknown(name, &[]));
        }
        if let Some(control) = client::connect(&entry)? {
            return Ok((control, false));
        }
        let wish = Wish { entry: &entry, spec: entry.record.spec.clone(), life: Life::WhileUsed };
        // Held or changed meanwhile: it is looked at anew.
        if let Begun::Supervisor(control) = (Starter { surroundings, login }).start(wish)? {
            return Ok((control, true));
        }
    }
    Err(unstable(name))
}

pub fn unstable(name: &str) -> Fail {
    Fail::new(Stage::Front, format!("cannot enter the container '{name}'"))
        .why("it ended each time before it could be entered")
        .hint(format!("kakuri logs {name} may tell why"))
        .code(super::FAILED)
}
