//! `kakuri try [FOLDER... --] CMD`: a temporary container whose folders are the caller's own, under layers that stay.

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::{print, start_log, take_status};
use crate::account;
use crate::bind::source::{self, Kind, Look};
use crate::cell;
use crate::cli::{Act, Try as Attempt};
use crate::client;
use crate::config::Config;
use crate::exit;
use crate::explain;
use crate::helper::Programs;
use crate::host::Host;
use crate::idmap;
use crate::layer::subject;
use crate::layer::tries::{Tries, Try};
use crate::layer::{Kind as Became, Stamp};
use crate::network::Wiring;
use crate::output;
use crate::plan::{self, Outline, Plan, Storage};
use crate::run::{self, Run};
use crate::spec::{Bind, Spec};
use crate::status::Reporter;
use crate::store::{Lock, Store};
use crate::supervise::Outcome;
use crate::terminal::Caller;

pub fn run(wanted: &Attempt, login: bool) -> Result<u8> {
    // Before anything of ours is opened, at what might be one of these numbers.
    let status = wanted.run.status_fd.map(take_status).transpose()?;
    let starts = wanted.run.act == Act::Start;
    let passed = if starts { run::take_passed(&wanted.run.spec.pass)? } else { Vec::new() };
    start_log(wanted.run.general.verbose);
    let host = Host::look();
    let config = Config::load(&host, wanted.run.general.config.as_ref().map(|f| f.as_bytes()))?;
    let (spec, folders) = folders(wanted, &host)?;
    let spec = account::settle(&spec, &host, &config, &Storage::default())?;
    let ids = idmap::decide(&spec, &host)?;
    let (id, place) = Tries::of(&host).fresh()?;
    let mut wiring = Wiring::decide(&spec, &host, &config, None)?;
    let storage = Storage { layers: Some(&place), ..Storage::default() };
    let make = |wiring| plan::make(&spec, &host, &config, &storage, wiring, &ids);
    match wanted.run.act {
        Act::Explain => return print(explain::explain(&make(wiring)?).as_bytes()),
        Act::Emit(part) => return print(explain::emit(&make(wiring)?, part).as_bytes()),
        Act::Start => {}
    }
    let mut reporter = Reporter::new(status);
    let caller = Caller::look()?;
    let begin = || -> Result<(u8, Try, Lock)> {
        wiring.resolve(&spec, &host)?;
        client::join::container(&mut wiring, &spec, &Store::of(&config, &host))?;
        let mut plan = make(wiring)?;
        plan.tell_notes();
        let programs = Programs::locate(login)?;
        let label = plan::label(&spec, &host);
        let mut outline = Outline::of(label.clone(), &spec, &host, &plan.wiring, &ids);
        outline.limits = plan.limits.clone();
        let (found, lock) = Tries::of(&host).make(id, folders, &host, spec.command.clone())?;
        let begun = cell::begin(&outline, &plan.wiring, &programs)?;
        let run = Run { programs: &programs, outline: &outline, caller, passed };
        let ended = carry_out(&run, begun, &mut plan, &mut reporter);
        if ended.is_err() {
            // Nothing was run, and nothing was changed.
            let _ = Tries::of(&host).erase(&found);
        }
        ended.map(|code| (code, found, lock))
    };
    let (code, found, _lock) = begin().inspect_err(|fail| reporter.failed(fail))?;
    tell(found, code, &host)?;
    Ok(code)
}

fn carry_out(run: &Run, begun: cell::Begun, plan: &mut Plan, reporter: &mut Reporter) -> Result<u8> {
    match run.finish(begun, plan, reporter)? {
        Outcome::Ended { status, timed_out, usage } => {
            reporter.ended(status, timed_out, usage.as_ref());
            if let Some(shortage) = usage.and_then(|usage| usage.shortage()) {
                output::warn(shortage);
            }
            Ok(exit::code(status, timed_out))
        }
        Outcome::Left => Ok(0),
    }
}

/// The folders as binds, and their real paths.
fn folders(wanted: &Attempt, host: &Host) -> Result<(Spec, Vec<Bytes>)> {
    let mut spec = wanted.run.spec.clone();
    let here =
        Bind { source: ".".into(), destination: None, read_only: false, noexec: false, create: false, cow: true };
    let all = if wanted.folders.is_empty() { vec![here] } else { wanted.folders.clone() };
    let mut folders: Vec<Bytes> = Vec::new();
    for bind in &all {
        let (_, look) = source::wanted(host, bind.source.as_bytes(), "try a command in")?;
        let fail = || Fail::new(Stage::Front, format!("cannot try a command in '{}'", bind.source));
        let command = || output::words(&wanted.run.spec.command);
        match look {
            Look::Is(real) if real.kind == Kind::Folder => folders.push(Bytes(real.path)),
            Look::Is(_) => return Err(fail().why("it is a file").hint("name the folder it lies in")),
            Look::Missing => {
                return Err(fail().errno(libc::ENOENT).hint(format!(
                    "words before -- are folders; if it belongs to the command: kakuri try -- {} {}",
                    output::words(std::slice::from_ref(&bind.source)),
                    command()
                )));
            }
        }
    }
    // At its real place, so that what is in it finds itself where it is.
    spec.binds.splice(0..0, all.into_iter().zip(&folders).map(|(bind, real)| Bind { source: real.clone(), ..bind }));
    Ok((spec, folders))
}

/// What came of it, on one line; a try that changed nothing is none.
fn tell(mut found: Try, code: u8, host: &Host) -> Result<()> {
    found.record.ended = Some(Stamp::take());
    found.record.code = Some(code);
    found.write()?;
    let mut count = 0;
    let mut touched = 0;
    for pair in subject::pairs(&found.folder)? {
        let changes = pair.changes()?;
        touched += changes.iter().filter(|change| change.kind == Became::Touched).count();
        count += changes.len();
    }
    // What was only touched is told where nothing else was.
    count -= if touched < count { touched } else { 0 };
    if count == 0 {
        output::warn("nothing was changed");
        return Tries::of(host).erase(&found);
    }
    let things = if count == 1 { "change" } else { "changes" };
    output::warn(format!(
        "{count} {things}: kakuri changes shows them, kakuri commit carries them over, kakuri discard gives them up"
    ));
    Ok(())
}
