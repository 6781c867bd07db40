//! The body of an answer that is small enough to be held.

use std::io::Read;

use ureq::Body;
use ureq::http::Response;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use super::endpoint::Endpoint;
use super::redirect::Origin;
use super::status;
use super::trouble::{self, Again, Trouble};

/// What is read of an answer nobody wants, in bytes, so that the connection may be used again.
const DRAINED: u64 = 16 << 10;
/// Of an error's words, in bytes.
const WORDS: u64 = 64 << 10;

/// Reads what it has to say, in vain.
pub fn drain(response: Response<Body>) {
    let _ = std::io::copy(&mut response.into_body().into_reader().take(DRAINED), &mut std::io::sink());
}

/// An answer with a wrong status, in words.
pub fn refusal(endpoint: &Endpoint, response: Response<Body>, absent: &str) -> Trouble {
    let (parts, body) = response.into_parts();
    let mut words = Vec::new();
    let _ = body.into_reader().take(WORDS).read_to_end(&mut words);
    let logged_in = endpoint.credentials.has_login();
    status::trouble(parts.status, &parts.headers, &words, &endpoint.name, logged_in, absent)
}

/// Where the registry's own documents do not agree with what else it has.
pub const DAMAGED: &str = "have the image pushed there anew, or tell whoever runs the registry";

/// The same of something its manifest names.
pub fn lost(endpoint: &Endpoint, response: Response<Body>, absent: &str) -> Trouble {
    let trouble = refusal(endpoint, response, absent);
    if trouble.hint.is_some() { trouble } else { trouble.hint(DAMAGED) }
}

/// Its length as the head says.
pub fn length(response: &Response<Body>) -> Option<u64> {
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// That the bytes are what they are, and not packed on their way.
pub fn check_bare(response: &Response<Body>) -> Result<(), Trouble> {
    let packed =
        response.headers().get(CONTENT_ENCODING).filter(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    match packed {
        None => Ok(()),
        Some(how) => {
            let how = trouble::quoted(&String::from_utf8_lossy(how.as_bytes()));
            Err(Trouble::new(format!("it packs its answer ({how}), which it was asked not to")))
        }
    }
}

/// All of it, at most `limit` bytes.
pub fn read(endpoint: &Endpoint, response: Response<Body>, limit: u64, what: &str) -> Result<Vec<u8>, Trouble> {
    check_bare(&response)?;
    let too_large = || Trouble::new(format!("{what} is larger than {} KiB", limit >> 10));
    let said = length(&response);
    if said.is_some_and(|said| said > limit) {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(said.unwrap_or(0) as usize);
    let read = response.into_body().into_reader().take(limit + 1).read_to_end(&mut bytes);
    if let Err(e) = read {
        return Err(broken(endpoint, e));
    }
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(bytes)
}

/// A body that ended too early, or stalled.
pub fn broken(endpoint: &Endpoint, error: std::io::Error) -> Trouble {
    let at = match endpoint.address("") {
        Ok(address) => Origin::of(&address),
        Err(trouble) => return trouble,
    };
    let trouble = trouble::of(ureq::Error::from(error), &at, &endpoint.patience);
    // It has begun to answer, so it is there.
    if trouble.again == Again::Known { trouble.again(Again::Later) } else { trouble }
}
