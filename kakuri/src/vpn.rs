//! `--vpn`: from what the user typed to a container's whole network.
//!
//! A configuration is found ([`find`]), read once ([`file`]) and judged by its own parser
//! ([`kakuri_netns::conf`]) before anything is made. A container with a name keeps a copy of its own
//! ([`keep`]), and never starts without it. Names of endpoints are looked up last, and only for a start ([`resolve::resolve`]).

pub mod describe;
pub mod file;
pub mod find;
pub mod keep;
mod resolve;

use std::path::Path;

use kakuri_netns::Uplink;
use kakuri_netns::conf::{self, Conf};
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use crate::host::Host;
use crate::network::{Kind, Wiring};
use crate::spec::{Spec, Vpn};
use file::Text;
pub use resolve::{look_up, resolve};

/// A configuration, and where it was.
pub struct Loaded {
    pub conf: Conf,
    /// For messages, as its user would name it.
    pub shown: String,
    /// Absolute.
    pub path: Vec<u8>,
    pub notes: Vec<String>,
}

/// What the network of a container with this VPN is. `folder`: where a container with a name lies, whose own copy counts.
pub fn wire(spec: &Spec, vpn: &Vpn, host: &Host, folder: Option<&Path>) -> Result<Wiring> {
    let Loaded { conf, shown, mut notes, .. } = load(vpn, host, folder)?;
    refuse_hooks(&conf, vpn, &shown)?;
    let mut netns = conf.plan();
    if conf.mtu.is_none() {
        // What the way to the endpoint lets through is asked when their addresses are known.
        netns.links.iter_mut().filter(|link| link.name == conf::DEVICE).for_each(|link| link.mtu = None);
    }
    notes.extend(conf.warnings.iter().cloned());
    if !conf.has_v6() {
        notes.push("the VPN gives no IPv6 address: IPv6 is off inside".into());
    }
    let mut search = conf.search.clone();
    search.extend(spec.dns_search.iter().filter(|domain| !conf.search.contains(domain)).cloned());
    Ok(Wiring {
        label: label(vpn),
        kind: Kind::Own,
        netns: Some(netns),
        uplink: Some(Uplink::Tunnel(conf.tunnel())),
        on_failure: vpn.on_failure,
        resolvers: Some(conf.dns.clone()),
        search,
        hosts: spec.hosts.clone(),
        joined: None,
        notes,
    })
}

/// What such a network is called: `vpn work`.
pub fn label(vpn: &Vpn) -> String {
    format!("vpn {}", name(&vpn.config))
}

/// The configuration's name: that of its file without `.conf`.
pub fn name(config: &Bytes) -> String {
    let bytes = config.as_bytes();
    let base = bytes.rsplit(|&b| b == b'/').find(|part| !part.is_empty()).unwrap_or(bytes);
    let base = base.strip_suffix(b".conf").filter(|stem| !stem.is_empty()).unwrap_or(base);
    crate::output::shorten(&Bytes(base.to_vec()).to_string(), 40)
}

/// Finds, reads and judges it. Others who can read the file are told of, on standard error.
pub fn load(vpn: &Vpn, host: &Host, folder: Option<&Path>) -> Result<Loaded> {
    let (text, shown, path, notes) = match (vpn.stored, folder) {
        (true, Some(folder)) => {
            let path = folder.join(keep::COPY);
            (keep::read(folder, vpn)?, Bytes::from(&path).to_string(), Bytes::from(&path).0, Vec::new())
        }
        (true, None) => {
            return Err(Fail::new(Stage::Front, format!("cannot use the VPN '{}'", name(&vpn.config)))
                .why("it is a container's own copy, and no container was named"));
        }
        (false, _) => {
            let found = find::find(&vpn.config, host)?;
            (file::read(&found.path, &found.shown)?, found.shown, found.path, found.notes)
        }
    };
    if let Some(open) = file::open_to_others(&text, &path) {
        crate::output::warn(open);
    }
    Ok(Loaded { conf: judge(&text, &shown)?, shown, path, notes })
}

fn judge(text: &Text, shown: &str) -> Result<Conf> {
    // Where it was read is ours to know; who read it was the front.
    conf::parse(shown, &text.bytes).map_err(|fail| Fail { stage: Stage::Front, ..fail })
}

/// Commands never run, and who wrote them counts on their running.
pub fn refuse_hooks(conf: &Conf, vpn: &Vpn, shown: &str) -> Result<()> {
    let Some(first) = conf.hooks.first().filter(|_| !vpn.ignore_hooks) else { return Ok(()) };
    let more: Vec<String> = conf.hooks[1..].iter().take(4).map(|h| format!("{} in line {}", h.key, h.line)).collect();
    let also = match (more.len(), conf.hooks.len() - 1) {
        (0, _) => String::new(),
        (named, all) if named == all => format!("; so is {}", more.join(", ")),
        (_, all) => format!("; so are {all} more"),
    };
    Err(Fail::new(Stage::Front, format!("{shown}:{}: {}", first.line, first.key))
        .why(format!("it asks for what wg-quick does on the host, and kakuri never does that{also}"))
        .hint("--vpn-ignore-hooks goes on without; kakuri sets routes and resolvers itself, and lets nothing past the tunnel"))
}
