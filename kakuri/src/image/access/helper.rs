//! Programs that keep logins: `docker-credential-NAME get|store|erase`, with one word or document on their standard
//! input and one on their output (docker-credential-helpers, "Development"). They are the user's own and run as him, with
//! his environment; what they print is not shown, because it may be a secret.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kakuri_image::talk::{Login, Secret};
use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::{channel, sys};
use rustix::event::PollFlags;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::host::Host;

/// For all it does: a person may have to unlock it.
const LIMIT: Duration = Duration::from_secs(30);
/// Of what it may say, in bytes.
const LARGEST: usize = 64 << 10;
/// In the place of a user: the secret is a token to be exchanged.
const TOKEN: &str = "<token>";
/// What helpers say, on standard output, where they keep nothing for a server.
const NOT_FOUND: [&str; 2] = ["credentials not found", "no credentials server url"];

/// One of them, and which line of which file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    pub program: String,
    named: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: Secret,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    #[serde(rename = "ServerURL")]
    server: &'a str,
    username: &'a str,
    secret: &'a str,
}

impl Helper {
    /// `named`: `file:line`.
    ///
    /// # Errors
    /// The name is none of a helper: why.
    pub fn new(name: &str, named: String) -> std::result::Result<Helper, String> {
        let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) && !name.is_empty();
        match fits && name.len() <= 64 {
            true => Ok(Helper { program: format!("docker-credential-{name}"), named }),
            false => {
                Err("a helper is named by letters, digits, '.', '_' and '-': what follows docker-credential-".into())
            }
        }
    }

    /// The login it keeps for a server.
    pub fn get(&self, server: &str, host: &Host) -> Result<Option<Login>> {
        let said = self.run("get", server.as_bytes(), host)?;
        if !said.well {
            return if said.has(&NOT_FOUND) { Ok(None) } else { Err(self.failed("get", server, &said)) };
        }
        let answer: Answer = serde_json::from_slice(&said.output).map_err(|_| {
            self.fail("talks nonsense")
                .why(format!("its answer for '{server}' is not the document a helper gives"))
                .hint(format!("try it: echo {server} | {} get; {} names it", self.program, self.named))
        })?;
        match (&answer.username[..], answer.secret.0.is_empty()) {
            (_, true) => Ok(None),
            (TOKEN, _) => Ok(Some(Login::Identity(answer.secret))),
            ("", _) => Ok(None),
            _ => Ok(Some(Login::Basic { user: answer.username, password: answer.secret })),
        }
    }

    pub fn store(&self, server: &str, login: &Login, host: &Host) -> Result<()> {
        let (username, secret) = match login {
            Login::Basic { user, password } => (&user[..], password),
            Login::Identity(token) => (TOKEN, token),
        };
        let entry = Entry { server, username, secret: &secret.0 };
        let mut input = Zeroizing::new(Vec::with_capacity(secret.0.len() * 6 + username.len() * 6 + server.len() + 64));
        serde_json::to_writer(&mut *input, &entry).map_err(|e| self.fail("cannot be told").why(e.to_string()))?;
        let said = self.run("store", &input, host)?;
        if said.well { Ok(()) } else { Err(self.failed("store", server, &said)) }
    }

    /// False: there was nothing.
    pub fn erase(&self, server: &str, host: &Host) -> Result<bool> {
        let said = self.run("erase", server.as_bytes(), host)?;
        match said.well {
            true => Ok(true),
            false if said.has(&NOT_FOUND) => Ok(false),
            false => Err(self.failed("erase", server, &said)),
        }
    }

    fn fail(&self, what: &str) -> Fail {
        Fail::new(Stage::Front, format!("{} {what}", self.program))
    }

    fn failed(&self, action: &str, server: &str, said: &Said) -> Fail {
        // Where it fails, its output is the error's text (in the same protocol).
        let words = String::from_utf8_lossy(&said.output);
        let first: String = words.trim().lines().next().unwrap_or("it gave no reason").chars().take(200).collect();
        self.fail(&format!("cannot {action} the login of '{server}'"))
            .why(first)
            .hint(format!("{} names it; a login without it: kakuri registry login --authfile FILE", self.named))
    }

    fn run(&self, action: &str, input: &[u8], host: &Host) -> Result<Said> {
        let found: Option<PathBuf> = host.places(&self.program).find(|path| path.is_file());
        let Some(program) = found else {
            return Err(self
                .fail("was not found")
                .why(format!("{} names it to keep logins", self.named))
                .hint("install it, put its folder on PATH, or take its name out there"));
        };
        log::info!("{} is asked to {action}", self.program);
        self.run_within(&program, action, input, LIMIT)
    }

    fn run_within(&self, program: &Path, action: &str, input: &[u8], limit: Duration) -> Result<Said> {
        let mut command = Command::new(program);
        command.arg(action).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().map_err(|e| {
            self.fail("cannot be started").errno(e).hint(format!(
                "{} names it; it is '{}'",
                self.named,
                program.display()
            ))
        })?;
        let mut running = Running(child);
        let until = Instant::now() + limit;
        let ended = running.talk(input, until).map_err(|e| self.fail("cannot be talked to").errno(e))?;
        ended.ok_or_else(|| {
            self.fail("does not answer")
                .why(format!("it was given {} s, and ended", limit.as_secs().max(1)))
                .hint(format!("try it: echo quay.io | {} get; {} names it", self.program, self.named))
        })
    }
}

