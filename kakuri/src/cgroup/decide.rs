//! From the limits a user wants to what holds on this host. Looks, and makes nothing.

use kakuri_wire::fail::{Fail, Result, Stage};

use super::place::{Controllers, Missing, Offer, Place, find};
use crate::host::Host;
use crate::spec::{Limits, Spec};

/// Limits that will be set, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    pub limits: Limits,
    pub offer: Offer,
}

/// How well a limit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// By a control group, for all processes of the container together.
    Enforced,
    /// By setrlimit(2).
    Weaker,
    Absent,
}

/// One limit that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// `--memory`
    pub option: &'static str,
    pub strength: Strength,
    pub why: String,
    /// What would have it enforced.
    pub mend: Option<String>,
}

/// An option, whether it is given, and the controller it needs.
struct Wish {
    option: &'static str,
    controllers: Controllers,
}

fn wishes(limits: &Limits) -> Vec<Wish> {
    let memory = Controllers { memory: true, ..Controllers::default() };
    let all = [
        (limits.memory.is_some(), "--memory", memory),
        (limits.swap.is_some(), "--swap", memory),
        (limits.cpus.is_some(), "--cpus", Controllers { cpu: true, ..Controllers::default() }),
        (limits.most_pids().is_some(), "--pids-limit", Controllers { pids: true, ..Controllers::default() }),
    ];
    let given = all.into_iter().filter(|(given, ..)| *given);
    given.map(|(_, option, controllers)| Wish { option, controllers }).collect()
}

/// What becomes of each limit that is asked for; nothing where none is.
pub fn guarantees(spec: &Spec, host: &Host) -> Vec<Held> {
    let wishes = wishes(&spec.limits);
    if wishes.is_empty() {
        return Vec::new();
    }
    let found = find(host);
    wishes.iter().map(|wish| held(wish, &found, host)).collect()
}

fn held(wish: &Wish, found: &Result<Offer, Missing>, host: &Host) -> Held {
    let missing = match found {
        Ok(offer) => match wish.controllers.without(offer.controllers).names().next() {
            None => {
                let why = match &offer.place {
                    Place::Manager { .. } => "by a control group of the service manager's".to_string(),
                    Place::Below(folder) => format!("by a control group below {}", folder.display()),
                };
                return Held { option: wish.option, strength: Strength::Enforced, why, mend: None };
            }
            Some(controller) => not_delegated(controller, &offer.place, host),
        },
        Err(missing) => missing.clone(),
    };
    let (strength, why) = match wish.option {
        "--pids-limit" => {
            (Strength::Weaker, format!("by RLIMIT_NPROC, for each user of the container: {}", missing.why))
        }
        _ => (Strength::Absent, missing.why),
    };
    Held { option: wish.option, strength, why, mend: Some(missing.mend) }
}

/// The drop-in that mends it, where there is a service manager.
fn not_delegated(controller: &str, place: &Place, host: &Host) -> Missing {
    let why = format!("the controller '{controller}' is not delegated to you");
    let mend = match place {
        Place::Manager { .. } if host.is_real_root() => {
            format!("boot without cgroup_disable={controller} and cgroup_no_v1={controller}")
        }
        Place::Manager { .. } => "printf '[Service]\\nDelegate=cpu memory pids\\n' | sudo install -Dm644 /dev/stdin \
             /etc/systemd/system/user@.service.d/delegate.conf; sudo systemctl daemon-reload; then log in anew"
            .into(),
        Place::Below(folder) => {
            format!("sudo sh -c 'echo +{controller} >{}/cgroup.subtree_control'", folder.display())
        }
    };
    Missing { why, mend }
}

/// None: nothing is asked for that wants a control group, or can have one. What holds less well is noted; what would not
/// hold at all is an error.
pub fn decide(spec: &Spec, host: &Host) -> Result<(Option<Decided>, Vec<String>)> {
    let wishes = wishes(&spec.limits);
    if wishes.is_empty() {
        return Ok((None, Vec::new()));
    }
    let found = find(host);
    let mut notes = Vec::new();
    let mut enforced = false;
    for wish in &wishes {
        let held = held(wish, &found, host);
        match held.strength {
            Strength::Enforced => enforced = true,
            Strength::Weaker => notes.push(format!("{} holds {}", held.option, held.why)),
            Strength::Absent => {
                let instead = match held.option {
                    "--memory" => "; --ulimit as=BYTES limits each process by itself",
                    "--cpus" => "; --ulimit cpu=SECONDS limits each process by itself",
                    _ => "",
                };
                return Err(Fail::new(Stage::Front, format!("cannot hold {} here", held.option))
                    .why(held.why)
                    .hint(held.mend.unwrap_or_default() + instead));
            }
        }
    }
    let decided = found.ok().filter(|_| enforced).map(|offer| Decided { limits: spec.limits, offer });
    Ok((decided, notes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(list: &str) -> Result<Offer, Missing> {
        Ok(Offer { place: Place::Manager { sockets: Vec::new() }, controllers: Controllers::read(list) })
    }

    fn all() -> Limits {
        Limits { memory: Some(1 << 30), swap: None, cpus: Some(500), pids: Some(10) }
    }

    fn strengths(found: &Result<Offer, Missing>) -> Vec<Strength> {
        wishes(&all()).iter().map(|wish| held(wish, found, &Host::default()).strength).collect()
    }

    #[test]
    fn each_limit_by_what_is_delegated() {
        use Strength::{Absent, Enforced, Weaker};
        assert_eq!(strengths(&offer("cpu memory pids")), [Enforced, Enforced, Enforced]);
        assert_eq!(strengths(&offer("memory pids")), [Enforced, Absent, Enforced]);
        assert_eq!(strengths(&offer("cpu")), [Absent, Enforced, Weaker]);
        let none = Err(Missing { why: "none".into(), mend: "do".into() });
        assert_eq!(strengths(&none), [Absent, Absent, Weaker]);
        assert!(wishes(&Limits { pids: Some(0), ..Limits::default() }).is_empty());
    }

    #[test]
    fn what_is_missing_is_named_with_the_drop_in() {
        let host = Host { uid: 1000, ..Host::default() };
        let held = held(&wishes(&all())[1], &offer("memory"), &host);
        assert_eq!(held.why, "the controller 'cpu' is not delegated to you");
        assert!(held.mend.is_some_and(|mend| mend.contains("user@.service.d/delegate.conf")));
    }
}
