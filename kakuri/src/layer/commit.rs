//! Committing chosen changes, whole or not at all.

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::apply::{self, Trees};
use super::conflict::{Conflict, conflicts};
use super::journal::{Journal, State};
use super::list::{Change, Pair};
use super::plan::{self, Chosen, is_left_out};
use super::subject::{Owner, ROOT, Subject, is_wanted};
use super::tries::{self, Tries};
use super::{Kind, undo};
use crate::host::Host;
use crate::pathname;

/// What became of a commit.
#[derive(Default)]
pub struct Committed {
    /// Changes that were carried over.
    pub count: usize,
    /// Those nothing can be made of.
    pub left_out: Vec<Bytes>,
    /// Those that somebody changed in the moment.
    pub passed: Vec<Bytes>,
}

/// Why nothing was committed.
pub enum Refused {
    Conflicts(Vec<Conflict>),
    Fail(Fail),
}

impl From<Fail> for Refused {
    fn from(fail: Fail) -> Refused {
        Refused::Fail(fail)
    }
}

pub fn commit(subject: &mut Subject, paths: &[Vec<u8>], host: &Host) -> std::result::Result<Committed, Refused> {
    let mut committed = Committed::default();
    let mut chosen = Vec::new();
    let mut in_the_way = Vec::new();
    let mut left = 0;
    for (pair, all) in subject.changes(&[])? {
        if pair.number == ROOT {
            root_stays(subject, pair, &all, paths)?;
            continue;
        }
        let changes = choose(pair, &all, paths);
        in_the_way.extend(conflicts(pair, &changes, &subject.journals)?);
        left += all.iter().filter(|change| !is_left_out(change)).count();
        let left_out = changes.iter().filter(|change| is_left_out(change));
        committed.left_out.extend(left_out.map(|change| Bytes(pair.on_host(&change.path))));
        chosen.push(Chosen { pair, changes });
    }
    if !in_the_way.is_empty() {
        return Err(Refused::Conflicts(in_the_way));
    }
    committed.count = chosen.iter().flat_map(|c| &c.changes).filter(|change| !is_left_out(change)).count();
    let ops = plan::ops(&chosen);
    if !ops.is_empty() {
        let mut journal = Journal::begin(&subject.place, ops)?;
        let trees = Trees(&subject.pairs);
        if let Err(fail) = apply::save(&journal, &trees).and_then(|()| journal.set(State::Applying)) {
            let _ = journal.forget();
            return Err(fail.into());
        }
        match apply::apply(&mut journal, &trees) {
            Ok(passed) => committed.passed = passed,
            Err(fail) => {
                // Half of it helps nobody.
                journal.set(State::Undoing)?;
                undo::undo(&mut journal, &trees)?;
                return Err(fail.into());
            }
        }
        subject.journals.push(journal);
        subject.forget_committed()?;
    }
    if left == committed.count {
        close(subject, host)?;
    }
    Ok(committed)
}

/// Those at or below the paths, and what new folders they lie in.
fn choose(pair: &Pair, all: &[Change], paths: &[Vec<u8>]) -> Vec<Change> {
    let wanted: Vec<Vec<u8>> = all.iter().filter(|c| is_wanted(pair, &c.path, paths)).map(|c| c.path.clone()).collect();
    let holds = |change: &Change| {
        matches!(change.kind, Kind::Added | Kind::Type)
            && wanted.iter().any(|path| pathname::strictly_below(path, &change.path).is_some())
    };
    all.iter().filter(|c| is_wanted(pair, &c.path, paths) || holds(c)).cloned().collect()
}

/// What a container has changed of its root is its own.
fn root_stays(subject: &Subject, pair: &Pair, all: &[Change], paths: &[Vec<u8>]) -> Result<()> {
    let named = !paths.is_empty() && all.iter().any(|change| is_wanted(pair, &change.path, paths));
    match named {
        false => Ok(()),
        true => {
            Err(Fail::new(Stage::Front, format!("cannot commit what '{}' has changed of its root", subject.shown()))
                .why("only folders that were bound with `cow` take changes back")
                .hint("copy it out: kakuri container cp NAME:PATH DST"))
        }
    }
}

/// Takes the latest commit back; the paths it was about. Those that were changed since are in the way.
pub fn take_back(subject: &mut Subject) -> std::result::Result<usize, Refused> {
    let trees = Trees(&subject.pairs);
    let latest =
        subject.journals.iter_mut().rev().find(|journal| matches!(journal.state(), State::Done | State::Cleared));
    let Some(journal) = latest else {
        return Err(Fail::new(Stage::Front, "nothing was committed that could be taken back")
            .hint("kakuri changes --list shows what was tried, and what became of it")
            .into());
    };
    let changed = undo::changed(journal, &trees)?;
    if !changed.is_empty() {
        let conflict = |path| Conflict { path, why: "it was changed since the commit".into() };
        return Err(Refused::Conflicts(changed.into_iter().map(conflict).collect()));
    }
    let mut paths: Vec<_> = journal.ops.iter().map(|op| (op.layer, op.path.as_bytes().to_vec())).collect();
    paths.sort();
    paths.dedup();
    // First, because a try that was killed in the middle is looked for among the open ones.
    if let Owner::Try(found) = &mut subject.owner {
        found.record.state = tries::State::Open;
        found.write()?;
    }
    journal.set(State::Undoing)?;
    undo::undo(journal, &trees)?;
    Ok(paths.len())
}

/// A try of which nothing is left to commit stays only for the commit to be taken back, and until the next one.
fn close(subject: &mut Subject, host: &Host) -> Result<()> {
    let Owner::Try(found) = &mut subject.owner else { return Ok(()) };
    found.record.state = tries::State::Committed;
    found.write()?;
    let tries = Tries::of(host);
    for other in tries.all()? {
        let same = other.record.folders == found.record.folders && other.id != found.id;
        if same
            && other.record.state == tries::State::Committed
            && let Some(_lock) = other.lock()?
        {
            tries.erase(&other)?;
        }
    }
    Ok(())
}
