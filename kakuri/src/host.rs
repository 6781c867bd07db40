//! What is asked of the system before a plan is made: once, at the start.

use std::collections::BTreeMap;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use kakuri_wire::{Bytes, Fail, Result, Stage};

use crate::pathname;

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
            .or_else(|| account(uid).map(|a| a.home))
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
        account(self.uid)
            .map(|a| a.name)
            .or_else(|| self.var("USER").map(<[u8]>::to_vec))
            .and_then(|n| String::from_utf8(n).ok())
            .filter(|n| sane(n))
            .unwrap_or_else(|| "user".into())
    }
}

/// What follows `~/`, for a path that begins with `~` alone.
pub fn in_home(typed: &[u8]) -> Option<&[u8]> {
    match typed.strip_prefix(b"~")? {
        b"" => Some(b""),
        rest => rest.strip_prefix(b"/"),
    }
}

struct Account {
    name: Vec<u8>,
    home: Vec<u8>,
}

/// The line of /etc/passwd with this uid; directory services are not asked.
fn account(uid: u32) -> Option<Account> {
    let text = std::fs::read("/etc/passwd").ok()?;
    let wanted = uid.to_string();
    text.split(|&b| b == b'\n').find_map(|line| {
        let field: Vec<&[u8]> = line.split(|&b| b == b':').collect();
        (field.len() >= 7 && field[2] == wanted.as_bytes())
            .then(|| Account { name: field[0].to_vec(), home: field[5].to_vec() })
    })
}

/// Bytes as a path for the standard library.
pub fn as_path(path: &[u8]) -> &std::path::Path {
    std::path::Path::new(std::ffi::OsStr::from_bytes(path))
}
