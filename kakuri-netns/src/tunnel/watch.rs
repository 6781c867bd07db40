//! What is known of a peer that does not answer, and when somebody is told. Pure: the time is an argument.

use std::time::Duration;

use crate::status::State;

/// A tunnel that has not shaken hands for this long after it began to try is trouble the user should know of.
pub const TROUBLE_AFTER: Duration = Duration::from_secs(15);
/// A name may mean another address by then; and from then on, this often.
const LOST_AFTER: Duration = Duration::from_secs(20);
const LOST_AGAIN: Duration = Duration::from_secs(60);
/// A session is used no longer (REJECT_AFTER_TIME of the protocol).
pub const SESSION: Duration = Duration::from_secs(180);

/// What came back, the more telling the later in this list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heard {
    #[default]
    Nothing,
    /// The peer is under load and asks to be asked again.
    Cookie,
    /// Something from its address that is not sealed with what we share.
    Stranger,
    /// Its answer to our very message, which our key does not open.
    Answer,
}

/// Why there is no handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The host does not send: its errno.
    NotSent(i32),
    Heard(Heard),
}

#[derive(Debug, Default)]
pub struct Watch {
    /// Since when it is tried without success.
    since: Option<Duration>,
    completed: Option<Duration>,
    heard: Heard,
    /// Of the attempt under way, and of the one before it: the word that comes back may be under way still.
    not_sent: Option<i32>,
    not_sent_before: Option<i32>,
    told: bool,
    lost: Option<Duration>,
    /// Tried for long, and no more until there is something to send.
    silent: bool,
}

impl Watch {
    /// A handshake begins, or begins again.
    pub fn tried(&mut self, now: Duration) {
        self.since.get_or_insert(now);
        self.not_sent_before = self.not_sent.take();
    }

    pub fn completed(&mut self, now: Duration) {
        *self = Watch { completed: Some(now), ..Watch::default() };
    }

    pub fn heard(&mut self, what: Heard) {
        self.heard = self.heard.max(what);
    }

    pub fn not_sent(&mut self, errno: i32) {
        self.not_sent = Some(errno);
    }

    pub fn gave_up(&mut self) {
        self.silent |= self.since.take().is_some();
    }

    /// How long ago the last handshake was completed.
    pub fn age(&self, now: Duration) -> Option<Duration> {
        self.completed.map(|then| now.saturating_sub(then))
    }

    pub fn state(&self, now: Duration) -> State {
        match self.since {
            Some(since) if now.saturating_sub(since) >= TROUBLE_AFTER => State::Silent,
            _ if self.age(now).is_some_and(|age| age < SESSION) => State::Connected,
            Some(_) => State::Connecting,
            None if self.silent => State::Silent,
            None => State::Idle,
        }
    }

    /// The reason, once in every time of silence.
    pub fn trouble(&mut self, now: Duration) -> Option<Reason> {
        let since = self.since?;
        if self.told || now.saturating_sub(since) < TROUBLE_AFTER {
            return None;
        }
        self.told = true;
        Some(self.not_sent.or(self.not_sent_before).map_or(Reason::Heard(self.heard), Reason::NotSent))
    }

    /// Whether its name should be looked up anew.
    pub fn is_lost(&mut self, now: Duration) -> bool {
        let Some(since) = self.since else { return false };
        let lately = self.lost.is_some_and(|then| now.saturating_sub(then) < LOST_AGAIN);
        let lost = now.saturating_sub(since) >= LOST_AFTER && !lately;
        if lost {
            self.lost = Some(now);
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(1000 + seconds)
    }

    #[test]
    fn an_outage_is_told_once_and_asked_about_now_and_then() {
        let mut watch = Watch::default();
        assert_eq!((watch.state(at(0)), watch.trouble(at(100)), watch.is_lost(at(100))), (State::Idle, None, false));
        watch.tried(at(0));
        watch.tried(at(5));
        assert_eq!((watch.state(at(14)), watch.trouble(at(14))), (State::Connecting, None));
        watch.heard(Heard::Stranger);
        watch.heard(Heard::Cookie);
        assert_eq!(watch.trouble(at(15)), Some(Reason::Heard(Heard::Stranger)));
        assert_eq!((watch.trouble(at(16)), watch.state(at(16))), (None, State::Silent));
        let lost: Vec<u64> = (16..150).filter(|s| watch.is_lost(at(*s))).collect();
        assert_eq!(lost, [20, 80, 140]);
        watch.gave_up();
        assert_eq!((watch.state(at(160)), watch.is_lost(at(300))), (State::Silent, false));
        watch.tried(at(300));
        assert_eq!((watch.state(at(301)), watch.trouble(at(320))), (State::Connecting, None), "it has been told");
        watch.completed(at(330));
        assert_eq!((watch.state(at(331)), watch.age(at(332))), (State::Connected, Some(Duration::from_secs(2))));
        watch.tried(at(450));
        assert_eq!(watch.state(at(451)), State::Connected, "a new key is made while the old one is good");
        watch.not_sent(libc::ENETUNREACH);
        assert_eq!(watch.trouble(at(466)), Some(Reason::NotSent(libc::ENETUNREACH)), "a new outage");
    }
}
