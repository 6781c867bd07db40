//! `--network bridge`: root's containers on a bridge of the host's. What is decided here changes nothing on it.

use std::net::IpAddr;
use std::path::Path;

use kakuri_netns::{Bridge, RESOLVER, Uplink};
use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::{Bytes, caps};

use super::{Kind, Wiring, nat};
use crate::host::Host;
use crate::output;
use crate::spec::{OnFailure, Spec};

/// `folder`: where a container with a name lies. Decides all but the ports that are to be free ones.
pub fn wire(spec: &Spec, host: &Host, folder: Option<&Path>) -> Result<Wiring> {
    if !host.is_real_root() {
        return Err(Fail::new(Stage::Front, "--network bridge is for root")
            .why("a bridge is a part of the host's own network, which nobody else may change")
            .hint("--network nat reaches the world too, and needs no root"));
    }
    if !may_configure()? {
        return Err(Fail::new(Stage::Front, "--network bridge needs CAP_NET_ADMIN")
            .why("root has not got it here, as in most containers")
            .hint("--network nat needs no capability"));
    }
    let resolvers = if spec.dns.is_empty() { asked_by_host() } else { spec.dns.clone() };
    let mut notes = Vec::new();
    if resolvers.is_empty() {
        notes.push("the host has no resolver: inside, only the names of containers on the bridge are known".into());
    }
    let ports = spec.publish.iter().map(nat::forward).collect();
    Ok(Wiring {
        label: "bridge".into(),
        kind: Kind::Own,
        netns: None,
        uplink: Some(Uplink::Bridge(Bridge { names: names(spec, folder), ports, resolvers })),
        on_failure: OnFailure::Stop,
        resolvers: Some(vec![RESOLVER.into()]),
        search: spec.dns_search.clone(),
        hosts: spec.hosts.clone(),
        joined: None,
        notes,
    })
}

/// Whether helpers of ours are born with the right to change the host's network.
pub fn may_configure() -> Result<bool> {
    Ok(caps::held(Stage::Front)?.contains(caps::Set::NET_ADMIN))
}

/// At a start, what it changes on the host and does not change back.
pub fn tell() {
    if std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").is_ok_and(|text| text.trim() == "0") {
        let told = Fail::new(Stage::Front, "this host passes packets on between its networks from now on")
            .why("containers on the bridge reach no further otherwise (net.ipv4.ip_forward=1)")
            .hint("when none is left: sysctl net.ipv4.ip_forward=0");
        output::warn(told);
    }
}

/// What others on the bridge find it by: its name, and the host name it was given. One without either has none.
fn names(spec: &Spec, folder: Option<&Path>) -> Vec<String> {
    let name = folder.and_then(Path::file_name).map(|name| Bytes::from(name).to_string());
    let mut names: Vec<String> = name.into_iter().chain(spec.hostname.clone()).collect();
    names.dedup();
    names
}

fn asked_by_host() -> Vec<IpAddr> {
    nat::servers(&std::fs::read("/etc/resolv.conf").unwrap_or_default())
}
