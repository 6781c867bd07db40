//! This program run from a shell. Runs with the caller's own rights; the namespaces it makes give rights
//! over themselves alone.

mod child;
mod inside;
mod names;
mod vpn;

use std::ffi::OsString;
use std::io::Write;

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Bytes, Fail, Result, Stage, byhand, caps, document};
use nix::sched::CloneFlags;

use crate::{Plan, check::check, explain::explain, link};

const STAGE: Stage = Stage::Netns;
const USAGE: &str = "usage: kakuri-netns PLAN -- CMD [ARG...] | --vpn CONF -- CMD [ARG...] | --check PLAN | --explain PLAN | --vpn CONF --check | --vpn CONF --explain | --version | --help

Makes a user and a network namespace, configures it as PLAN says (a JSON file,
or - for standard input) and becomes CMD in it. With --vpn, CMD's whole network
is the WireGuard tunnel of CONF, a file as wg-quick(8) takes it.
";

pub fn run(arguments: &[OsString]) -> Result<u8> {
    let words: Vec<_> = arguments.iter().skip(1).map(|word| word.to_str().unwrap_or_default()).collect();
    match words.as_slice() {
        ["--version"] => Ok(byhand::print_version(STAGE)),
        ["--help" | "-h"] => Ok(print(USAGE)),
        ["--check", _] => read(&arguments[2]).map(|_| 0),
        ["--explain", _] => Ok(print(&explain(&read(&arguments[2])?))),
        ["--vpn", _, "--check"] => vpn::read(&arguments[2]).map(|_| 0),
        ["--vpn", _, "--explain"] => Ok(print(&explain_conf(&vpn::read(&arguments[2])?))),
        ["--vpn", _, "--", _, ..] => vpn::run(&arguments[2], &arguments[4..]),
        [file, "--", _, ..] if *file == "-" || !file.starts_with('-') => {
            let plan = read(&arguments[1])?;
            if let Some(name) = &plan.tun {
                return Err(Fail::new(STAGE, format!("the plan has a TUN device, '{name}', and nobody to serve it"))
                    .hint("take it out of the plan, or start a tunnel: kakuri-netns --vpn CONF -- CMD"));
            }
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
            caps::keep(STAGE, caps::Set::NET_ADMIN)?;
            link::configure(&plan)?;
            // CMD is root in the namespaces and gets what root has there, by the exec.
            Err(byhand::exec(STAGE, &arguments[3..]))
        }
        _ => Err(misuse(arguments)),
    }
}

/// Parsed and checked before anything is made.
fn read(name: &OsString) -> Result<Plan> {
    let plan = document::read_named(STAGE, name.as_ref())?;
    check(&plan).map(|()| plan)
}

/// The container's side of a configuration, its resolvers, and whom it speaks to. No key of anybody's but the public ones.
fn explain_conf(conf: &crate::conf::Conf) -> String {
    let mut words = explain(&conf.plan());
    for server in &conf.dns {
        words += &format!("resolver: {server}\n");
    }
    for domain in &conf.search {
        words += &format!("search: {domain}\n");
    }
    for peer in &conf.peers {
        let endpoint = peer.endpoint.as_ref().map_or("wherever it calls from".into(), ToString::to_string);
        words += &format!("peer: {} at {endpoint}\n", peer.public_key);
    }
    words
}

/// Moves this process into new namespaces, as root there: the caller's user and group are the only ones mapped.
fn unshare(kinds: CloneFlags) -> Result<()> {
    // Asked before: inside, they are the overflow id until the maps are written.
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    nix::sched::unshare(kinds)
        .fail(STAGE, || "cannot make a user and a network namespace".into())
        .map_err(|fail| fail.hint("`kakuri doctor` tells what refuses it and what mends it"))?;
    // setgroups first: the kernel takes a group map from an ordinary user only once it is denied.
    write("setgroups", "deny")?;
    write("gid_map", &format!("0 {group} 1"))?;
    write("uid_map", &format!("0 {user} 1"))
}

fn write(file: &str, text: &str) -> Result<()> {
    let path = format!("/proc/self/{file}");
    std::fs::write(&path, text).fail(STAGE, || format!("cannot write '{text}' to {path}"))
}

fn misuse(arguments: &[OsString]) -> Fail {
    let typed: Vec<String> = arguments.iter().skip(1).map(|word| Bytes::from(word).to_string()).collect();
    let what =
        if typed.is_empty() { "no plan given".into() } else { format!("cannot understand '{}'", typed.join(" ")) };
    Fail::new(STAGE, what).hint(USAGE.lines().next().unwrap_or_default())
}

fn print(text: &str) -> u8 {
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    0
}
