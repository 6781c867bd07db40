//! Every verb as data: its words, its options, and what its help and manual page say.

mod back;
mod container;
mod image;
mod registry;
mod top;
mod vpn;

use std::ffi::OsString;

use super::options::Tables;
use super::{Command, Stop};
pub use back::TRY_FOLDERS;
pub use container::DOCKER;
pub use image::IMAGE;
pub use registry::REGISTRY;
pub use top::{CONTAINER, RUN, TOP};
pub use vpn::VPN;

/// One verb.
pub struct Verb {
    /// As typed after `kakuri`: `start`, `container ls`.
    pub name: &'static str,
    /// Other names of it.
    pub also: &'static [&'static str],
    pub group: Group,
    /// What follows the name.
    pub usage: &'static str,
    /// One line, without a full stop.
    pub about: &'static str,
    /// What else is to be known: lines of at most 100 columns.
    pub more: &'static str,
    pub options: Tables,
    pub words: Words,
    /// Each can be typed as it stands.
    pub examples: &'static [(&'static str, &'static str)],
    pub parse: fn(&'static Verb, &[OsString]) -> Result<Command, Stop>,
}

/// Where `kakuri --help` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Life,
    Images,
    Back,
    Insight,
    Itself,
}

pub const GROUPS: [(Group, &str); 5] = [
    (Group::Life, "Containers with a name"),
    (Group::Insight, "Looking at them"),
    (Group::Images, "Images"),
    (Group::Back, "Folders you can take back"),
    (Group::Itself, "kakuri itself"),
];

/// What may follow beside options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    None,
    /// A command; options stop at its first word.
    Command,
    /// A container, then a command, whose first word ends the options.
    NameCommand(Prefer),
    Name(Prefer),
    Names(Prefer),
    /// A container and a VPN configuration.
    NameConf,
    /// A VPN configuration.
    Conf,
    /// Images that are here.
    Images,
    /// A registry of images.
    Registry,
    /// Any files and folders.
    Paths,
    /// `cp`: NAME:PATH or a path.
    Sides,
    /// One of these, then perhaps a path.
    Choice(&'static [&'static str]),
    /// Another verb.
    Verb,
}

/// Which containers a person most likely means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefer {
    Any,
    Running,
    Stopped,
    /// A name of one that is not there yet.
    New,
}

impl Words {
    /// How many words are taken before the command begins; None where there is no command.
    pub fn before_command(self) -> Option<usize> {
        match self {
            Words::Command => Some(0),
            Words::NameCommand(_) => Some(1),
            _ => None,
        }
    }
}

impl Verb {
    /// The last word of its name.
    pub fn word(&self) -> &'static str {
        self.name.rsplit(' ').next().unwrap_or(self.name)
    }

    /// The verbs it is the first word of.
    pub fn members(&self) -> &'static [&'static Verb] {
        match self.name {
            "container" => &DOCKER,
            "image" => &IMAGE,
            "registry" => &REGISTRY,
            "vpn" => &VPN,
            _ => &[],
        }
    }

    pub fn is(&self, word: &[u8]) -> bool {
        self.word().as_bytes() == word || self.also.iter().any(|a| a.as_bytes() == word)
    }
}

/// The verb of this name at the top.
pub fn top(word: &[u8]) -> Option<&'static Verb> {
    TOP.iter().copied().find(|v| v.is(word))
}

/// The verb of `kakuri container`.
pub fn docker(word: &[u8]) -> Option<&'static Verb> {
    DOCKER.iter().copied().find(|v| v.is(word))
}

/// A word that is never a program unless `--` stands before it.
pub fn is_verb(word: &[u8]) -> bool {
    top(word).is_some()
}
