//! The options that say what a container is: shared by run, create and start.

use super::Takes::{Nothing, Number, Value};
use super::{FILES, GENERAL, INSIGHT, Id, NETWORK, Opt, RUN, WALLS, WHO, opt};

/// What a stored container can be given for one run as well.
pub const SPEC: &[Opt] = &[
    opt(
        Id::Bind,
        Some(b'v'),
        &["bind", "volume"],
        Value("SRC[:DST][:OPTIONS]"),
        FILES,
        "Show a file or folder of the host, writable; options: ro,rw,cow,create,noexec,exec",
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
        Id::File,
        None,
        &["file"],
        Value("N:DST[:mode=0644]"),
        FILES,
        "A file of the container's own, with what this open descriptor holds",
    ),
    opt(Id::Dir, None, &["dir"], Value("DST[:mode=0755]"), FILES, "An empty folder of the container's own"),
    opt(Id::Symlink, None, &["symlink"], Value("TARGET:DST"), FILES, "A symbolic link of the container's own"),
    opt(
        Id::Mount,
        None,
        &["mount"],
        Value("type=bind|tmpfs,..."),
        FILES,
        "The same in docker's spelling: type=bind,source=A,target=/B,readonly",
    ),
    // bubblewrap's word, in kakuri's form.
    opt(Id::RoBind, None, &["ro-bind"], Value("SRC[:DST][:OPTIONS]"), "", "Accepted: --bind SRC[:DST]:ro"),
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
    opt(
        Id::Userns,
        None,
        &["userns"],
        Value("single|range|keep-id"),
        WHO,
        "Ids inside: one (the default), or your range of /etc/subuid; keep-id: you are yourself (auto: a range if it can be)",
    ),
    opt(
        Id::Uidmap,
        None,
        &["uidmap"],
        Value("IN:OUT:COUNT"),
        WHO,
        "Of your range these ids, in this order; OUT 0 is you, 1 the first of your sub-ids",
    ),
    opt(Id::Gidmap, None, &["gidmap"], Value("IN:OUT:COUNT"), WHO, "The same for groups, where they differ"),
    opt(Id::Hostname, None, &["hostname"], Value("NAME"), WHO, "Name of the container's host"),
    opt(Id::AllowNetwork, None, &["allow-network"], Nothing, NETWORK, "Use the host's network (--network host)"),
    opt(
        Id::Network,
        None,
        &["network", "net"],
        Value("MODE"),
        NETWORK,
        "none (the default), host, nat, bridge (root), container:NAME or ns:PATH",
    ),
    opt(
        Id::Vpn,
        None,
        &["vpn"],
        Value("CONF"),
        NETWORK,
        "All traffic through WireGuard: a wg-quick file, or its name in the usual folders",
    ),
    opt(
        Id::VpnOnFailure,
        None,
        &["vpn-on-failure"],
        Value("stop|block"),
        NETWORK,
        "When the tunnel ends: stop the container (the default), or go on without a network",
    ),
    opt(
        Id::VpnIgnoreHooks,
        None,
        &["vpn-ignore-hooks"],
        Nothing,
        NETWORK,
        "Pass over PostUp and the like in the file; they never run",
    ),
    opt(
        Id::Publish,
        Some(b'p'),
        &["publish"],
        Value("[HOST:]PORT[/udp]"),
        NETWORK,
        "With nat: a port of the host (of 127.0.0.1; IP:HOST:PORT names another) leads to one of the container; ranges such as 8000-8010:80-90",
    ),
    opt(
        Id::AllowHostPort,
        None,
        &["allow-host-port"],
        Value("PORT"),
        NETWORK,
        "With nat: this port of the host's loopback is the container's too, at its own 127.0.0.1",
    ),
    opt(Id::Dns, None, &["dns"], Value("IP"), NETWORK, "Ask this resolver"),
    opt(Id::DnsSearch, None, &["dns-search"], Value("DOMAIN"), NETWORK, "Look for short names in this domain"),
    opt(Id::AddHost, None, &["add-host"], Value("NAME:IP"), NETWORK, "A line of /etc/hosts"),
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
        Id::SecurityOpt,
        None,
        &["security-opt"],
        Value("OPTION"),
        WALLS,
        "seccomp=FILE: the system calls of a profile in docker's and podman's form; seccomp=unconfined: all",
    ),
    opt(
        Id::SeccompLog,
        None,
        &["seccomp-log"],
        Nothing,
        WALLS,
        "List the system calls that were refused, after the run",
    ),
    opt(Id::CapAdd, None, &["cap-add"], Value("NAME"), WALLS, "Give root inside this capability over what is its own"),
    opt(
        Id::CapDrop,
        None,
        &["cap-drop"],
        Value("NAME"),
        WALLS,
        "Take this capability from root inside; ALL takes every one",
    ),
    opt(Id::Memory, Some(b'm'), &["memory"], Value("SIZE"), WALLS, "Most memory of all its processes, such as 512m"),
    opt(Id::Swap, None, &["swap"], Value("SIZE"), WALLS, "With --memory: so much more in swap (default 0; -1 is any)"),
    // Docker's: both together.
    opt(Id::MemorySwap, None, &["memory-swap"], Value("SIZE"), "", "Accepted: memory and swap together"),
    opt(Id::Cpus, None, &["cpus"], Value("NUMBER"), WALLS, "Most processors' time, such as 1.5"),
    opt(
        Id::PidsLimit,
        None,
        &["pids-limit"],
        Value("N"),
        WALLS,
        "Most processes and threads (default 2048; -1 is any)",
    ),
    opt(
        Id::Ulimit,
        None,
        &["ulimit"],
        Value("NAME=SOFT[:HARD]"),
        WALLS,
        "Limit a resource of each process: nofile, nproc, as, cpu, fsize, core, ...; -1 is no limit",
    ),
    opt(Id::Rlimit, None, &["rlimit-as", "limit-as"], Value("SIZE"), WALLS, "Most address space of each process"),
    opt(Id::Rlimit, None, &["rlimit-core", "limit-core"], Value("SIZE"), WALLS, "Largest core dump (default 0)"),
    opt(Id::Rlimit, None, &["rlimit-cpu", "limit-cpu"], Value("TIME"), WALLS, "Processor's time of each process"),
    opt(Id::Rlimit, None, &["rlimit-fsize", "limit-fsize"], Value("SIZE"), WALLS, "Largest file it may write"),
    opt(Id::Rlimit, None, &["rlimit-nofile", "limit-nofile"], Value("N"), WALLS, "Most open files of each process"),
    opt(Id::Rlimit, None, &["rlimit-nproc", "limit-nproc"], Value("N"), WALLS, "Most processes of each user inside"),
    opt(
        Id::LandlockRo,
        None,
        &["landlock-ro", "landlock-fs-ro"],
        Value("PATH"),
        WALLS,
        "A second wall: of the files inside only those beneath such paths may be used, these be read",
    ),
    opt(
        Id::LandlockRw,
        None,
        &["landlock-rw", "landlock-fs-rw"],
        Value("PATH"),
        WALLS,
        "The same for files that may be read, written, made and removed",
    ),
    opt(
        Id::LandlockRx,
        None,
        &["landlock-rx", "landlock-fs-rx"],
        Value("PATH"),
        WALLS,
        "The same for files that may be read and executed: programs, their libraries",
    ),
    opt(
        Id::LandlockTcpBind,
        None,
        &["landlock-tcp-bind"],
        Value("PORT"),
        WALLS,
        "Listen on no TCP ports but these: PORT, FIRST-LAST, several parted by commas",
    ),
    opt(
        Id::LandlockTcpConnect,
        None,
        &["landlock-tcp-connect"],
        Value("PORT"),
        WALLS,
        "Connect to no TCP ports but these",
    ),
    opt(
        Id::LandlockRestrict,
        None,
        &["landlock-restrict", "landlock-scope"],
        Value("KIND"),
        WALLS,
        "Deny all but what the rules allow of fs, tcp.bind, tcp.connect; or abstract, signals: to other commands",
    ),
    opt(
        Id::Require,
        None,
        &["require"],
        Value("NAME"),
        WALLS,
        "Start only where this guarantee is enforced; --explain lists them; several parted by commas, or all",
    ),
    opt(
        Id::Timeout,
        None,
        &["timeout"],
        Value("DURATION"),
        RUN,
        "Stop after 5, 5s, 500ms, 2m or 1h; the exit code is 124",
    ),
];

