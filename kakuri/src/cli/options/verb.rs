//! The options of the verbs about named containers, each list for one or a few of them.

use super::Takes::{Nothing, Number, Value};
use super::{GENERAL, Id, NAMED, OPTIONS, Opt, RUN, opt};

pub const NAME: &[Opt] = &[
    opt(
        Id::Name,
        None,
        &["name"],
        Value("NAME"),
        NAMED,
        "Give it a name: letters, digits, '_', '.' and '-', 64 at most",
    ),
    opt(Id::Replace, None, &["replace"], Nothing, NAMED, "A stopped container of that name gives way"),
];

pub const RUNS: &[Opt] = &[
    opt(
        Id::Remove,
        None,
        &["rm"],
        Nothing,
        NAMED,
        "With -d or --name: no record stays; without them that is so anyway",
    ),
    // Docker's word for what is so anyway.
    opt(Id::Nothing, None, &["init"], Nothing, "", "Accepted: PID 1 is always kakuri-init"),
];

pub const CREATES: &[Opt] = &[
    opt(Id::Nothing, None, &["init"], Nothing, "", "Accepted: PID 1 is always kakuri-init"),
    opt(Id::Nothing, Some(b'i'), &["interactive"], Nothing, "", "Accepted: say it at start"),
];

/// All of it from elsewhere than the words.
pub const DESCRIBED: &[Opt] = &[
    opt(Id::Script, None, &["command"], Value("SCRIPT"), RUN, "CMD is sh -c SCRIPT, in the container's own sh"),
    opt(
        Id::ConfigFile,
        None,
        &["config-file"],
        Value("FILE"),
        GENERAL,
        "The container as this TOML file describes it, by these options; those given here come over it",
    ),
];

/// Docker's word for what is so anyway.
pub const STARTS: &[Opt] =
    &[opt(Id::Nothing, Some(b'a'), &["attach"], Nothing, "", "Accepted: without -d it is in the foreground")];

pub const DETACH: &[Opt] = &[
    opt(Id::Detach, Some(b'd'), &["detach"], Nothing, RUN, "In the background; what it prints goes to its log"),
    opt(
        Id::Interactive,
        Some(b'i'),
        &["interactive"],
        Nothing,
        RUN,
        "With -d: standard input stays open for attach; else it is connected anyway",
    ),
];

pub const KEYS: &[Opt] = &[opt(
    Id::DetachKeys,
    None,
    &["detach-keys"],
    Value("KEYS"),
    RUN,
    "Keys that leave it running and give the terminal back, such as ctrl-p,ctrl-q (default ctrl-],ctrl-]; '' is none)",
)];

pub const SHELL: &[Opt] = &[opt(
    Id::Login,
    Some(b'l'),
    &["login"],
    Nothing,
    RUN,
    "As somebody's login shell; no other option is heeded, and SSH_ORIGINAL_COMMAND is the command",
)];

pub const ATTACH: &[Opt] = &[
    opt(Id::NoInput, None, &["no-stdin"], Nothing, RUN, "Only look"),
    opt(Id::Nothing, None, &["sig-proxy"], Nothing, "", "Accepted: signals are always passed on"),
];

/// docker's `start`.
pub const DOCKER_START: &[Opt] = &[
    opt(Id::Attach, Some(b'a'), &["attach"], Nothing, OPTIONS, "Stay in the foreground"),
    opt(Id::Interactive, Some(b'i'), &["interactive"], Nothing, OPTIONS, "Stay in the foreground, with its input"),
];

pub const STOP: &[Opt] = &[
    opt(Id::Signal, Some(b's'), &["signal"], Value("SIGNAL"), OPTIONS, "What is sent first (default TERM)"),
    opt(
        Id::Time,
        Some(b't'),
        &["time", "timeout"],
        Value("SECONDS"),
        OPTIONS,
        "How long it may take before all is killed: 10, 500ms, 2m; -1 is for ever (default 10)",
    ),
    opt(Id::All, Some(b'a'), &["all"], Nothing, OPTIONS, "Every running container"),
];

pub const REMOVE: &[Opt] = &[
    opt(
        Id::Force,
        Some(b'f'),
        &["force"],
        Nothing,
        OPTIONS,
        "A running one is killed first, and a missing one is no error",
    ),
    opt(Id::All, Some(b'a'), &["all"], Nothing, OPTIONS, "Every container"),
];

