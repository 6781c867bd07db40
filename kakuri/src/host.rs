//! What is asked of the system before a plan is made: once, at the start.

use std::collections::BTreeMap;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use kakuri_wire::{Bytes, Fail, Result, Stage};

use crate::account::Accounts;
use crate::pathname;

/// Where the programs of a system are; Debian's sbin, for one, is not on everybody's PATH.
const USUAL: [&str; 6] = ["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"];

/// Where kakuri stands and who called it.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The folder the caller stands in, without symbolic links; None when it was removed.
    pub cwd: Option<Vec<u8>>,
    pub env: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The caller's home by its usual name (which may be a symbolic link); `/` when there is none.
    pub home: Vec<u8>,
    pub uid: u32,
    pub gid: u32,
    /// Processes the caller's own hard limit allows; None is no limit.
    pub processes: Option<u64>,
}

impl Host {
    /// Whether the caller is root of the whole system, not of a container: only there uid_map is one line over
    /// every id (user_namespaces(7)).
    pub fn is_real_root(&self) -> bool {
        let whole = |map: String| map.split_whitespace().eq(["0", "0", "4294967295"]);
        self.uid == 0 && std::fs::read_to_string("/proc/self/uid_map").is_ok_and(whole)
    }

    pub fn look() -> Host {
        let env: BTreeMap<Vec<u8>, Vec<u8>> = std::env::vars_os().map(|(k, v)| (k.into_vec(), v.into_vec())).collect();
        let uid = rustix::process::getuid().as_raw();
        let home = env
            .get(&b"HOME"[..])
            .filter(|h| h.first() == Some(&b'/'))
            .cloned()
            .or_else(|| Accounts::of_host().by_uid(uid).map(|a| a.home))
            .unwrap_or_default();
        Host {
            cwd: std::env::current_dir().ok().map(|d| d.into_os_string().into_vec()),
            home: pathname::absolute(b"/", &home),
            uid,
            gid: rustix::process::getgid().as_raw(),
            processes: rustix::process::getrlimit(rustix::process::Resource::Nproc).maximum,
            env,
        }
    }

    pub fn var(&self, key: &str) -> Option<&[u8]> {
        self.env.get(key.as_bytes()).map(Vec::as_slice)
    }

    /// Where a program may be: on the caller's PATH, then in the usual folders, whatever PATH says. A relative folder of
    /// PATH is passed over: it is whatever the caller stands in.
    pub fn places(&self, program: &str) -> impl Iterator<Item = PathBuf> {
        let own = self.var("PATH").unwrap_or_default().split(|&b| b == b':').map(as_path);
        let all = own.chain(USUAL.map(Path::new)).filter(|folder| folder.is_absolute());
        all.map(move |folder| folder.join(program))
    }

    /// A path the caller typed, absolute by name.
    pub fn absolute(&self, typed: &[u8]) -> Result<Vec<u8>> {
        match (typed.first(), &self.cwd) {
            (Some(b'/'), _) => Ok(pathname::absolute(b"/", typed)),
            (_, Some(cwd)) => Ok(pathname::absolute(cwd, typed)),
            (_, None) => Err(Fail::new(Stage::Front, format!("cannot tell where '{}' is", Bytes(typed.to_vec())))
                .why("the folder you are in no longer exists")
                .hint("cd to a folder that exists, or give an absolute path")),
        }
    }

    /// The same for a value of an option, where the shell does not always expand `~` and `~/x`.
    pub fn expand(&self, typed: &[u8]) -> Result<Vec<u8>> {
        match in_home(typed) {
            Some(rest) => Ok(pathname::absolute(&self.home, rest)),
            None => self.absolute(typed),
        }
    }

    /// The caller's name: what /etc/passwd says, else $USER.
    pub fn user_name(&self) -> String {
        let sane = |n: &str| {
            !n.is_empty() && n.len() <= 32 && n.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        };
        (Accounts::of_host().by_uid(self.uid).map(|a| a.name))
            .or_else(|| self.var("USER").and_then(|n| String::from_utf8(n.to_vec()).ok()))
            .filter(|n| sane(n))
            .unwrap_or_else(|| "user".into())
    }
}

/// The kernel that runs, as uname(2) calls it; empty where /proc does not say.
pub fn kernel_release() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    text.trim_end().to_string()
}

/// Major and minor number of a release: `6.1.0-32-amd64` is (6, 1).
pub fn kernel_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// What follows `~/`, for a path that begins with `~` alone.
pub fn in_home(typed: &[u8]) -> Option<&[u8]> {
    match typed.strip_prefix(b"~")? {
        b"" => Some(b""),
        rest => rest.strip_prefix(b"/"),
    }
}

/// Bytes as a path for the standard library.
pub fn as_path(path: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(path))
}