/// What it was made from: nothing a later start could change.
pub const BASE: &[Opt] = &[
    opt(Id::Base, None, &["base"], Value("host|none"), FILES, "Start from the host's programs, or from nothing"),
    opt(
        Id::Rootfs,
        None,
        // Ryouiki's word too.
        &["rootfs", "path"],
        Value("DIR[:ro|:rw|:O]"),
        FILES,
        "Make a folder the root: read-only, writable, or (O) with what is written kept apart",
    ),
];

/// Who runs, where and with which variables: exec and shell take them too.
pub const PLACE: &[Opt] = &[
    opt(Id::User, None, &["user"], Number("UID[:GID]"), WHO, "Be the user `user`, uid 1000, inside; or the given ids"),
    opt(
        Id::Uid,
        Some(b'u'),
        &[],
        Value("UID[:GID]|NAME"),
        WHO,
        "Be these ids inside, or this user of the container's own passwd",
    ),
    opt(Id::Env, Some(b'e'), &["env"], Value("KEY[=VALUE]"), WHO, "Set a variable; KEY alone takes your value"),
    opt(Id::EnvFile, None, &["env-file"], Value("FILE"), WHO, "Set the variables a file lists"),
    opt(Id::EnvHost, None, &["env-host"], Nothing, WHO, "Pass your whole environment"),
    opt(Id::Workdir, Some(b'w'), &["workdir"], Value("DIR"), WHO, "Start in this folder of the container"),
];

