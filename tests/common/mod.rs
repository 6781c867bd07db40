//! What the behaviour tests share: the five programs as built, a scene of folders to run them in, a limit on
//! every wait, and a check that a run left nothing behind.
//!
//! Each test makes one [`Scene`]. [`Scene::new`] may run beside other tests of its file; [`Scene::alone`]
//! may not, and can therefore tell which processes are its own.

#![allow(dead_code, unused_imports)] // every test file uses its own part of this one
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod images;
mod leak;
pub mod live;
pub mod oci;
mod pty;
pub mod random;
pub mod registry;
mod run;
pub mod trace;

use std::ffi::{CString, OsString};
use std::fmt::Display;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Once, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

pub use leak::Before;
pub use pty::Pty;
pub use run::{Output, Run};

pub const KAKURI: &str = env!("CARGO_BIN_EXE_kakuri");
pub const MOUNT: &str = env!("CARGO_BIN_EXE_kakuri-mount");
pub const NETNS: &str = env!("CARGO_BIN_EXE_kakuri-netns");
pub const INIT: &str = env!("CARGO_BIN_EXE_kakuri-init");

/// How long anything may take before a test calls it a hang. Generous: no test is about speed.
pub const HANG: Duration = Duration::from_secs(60);
/// How long the kernel gets to tear a dead container down; on a busy machine that may be seconds.
pub const GONE: Duration = Duration::from_secs(30);

static ORDER: RwLock<()> = RwLock::new(());

enum Turn {
    Shared(#[allow(dead_code)] RwLockReadGuard<'static, ()>),
    Alone(#[allow(dead_code)] RwLockWriteGuard<'static, ()>),
}

/// A home, a runtime folder and a folder to be in, all empty, all removed at the end.
pub struct Scene {
    root: PathBuf,
    /// In the place of a home of the scene's.
    account: Option<PathBuf>,
    _turn: Turn,
}

impl Scene {
    pub fn new() -> Scene {
        Scene::with(Turn::Shared(ORDER.read().unwrap_or_else(|p| p.into_inner())))
    }

    /// A scene with no other test of this file beside it.
    pub fn alone() -> Scene {
        let scene = Scene::with(Turn::Alone(ORDER.write().unwrap_or_else(|p| p.into_inner())));
        leak::wait_for_no_children("a test before this one");
        scene
    }

    fn with(turn: Turn) -> Scene {
        adopt_orphans();
        let scene = Scene { root: new_folder("ktest").canonicalize().unwrap(), account: None, _turn: turn };
        for folder in [scene.home(), scene.runtime(), scene.work()] {
            fs::create_dir(&folder).unwrap();
        }
        fs::set_permissions(scene.runtime(), fs::Permissions::from_mode(0o700)).unwrap();
        scene
    }

    /// A scene alone, whose home is that of whoever runs the test, by the password file: a login believes no other.
    /// What the test makes there it removes again.
    pub fn of_account() -> Scene {
        let mut scene = Scene::alone();
        let uid = fs::metadata("/proc/self").unwrap().uid().to_string();
        let accounts = fs::read_to_string("/etc/passwd").unwrap();
        let of_us = |line: &&str| line.split(':').nth(2) == Some(&uid);
        let home = accounts.lines().find(of_us).and_then(|line| line.split(':').nth(5)).expect("an account");
        scene.account = Some(home.into());
        scene
    }

    pub fn home(&self) -> PathBuf {
        self.account.clone().unwrap_or_else(|| self.root.join("home"))
    }

    pub fn runtime(&self) -> PathBuf {
        self.root.join("runtime")
    }

    /// Where kakuri is started unless the test says otherwise.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// A file below [`Scene::work`], its folders made.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.work().join(name);
        write_program(&path, text);
        path
    }

    /// A folder below [`Scene::work`].
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.work().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Any program, in this scene's folders and with a plain environment.
    pub fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Run {
        Run::new(program, &self.work())
            .env_clear()
            .env("HOME", self.home())
            .env("XDG_RUNTIME_DIR", self.runtime())
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm")
            .env("USER", "someone")
            .env("SHELL", "/bin/bash")
    }

    /// `kakuri ARGS...`. Where a test file runs a second time ([`again_with`]), with that run's options before.
    pub fn kakuri<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        let always = std::env::var(ALWAYS).unwrap_or_default();
        self.program(KAKURI).args(always.split_whitespace()).args(args)
    }

    /// What a shell inside prints, trimmed; the run must succeed.
    pub fn inside(&self, options: &[&str], script: &str) -> String {
        self.kakuri(options.iter().copied().chain(["--", "sh", "-c", script])).output().ok().text()
    }

