//! The verbs at the top. None is the name of a program people run, beyond what kakuri's own surface needs.

use super::super::options::door::DOORS;
use super::super::options::image::{FETCH, ROOT};
use super::super::options::spec::{BASE, PASS, PLACE, SHOW, SPEC, STATUS, TERMINAL, USUAL};
use super::super::options::verb::*;
use super::super::{enter, look, manage, plain, run};
use super::back::{CHANGES_VERB, COMMIT_VERB, DISCARD_VERB, TRY};
use super::image::{IMAGE_VERB, IMAGES_VERB, PULL_VERB};
use super::registry::REGISTRY_VERB;
use super::vpn::VPN_VERB;
use super::{Group, Prefer, Verb, Words};

/// In the order of the help.
pub const TOP: [&Verb; 26] = [
    &RUN,
    &CREATE,
    &START,
    &EXEC,
    &SHELL_VERB,
    &ATTACH_VERB,
    &STOP_VERB,
    &RESTART,
    &REMOVE_VERB,
    &LIST_VERB,
    &INSPECT_VERB,
    &LOGS_VERB,
    &PULL_VERB,
    &IMAGES_VERB,
    &IMAGE_VERB,
    &REGISTRY_VERB,
    &TRY,
    &CHANGES_VERB,
    &COMMIT_VERB,
    &DISCARD_VERB,
    &VPN_VERB,
    &CONTAINER,
    &DOCTOR_VERB,
    &CONFIG_VERB,
    &COMPLETION,
    &VERSION,
];

pub static RUN: Verb = Verb {
    name: "run",
    // Ryouiki's word.
    also: &["tenkai"],
    group: Group::Life,
    usage: "[OPTIONS] [CMD [ARG...]]",
    about: "Run a command in a temporary container; the same as kakuri [OPTIONS] CMD",
    more: "Options stop at the first word of CMD; all after it is CMD's own. Without CMD it is your shell.\n\
           With -d or --name it can be entered and looked at by its name; its record and its log stay until\n\
           `kakuri remove`, unless --rm was given.",
    options: &[
        NAME, RUNS, SPEC, BASE, ROOT, FETCH, PLACE, DOORS, DETACH, TERMINAL, KEYS, PASS, STATUS, SHOW, DESCRIBED, USUAL,
    ],
    words: Words::Command,
    examples: &[
        ("kakuri run python3 script.py", "no network, sees only script.py"),
        ("kakuri run --bind . make", "writable where you are"),
        ("kakuri run -d --name web --bind . python3 -m http.server", "in the background"),
        ("kakuri run --rm --name once sh", "removed at its end"),
        ("kakuri run --image alpine sh", "another system; it is fetched the first time"),
    ],
    parse: |verb, rest| run::parse(verb, rest, run::Form::Spelled),
};

pub static CREATE: Verb = Verb {
    name: "create",
    also: &[],
    group: Group::Life,
    usage: "[OPTIONS] [NAME [CMD [ARG...]]]",
    about: "Make a container that keeps its files; print its name",
    more: "Every option of a run is kept with it, and CMD is what `kakuri start NAME` runs. Nothing is started.\n\
           Without NAME one is made up.",
    options: &[NAME, CREATES, SPEC, BASE, ROOT, FETCH, PLACE, DOORS, TERMINAL, DESCRIBED, USUAL],
    words: Words::NameCommand(Prefer::New),
    examples: &[
        ("kakuri create devenv", "its home is kept"),
        ("kakuri create --bind ~/projects:/workspace -w /workspace dev", ""),
        ("kakuri create --image postgres:17 --network nat db", "what it writes is kept, the image is never touched"),
        ("kakuri create --replace web python3 -m http.server", "with a command of its own"),
    ],
    parse: enter::create,
};

pub static START: Verb = Verb {
    name: "start",
    also: &[],
    group: Group::Life,
    usage: "[OPTIONS] NAME [CMD [ARG...]]",
    about: "Start a container, in the foreground or with -d in the background",
    more: "CMD, else the command it was created with, else your shell is its first process, whose end is its end.\n\
           With -d and no command it runs until it is stopped. Options given here hold for this run only.",
    options: &[STARTS, DETACH, KEYS, SPEC, PLACE, DOORS, TERMINAL, PASS, STATUS, USUAL],
    words: Words::NameCommand(Prefer::Stopped),
    examples: &[
        ("kakuri start web bash", ""),
        ("kakuri start devenv --bind ~/p:/workspace bash", "options may follow the name"),
        ("kakuri start -d web sleep 9", "in the background"),
        ("kakuri start web -- --odd", "a command that begins with a dash"),
    ],
    parse: enter::start,
};

