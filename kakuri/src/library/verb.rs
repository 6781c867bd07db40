//! kakuri's verbs that run no command: started, waited for, and what they print.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::pipe::{PipeFlags, pipe_with};

use super::error::{self, Error, ErrorKind, Result};
use super::launch::Descriptors;
use super::program;
use super::wait::{await_end, collect, read_both};
use super::words::Calls;

/// What a verb is called with.
#[derive(Default)]
pub(super) struct Verb<'a> {
    pub program: Option<&'a Path>,
    /// The verb's own words, options among them.
    pub words: Vec<OsString>,
    /// A builder's options.
    pub calls: Option<&'a Calls>,
    pub env: &'a [(OsString, OsString)],
}

impl<'a> Verb<'a> {
    pub fn new<S: AsRef<OsStr>>(program: Option<&'a Path>, words: impl IntoIterator<Item = S>) -> Verb<'a> {
        let words = words.into_iter().map(|word| word.as_ref().into()).collect();
        Verb { program, words, ..Verb::default() }
    }

    /// What it prints, or what it says is wrong.
    pub fn run(&self) -> Result<Vec<u8>> {
        if let Some(wrong) = self.calls.and_then(|calls| calls.wrong.as_ref()) {
            return Err(wrong.clone());
        }
        let program = program::find(self.program)?;
        let (code, [stdout, stderr]) = self.carry_out(&program).map_err(|e| Error {
            kind: ErrorKind::Program,
            ..Error::io(format!("cannot run {}", program.display()), &e)
        })?;
        if code == Some(0) {
            return Ok(stdout);
        }
        let said = error::said(&stderr, code);
        Err(self.calls.map_or(said.clone(), |calls| calls.name(said)))
    }

    fn carry_out(&self, program: &Path) -> std::io::Result<(Option<i32>, [Vec<u8>; 2])> {
        let mut descriptors = Descriptors::new(Vec::new());
        descriptors.give_at(open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?, 0);
        let (out, their_out) = pipe_with(PipeFlags::CLOEXEC)?;
        let (err, their_err) = pipe_with(PipeFlags::CLOEXEC)?;
        descriptors.give_at(their_out, 1);
        descriptors.give_at(their_err, 2);
        let mut words = self.words.iter().take(1).cloned().collect::<Vec<_>>();
        for call in self.calls.iter().flat_map(|calls| &calls.list) {
            words.extend(descriptors.spell(&call.words)?);
        }
        for (key, value) in self.env {
            words.push([OsStr::new("--env="), key, OsStr::new("="), value].into_iter().collect());
        }
        words.extend(self.words.iter().skip(1).cloned());
        let (hidden, shown) = if self.env.is_empty() { (Vec::new(), words) } else { (words, Vec::new()) };
        let process = descriptors.start(program, hidden, shown)?;
        let said = read_both([Some(out), Some(err)])?;
        await_end(process.pidfd.as_fd(), None)?;
        let code = collect(process.pidfd.as_fd())?.and_then(|ended| ended.code);
        Ok((code, said))
    }
}
