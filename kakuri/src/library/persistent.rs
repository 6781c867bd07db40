//! Containers that stay.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::changes::Changes;
use super::command::Command;
use super::error::{Error, ErrorKind, Result};
use super::verb::Verb;
use super::words::Calls;

/// A container that stays: it keeps its home, /root, /var and /srv, can be started and stopped, and entered while it
/// runs. Several programs and `kakuri` itself may use one at a time. Dropping this value changes nothing.
#[derive(Clone, Debug)]
pub struct Persistent {
    program: Option<PathBuf>,
    name: String,
}

/// A container that stays, as it was when it was looked at.
#[derive(Clone, Debug)]
pub struct State {
    value: Value,
}

impl Persistent {
    /// The container of this name, which may or may not be there.
    pub fn named(name: impl Into<String>) -> Persistent {
        Persistent { program: None, name: name.into() }
    }

    /// All there are, those of `kakuri run -d` included.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn list() -> Result<Vec<State>> {
        let text = Verb::new(None, ["list", "--format", "json"]).run()?;
        states(&text)
    }

    pub(super) fn create(
        program: Option<&Path>,
        name: &str,
        calls: &Calls,
        env: &[(OsString, OsString)],
    ) -> Result<Persistent> {
        let mut calls = calls.clone();
        // It is never so there.
        calls.list.retain(|call| !call.text.starts_with("Container::auto_bind("));
        Verb { calls: Some(&calls), env, ..Verb::new(program, ["create", "--", name]) }.run()?;
        Ok(Persistent { program: program.map(Path::to_path_buf), name: name.into() })
    }

    /// The program `kakuri` itself, as [`Container::program`](crate::Container::program).
    #[must_use]
    pub fn program(self, path: impl AsRef<Path>) -> Persistent {
        Persistent { program: Some(path.as_ref().into()), ..self }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn verb(&self, words: &[&str]) -> Result<Vec<u8>> {
        let all = words.iter().copied().chain(["--", &self.name]);
        Verb::new(self.program.as_deref(), all).run()
    }

    /// Starts it in the background: it runs until [`Persistent::stop`].
    ///
    /// # Errors
    /// There is none of this name, it runs already, or what it was made of is not there any more.
    pub fn start(&self) -> Result<()> {
        self.verb(&["start", "--detach"]).map(drop)
    }

    /// A command that is its first process: it is started for that, and ends with it.
    pub fn first(&self, program: impl AsRef<OsStr>) -> Command {
        self.command("start", program)
    }

    /// A command in it while it runs; a stopped one is started for as long as commands are in it. Such a command costs
    /// little more than a process of the host. [`Child::kill`](crate::Child::kill) hangs it up.
    pub fn exec(&self, program: impl AsRef<OsStr>) -> Command {
        self.command("exec", program)
    }

    fn command(&self, verb: &'static str, program: impl AsRef<OsStr>) -> Command {
        let (names, words) = (vec![OsString::from(&self.name)], vec![program.as_ref().into()]);
        Command::new(self.program.clone(), verb, names, Calls::default(), Vec::new(), words)
    }

    /// Ends it: a polite signal, ten seconds, then all in it is killed.
    ///
    /// # Errors
    /// There is none of this name, or it does not run.
    pub fn stop(&self) -> Result<()> {
        self.verb(&["stop"]).map(drop)
    }

    /// The same with another patience; none kills at once.
    ///
    /// # Errors
    /// As [`Persistent::stop`].
    pub fn stop_within(&self, patience: Duration) -> Result<()> {
        let time = if patience.is_zero() { "0".into() } else { format!("{}ms", patience.as_millis().max(1)) };
        self.verb(&["stop", "--time", &time]).map(drop)
    }

    /// Removes it with all it kept.
    ///
    /// # Errors
    /// There is none of this name, or it runs.
    pub fn remove(self) -> Result<()> {
        self.verb(&["remove"]).map(drop)
    }

    /// Removes it with all it kept, running or not; none of this name is no error.
    ///
    /// # Errors
    /// Something of it cannot be removed.
    pub fn remove_anyway(self) -> Result<()> {
        self.verb(&["remove", "--force"]).map(drop)
    }

    /// How it is now.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn inspect(&self) -> Result<State> {
        let found = states(&self.verb(&["inspect"])?)?;
        found.into_iter().next().ok_or_else(|| Error::new(ErrorKind::Program, "kakuri inspect told nothing"))
    }

    /// What its commands changed in the folders it was made with by [`Container::bind_cow`], and in its root.
    ///
    /// [`Container::bind_cow`]: crate::Container::bind_cow
    pub fn changes(&self) -> Changes {
        Changes::of_container(&self.name).at(self.program.clone())
    }
}

fn states(text: &[u8]) -> Result<Vec<State>> {
    match serde_json::from_slice(text) {
        Ok(Value::Array(all)) => Ok(all.into_iter().map(|value| State { value }).collect()),
        Ok(value @ Value::Object(_)) => Ok(vec![State { value }]),
        _ if text.is_empty() => Ok(Vec::new()),
        _ => Err(Error::new(ErrorKind::Program, "kakuri told of containers in a form this library does not know")),
    }
}

impl State {
    /// Its name.
    pub fn name(&self) -> &str {
        self.value["name"].as_str().unwrap_or_default()
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        let state = &self.value["state"];
        state["running"].as_bool().unwrap_or_else(|| state.as_str() == Some("running"))
    }

    /// What its first process, or the last run, ended with; None where it runs, or never did.
    pub fn exit_code(&self) -> Option<i32> {
        let code = [&self.value["state"]["exit_code"], &self.value["exit_code"]];
        code.into_iter().find_map(Value::as_i64).and_then(|code| code.try_into().ok())
    }

    /// All that kakuri tells of it, as JSON: what `kakuri inspect` or `kakuri list --format json` print.
    pub fn json(&self) -> String {
        self.value.to_string()
    }
}
