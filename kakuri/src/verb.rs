//! The verbs about named containers: each a file, and what they share here.

pub mod attach;
pub mod complete;
pub mod copy;
pub mod create;
pub mod exec;
pub mod inspect;
pub mod list;
pub mod logs;
pub mod remove;
pub mod shell;
pub mod start;
pub mod stop;
pub mod top;

use kakuri_wire::fail::Result;

use crate::cli::{General, Verbs};
use crate::config::Config;
use crate::host::Host;
use crate::store::Store;

/// A verb fails with 1; 125 is misuse.
pub const FAILED: u8 = 1;

/// What every verb looks at first.
pub struct Surroundings {
    pub host: Host,
    pub config: Config,
    pub store: Store,
}

impl Surroundings {
    /// `login` is set where kakuri is somebody's login shell, whose environment may choose no configuration.
    pub fn look(general: &General, login: bool) -> Result<Surroundings> {
        let mut host = Host::look();
        if login {
            host.env.retain(|key, _| !key.starts_with(b"KAKURI_"));
        }
        let config = Config::load(&host, general.config.as_ref().map(|f| f.as_bytes()))?;
        let store = Store::of(&config, &host);
        Ok(Surroundings { host, config, store })
    }
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
        Verbs::Top { name, general } => top::run(&name, &general),
        Verbs::Copy(wanted) => copy::run(&wanted),
        Verbs::Complete(wanted) => complete::run(&wanted),
    }
}
