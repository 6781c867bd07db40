//! What the user wants, normalised and free of the command line: the same for a temporary container, a
//! stored one and the library. Nothing in it has been looked up on the host yet.

mod anchor;
mod doors;
mod environment;
mod image;
mod limits;
pub mod made;
mod terminal;
mod walls;

use std::net::IpAddr;
use std::time::Duration;

pub use image::Image;
use kakuri_init::Extent;
pub use kakuri_netns::nat::Protocol;
use kakuri_wire::Bytes;
pub use limits::{Limits, Swap};
use made::Made;
use serde::{Deserialize, Serialize};
pub use terminal::Terminal;
pub use walls::{Allowed, Landlock, PathRule, Ports, Restricted, Seccomp, Walls};

pub use doors::{Bus, Doors};
pub use environment::Environment;

/// One container and the command to run in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    /// Empty: the image's own command, else the user's shell.
    pub command: Vec<Bytes>,
    pub base: Base,
    /// A folder of the host is the root, and there is no base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rootfs: Option<Rootfs>,
    /// The layers of an image are the root, and there is no base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    pub binds: Vec<Bind>,
    /// Existing files and folders that are whole arguments of the command are bound read-only.
    pub auto_bind: bool,
    /// Bind profiles of the configuration, by name.
    pub profiles: Vec<String>,
    pub tmpfs: Vec<Tmpfs>,
    #[serde(skip_serializing_if = "Made::is_empty")]
    pub made: Made,
    pub hide: Vec<Bytes>,
    pub devices: Vec<Device>,
    /// The private folders (/tmp, /home, ...) are read-only too.
    pub read_only: bool,
    /// None: what the configuration says. A VPN takes its place.
    pub network: Option<Network>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpn: Option<Vpn>,
    /// Ports of the container that the host's lead to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<Publish>,
    /// Ports of the host's loopback that the container reaches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host_ports: Vec<u16>,
    /// Resolvers in the place of the network's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    /// Domains that short names are looked for in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns_search: Vec<String>,
    /// Lines of /etc/hosts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<(String, IpAddr)>,
    pub user: User,
    #[serde(skip_serializing_if = "IdMode::is_unset")]
    pub ids: IdMode,
    pub environment: Environment,
    /// None: where the caller is, if that can be seen inside; else the home.
    pub workdir: Option<Bytes>,
    pub hostname: Option<String>,
    pub share: Share,
    pub proc: Proc,
    /// The command may make user namespaces of its own.
    pub nest: bool,
    #[serde(skip_serializing_if = "Walls::is_default")]
    pub walls: Walls,
    #[serde(skip_serializing_if = "Limits::is_unset")]
    pub limits: Limits,
    /// Ways to what the caller's desktop and machine have, each asked for by name.
    #[serde(skip_serializing_if = "Doors::is_default")]
    pub doors: Doors,
    pub terminal: Terminal,
    /// Wall-clock limit of the command.
    pub timeout: Option<Duration>,
    /// What asks it to end; None: SIGTERM, or what the image says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<i32>,
    /// Descriptors of the caller that the command gets, by number, above 2.
    pub pass: Vec<i32>,
}

impl Default for Spec {
    fn default() -> Spec {
        Spec {
            command: Vec::new(),
            base: Base::Host,
            rootfs: None,
            image: None,
            binds: Vec::new(),
            auto_bind: true,
            profiles: Vec::new(),
            tmpfs: Vec::new(),
            made: Made::default(),
            hide: Vec::new(),
            devices: Vec::new(),
            read_only: false,
            network: None,
            vpn: None,
            publish: Vec::new(),
            host_ports: Vec::new(),
            dns: Vec::new(),
            dns_search: Vec::new(),
            hosts: Vec::new(),
            user: User::Unset,
            ids: IdMode::Unset,
            environment: Environment::default(),
            workdir: None,
            hostname: None,
            share: Share::default(),
            proc: Proc::Fresh,
            nest: false,
            walls: Walls::default(),
            limits: Limits::default(),
            doors: Doors::default(),
            terminal: Terminal::Auto,
            timeout: None,
            stop_signal: None,
            pass: Vec::new(),
        }
    }
}

/// What the root filesystem starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// The host's programs and settings, read-only.
    Host,
    /// Nothing but what is bound.
    None,
}

