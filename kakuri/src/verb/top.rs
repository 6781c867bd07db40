//! `kakuri container top`: the processes of a running container, by both numbers.

mod process;

use kakuri_wire::fail::{Fail, Result, Stage};

use super::{FAILED, Surroundings};
use crate::cli::General;
use crate::client::ask;
use crate::control::Facts;
use crate::output;
use crate::output::table::Table;
pub use process::Process;

pub fn run(name: &str, general: &General) -> Result<u8> {
    top(name, general).map_err(|fail| fail.code(FAILED))
}

fn top(name: &str, general: &General) -> Result<u8> {
    let here = Surroundings::look(general)?;
    let entry = here.store.find(name)?;
    let facts = ask::look(&entry)?;
    let found = processes(&facts);
    if found.is_empty() {
        return Err(Fail::new(Stage::Front, format!("cannot see the processes of '{}'", entry.name))
            .why("the host's /proc does not show them here")
            .hint(format!("kakuri exec {} ps", entry.name)));
    }
    let mut table = Table::new(["HOST-PID", "PID", "PPID", "USER", "STATE", "TIME", "COMMAND"]);
    for one in found {
        table.row([
            one.host_pid.to_string(),
            one.pid.to_string(),
            one.parent.to_string(),
            one.user.map_or_else(|| "-".into(), |uid| uid.to_string()),
            one.state.to_string(),
            time(one.cpu),
            one.command(),
        ]);
    }
    output::print(&table.text(output::colours()))
}

/// Those in the container's process namespace, by their number inside.
pub fn processes(facts: &Facts) -> Vec<Process> {
    facts.namespaces.get("pid").map(|inode| process::all_in(*inode)).unwrap_or_default()
}

/// `MINUTES:SECONDS`, as ps(1) has it.
fn time(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