/// What it has said, and whether it ended well.
struct Said {
    well: bool,
    output: Zeroizing<Vec<u8>>,
}

impl Said {
    fn has(&self, words: &[&str]) -> bool {
        let text = Zeroizing::new(String::from_utf8_lossy(&self.output).to_ascii_lowercase());
        words.iter().any(|word| text.contains(word))
    }
}

/// Killed and waited for when this value goes.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// None: its time ran out. What it was told fits into a pipe, so that writing never waits.
    fn talk(&mut self, input: &[u8], until: Instant) -> std::io::Result<Option<Said>> {
        if let Some(mut pipe) = self.0.stdin.take() {
            // One that reads nothing is no error: it may know without.
            let _ = sys::ignoring(libc::SIGPIPE, || pipe.write_all(input));
        }
        let mut said = Said { well: false, output: Zeroizing::new(Vec::with_capacity(LARGEST)) };
        if let Some(pipe) = self.0.stdout.take()
            && !gather(pipe, &mut said.output, until)?
        {
            return Ok(None);
        }
        let pid = Pid::from_child(&self.0);
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        if !channel::wait(&pidfd, PollFlags::IN, left(until)).is_ok_and(|ready| ready) {
            return Ok(None);
        }
        said.well = self.0.wait()?.success();
        Ok(Some(said))
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

/// Reads to the end, and keeps the beginning. False: time ran out.
fn gather(mut pipe: impl Read + AsFd, kept: &mut Vec<u8>, until: Instant) -> std::io::Result<bool> {
    let mut chunk = Zeroizing::new([0_u8; 4096]);
    loop {
        if !channel::wait(&pipe, PollFlags::IN, left(until)).is_ok_and(|ready| ready) {
            return Ok(false);
        }
        match pipe.read(&mut chunk[..])? {
            0 => return Ok(true),
            n => kept.extend_from_slice(&chunk[..n.min(LARGEST - kept.len().min(LARGEST))]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(name: &str, script: &str, limit: Duration) -> Result<Said> {
        let folder = std::env::temp_dir().join(format!("khelper-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let program = folder.join("docker-credential-x");
        // Written by another process: a test beside this one could just now be forking a copy of what is open for writing.
        let wrote = Command::new("sh")
            .args(["-c", "printf '%s\\n' '#!/bin/sh' \"$1\" >\"$0\" && chmod 755 \"$0\""])
            .arg(&program)
            .arg(script)
            .status();
        assert!(wrote.is_ok_and(|status| status.success()), "a script");
        let helper = Helper::new("x", "/c.json:3".into()).expect("a name");
        let said = helper.run_within(&program, "get", b"quay.io", limit);
        std::fs::remove_dir_all(&folder).expect("removed");
        said
    }

    #[test]
    fn what_it_is_told_and_says() {
        let long = Duration::from_secs(30);
        let said = says("echo", "printf '%s:%s' \"$1\" \"$(cat)\"", long).expect("runs");
        assert!(said.well && *said.output == b"get:quay.io");
        let said =
            says("deaf", "exec 0<&-; echo credentials not found in native keychain; exit 1", long).expect("runs");
        assert!(!said.well && said.has(&NOT_FOUND));
        let said = says("loud", "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2", long).expect("runs");
        assert!(said.well && said.output.len() == LARGEST);
    }

    /// It says nothing, or leaves with its output closed.
    #[test]
    fn one_that_hangs_is_ended() {
        for (name, script) in [("mute", "exec sleep 1000"), ("half", "exec >&-; exec sleep 1000")] {
            let fail = says(name, script, Duration::from_millis(300)).map(|_| ()).expect_err(name).to_string();
            assert!(fail.starts_with("docker-credential-x does not answer") && fail.contains("/c.json:3"), "{fail}");
        }
    }

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["", "a/b", "../x", "a b", "a\0", &"x".repeat(65)] {
            assert!(Helper::new(name, String::new()).is_err(), "{name}");
        }
    }
}
