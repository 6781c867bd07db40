//! What a container's commands may do.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Container;
use crate::library::words::text;

/// A namespace of the host's that can be shared (namespaces(7)). Users, mounts and processes are the container's own always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Namespace {
    /// System V objects and POSIX message queues.
    Ipc,
    /// Host name.
    Uts,
    /// The view of control groups.
    Cgroup,
    /// Network: the same as [`Network::Host`](crate::Network::Host).
    Network,
}

impl Namespace {
    pub(super) fn word(self) -> &'static str {
        match self {
            Namespace::Ipc => "ipc",
            Namespace::Uts => "uts",
            Namespace::Cgroup => "cgroup",
            Namespace::Network => "net",
        }
    }
}

/// What /proc shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proc {
    /// The container's own processes.
    #[default]
    Fresh,
    /// The host's, read-only.
    Host,
    /// There is none.
    None,
}

/// Which system calls there are (seccomp(2)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seccomp {
    /// The usual ones: kakuri's own profile, close to docker's.
    #[default]
    Default,
    /// All that the kernel has.
    Unconfined,
    /// Those a profile in the OCI's or docker's JSON allows.
    File(PathBuf),
    /// The same, as text.
    Json(String),
}

/// A limit of setrlimit(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// Address space, in bytes.
    As,
    /// Size of a core dump, in bytes.
    Core,
    /// Processor time, in seconds.
    Cpu,
    /// Data segment, in bytes.
    Data,
    /// Size of a file that is written, in bytes.
    Fsize,
    /// Memory that is locked, in bytes.
    Memlock,
    /// Bytes in POSIX message queues.
    Msgqueue,
    /// 20 less the lowest nice value.
    Nice,
    /// Open files, one more than the highest number.
    Nofile,
    /// Processes of the container's user.
    Nproc,
    /// Real-time priority.
    Rtprio,
    /// Signals that are queued.
    Sigpending,
    /// Stack, in bytes.
    Stack,
}

impl Resource {
    fn word(self) -> &'static str {
        match self {
            Resource::As => "as",
            Resource::Core => "core",
            Resource::Cpu => "cpu",
            Resource::Data => "data",
            Resource::Fsize => "fsize",
            Resource::Memlock => "memlock",
            Resource::Msgqueue => "msgqueue",
            Resource::Nice => "nice",
            Resource::Nofile => "nofile",
            Resource::Nproc => "nproc",
            Resource::Rtprio => "rtprio",
            Resource::Sigpending => "sigpending",
            Resource::Stack => "stack",
        }
    }
}

impl Container {
    /// Shares a namespace of the host's.
    pub fn share(&mut self, namespace: Namespace) -> &mut Container {
        if !self.shared.contains(&namespace) {
            self.shared.push(namespace);
        }
        self
    }

    /// Takes [`Container::share`] back: the namespace is the container's own, as all are to begin with.
    pub fn unshare(&mut self, namespace: Namespace) -> &mut Container {
        self.shared.retain(|shared| *shared != namespace);
        self
    }

    /// What /proc shows.
    pub fn proc(&mut self, proc: Proc) -> &mut Container {
        let word = match proc {
            Proc::Fresh => "fresh",
            Proc::Host => "host",
            Proc::None => "none",
        };
        self.calls.option(text!("Container::proc", proc), "--proc", word);
        self
    }

    /// Commands may make user namespaces, and so containers, of their own.
    pub fn nest(&mut self) -> &mut Container {
        self.calls.flag(text!("Container::nest"), "--nest");
        self
    }

    /// Limits a resource of each process. None is no limit; the hard limit is the most a process may raise the soft one
    /// to.
    #[doc(alias = "setrlimit")]
    pub fn rlimit(&mut self, resource: Resource, soft: Option<u64>, hard: Option<u64>) -> &mut Container {
        let number = |limit: Option<u64>| limit.map_or("-1".into(), |limit| limit.to_string());
        let call = text!("Container::rlimit", resource, soft, hard);
        self.calls.option(call, "--ulimit", format!("{}={}:{}", resource.word(), number(soft), number(hard)));
        self
    }

    /// Which system calls there are.
    pub fn seccomp(&mut self, profile: &Seccomp) -> &mut Container {
        let option = "--security-opt";
        match profile {
            Seccomp::Default => self.calls.option(text!("Container::seccomp", profile), option, "seccomp=default"),
            Seccomp::Unconfined => {
                self.calls.option(text!("Container::seccomp", profile), option, "seccomp=unconfined");
            }
            Seccomp::File(file) => {
                // One of these names is a word to kakuri.
                let bare = file.components().count() == 1 && !file.is_absolute();
                let file = if bare { Path::new(".").join(file) } else { file.clone() };
                let mut word = OsString::from("seccomp=");
                word.push(&file);
                let quoted = vec![file.to_string_lossy().into_owned()];
                self.calls.quoting(text!("Container::seccomp", profile), option, word, quoted);
            }
            Seccomp::Json(text) => {
                let before = "seccomp=/proc/self/fd/".into();
                let call = "Container::seccomp(Json(..))".into();
                let quoted = vec!["/proc/self/fd/".into()];
                self.calls.contents(call, option, [before, OsString::new()], text.as_bytes(), quoted);
            }
        }
        self
    }

    /// Gives root inside a capability (capabilities(7)), such as `NET_RAW`; `ALL` is every one. It is over what is the
    /// container's own alone.
    pub fn cap_add(&mut self, name: impl AsRef<str>) -> &mut Container {
        let name = name.as_ref();
        self.calls.option(text!("Container::cap_add", name), "--cap-add", name);
        self
    }

    /// Takes a capability from root inside; `ALL` takes every one.
    pub fn cap_drop(&mut self, name: impl AsRef<str>) -> &mut Container {
        let name = name.as_ref();
        self.calls.option(text!("Container::cap_drop", name), "--cap-drop", name);
        self
    }
}
