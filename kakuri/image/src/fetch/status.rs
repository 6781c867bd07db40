//! An answer that is not what was asked for, in words. Pure.

use std::time::Duration;

use serde::Deserialize;
use ureq::http::StatusCode;
use ureq::http::header::{HeaderMap, RETRY_AFTER};

use super::trouble::{Again, Trouble, quoted};

/// Who asks for more time than this is not waited for.
const LONGEST_WAIT: u64 = 60;

/// `{"errors":[{"code":..,"message":..}]}` of the distribution specification ("Error Codes").
#[derive(Deserialize)]
struct Errors {
    errors: Vec<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// `host`: as people name it. `logged_in`: a login was shown. `absent`: what it is when there is none.
pub fn trouble(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    host: &str,
    logged_in: bool,
    absent: &str,
) -> Trouble {
    let words = said(body);
    let with_words = |why: &str| match &words {
        Some(words) => format!("{why} ({words})"),
        None => why.to_string(),
    };
    let login = format!("kakuri registry login {host}");
    match status.as_u16() {
        401 if logged_in => Trouble::new(with_words("it does not take this login"))
            .hint(format!("{login}, with the right user and password")),
        401 => Trouble::new(with_words("it wants a login, or there is no such repository")).hint(login),
        403 => Trouble::new(with_words("access is denied"))
            .hint(format!("{login}, as a user who may read this repository")),
        404 => Trouble::new(with_words(absent)),
        408 => Trouble::new(with_words("it has waited too long for us")).again(Again::Later),
        429 => after(headers, Trouble::new(with_words("it asks for fewer requests")), &login),
        code @ 500..=599 => {
            let trouble = Trouble::new(with_words(&format!("it is in trouble itself (status {code})")))
                .hint("try again later, or tell whoever runs the registry");
            match wait(headers) {
                Some(seconds) if seconds <= LONGEST_WAIT => trouble.again(Again::After(Duration::from_secs(seconds))),
                _ => trouble.again(Again::Later),
            }
        }
        code @ 300..=399 => Trouble::new(with_words(&format!("it sends us elsewhere and not where (status {code})"))),
        code => Trouble::new(with_words(&format!("it answers with status {code}"))),
    }
}

fn wait(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

fn after(headers: &HeaderMap, trouble: Trouble, login: &str) -> Trouble {
    match wait(headers) {
        Some(seconds) if seconds > LONGEST_WAIT => {
            trouble.hint(format!("try again in {seconds} s; with a login there may be more: {login}"))
        }
        wait => trouble
            .hint(format!("try again later; with a login there may be more: {login}"))
            .again(wait.map_or(Again::Later, |seconds| Again::After(Duration::from_secs(seconds)))),
    }
}

fn said(body: &[u8]) -> Option<String> {
    let errors: Errors = serde_json::from_slice(body).ok()?;
    let first = errors.errors.first()?;
    let words = if first.message.is_empty() { &first.code } else { &first.message };
    (!words.is_empty()).then(|| quoted(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_words_and_a_way_on() {
        let none = HeaderMap::new();
        let tell = |code: u16, headers: &HeaderMap, logged_in| {
            let status = StatusCode::from_u16(code).expect("a status");
            let body = br#"{"errors":[{"code":"DENIED","message":"no\u001b[2J\nway"}]}"#;
            trouble(status, headers, body, "r.example", logged_in, "there is no tag '1'")
        };
        for (code, again) in
            [(401, Again::Never), (403, Again::Never), (404, Again::Never), (429, Again::Later), (503, Again::Later)]
        {
            let told = tell(code, &none, false);
            assert_eq!(told.again, again, "{told:?}");
            assert!(told.why.contains("(no\\u{1b}[2J way)"), "{told:?}");
            assert!(told.hint.is_some() || code == 404, "{told:?}");
        }
        assert_ne!(tell(401, &none, true).why, tell(401, &none, false).why);
        let header = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().expect("a value"));
            headers
        };
        assert_eq!(tell(429, &header("7"), false).again, Again::After(Duration::from_secs(7)));
        let long = tell(429, &header("3600"), false);
        assert!(long.again == Again::Never && long.hint.expect("a hint").contains("3600 s"));
        assert_eq!(tell(429, &header("Wed, 21 Oct 2015 07:28:00 GMT"), false).again, Again::Later);
        assert_eq!(tell(503, &header("99999"), false).again, Again::Later);
    }
}
