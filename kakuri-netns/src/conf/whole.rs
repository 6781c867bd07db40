//! What all lines say together.

use std::collections::HashSet;

use super::interface::Interface;
use super::known::{self, Section};
use super::peer::Peer;
use super::read::{Item, Line};
use super::report::Report;
use super::{Conf, MAX_PEERS, Table, together};

/// What has been read so far.
#[derive(Default)]
struct Draft {
    interface: Option<(usize, Interface)>,
    peers: Vec<Peer>,
    /// None: before any section, or in one nobody knows.
    section: Option<Section>,
    /// An unknown section was named: its settings are not judged.
    unknown: bool,
    /// The line before was a key that is none: what follows may be the rest of it.
    broken_key: bool,
}

/// All of it; None where something has to be there and is not.
pub(super) fn judge<'a>(lines: impl Iterator<Item = Line<'a>>, report: &mut Report) -> Option<Conf> {
    let mut draft = Draft::default();
    for Line { number, item } in lines {
        match item {
            Item::Section(name) => draft.enter(number, name, report),
            Item::Setting { key, value } => draft.set(number, key, value, report),
            Item::Odd => {
                let hint = "a line is [Section], KEY = VALUE or a comment, which begins with #";
                report.error(number, "a line that is no setting", "there is no '=' in it", hint);
            }
        }
    }
    draft.finish(report)
}

impl Draft {
    fn enter(&mut self, line: usize, name: &str, report: &mut Report) {
        self.broken_key = false;
        self.section = Section::find(name);
        self.unknown = self.section.is_none();
        match self.section {
            Some(Section::Interface) => match &self.interface {
                None => self.interface = Some((line, Interface::default())),
                Some((first, _)) => {
                    let why = format!("line {first} begins it already");
                    report.error(line, "[Interface]", why, "there is one [Interface], and a [Peer] for each peer");
                }
            },
            Some(Section::Peer) => {
                if self.peers.len() == MAX_PEERS {
                    let why = format!("there are more than {MAX_PEERS} of them");
                    report.error(line, "[Peer]", why, "leave some out");
                }
                // Beyond the limit the last one takes what is said, so that it is still judged.
                if self.peers.len() <= MAX_PEERS {
                    self.peers.push(Peer::begins(line));
                }
            }
            None => {
                let hint = known::foreign_section(name).unwrap_or("the sections are [Interface] and [Peer]");
                report.error(
                    line,
                    format_args!("section {}", super::report::shown(name)),
                    "there is no such section",
                    hint,
                );
            }
        }
    }

    fn set(&mut self, line: usize, key: &str, value: &str, report: &mut Report) {
        let after_broken_key = std::mem::take(&mut self.broken_key);
        let Some(known) = known::find(key) else {
            if !self.unknown {
                unknown(line, key, after_broken_key, report);
            }
            return;
        };
        match self.section {
            // What is wrong with the section has been said.
            None if self.unknown => {}
            Some(section) if section == known.section => {
                let errors = report.errors.len();
                if value.is_empty() && !may_be_empty(known.name) {
                    report.error(line, known.name, "it has no value", "give it one, or remove the line");
                    return;
                }
                match (section, &mut self.interface, self.peers.last_mut()) {
                    (Section::Interface, Some((_, interface)), _) => interface.set(line, known, value, report),
                    (Section::Peer, _, Some(peer)) => peer.set(line, known, value, report),
                    _ => {}
                }
                self.broken_key = known.name.ends_with("Key") && report.errors.len() > errors;
            }
            Some(section) => {
                let why = format!("it stands in {}", section.name());
                report.error(line, known.name, why, format!("it belongs to {}", known.section.name()));
            }
            None => {
                let hint = format!("the line {} comes first", known.section.name());
                report.error(line, known.name, "it stands in no section", hint);
            }
        }
    }

    fn finish(self, report: &mut Report) -> Option<Conf> {
        let Some((_, interface)) = self.interface else {
            if report.errors.is_empty() {
                report.missing("there is no [Interface]", "it holds PrivateKey and Address");
            }
            return None;
        };
        if interface.private_key.is_none() && !interface.key_named {
            report.missing(
                "[Interface] has no PrivateKey",
                "wg genkey makes one; PostUp cannot bring it, hooks never run",
            );
        }
        if interface.addresses.is_empty() && !interface.address_named {
            report.missing("[Interface] has no Address", "the address the VPN gave you: Address = 10.0.0.2/24");
        } else if interface.addresses.is_empty() && report.errors.is_empty() {
            report.missing("Address in [Interface] is empty", "the address the VPN gave you: Address = 10.0.0.2/24");
        }
        if self.peers.is_empty() {
            report.missing("there is no [Peer]", "it holds PublicKey, AllowedIPs and Endpoint");
        }
        for peer in &self.peers {
            if peer.public_key.is_none() && !peer.key_named {
                report.error(peer.line, "[Peer]", "it has no PublicKey", "PublicKey = the server's public key");
            }
        }
        together::mtu_fits(&interface, report);
        together::peers_differ(&self.peers, &interface, report);
        together::allowed_once(&self.peers, report);
        together::remarks(&interface, &self.peers, report);
        build(interface, self.peers)
    }
}

/// A list may hold nothing, as wg and wg-quick have it.
fn may_be_empty(name: &str) -> bool {
    matches!(name, "Address" | "DNS" | "AllowedIPs")
        || known::find(name).is_some_and(|k| k.setting == known::Setting::Hook)
}

fn unknown(line: usize, key: &str, after_broken_key: bool, report: &mut Report) {
    // A word of letters, or it could be a piece of a key.
    let harmless =
        !after_broken_key && key.len() <= 24 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if !harmless || key.is_empty() {
        let hint = match key.starts_with(';') || key.starts_with("//") {
            true => "a comment begins with #",
            false => "a line is [Section], KEY = VALUE or a comment, which begins with #",
        };
        report.error(line, "a line that is no setting", "what stands before the '=' is no name", hint);
        return;
    }
    if known::is_amnezia(key) {
        let why = "it is a setting of AmneziaWG, whose packets WireGuard does not understand";
        report.error(line, key, why, "ask the VPN for a configuration of plain WireGuard");
        return;
    }
    let hint = match known::nearest(key) {
        Some(near) => format!("did you mean {}, of {}?", near.name, near.section.name()),
        None => "the settings are those of wg-quick(8) and wg(8)".into(),
    };
    report.error(line, key, "there is no such setting", hint);
}

fn build(interface: Interface, peers: Vec<Peer>) -> Option<Conf> {
    let mut built = Vec::with_capacity(peers.len());
    for peer in peers {
        let mut seen = HashSet::new();
        built.push(super::Peer {
            public_key: peer.public_key?.1,
            preshared_key: peer.preshared_key.and_then(|(_, key)| key),
            endpoint: peer.endpoint.map(|(_, endpoint)| endpoint),
            allowed: peer.allowed.into_iter().map(|(_, network)| network).filter(|n| seen.insert(*n)).collect(),
            keepalive: peer.keepalive.and_then(|(_, seconds)| seconds),
        });
    }
    Some(Conf {
        addresses: interface.addresses.into_iter().map(|(_, address)| address).collect(),
        dns: interface.dns.into_iter().map(|(_, server)| server).collect(),
        search: interface.search,
        mtu: interface.mtu.map(|(_, mtu)| mtu),
        table: interface.table.map_or(Table::Auto, |(_, table)| table),
        private_key: interface.private_key?.1,
        listen_port: interface.listen_port.and_then(|(_, port)| port),
        peers: built,
        hooks: interface.hooks,
        warnings: Vec::new(),
    })
}
