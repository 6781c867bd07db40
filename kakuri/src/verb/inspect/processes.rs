//! `kakuri inspect --pid PID,...` and `--all`: which container a process is in, and what prints its log.
//!
//! Whose a process is its container's supervisor says, by the process namespace. A number is compared and shown here, and
//! nothing is ever done by it.

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use serde_json::{Value, json};

use super::super::top::{Process, processes};
use super::super::{FAILED, Surroundings, show};
use super::moment;
use crate::cli::{Format, Inspect, Wanted};
use crate::client::ask;
use crate::control::{Facts, Session};
use crate::output;
use crate::output::table::Table;
use crate::output::template::Template;
use crate::store::{Entry, State};

/// One process of a running container.
struct One {
    container: String,
    process: Process,
    /// What it is part of; None for PID 1, and for what has outlived the command that began it.
    session: Option<Session>,
    /// The folder of the container's log.
    log: Bytes,
}

impl One {
    fn is_logged(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.logged)
    }

    /// What prints what it wrote.
    fn printed_by(&self) -> Option<String> {
        self.is_logged().then(|| format!("kakuri logs {}", self.container))
    }

    fn value(&self) -> Value {
        let Process { host_pid, pid, parent, user, state, .. } = &self.process;
        json!({ "host_pid": host_pid, "pid": pid, "parent": parent, "user": user, "state": state.to_string(),
            "container": self.container, "command": self.process.command(),
            "session": self.session.as_ref().map(|session| session.session),
            "started_at": self.session.as_ref().map(|session| moment(session.started)),
            "logged": self.is_logged(), "log": self.is_logged().then_some(&self.log), "logs": self.printed_by() })
    }
}

pub fn run(wanted: &Inspect, which: &Wanted, here: &Surroundings, template: Option<Template>) -> Result<u8> {
    let mut code = 0;
    let mut found = all(here, &mut code).map_err(|fail| fail.code(FAILED))?;
    if let Wanted::Numbers(numbers) = which {
        for number in numbers.iter().filter(|number| !found.iter().any(|one| one.process.host_pid == **number)) {
            output::warn(nobodys(*number));
            code = FAILED;
        }
        found.retain(|one| numbers.contains(&one.process.host_pid));
    }
    if wanted.format == Format::Json && found.is_empty() {
        return output::print("[]\n").map(|_| code).map_err(|fail| fail.code(FAILED));
    }
    if wanted.format != Format::Table {
        show(found.iter().map(One::value).collect(), &wanted.format, template)?;
        return Ok(code);
    }
    if matches!(which, Wanted::Numbers(_)) && found.is_empty() {
        return Ok(code);
    }
    let mut table = Table::new(["HOST-PID", "PID", "CONTAINER", "STATE", "LOG", "COMMAND"]);
    for one in found {
        table.row([
            one.process.host_pid.to_string(),
            one.process.pid.to_string(),
            one.container.clone(),
            one.process.state.to_string(),
            one.printed_by().unwrap_or_else(|| "-".into()),
            one.process.command(),
        ]);
    }
    output::print(&table.text(output::colours())).map_err(|fail| fail.code(FAILED))?;
    Ok(code)
}

/// Those of every container that runs.
fn all(here: &Surroundings, code: &mut u8) -> Result<Vec<One>> {
    let mut found = Vec::new();
    for (_, entry) in here.store.all()? {
        // What cannot be read `kakuri list` says.
        let Ok(entry) = entry else { continue };
        if entry.state() != State::Running {
            continue;
        }
        match ask::look(&entry) {
            Ok(facts) => found.extend(of(&entry, &facts)),
            // It has ended meanwhile.
            Err(_) if entry.state() != State::Running => {}
            Err(fail) => {
                output::warn(fail);
                *code = FAILED;
            }
        }
    }
    Ok(found)
}

fn of(entry: &Entry, facts: &Facts) -> Vec<One> {
    let all = processes(facts);
    let parents: Vec<(i32, i32)> = all.iter().map(|one| (one.pid, one.parent)).collect();
    let session = |pid: i32| session_of(pid, &parents, &facts.sessions).cloned();
    let log = Bytes::from(&entry.folder.join("log"));
    let one = |process: Process| One {
        container: entry.name.clone(),
        session: session(process.pid),
        log: log.clone(),
        process,
    };
    all.into_iter().map(one).collect()
}

/// The session whose command a process is, or is below.
fn session_of<'a>(mut pid: i32, parents: &[(i32, i32)], sessions: &'a [Session]) -> Option<&'a Session> {
    // Each step leads one up; numbers that were used again meanwhile could make a circle.
    for _ in 0..=parents.len() {
        if let Some(session) = sessions.iter().find(|session| session.pid == Some(pid)) {
            return Some(session);
        }
        pid = parents.iter().find(|(one, _)| *one == pid)?.1;
    }
    None
}

fn nobodys(number: i32) -> Fail {
    Fail::new(Stage::Front, format!("process {number} is in no container that runs and has a name"))
        .hint("kakuri inspect --all lists those that are; a container without a name only its own kakuri knows")
        .code(FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_command_it_is_below() {
        let session = |number, pid| Session {
            session: number,
            command: Vec::new(),
            pid: Some(pid),
            first: false,
            terminal: false,
            logged: true,
            started: 0,
        };
        let sessions = [session(1, 2), session(2, 7)];
        let parents = [(1, 0), (2, 1), (3, 2), (4, 3), (7, 0), (9, 8), (8, 9)];
        let of = |pid| session_of(pid, &parents, &sessions).map(|session| session.session);
        assert_eq!((of(2), of(4), of(7), of(1), of(5), of(9)), (Some(1), Some(1), Some(2), None, None, None));
    }
}
