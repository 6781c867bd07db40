//! Tokens for a registry, from the realm it names (distribution's "Token Authentication Specification" and "OAuth2").

use std::time::{Duration, Instant};

use serde::Deserialize;
use ureq::http::header::CONTENT_TYPE;
use ureq::http::{StatusCode, Uri};
use zeroize::Zeroizing;

use super::body;
use super::credentials::{self, Header};
use super::endpoint::Endpoint;
use super::exchange;
use super::redirect::{Origin, web_address};
use super::trouble::{self, Trouble};
use crate::talk::{Login, Secret};

/// An answer with a token in it, in bytes.
const LARGEST: u64 = 1 << 20;
/// How long a token lives that does not say so, in seconds, as the specification has it.
const LIFE: u64 = 60;
/// How long before its end it is taken for stale, in seconds: a request takes its time.
const MARGIN: u64 = 10;
/// Nobody is believed longer, in seconds.
const LONGEST_LIFE: u64 = 24 * 3600;

pub struct Token {
    pub header: Header,
    pub until: Instant,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<Secret>,
    access_token: Option<Secret>,
    expires_in: Option<u64>,
}

/// For pulling from the endpoint's repository, or, where it has none, for nothing but being known.
pub fn fetch(endpoint: &Endpoint, realm: &str, service: Option<&str>, login: Option<&Login>) -> Result<Token, Trouble> {
    let cannot = |why: String| {
        Trouble::new(format!("the server of tokens it names cannot be used: {why}"))
            .hint("tell whoever runs the registry")
    };
    let realm_uri = web_address(realm).map_err(cannot)?;
    if !Origin::of(&realm_uri).is_secure() && !endpoint.is_insecure() {
        return Err(cannot("it is http, where anybody may read the login".into()));
    }
    let mut fields: Vec<(&str, String)> = Vec::new();
    fields.extend(service.map(|service| ("service", service.to_string())));
    if !endpoint.repository.is_empty() {
        fields.push(("scope", format!("repository:{}:pull", endpoint.repository)));
    }
    let response = match login {
        Some(Login::Identity(identity)) => {
            fields.push(("client_id", "kakuri".into()));
            fields.push(("grant_type", "refresh_token".into()));
            exchange_identity(endpoint, &realm_uri, &fields, identity)?
        }
        _ => {
            let header = match login {
                Some(Login::Basic { user, password }) => {
                    fields.push(("account", user.clone()));
                    Some(credentials::basic(user, &password.0))
                }
                _ => None,
            };
            let separator = if realm.contains('?') { '&' } else { '?' };
            let whole = web_address(&format!("{realm}{separator}{}", *form(&fields, None))).map_err(cannot)?;
            exchange::follow(endpoint, whole, &[], header.as_ref())?.0
        }
    };
    match response.status() {
        StatusCode::OK => read(endpoint, &body::read(endpoint, response, LARGEST, "its token")?),
        // Servers of tokens say it in either way.
        StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST if login.is_some() => {
            body::drain(response);
            Err(endpoint.credentials.refused(endpoint))
        }
        _ => Err(body::refusal(endpoint, response, "the server of tokens it names is not there")),
    }
}

fn exchange_identity(
    endpoint: &Endpoint,
    realm: &Uri,
    fields: &[(&str, String)],
    identity: &Secret,
) -> Result<ureq::http::Response<ureq::Body>, Trouble> {
    let at = Origin::of(realm);
    let body = form(fields, Some(("refresh_token", &identity.0)));
    let request = endpoint.agent(&at).post(realm).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.send(body.as_bytes()).map_err(|e| trouble::of(e, &at, &endpoint.patience))
}

fn read(endpoint: &Endpoint, bytes: &[u8]) -> Result<Token, Trouble> {
    let nonsense = || Trouble::new(format!("the server of tokens of {} answers with no token", endpoint.name));
    let answer: Answer = serde_json::from_slice(bytes).map_err(|_| nonsense())?;
    let token = answer.token.or(answer.access_token).filter(|token| !token.0.is_empty()).ok_or_else(nonsense)?;
    if !token.0.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(nonsense());
    }
    let life = answer.expires_in.unwrap_or(LIFE).min(LONGEST_LIFE);
    let until = Instant::now() + Duration::from_secs(life - MARGIN.min(life / 2));
    Ok(Token { header: Zeroizing::new(format!("Bearer {}", *token.0)), until })
}

/// `application/x-www-form-urlencoded`, of the size it will have: a buffer that grows leaves copies behind.
fn form(fields: &[(&str, String)], secret: Option<(&str, &str)>) -> Zeroizing<String> {
    let all = || fields.iter().map(|(name, value)| (*name, value.as_str())).chain(secret);
    let size: usize = all().map(|(name, value)| name.len() + 2 + 3 * value.len()).sum();
    let mut text = Zeroizing::new(String::with_capacity(size));
    for (at, (name, value)) in all().enumerate() {
        if at > 0 {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                text.push('%');
                text.push(char::from(DIGITS[usize::from(byte >> 4)]));
                text.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_escaped() {
        let fields = [("service", "a b&c=d".to_string()), ("scope", "repository:x/y:pull".into())];
        assert_eq!(*form(&fields, Some(("s", "é"))), "service=a%20b%26c%3Dd&scope=repository%3Ax%2Fy%3Apull&s=%C3%A9");
        assert_eq!(*form(&[], None), "");
    }
}
