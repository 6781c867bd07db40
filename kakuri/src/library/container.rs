//! A container to be made, described call by call.

mod files;
mod limits;
mod network;
mod walls;
mod who;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::command::Command;
use super::error::Result;
use super::persistent::Persistent;
use super::words::{Calls, text};

pub use files::{Bind, Pull, RootMode, Tmpfs};
pub use limits::Landlock;
pub use network::{Network, OnFailure, Port, Protocol};
pub use walls::{Namespace, Proc, Resource, Seccomp};
pub use who::{Ids, User};

/// A container to be made: what its commands see, who they are and what they may.
///
/// Each call adds to the description; where two answer one question the later one counts. Nothing is looked at, made or
/// started before a command is run, and each command has a container of its own, which is gone when it ends. One that
/// stays is made by [`Container::create`].
///
/// What is not said is as with `kakuri CMD`: every namespace is new; there is no network but a loopback; the host's
/// programs (/usr, /etc, /opt) can be read and nothing of the home can; /tmp, /var, /run and the home are empty and the
/// container's own; /proc, /sys and /dev are there; root inside is the caller outside, without a capability over
/// anything of the host's; the usual system calls are allowed and the others fail.
///
/// ```
/// use kakuri::Container;
///
/// # fn main() -> kakuri::Result<()> {
/// let output = Container::new().hostname("box").command("hostname").output()?;
/// assert_eq!(output.stdout, b"box\n");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Container {
    program: Option<PathBuf>,
    calls: Calls,
    env: Vec<(OsString, OsString)>,
    auto_bind: bool,
    shared: Vec<Namespace>,
}

impl Container {
    /// The host's programs, and nothing else of the host.
    pub fn new() -> Container {
        Container::default()
    }

    /// Nothing but what is bound or made: a command needs its program and libraries.
    pub fn empty() -> Container {
        let mut container = Container::new();
        container.calls.option(text!("Container::empty"), "--base", "none");
        container
    }

    /// The program `kakuri` itself. Otherwise it is what the environment's KAKURI names, else what lies beside this
    /// executable, else what is found along PATH.
    pub fn program(&mut self, path: impl AsRef<Path>) -> &mut Container {
        self.program = Some(path.as_ref().into());
        self
    }

    /// kakuri's configuration file, in the place of the caller's own.
    pub fn config(&mut self, file: impl AsRef<Path>) -> &mut Container {
        let file = file.as_ref();
        self.calls.option(text!("Container::config", file), "--config", file);
        self
    }

    /// What a file describes, as `--config-file` takes it: TOML, whose keys are the options of the command line. Whatever
    /// the order of the calls, they come over the file.
    pub fn config_file(&mut self, file: impl AsRef<Path>) -> &mut Container {
        let file = file.as_ref();
        self.calls.option(text!("Container::config_file", file), "--config-file", file);
        self
    }

    /// Sets a variable for every command.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Container {
        self.env.push((key.as_ref().into(), value.as_ref().into()));
        self
    }

    /// Sets the variables a file lists, a line `KEY=value` each.
    pub fn env_file(&mut self, file: impl AsRef<Path>) -> &mut Container {
        let file = file.as_ref();
        self.calls.option(text!("Container::env_file", file), "--env-file", file);
        self
    }

    /// A command in such a container: a path in it, or a name that is looked for along its PATH.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.to_command("run", Vec::new(), vec![program.as_ref().into()])
    }

    /// What the image's own entry point and command are, else the user's shell. Arguments take the place of the image's.
    pub fn entry(&self) -> Command {
        self.to_command("run", Vec::new(), Vec::new())
    }

    /// A command that sees and changes these folders at their own places, while what it changes is kept apart from them:
    /// [`Changes::of_folder`] shows and carries it over.
    ///
    /// [`Changes::of_folder`]: crate::Changes::of_folder
    pub fn try_in<P: AsRef<Path>>(&self, folders: impl IntoIterator<Item = P>, program: impl AsRef<OsStr>) -> Command {
        let names = folders.into_iter().map(|folder| plain(folder.as_ref())).collect();
        self.to_command("try", names, vec![program.as_ref().into()])
    }

    /// Makes a container of this name that stays, with all that was described; nothing is started. Names are letters,
    /// digits, `_`, `.` and `-`, 64 at most.
    ///
    /// # Errors
    /// It cannot be had as it was asked for, or the name is taken.
    pub fn create(&self, name: impl AsRef<str>) -> Result<Persistent> {
        Persistent::create(self.program.as_deref(), name.as_ref(), &self.all_calls(), &self.env)
    }

    fn to_command(&self, verb: &'static str, names: Vec<OsString>, words: Vec<OsString>) -> Command {
        let mut command = Command::new(self.program.clone(), verb, names, self.all_calls(), Vec::new(), words);
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        command
    }

    /// With what is not one call of its own.
    fn all_calls(&self) -> Calls {
        let mut calls = self.calls.clone();
        if !self.auto_bind {
            calls.flag(text!("Container::auto_bind", false), "--no-auto-bind");
        }
        for namespace in &self.shared {
            calls.option(text!("Container::share", namespace), "--share", namespace.word());
        }
        calls
    }
}

/// A folder as a word that is no option.
fn plain(folder: &Path) -> OsString {
    match folder.is_absolute() {
        true => folder.into(),
        false => Path::new(".").join(folder).into(),
    }
}
