//! The options of `kakuri` and `kakuri run`: one table for the scanner, for help and for suggestions.

/// What an option means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    AllowNetwork,
    Base,
    Bind,
    BindProfile,
    Config,
    Device,
    Emit,
    Env,
    EnvFile,
    EnvHost,
    Explain,
    Help,
    Hide,
    Hostname,
    Mount,
    Nest,
    Network,
    NoAutoBind,
    NoTty,
    Nothing,
    PassFd,
    Proc,
    ReadOnly,
    RoBind,
    Share,
    StatusFd,
    Timeout,
    Tmpfs,
    Tty,
    Uid,
    User,
    Userns,
    Verbose,
    Version,
    Workdir,
}

/// Whether a value follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    /// The rest of the word, or the next one.
    Value(&'static str),
    /// Only after `=`, or a next word that is a number.
    Number(&'static str),
}

use Takes::{Nothing, Number, Value};

/// One option. Only the first long name is shown in the help.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    pub id: Id,
    pub short: Option<u8>,
    pub long: &'static [&'static str],
    pub takes: Takes,
    pub heading: &'static str,
    pub help: &'static str,
}

const FILES: &str = "Files";
const WHO: &str = "Identity and environment";
const WALLS: &str = "Isolation";
const RUN: &str = "Running";
const INSIGHT: &str = "Insight";

const fn opt(
    id: Id,
    short: Option<u8>,
    long: &'static [&'static str],
    takes: Takes,
    heading: &'static str,
    help: &'static str,
) -> Opt {
    Opt { id, short, long, takes, heading, help }
}

/// In the order of the help.
pub const OPTIONS: [Opt; 37] = [
    opt(
        Id::Bind,
        Some(b'v'),
        &["bind", "volume"],
        Value("SRC[:DST][:OPTIONS]"),
        FILES,
        "Show a file or folder of the host, writable; options: ro,rw,create,noexec,exec",
    ),
    opt(
        Id::BindProfile,
        None,
        &["bind-profile"],
        Value("NAME"),
        FILES,
        "Bind what a profile of the configuration lists (dev, minimal, ...)",
    ),
    opt(
        Id::NoAutoBind,
        None,
        &["no-auto-bind"],
        Nothing,
        FILES,
        "Do not show the files and folders named in CMD's arguments",
    ),
    opt(
        Id::Tmpfs,
        None,
        &["tmpfs"],
        Value("DST[:OPTIONS]"),
        FILES,
        "An empty folder in memory; options: size=64m,mode=0755,ro,noexec",
    ),
    opt(
        Id::Mount,
        None,
        &["mount"],
        Value("type=bind|tmpfs,..."),
        FILES,
        "The same in docker's spelling: type=bind,source=A,target=/B,readonly",
    ),
    opt(Id::Hide, None, &["hide"], Value("PATH"), FILES, "Cover a file or folder with an empty one"),
    opt(Id::Device, None, &["device"], Value("PATH[:DST]"), FILES, "Show a device of the host"),
    opt(
        Id::ReadOnly,
        None,
        &["read-only"],
        Nothing,
        FILES,
        "The container's own folders (/tmp, /home, ...) are read-only too",
    ),
    opt(Id::Base, None, &["base"], Value("host|none"), FILES, "Start from the host's programs, or from nothing"),
    opt(Id::Config, None, &["config"], Value("FILE"), FILES, "Configuration file"),
    opt(Id::User, None, &["user"], Number("UID[:GID]"), WHO, "Be the user `user`, uid 1000, inside; or the given ids"),
    opt(Id::Uid, Some(b'u'), &[], Value("UID[:GID]"), WHO, "Be these ids inside"),
    opt(
        Id::Userns,
        None,
        &["userns"],
        Value("single|keep-id"),
        WHO,
        "Which ids there are inside: one (root), or your own",
    ),
    opt(Id::Env, Some(b'e'), &["env"], Value("KEY[=VALUE]"), WHO, "Set a variable; KEY alone takes your value"),
    opt(Id::EnvFile, None, &["env-file"], Value("FILE"), WHO, "Set the variables a file lists"),
    opt(Id::EnvHost, None, &["env-host"], Nothing, WHO, "Pass your whole environment"),
    opt(Id::Workdir, Some(b'w'), &["workdir"], Value("DIR"), WHO, "Start in this folder of the container"),
    opt(Id::Hostname, None, &["hostname"], Value("NAME"), WHO, "Name of the container's host"),
    opt(Id::AllowNetwork, None, &["allow-network"], Nothing, WALLS, "Use the host's network (--network host)"),
    opt(Id::Network, None, &["network", "net"], Value("none|host"), WALLS, "Loopback only, or the host's network"),
    opt(Id::Share, None, &["share"], Value("ipc,uts,cgroup,net"), WALLS, "Namespaces of the host that are shared"),
    opt(
        Id::Proc,
        None,
        &["proc"],
        Value("fresh|host|none"),
        WALLS,
        "Whose processes /proc shows; fresh shows the container's",
    ),
    opt(Id::Nest, None, &["nest"], Nothing, WALLS, "Let the command make containers of its own"),
    opt(
        Id::Tty,
        Some(b't'),
        &["tty"],
        Nothing,
        RUN,
        "Standard input, output and error are a terminal of the container, always",
    ),
    opt(Id::NoTty, Some(b'T'), &["no-tty"], Nothing, RUN, "No terminal"),
    opt(
        Id::Timeout,
        None,
        &["timeout"],
        Value("DURATION"),
        RUN,
        "Stop after 5, 5s, 500ms, 2m or 1h; the exit code is 124",
    ),
    opt(Id::PassFd, None, &["pass-fd"], Value("N"), RUN, "Hand this open descriptor to the command"),
    opt(Id::StatusFd, None, &["status-fd"], Value("N"), INSIGHT, "Write a line of JSON per phase to this descriptor"),
    opt(Id::Explain, None, &["explain"], Nothing, INSIGHT, "Say what would be done, and do nothing"),
    opt(
        Id::Emit,
        None,
        &["emit"],
        Value("mount|netns|init"),
        INSIGHT,
        "Print a helper's part of the plan, and do nothing",
    ),
    opt(Id::Verbose, None, &["verbose"], Nothing, INSIGHT, "Say on standard error what is done"),
    opt(Id::Version, Some(b'V'), &["version"], Nothing, INSIGHT, "Print the version"),
    opt(Id::Help, Some(b'h'), &["help"], Nothing, INSIGHT, "Print this help"),
    // bubblewrap's word, in kakuri's form.
    opt(Id::RoBind, None, &["ro-bind"], Value("SRC[:DST][:OPTIONS]"), "", "Accepted: --bind SRC[:DST]:ro"),
    // Docker's words for what is so anyway.
    opt(Id::Nothing, None, &["init"], Nothing, "", "Accepted: PID 1 is always kakuri-init"),
    opt(Id::Nothing, None, &["rm"], Nothing, "", "Accepted: a temporary container is always removed"),
    opt(Id::Nothing, Some(b'i'), &["interactive"], Nothing, "", "Accepted: standard input is always connected"),
];

