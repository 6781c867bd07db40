//! What an endpoint is shown: nothing before it asks, and then a login or a token, which is kept until it is stale.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ureq::http::{HeaderMap, StatusCode};
use zeroize::Zeroizing;

use super::challenge::Challenge;
use super::endpoint::Endpoint;
use super::status;
use super::token::{self, Token};
use super::trouble::Trouble;
use crate::talk::Login;

/// The value of a header Authorization.
pub type Header = Zeroizing<String>;

pub struct Credentials {
    login: Option<Login>,
    shown: Mutex<Shown>,
}

enum Shown {
    Nothing,
    Login(Header),
    Token(Token),
}

impl Shown {
    fn header(&self) -> Option<Header> {
        match self {
            Shown::Nothing => None,
            Shown::Login(header) => Some(header.clone()),
            Shown::Token(token) => (token.until > Instant::now()).then(|| token.header.clone()),
        }
    }
}

impl Credentials {
    pub fn new(login: Option<Login>) -> Credentials {
        Credentials { login, shown: Mutex::new(Shown::Nothing) }
    }

    pub fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// What the next request shows.
    pub fn header(&self) -> Option<Header> {
        self.shown().header()
    }

    /// What a challenge is answered with, `used` having been refused. None: there is nothing else to show.
    ///
    /// Whoever comes second waits for the token of the first.
    pub fn answer(
        &self,
        endpoint: &Endpoint,
        challenges: &[Challenge],
        used: Option<&Header>,
    ) -> Result<Option<Header>, Trouble> {
        let mut shown = self.shown();
        if let Some(newer) = shown.header().filter(|header| Some(header) != used) {
            return Ok(Some(newer));
        }
        if let Some((bearer, realm)) = bearer(challenges) {
            let token = token::fetch(endpoint, realm, bearer.get("service"), self.login.as_ref())?;
            let header = token.header.clone();
            *shown = Shown::Token(token);
            return Ok(Some(header));
        }
        let asks_for_login = challenges.iter().any(|challenge| challenge.scheme == "basic");
        match (&self.login, &*shown) {
            (Some(Login::Basic { user, password }), Shown::Nothing) if asks_for_login => {
                let header = basic(user, &password.0);
                *shown = Shown::Login(header.clone());
                Ok(Some(header))
            }
            _ => Ok(None),
        }
    }

    /// Nothing it was shown will do.
    pub fn refused(&self, endpoint: &Endpoint) -> Trouble {
        status::trouble(StatusCode::UNAUTHORIZED, &HeaderMap::new(), &[], &endpoint.name, self.has_login(), "")
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bearer(challenges: &[Challenge]) -> Option<(&Challenge, &str)> {
    challenges.iter().filter(|c| c.scheme == "bearer").find_map(|c| c.get("realm").map(|realm| (c, realm)))
}

/// RFC 7617.
pub fn basic(user: &str, password: &str) -> Header {
    let plain = Zeroizing::new(format!("{user}:{password}"));
    let encoded = Zeroizing::new(BASE64_STANDARD.encode(plain.as_bytes()));
    Zeroizing::new(format!("Basic {}", *encoded))
}
