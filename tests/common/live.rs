//! Named containers of a scene: a verb in one line, and who runs a container.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kakuri::store::Lock;

use super::{GONE, Run, Scene, until};

impl Scene {
    /// `kakuri LINE`, its words divided by blanks.
    pub fn say(&self, line: &str) -> Run {
        self.kakuri(line.split_whitespace())
    }

    /// `kakuri LINE sh -c SCRIPT`.
    pub fn shell(&self, line: &str, script: &str) -> Run {
        self.kakuri(line.split_whitespace().chain(["sh", "-c", script]))
    }

    /// The live folder of a container.
    pub fn live(&self, name: &str) -> PathBuf {
        self.runtime().join("kakuri").join(name)
    }

    /// A number in state.json of a container that runs: `init` or `supervisor`.
    #[track_caller]
    pub fn number(&self, name: &str, key: &str) -> i32 {
        let text = fs::read_to_string(self.live(name).join("state.json")).unwrap_or_else(|e| panic!("{name}: {e}"));
        number(&text, key).unwrap_or_else(|| panic!("{text}"))
    }

    pub fn supervisor(&self, name: &str) -> i32 {
        self.number(name, "supervisor")
    }

    pub fn init(&self, name: &str) -> i32 {
        self.number(name, "init")
    }

    /// What `list` says of its state.
    pub fn state(&self, name: &str) -> String {
        let list = self.say("list --format {{.Names}}={{.State}}").output().ok().text();
        list.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap_or("none").to_string()
    }

    #[track_caller]
    pub fn soon(&self, name: &str, state: &str) {
        let mut seen = String::new();
        let there = until(GONE + Duration::from_secs(5), || {
            seen = self.state(name);
            seen == state
        });
        assert!(there, "'{name}' is {seen}, and not {state}");
    }
}

/// Lets go of a lock this process holds. Dropped alone it would be held on for a moment by each child another test
/// has just forked, until that one executes its program.
pub fn let_go(lock: Lock) {
    let all = libc::flock { l_type: libc::F_UNLCK as i16, l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 };
    // SAFETY: a descriptor of ours, and one lock to read.
    let r = unsafe { libc::fcntl(lock.file.as_raw_fd(), libc::F_OFD_SETLK, &all) };
    assert_eq!(r, 0, "{}", std::io::Error::last_os_error());
}

/// Kills the supervisors a test has left, and their containers with them.
pub fn end_all(runtime: &Path) {
    for folder in fs::read_dir(runtime.join("kakuri")).into_iter().flatten().flatten() {
        let Ok(text) = fs::read_to_string(folder.path().join("state.json")) else { continue };
        let Some(pid) = number(&text, "supervisor") else { continue };
        // Ours, and no other that has the number by now.
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if String::from_utf8_lossy(&environment).contains(&*runtime.to_string_lossy()) {
            signal(pid, libc::SIGKILL);
            until(GONE, || !lives(pid));
        }
    }
}

fn number(text: &str, key: &str) -> Option<i32> {
    let rest = text.split_once(&format!("\"{key}\":"))?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Whether a process lives, and is not only waiting to be collected.
pub fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z") && !rest.starts_with(" X"))
}

/// Sends a signal to a process this test has found to be its own.
pub fn signal(pid: i32, signal: i32) {
    assert!(pid > 1);
    // SAFETY: integers only.
    unsafe { libc::kill(pid, signal) };
}

/// The process of this title below another.
pub fn below(parent: i32, title: &str) -> Option<i32> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    for child in children.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()) {
        let line = fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
        if line.starts_with(title) {
            return Some(child);
        }
        if let Some(found) = below(child, title) {
            return Some(found);
        }
    }
    None
}
