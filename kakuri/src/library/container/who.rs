//! Who a container's commands are.

use super::Container;
use crate::library::words::text;

/// Who a command is inside. Outside it is the caller, unless there is a range of ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum User {
    /// Root; of an image whom that names.
    #[default]
    Root,
    /// The caller's own name and ids.
    KeepId,
    /// The name `user` with these ids.
    Ids {
        /// The user's.
        uid: u32,
        /// The group's.
        gid: u32,
    },
    /// A user of the container's own passwd(5).
    Name(String),
}

/// Which ids there are inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ids {
    /// One, which is the caller.
    Single,
    /// All that /etc/subuid and /etc/subgid give the caller; newuidmap(1) maps them.
    Range,
    /// A range where there is one.
    Auto,
}

impl Container {
    /// Who its commands are.
    pub fn user(&mut self, user: &User) -> &mut Container {
        let call = text!("Container::user", user);
        self.calls.list.retain(|before| !before.text.starts_with("Container::user("));
        match user {
            User::Root => {}
            User::KeepId => self.calls.option(call, "--userns", "keep-id"),
            User::Ids { uid, gid } => self.calls.option(call, "--user", format!("{uid}:{gid}")),
            User::Name(name) => self.calls.option(call, "--user", name),
        }
        self
    }

    /// Which ids there are.
    pub fn ids(&mut self, ids: Ids) -> &mut Container {
        let word = match ids {
            Ids::Single => "single",
            Ids::Range => "range",
            Ids::Auto => "auto",
        };
        self.calls.option(text!("Container::ids", ids), "--userns", word);
        self
    }

    /// A line of the map of users: `count` ids from `inside` on are those from `outside` on. Outside 0 is the caller, 1 the
    /// first of his range, and so on. Where no line maps groups these do.
    #[doc(alias = "uidmap")]
    pub fn uid_map(&mut self, inside: u32, outside: u32, count: u32) -> &mut Container {
        let call = text!("Container::uid_map", inside, outside, count);
        self.calls.option(call, "--uidmap", format!("{inside}:{outside}:{count}"));
        self
    }

    /// A line of the map of groups.
    #[doc(alias = "gidmap")]
    pub fn gid_map(&mut self, inside: u32, outside: u32, count: u32) -> &mut Container {
        let call = text!("Container::gid_map", inside, outside, count);
        self.calls.option(call, "--gidmap", format!("{inside}:{outside}:{count}"));
        self
    }

    /// The name of its host, 64 letters, digits, `-` and `.` at most.
    pub fn hostname(&mut self, name: impl AsRef<str>) -> &mut Container {
        let name = name.as_ref();
        self.calls.option(text!("Container::hostname", name), "--hostname", name);
        self
    }
}
