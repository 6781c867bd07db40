//! A question to an endpoint: redirects followed, and a challenge answered once.

use ureq::Body;
use ureq::http::header::{AUTHORIZATION, HeaderName, LOCATION, WWW_AUTHENTICATE};
use ureq::http::{Response, StatusCode, Uri};

use super::body;
use super::challenge::{self, Challenge};
use super::credentials::Header;
use super::endpoint::Endpoint;
use super::redirect::{self, Origin};
use super::trouble::{self, Trouble};

const REDIRECTS: usize = 5;

pub type Headers<'a> = &'a [(HeaderName, &'a str)];

/// Asks for `/v2/PATH`. The answer may have any status but one that a login would have changed.
pub fn get(endpoint: &Endpoint, path: &str, headers: Headers) -> Result<Response<Body>, Trouble> {
    let mut shown = endpoint.credentials.header();
    let mut answered = false;
    loop {
        let address = endpoint.address(path)?;
        let (response, from) = match follow(endpoint, address.clone(), headers, shown.as_ref()) {
            Err(trouble) if trouble.plain && endpoint.fall_back() => continue,
            other => other?,
        };
        let own = Origin::of(&from) == Origin::of(&address);
        if response.status() != StatusCode::UNAUTHORIZED || answered || !own {
            return Ok(response);
        }
        answered = true;
        let challenges = challenges(&response);
        body::drain(response);
        match endpoint.credentials.answer(endpoint, &challenges, shown.as_ref())? {
            Some(header) => shown = Some(header),
            None => return Err(endpoint.credentials.refused(endpoint)),
        }
    }
}

fn challenges(response: &Response<Body>) -> Vec<Challenge> {
    let headers = response.headers().get_all(WWW_AUTHENTICATE).iter();
    headers.filter_map(|value| value.to_str().ok()).flat_map(challenge::parse).collect()
}

/// A GET, and where its answer came from. `authorization` is meant for whom is asked first: once we are sent to another
/// it is left behind for good, for who sends us back chooses what is asked for with it.
pub fn follow(
    endpoint: &Endpoint,
    start: Uri,
    headers: Headers,
    authorization: Option<&Header>,
) -> Result<(Response<Body>, Uri), Trouble> {
    let origin = Origin::of(&start);
    let (mut uri, mut home) = (start, true);
    for _ in 0..=REDIRECTS {
        let at = Origin::of(&uri);
        home = home && at == origin;
        let mut request = endpoint.agent(&at).get(&uri);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        if let Some(authorization) = authorization.filter(|_| home) {
            request = request.header(AUTHORIZATION, authorization.as_str());
        }
        let response = request.call().map_err(|e| located(endpoint, &at, trouble::of(e, &at, &endpoint.patience)))?;
        endpoint.hear();
        let sends_on = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
        let location = response.headers().get(LOCATION).filter(|_| sends_on);
        let Some(location) = location else { return Ok((response, uri)) };
        let location = location.to_str().map_err(|_| Trouble::new("it redirects to an address that is none"))?;
        uri = redirect::target(&uri, location)
            .map_err(|why| Trouble::new(why).hint("tell whoever runs the registry, or try another"))?;
        body::drain(response);
    }
    Err(Trouble::new(format!("it redirects more than {REDIRECTS} times")))
}

/// Names who is in trouble where it is not the endpoint itself.
fn located(endpoint: &Endpoint, at: &Origin, trouble: Trouble) -> Trouble {
    let own = endpoint.address("").is_ok_and(|address| Origin::of(&address) == *at);
    if own { trouble } else { Trouble { why: format!("{}: {}", trouble::quoted(&at.shown()), trouble.why), ..trouble } }
}