impl IdMode {
    fn is_unset(&self) -> bool {
        *self == IdMode::Unset
    }
}

impl Spec {
    /// Whether nothing is the root but what is the host's: no package is installed in it.
    pub fn is_host_only(&self) -> bool {
        self.rootfs.is_none() && self.image.is_none()
    }

    /// Whether the host's programs and settings are shown.
    pub fn shows_host(&self) -> bool {
        !self.has_own_root() && self.base == Base::Host
    }

    /// Whether its root brings a system of its own.
    pub fn has_own_root(&self) -> bool {
        self.rootfs.is_some() || self.image.is_some()
    }
}

/// `--rootfs`. The path is as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rootfs {
    pub path: Bytes,
    #[serde(default)]
    pub mode: RootfsMode,
}

/// Where what is written to the root goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootfsMode {
    /// To a layer of the container's own: the folder is never touched.
    #[default]
    Overlay,
    /// Nowhere.
    ReadOnly,
    /// To the folder itself.
    ReadWrite,
}

/// One `--bind`. Paths are as typed: `~` and relative ones are resolved when the plan is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bind {
    pub source: Bytes,
    /// None: the same place as the source.
    #[serde(default)]
    pub destination: Option<Bytes>,
    #[serde(default)]
    pub read_only: bool,
    #[serde(default)]
    pub noexec: bool,
    /// A missing source folder is made on the host.
    #[serde(default)]
    pub create: bool,
    /// The folder is shown, and what is changed in it goes to a layer of the container's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cow: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tmpfs {
    pub at: Bytes,
    /// Permission bits.
    pub mode: u32,
    /// Bytes; None is the kernel's default, half of the memory.
    #[serde(default)]
    pub size: Option<u64>,
    #[serde(default)]
    pub read_only: bool,
    #[serde(default)]
    pub noexec: bool,
}

/// A device node of the host, or a folder of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    pub source: Bytes,
    #[serde(default)]
    pub destination: Option<Bytes>,
    #[serde(default)]
    pub read_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Its own loopback only.
    None,
    /// The host's, all of it.
    Host,
    /// Its own, behind pasta, or slirp4netns where there is no pasta.
    Nat,
    Pasta,
    Slirp4netns,
    /// One shared with other containers on it, made by root.
    Bridge,
    /// The network namespace a file names.
    Namespace(Bytes),
    /// The network of a running container.
    Container(String),
}

/// `--vpn`. A WireGuard configuration by its path, or by its name in the usual folders, as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vpn {
    pub config: Bytes,
    /// A copy lies with the container, which is what counts.
    #[serde(default)]
    pub stored: bool,
    /// Commands in the configuration are passed over, not an error. They never run.
    #[serde(default)]
    pub ignore_hooks: bool,
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// What becomes of the container when its tunnel ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    #[default]
    Stop,
    /// It goes on with its own loopback alone.
    Block,
}

/// `-p`. `host`, `host`+1, ... lead to `inside`, `inside`+1, ...
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    pub protocol: Protocol,
    /// Where on the host it listens; None: loopback, 127.0.0.1.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// None: ports that are free, chosen at the start.
    #[serde(default)]
    pub host: Option<u16>,
    pub inside: u16,
    /// At least 1.
    pub count: u16,
}

/// Which ids there are inside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdMode {
    /// What suits the root: one id; for an image a range where that can be had.
    #[default]
    Unset,
    /// The caller's own.
    Single,
    /// All that /etc/subuid and /etc/subgid give the caller.
    Range,
    /// The same where that can be had, else one.
    Auto,
    /// These of them: `outside` 0 is the caller, 1 the first of the range.
    Map { uids: Vec<Extent>, gids: Vec<Extent> },
}

/// Who the command is inside. Outside it is the caller, unless there is a range of ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum User {
    /// Nobody was named: whom the image names, else root.
    Unset,
    Root,
    /// The caller's own name and ids.
    KeepId,
    /// The name `user` with these ids.
    Named {
        uid: u32,
        gid: u32,
    },
    /// `NAME[:GROUP]`, by the container's own files.
    Name(String),
}

/// Namespaces of the host that are not made anew. User, mount and pid always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Share {
    pub ipc: bool,
    pub uts: bool,
    pub cgroup: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proc {
    /// Made for the container: its own processes only.
    Fresh,
    /// The host's, read-only.
    Host,
    None,
}