/// docker's `rm -v`.
pub const VOLUMES: &[Opt] =
    &[opt(Id::Nothing, Some(b'v'), &["volumes"], Nothing, OPTIONS, "Accepted: what it kept is always removed")];

pub const LIST: &[Opt] = &[
    opt(Id::Quiet, Some(b'q'), &["quiet"], Nothing, OPTIONS, "Names only"),
    opt(
        Id::Format,
        None,
        &["format"],
        Value("json|jsonl|TEMPLATE"),
        OPTIONS,
        "As JSON, or by a template: '{{.Names}} {{.Status}}', 'table {{.Names}}\\t{{.Status}}'",
    ),
    opt(
        Id::Filter,
        Some(b'f'),
        &["filter"],
        Value("KEY=VALUE"),
        OPTIONS,
        "Only those of which this is true, such as name=web or status=running",
    ),
    opt(Id::NoTrunc, None, &["no-trunc"], Nothing, OPTIONS, "Shorten no column"),
];

pub const LIST_ALL: &[Opt] = &[opt(Id::All, Some(b'a'), &["all"], Nothing, OPTIONS, "Stopped ones too")];

/// `kakuri list` shows all of them anyway.
pub const LIST_ALL_ANYWAY: &[Opt] =
    &[opt(Id::All, Some(b'a'), &["all"], Nothing, OPTIONS, "Accepted: stopped ones are always shown")];

pub const INSPECT: &[Opt] = &[
    opt(
        Id::Pid,
        None,
        &["pid"],
        Value("PID[,PID...]"),
        OPTIONS,
        "Which containers these processes of the host are in, and where they log",
    ),
    opt(Id::All, Some(b'a'), &["all"], Nothing, OPTIONS, "The same of every process in every container that runs"),
    opt(Id::Format, Some(b'f'), &["format"], Value("json|jsonl|TEMPLATE"), OPTIONS, "One line each, or by a template"),
    opt(Id::Security, None, &["security"], Nothing, OPTIONS, "What it guarantees, and how far that holds, as a table"),
];

pub const STATS: &[Opt] = &[
    opt(Id::NoStream, None, &["no-stream"], Nothing, OPTIONS, "Once, and not again each second"),
    opt(
        Id::Format,
        None,
        &["format"],
        Value("json|jsonl|TEMPLATE"),
        OPTIONS,
        "As JSON, a line each, or by a template: '{{.Name}} {{.CPUPerc}} {{.MemUsage}}'",
    ),
    // Nothing is ever shortened.
    opt(Id::Nothing, None, &["no-trunc"], Nothing, "", "Accepted: no column is shortened"),
];

pub const LOGS: &[Opt] = &[
    opt(Id::Follow, Some(b'f'), &["follow"], Nothing, OPTIONS, "Go on with what comes, until it ends"),
    opt(Id::Tail, Some(b'n'), &["tail"], Value("N|all"), OPTIONS, "Only the last N lines"),
    opt(
        Id::Since,
        None,
        &["since"],
        Value("TIME"),
        OPTIONS,
        "Only from then on: 2026-01-31T12:00:00Z, seconds since 1970, or 10m and 1h30m for so long ago",
    ),
    opt(Id::Until, None, &["until"], Value("TIME"), OPTIONS, "Only what came before then"),
    opt(Id::Timestamps, Some(b't'), &["timestamps"], Nothing, OPTIONS, "Say when each line came"),
];

pub const KILL: &[Opt] =
    &[opt(Id::Signal, Some(b's'), &["signal"], Value("SIGNAL"), OPTIONS, "What is sent (default KILL)")];

pub const COPY: &[Opt] = &[
    opt(Id::Archive, Some(b'a'), &["archive"], Nothing, OPTIONS, "Keep owners and times too"),
    opt(Id::FollowLinks, Some(b'L'), &["follow-link"], Nothing, OPTIONS, "Copy what a link of SRC leads to"),
];

/// Of changes, commit and discard.
pub const OF_CONTAINER: &[Opt] = &[opt(
    Id::Container,
    None,
    &["container"],
    Value("NAME"),
    OPTIONS,
    "What this container changed, not what was tried here",
)];

