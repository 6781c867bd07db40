//! `kakuri vpn ...`: the WireGuard configuration a container with a name has.

use super::super::options::spec::USUAL;
use super::super::options::verb::*;
use super::super::vpn;
use super::{Group, Prefer, Verb, Words};

/// In the order of the help.
pub const VPN: [&Verb; 5] = [&SET, &SHOW, &REMOVE, &CHECK, &STATUS];

pub static VPN_VERB: Verb = Verb {
    name: "vpn",
    also: &[],
    group: Group::Life,
    usage: "VERB ...",
    about: "Give a container a WireGuard VPN, look at it, take it away: set, show, remove, check, status",
    more: "A configuration is a file as wg-quick(8) takes it: by its path, or by its name in /etc/wireguard,\n\
           ~/.config/wireguard and ~/.wireguard. A container with a VPN has no other way out.",
    options: &[HELP],
    words: Words::Verb,
    examples: &[
        ("kakuri --vpn ./wg.conf curl https://example.org", "one command through it"),
        ("kakuri create --vpn work dev", "a container that always uses it"),
        ("kakuri vpn set dev other", ""),
        ("kakuri vpn status dev", ""),
        ("kakuri vpn check ./wg.conf", ""),
    ],
    parse: vpn::family,
};

static SET: Verb = Verb {
    name: "vpn set",
    also: &[],
    group: Group::Life,
    usage: "[OPTIONS] NAME CONF",
    about: "Give a container a VPN, in the place of whatever network it has",
    more: "A copy of the configuration is kept with it, mode 600, and holds from its next start on.",
    options: &[VPN_MANNER, USUAL],
    words: Words::NameConf,
    examples: &[("kakuri vpn set web work", "by name"), ("kakuri vpn set web ./wg.conf", "by path")],
    parse: vpn::set,
};

static SHOW: Verb = Verb {
    name: "vpn show",
    also: &[],
    group: Group::Insight,
    usage: "[OPTIONS] NAME",
    about: "Print the configuration of a container's VPN, without its secret keys",
    more: "",
    options: &[JSON, USUAL],
    words: Words::Name(Prefer::Any),
    examples: &[("kakuri vpn show web", ""), ("kakuri vpn show --json web", "for programs")],
    parse: vpn::show,
};

static REMOVE: Verb = Verb {
    name: "vpn remove",
    also: &["rm"],
    group: Group::Life,
    usage: "NAME",
    about: "Take a container's VPN away: from its next start on it has no network",
    more: "",
    options: &[USUAL],
    words: Words::Name(Prefer::Any),
    examples: &[("kakuri vpn remove web", "")],
    parse: vpn::remove,
};

static CHECK: Verb = Verb {
    name: "vpn check",
    also: &[],
    group: Group::Insight,
    usage: "[OPTIONS] CONF",
    about: "Read a configuration to its end: what is wrong with it, and what a container with it gets",
    more: "Names of endpoints are looked up; nothing is sent to them. The code is 1 where a start would fail.",
    options: &[VPN_HOOKS, USUAL],
    words: Words::Conf,
    examples: &[("kakuri vpn check work", ""), ("kakuri vpn check ./wg.conf", "")],
    parse: vpn::check,
};

static STATUS: Verb = Verb {
    name: "vpn status",
    also: &[],
    group: Group::Insight,
    usage: "[OPTIONS] NAME",
    about: "How the tunnel of a running container is: peers, handshakes, bytes",
    more: "",
    options: &[JSON, USUAL],
    words: Words::Name(Prefer::Running),
    examples: &[("kakuri vpn status web", ""), ("kakuri vpn status --json web", "for programs")],
    parse: vpn::status,
};
