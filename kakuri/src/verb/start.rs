//! `kakuri start NAME [CMD...]`, and `kakuri run` with a name or in the background.

use std::io::IsTerminal;
use std::os::fd::OwnedFd;
use std::time::Duration;

use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::Surroundings;
use super::exec::{left, order_detached, unstable};
use crate::account;
use crate::cli::{Run, Start, locate};
use crate::client::session::{self, Manner};
use crate::client::starter::{self, Begun, Starter, Wish};
use crate::client::{self, ask};
use crate::control::{FromSupervisor, Order, ToSupervisor, Words};
use crate::exit;
use crate::guarantee;
use crate::image::ready::{self, Fetch};
use crate::network::Wiring;
use crate::output;
use crate::plan::{self, Storage, Terminal};
use crate::run::{take_contents, take_passed};
use crate::spec::Spec;
use crate::status::Reporter;
use crate::store::{Entry, Kind, Record, State, Store};
use crate::supervise::Outcome;
use crate::supervisor::Life;
use crate::terminal::Caller;
use crate::vpn::keep;

/// No start takes longer: it would be given up.
const PATIENCE: Duration = Duration::from_secs(25);

/// How the first process is run.
struct First {
    spec: Spec,
    detach: bool,
    interactive: bool,
    detach_keys: Option<Vec<u8>>,
    passed: Vec<OwnedFd>,
}

pub fn run(wanted: &Start, login: bool) -> Result<u8> {
    // Before anything of ours is opened, at what might be one of these numbers.
    let mut reporter = super::report(wanted.status_fd, &wanted.general)?;
    start(wanted, login, &mut reporter).inspect_err(|fail| reporter.failed(fail))
}

fn start(wanted: &Start, login: bool, reporter: &mut Reporter) -> Result<u8> {
    let mut alone = wanted.options.alone()?;
    take_contents(&mut alone.made.files)?;
    super::start_log(wanted.general.verbose);
    let surroundings = Surroundings::look(&wanted.general)?;
    let entry = surroundings.store.find(&wanted.name)?;
    let mut spec = entry.record.spec.clone();
    keep::stays(&entry.name, &spec, &alone)?;
    wanted.options.apply(&mut spec)?;
    // What was read already takes the place of what is to be.
    spec.made.files.retain(|file| file.descriptor.is_none());
    spec.made.files.append(&mut alone.made.files);
    let passed = take_passed(&spec.pass)?;
    if !wanted.command.is_empty() {
        spec.command = wanted.command.clone();
    }
    if !wanted.options.is_empty() && (std::io::stderr().is_terminal() || wanted.general.verbose) {
        output::warn(format_args!("for this run only: {}", wanted.options.shown()));
    }
    let first = First {
        spec,
        detach: wanted.detach,
        interactive: wanted.interactive,
        detach_keys: wanted.detach_keys.clone(),
        passed,
    };
    first.run(&surroundings, &entry, login, reporter)
}

/// `kakuri run --name NAME` and `run -d`: a container with a record, whose files go at its end.
pub fn run_named(wanted: &mut Run, login: bool) -> Result<u8> {
    let described = wanted.described.take();
    let told = super::report(wanted.status_fd, &wanted.general);
    let mut reporter = told.map_err(|fail| locate(&described, fail))?;
    let outcome = named(wanted, login, &mut reporter).map_err(|fail| locate(&described, fail));
    outcome.inspect_err(|fail| reporter.failed(fail))
}

fn named(wanted: &mut Run, login: bool, reporter: &mut Reporter) -> Result<u8> {
    take_contents(&mut wanted.spec.made.files)?;
    let passed = take_passed(&wanted.spec.pass)?;
    super::start_log(wanted.general.verbose);
    let surroundings = Surroundings::look(&wanted.general)?;
    let Surroundings { host, config, store } = &surroundings;
    // Bad input creates nothing: what cannot be planned is found before there is a record.
    let wiring = Wiring::decide(&wanted.spec, host, config, None)?;
    let mut spec = wanted.spec.clone();
    let image = ready::prepare(&spec, host, config, Fetch::Permitted { login, quiet: wanted.general.quiet })?;
    let storage = Storage { image: image.as_ref(), ..Storage::default() };
    let settled = account::settle(&spec, host, config, &storage)?;
    let ids = ready::ids(image.as_ref(), &settled, host)?;
    guarantee::check(&plan::make(&settled, host, config, &storage, wiring, &ids)?)?;
    // Held until there is a record that names it.
    if let Some(image) = &image {
        image.pin(&mut spec);
    }
    let name = match &wanted.name {
        Some(name) => name.clone(),
        None => store.fresh_name()?,
    };
    let (spec, copy) = keep::with(spec, host)?;
    let beside: Vec<_> = copy.iter().map(keep::Copy::file).collect();
    let record = Record::new(Kind::Temporary, wanted.remove, spec.clone(), host)?;
    let (entry, _) = store.create(&name, &record, &beside, wanted.replace, host)?;
    let first = First {
        spec,
        detach: wanted.detach,
        interactive: wanted.interactive,
        detach_keys: wanted.detach_keys.clone(),
        passed,
    };
    first.run(&surroundings, &entry, login, reporter).inspect_err(|_| forget_unborn(store, &entry))
}

