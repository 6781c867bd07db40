//! `kakuri remove` and `kakuri container rename`.

use std::time::{Duration, Instant};

use kakuri_wire::fail::Result;

use super::{FAILED, Surroundings, each, stop};
use crate::cli::{General, Remove};
use crate::store::{Entry, Store};

/// A container that was killed for it is given this long to be gone.
const ENDING: Duration = Duration::from_secs(5);

pub fn run(wanted: &Remove) -> Result<u8> {
    super::start_log(wanted.general.verbose);
    let Surroundings { store, .. } = Surroundings::look(&wanted.general)?;
    let names = match wanted.all {
        true => store.all().map_err(|fail| fail.code(FAILED))?.into_iter().map(|(name, _)| name).collect(),
        false => wanted.names.clone(),
    };
    let code = each(&names, |name| {
        if let Some(name) = remove(&store, name, wanted.force)? {
            super::print(format!("{name}\n").as_bytes())?;
        }
        Ok(())
    });
    store.sweep();
    code
}

/// The name of what was removed; None where it was not there, and need not be.
fn remove(store: &Store, typed: &str, force: bool) -> Result<Option<String>> {
    let whole = store.has(typed)?;
    // By force only by its whole name: `remove -f web` in a script, web gone already, must not take web2.
    if force && !whole {
        return Ok(None);
    }
    match store.find(typed) {
        Ok(entry) if force => kill(store, &entry)?,
        Ok(entry) => {
            let lock = entry.lock(Duration::ZERO)?;
            store.remove(&entry, lock)?;
            return Ok(Some(entry.name));
        }
        // A record that cannot be read keeps nobody from removing what it is of.
        Err(_) if whole => store.remove_broken(typed)?,
        Err(fail) => return Err(fail),
    }
    Ok(Some(typed.to_string()))
}

/// Again and again, while somebody else may start it anew.
fn kill(store: &Store, entry: &Entry) -> Result<()> {
    let end = Instant::now() + ENDING;
    loop {
        stop::end(entry, Some(libc::SIGKILL), Duration::ZERO)?;
        match entry.lock(Duration::ZERO) {
            Ok(lock) => return store.remove(entry, lock),
            // Made with --rm, it went with its end.
            Err(_) if !store.has(&entry.name)? => return Ok(()),
            Err(fail) if Instant::now() > end => return Err(fail),
            Err(_) => {}
        }
    }
}

pub fn rename(from: &str, to: &str, general: &General) -> Result<u8> {
    super::start_log(general.verbose);
    let Surroundings { store, .. } = Surroundings::look(general)?;
    let renamed = store.find(from).and_then(|entry| store.rename(&entry, to));
    renamed.map(|()| 0).map_err(|fail| fail.code(FAILED))
}
