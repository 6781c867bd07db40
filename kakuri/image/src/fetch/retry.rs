//! Another try, after a pause, and then the next endpoint.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use kakuri_wire::fail::{Fail, Result};

use super::cancel::Cancel;
use super::endpoint::Endpoint;
use super::trouble::{Again, Trouble};
use crate::talk::Patience;

/// At one endpoint, without getting on.
const TRIES: u32 = 5;

/// Has `act` done at one of the endpoints. `what`: what cannot be done where all of them fail. `tell` hears of each try
/// that failed and how long we wait now, in milliseconds.
pub fn over<T>(
    endpoints: &[Endpoint],
    patience: &Patience,
    cancel: &Cancel,
    what: &str,
    tell: &mut dyn FnMut(u32, u64, Fail),
    act: &mut dyn FnMut(&Endpoint) -> Result<T, Trouble>,
) -> Result<T> {
    // Where none has ever answered, the last words of each are worth hearing again.
    let all = endpoints.iter().all(Endpoint::is_given_up);
    let usable: Vec<&Endpoint> = endpoints.iter().filter(|endpoint| all || !endpoint.is_given_up()).collect();
    let mut failed: Vec<Fail> = Vec::new();
    for (place, endpoint) in usable.iter().enumerate() {
        let mut tries = 0;
        loop {
            let trouble = match act(endpoint) {
                Ok(done) => return Ok(done),
                Err(_) if cancel.is_set() => Trouble::stopped(),
                Err(trouble) => trouble,
            };
            tries = if trouble.progressed { 1 } else { tries + 1 };
            let fail = trouble.fail(what, &endpoint.name);
            let wait = match trouble.again {
                Again::Stop => return Err(fail),
                Again::Never => None,
                Again::Known if !endpoint.is_heard() => {
                    endpoint.give_up();
                    None
                }
                Again::Known | Again::Later => Some(pause(patience.pause, tries)),
                Again::After(time) => Some(time),
            };
            match wait.filter(|_| tries < TRIES) {
                Some(time) => {
                    tell(tries, time.as_millis() as u64, fail);
                    if !cancel.sleep(time) {
                        return Err(Trouble::stopped().fail(what, &endpoint.name));
                    }
                }
                None => {
                    if place + 1 < usable.len() {
                        tell(tries, 0, fail.clone());
                    }
                    failed.push(fail);
                    break;
                }
            }
        }
    }
    Err(together(failed, what))
}

/// The registry's own, which comes last, has the words; those before it are named.
fn together(mut failed: Vec<Fail>, what: &str) -> Fail {
    let Some(mut last) = failed.pop() else {
        return Fail::new(super::STAGE, what).why("there is nowhere to fetch it from");
    };
    let before: Vec<String> = failed.into_iter().filter_map(|fail| fail.why).collect();
    if let (Some(why), false) = (&mut last.why, before.is_empty()) {
        why.push_str(&format!(" (and before it: {})", before.join("; ")));
    }
    last
}

/// Doubled with each try, and up to a quarter more, so that many who failed together do not come back together.
fn pause(first: u64, tries: u32) -> Duration {
    let time = first << tries.saturating_sub(1).min(6);
    // Seeded anew each time, by the standard library.
    let chance = RandomState::new().build_hasher().finish();
    Duration::from_millis(time + chance % (time / 4 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow() {
        for (tries, least) in [(1, 500), (2, 1000), (4, 4000)] {
            let millis = pause(500, tries).as_millis();
            assert!((least..=least + least / 4).contains(&millis), "{tries}: {millis}");
        }
        assert!(pause(500, u32::MAX) < Duration::from_secs(60) && pause(0, 3).is_zero());
    }
}