    /// The state of the machine now, to compare with at the end. For a scene that is [`Scene::alone`].
    pub fn before(&self) -> Before {
        assert!(matches!(self._turn, Turn::Alone(_)), "only a scene alone can look for leftovers");
        Before::look(self)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        live::end_all(&self.runtime());
        // Folders may have been made unreadable by the test.
        let _ = std::process::Command::new("chmod").args(["-R", "u+rwx"]).arg(&self.root).output();
        if fs::remove_dir_all(&self.root).is_err() {
            // What the ids of a range own, their root may remove.
            let _ = std::process::Command::new("unshare")
                .args(["--map-root-user", "--map-auto", "rm", "-rf", "--"])
                .arg(&self.root)
                .output();
            assert!(!self.root.exists() || thread::panicking(), "{} cannot be removed", self.root.display());
        }
    }
}

/// A new folder among the temporary ones. Its name is nobody's: numbers of processes come again, and what a killed
/// test left would be in the way.
pub fn new_folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("{name}-XXXXXX"));
    let mut path = CString::new(path.into_os_string().into_vec()).unwrap().into_bytes_with_nul();
    // SAFETY: a string with its end, which mkdtemp(3) writes six of the bytes of.
    assert!(!unsafe { libc::mkdtemp(path.as_mut_ptr().cast()) }.is_null(), "{}", std::io::Error::last_os_error());
    path.pop();
    let path = PathBuf::from(OsString::from_vec(path));
    // As those others make: a container's other users are to reach what is in it.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A file to be run. Another process writes it: of one that is open for writing here, a test beside this one could just
/// now be forking a copy, and it would be refused as busy.
pub fn write_program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(path).stdin(std::process::Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success(), "{}", path.display());
}

/// Orphans of every program started here come to this process instead of init: none escapes the leak check.
fn adopt_orphans() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: integers only.
        assert_eq!(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }, 0);
    });
}

/// Says that a test (or a part of one) did not run, and why; past the capture of the harness, so that it is seen.
pub fn skip(reason: impl Display) {
    // One write, so that two tests at once do not mix their words.
    let _ = std::io::stderr().write_all(format!("\nskipped: {reason}\n").as_bytes());
}

/// Options of every container of a test file, for one run of it.
const ALWAYS: &str = "KAKURI_TEST_ALWAYS";

/// Every test of this file once more, with these options for each container; `own` is the name of the calling one.
pub fn again_with(options: &str, own: &str) {
    assert!(std::env::var_os(ALWAYS).is_none(), "{own} is left out of what it runs");
    // Others of this file look whose children are left.
    let _alone = Scene::alone();
    let said = Run::new(std::env::current_exe().unwrap(), Path::new("/"))
        .args(["--skip", own, "--test-threads", "2"])
        .env(ALWAYS, options)
        .limit(HANG * 5)
        .output();
    let text = said.text();
    assert!(said.status.success(), "with {options}: {said}");
    let ran = text.lines().find(|line| line.starts_with("test result: ok. ")).unwrap_or_else(|| panic!("{said}"));
    assert!(!ran.starts_with("test result: ok. 0 "), "{said}");
}

/// The first of the sub-ids /etc/subuid and /etc/subgid give whoever runs the tests; None, and the reason told, where
/// this machine has no range for him.
pub fn sub_ids(test: &str) -> Option<(u32, u32)> {
    let uid = fs::metadata("/proc/self").unwrap().uid().to_string();
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let of_us = |line: &&str| line.split(':').nth(2) == Some(&uid);
    let name = accounts.lines().find(of_us).and_then(|line| line.split(':').next()).unwrap_or("?");
    let first = |file: &str| -> Option<u32> {
        let text = fs::read_to_string(file).ok()?;
        let fields: Vec<&str> = text.lines().map(|l| l.split(':').collect()).find(|f: &Vec<&str>| f[0] == name)?;
        (fields[2].parse::<u32>().ok()? >= 65536).then(|| fields[1].parse().ok())?
    };
    let ids = first("/etc/subuid").zip(first("/etc/subgid"));
    let tools = have("newuidmap") && have("newgidmap");
    if ids.is_none() || !tools {
        let lack = if tools { "this user has no range of 65536 sub-ids" } else { "newuidmap is not installed" };
        skip(format_args!("{test}: {lack}"));
    }
    ids.filter(|_| tools)
}

/// Whether a program is installed.
pub fn have(program: &str) -> bool {
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        .split(':')
        .any(|folder| fs::metadata(Path::new(folder).join(program)).is_ok_and(|m| m.permissions().mode() & 0o111 != 0))
}

/// `return`s from the test with a reason when a program it drives is not installed.
#[macro_export]
macro_rules! need {
    ($($program:literal),+) => {
        $(if !$crate::common::have($program) {
            $crate::common::skip(format_args!("{}: {} is not installed", module_path!(), $program));
            return;
        })+
    };
}

/// A number from the environment: how often a repeated test repeats.
pub fn rounds(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// Asks again and again, until `true` or until `limit` passed.
pub fn until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
}
