//! The verbs about named containers: each a file, and what they share here.

pub mod archive;
pub mod attach;
pub mod attempt;
pub mod changes;
pub mod commit;
pub mod complete;
pub mod copy;
pub mod create;
pub mod discard;
pub mod exec;
pub mod image;
pub mod images;
pub mod inspect;
pub mod list;
pub mod logs;
pub mod port;
pub mod pull;
pub mod registry;
pub mod remove;
pub mod shell;
pub mod start;
pub mod stats;
pub mod stop;
pub mod top;
pub mod vpn;

use std::io::Write;
use std::os::fd::OwnedFd;

use kakuri_wire::fail::{CODE_FAILED, Fail, Result, Stage};
use kakuri_wire::sys;
use serde_json::Value;

use crate::cli::{Format, General, Verbs};
use crate::config::Config;
use crate::host::Host;
use crate::idmap::{self, Ids};
use crate::output;
use crate::output::template::Template;
use crate::spec::{IdMode, Spec};
use crate::status::Reporter;
use crate::store::Store;

/// A verb fails with 1; 125 is misuse.
pub const FAILED: u8 = 1;
/// From here on a code means a signal.
pub const SIGNALLED: u8 = 128;

/// What every verb looks at first.
pub struct Surroundings {
    pub host: Host,
    pub config: Config,
    pub store: Store,
}

impl Surroundings {
    /// Where kakuri is somebody's login shell, its environment has been forgotten by now.
    pub fn look(general: &General) -> Result<Surroundings> {
        let host = Host::look();
        let config = Config::load(&host, general.config.as_ref().map(|f| f.as_bytes()))?;
        let store = Store::of(&config, &host);
        Ok(Surroundings { host, config, store })
    }
}

/// Values as JSON, a line each or as a list, or by a template.
fn show(values: Vec<Value>, format: &Format, template: Option<Template>) -> Result<()> {
    let text = match (format, template) {
        (_, Some(template)) => template.all(&values, &[], output::colours())?,
        (Format::Jsonl, _) => output::json::lines(&values),
        _ if values.is_empty() => String::new(),
        _ => output::json::pretty(&Value::Array(values)),
    };
    output::print(&text).map(drop).map_err(|fail| fail.code(FAILED))
}

/// The ids images are unpacked for: those that a container of them would have.
fn ids_of_images(mode: &IdMode, quiet: bool, host: &Host) -> Result<Ids> {
    let ids = idmap::decide(&Spec { ids: mode.clone(), ..Spec::default() }, host)?;
    if !quiet {
        ids.notes.iter().for_each(output::warn);
    }
    Ok(ids)
}

/// Does something to each of them; the others go on where one fails.
fn each(names: &[String], mut act: impl FnMut(&str) -> Result<()>) -> Result<u8> {
    let mut code = 0;
    for name in names {
        if let Err(fail) = act(name) {
            let _ = writeln!(std::io::stderr(), "kakuri: {fail}");
            code = FAILED;
        }
    }
    Ok(code)
}

/// Carries the verb out; the exit code.
pub fn run(verb: Verbs, login: bool) -> Result<u8> {
    match verb {
        Verbs::Create(wanted) => create::run(&wanted),
        Verbs::Start(wanted) => start::run(&wanted, login),
        Verbs::Exec(wanted) => exec::run(&wanted, login),
        Verbs::Shell(wanted) => shell::run(&wanted, login),
        Verbs::Attach(wanted) => attach::run(&wanted),
        Verbs::Stop(wanted) => stop::run(&wanted),
        Verbs::Restart(wanted) => stop::restart(&wanted, login),
        Verbs::Remove(wanted) => remove::run(&wanted),
        Verbs::Rename { from, to, general } => remove::rename(&from, &to, &general),
        Verbs::List(wanted) => list::run(&wanted),
        Verbs::Inspect(wanted) => inspect::run(&wanted),
        Verbs::Logs(wanted) => logs::run(&wanted),
        Verbs::Kill { names, signal, general } => stop::kill(&names, signal, &general),
        Verbs::Wait { names, general } => stop::wait(&names, &general),
        Verbs::Stats(wanted) => stats::run(&wanted),
        Verbs::Top { name, general } => top::run(&name, &general),
        Verbs::Port { name, wanted, general } => port::run(&name, wanted, &general),
        Verbs::Copy(wanted) => copy::run(&wanted),
        Verbs::Vpn(wanted) => vpn::run(&wanted),
        Verbs::Pull(wanted) => pull::run(&wanted, login),
        Verbs::Images(wanted) => image::run(&wanted, login),
        Verbs::Registry(wanted) => registry::run(&wanted, login),
        Verbs::Try(wanted) => attempt::run(&wanted, login),
        Verbs::Changes(wanted) => changes::run(&wanted),
        Verbs::Commit(wanted) => commit::run(&wanted),
        Verbs::Discard(wanted) => discard::run(&wanted),
        Verbs::Complete(wanted) => complete::run(&wanted),
    }
}

/// `--status-fd N`.
pub fn take_status(number: i32) -> Result<OwnedFd> {
    sys::inherit(number).filter(|_| number > 2).ok_or_else(|| {
        Fail::new(Stage::Front, format!("cannot write to descriptor {number} (--status-fd)"))
            .why(if number > 2 { "it is not open" } else { "0, 1 and 2 belong to the command" })
            .hint("open it in the shell: kakuri --status-fd 3 CMD 3>status.json")
    })
}

/// What is told of a run, and on standard error nothing where `--quiet` asks for that.
pub fn report(status_fd: Option<i32>, general: &General) -> Result<Reporter> {
    let status = status_fd.map(take_status).transpose()?;
    if general.quiet {
        output::hush();
    }
    Ok(Reporter::new(status))
}

/// The log goes to standard error: with --verbose what was decided, with KAKURI_LOG=trace every message. Set
/// up only when asked for, because nobody else should pay for it.
pub fn start_log(verbose: bool) {
    let wanted = std::env::var("KAKURI_LOG").ok();
    if wanted.is_none() && !verbose {
        return;
    }
    let level = wanted.and_then(|level| level.parse().ok()).unwrap_or(log::LevelFilter::Info);
    if log::set_logger(&ToStderr).is_ok() {
        log::set_max_level(level);
    }
}

struct ToStderr;

impl log::Log for ToStderr {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        // In one write, so that the lines of two processes do not mix.
        let line = format!("kakuri: {}\n", record.args());
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

/// To standard output; a reader that has gone (`| head`) is no error, a full disk is.
pub fn print(bytes: &[u8]) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(0),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(0),
        Err(e) => Err(Fail::new(Stage::Front, "cannot write to standard output")
            .errno(e)
            .hint("make room where it goes, or send it elsewhere")
            .code(CODE_FAILED)),
    }
}
