//! kakuri: the front. Host namespaces, and no capability at any time.
//!
//! # Theory of operation
//! The command line becomes a [`spec`](kakuri::spec) (what the user wants), the spec becomes a
//! [`plan`](kakuri::plan) (everything decided, as plain data), and the plan is either shown (`--explain`,
//! `--emit`) or carried out: [`cell`](kakuri::cell) starts the helpers, each in a process of its own with
//! only the rights of its one job, and [`supervise`](kakuri::supervise) minds the container until its
//! command ends. kakuri/docs/architecture.md draws the sequence.
//!
//! The command line is read before anything is started, and the configuration before any namespace is made; the
//! files are planned while PID 1 already works in namespaces nobody sees, and an error found then drops them: bad
//! input leaves no trace. An error is a record, rendered once, below.

#![no_main]

use std::ffi::OsString;
use std::os::fd::OwnedFd;

use kakuri::account;
use kakuri::cell;
use kakuri::cgroup;
use kakuri::cli::{self, Act, Command, Run as Wanted, Stop, lead};
use kakuri::client;
use kakuri::config::{self, Config};
use kakuri::exit;
use kakuri::helper::Programs;
use kakuri::host::Host;
use kakuri::image::ready::{self, Fetch};
use kakuri::network::Wiring;
use kakuri::output;
use kakuri::plan::{self, Outline, Plan, Storage};
use kakuri::run::{self, Run};
use kakuri::spec::IdMode;
use kakuri::status::Reporter;
use kakuri::store::Store;
use kakuri::supervise::Outcome;
use kakuri::terminal::Caller;
use kakuri::verb::{self, print, report, start_log};
use kakuri::{doctor, explain, guarantee, signals, version};
use kakuri_init::Status;
use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::sys;
use rustix::process::{Resource, getrlimit};

kakuri_wire::program!(begin);

fn begin(arguments: Vec<OsString>) -> u8 {
    match check_stdio().and_then(|()| lead::expand(arguments)).and_then(dispatch) {
        Ok(code) => code,
        Err(mut fail) => {
            if fail.hint.is_none()
                && let Some(hint) = fail.errno.and_then(limit_hint)
            {
                fail = fail.hint(hint);
            }
            output::warn(&fail);
            fail.code
        }
    }
}

/// What helps against a limit of this process, whoever met it, and wherever: it means the same.
fn limit_hint(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EMFILE | libc::ENFILE => Some("raise the limit of open files: ulimit -n 64"),
        libc::EFBIG if getrlimit(Resource::Fsize).current.is_some() => {
            Some("raise the limit of file sizes: ulimit -f unlimited")
        }
        _ => None,
    }
}

/// A file opened later would take a closed descriptor's number, and be written to or read as if it were the
/// caller's.
fn check_stdio() -> Result<()> {
    for (fd, name, instead) in [(0, "input", "</dev/null"), (1, "output", ">/dev/null"), (2, "error", "2>/dev/null")] {
        if !sys::is_open(fd) {
            return Err(Fail::new(Stage::Front, format!("standard {name} is closed"))
                .why("the command would mistake the next file it opens for it")
                .hint(format!("to give it none, use {instead}")));
        }
    }
    Ok(())
}

fn dispatch(arguments: Vec<OsString>) -> Result<u8> {
    let command = cli::parse(&arguments);
    let login = command.as_ref().is_ok_and(Command::is_login);
    if login {
        verb::shell::forget_environment();
    }
    match command {
        Ok(Command::Run(mut run)) if run.act == Act::Start && (run.detach || run.name.is_some()) => {
            verb::start::run_named(&mut run, login)
        }
        Ok(Command::Run(mut run)) => temporary(&mut run, login),
        Ok(Command::Version) => print(&version::text(&Programs::locate(login)?)),
        Ok(Command::Doctor(form)) => Ok(doctor::run(form)),
        Ok(Command::Config(verb, file)) => {
            print(&config::verb::run(verb, &Host::look(), file.as_ref().map(|f| f.as_bytes()))?)
        }
        Ok(Command::Container(verb)) => verb::run(*verb, login),
        Err(Stop::Text(text)) => print(text.as_bytes()),
        Err(Stop::Misuse(fail)) => {
            lead::tell(&arguments, &fail);
            Err(fail)
        }
    }
}

