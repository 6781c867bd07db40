//! The command line: which verb, which options, what is left for the command. Only this folder knows clap.
//!
//! Everything is read by a scanner of our own ([`scan`]) over static tables of options ([`options`]), one set for each
//! verb ([`pages`]): building clap's parser costs as much as a tenth of a start. The same tables feed clap where a
//! person waits, help and suggestions ([`help`]), and the manual pages ([`man`]).

mod ask;
mod back;
pub mod complete;
mod description;
mod door;
mod enter;
mod forms;
pub mod help;
mod ids;
mod image;
mod images;
mod landlock;
pub mod lead;
mod limits;
mod login;
mod look;
mod made;
pub mod man;
mod manage;
pub(crate) mod network;
mod options;
mod overlay;
pub mod pages;
mod phrase;
mod plain;
mod registry;
mod run;
mod scan;
mod value;
mod vpn;
mod walls;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use kakuri_wire::{Bytes, Fail, Stage};

use crate::config::verb::Verb;
use crate::doctor::Form;
pub use crate::explain::Part;
use crate::spec::Spec;
pub use ask::*;
pub use description::{Description, locate};
pub use look::Stats;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Run(Box<Run>),
    Version,
    /// Tries what this host allows.
    Doctor(Form),
    /// The file named on the command line, if any.
    Config(Verb, Option<Bytes>),
    /// Everything about containers with a name.
    Container(Box<Verbs>),
}

/// One temporary container.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub spec: Spec,
    pub act: Act,
    pub general: General,
    /// JSON lines, one per phase, go to this descriptor.
    pub status_fd: Option<i32>,
    /// `--name`: it can be entered while it runs, and its record stays.
    pub name: Option<String>,
    /// `-d`: in the background; what it writes goes to its log.
    pub detach: bool,
    /// `--rm`: no record stays. Always so without a name and in the foreground.
    pub remove: bool,
    /// `--replace`: a stopped one of that name gives way.
    pub replace: bool,
    /// `-i`: with `-d`, standard input stays open for `attach`.
    pub interactive: bool,
    /// `--detach-keys`, in bytes of the terminal; None: the default.
    pub detach_keys: Option<Vec<u8>>,
    /// `--config-file`: what said it, for errors.
    pub described: Option<Box<Description>>,
}

/// What is done with the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Start,
    Explain,
    Emit(Part),
}

/// Nothing is to be done.
#[derive(Clone, Debug)]
pub enum Stop {
    /// Asked for: standard output, exit code 0.
    Text(String),
    /// Misuse: standard error, exit code 125.
    Misuse(Fail),
}

impl From<Fail> for Stop {
    fn from(fail: Fail) -> Stop {
        Stop::Misuse(fail)
    }
}

impl Command {
    /// Whether kakuri is somebody's login shell here, whose caller may choose neither programs nor configuration.
    pub fn is_login(&self) -> bool {
        matches!(self, Command::Container(verbs) if matches!(**verbs, Verbs::Shell(Shell { login: true, .. })))
    }
}

/// Reads the arguments, the program's own name the first among them: a login shell is told by it.
pub fn parse(arguments: &[OsString]) -> Result<Command, Stop> {
    if let Some(shell) = login::read(arguments)? {
        return Ok(Command::Container(Box::new(Verbs::Shell(shell))));
    }
    let arguments = arguments.get(1..).unwrap_or_default();
    let first = arguments.first().map(|a| a.as_bytes()).unwrap_or_default();
    match pages::top(first) {
        Some(verb) => (verb.parse)(verb, &arguments[1..]),
        None => run::parse(&pages::RUN, arguments, run::Form::Bare),
    }
}

/// Misuse of the command line.
fn misuse(what: impl Into<String>) -> Fail {
    Fail::new(Stage::Front, what)
}
