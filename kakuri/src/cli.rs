//! The command line: which verb, which options, what is left for the command. Only this folder knows clap.
//!
//! The run form is read by a scanner of our own ([`scan`]) over one table of options ([`options`]): building
//! clap's parser costs as much as a tenth of a start. The same table feeds clap where a person waits: help
//! and suggestions ([`help`]).

mod ask;
mod forms;
pub mod help;
mod options;
mod run;
mod scan;
mod value;
mod verbs;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use kakuri_wire::{Bytes, Fail, Stage};

use crate::config::verb::Verb;
pub use crate::explain::Part;
use crate::spec::Spec;
pub use ask::*;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Run(Box<Run>),
    Version,
    /// Tries what this host allows.
    Doctor {
        /// As JSON, for programs.
        json: bool,
    },
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
    /// `-i`: with `-d`, standard input stays open for `attach`.
    pub interactive: bool,
    /// `--detach-keys`, in bytes of the terminal; None: the default.
    pub detach_keys: Option<Vec<u8>>,
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

/// Reads the arguments, the program's own name not among them.
pub fn parse(arguments: Vec<OsString>) -> Result<Command, Stop> {
    let first = arguments.first().map(|a| a.as_bytes()).unwrap_or_default();
    match first {
        b"run" => run::parse(&arguments[1..], run::Form::Spelled),
        b"version" => verbs::version(&arguments[1..]),
        b"doctor" => verbs::doctor(&arguments[1..]),
        b"config" => verbs::config(&arguments[1..]),
        word if verbs::NOT_YET.iter().any(|v| v.as_bytes() == word) => {
            Err(verbs::not_yet(&Bytes(word.to_vec())).into())
        }
        _ => run::parse(&arguments, run::Form::Bare),
    }
}

/// Misuse of the command line.
fn misuse(what: impl Into<String>) -> Fail {
    Fail::new(Stage::Front, what)
}