pub static EXEC: Verb = Verb {
    name: "exec",
    also: &[],
    group: Group::Life,
    usage: "[OPTIONS] NAME CMD [ARG...]",
    about: "Run a command in a container that runs",
    more: "A stopped one is started for as long as somebody is in it. The exit code is the command's.",
    options: &[PLACE, DETACH, TERMINAL, KEYS, PASS, STATUS, USUAL],
    words: Words::NameCommand(Prefer::Running),
    examples: &[
        ("kakuri exec web ls -la /home", ""),
        ("kakuri exec -it -e EDITOR=vi -w /tmp web sh", ""),
        ("kakuri exec -d web sleep 60", "in the background"),
    ],
    parse: enter::exec,
};

pub static SHELL_VERB: Verb = Verb {
    name: "shell",
    also: &[],
    group: Group::Life,
    usage: "[OPTIONS] NAME",
    about: "A shell in a container, which is started for it if need be",
    more: "A container begun so lives until the last one has left it.\n\
           As a login shell: make a link `kakuri-shell-NAME` to kakuri, list it in /etc/shells and give it to chsh(1);\n\
           every login of that user is in the container NAME. In sshd_config: ForceCommand kakuri shell --login NAME.",
    options: &[SHELL, PLACE, KEYS, USUAL],
    words: Words::Name(Prefer::Running),
    examples: &[
        ("kakuri shell devenv", ""),
        ("kakuri shell -w /tmp -e PS1='> ' devenv", ""),
        ("kakuri shell --login devenv", "as sshd's ForceCommand"),
    ],
    parse: enter::shell,
};

pub static ATTACH_VERB: Verb = Verb {
    name: "attach",
    also: &[],
    group: Group::Life,
    usage: "[OPTIONS] NAME",
    about: "Take over the terminal of a container's first process",
    more: "The detach keys (ctrl-],ctrl-]) give your terminal back and leave it running.",
    options: &[ATTACH, KEYS, USUAL],
    words: Words::Name(Prefer::Running),
    examples: &[("kakuri attach web", ""), ("kakuri attach --detach-keys ctrl-p,ctrl-q web", "")],
    parse: enter::attach,
};

pub static STOP_VERB: Verb = Verb {
    name: "stop",
    also: &[],
    group: Group::Life,
    usage: "[OPTIONS] NAME...",
    about: "End containers: a polite signal, ten seconds, then all in them is killed",
    more: "",
    options: &[STOP, USUAL],
    words: Words::Names(Prefer::Running),
    examples: &[
        ("kakuri stop web", ""),
        ("kakuri stop -s INT --time 1m web db", "another signal, and a minute"),
        ("kakuri stop --all", ""),
    ],
    parse: manage::stop,
};

pub static RESTART: Verb = Verb {
    name: "restart",
    also: &[],
    group: Group::Life,
    usage: "[OPTIONS] NAME...",
    about: "Stop containers, and start them in the background",
    more: "",
    options: &[STOP, USUAL],
    words: Words::Names(Prefer::Running),
    examples: &[("kakuri restart web", ""), ("kakuri restart --time 0 web", "without waiting")],
    parse: manage::restart,
};

pub static REMOVE_VERB: Verb = Verb {
    name: "remove",
    also: &[],
    group: Group::Life,
    usage: "[OPTIONS] NAME...",
    about: "Remove containers with all they kept; print their names",
    more: "",
    options: &[REMOVE, USUAL],
    words: Words::Names(Prefer::Stopped),
    examples: &[("kakuri remove web", ""), ("kakuri remove -f web db", "running or not")],
    parse: manage::remove,
};

pub static LIST_VERB: Verb = Verb {
    name: "list",
    also: &[],
    group: Group::Insight,
    usage: "[OPTIONS]",
    about: "List containers: name, status, pid, since when, command, network",
    more: "",
    options: &[LIST, LIST_ALL_ANYWAY, USUAL],
    words: Words::None,
    examples: &[
        ("kakuri list", ""),
        ("kakuri list --filter status=running -q", "names of those that run"),
        ("kakuri list --format '{{.Names}}\\t{{.Status}}'", ""),
        ("kakuri list --format json", "for programs"),
    ],
    parse: look::list,
};

