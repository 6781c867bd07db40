//! A command to be run in a container.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::pipe::{PipeFlags, pipe_with};

use super::child::Child;
use super::error::{Error, ErrorKind, Result};
use super::exit_status::{ExitStatus, Output};
use super::launch::Descriptors;
use super::program;
use super::stdio::{Stdio, Way};
use super::told::Told;
use super::words::{Calls, text};

/// A command to be run in a container, as [`std::process::Command`].
///
/// Standard input, output and error are this process's own unless said otherwise ([`Command::output`] and the like choose
/// pipes for output). The environment begins with what kakuri gives every command (HOME, USER, PATH, TERM, LANG and a few
/// more); nothing else of this process's own is passed on unless [`Command::inherit_env`] asks for it.
#[derive(Debug)]
pub struct Command {
    program: Option<PathBuf>,
    /// The verb, and what stands between its options and the command.
    verb: &'static str,
    names: Vec<OsString>,
    calls: Calls,
    env: Vec<(OsString, OsString)>,
    words: Vec<OsString>,
    streams: [Option<Stdio>; 3],
    pass: Vec<(i32, OwnedFd)>,
    kill_on_drop: bool,
}

/// When the streams of a command are a terminal of its container's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Terminal {
    /// Those that are terminals here. Pipes and files stay what they are.
    #[default]
    Auto,
    /// All three.
    Always,
    /// None: what is a terminal here is handed over as it is.
    Never,
}

impl Command {
    pub(super) fn new(
        program: Option<PathBuf>,
        verb: &'static str,
        names: Vec<OsString>,
        calls: Calls,
        env: Vec<(OsString, OsString)>,
        words: Vec<OsString>,
    ) -> Command {
        let (streams, pass) = (Default::default(), Vec::new());
        Command { program, verb, names, calls, env, words, streams, pass, kill_on_drop: false }
    }