/// Options of later builds: known, so that nobody takes them for typing errors.
pub const NOT_YET: [&str; 37] = [
    "add-host",
    "allow-host-port",
    "audio",
    "cap-add",
    "cap-drop",
    "cpus",
    "creds",
    "dbus",
    "detach",
    "detach-
    keys",
    "dns",
    "entrypoint",
    "gidmap",
    "git",
    "gpu",
    "image",
    "memory",
    "name",
    "pids-limit",
    "platform",
    "publish",
    "pull",
    "replace",
    "require",
    "rootfs",
    "seccomp-log",
    "security-opt",
    "ssh-agent",
    "swap",
    "tls-verify",
    "uidmap",
    "ulimit",
    "vpn",
    "vpn-ignore-hooks",
    "vpn-on-failure",
    "wayland",
    "x11",
];
/// The same with one letter.
pub const NOT_YET_SHORT: &[u8] = b"dpm";

/// bubblewrap's words, and what to type instead.
pub const BUBBLEWRAP: [(&str, &str); 23] = [
    ("ro-bind-try", "kakuri --bind SRC:DST:ro"),
    ("bind-try", "kakuri --bind SRC:DST"),
    ("dev", "leave it out, /dev is there already"),
    ("mqueue", "leave it out, /dev/mqueue is there already"),
    ("uid", "kakuri -u UID"),
    ("gid", "kakuri -u UID:GID"),
    ("dev-bind", "kakuri --device PATH"),
    ("dev-bind-try", "kakuri --device PATH"),
    ("overlay-src", "kakuri --bind SRC:DST:ro"),
    ("dir", "kakuri --tmpfs DST"),
    ("chdir", "kakuri -w DIR"),
    ("setenv", "kakuri -e KEY=VALUE"),
    ("unsetenv", "leave it out, the environment is cleared unless --env-host"),
    ("clearenv", "leave it out, the environment is cleared unless --env-host"),
    ("share-net", "kakuri --allow-network"),
    ("unshare-all", "leave it out, every namespace is new already"),
    ("unshare-net", "leave it out, there is no network unless --allow-network"),
    ("unshare-pid", "leave it out, every namespace is new already"),
    ("unshare-ipc", "leave it out, every namespace is new already"),
    ("unshare-uts", "leave it out, every namespace is new already"),
    ("unshare-user", "leave it out, every namespace is new already"),
    ("die-with-parent", "leave it out, the container dies with kakuri already"),
    ("new-session", "leave it out, the command has a session of its own already"),
];
