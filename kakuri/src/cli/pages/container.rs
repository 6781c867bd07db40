//! `kakuri container ...`: docker's verbs, for those who think in them.

use super::super::options::spec::USUAL;
use super::super::options::verb::*;
use super::super::{enter, look, manage};
use super::back::DIFF;
use super::top::{ATTACH_VERB, CREATE, EXEC, INSPECT_VERB, LOGS_VERB, RESTART, RUN, STOP_VERB};
use super::{Group, Prefer, Verb, Words};

/// In the order of the help. Those of the top that mean the same in docker are the same here.
pub const DOCKER: [&Verb; 19] = [
    &LS,
    &RM,
    &RENAME,
    &KILL_VERB,
    &TOP_VERB,
    &STATS_VERB,
    &PORT_VERB,
    &DIFF,
    &WAIT,
    &CP,
    &START,
    &CREATE,
    &RUN,
    &EXEC,
    &STOP_VERB,
    &RESTART,
    &ATTACH_VERB,
    &LOGS_VERB,
    &INSPECT_VERB,
];

static LS: Verb = Verb {
    name: "container ls",
    also: &["list", "ps"],
    group: Group::Insight,
    usage: "[OPTIONS]",
    about: "List running containers, in docker's columns",
    more: "",
    options: &[LIST_ALL, LIST, USUAL],
    words: Words::None,
    examples: &[
        ("kakuri container ls", ""),
        ("kakuri container ls -a --format '{{.ID}}: {{.Command}}'", "stopped ones too"),
        ("kakuri container ps -q --filter name=web", ""),
    ],
    parse: look::docker_list,
};

static RM: Verb = Verb {
    name: "container rm",
    also: &["remove"],
    group: Group::Life,
    usage: "[OPTIONS] NAME...",
    about: "Remove containers with all they kept; print their names",
    more: "",
    options: &[REMOVE, VOLUMES, USUAL],
    words: Words::Names(Prefer::Stopped),
    examples: &[("kakuri container rm web", ""), ("kakuri container rm -f web db", "running or not")],
    parse: manage::remove,
};

static RENAME: Verb = Verb {
    name: "container rename",
    also: &[],
    group: Group::Life,
    usage: "NAME NEW-NAME",
    about: "Give a stopped container another name",
    more: "",
    options: &[USUAL],
    words: Words::Name(Prefer::Stopped),
    examples: &[("kakuri container rename web old-web", "")],
    parse: manage::rename,
};

static KILL_VERB: Verb = Verb {
    name: "container kill",
    also: &[],
    group: Group::Life,
    usage: "[OPTIONS] NAME...",
    about: "Send a signal to the first process of running containers",
    more: "",
    options: &[KILL, USUAL],
    words: Words::Names(Prefer::Running),
    examples: &[("kakuri container kill web", ""), ("kakuri container kill -s HUP web", "")],
    parse: manage::kill,
};

static TOP_VERB: Verb = Verb {
    name: "container top",
    also: &[],
    group: Group::Insight,
    usage: "NAME",
    about: "The processes of a running container, with their numbers inside and outside",
    more: "",
    options: &[USUAL],
    words: Words::Name(Prefer::Running),
    examples: &[("kakuri container top web", "")],
    parse: look::top,
};

static STATS_VERB: Verb = Verb {
    name: "container stats",
    also: &[],
    group: Group::Insight,
    usage: "[OPTIONS] [NAME...]",
    about: "What running containers use of processors, memory, network and disks",
    more: "Without a name all that run. A container that was started with a limit (--memory, --cpus, --pids-limit) is\n\
           counted by the kernel; of another the processes that are there are added up.",
    options: &[STATS, USUAL],
    words: Words::Names(Prefer::Running),
    examples: &[
        ("kakuri container stats", "each second"),
        ("kakuri container stats --no-stream web", "once"),
        ("kakuri container stats --no-stream --format json", "for programs"),
    ],
    parse: look::stats,
};

static PORT_VERB: Verb = Verb {
    name: "container port",
    also: &[],
    group: Group::Insight,
    usage: "NAME [PORT[/udp]]",
    about: "The ports of the host that lead into a running container",
    more: "With a port of the container's, only where it is on the host.",
    options: &[USUAL],
    words: Words::Name(Prefer::Running),
    examples: &[("kakuri container port web", ""), ("kakuri container port web 80", "127.0.0.1:8080")],
    parse: look::port,
};

static WAIT: Verb = Verb {
    name: "container wait",
    also: &[],
    group: Group::Life,
    usage: "NAME...",
    about: "Wait until containers have ended; print their exit codes",
    more: "",
    options: &[USUAL],
    words: Words::Names(Prefer::Running),
    examples: &[("kakuri container wait web", "")],
    parse: manage::wait,
};

static CP: Verb = Verb {
    name: "container cp",
    also: &[],
    group: Group::Life,
    usage: "[OPTIONS] NAME:PATH DST | SRC NAME:PATH",
    about: "Copy files and folders out of a container, or into it",
    more: "`-` as DST or SRC is a tar archive on standard output or input. A path of the host with a colon in it\n\
           begins with ./ or /.",
    options: &[COPY, USUAL],
    words: Words::Sides,
    examples: &[
        ("kakuri container cp web:/root/notes .", "out"),
        ("kakuri container cp -a ./site web:/srv", "in, with owners and times"),
        ("kakuri container cp web:/root - >root.tar", "as an archive"),
    ],
    parse: manage::copy,
};

static START: Verb = Verb {
    name: "container start",
    also: &[],
    group: Group::Life,
    usage: "[OPTIONS] NAME",
    about: "Start a container in the background, as docker does; print its name",
    more: "It runs the command it was created with. `kakuri start` takes another one, and the options of a run.",
    options: &[DOCKER_START, KEYS, USUAL],
    words: Words::Name(Prefer::Stopped),
    examples: &[("kakuri container start web", ""), ("kakuri container start -ai web", "in the foreground")],
    parse: enter::docker_start,
};
