//! `kakuri vpn`: the VPN of a container with a name.

mod check;
mod status;

use std::io::IsTerminal;

use kakuri_wire::fail::{Fail, Result, Stage};
use serde_json::{Value, json};

use super::{FAILED, Surroundings};
use crate::cli::{General, Vpn};
use crate::network::{self, check::shown_publish};
use crate::output;
use crate::spec::{self, Network, Spec};
use crate::store::{Beside, Entry};
use crate::vpn::{self, describe, keep};

pub fn run(wanted: &Vpn) -> Result<u8> {
    let done = match wanted {
        Vpn::Set { name, vpn, general } => set(name, vpn, general),
        Vpn::Show { name, json, general } => show(name, *json, general),
        Vpn::Remove { name, general } => remove(name, general),
        Vpn::Check { vpn, general } => check::run(vpn, general),
        Vpn::Status { name, json, general } => status::run(name, *json, general),
    };
    done.map_err(|fail| fail.code(FAILED))
}

fn set(name: &str, wanted: &spec::Vpn, general: &General) -> Result<u8> {
    super::start_log(general.verbose);
    let here = Surroundings::look(general)?;
    let entry = here.store.find(name)?;
    // All a start would say against it is said before anything is changed.
    for note in vpn::wire(&Spec::default(), wanted, &here.host, None)?.notes {
        log::info!("{note}");
    }
    let copy = keep::take(wanted, &here.host)?;
    let mut before = None;
    let (file, content) = copy.file();
    let running = entry.amend(&Beside::Put(file, content), |record| {
        before = other_network(&record.spec);
        record.spec = Spec {
            vpn: Some(copy.vpn.clone()),
            network: None,
            publish: Vec::new(),
            host_ports: Vec::new(),
            dns: Vec::new(),
            ..std::mem::take(&mut record.spec)
        };
        Ok(())
    })?;
    if let Some(before) = before {
        output::warn(format_args!("the VPN of '{}' takes the place of {before}", entry.name));
    }
    if running {
        output::warn(format_args!(
            "'{0}' is running: its VPN holds from its next start on (kakuri restart {0})",
            entry.name
        ));
    }
    Ok(0)
}

/// What a VPN leaves nothing of, as it was typed.
fn other_network(spec: &Spec) -> Option<String> {
    let mode = spec.network.as_ref().filter(|mode| **mode != Network::None);
    let mode = mode.map(|mode| format!("--network {}", network::word(mode)));
    let ports = spec.publish.iter().map(|publish| format!("-p {}", shown_publish(publish)));
    let host_ports = spec.host_ports.iter().map(|port| format!("--allow-host-port {port}"));
    let dns = spec.dns.iter().map(|ip| format!("--dns {ip}"));
    let all: Vec<String> = mode.into_iter().chain(ports).chain(host_ports).chain(dns).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

fn remove(name: &str, general: &General) -> Result<u8> {
    super::start_log(general.verbose);
    let here = Surroundings::look(general)?;
    let entry = here.store.find(name)?;
    let running = entry.amend(&Beside::Remove(keep::COPY), |record| {
        if record.spec.vpn.take().is_none() {
            return Err(no_vpn(&entry.name));
        }
        // Whatever the configuration's default is: who wanted a VPN did not want the host's network.
        record.spec.network = Some(Network::None);
        Ok(())
    })?;
    if running {
        output::warn(format_args!("'{}' is running: it keeps its VPN until it ends", entry.name));
    } else if std::io::stderr().is_terminal() || general.verbose {
        output::warn(format_args!(
            "'{}' has no network now: kakuri vpn set, or kakuri start --network nat",
            entry.name
        ));
    }
    Ok(0)
}

fn no_vpn(name: &str) -> Fail {
    Fail::new(Stage::Front, format!("the container '{name}' has no VPN"))
        .hint(format!("kakuri vpn set {name} CONF gives it one"))
}

fn vpn_of(entry: &Entry) -> Result<&spec::Vpn> {
    entry.record.spec.vpn.as_ref().ok_or_else(|| no_vpn(&entry.name))
}

fn show(name: &str, json: bool, general: &General) -> Result<u8> {
    super::start_log(general.verbose);
    let here = Surroundings::look(general)?;
    let entry = here.store.find(name)?;
    let vpn = vpn_of(&entry)?;
    let conf = vpn::load(vpn, &here.host, Some(&entry.folder))?.conf;
    if json {
        let mut value = json!({
            "name": entry.name,
            "label": vpn::label(vpn),
            "config": vpn.config,
            "stored": vpn.stored,
            "on_failure": vpn.on_failure,
            "ignore_hooks": vpn.ignore_hooks,
        });
        if let (Value::Object(value), Value::Object(conf)) = (&mut value, describe::json(&conf)) {
            value.extend(conf);
        }
        return output::print(&output::json::pretty(&value));
    }
    output::print(&format!(
        "# '{}' of the container '{}', from {}\n{}",
        vpn::name(&vpn.config),
        entry.name,
        vpn.config,
        describe::text(&conf)
    ))
}