/// `kakuri [OPTIONS] [CMD...]`: planned, then shown or carried out.
fn temporary(wanted: &mut Wanted, login: bool) -> Result<u8> {
    // Before anything of ours is opened, at what might be one of these numbers.
    let told = report(wanted.status_fd, &wanted.general);
    let mut reporter = told.map_err(|fail| cli::locate(&wanted.described, fail))?;
    let contents = run::take_contents(&mut wanted.spec.made.files);
    let outcome = contents.and_then(|()| match wanted.act {
        Act::Start => run::take_passed(&wanted.spec.pass).and_then(|passed| {
            start_log(wanted.general.verbose);
            start(wanted, passed, login, &mut reporter)
        }),
        act => {
            start_log(wanted.general.verbose);
            let shown = |plan: &Plan| match act {
                Act::Emit(part) => explain::emit(plan, part),
                _ => explain::explain(plan),
            };
            decide(wanted, login).and_then(|mut plan| {
                let files = wanted.described.as_ref().map(|described| format!("described by {}", described.files()));
                plan.notes.splice(0..0, files);
                print(shown(&plan).as_bytes())
            })
        }
    });
    outcome.map_err(|fail| cli::locate(&wanted.described, fail)).inspect_err(|fail| reporter.failed(fail))
}

fn decide(wanted: &Wanted, login: bool) -> Result<Plan> {
    let host = Host::look();
    let config = load(wanted, &host)?;
    let image = ready::prepare(&wanted.spec, &host, &config, Fetch::Never { login })?;
    let storage = Storage { image: image.as_ref(), ..Storage::default() };
    let spec = account::settle(&wanted.spec, &host, &config, &storage)?;
    let ids = ready::ids(image.as_ref(), &spec, &host)?;
    let wiring = Wiring::decide(&spec, &host, &config, None)?;
    plan::make(&spec, &host, &config, &storage, wiring, &ids)
}

fn load(wanted: &Wanted, host: &Host) -> Result<Config> {
    Config::load(host, wanted.general.config.as_ref().map(|f| f.as_bytes()))
}

/// The files are planned while PID 1 is already at work: it takes longest, and needs to know nothing of them. An image
/// comes before all of it: it may have to be fetched, and says who the command is.
fn start(wanted: &Wanted, passed: Vec<OwnedFd>, login: bool, reporter: &mut Reporter) -> Result<u8> {
    let programs = Programs::locate(login)?;
    let host = Host::look();
    let found = match wanted.spec.image {
        None => None,
        Some(_) => {
            let config = load(wanted, &host)?;
            let image =
                ready::prepare(&wanted.spec, &host, &config, Fetch::Permitted { login, quiet: wanted.general.quiet })?;
            match image {
                None => None,
                Some(mut image) => {
                    image.make_room(&Store::of(&config, &host))?;
                    Some((config, image))
                }
            }
        }
    };
    let label = match &found {
        None => plan::label(&wanted.spec, &host),
        Some((_, image)) => plan::label(&image.complete(&wanted.spec), &host),
    };
    let mut builder = cell::Builder::open(&programs)?;
    let single = match &found {
        None => matches!(wanted.spec.ids, IdMode::Unset | IdMode::Single),
        Some((_, image)) => image.ids.range.is_none(),
    };
    if single {
        builder.spawn(&label)?;
    }
    let (config, image) = match found {
        None => (load(wanted, &host)?, None),
        Some((config, image)) => (config, Some(image)),
    };
    let caller = Caller::look()?;
    let storage = Storage { image: image.as_ref(), ..Storage::default() };
    let spec = account::settle(&wanted.spec, &host, &config, &storage)?;
    let ids = ready::ids(image.as_ref(), &spec, &host)?;
    let mut wiring = Wiring::decide(&spec, &host, &config, None)?;
    wiring.resolve(&spec, &host)?;
    client::join::container(&mut wiring, &spec, &Store::of(&config, &host))?;
    let mut outline = Outline::of(label, &spec, &host, &config, &wiring, &ids);
    outline.limits = cgroup::decide(&spec, &host)?.0;
    let begun = builder.begin(&outline, &wiring, &programs)?;
    let mut plan = plan::make(&spec, &host, &config, &storage, wiring, &ids)?;
    guarantee::check(&plan)?;
    plan.warn();
    let run = Run { programs: &programs, outline: &outline, caller, passed };
    let mut refused = None;
    let outcome = run.finish(begun, &mut plan, reporter, &mut refused);
    if let Some(refused) = &refused {
        refused.tell();
    }
    let Outcome::Ended { status, timed_out, usage, group } = outcome? else { return Ok(0) };
    reporter.ended(status, timed_out, usage, group.as_ref(), refused.as_ref());
    if let Some(shortage) = group.and_then(|group| group.shortage()) {
        output::warn(shortage);
    }
    match status {
        _ if timed_out => log::info!("its time ran out, and the container with it"),
        Status::Code(code) => log::info!("it ended with code {code}, and the container with it"),
        Status::Signal { signal, .. } => {
            log::info!("it was killed by SIG{}, and the container with it", signals::name(signal));
        }
    }
    Ok(exit::code(status, timed_out))
}
