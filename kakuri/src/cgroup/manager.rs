//! A scope of systemd's: org.freedesktop.systemd1(5), StartTransientUnit. The caller's process is moved into it, and it is
//! collected with its last process, however that ended.

mod bus;
mod message;

use std::time::{Duration, Instant};

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::place::Socket;
use bus::{Broken, Bus};
use message::{Call, Message, Reader, Writer};

const NAME: &str = "org.freedesktop.systemd1";
const OBJECT: &str = "/org/freedesktop/systemd1";
const INTERFACE: &str = "org.freedesktop.systemd1.Manager";
/// Far beyond any busy manager, so that only a stuck one is met.
const DEADLINE: Duration = Duration::from_secs(20);
/// Other units' jobs that may end before we know which is ours.
const MOST_JOBS: usize = 4096;

/// Makes the scope with this process in it, and returns when that is done.
pub fn start_scope(sockets: &[Socket], unit: &str, description: &str) -> Result<()> {
    let end = Instant::now() + DEADLINE;
    let mut last = None;
    for socket in sockets {
        match Bus::connect(socket, end) {
            Ok(bus) => return start(bus, unit, description).map_err(|broken| explain(socket, unit, &broken)),
            Err(broken) => last = Some(explain(socket, unit, &broken)),
        }
    }
    Err(last.unwrap_or_else(|| Fail::new(Stage::Front, "there is no service manager to ask for a scope")))
}

fn explain(socket: &Socket, unit: &str, broken: &Broken) -> Fail {
    Fail::new(Stage::Front, format!("cannot have the scope {unit} made"))
        .why(format!("the service manager at {}: {broken}", Bytes::from(&socket.path)))
        .hint("systemctl --user status shows whether it is well; without limits nobody asks it")
}

fn start(mut bus: Bus, unit: &str, description: &str) -> Result<(), Broken> {
    let call = Call { destination: NAME, object: OBJECT, interface: INTERFACE, member: "StartTransientUnit" };
    let serial = bus.call(&call, "ssa(sv)a(sa(sv))", &arguments(unit, description, std::process::id()))?;
    let mut job = None;
    // The end of the job may be told before its number.
    let mut ended: Vec<(String, String)> = Vec::new();
    loop {
        if let Some(job) = &job
            && let Some((_, result)) = ended.iter().find(|(path, _)| path == job)
        {
            return match &result[..] {
                "done" => Ok(()),
                other => Err(Broken::Refused(format!("its job ended with '{other}'"))),
            };
        }
        match bus.next()? {
            Message::Return { to, body } if to == serial => {
                job = Some(Reader::new(&body).string().ok_or(Broken::Nonsense)?);
            }
            Message::Error { to, name, text } if to == serial => {
                return Err(Broken::Refused(if text.is_empty() { name } else { text }));
            }
            Message::Signal { member, body } if member == "JobRemoved" => {
                ended.extend(removed(&body));
                if ended.len() > MOST_JOBS {
                    return Err(Broken::Nonsense);
                }
            }
            _ => {}
        }
    }
}

/// The job and how it ended: `(uoss)`.
fn removed(body: &[u8]) -> Option<(String, String)> {
    let mut body = Reader::new(body);
    body.u32()?;
    let job = body.string()?;
    body.string()?;
    Some((job, body.string()?))
}

/// The unit's name, what becomes of others in its way, its properties, and no further units.
fn arguments(unit: &str, description: &str, pid: u32) -> Vec<u8> {
    let mut body = Writer::default();
    body.string(unit);
    body.string("fail");
    body.array(8, |all| {
        all.property("Description", "s", |value| value.string(description));
        // What is below it is ours, with every controller there is.
        all.property("Delegate", "b", |value| value.u32(1));
        // With its last process it is gone, also where that was killed.
        all.property("CollectMode", "s", |value| value.string("inactive-or-failed"));
        all.property("PIDs", "au", |value| value.array(4, |pids| pids.u32(pid)));
    });
    body.array(8, |_| {});
    body.bytes
}

#[cfg(test)]
mod tests;
