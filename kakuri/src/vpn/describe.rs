//! A configuration as it may be shown: no private key, no preshared key, no comment, no command.

use kakuri_netns::Cidr;
use kakuri_netns::conf::{Conf, Peer, Table};
use serde_json::{Value, json};

/// In the place of a secret.
pub const HIDDEN: &str = "(hidden)";

/// In the form of the file.
pub fn text(conf: &Conf) -> String {
    let mut lines = vec!["[Interface]".to_string(), format!("PrivateKey = {HIDDEN}")];
    let mut line = |key: &str, value: String| lines.push(format!("{key} = {value}"));
    line("Address", list(&conf.addresses));
    let names: Vec<String> = conf.dns.iter().map(ToString::to_string).chain(conf.search.iter().cloned()).collect();
    if !names.is_empty() {
        line("DNS", names.join(", "));
    }
    if let Some(mtu) = conf.mtu {
        line("MTU", mtu.to_string());
    }
    if let Some(port) = conf.listen_port {
        line("ListenPort", port.to_string());
    }
    if conf.table == Table::Off {
        line("Table", "off".into());
    }
    for hook in &conf.hooks {
        line(hook.key, "(never runs)".into());
    }
    for peer in &conf.peers {
        lines.extend(peer_lines(peer));
    }
    lines.join("\n") + "\n"
}

fn peer_lines(peer: &Peer) -> Vec<String> {
    let mut lines = vec![String::new(), "[Peer]".into(), format!("PublicKey = {}", peer.public_key)];
    if peer.preshared_key.is_some() {
        lines.push(format!("PresharedKey = {HIDDEN}"));
    }
    if !peer.allowed.is_empty() {
        lines.push(format!("AllowedIPs = {}", list(&peer.allowed)));
    }
    lines.extend(peer.endpoint.iter().map(|endpoint| format!("Endpoint = {endpoint}")));
    lines.extend(peer.keepalive.map(|seconds| format!("PersistentKeepalive = {seconds}")));
    lines
}

/// `10.0.0.0/8, fd00::/64`.
pub fn list(networks: &[Cidr]) -> String {
    networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// For programs.
pub fn json(conf: &Conf) -> Value {
    let peer = |peer: &Peer| {
        json!({
            "public_key": peer.public_key,
            "preshared_key": peer.preshared_key.as_ref().map(|_| HIDDEN),
            "endpoint": peer.endpoint.as_ref().map(ToString::to_string),
            "allowed_ips": peer.allowed,
            "persistent_keepalive": peer.keepalive,
        })
    };
    json!({
        "private_key": HIDDEN,
        "addresses": conf.addresses,
        "dns": conf.dns,
        "search": conf.search,
        "mtu": conf.mtu,
        "table": if conf.table == Table::Off { "off" } else { "auto" },
        "listen_port": conf.listen_port,
        "hooks": conf.hooks.iter().map(|hook| json!({ "key": hook.key, "line": hook.line })).collect::<Vec<_>>(),
        "peers": conf.peers.iter().map(peer).collect::<Vec<_>>(),
        "warnings": conf.warnings,
    })
}
