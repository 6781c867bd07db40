//! What minds the container's way out, and its bus, as its supervisor hears of it.

use kakuri_netns::Status;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::requests::{Asker, Waits};
use super::sessions::Holder;
use super::watch::{Over, Supervisor};
use crate::cell::{Heard, Uplink};
use crate::control::FromSupervisor;
use crate::door::proxy::Proxy;
use crate::logs::Event;

/// Troubles that are kept for who asks; the oldest goes first.
const MOST_TROUBLES: usize = 8;

impl Supervisor {
    pub fn hear_uplink(&mut self) {
        for heard in self.cell.uplink.as_mut().map(Uplink::hear).unwrap_or_default() {
            match heard {
                Heard::Trouble(fail) => self.trouble(fail),
                Heard::Status(status) => self.tell_status(&status),
                Heard::Ended(fail) => {
                    let goes_on = self.cell.uplink.as_ref().is_some_and(Uplink::may_end);
                    self.cell.uplink = None;
                    match goes_on {
                        true => self.trouble(fail),
                        false => self.over(Over { failure: Some(fail), ..Over::default() }),
                    }
                }
            }
        }
    }

    /// The filter of the bus has ended: the container goes on without.
    pub fn hear_bus(&mut self) {
        if let Some(fail) = self.cell.bus.as_mut().and_then(Proxy::ended) {
            self.cell.bus = None;
            self.trouble(fail);
        }
    }

    /// The tunnel answers in its own time; nobody waits for it here.
    pub fn ask_tunnel(&mut self, asker: u32) -> Result<()> {
        match &self.cell.uplink {
            Some(uplink) if uplink.is_tunnel() => uplink.ask_status()?,
            _ => {
                let why = match self.troubles.last() {
                    Some(last) => last.to_string(),
                    None => format!("its network is '{}'", self.plan.wiring.label),
                };
                return Err(Fail::new(Stage::Front, format!("the container '{}' has no VPN tunnel", self.name()))
                    .why(why)
                    .hint("kakuri vpn set NAME CONF gives it one, from its next start on"));
            }
        }
        self.wait_for(asker, Waits::Tunnel);
        Ok(())
    }

    fn tell_status(&mut self, status: &Status) {
        let asked: Vec<u32> = self.askers.iter().filter(|a| a.waits == Waits::Tunnel).map(|a| a.id).collect();
        for id in asked {
            self.wait_for(id, Waits::Nothing);
            self.answer(id, &FromSupervisor::Tunnel(Box::new(status.clone())), &[]);
        }
    }

    /// What came before there was anybody to tell, to who has the first process now.
    pub fn retell_troubles(&mut self, holder: u32) {
        for fail in self.troubles.clone() {
            self.answer(holder, &FromSupervisor::Trouble(fail), &[]);
        }
    }

    /// It goes to the log, and to who has the first process before him.
    fn trouble(&mut self, fail: Fail) {
        self.log_event(&Event::Trouble { why: fail.to_string() });
        let first = self.sessions.iter().find(|session| session.first);
        if let Some(Holder::Asker(holder)) = first.map(|session| &session.holder)
            && let Some(Asker { channel, .. }) = self.askers.iter().find(|asker| asker.id == *holder)
        {
            // One that does not read learns it from the log.
            let _ = channel.send_now(&FromSupervisor::Trouble(fail.clone()), &[]);
        }
        if self.troubles.len() == MOST_TROUBLES {
            self.troubles.remove(0);
        }
        self.troubles.push(fail);
    }
}
