//! `kakuri vpn status`: how the tunnel of a running container is, asked of its supervisor.

use std::time::Duration;

use kakuri_netns::Status;
use kakuri_netns::status::{Engine, State};
use kakuri_wire::fail::Result;
use kakuri_wire::handshake::PROTOCOL;
use serde_json::Value;

use super::vpn_of;
use crate::cli::General;
use crate::client::{self, ask};
use crate::control::{FromSupervisor, ToSupervisor};
use crate::output::table::Table;
use crate::output::{self, time};
use crate::store::{Entry, State as Life};
use crate::verb::Surroundings;

/// A tunnel that is well answers at once.
const LIMIT: Duration = Duration::from_secs(5);

pub fn run(name: &str, json: bool, general: &General) -> Result<u8> {
    crate::verb::start_log(general.verbose);
    let here = Surroundings::look(general)?;
    let entry = here.store.find(name)?;
    if entry.state() != Life::Running {
        // One without a VPN has none when it runs, either, but for an option of that one start.
        vpn_of(&entry)?;
    }
    let status = asked(&entry)?;
    if json {
        let mut value = serde_json::to_value(&status).unwrap_or_default();
        if let Value::Object(fields) = &mut value {
            fields.insert("name".into(), entry.name.clone().into());
        }
        return output::print(&output::json::pretty(&value));
    }
    output::print(&text(&status, output::colours()))
}

fn asked(entry: &Entry) -> Result<Status> {
    let channel = client::connect_running(entry)?;
    ask::say(&channel, &ToSupervisor::Tunnel { protocol: PROTOCOL })?;
    match ask::hear(&channel, LIMIT)? {
        (FromSupervisor::Tunnel(status), _) => Ok(*status),
        (other, _) => Err(ask::unexpected(other)),
    }
}

fn text(status: &Status, colours: bool) -> String {
    let engine = match status.engine {
        Engine::Userspace => "in user space",
        Engine::Kernel => "the kernel's",
    };
    let list = |words: &[String]| if words.is_empty() { "none".into() } else { words.join(", ") };
    let dropped: Vec<String> =
        status.dropped.iter().filter(|(_, n)| **n > 0).map(|(why, n)| format!("{n} {why}")).collect();
    let mut text = format!(
        "engine    {engine}\nport      {} (UDP, of the host)\noffloads  {}\ndropped   {}\n\n",
        status.listen_port,
        list(&status.offloads.iter().map(|word| output::plain(word.as_bytes())).collect::<Vec<_>>()),
        list(&dropped.iter().map(|word| output::plain(word.as_bytes())).collect::<Vec<_>>()),
    );
    let mut table = Table::new(["PEER", "ENDPOINT", "STATE", "HANDSHAKE", "RECEIVED", "SENT"]);
    for peer in &status.peers {
        let state = match peer.state {
            State::Idle => "idle",
            State::Connecting => "connecting",
            State::Connected => "connected",
            State::Silent => "silent",
        };
        table.row([
            peer.public_key.to_string(),
            peer.endpoint.map_or("-".into(), |address| address.to_string()),
            state.into(),
            peer.handshake_age.map_or("never".into(), |age| format!("{} ago", time::span(Duration::from_secs(age)))),
            bytes(peer.received),
            bytes(peer.sent),
        ]);
    }
    text += &table.text(colours);
    if status.more > 0 {
        text += &format!("and {} more\n", status.more);
    }
    text
}

/// `512 B`, `1.5 KiB`, as wg(8) shows them.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut rest = count as f64 / 1024.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if rest < 1024.0 {
            break;
        }
        rest /= 1024.0;
        unit = larger;
    }
    format!("{rest:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kakuri_netns::status::Peer;

    use super::*;

    #[test]
    fn counts_for_people() {
        for (count, text) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB"), (u64::MAX, "16.0 EiB")]
        {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn a_line_for_each_peer() {
        let key = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
        let peer = Peer {
            public_key: key.parse().expect("a key"),
            endpoint: Some("192.0.2.1:51820".parse().expect("an address")),
            state: State::Connected,
            handshake_age: Some(12),
            received: 2048,
            sent: 5,
        };
        let status = Status {
            engine: Engine::Userspace,
            listen_port: 51820,
            offloads: vec!["udp-gso".into()],
            peers: vec![peer],
            more: 0,
            dropped: BTreeMap::from([("no peer".into(), 3), ("other".into(), 0)]),
        };
        assert!(text(&Status { more: 7, ..status.clone() }, false).ends_with("\nand 7 more\n"));
        let text = text(&status, false);
        assert!(text.contains("offloads  udp-gso\ndropped   3 no peer\n"), "{text}");
        let line = text.lines().last().expect("a line");
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells, [key, "192.0.2.1:51820", "connected", "12 seconds ago", "2.0 KiB", "5 B"], "{text}");
    }
}
