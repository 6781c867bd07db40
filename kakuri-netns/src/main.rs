//! kakuri-netns: makes a network namespace what a plan says, and ends.
//!
//! Started by the front it is powerless while it reads and checks; then it joins the container's user and
//! network namespaces, holds CAP_NET_ADMIN there and nothing else, configures, answers and ends. The payload
//! runs only after that answer. It never sees a key, and never touches the host's network.

#![no_main]

use std::ffi::OsString;
use std::os::fd::AsFd;

use kakuri_netns::{FromNetns, Plan, ToNetns, byhand as own, check::check, link};
use kakuri_wire::channel::{Broken, Channel};
use kakuri_wire::{Fail, Result, Stage, byhand, caps, document, lifeline, namespace};

const STAGE: Stage = Stage::Netns;

kakuri_wire::program!(run);

fn run(arguments: Vec<OsString>) -> u8 {
    let done = if byhand::by_front(&arguments) { serve() } else { own::run(&arguments) };
    done.unwrap_or_else(|fail| byhand::report(STAGE, &fail))
}

/// For the front. What goes wrong is told on the link; only a link that is missing is told here.
fn serve() -> Result<u8> {
    let link = lifeline::attach(STAGE)?;
    let (answer, code) = match configure(&link) {
        Ok(()) => (FromNetns::Up { tun: false }, 0),
        Err(fail) => (FromNetns::Failed(fail.clone()), fail.code),
    };
    // A front that has gone hears nothing, and what it wanted goes with it.
    let _ = link.send(&answer, &[]);
    Ok(code)
}

fn configure(link: &Channel) -> Result<()> {
    // Whoever started the front: nothing is read with power. Joining needs none, S belongs to our own user.
    caps::drop_all(STAGE)?;
    let (ToNetns::Plan(version), carried) = link.recv().map_err(lost)? else { return Err(unexpected("Plan")) };
    version.check(STAGE)?;
    let document = carried.into_iter().next().ok_or_else(|| unexpected("Plan"))?;
    let plan: Plan = document::read(STAGE, document)?;
    check(&plan)?;

    let (ToNetns::Join, carried) = link.recv().map_err(lost)? else { return Err(unexpected("Join")) };
    let pid1 = carried.into_iter().next().ok_or_else(|| unexpected("Join"))?;
    // Both in one call: the network namespace is S's, and only S gives the right to enter it.
    namespace::join(STAGE, pid1.as_fd(), namespace::Kind::USER | namespace::Kind::NETWORK)?;
    caps::keep(STAGE, caps::Set::NET_ADMIN)?;
    link::configure(&plan)
}

fn unexpected(word: &str) -> Fail {
    Fail::new(STAGE, "kakuri spoke out of turn").why(format!("expected {word}"))
}

fn lost(broken: Broken) -> Fail {
    Fail::new(STAGE, "kakuri stopped talking to kakuri-netns").why(broken.to_string())
}
