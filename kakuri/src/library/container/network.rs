//! What a container's commands can reach.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::Container;
use crate::library::words::text;

/// How a container reaches the world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Network {
    /// Not at all: it has a loopback of its own.
    #[default]
    None,
    /// By the host's own network.
    Host,
    /// Behind pasta(1), else slirp4netns(1): it reaches what the caller reaches, and is reached by [`Container::publish`].
    Nat,
    /// Behind pasta(1).
    Pasta,
    /// Behind slirp4netns(1).
    Slirp4netns,
    /// On a bridge with other containers; for root.
    Bridge,
    /// The network of a running container.
    Container(String),
    /// The network namespace a file names.
    Namespace(PathBuf),
}

/// The protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// A port of a container that one of the host leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    inside: u16,
    protocol: Protocol,
    host: Option<u16>,
    address: Option<IpAddr>,
}

impl Port {
    /// This port of the container, from a free one of the host's loopback.
    pub fn new(inside: u16, protocol: Protocol) -> Port {
        Port { inside, protocol, host: None, address: None }
    }

    /// From this port of the host.
    pub fn host(self, port: u16) -> Port {
        Port { host: Some(port), ..self }
    }

    /// From this address of the host; otherwise it is 127.0.0.1.
    pub fn address(self, address: IpAddr) -> Port {
        Port { address: Some(address), ..self }
    }

    fn word(&self) -> String {
        let address = match self.address {
            Some(IpAddr::V6(v6)) => format!("[{v6}]:"),
            Some(v4) => format!("{v4}:"),
            None => String::new(),
        };
        let host = match (self.host, self.address) {
            (Some(port), _) => format!("{port}:"),
            (None, Some(_)) => ":".into(),
            (None, None) => String::new(),
        };
        let protocol = match self.protocol {
            Protocol::Tcp => "",
            Protocol::Udp => "/udp",
        };
        format!("{address}{host}{}{protocol}", self.inside)
    }
}

/// What becomes of a container when its VPN's tunnel ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// It is ended.
    #[default]
    Stop,
    /// It goes on with its own loopback alone.
    Block,
}

impl Container {
    /// How it reaches the world.
    pub fn network(&mut self, network: &Network) -> &mut Container {
        let word = match network {
            Network::None => OsString::from("none"),
            Network::Host => "host".into(),
            Network::Nat => "nat".into(),
            Network::Pasta => "pasta".into(),
            Network::Slirp4netns => "slirp4netns".into(),
            Network::Bridge => "bridge".into(),
            Network::Container(name) => format!("container:{name}").into(),
            Network::Namespace(file) => [OsStr::new("ns:"), file.as_os_str()].into_iter().collect(),
        };
        self.calls.option(text!("Container::network", network), "--network", word);
        self
    }

    /// All traffic goes through WireGuard, by a file as wg-quick(8) reads it, or by its name in the usual folders. It takes
    /// the place of any other network, and what is not in the tunnel cannot be reached.
    pub fn vpn(&mut self, config: impl AsRef<Path>) -> &mut Container {
        let config = config.as_ref();
        self.calls.option(text!("Container::vpn", config), "--vpn", config);
        self
    }

    /// What becomes of it when the tunnel ends.
    pub fn vpn_on_failure(&mut self, then: OnFailure) -> &mut Container {
        let word = match then {
            OnFailure::Stop => "stop",
            OnFailure::Block => "block",
        };
        self.calls.option(text!("Container::vpn_on_failure", then), "--vpn-on-failure", word);
        self
    }

    /// Commands in the VPN's file (PostUp and the like) are passed over; otherwise they are an error. They never run.
    pub fn vpn_ignore_hooks(&mut self) -> &mut Container {
        self.calls.flag(text!("Container::vpn_ignore_hooks"), "--vpn-ignore-hooks");
        self
    }

    /// A port of the host leads to one of the container; for [`Network::Nat`] and [`Network::Bridge`].
    pub fn publish(&mut self, port: Port) -> &mut Container {
        self.calls.option(text!("Container::publish", port), "--publish", port.word());
        self
    }

    /// A port of the host's loopback is the container's too, at its own 127.0.0.1; for [`Network::Nat`].
    pub fn allow_host_port(&mut self, port: u16) -> &mut Container {
        self.calls.option(text!("Container::allow_host_port", port), "--allow-host-port", port.to_string());
        self
    }

    /// Names are asked of this resolver.
    pub fn dns(&mut self, resolver: IpAddr) -> &mut Container {
        self.calls.option(text!("Container::dns", resolver), "--dns", resolver.to_string());
        self
    }

    /// Short names are looked for in this domain.
    pub fn dns_search(&mut self, domain: impl AsRef<str>) -> &mut Container {
        let domain = domain.as_ref();
        self.calls.option(text!("Container::dns_search", domain), "--dns-search", domain);
        self
    }

    /// A line of /etc/hosts.
    pub fn add_host(&mut self, name: impl AsRef<str>, address: IpAddr) -> &mut Container {
        let name = name.as_ref();
        self.calls.option(text!("Container::add_host", name, address), "--add-host", format!("{name}={address}"));
        self
    }
}
