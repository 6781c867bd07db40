//! `kakuri vpn check`: all that is to be said of a configuration.

use kakuri_netns::conf::{self, Conf};
use kakuri_netns::{Tunnel, explain};
use kakuri_wire::fail::Result;

use crate::cli::General;
use crate::host::Host;
use crate::output;
use crate::spec::Vpn;
use crate::verb::FAILED;
use crate::vpn::{self, describe, file, find};

pub fn run(wanted: &Vpn, general: &General) -> Result<u8> {
    crate::verb::start_log(general.verbose);
    let host = Host::look();
    let found = find::find(&wanted.config, &host)?;
    let text = file::read(&found.path, &found.shown)?;
    found.notes.iter().for_each(output::warn);
    if let Some(open) = file::open_to_others(&text, &found.path) {
        output::warn(open);
    }
    let examined = conf::examine(&found.shown, &text.bytes);
    examined.warnings.iter().for_each(output::warn);
    examined.errors.iter().for_each(output::warn);
    let Some(conf) = examined.conf else { return Ok(FAILED) };
    let hooks = vpn::refuse_hooks(&conf, wanted, &found.shown);
    let (tunnel, looked_up, notes) = vpn::look_up(&conf, &found.shown);
    notes.iter().for_each(output::warn);
    output::print(&words(&found.shown, &conf, &tunnel))?;
    let wrong: Vec<_> = [hooks, looked_up].into_iter().filter_map(Result::err).collect();
    wrong.iter().for_each(output::warn);
    Ok(if wrong.is_empty() { 0 } else { FAILED })
}

/// What a container with it gets.
fn words(shown: &str, conf: &Conf, tunnel: &Tunnel) -> String {
    let mut lines = Vec::new();
    let mut line = |what: &str, words: String| lines.push(format!("{what:<10}{words}"));
    line("file", shown.into());
    for step in explain::explain(&conf.plan()).lines() {
        line("network", step.into());
    }
    match &conf.dns[..] {
        [] => line("dns", "none: names do not resolve".into()),
        servers => line("dns", servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
    if !conf.search.is_empty() {
        line("search", conf.search.join(", "));
    }
    line("ipv6", if conf.has_v6() { "on" } else { "off: there is no IPv6 address" }.into());
    match conf.listen_port {
        Some(port) => line("listens", format!("UDP port {port} of the host")),
        None => line("listens", "UDP port of the host that is free".into()),
    }
    for peer in &tunnel.peers {
        line("peer", peer.public_key.to_string());
        if let Some(endpoint) = &peer.endpoint {
            let address = match endpoint.address {
                Some(address) if endpoint.is_named() => format!(", now {address}"),
                Some(_) => String::new(),
                None => ", which has no address now".into(),
            };
            line("", format!("at {endpoint}{address}"));
        }
        match &peer.allowed[..] {
            [] => line("", "for nothing: it has no AllowedIPs".into()),
            allowed => line("", format!("for {}", describe::list(allowed))),
        }
        if peer.preshared_key.is_some() {
            line("", "with a preshared key".into());
        }
        if let Some(seconds) = peer.keepalive {
            line("", format!("keepalive every {seconds} s"));
        }
    }
    lines.iter().map(|line| line.trim_end().to_string() + "\n").collect()
}
