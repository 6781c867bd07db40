//! What can be told of one container now: its record, how it last ran, and what its supervisor says if it runs.

use std::time::SystemTime;

use kakuri_wire::Bytes;

use crate::cgroup::Usage;
use crate::client::ask;
use crate::config::Config;
use crate::control::Facts;
use crate::host::Host;
use crate::image::store::{Images, Stored};
use crate::network;
use crate::output::time;
use crate::spec::Base;
use crate::store::{Entry, Last, State};
use crate::verb::stop;

/// Docker's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Created,
    Running,
    Exited,
    /// The last run has no recorded end.
    Dead,
    /// Its record cannot be believed.
    Unreadable,
}

impl Status {
    pub const ALL: [Status; 5] = [Status::Created, Status::Running, Status::Exited, Status::Dead, Status::Unreadable];

    pub fn word(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Running => "running",
            Status::Exited => "exited",
            Status::Dead => "dead",
            Status::Unreadable => "unreadable",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Status::Created => "Created",
            Status::Running => "Running",
            Status::Exited => "Exited",
            Status::Dead => "Dead",
            Status::Unreadable => "Unreadable",
        }
    }
}

pub struct Seen {
    pub entry: Entry,
    pub status: Status,
    pub last: Option<Last>,
    /// None: it does not run, or its supervisor does not answer.
    pub facts: Option<Facts>,
    /// Since when this is its status, as far as is known. Milliseconds since 1970.
    pub since: u64,
    /// What runs or ran as its first process; for one that never ran, what would. Empty: none, or a shell.
    pub command: Vec<Bytes>,
    pub network: String,
}

impl Seen {
    pub fn of(entry: Entry, config: &Config) -> Seen {
        let mut state = entry.state();
        let facts = if state == State::Running { ask::look(&entry).ok() } else { None };
        if state == State::Running && facts.is_none() {
            // It may have ended while it was asked.
            state = entry.state();
        }
        let last = entry.last();
        let status = match (&state, &last) {
            (State::Running, _) => Status::Running,
            (State::Died, _) => Status::Dead,
            (State::Stopped, Some(_)) => Status::Exited,
            (State::Stopped, None) => Status::Created,
        };
        let ended = last.as_ref().and_then(|last| last.ended.as_ref());
        let since = match (&facts, status, &last, ended) {
            (Some(facts), ..) => facts.started,
            (_, Status::Exited, _, Some(ended)) => ended.at,
            (_, _, Some(last), _) => last.started,
            (_, _, None, _) => entry.record.created,
        };
        let command = match (&facts, &last) {
            (Some(facts), _) => facts.sessions.iter().find(|s| s.first).map(|s| s.command.clone()).unwrap_or_default(),
            (None, Some(last)) => last.command.clone(),
            (None, None) => entry.record.spec.command.clone(),
        };
        let network = match &facts {
            Some(facts) => facts.network.clone(),
            None => network::label(&entry.record.spec, config),
        };
        Seen { entry, status, last, facts, since, command, network }
    }

    /// PID 1 of a running one, as the host numbers it.
    pub fn pid(&self) -> Option<i32> {
        self.facts.as_ref().map(|facts| facts.init)
    }

    /// `127.0.0.1:8080->80/tcp, ...`, of a running one.
    pub fn ports(&self) -> String {
        let ports = self.facts.iter().flat_map(|facts| &facts.ports);
        ports.map(network::nat::shown).collect::<Vec<_>>().join(", ")
    }

    /// How the last run ended; None while it runs, and where no end is recorded.
    pub fn exit_code(&self) -> Option<u8> {
        match self.status {
            Status::Exited => self.last.as_ref()?.ended.as_ref().map(stop::code),
            _ => None,
        }
    }

    /// What it uses, or used when it ran last; where it has a control group.
    pub fn usage(&self) -> Option<Usage> {
        match (&self.facts, &self.last) {
            (Some(facts), _) => facts.usage,
            (None, Some(last)) => last.ended.as_ref()?.usage,
            (None, None) => None,
        }
    }

    /// Its exit code; with it, that its processes were killed for want of memory.
    fn end(&self) -> Option<String> {
        let short = self.usage().is_some_and(|usage| usage.oom_kills > 0);
        self.exit_code().map(|code| if short { format!("{code}, out of memory") } else { code.to_string() })
    }

    /// `running`, `exited (3)`.
    pub fn brief(&self) -> String {
        match self.end() {
            Some(code) => format!("{} ({code})", self.status.word()),
            None => self.status.word().into(),
        }
    }

    /// `Up 5 minutes`, `Exited (3) 2 hours ago`, `Created`.
    pub fn long(&self, now: SystemTime) -> String {
        let since = time::from_millis(self.since);
        match (self.status, self.end()) {
            (Status::Running, _) => format!("Up {}", time::span(now.duration_since(since).unwrap_or_default())),
            (_, Some(code)) => format!("Exited ({code}) {}", time::ago(since, now)),
            _ => self.status.title().into(),
        }
    }

    /// What its root comes from: an image by its name, a folder by its path, else the base's word.
    pub fn image(&self) -> String {
        let spec = &self.entry.record.spec;
        match (&spec.image, &spec.rootfs, spec.base) {
            (Some(image), ..) => image.reference.to_string(),
            (None, Some(rootfs), _) => rootfs.path.to_string(),
            (None, None, Base::Host) => "host".into(),
            (None, None, Base::None) => "none".into(),
        }
    }

    /// What is stored of its image; None where it has none, or that is not to be read.
    pub fn stored(&self, config: &Config) -> Option<Stored> {
        let id = self.entry.record.spec.image.as_ref()?.id.as_ref()?;
        Images::of(config, &Host::look()).by_id(id).ok().flatten()
    }

    /// Whether its image is the one that is meant: by its name as it was typed or in full, with or without the tag, or by
    /// the beginning of its id.
    pub fn is_of(&self, wanted: &str) -> bool {
        let Some(image) = &self.entry.record.spec.image else { return false };
        let hex = wanted.strip_prefix("sha256:").unwrap_or(wanted);
        let is_id = hex.len() >= 4 && image.id.as_ref().is_some_and(|id| id.hex().starts_with(hex));
        let typed = image.reference.to_string();
        let names = [Some(&typed), image.name.as_ref()];
        let is = |name: &String| match name.strip_prefix(wanted) {
            Some(rest) => rest.is_empty() || rest.starts_with('@') || (rest.starts_with(':') && !rest.contains('/')),
            None => false,
        };
        is_id || names.into_iter().flatten().any(is)
    }
}