/// A container that came no further than its record is none. Once there is a supervisor, which holds the lock, this is
/// its business; one that did run has a last run.
fn forget_unborn(store: &Store, entry: &Entry) {
    if let Ok(Some(lock)) = entry.try_lock()
        && entry.last().is_none()
        && let Err(fail) = store.remove(entry, lock)
    {
        log::warn!("{fail}");
    }
}

/// `kakuri restart`: as it was created, in the background.
pub fn again(surroundings: &Surroundings, entry: &Entry, login: bool) -> Result<()> {
    let spec = entry.record.spec.clone();
    let first = First { spec, detach: true, interactive: false, detach_keys: None, passed: Vec::new() };
    first.begin(surroundings, entry, login).map(drop)
}

impl First {
    fn run(&self, surroundings: &Surroundings, entry: &Entry, login: bool, reporter: &mut Reporter) -> Result<u8> {
        if self.detach {
            self.begin(surroundings, entry, login)?;
            return super::print(format!("{}\n", entry.name).as_bytes());
        }
        let caller = Caller::look()?;
        let manner = Manner {
            terminal: self.spec.terminal,
            detach_keys: self.detach_keys.clone(),
            passed: self.passed.iter().filter_map(|fd| fd.try_clone().ok()).collect(),
        };
        let control = self.supervisor(surroundings, entry, Life::First, login)?;
        let begun = session::begin(control, self.order(), &caller, &manner)?;
        let (mut session, terminal) = begun.ok_or_else(|| unstable(&entry.name))?;
        reporter.running(session.pid);
        log::info!("'{}' runs as process {} of the container", entry.name, session.pid);
        match session.mind(&caller, terminal, &manner, false)? {
            Outcome::Left => Ok(left(&entry.name, session.was_taken())),
            Outcome::Ended { status, usage, .. } => {
                // What is typed next finds the container stopped.
                let ended = session.end().unwrap_or_default();
                let refused = session.refused();
                if let Some(refused) = &refused {
                    refused.tell();
                }
                reporter.ended(status, ended.timed_out, usage, ended.usage.as_ref(), refused.as_ref());
                if let Some(shortage) = ended.usage.and_then(|usage| usage.shortage()) {
                    output::warn(shortage);
                }
                Ok(exit::code(status, ended.timed_out))
            }
        }
    }

    /// In the background.
    fn begin(&self, surroundings: &Surroundings, entry: &Entry, login: bool) -> Result<()> {
        if self.spec.command.is_empty()
            && entry.record.kind == Kind::Persistent
            && self.spec.terminal != Terminal::Always
        {
            let control = self.supervisor(surroundings, entry, Life::UntilStopped, login)?;
            ask::say(&control, &ToSupervisor::Stand)?;
            return match ask::hear(&control, Duration::ZERO)? {
                (FromSupervisor::Done, _) => Ok(()),
                (other, _) => Err(ask::unexpected(other)),
            };
        }
        if !self.passed.is_empty() {
            return Err(Fail::new(Stage::Front, "--pass-fd with -d has nobody to pass a descriptor from")
                .hint("leave one of them out"));
        }
        let control = self.supervisor(surroundings, entry, Life::First, login)?;
        match order_detached(&control, &self.order())? {
            true => Ok(()),
            false => Err(unstable(&entry.name)),
        }
    }

    fn order(&self) -> Order {
        Order {
            words: Words::Planned,
            environment: Vec::new(),
            workdir: None,
            user: None,
            terminal: [self.detach && self.spec.terminal == Terminal::Always; 3],
            window: None,
            pass: self.spec.pass.clone(),
            first: true,
            interactive: self.interactive,
        }
    }

    /// A new supervisor. A container that is just ending is waited for, one that runs is not.
    fn supervisor(
        &self,
        surroundings: &Surroundings,
        entry: &Entry,
        life: Life,
        login: bool,
    ) -> Result<kakuri_wire::Channel> {
        loop {
            let wish = Wish { entry, spec: self.spec.clone(), life };
            match (Starter { surroundings, login }).start(wish)? {
                Begun::Supervisor(control) => return Ok(control),
                // What was made of the record may be wrong now, and what was told about it.
                Begun::Changed => return Err(starter::changed(&entry.name)),
                Begun::Held => {}
            }
            // It is held: by somebody who answers, and so runs, or by one that is ending.
            if client::connect(entry)?.is_some_and(|control| answers(&control)) && entry.state() == State::Running {
                return Err(starter::running(&entry.name));
            }
        }
    }
}

/// Whether a supervisor stands behind this connection, and is not ending.
fn answers(control: &kakuri_wire::Channel) -> bool {
    let asked = ask::say(control, &ToSupervisor::Stand);
    // One that does not answer holds the container all the same.
    asked.is_ok() && !matches!(control.recv_within::<FromSupervisor>(PATIENCE), Err(Broken::Closed))
}
