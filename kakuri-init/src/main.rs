//! kakuri-init: PID 1 of a container.
//!
//! Holds every capability in S (and only there) until lo is up; none after, and before it parses anything
//! the user could make large or odd. What the container can reach of it: nothing but a signal.

#![no_main]

use std::ffi::OsString;

use kakuri_init::container::Container;
use kakuri_init::front::Front;
use kakuri_init::{Setup, byhand, filter, network, nsfs, payload};
use kakuri_wire::fail::{CODE_FAILED, Result, Stage};
use kakuri_wire::{caps, lifeline};

kakuri_wire::program!(run);

fn run(arguments: Vec<OsString>) -> u8 {
    if !kakuri_wire::byhand::by_front(&arguments) {
        return byhand::run(&arguments);
    }
    let link = match lifeline::attach(Stage::Init) {
        Ok(link) => link,
        Err(_) => return CODE_FAILED, // nobody is there to be told
    };
    let mut front = Front::new(link);
    match serve(&mut front) {
        Ok(code) => code,
        Err(fail) => front.fail(fail),
    }
}

/// The life of PID 1, as in the sequence of kakuri/docs/architecture.md.
fn serve(front: &mut Front) -> Result<u8> {
    let setup = front.greet()?;
    // With power: what only PID 1 can make, nothing of it named by the payload.
    let proc = nsfs::make_proc(&setup)?;
    let queue = nsfs::make_mqueue(&setup)?;
    network::make(&proc, &setup)?;
    let sys = nsfs::make_sysfs(&setup)?;
    let user = payload::begin_namespace(&proc, &setup)?;
    if setup.guarded {
        write_settings(&proc, &setup)?;
    }
    front.ready(&setup, &proc, queue, sys)?;
    // Beside kakuri-mount's work, where it does not mount anything upon them.
    if !setup.guarded {
        write_settings(&proc, &setup)?;
    }
    network::set_hostname(&setup)?;
    payload::leave_keyring();
    let user = user.finish()?;
    // Not before: P's maps are written through it.
    drop(proc);
    // Without: the user's words, then the command.
    // Nor may any exec give some back: P starts with full sets of its own, whatever ours are.
    caps::bound(Stage::Init, caps::Set::empty())?;
    caps::drop_all(Stage::Init)?;
    filter::install(setup.filter, setup.nest)?;
    let command = front.command()?;
    front.go()?;
    match command {
        Some(command) => Container::run(front, command, user),
        None => Container::hold(front, user),
    }
}

/// The kernel's settings of the container, by the proc file system of its own.
fn write_settings(proc: &nsfs::Proc, setup: &Setup) -> Result<()> {
    payload::limit_nesting(proc, setup)?;
    network::configure(proc, setup)
}
