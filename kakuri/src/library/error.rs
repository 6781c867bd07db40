//! Why there is no container, or no command in it.

use std::borrow::Cow;
use std::fmt;
use std::io;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What failed, why, and what helps: kakuri's own words, and the call of the builder they are about.
///
/// Displayed it is `CALL: WHAT: WHY`, and on a second line the hint.
#[derive(Clone)]
pub struct Error {
    pub(super) kind: ErrorKind,
    pub(super) call: Option<String>,
    pub(super) what: String,
    pub(super) why: Option<String>,
    pub(super) hint: Option<String>,
    pub(super) errno: Option<i32>,
}

/// What sort of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The command does not exist in the container.
    NotFound,
    /// The command exists and cannot be executed.
    NotExecutable,
    /// The program `kakuri` cannot be found or started, or is of another version.
    Program,
    /// There is no container as it was asked for, or it could not go on.
    Container,
    /// A system call in this process failed.
    Io,
}

impl Error {
    pub(super) fn new(kind: ErrorKind, what: impl Into<String>) -> Error {
        Error { kind, call: None, what: what.into(), why: None, hint: None, errno: None }
    }

    pub(super) fn io(what: impl Into<String>, error: &io::Error) -> Error {
        let errno = error.raw_os_error();
        Error { why: Some(error.to_string()), errno, ..Error::new(ErrorKind::Io, what) }
    }

    pub(super) fn with_why(self, why: impl Into<String>) -> Error {
        Error { why: Some(why.into()), ..self }
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Error {
        Error { hint: Some(hint.into()), ..self }
    }

    pub(super) fn of_call(self, call: impl Into<String>) -> Error {
        Error { call: Some(call.into()), ..self }
    }

    /// What sort it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The call of the builder that asked for what cannot be had, such as `Container::bind_ro("/no", "/x")`, where the
    /// words of the error tell which.
    pub fn call(&self) -> Option<&str> {
        self.call.as_deref()
    }

    /// What failed, naming what was asked for: `cannot bind '/no'`.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The reason.
    pub fn reason(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// What helps. It speaks of the command line, whose options have the names of the builder's calls.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The number of the system's error, where one is behind it (errno(3)).
    pub fn raw_os_error(&self) -> Option<i32> {
        self.errno
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(call) = &self.call {
            write!(f, "{call}: ")?;
        }
        f.write_str(&self.what)?;
        if let Some(why) = &self.why {
            write!(f, ": {why}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The same words: what `main` returns, `expect` shows and a test fails with is read by people.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match (error.kind, error.errno) {
            (ErrorKind::NotFound, _) => io::ErrorKind::NotFound,
            (ErrorKind::NotExecutable, _) => io::ErrorKind::PermissionDenied,
            (_, Some(errno)) => io::Error::from_raw_os_error(errno).kind(),
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// What `kakuri VERB` said on standard error: `kakuri: WHAT[: WHY]`, and a line `  hint: HINT`.
pub(super) fn said(stderr: &[u8], code: Option<i32>) -> Error {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().rposition(|line| line.starts_with("kakuri: "));
    let Some(at) = at else {
        let rest: Cow<str> = if lines.is_empty() { "it said nothing".into() } else { lines.join("; ").into() };
        let code = code.map_or("was killed".into(), |code| format!("exited with code {code}"));
        return Error::new(ErrorKind::Program, format!("kakuri {code}")).with_why(rest);
    };
    let mut error = Error::new(ErrorKind::Container, lines[at].trim_start_matches("kakuri: "));
    error.hint = lines.get(at + 1).and_then(|line| line.strip_prefix("  hint: ")).map(str::to_string);
    error
}
