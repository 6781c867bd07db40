//! What the verbs about named containers are asked for, as data.

mod images;

use std::time::{Duration, SystemTime};

pub use images::{Images, Load, Login, Logout, Pull, Registry};
use kakuri_wire::{Bytes, Fail};

use super::description::Description;
use super::look::Stats;
use crate::spec::{self, Spec, User};

/// Options every verb takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct General {
    pub verbose: bool,
    /// `--quiet` of what runs a command.
    pub quiet: bool,
    /// `--config`, as typed.
    pub config: Option<Bytes>,
}

/// A verb about named containers. Names are as typed: a unique prefix will do.
#[derive(Clone, Debug, PartialEq)]
// One of them exists, boxed.
#[allow(clippy::large_enum_variant)]
pub enum Verbs {
    Create(Create),
    Start(Start),
    Exec(Exec),
    Shell(Shell),
    Attach(Attach),
    Stop(Halt),
    Restart(Halt),
    Remove(Remove),
    Rename {
        from: String,
        to: String,
        general: General,
    },
    List(List),
    Inspect(Inspect),
    Logs(Logs),
    Kill {
        names: Vec<String>,
        signal: i32,
        general: General,
    },
    Wait {
        names: Vec<String>,
        general: General,
    },
    Stats(Stats),
    Top {
        name: String,
        general: General,
    },
    /// `wanted`: one port of the container's; None: all.
    Port {
        name: String,
        wanted: Option<(u16, spec::Protocol)>,
        general: General,
    },
    Copy(Copy),
    Vpn(Vpn),
    Pull(Pull),
    Images(Images),
    Registry(Registry),
    Try(Try),
    Changes(Changes),
    Commit(Commit),
    Discard(Discard),
    Complete(Complete),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Create {
    /// None: one is made up.
    pub name: Option<String>,
    pub spec: Spec,
    /// `--replace`: a stopped one of that name gives way.
    pub replace: bool,
    pub described: Option<Box<Description>>,
    pub general: General,
}

/// Options laid over what is stored, for one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    pub(super) given: Vec<Given>,
}

/// An option as it was given, owned.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    pub id: super::options::Id,
    pub name: Vec<u8>,
    pub value: Vec<u8>,
    pub bare: bool,
}

