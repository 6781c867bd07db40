//! Names, which the front has looked up: to resolve one takes files, and this process opens none.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kakuri_wire::fail::{Fail, Result};
use kakuri_wire::{Bytes, Channel};
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ArrayVec, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::STAGE;
use super::cancel::Cancel;
use crate::talk::FromFetch;

/// How long an answer is believed.
const BELIEVED: Duration = Duration::from_secs(60);
/// How often somebody who waits for an answer sees whether he is called off.
const LOOK: Duration = Duration::from_millis(100);
/// Of a name (RFC 1035, section 2.3.4).
const LONGEST: usize = 253;
/// Addresses of one name that are tried.
const ADDRESSES: usize = 16;

/// The questions to the front, and its answers.
pub struct Names {
    link: Arc<Channel>,
    state: Mutex<State>,
    patience: Duration,
}

type Answer = Result<Vec<SocketAddr>>;

#[derive(Default)]
struct State {
    asked: u32,
    open: HashMap<u32, Sender<Answer>>,
    known: HashMap<(String, u16), (Instant, Vec<SocketAddr>)>,
}

impl Names {
    pub fn new(link: Arc<Channel>, patience: Duration) -> Names {
        Names { link, state: Mutex::default(), patience }
    }

    /// The front's word. One that nobody waits for any more is nothing.
    pub fn answered(&self, ask: u32, answer: Answer) {
        if let Some(waiting) = self.state().open.remove(&ask) {
            let _ = waiting.send(answer);
        }
    }

    fn look_up(&self, host: &str, port: u16) -> Answer {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![(address, port).into()]);
        }
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if host.len() > LONGEST || !host.bytes().all(fits) {
            return Err(Fail::new(STAGE, format!("'{}' is no name of a host", shortened(host))));
        }
        let key = (host.to_ascii_lowercase(), port);
        let (sender, receiver) = channel();
        let ask = {
            let mut state = self.state();
            if let Some((at, addresses)) = state.known.get(&key)
                && at.elapsed() < BELIEVED
            {
                return Ok(addresses.clone());
            }
            state.asked = state.asked.wrapping_add(1);
            let ask = state.asked;
            state.open.insert(ask, sender);
            ask
        };
        let question = FromFetch::Resolve { ask, host: host.into(), port };
        self.link.send(&question, &[]).map_err(|e| Fail::new(STAGE, "cannot ask for an address").why(e.to_string()))?;
        let cancel = Cancel::current();
        let end = Instant::now() + self.patience;
        let answer = loop {
            match receiver.recv_timeout(LOOK) {
                Ok(answer) => break answer,
                Err(RecvTimeoutError::Timeout)
                    if Instant::now() < end && !cancel.as_ref().is_some_and(|c| c.is_set()) => {}
                Err(_) => {
                    self.state().open.remove(&ask);
                    break Err(Fail::new(STAGE, format!("the name '{}' does not resolve", shortened(host)))
                        .why("there was no answer in time")
                        .hint(format!("see whether this machine finds it: getent ahosts {}", shortened(host))));
                }
            }
        };
        if let Ok(addresses) = &answer {
            self.state().known.insert(key, (Instant::now(), addresses.clone()));
        }
        answer
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shortened(host: &str) -> Bytes {
    Bytes::from(&*host.chars().take(LONGEST).collect::<String>())
}

/// What an agent has in the place of a resolver.
pub struct Asking(pub Arc<Names>);

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Asking")
    }
}

impl Resolver for Asking {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or(Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let found = self.0.look_up(host, port).map_err(|fail| Error::Other(Box::new(fail)))?;
        let mut addresses = ArrayVec::from_fn(|_| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        found.iter().take(ADDRESSES).for_each(|address| addresses.push(*address));
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}
