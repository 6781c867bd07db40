//! [Interface]: ourselves.

use std::net::IpAddr;

use super::known::{Known, Setting};
use super::report::Report;
use super::value::{self, Dns};
use super::{Hook, Table};
use crate::{Cidr, Key};

/// Resolvers, and search domains, at most: all of them are told in one message to who shares the network, and the C
/// library heeds 3 of the ones and few of the others.
const MAX_DNS: usize = 32;

/// As it stands, each value with its line.
#[derive(Default)]
pub(super) struct Interface {
    pub private_key: Option<(usize, Key)>,
    pub listen_port: Option<(usize, Option<u16>)>,
    pub addresses: Vec<(usize, Cidr)>,
    pub dns: Vec<(usize, IpAddr)>,
    pub search: Vec<String>,
    pub mtu: Option<(usize, u32)>,
    pub table: Option<(usize, Table)>,
    pub hooks: Vec<Hook>,
    mark: Option<(usize, bool)>,
    /// There is an Address of which nothing came: what is wrong has been said.
    pub address_named: bool,
    pub key_named: bool,
}

impl Interface {
    /// Takes one setting of this section.
    pub fn set(&mut self, line: usize, known: &'static Known, value: &str, report: &mut Report) {
        let name = known.name;
        match known.setting {
            Setting::PrivateKey => {
                self.key_named = true;
                let parsed = value::key::<Key>(value, "44 characters, as wg genkey writes them");
                if let Some(key) = report.take_key(line, name, parsed) {
                    if key.bytes() == &[0; 32] {
                        report.error(line, name, "it is all zeros, which is no key", "wg genkey makes one");
                    }
                    once(&mut self.private_key, line, name, key, report);
                }
            }
            Setting::Address => {
                self.address_named = true;
                for word in value::list(value) {
                    if let Some(address) = report.take(line, name, word, value::address(word)) {
                        self.add_address(line, address, report);
                    }
                }
            }
            Setting::Dns => {
                for word in value::list(value) {
                    match report.take(line, name, word, value::dns(word)) {
                        Some(Dns::Server(ip)) if self.dns.iter().all(|(_, known)| *known != ip) => {
                            self.dns.push((line, ip));
                            bound(self.dns.len(), line, "resolvers", report);
                        }
                        Some(Dns::Domain(domain)) if !self.search.contains(&domain) => {
                            self.search.push(domain);
                            bound(self.search.len(), line, "search domains", report);
                        }
                        _ => {}
                    }
                }
            }
            Setting::Mtu => {
                if let Some(mtu) = report.take(line, name, value, value::mtu(value)) {
                    once(&mut self.mtu, line, name, mtu, report);
                }
            }
            Setting::ListenPort => {
                if let Some(port) = report.take(line, name, value, value::port(value)) {
                    once(&mut self.listen_port, line, name, port, report);
                }
            }
            Setting::FwMark => {
                if let Some(wanted) = report.take(line, name, value, value::mark(value)) {
                    once(&mut self.mark, line, name, wanted, report);
                    if wanted {
                        report.warn(line, "FwMark has no meaning here: the tunnel's own packets never meet its routes");
                    }
                }
            }
            Setting::Table => {
                if let Some((table, other)) = report.take(line, name, value, value::table(value)) {
                    once(&mut self.table, line, name, table, report);
                    if other {
                        report
                            .warn(line, "Table other than auto and off has no meaning here: routes go to the main one");
                    }
                }
            }
            Setting::SaveConfig => {
                if report.take(line, name, value, value::boolean(value)) == Some(true) {
                    self.hooks.push(Hook { line, key: name });
                }
            }
            Setting::Applications => {
                report.warn(line, format_args!("{name} is for Android, and has no meaning here"));
            }
            // The rest of the table, which is the hooks: a setting of [Peer] does not come here.
            _ => self.hooks.push(Hook { line, key: name }),
        }
    }

    fn add_address(&mut self, line: usize, address: Cidr, report: &mut Report) {
        match self.addresses.iter().find(|(_, known)| known.ip() == address.ip()) {
            Some((_, known)) if *known == address => {}
            Some((first, known)) => report.error(
                line,
                format_args!("Address = {address}"),
                format!("line {first} has it as {known}"),
                "an address has one prefix: keep one of them",
            ),
            None if self.addresses.len() >= crate::check::MAX_ADDRESSES => {
                let most = crate::check::MAX_ADDRESSES;
                report.error(line, "Address", format!("there are more than {most} of them"), "leave some out");
            }
            None => self.addresses.push((line, address)),
        }
    }
}

/// One more than [`MAX_DNS`] is an error, told once.
fn bound(count: usize, line: usize, what: &str, report: &mut Report) {
    if count == MAX_DNS + 1 {
        report.error(line, "DNS", format!("there are more than {MAX_DNS} {what}"), "leave some out");
    }
}

/// A value that stands once in its section.
pub(super) fn once<T>(slot: &mut Option<(usize, T)>, line: usize, name: &str, value: T, report: &mut Report) {
    match slot {
        None => *slot = Some((line, value)),
        Some((first, _)) => {
            let hint = match name {
                "PublicKey" | "Endpoint" | "PresharedKey" => "each peer begins with a line [Peer]",
                _ => "keep one of them",
            };
            report.error(line, name, format!("line {first} of this section says it already"), hint);
        }
    }
}
