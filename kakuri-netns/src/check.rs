//! Whether a plan is one this program carries out. Makes no system call; runs before any right is taken.

use std::collections::HashSet;
use std::net::IpAddr;

use kakuri_wire::{Fail, Result, Stage};

use crate::{Link, PLAN_VERSION, Plan, Route};

/// More links than this no container has.
pub const MAX_LINKS: usize = 64;
/// More addresses than this no link has.
pub const MAX_ADDRESSES: usize = 1024;
/// More routes than this no VPN configuration has.
pub const MAX_ROUTES: usize = 65536;

/// Refuses an unknown version, names no link can have, and what the kernel would refuse half-way through.
pub fn check(plan: &Plan) -> Result<()> {
    if plan.version != PLAN_VERSION {
        return Err(bad(
            format!("plan version {}", plan.version),
            format!("this program knows version {PLAN_VERSION}"),
        ));
    }
    if let Some(name) = &plan.tun {
        name_is_sane(name).map_err(|why| bad(format!("TUN device '{}'", name.escape_debug()), why))?;
    }
    limit("links", plan.links.len(), MAX_LINKS)?;
    limit("routes", plan.routes.len(), MAX_ROUTES)?;
    let (mut now, mut then) = (HashSet::new(), HashSet::new());
    for link in &plan.links {
        check_link(link)?;
        if !now.insert(link.name.as_str()) || !then.insert(link.final_name()) {
            return Err(bad(format!("link '{}'", link.final_name()), "it is named twice"));
        }
    }
    plan.routes.iter().try_for_each(|route| check_route(route, &plan.links))
}

fn check_link(link: &Link) -> Result<()> {
    for name in [Some(&link.name), link.rename.as_ref()].into_iter().flatten() {
        if let Err(why) = name_is_sane(name) {
            return Err(bad(format!("link '{}'", name.escape_debug()), why));
        }
    }
    let of = |what: String| format!("{what} of link '{}'", link.name);
    limit(&format!("addresses of link '{}'", link.name), link.addresses.len(), MAX_ADDRESSES)?;
    let least = if link.addresses.iter().any(|a| !a.is_v4()) { 1280 } else { 68 };
    if let Some(mtu) = link.mtu.filter(|mtu| !(least..=65536).contains(mtu)) {
        let why = if least == 1280 { "with IPv6 it is 1280 to 65536" } else { "it is 68 to 65536" };
        return Err(bad(of(format!("mtu {mtu}")), why));
    }
    for (i, address) in link.addresses.iter().enumerate() {
        let ip = address.ip();
        if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(std::net::Ipv4Addr::BROADCAST) {
            return Err(bad(of(format!("address {address}")), "a link cannot have it"));
        }
        if link.addresses[..i].iter().any(|other| other.ip() == ip) {
            return Err(bad(of(format!("address {address}")), "it is named twice"));
        }
    }
    Ok(())
}

fn check_route(route: &Route, links: &[Link]) -> Result<()> {
    let to = route.to();
    let of = || format!("route to {to}");
    if to.network() != *to {
        return Err(bad(of(), format!("it has bits beyond its prefix; the network is {}", to.network())));
    }
    let Route::Unicast { link, via, source, .. } = route else { return Ok(()) };
    match links.iter().find(|l| l.final_name() == link) {
        None => return Err(bad(of(), format!("the plan has no link '{}'", link.escape_debug()))),
        Some(l) if !l.up => return Err(bad(of(), format!("link '{link}' is not brought up"))),
        Some(_) => {}
    }
    for (word, ip) in [("gateway", via), ("source", source)] {
        if let Some(ip) = ip.filter(|ip| ip.is_ipv4() != to.is_v4() || ip.is_unspecified() || ip.is_multicast()) {
            return Err(bad(of(), format!("{ip} cannot be its {word}")));
        }
    }
    Ok(())
}

/// What dev_valid_name() of the kernel takes, less what a terminal or a shell would stumble over, and `%`,
/// which the kernel would replace by a number.
fn name_is_sane(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > 15 {
        return Err("a link's name has 1 to 15 bytes");
    }
    if name == "." || name == ".." || !name.bytes().all(|b| b.is_ascii_graphic() && !b"/:%".contains(&b)) {
        return Err("a link's name has letters, digits, '.', '-', '_' and the like, no space, '/', ':' or '%'");
    }
    Ok(())
}

fn limit(what: &str, count: usize, most: usize) -> Result<()> {
    if count > most {
        return Err(bad(format!("{count} {what}"), format!("at most {most}")));
    }
    Ok(())
}

fn bad(what: impl std::fmt::Display, why: impl Into<String>) -> Fail {
    Fail::new(Stage::Netns, format!("the network plan is not sound: {what}")).why(why)
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