    /// Another argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.words.push(arg.as_ref().into());
        self
    }

    /// More arguments.
    pub fn args<S: AsRef<OsStr>>(&mut self, args: impl IntoIterator<Item = S>) -> &mut Command {
        self.words.extend(args.into_iter().map(|arg| arg.as_ref().into()));
        self
    }

    /// Sets a variable of the command's environment. No other user can read it from here.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        let (key, value) = (key.as_ref(), value.as_ref());
        let bad = |b: &u8| *b == b'=' || *b == 0;
        if key.is_empty() || key.as_bytes().iter().any(bad) || value.as_bytes().contains(&0) {
            self.calls.refuse(text!("Command::env", key, value), "it is no variable");
        } else {
            self.env.push((key.into(), value.into()));
        }
        self
    }

    /// Sets variables.
    pub fn envs<K, V>(&mut self, all: impl IntoIterator<Item = (K, V)>) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        for (key, value) in all {
            self.env(key, value);
        }
        self
    }

    /// Forgets a variable that was set here or by [`Container::env`].
    ///
    /// [`Container::env`]: crate::Container::env
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Command {
        self.env.retain(|(set, _)| set != key.as_ref());
        self
    }

    /// Forgets all variables that were set here or by [`Container::env`]: what kakuri gives every command remains.
    ///
    /// [`Container::env`]: crate::Container::env
    pub fn env_clear(&mut self) -> &mut Command {
        self.env.clear();
        self
    }

    /// Passes this process's whole environment on, below what [`Command::env`] sets.
    pub fn inherit_env(&mut self) -> &mut Command {
        self.calls.flag(text!("Command::inherit_env"), "--env-host");
        self
    }

    /// The folder of the container the command starts in. Otherwise it is where this process is, if that can be seen
    /// inside, else the container's home.
    pub fn current_dir(&mut self, folder: impl AsRef<Path>) -> &mut Command {
        let folder = folder.as_ref();
        self.calls.option(text!("Command::current_dir", folder), "--workdir", folder);
        self
    }

    /// Who the command is inside: `UID`, `UID:GID`, or a name of the container's own passwd(5).
    pub fn user(&mut self, user: impl AsRef<str>) -> &mut Command {
        let user = user.as_ref();
        self.calls.option(text!("Command::user", user), "--user", user);
        self
    }

    /// Where standard input comes from.
    pub fn stdin(&mut self, from: impl Into<Stdio>) -> &mut Command {
        self.streams[0] = Some(from.into());
        self
    }

    /// Where standard output goes.
    pub fn stdout(&mut self, to: impl Into<Stdio>) -> &mut Command {
        self.streams[1] = Some(to.into());
        self
    }

    /// Where standard error goes. kakuri itself says nothing on it: what is wrong is told by errors.
    pub fn stderr(&mut self, to: impl Into<Stdio>) -> &mut Command {
        self.streams[2] = Some(to.into());
        self
    }

    /// Whether the streams are a terminal of the container's.
    pub fn terminal(&mut self, terminal: Terminal) -> &mut Command {
        let option = match terminal {
            Terminal::Auto => return self,
            Terminal::Always => "--tty",
            Terminal::Never => "--no-tty",
        };
        self.calls.flag(text!("Command::terminal", terminal), option);
        self
    }

    /// The most time from start to end; at least a millisecond. The command is then asked to end (SIGTERM) and two seconds
    /// later killed with its container, and its status is [`Reason::TimedOut`]. Not for a command in a container that runs
    /// already: see [`Child::wait_timeout`].
    ///
    /// [`Reason::TimedOut`]: crate::Reason::TimedOut
    #[doc(alias = "wait_timeout")]
    pub fn timeout(&mut self, limit: Duration) -> &mut Command {
        self.calls.option(text!("Command::timeout", limit), "--timeout", format!("{}ms", limit.as_millis()));
        self
    }

    /// Hands the command a descriptor, which has this number there: 3 or above, each once.
    pub fn pass_fd(&mut self, number: i32, fd: impl Into<OwnedFd>) -> &mut Command {
        if number < 3 || self.pass.iter().any(|(taken, _)| *taken == number) {
            self.calls.refuse(text!("Command::pass_fd", number), "the number is below 3, or was given twice");
        } else {
            self.calls.option(text!("Command::pass_fd", number), "--pass-fd", number.to_string());
            self.pass.push((number, fd.into()));
        }
        self
    }

    /// Whether a [`Child`] that is dropped is killed and waited for.
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Command {
        self.kill_on_drop = kill;
        self
    }

    /// The command's own word; empty where it is the image's or the user's shell.
    pub fn get_program(&self) -> &OsStr {
        self.words.first().map(OsString::as_os_str).unwrap_or_default()
    }

    /// Its arguments.
    pub fn get_args(&self) -> impl Iterator<Item = &OsStr> {
        self.words.iter().skip(1).map(OsString::as_os_str)
    }

    /// The variables that were set; of one that was set twice the later one counts.
    pub fn get_envs(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.env.iter().map(|(key, value)| (key.as_os_str(), value.as_os_str()))
    }

    /// Starts the command. Returns once it runs, or with the reason why it does not: about a millisecond later, unless an
    /// image has to be fetched first.
    ///
    /// # Errors
    /// There is no `kakuri`, the container cannot be had as it was asked for, or the command is not in it.
    pub fn spawn(&mut self) -> Result<Child> {
        let mut child = self.launch([Way::Inherit, Way::Inherit, Way::Inherit])?;
        child.await_start()?;
        Ok(child)
    }

    /// Runs the command and waits for its end.
    ///
    /// # Errors
    /// As [`Command::spawn`] and [`Child::wait`].
    pub fn status(&mut self) -> Result<ExitStatus> {
        self.launch([Way::Inherit, Way::Inherit, Way::Inherit])?.wait()
    }

    /// Runs the command, waits for its end and collects what it wrote. Standard input is empty unless said otherwise.
    ///
    /// # Errors
    /// As [`Command::spawn`] and [`Child::wait`].
    pub fn output(&mut self) -> Result<Output> {
        self.launch([Way::Null, Way::Piped, Way::Piped])?.wait_with_output()
    }

    fn launch(&mut self, usual: [Way; 3]) -> Result<Child> {
        if let Some(wrong) = &self.calls.wrong {
            return Err(wrong.clone());
        }
        if self.words.iter().any(|word| word.as_bytes().contains(&0)) {
            return Err(Error::new(ErrorKind::Container, "an argument contains a NUL byte"));
        }
        let program = program::find(self.program.as_deref())?;
        self.launched(&program, usual).map_err(|e| Error {
            kind: ErrorKind::Program,
            ..Error::io(format!("cannot start {}", program.display()), &e)
        })
    }

    fn launched(&mut self, program: &Path, usual: [Way; 3]) -> std::io::Result<Child> {
        let lent = self.pass.iter().map(|(number, fd)| (fd.as_fd(), *number)).collect();
        let mut descriptors = Descriptors::new(lent);
        let mut ours: [Option<OwnedFd>; 3] = [None, None, None];
        for (number, (stream, usual)) in (0..).zip(self.streams.iter().zip(&usual)) {
            let theirs = match stream.as_ref().map_or(usual, |stream| &stream.0) {
                Way::Inherit => continue,
                Way::Null => open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?,
                Way::Given(fd) => fd.try_clone()?,
                Way::Piped => {
                    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
                    let (near, far) = if number == 0 { (write, read) } else { (read, write) };
                    ours[number as usize] = Some(near);
                    far
                }
            };
            descriptors.give_at(theirs, number);
        }
        let (told, status) = pipe_with(PipeFlags::CLOEXEC)?;
        let status = descriptors.give(status).to_string();
        let mut options: Vec<OsString> = [self.verb, "--status-fd", &status, "--quiet"].map(OsString::from).into();
        for call in &self.calls.list {
            options.extend(descriptors.spell(&call.words)?);
        }
        for (key, value) in &self.env {
            options.push([OsStr::new("--env="), key, OsStr::new("="), value].into_iter().collect());
        }
        options.extend(self.names.iter().cloned());
        let command = [OsString::from("--")].into_iter().chain(self.words.iter().cloned());
        let (hidden, shown) = if self.env.is_empty() {
            (Vec::new(), options.into_iter().chain(command).collect())
        } else {
            (options, command.collect())
        };
        let process = descriptors.start(program, hidden, shown)?;
        let [stdin, stdout, stderr] = ours;
        Ok(Child {
            stdin: stdin.map(ChildStdin::from),
            stdout: stdout.map(ChildStdout::from),
            stderr: stderr.map(ChildStderr::from),
            process,
            told: Told::new(told)?,
            calls: self.calls.clone(),
            kill_on_drop: self.kill_on_drop,
            end: None,
        })
    }
}
