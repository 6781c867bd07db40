//! Ways out of the container that the user opens, each by its own option. None of them is open by itself.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Doors {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ssh_agent: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub wayland: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub x11: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub audio: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gpu: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub git: bool,
    /// What of the session bus may be talked to; empty: there is no bus.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dbus: Vec<Bus>,
}

/// A well-known name of the bus, or `NAME.*`: that one and all below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bus {
    /// The container may call it.
    Talk(String),
    /// The container may be it.
    Own(String),
}

impl Doors {
    pub fn is_default(&self) -> bool {
        *self == Doors::default()
    }

    /// In the words of the options.
    pub fn names(&self) -> Vec<&'static str> {
        let all = [
            (self.ssh_agent, "ssh-agent"),
            (self.wayland, "wayland"),
            (self.x11, "x11"),
            (self.audio, "audio"),
            (!self.dbus.is_empty(), "dbus"),
            (self.gpu, "gpu"),
            (self.git, "git"),
        ];
        all.into_iter().filter(|door| door.0).map(|door| door.1).collect()
    }
}