impl Overlay {
    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// As typed, for the line that says they hold for this run only.
    pub fn shown(&self) -> String {
        let word = |bytes: &[u8]| Bytes(bytes.to_vec()).to_string();
        let one = |g: &Given| match g.value.is_empty() {
            true => word(&g.name),
            false => format!("{} {}", word(&g.name), word(&g.value)),
        };
        self.given.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    /// What they say by themselves.
    pub fn alone(&self) -> Result<Spec, Fail> {
        super::overlay::alone(&self.given)
    }

    /// Lays them over `spec`, each as it would be read on a run's own command line.
    pub fn apply(&self, spec: &mut Spec) -> Result<(), Fail> {
        super::overlay::apply_given(&self.given, spec)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    pub name: String,
    pub detach: bool,
    pub interactive: bool,
    pub detach_keys: Option<Vec<u8>>,
    /// Empty: the stored command, else the shell (in the foreground), else nothing but the container (`-d`).
    pub command: Vec<Bytes>,
    pub options: Overlay,
    pub status_fd: Option<i32>,
    pub general: General,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Exec {
    pub name: String,
    /// Never empty.
    pub command: Vec<Bytes>,
    pub detach: bool,
    /// None: whatever terminals are among 0-2 are replaced; `-t` Some(true), `-T` Some(false).
    pub terminal: Option<bool>,
    pub interactive: bool,
    pub detach_keys: Option<Vec<u8>>,
    /// `-e`, `--env-file`, `--env-host`, over what the container has.
    pub environment: crate::spec::Environment,
    pub workdir: Option<Bytes>,
    pub user: Option<User>,
    /// Descriptors of the caller's that the command gets.
    pub pass: Vec<i32>,
    pub status_fd: Option<i32>,
    pub general: General,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Shell {
    pub name: String,
    /// `--login`, or called as a login shell: see [`crate::verb::shell`].
    pub login: bool,
    /// Given to the container's shell as `-c`: what sshd, scp and git ask a login shell to run.
    pub command: Option<Bytes>,
    pub environment: crate::spec::Environment,
    pub workdir: Option<Bytes>,
    pub user: Option<User>,
    pub detach_keys: Option<Vec<u8>>,
    pub general: General,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Attach {
    pub name: String,
    pub detach_keys: Option<Vec<u8>>,
    /// `--no-stdin`: only look.
    pub no_input: bool,
    pub general: General,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Halt {
    /// Empty only with `all`.
    pub names: Vec<String>,
    pub all: bool,
    /// The polite word; None: SIGTERM.
    pub signal: Option<i32>,
    /// How long the polite word is given; then all is killed.
    pub time: Duration,
    pub general: General,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Remove {
    pub names: Vec<String>,
    pub all: bool,
    /// A running one is killed first, and a missing one is no error.
    pub force: bool,
    pub general: General,
}

#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// Names only.
    pub quiet: bool,
    pub format: Format,
    /// `KEY=VALUE`, all of which must hold (the same key twice: either).
    pub filters: Vec<(String, String)>,
    /// `kakuri list` and `container ls -a` show all, `container ls` only running ones.
    pub all: bool,
    /// Docker's columns and field names are the first choice (`kakuri container ls`).
    pub docker: bool,
    pub no_trunc: bool,
    pub general: General,
}

/// `--format`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Table,
    /// One array.
    Json,
    /// One object a line.
    Jsonl,
    /// A template of docker's: `{{.Names}}\t{{.Status}}`; `table ` before it heads the columns.
    Template(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Inspect {
    pub names: Vec<String>,
    /// Table is JSON here, but for `security`.
    pub format: Format,
    /// `--security`: what it guarantees, and nothing else.
    pub security: bool,
    /// `--pid`, `--all`: not the containers, but processes in them. Then there are no names.
    pub processes: Option<Wanted>,
    pub general: General,
}

/// Which processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    All,
    /// As the host numbers them; never empty.
    Numbers(Vec<i32>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Logs {
    pub name: String,
    pub follow: bool,
    /// None is all.
    pub tail: Option<u64>,
    pub since: Option<SystemTime>,
    pub until: Option<SystemTime>,
    pub timestamps: bool,
    pub general: General,
}

/// `kakuri vpn ...`.
#[derive(Clone, Debug, PartialEq)]
pub enum Vpn {
    Set { name: String, vpn: spec::Vpn, general: General },
    Show { name: String, json: bool, general: General },
    Remove { name: String, general: General },
    Check { vpn: spec::Vpn, general: General },
    Status { name: String, json: bool, general: General },
}

/// One side of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// `-`: a tar archive on standard input or output.
    Tar,
    Host(Bytes),
    Container {
        name: String,
        path: Bytes,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Copy {
    pub from: Side,
    pub to: Side,
    /// `-a`: owners and times too. `-L`: follow links in the source.
    pub archive: bool,
    pub follow: bool,
    pub general: General,
}

/// `kakuri try`.
#[derive(Clone, Debug, PartialEq)]
pub struct Try {
    /// None: where the caller is.
    pub folders: Vec<spec::Bind>,
    pub run: super::Run,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// None: the latest try.
    pub container: Option<String>,
    /// None: all of it.
    pub paths: Vec<Bytes>,
    pub format: Format,
    pub patch: bool,
    /// What was only touched, and what lay in a deleted folder, too.
    pub all: bool,
    /// `-z`
    pub null: bool,
    /// The tries themselves.
    pub list: bool,
    /// As docker lists it.
    pub docker: bool,
    pub general: General,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    pub container: Option<String>,
    pub paths: Vec<Bytes>,
    /// Take the latest one back.
    pub undo: bool,
    pub general: General,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Discard {
    pub container: Option<String>,
    pub paths: Vec<Bytes>,
    pub general: General,
}

/// `kakuri completion bash|zsh|fish`, and the hidden call such a script makes.
#[derive(Clone, Debug, PartialEq)]
pub enum Complete {
    Script(String),
    /// The words so far, the program's own not among them; the last one is being completed.
    Words(Vec<Bytes>),
    /// Manual pages, written into this folder.
    Man(Bytes),
}
