//! One place an image may be fetched from, at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kakuri_wire::fail::Result;
use ureq::Agent;
use ureq::http::Uri;

use super::agent::Kind;
use super::certificate::{self, Roots};
use super::credentials::Credentials;
use super::redirect::Origin;
use super::resolve::Names;
use super::trouble::Trouble;
use crate::talk::{self, Patience, Scheme};

pub struct Endpoint {
    /// As people name it, with the port where it is no usual one.
    pub name: String,
    /// As it stands in addresses.
    host: String,
    port: u16,
    pub repository: String,
    scheme: Scheme,
    pub verify: bool,
    pub patience: Patience,
    pub credentials: Credentials,
    /// For the endpoint itself.
    own: Agent,
    /// For where it sends us, which never sees our certificate.
    other: Agent,
    /// It has answered, whatever it said.
    heard: AtomicBool,
    /// It never did, and is not asked again.
    given_up: AtomicBool,
    /// It has answered without TLS, or with it: from then on it is spoken with like that.
    plain: AtomicBool,
    secure: AtomicBool,
}

impl Endpoint {
    /// Reads its files.
    pub fn new(given: talk::Endpoint, patience: Patience, roots: &mut Roots, names: &Arc<Names>) -> Result<Endpoint> {
        let roots = if given.verify && given.scheme != Scheme::Http { roots.read(&given.roots)? } else { Vec::new() };
        let client = given.client.as_ref().map(|(own, key)| certificate::client(own, key)).transpose()?;
        let (verify, proxy) = (given.verify, given.proxy.as_ref());
        let kind = |client| Kind { roots: &roots, verify, client, proxy, patience: &patience };
        let other = kind(None).agent(names)?;
        let own = if client.is_some() { kind(client).agent(names)? } else { other.clone() };
        let host = if given.host.contains(':') && !given.host.starts_with('[') {
            format!("[{}]", given.host)
        } else {
            given.host
        };
        let usual = if given.scheme == Scheme::Http { 80 } else { 443 };
        let shown = if given.port == usual { host.clone() } else { format!("{host}:{}", given.port) };
        // The one registry whose name is not its host's.
        let name = if host == "registry-1.docker.io" { "docker.io".into() } else { shown };
        Ok(Endpoint {
            name,
            host,
            port: given.port,
            repository: given.repository,
            scheme: given.scheme,
            verify,
            patience,
            credentials: Credentials::new(given.login),
            own,
            other,
            heard: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            plain: AtomicBool::new(given.scheme == Scheme::Http),
            secure: AtomicBool::new(given.scheme == Scheme::Https),
        })
    }

    /// `path` begins behind `/v2/`.
    pub fn address(&self, path: &str) -> Result<Uri, Trouble> {
        let (scheme, usual) = if self.is_plain() { ("http", 80) } else { ("https", 443) };
        let text = match self.port {
            port if port == usual => format!("{scheme}://{}/v2/{path}", self.host),
            port => format!("{scheme}://{}:{port}/v2/{path}", self.host),
        };
        text.parse().map_err(|_| Trouble::new("its name is no address of a registry"))
    }

    pub fn is_plain(&self) -> bool {
        self.plain.load(Ordering::Relaxed)
    }

    /// Whether a login may cross the net unseen by others, or the user has said that it need not.
    pub fn is_insecure(&self) -> bool {
        self.is_plain() || !self.verify
    }

    /// The answer was none of TLS. True: so it is tried without.
    pub fn fall_back(&self) -> bool {
        let may = self.scheme == Scheme::Either && !self.secure.load(Ordering::Relaxed);
        may && !self.plain.swap(true, Ordering::Relaxed)
    }

    pub fn agent(&self, at: &Origin) -> &Agent {
        let own = self.address("").is_ok_and(|address| Origin::of(&address) == *at);
        if own { &self.own } else { &self.other }
    }

    /// It has answered.
    pub fn hear(&self) {
        self.heard.store(true, Ordering::Relaxed);
        if !self.is_plain() {
            self.secure.store(true, Ordering::Relaxed);
        }
    }

    pub fn is_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }
}
