//! `kakuri doctor`: tries everything a container is made of, and says what works, what does not, and what to
//! do. No capability of its own: each probe is a child in namespaces of its own, of which nothing stays.

mod filesystems;
mod install;
mod limits;
mod namespaces;
mod network;
mod probe;
mod report;
mod script;

use std::io::Write;

use serde::Serialize;

/// How a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Works,
    Fails,
    /// Absent or lesser, and nothing that a plain container needs.
    Lesser,
    /// Not tried, because what it needs fails.
    Untried,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Row {
    name: &'static str,
    state: State,
    detail: String,
    /// The command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
    /// The same as lines of a shell script, where typing is all it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fix: Vec<String>,
    /// What still works without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    without: Option<String>,
}

impl Row {
    fn works(name: &'static str, detail: impl Into<String>) -> Row {
        Row { name, state: State::Works, detail: detail.into(), mend: None, fix: Vec::new(), without: None }
    }

    fn fails(name: &'static str, detail: impl Into<String>) -> Row {
        Row { state: State::Fails, ..Row::works(name, detail) }
    }

    fn lesser(name: &'static str, detail: impl Into<String>) -> Row {
        Row { state: State::Lesser, ..Row::works(name, detail) }
    }

    fn untried(name: &'static str, needs: &str) -> Row {
        Row { state: State::Untried, ..Row::works(name, format!("needs {needs}")) }
    }

    fn mend(self, command: impl Into<String>) -> Row {
        Row { mend: Some(command.into()), ..self }
    }

    fn fix(self, commands: impl IntoIterator<Item = String>) -> Row {
        Row { fix: commands.into_iter().collect(), ..self }
    }

    fn without(self, rest: impl Into<String>) -> Row {
        Row { without: Some(rest.into()), ..self }
    }

    fn is_fine(&self) -> bool {
        self.state == State::Works
    }
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Table,
    Json,
    /// What mends all of it, as a shell script. It is never run.
    Script,
}

/// Probes and prints. 0 when a plain container works, 1 when not.
pub fn run(form: Form) -> u8 {
    let mut rows = vec![install::kernel()];
    let users = namespaces::users();
    let usable = users.iter().all(Row::is_fine);
    rows.extend(users);
    let (kinds, made) = namespaces::others(usable);
    rows.extend(kinds);
    rows.extend(filesystems::rows(usable, made));
    rows.push(namespaces::joining(usable, made));
    rows.push(install::devices());
    rows.push(install::ids());
    rows.push(install::terminal());
    rows.push(install::landlock());
    rows.extend(network::rows());
    rows.push(limits::row());
    rows.push(install::programs());
    rows.push(install::container());
    // The last row is the question itself: whatever else is amiss, it starts or it does not.
    let works = rows.last().is_some_and(Row::is_fine);
    let text = match form {
        Form::Table => report::table(&rows, works),
        Form::Json => report::json(&rows, works),
        Form::Script => script::script(&rows),
    };
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    u8::from(!works)
}
