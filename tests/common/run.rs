//! Running a program to its end, or to the limit.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::HANG;

/// A program about to be started.
pub struct Run {
    pub command: Command,
    input: Option<Vec<u8>>,
    limit: Duration,
}

impl Run {
    pub fn new(program: impl AsRef<OsStr>, folder: &Path) -> Run {
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Run { command, input: None, limit: HANG }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Run {
        self.command.arg(arg);
        self
    }

    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Run {
        self.command.args(args);
        self
    }

    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Run {
        self.command.env(key, value);
        self
    }

    pub fn env_clear(mut self) -> Run {
        self.command.env_clear();
        self
    }

    pub fn dir(mut self, folder: impl AsRef<Path>) -> Run {
        self.command.current_dir(folder);
        self
    }

    /// What the program reads; without it, end of file at once.
    pub fn input(mut self, bytes: impl AsRef<[u8]>) -> Run {
        self.input = Some(bytes.as_ref().to_vec());
        self
    }

    pub fn limit(mut self, limit: Duration) -> Run {
        self.limit = limit;
        self
    }

    pub fn stdin(mut self, from: impl Into<Stdio>) -> Run {
        self.command.stdin(from);
        self
    }

    pub fn stdout(mut self, to: impl Into<Stdio>) -> Run {
        self.command.stdout(to);
        self
    }

    pub fn stderr(mut self, to: impl Into<Stdio>) -> Run {
        self.command.stderr(to);
        self
    }

    /// Lowers a resource limit of the program.
    pub fn rlimit(mut self, resource: libc::__rlimit_resource_t, value: u64) -> Run {
        let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
        // SAFETY: setrlimit is async-signal-safe and reads only `limit`, which the closure owns.
        unsafe {
            self.command.pre_exec(move || match libc::setrlimit(resource, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            })
        };
        self
    }

    /// Starts the program with descriptor `fd` closed.
    pub fn closed(mut self, fd: i32) -> Run {
        // SAFETY: close is async-signal-safe; the number is closed just before exec.
        unsafe {
            self.command.pre_exec(move || {
                libc::close(fd);
                Ok(())
            })
        };
        self
    }

    pub fn spawn(mut self) -> Child {
        if self.input.is_some() {
            self.command.stdin(Stdio::piped());
        }
        let mut child = self.command.spawn().unwrap_or_else(|e| panic!("{:?}: {e}", self.command));
        if let Some(input) = self.input {
            let mut pipe = child.stdin.take().unwrap();
            // A program that does not read to the end is none of our business here.
            std::thread::spawn(move || pipe.write_all(&input));
        }
        child
    }

    /// Runs it to its end and gives what it said. Panics when it takes longer than the limit.
    #[track_caller]
    pub fn output(self) -> Output {
        self.try_output().unwrap_or_else(|hang| panic!("{hang}"))
    }

    /// The same, with a hang as an error; everything that hangs has been killed then.
    pub fn try_output(self) -> Result<Output, String> {
        let what = format!("{:?}", self.command).chars().take(2000).collect::<String>();
        let limit = self.limit;
        finish(self.spawn(), limit, what)
    }
}

/// Waits for a child and for the end of what it says.
fn finish(mut child: Child, limit: Duration, what: String) -> Result<Output, String> {
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let status = wait_within(&mut child, limit);
    if status.is_none() {
        super::leak::kill_family(child.id());
        let _ = child.wait();
    }
    let get = |from: mpsc::Receiver<Vec<u8>>| {
        from.recv_timeout(Duration::from_secs(10)).unwrap_or_else(|_| b"(still open: something keeps it)".to_vec())
    };
    let (stdout, stderr) = (get(stdout), get(stderr));
    match status {
        Some(status) => Ok(Output { status, stdout, stderr, what }),
        None => {
            let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
            Err(format!("hangs: {what}\nstdout: {stdout}\nstderr: {stderr}"))
        }
    }
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (to, from) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = to.send(bytes);
    });
    from
}

/// The exit status, or None if the child still runs when `limit` has passed.
pub fn wait_within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    if let Some(status) = child.try_wait().unwrap() {
        return Some(status);
    }
    // SAFETY: a pid of our own unreaped child; the result is a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
    assert!(fd >= 0, "pidfd_open: {}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just given us this descriptor.
    let pidfd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    let mut poll = libc::pollfd { fd: pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid pollfd.
    let ready = unsafe { libc::poll(&mut poll, 1, limit.as_millis() as i32) };
    if ready == 1 { Some(child.wait().unwrap()) } else { None }
}

/// How a program ended and what it said.
pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    what: String,
}

impl Output {
    /// What a child that was started on its own said, once it has ended.
    pub fn of(child: Child) -> Output {
        let what = format!("process {}", child.id());
        finish(child, HANG, what).unwrap_or_else(|hang| panic!("{hang}"))
    }

    /// The exit code; a program that a signal ended has none, and that is a failure of the test.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by signal {:?}: {self}", self.status.signal()))
    }

    #[track_caller]
    pub fn ok(self) -> Output {
        assert!(self.status.code() == Some(0), "{self}");
        self
    }

    /// Standard output without the last newline.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches('\n').to_string()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// An error as kakuri gives it: this code, nothing on stdout, one line with all these words and at most
    /// one hint line.
    #[track_caller]
    pub fn refused(self, code: i32, words: &[&str]) -> Output {
        assert!(self.status.code() == Some(code), "expected exit code {code}: {self}");
        assert!(self.stdout.is_empty(), "an error belongs on stderr alone: {self}");
        let err = self.err();
        let mut lines = err.lines();
        let first = lines.next().unwrap_or_default();
        assert!(first.starts_with("kakuri: "), "the error line names who speaks: {self}");
        for word in words {
            assert!(first.contains(word), "the error line does not say '{word}': {self}");
        }
        let rest: Vec<_> = lines.collect();
        assert!(
            rest.len() <= 1 && rest.iter().all(|l| l.trim_start().starts_with("hint: ")),
            "more than an error and a hint: {self}"
        );
        assert!(!err.contains("panicked"), "{self}");
        self
    }

    /// The hint line of an error contains these words.
    #[track_caller]
    pub fn hints(self, words: &[&str]) -> Output {
        let err = self.err();
        let hint =
            err.lines().find(|l| l.trim_start().starts_with("hint: ")).unwrap_or_else(|| panic!("no hint: {self}"));
        for word in words {
            assert!(hint.contains(word), "the hint does not say '{word}': {self}");
        }
        self
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}\n{}\n--- stdout\n{}\n--- stderr\n{}", self.what, self.status, self.text(), self.err())
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{self}")
    }
}