pub const CHANGES: &[Opt] = &[
    opt(
        Id::Format,
        None,
        &["format"],
        Value("json|jsonl|TEMPLATE"),
        OPTIONS,
        "As JSON, or by a template: '{{.letter}} {{.path}}'",
    ),
    opt(Id::Patch, Some(b'p'), &["patch"], Nothing, OPTIONS, "As a patch, which git apply takes"),
    opt(
        Id::All,
        Some(b'a'),
        &["all"],
        Nothing,
        OPTIONS,
        "With what was only touched, and with everything that lay in a deleted folder",
    ),
    opt(Id::Null, Some(b'z'), &["null"], Nothing, OPTIONS, "A letter and the bare path each, with a NUL behind it"),
    opt(Id::List, Some(b'l'), &["list"], Nothing, OPTIONS, "What was tried, and what became of it"),
];

pub const COMMIT: &[Opt] = &[opt(
    Id::Undo,
    None,
    &["undo"],
    Nothing,
    OPTIONS,
    "Take the latest commit back; what was tried stays to be decided",
)];

pub const DOCTOR: &[Opt] = &[
    opt(Id::Json, None, &["json"], Nothing, OPTIONS, "As JSON, for programs"),
    opt(Id::Fix, None, &["fix"], Nothing, OPTIONS, "Print a shell script of what mends it, which is not run"),
];

pub const JSON: &[Opt] = &[
    opt(Id::Json, None, &["json"], Nothing, OPTIONS, "As JSON, for programs"),
    opt(
        Id::Format,
        None,
        &["format"],
        Value("json|table"),
        OPTIONS,
        "The same as --json; a table is what it is anyway",
    ),
];

pub const VPN_MANNER: &[Opt] = &[
    opt(
        Id::VpnOnFailure,
        None,
        &["vpn-on-failure"],
        Value("stop|block"),
        OPTIONS,
        "When the tunnel ends: stop the container (the default), or go on without a network",
    ),
    HOOKS,
];

pub const VPN_HOOKS: &[Opt] = &[HOOKS];

const HOOKS: Opt = opt(
    Id::VpnIgnoreHooks,
    None,
    &["vpn-ignore-hooks"],
    Nothing,
    OPTIONS,
    "Pass over PostUp and the like in the file; they never run",
);

/// For verbs that read no configuration.
pub const HELP: &[Opt] = &[opt(Id::Help, Some(b'h'), &["help"], Nothing, GENERAL, "Print this help")];

pub const CONFIG: &[Opt] = &[opt(Id::Config, None, &["config"], Value("FILE"), OPTIONS, "Another configuration file")];

pub const REGISTRY_LOGIN: &[Opt] = &[
    opt(Id::Username, Some(b'u'), &["username"], Value("USER"), OPTIONS, "Who you are there; asked for otherwise"),
    opt(
        Id::PasswordStdin,
        None,
        &["password-stdin"],
        Nothing,
        OPTIONS,
        "Read the password from standard input; a line break at its end is not part of it",
    ),
    // Known, so that what was typed is not shown once more by an error.
    opt(Id::Password, Some(b'p'), &["password"], Value("PASSWORD"), "", "Refused: every user could read it"),
];

pub const REGISTRY_FILE: &[Opt] = &[opt(
    Id::Authfile,
    None,
    &["authfile"],
    Value("FILE"),
    OPTIONS,
    "Another file of logins (also REGISTRY_AUTH_FILE)",
)];

pub const REGISTRY_TLS: &[Opt] = &[
    opt(
        Id::TlsVerify,
        None,
        &["tls-verify"],
        Number("true|false"),
        OPTIONS,
        "false: believe any certificate, and do without TLS where there is none; true: insist on both",
    ),
    opt(
        Id::CertDir,
        None,
        &["cert-dir"],
        Value("DIR"),
        OPTIONS,
        "Certificates for this registry: *.crt of authorities, *.cert and *.key of your own",
    ),
];

pub const REGISTRY_ALL: &[Opt] = &[opt(Id::All, Some(b'a'), &["all"], Nothing, OPTIONS, "Of every registry")];
