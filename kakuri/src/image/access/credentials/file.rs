//! One file of logins: podman's auth.json, docker's config.json, which has much else in it. What is wrong is named by
//! file and line, and nothing of a secret is shown.

use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use kakuri_image::talk::{Login, Secret};
use kakuri_wire::fail::{Fail, Result, Stage};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::super::helper::Helper;
use super::super::place;
use super::key;

/// Some programs leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub struct AuthFile {
    path: Vec<u8>,
    text: Zeroizing<Vec<u8>>,
    form: Form,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Form {
    #[serde(deserialize_with = "or_null")]
    auths: BTreeMap<String, Entry>,
    #[serde(deserialize_with = "or_null")]
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

/// Empty where a helper holds the secret.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: Option<Secret>,
    identitytoken: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
}

fn or_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> std::result::Result<T, D::Error> {
    Option::deserialize(d).map(Option::unwrap_or_default)
}

/// None: there is no such file.
pub fn read(path: &[u8]) -> Result<Option<AuthFile>> {
    place::read(path)?.map(|text| parse(path, text)).transpose()
}

pub fn parse(path: &[u8], text: Zeroizing<Vec<u8>>) -> Result<AuthFile> {
    if text.iter().all(u8::is_ascii_whitespace) {
        // Some programs make it before they have anything to write.
        return Ok(AuthFile { path: path.to_vec(), text, form: Form::default() });
    }
    let form = serde_json::from_slice(&text).map_err(|e| wrong(path, e.line(), described(&e)))?;
    Ok(AuthFile { path: path.to_vec(), text, form })
}

fn wrong(path: &[u8], line: usize, why: impl Into<String>) -> Fail {
    Fail::new(Stage::Front, format!("{}:{line}", place::shown(path)))
        .why(why)
        .hint("correct it there, or log in anew; containers-auth.json(5) is its manual page")
}

/// Of a value of a wrong type the parser shows the value, which may be a secret.
fn described(e: &serde_json::Error) -> String {
    let words = place::without_position(e);
    match words.split_once("invalid type: ") {
        Some((_, rest)) => match rest.rsplit_once(", expected ") {
            Some((_, wanted)) => format!("the type is wrong here: {wanted} is expected"),
            None => "the type is wrong here".into(),
        },
        None => words,
    }
}

impl AuthFile {
    /// What is kept for the repository, under the narrowest name there is.
    pub fn login(&self, registry: &str, repository: &str) -> Result<Option<Login>> {
        for candidate in key::candidates(registry, repository) {
            let exact = self.form.auths.get_key_value(&candidate);
            let meant = self.form.auths.iter().filter(|(key, _)| key::plain(key) == candidate);
            for (key, entry) in exact.into_iter().chain(meant) {
                if let Some(login) = self.read_entry(key, entry)? {
                    return Ok(Some(login));
                }
            }
        }
        Ok(None)
    }

    fn read_entry(&self, key: &str, entry: &Entry) -> Result<Option<Login>> {
        let given = |secret: &Option<Secret>| secret.clone().filter(|secret| !secret.0.is_empty());
        if let Some(token) = given(&entry.identitytoken) {
            return Ok(Some(Login::Identity(token)));
        }
        if let Some(auth) = given(&entry.auth) {
            return decode(&auth).map(Some).map_err(|why| wrong(&self.path, self.line_of(key), why));
        }
        match (&entry.username, given(&entry.password)) {
            (Some(user), Some(password)) => Ok(Some(Login::Basic { user: user.clone(), password })),
            _ => Ok(None),
        }
    }

    /// Where a name stands first, from 1.
    fn line_of(&self, key: &str) -> usize {
        let quoted = serde_json::to_vec(key).unwrap_or_default();
        let at = self.text.windows(quoted.len().max(1)).position(|w| w == quoted).unwrap_or(0);
        self.text[..at].iter().filter(|b| **b == b'\n').count() + 1
    }

    /// The helper for this registry alone.
    pub fn helper_of(&self, registry: &str) -> Result<Option<Helper>> {
        let named = self.form.cred_helpers.iter().find(|(key, _)| key::plain(key) == registry);
        named.map(|(key, name)| self.helper(name, self.line_of(key))).transpose()
    }

    pub fn helper_of_all(&self) -> Result<Option<Helper>> {
        let named = self.form.creds_store.as_ref().filter(|name| !name.is_empty());
        named.map(|name| self.helper(name, self.line_of("credsStore"))).transpose()
    }

    /// Every registry it has a login or a helper for, as podman names it.
    pub fn registries(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.form.auths.keys().chain(self.form.cred_helpers.keys()).map(|key| key::plain(key)).collect();
        all.sort();
        all.dedup();
        all
    }

    fn helper(&self, name: &str, line: usize) -> Result<Helper> {
        Helper::new(name, format!("{}:{line}", place::shown(&self.path))).map_err(|why| wrong(&self.path, line, why))
    }
}