pub const TERMINAL: &[Opt] = &[
    opt(
        Id::Tty,
        Some(b't'),
        &["tty"],
        Nothing,
        RUN,
        "Standard input, output and error are a terminal of the container, always",
    ),
    opt(Id::NoTty, Some(b'T'), &["no-tty"], Nothing, RUN, "No terminal"),
];

/// Descriptors of who starts it.
pub const PASS: &[Opt] =
    &[opt(Id::PassFd, None, &["pass-fd"], Value("N"), RUN, "Hand this open descriptor to the command")];

pub const STATUS: &[Opt] = &[
    opt(Id::StatusFd, None, &["status-fd"], Value("N"), INSIGHT, "Write a line of JSON per phase to this descriptor"),
    opt(Id::Quiet, Some(b'q'), &["quiet"], Nothing, INSIGHT, "Say nothing on standard error"),
    opt(
        Id::Args,
        None,
        &["args"],
        Value("N"),
        INSIGHT,
        "As the first word: read words from this descriptor, each ended by NUL",
    ),
];

pub const SHOW: &[Opt] = &[
    opt(Id::Explain, None, &["explain"], Nothing, INSIGHT, "Say what would be done, and do nothing"),
    opt(
        Id::Emit,
        None,
        &["emit"],
        Value("PART"),
        INSIGHT,
        "Print a helper's part of the plan: mount, netns or init; or security, the guarantees",
    ),
    opt(Id::Version, Some(b'V'), &["version"], Nothing, INSIGHT, "Print the version"),
];

/// Every verb's.
pub const USUAL: &[Opt] = &[
    opt(Id::Config, None, &["config"], Value("FILE"), GENERAL, "Configuration file"),
    opt(Id::Verbose, None, &["verbose"], Nothing, GENERAL, "Say on standard error what is done"),
    opt(Id::Help, Some(b'h'), &["help"], Nothing, GENERAL, "Print this help"),
];