pub static INSPECT_VERB: Verb = Verb {
    name: "inspect",
    also: &[],
    group: Group::Insight,
    usage: "[OPTIONS] NAME... | --pid PID,... | --all",
    about: "All that is known of containers, as a JSON array",
    more: "With --pid or --all it is a table of processes: whose they are, and what prints the log of each.",
    options: &[INSPECT, USUAL],
    words: Words::Names(Prefer::Any),
    examples: &[
        ("kakuri inspect web", ""),
        ("kakuri inspect -f '{{.State.Status}}' web", "one fact"),
        ("kakuri inspect --all", "what runs in which of them"),
    ],
    parse: look::inspect,
};

pub static LOGS_VERB: Verb = Verb {
    name: "logs",
    also: &[],
    group: Group::Insight,
    usage: "[OPTIONS] NAME",
    about: "What a container's processes printed in the background, and when they began and ended",
    more: "",
    options: &[LOGS, USUAL],
    words: Words::Name(Prefer::Any),
    examples: &[("kakuri logs -f web", ""), ("kakuri logs -n 20 -t --since 10m web", "")],
    parse: look::logs,
};

pub static CONTAINER: Verb = Verb {
    name: "container",
    also: &[],
    group: Group::Insight,
    usage: "VERB ...",
    about: "The same and more in docker's words: ls, ps, rm, rename, kill, top, wait, cp, ...",
    more: "",
    options: &[HELP],
    words: Words::Verb,
    examples: &[
        ("kakuri container ls -a", ""),
        ("kakuri container rm -f web", ""),
        ("kakuri container cp web:/root/notes .", ""),
        ("kakuri container top --help", ""),
    ],
    parse: plain::container,
};

pub static DOCTOR_VERB: Verb = Verb {
    name: "doctor",
    also: &[],
    group: Group::Itself,
    usage: "[--json|--fix]",
    about: "Try what this host allows, and say what to do about the rest",
    more: "",
    options: &[DOCTOR, HELP],
    words: Words::None,
    examples: &[("kakuri doctor", ""), ("kakuri doctor --json", "for programs"), ("kakuri doctor --fix", "")],
    parse: plain::doctor,
};

pub static CONFIG_VERB: Verb = Verb {
    name: "config",
    also: &[],
    group: Group::Itself,
    usage: "show|path|init|check [--config FILE]",
    about: "The configuration file, which is never written unasked",
    more: "show   what holds, as a file that says so\n\
           path   where the file is, or would be\n\
           init   write the defaults where no file is yet\n\
           check  read it; silent where all is well",
    options: &[CONFIG, HELP],
    words: Words::Choice(&["show", "path", "init", "check"]),
    examples: &[
        ("kakuri config show", ""),
        ("$EDITOR \"$(kakuri config path)\"", ""),
        ("kakuri config check --config ./config.toml", ""),
    ],
    parse: plain::config,
};

pub static COMPLETION: Verb = Verb {
    name: "completion",
    also: &[],
    group: Group::Itself,
    usage: "bash|zsh|fish | man DIR",
    about: "Print what makes your shell complete kakuri's words; or write the manual pages",
    more: "bash, zsh, fish   a script for that shell\n\
           man DIR           manual pages into DIR: kakuri.1, one of each verb, and kakuri.toml.5 (in man5 beside man1)",
    options: &[HELP],
    words: Words::Choice(&["bash", "zsh", "fish", "man"]),
    examples: &[
        ("source <(kakuri completion bash)", "in ~/.bashrc; in ~/.zshrc with zsh"),
        ("kakuri completion fish >~/.config/fish/completions/kakuri.fish", ""),
        ("kakuri completion man ~/.local/share/man/man1", ""),
    ],
    parse: plain::completion,
};

pub static VERSION: Verb = Verb {
    name: "version",
    also: &[],
    group: Group::Itself,
    usage: "",
    about: "Print the version",
    more: "",
    options: &[HELP],
    words: Words::None,
    examples: &[("kakuri version", "")],
    parse: plain::version,
};