/// `base64(user:password)`; docker once filled it up with NULs.
fn decode(auth: &Secret) -> std::result::Result<Login, &'static str> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(auth.0.len()));
    BASE64.decode_vec(auth.0.trim_end().as_bytes(), &mut bytes).map_err(|_| "its `auth` is no base64")?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "its `auth` is no text")?.trim_end_matches('\0');
    match text.split_once(':') {
        Some((user, password)) if !user.is_empty() && !password.is_empty() => {
            Ok(Login::Basic { user: user.into(), password: Secret(Zeroizing::new(password.into())) })
        }
        _ => Err("its `auth` is not user:password"),
    }
}

/// The same the other way.
pub fn encode(user: &str, password: &Secret) -> Zeroizing<String> {
    let whole = Zeroizing::new(format!("{user}:{}", *password.0));
    Zeroizing::new(BASE64.encode(whole.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<AuthFile> {
        parse(b"/a.json", Zeroizing::new(text.as_bytes().to_vec()))
    }

    fn who(file: &AuthFile, registry: &str, repository: &str) -> String {
        match file.login(registry, repository) {
            Ok(None) => "nobody".into(),
            Ok(Some(Login::Basic { user, password })) => format!("{user}:{}", *password.0),
            Ok(Some(Login::Identity(token))) => format!("token {}", *token.0),
            Err(fail) => fail.to_string(),
        }
    }

    // YTpi is a:b, Yzpk is c:d, ZTpm is e:f, AAAA is three NULs.
    const AUTHS: &str = r#"{
        "auths": {
            "quay.io": {"auth": "YTpi"},
            "quay.io/team": {"auth": "Yzpk"},
            "quay.io/team/app": {"auth": "ZTpm"},
            "https://index.docker.io/v1/": {"auth": "YTpi"},
            "http://localhost:5000": {"username": "u", "password": "p:q"},
            "tok.org": {"auth": "YTpi", "identitytoken": "t0k"},
            "empty.org": {},
            "nul.org": {"auth": "YTpiAAAA"},
            "bare.org": {"auth": "YTpiYg"},
            "bad.org": {"auth": "!!!"},
            "none.org": {"auth": "YWI="}
        },
        "credHelpers": {"ecr.org": "ecr-login", "evil.org": "../x"},
        "psFormat": "table", "HttpHeaders": {"a": ["b"]}
    }"#;

    #[test]
    fn the_narrowest_name_counts() {
        let file = file(AUTHS).expect("parses");
        for (registry, repository, want) in [
            ("quay.io", "x", "a:b"),
            ("quay.io", "team/x", "c:d"),
            ("quay.io", "team/app", "e:f"),
            ("quay.io", "team/app/sub", "e:f"),
            ("quay.io", "teams", "a:b"),
            ("quay.io", "", "a:b"),
            ("quay.io:443", "x", "nobody"),
            ("docker.io", "library/alpine", "a:b"),
            ("localhost:5000", "x", "u:p:q"),
            ("tok.org", "x", "token t0k"),
            ("empty.org", "x", "nobody"),
            ("nul.org", "x", "a:b"),
            ("bare.org", "x", "a:bb"),
        ] {
            assert_eq!(who(&file, registry, repository), want, "{registry}/{repository}");
        }
        for (registry, want) in [("bad.org", "/a.json:12: its `auth` is no base64"), ("none.org", "/a.json:13: ")] {
            let fail = who(&file, registry, "x");
            assert!(fail.starts_with(want) && !fail.contains("!!!"), "{fail}");
        }
        assert!(file.helper_of("ecr.org").expect("a name").is_some());
        let fail = file.helper_of("evil.org").map(|_| ()).expect_err("a path").to_string();
        assert!(fail.starts_with("/a.json:15: "), "{fail}");
    }

    #[test]
    fn what_is_wrong_has_its_line_and_no_secret() {
        for (text, want) in [
            ("{\n\"auths\": {\n", "/a.json:"),
            ("{\"auths\": [\"geheim\"]}", "/a.json:1: "),
            ("{\"auths\": {\"a\":\n{\"auth\": 5555}}}", "/a.json:2: the type is wrong here: a string is expected"),
            ("{\"auths\": {\"a\": \"geheim\"}}", "/a.json:1: the type is wrong here"),
            ("\n\n]", "/a.json:3: "),
        ] {
            let fail = file(text).map(|_| ()).expect_err(text).to_string();
            assert!(fail.starts_with(want) && !fail.contains("geheim") && !fail.contains("5555"), "{fail}");
        }
        assert_eq!(who(&file("{\"auths\": null}").expect("nothing"), "quay.io", ""), "nobody");
        assert_eq!(who(&file("  \n").expect("empty"), "quay.io", ""), "nobody");
        assert_eq!(*encode("a", &Secret(Zeroizing::new("b".into()))), "YTpi");
    }
}
