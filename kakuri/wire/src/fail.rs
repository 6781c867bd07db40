//! An error is a record. It crosses a link as that record and is rendered once, by the front.

use std::fmt;
use std::io;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::bytes::Bytes;

pub type Result<T, E = Fail> = std::result::Result<T, E>;

/// The process that met the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Front,
    Init,
    Mount,
    Netns,
    /// kakuri-image with the network.
    Fetch,
    /// kakuri-image with the folder.
    Unpack,
    /// The command itself: not found, not executable.
    Command,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Stage::Front => "kakuri",
            Stage::Init => "kakuri-init",
            Stage::Mount => "kakuri-mount",
            Stage::Netns => "kakuri-netns",
            Stage::Fetch | Stage::Unpack => "kakuri-image",
            Stage::Command => "command",
        })
    }
}

/// What failed, on what, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    pub stage: Stage,
    /// In words, naming the target as the user typed it: `cannot bind './config' at '/etc/service'`.
    pub what: String,
    /// In words, where there is more to say than the errno does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The exit code it leads to: 125, 126 or 127, and never success, whatever a helper says.
    #[serde(deserialize_with = "failing")]
    pub code: u8,
}

fn failing<'de, D: Deserializer<'de>>(d: D) -> Result<u8, D::Error> {
    match u8::deserialize(d)? {
        code @ CODE_FAILED..=CODE_NOT_FOUND => Ok(code),
        code => Err(de::Error::custom(format_args!("{code} is no code of a failure"))),
    }
}

/// kakuri itself failed or was misused.
pub const CODE_FAILED: u8 = 125;
/// The command exists and cannot be executed.
pub const CODE_NOT_EXECUTABLE: u8 = 126;
/// The command was not found.
pub const CODE_NOT_FOUND: u8 = 127;

impl Fail {
    pub fn new(stage: Stage, what: impl Into<String>) -> Fail {
        Fail { stage, what: what.into(), why: None, errno: None, hint: None, code: CODE_FAILED }
    }

    pub fn why(mut self, why: impl Into<String>) -> Fail {
        self.why = Some(why.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Fail {
        self.hint = Some(hint.into());
        self
    }

    pub fn errno(mut self, errno: impl Errno) -> Fail {
        self.errno = errno.number();
        self
    }

    pub fn code(mut self, code: u8) -> Fail {
        self.code = code;
        self
    }

    /// The reason in words: `why`, else what the errno means.
    pub fn reason(&self) -> Option<String> {
        self.why.clone().or_else(|| self.errno.map(describe))
    }
}

/// What an errno means, without the number.
pub fn describe(errno: i32) -> String {
    let text = io::Error::from_raw_os_error(errno).to_string();
    match text.rsplit_once(" (os error") {
        Some((words, _)) => words.to_string(),
        None => text,
    }
}

/// `what: reason`, and the hint on a second line.
impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        // Names are escaped where they are put in; this is for words of others: a parser's that quotes what it read, a
        // helper's that has been taken over.
        let single = |s: &str| Bytes::from(&s.replace('\n', " ")).to_string();
        f.write_str(&single(&self.what))?;
        if let Some(reason) = self.reason() {
            write!(f, ": {}", single(&reason))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {}", single(hint))?;
        }
        Ok(())
    }
}

impl std::error::Error for Fail {}

/// The error types of the crates we make system calls with.
pub trait Errno {
    fn number(&self) -> Option<i32>;
}

impl Errno for io::Error {
    fn number(&self) -> Option<i32> {
        self.raw_os_error()
    }
}

impl Errno for rustix::io::Errno {
    fn number(&self) -> Option<i32> {
        Some(self.raw_os_error())
    }
}

impl Errno for nix::errno::Errno {
    fn number(&self) -> Option<i32> {
        Some(*self as i32)
    }
}

impl Errno for i32 {
    fn number(&self) -> Option<i32> {
        Some(*self)
    }
}

/// `.fail(stage, || "cannot ...")` on the result of a system call.
pub trait OrFail<T> {
    fn fail(self, stage: Stage, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Errno> OrFail<T> for std::result::Result<T, E> {
    fn fail(self, stage: Stage, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| Fail::new(stage, what()).errno(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rendered_as_one_line_and_a_hint() {
        let fail = Fail::new(Stage::Mount, "cannot bind './config'").errno(libc::ENOENT).hint("create it first");
        assert_eq!(fail.to_string(), "cannot bind './config': No such file or directory\n  hint: create it first");
        let fail = Fail::new(Stage::Front, "cannot\nread").why("it\nis odd");
        assert_eq!(fail.to_string(), "cannot read: it is odd");
        let fail = Fail::new(Stage::Init, "\x1b]0;a\x07").why("\u{9b}2J").hint("\r");
        assert_eq!(fail.to_string(), "\\u{1b}]0;a\\u{7}: \\u{9b}2J\n  hint: \\r");
    }

    #[test]
    fn crosses_a_link_unchanged() {
        let fail = Fail::new(Stage::Command, "cannot run 'x'").errno(libc::EACCES).code(CODE_NOT_EXECUTABLE);
        let json = serde_json::to_string(&fail).expect("serialises");
        assert_eq!(serde_json::from_str::<Fail>(&json).expect("parses"), fail);
        assert!(serde_json::from_str::<Fail>(&json.replace("126", "0")).is_err(), "a failure is none");
    }
}
