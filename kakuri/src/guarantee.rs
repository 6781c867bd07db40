//! What a container guarantees, each by a name, and whether it holds for a plan: enforced, weaker or absent, and why.
//! One table ([`ALL`]) is what `--explain`, `--emit security`, `inspect --security` and `--require` tell and ask for; tests
//! attack each of its rows. Judging is pure: what this host lacks the plan has found out already.

mod files;
mod identity;
mod kernel;
pub mod limits;
mod links;
mod outside;
mod require;
mod show;

use serde::{Deserialize, Serialize};

use crate::plan::Plan;
pub use require::{check, known};
pub use show::table;

/// How far a guarantee holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Enforced,
    /// In part, or with something opened by name.
    Weaker,
    Absent,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Enforced => "enforced",
            State::Weaker => "weaker",
            State::Absent => "absent",
        }
    }
}

/// One row of the table.
pub struct Guarantee {
    pub name: &'static str,
    /// What is promised, as a sentence about the command.
    pub claim: &'static str,
    judge: fn(&Plan) -> Judgement,
}

/// What a row's judge says.
pub struct Judgement {
    state: State,
    reason: String,
    mend: Option<String>,
    asked: bool,
}

/// What holds of one guarantee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub name: String,
    pub state: State,
    pub claim: String,
    /// How it is enforced, or why it is not.
    pub reason: String,
    /// What makes it hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// False for a wall that stands only where it is asked for, and was not: `--require all` does not count it.
    pub asked: bool,
}

const fn row(name: &'static str, claim: &'static str, judge: fn(&Plan) -> Judgement) -> Guarantee {
    Guarantee { name, claim, judge }
}

/// In the order they are shown.
pub static ALL: [Guarantee; 25] = [
    row("identity", "outside it is nobody but you", identity::identity),
    row("privileges", "no program it runs makes it more than it is", identity::privileges),
    row(
        "capabilities",
        "its capabilities reach its own user namespace, and no more of them than usual",
        identity::capabilities,
    ),
    row("set-id", "it leaves no file behind that runs as its owner", identity::set_id),
    row("files", "of the host's files it sees what it was given, and writes what it was given to write", files::files),
    row("devices", "it reaches no device but the harmless ones", files::devices),
    row("mounts", "it can mount, unmount and uncover nothing", files::mounts),
    row("settings", "it cannot change the settings of the kernel", files::settings),
    row("processes", "it sees and reaches no process but its own", outside::processes),
    row("ipc", "shared memory and message queues of the host are out of reach", outside::ipc),
    row("hostname", "it has a host name of its own", outside::hostname),
    row("cgroups", "it sees no control groups but its own", outside::cgroups),
    row("network", "interfaces, loopback and abstract sockets of the host are out of reach", links::network),
    row("vpn", "every packet goes through the tunnel, or nowhere", links::vpn),
    row("terminal", "it cannot reach your terminal, nor type into it", links::terminal),
    row("sockets", "no socket of your session is in reach", links::sockets),
    row("descriptors", "it gets no open file of yours but 0, 1, 2 and those you named", links::descriptors),
    row("environment", "your variables stay outside, but for a list of harmless ones", links::environment),
    row("keyrings", "your keys in the kernel are out of reach, and their names", kernel::keyrings),
    row("nesting", "it can make no user namespace", kernel::nesting),
    row("system-calls", "calls that ordinary programs do without are refused, by every ABI", kernel::system_calls),
    row("landlock", "beside all else, Landlock denies it what you said", kernel::landlock),
    row("limits", "what it takes of the machine is limited as asked", limits::limits),
    row("lifetime", "nothing of it outlives kakuri", outside::lifetime),
    row("exec", "a later command has the same walls as the first", outside::later),
];

/// What holds for a container made by this plan.
pub fn judge(plan: &Plan) -> Vec<Verdict> {
    ALL.iter().map(|guarantee| guarantee.of(plan)).collect()
}

impl Guarantee {
    fn of(&self, plan: &Plan) -> Verdict {
        let Judgement { state, reason, mend, asked } = (self.judge)(plan);
        Verdict { name: self.name.into(), state, claim: self.claim.into(), reason, mend, asked }
    }
}

impl Judgement {
    pub fn enforced(reason: impl Into<String>) -> Judgement {
        Judgement { state: State::Enforced, reason: reason.into(), mend: None, asked: true }
    }

    pub fn weaker(reason: impl Into<String>) -> Judgement {
        Judgement { state: State::Weaker, ..Judgement::enforced(reason) }
    }

    pub fn absent(reason: impl Into<String>) -> Judgement {
        Judgement { state: State::Absent, ..Judgement::enforced(reason) }
    }

    /// A wall that stands only where it is asked for.
    pub fn not_asked(how: impl Into<String>) -> Judgement {
        Judgement { asked: false, ..Judgement::absent("not asked for").mend(how) }
    }

    pub fn mend(self, how: impl Into<String>) -> Judgement {
        Judgement { mend: Some(how.into()), ..self }
    }
}

/// `a, b and c`.
fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}
