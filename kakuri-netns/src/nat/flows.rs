//! The senders of datagrams that are remembered, each with its way to the other side.

use std::collections::HashMap;
use std::time::Instant;

use super::datagram::{Flow, IDLE, Sender};

/// At a time: the oldest gives way.
const MOST: usize = 1024;

#[derive(Default)]
pub struct Flows {
    all: Places<Flow>,
    senders: HashMap<Sender, usize>,
}

impl Flows {
    pub fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }

    pub fn get(&mut self, place: usize) -> Option<&mut Flow> {
        self.all.get(place)
    }

    pub fn of(&mut self, sender: &Sender) -> Option<&mut Flow> {
        self.all.get(*self.senders.get(sender)?)
    }

    pub fn add(&mut self, flow: Flow) -> usize {
        let sender = flow.sender;
        let place = self.all.add(flow);
        self.senders.insert(sender, place);
        place
    }

    pub fn remove(&mut self, place: usize) {
        if let Some(flow) = self.all.remove(place) {
            self.senders.remove(&flow.sender);
        }
    }

    pub fn forget_idle(&mut self, now: Instant) {
        let all = &mut self.all;
        self.senders.retain(|_, place| {
            let idle = all.get(*place).is_none_or(|flow| now.saturating_duration_since(flow.used) >= IDLE);
            if idle {
                all.remove(*place);
            }
            !idle
        });
    }

    /// For one more.
    pub fn make_room(&mut self) {
        if self.senders.len() < MOST {
            return;
        }
        let all = &mut self.all;
        let oldest = self.senders.values().copied().min_by_key(|place| all.get(*place).map(|flow| flow.used));
        if let Some(place) = oldest {
            self.remove(place);
        }
    }
}

/// Values by a number that stays theirs.
pub struct Places<T> {
    all: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Places { all: Vec::new(), free: Vec::new() }
    }
}

impl<T> Places<T> {
    pub fn add(&mut self, value: T) -> usize {
        match self.free.pop() {
            Some(place) => {
                self.all[place] = Some(value);
                place
            }
            None => {
                self.all.push(Some(value));
                self.all.len() - 1
            }
        }
    }

    pub fn get(&mut self, place: usize) -> Option<&mut T> {
        self.all.get_mut(place)?.as_mut()
    }

    pub fn remove(&mut self, place: usize) -> Option<T> {
        let value = self.all.get_mut(place)?.take()?;
        self.free.push(place);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    fn sender(port: u16) -> Sender {
        Sender { gate: 0, from: ([192, 0, 2, 1], port).into(), to: None }
    }

    #[test]
    fn who_is_silent_is_forgotten_though_others_go_on() {
        let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let target = [server.local_addr().expect("an address")];
        let mut flows = Flows::default();
        for port in 1..=3 {
            let far = UdpSocket::bind("127.0.0.1:0").expect("a socket").into();
            flows.add(Flow::begin(far, sender(port), &target, b"first").expect("it is taken"));
        }
        let later = flows.of(&sender(1)).expect("a flow").used + IDLE;
        flows.of(&sender(2)).expect("a flow").used = later;
        flows.forget_idle(later);
        assert!(flows.of(&sender(1)).is_none() && flows.of(&sender(2)).is_some());
        flows.forget_idle(later + IDLE);
        assert!(flows.is_empty());
        // What is forgotten leaves its place to others.
        let far = UdpSocket::bind("127.0.0.1:0").expect("a socket").into();
        assert!(flows.add(Flow::begin(far, sender(9), &target, b"first").expect("it is taken")) < 3);
    }
}
