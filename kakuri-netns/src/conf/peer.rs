//! [Peer]: whom we speak with.

use super::interface::once;
use super::known::{Known, Setting};
use super::report::Report;
use super::value;
use crate::tunnel::Endpoint;
use crate::{Cidr, Key, PublicKey};

/// As it stands, each value with its line.
pub(super) struct Peer {
    /// Where its section begins.
    pub line: usize,
    pub public_key: Option<(usize, PublicKey)>,
    pub preshared_key: Option<(usize, Option<Key>)>,
    pub endpoint: Option<(usize, Endpoint)>,
    pub allowed: Vec<(usize, Cidr)>,
    pub keepalive: Option<(usize, Option<u16>)>,
    pub key_named: bool,
}

impl Peer {
    pub fn begins(line: usize) -> Peer {
        Peer {
            line,
            public_key: None,
            preshared_key: None,
            endpoint: None,
            allowed: Vec::new(),
            keepalive: None,
            key_named: false,
        }
    }

    /// Takes one setting of this section.
    pub fn set(&mut self, line: usize, known: &'static Known, value: &str, report: &mut Report) {
        let name = known.name;
        match known.setting {
            Setting::PublicKey => {
                self.key_named = true;
                let parsed = value::key::<PublicKey>(value, "44 characters, as wg pubkey writes them");
                if let Some(key) = report.take_key(line, name, parsed) {
                    if key.bytes() == &[0; 32] {
                        report.error(line, name, "it is all zeros, which is nobody's key", "the server's public key");
                    }
                    once(&mut self.public_key, line, name, key, report);
                }
            }
            Setting::PresharedKey => {
                let parsed = value::key::<Key>(value, "44 characters, as wg genpsk writes them");
                if let Some(key) = report.take_key(line, name, parsed) {
                    // wg's way to say none.
                    let key = (key.bytes() != &[0; 32]).then_some(key);
                    once(&mut self.preshared_key, line, name, key, report);
                }
            }
            Setting::AllowedIps => {
                for word in value::list(value) {
                    if let Some((network, cut)) = report.take(line, name, word, value::network(word)) {
                        if cut {
                            report.warn(line, format_args!("AllowedIPs {word} is taken as its network, {network}"));
                        }
                        self.allowed.push((line, network));
                    }
                }
            }
            Setting::Endpoint => {
                if let Some(endpoint) = report.take(line, name, value, value::endpoint(value)) {
                    once(&mut self.endpoint, line, name, endpoint, report);
                }
            }
            // The last of the table: a setting of [Interface] does not come here.
            _ => {
                if let Some(seconds) = report.take(line, name, value, value::keepalive(value)) {
                    once(&mut self.keepalive, line, name, seconds, report);
                }
            }
        }
    }
}
