//! kakuri-netns: makes a network namespace what a plan says, minds a container's way out, or looks a name up.
//!
//! Started by the front it is powerless while it reads and checks; the first word on its link says which of the three
//! it is to be. Only the configurator ever gains a right, CAP_NET_ADMIN over the container, and it never sees a key.
//! Only the tunnel sees keys, and it can open nothing. What minds root's own ways out, a bridge or the kernel's WireGuard,
//! is born with rights over the host: CAP_NET_ADMIN is put aside until it is known that it is to be that.

#![no_main]

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};

use kakuri_netns::{FromNetns, ToNetns, Uplink, bridge, byhand as own, configure, resolve, tunnel, wireguard};
use kakuri_wire::channel::Channel;
use kakuri_wire::{Result, Stage, byhand, caps, lifeline};

const STAGE: Stage = Stage::Netns;

kakuri_wire::program!(run, kakuri_netns::Pool);

fn run(arguments: Vec<OsString>) -> u8 {
    let done = if byhand::by_front(&arguments) { serve() } else { own::run(&arguments) };
    done.unwrap_or_else(|fail| byhand::report(STAGE, &fail))
}

/// For the front. What goes wrong is told on the link; only a link that is missing is told here.
fn serve() -> Result<u8> {
    let link = lifeline::attach(STAGE)?;
    let code = match be_told(&link) {
        Ok(code) => code,
        Err(fail) => {
            // A front that has gone hears nothing, and what it wanted goes with it.
            let _ = link.send(&FromNetns::Failed(fail.clone()), &[]);
            fail.code
        }
    };
    Ok(code)
}

fn be_told(link: &Channel) -> Result<u8> {
    // Whoever started the front: nothing is read with power. Joining needs none, S belongs to our own user.
    let aside = caps::held(STAGE)? & bridge::rights();
    caps::put_aside(STAGE, caps::Set::empty(), aside)?;
    let (word, mut carried) = link.recv().map_err(configure::lost)?;
    if !matches!(word, ToNetns::Uplink(_)) {
        caps::drop_all(STAGE)?;
    }
    match word {
        ToNetns::Plan(version) => {
            version.check(STAGE)?;
            let tun = configure::serve(link, only(&mut carried)?)?;
            let tun: Vec<_> = tun.iter().map(AsFd::as_fd).collect();
            let _ = link.send(&FromNetns::Up { tun: !tun.is_empty() }, &tun);
            Ok(0)
        }
        ToNetns::Uplink(version) => {
            version.check(STAGE)?;
            let uplink = Uplink::read(only(&mut carried)?)?;
            caps::keep(STAGE, aside & uplink.rights())?;
            // What a terminal sends to those around it is the command's: this has to see the container out.
            let _ = rustix::process::setsid();
            match uplink {
                Uplink::Tunnel(tunnel) => tunnel::serve(link, tunnel),
                Uplink::Nat(nat) => kakuri_netns::nat::serve(link, nat),
                Uplink::Bridge(bridge) => bridge::serve(link, bridge),
                Uplink::Kernel(wireguard) => wireguard::serve(link, wireguard),
            }
        }
        ToNetns::Resolve { version, host, port } => {
            version.check(STAGE)?;
            let _ = link.send(&FromNetns::Resolved(resolve::resolve(&host, port)?), &[]);
            Ok(0)
        }
        ToNetns::Join | ToNetns::Tun | ToNetns::Endpoint { .. } | ToNetns::Status => {
            Err(configure::unexpected("Plan, Uplink or Resolve"))
        }
    }
}

/// The one descriptor a word carries; the link has counted it.
fn only(carried: &mut Vec<OwnedFd>) -> Result<OwnedFd> {
    carried.pop().ok_or_else(|| configure::unexpected("a document"))
}
