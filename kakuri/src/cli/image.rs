//! What is said of an image on the command line.

use kakuri_image::talk::{Login, Secret};
use kakuri_image::{Platform, Source};
use kakuri_wire::{Bytes, Fail};
use zeroize::Zeroizing;

use super::options::Id;
use super::scan::{Met, shown_option};
use super::{misuse, value};
use crate::image::access::{Access, Creds};
use crate::image::pull::Policy;
use crate::spec::{Image, Spec};

/// One of its options. Whichever comes first makes the image, whose name may come last.
pub fn apply(met: &Met, spec: &mut Spec) -> Result<(), Fail> {
    let name = shown_option(met.name);
    let bytes = || Bytes(met.value.to_vec());
    let image = spec.image.get_or_insert_with(|| Image::named(""));
    match met.id {
        Id::Image => {
            Source::parse(met.value)?;
            image.reference = bytes();
        }
        Id::Pull => {
            let words = [("always", Policy::Always), ("missing", Policy::Missing), ("never", Policy::Never)];
            image.policy = value::word(&name, met.value, &words, &[])?;
        }
        Id::Platform => image.platform = Some(platform(&name, met.value)?),
        Id::Entrypoint => image.entrypoint = Some(entrypoint(&name, met.value)?),
        _ => access(met, &mut image.access)?,
    }
    Ok(())
}

/// How it is fetched: the options every verb has that asks a registry.
pub fn access(met: &Met, access: &mut Access) -> Result<(), Fail> {
    let name = shown_option(met.name);
    let path = |what: &str| match met.value {
        b"" => Err(misuse(format!("{name} '' names no {what}")).hint(format!("{name} {}", what.to_uppercase()))),
        path => Ok(Some(Bytes(path.to_vec()))),
    };
    match met.id {
        Id::Creds => access.creds = Some(creds(&name, met.value)?),
        Id::Authfile => access.authfile = path("file")?,
        Id::CertDir => access.cert_dir = path("folder")?,
        Id::TlsVerify => {
            let words = [("true", true), ("false", false)];
            access.tls_verify = Some(value::word(&name, met.value, &words, &[])?);
        }
        _ => {}
    }
    Ok(())
}

/// `linux/arm64`.
pub fn platform(name: &str, typed: &[u8]) -> Result<Platform, Fail> {
    let wrong = |why: String| {
        misuse(format!("bad value '{}' for {name}", Bytes(typed.to_vec())))
            .why(why)
            .hint(format!("{name} linux/amd64, {name} linux/arm64, {name} linux/arm/v7"))
    };
    let text = std::str::from_utf8(typed).map_err(|_| wrong("it is not text".into()))?;
    text.parse().map_err(wrong)
}

/// The value is never shown: it holds a password.
fn creds(name: &str, typed: &[u8]) -> Result<Creds, Fail> {
    let wrong = |why: &str| {
        misuse(format!("bad value for {name}")).why(why).hint(format!(
            "{name} USER, which asks for the password, or {name} USER:PASSWORD; kakuri registry login HOST keeps it"
        ))
    };
    let text = std::str::from_utf8(typed).map_err(|_| wrong("it is not text"))?;
    if text.chars().any(char::is_control) {
        return Err(wrong("it has control characters"));
    }
    match text.split_once(':') {
        None if text.is_empty() => Err(wrong("it names no user")),
        None => Ok(Creds::User(text.into())),
        Some(("", _)) => Err(wrong("it names no user")),
        Some((_, "")) => Err(wrong("its password is empty")),
        Some((user, password)) => {
            Ok(Creds::Login(Login::Basic { user: user.into(), password: Secret(Zeroizing::new(password.into())) }))
        }
    }
}

/// One word, or a JSON list of them, as podman reads it.
fn entrypoint(name: &str, typed: &[u8]) -> Result<Vec<Bytes>, Fail> {
    match typed {
        b"" => Ok(Vec::new()),
        [b'[', ..] => {
            let words: Vec<String> = serde_json::from_slice(typed).map_err(|e| {
                misuse(format!("bad value '{}' for {name}", Bytes(typed.to_vec())))
                    .why(format!("it is no list of words: {e}"))
                    .hint(format!("{name} '[\"/bin/sh\", \"-c\"]'"))
            })?;
            match words.first() {
                Some(first) if first.is_empty() => {
                    Err(misuse(format!("the first word of {name} is empty")).hint("'' for no entrypoint at all"))
                }
                _ => Ok(words.into_iter().map(Bytes::from).collect()),
            }
        }
        word => Ok(vec![Bytes(word.to_vec())]),
    }
}

/// Things said of an image that nobody named.
pub fn check<'a>(spec: &Spec, given: impl IntoIterator<Item = Met<'a>>) -> Result<(), Fail> {
    if spec.image.as_ref().is_none_or(|image| !image.reference.as_bytes().is_empty()) {
        return Ok(());
    }
    let ids = [Id::Pull, Id::Platform, Id::Entrypoint, Id::Creds, Id::Authfile, Id::CertDir, Id::TlsVerify];
    let said =
        given.into_iter().find(|met| ids.contains(&met.id)).map(|met| shown_option(met.name)).unwrap_or_default();
    Err(misuse(format!("{said} says something of an image, and none is named")).hint("name one: --image REF"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entrypoints() {
        let words = |typed: &str| entrypoint("--entrypoint", typed.as_bytes()).map(|w| w.len());
        assert_eq!(
            (words(""), words("/bin/sh -c"), words(r#"["a","b c"]"#), words("[]")),
            (Ok(0), Ok(1), Ok(2), Ok(0))
        );
        assert!(words("[a]").is_err() && words("[1]").is_err() && words(r#"[""]"#).is_err());
    }

    #[test]
    fn a_password_is_not_told() {
        for typed in [":secret", "me:se\ncret", "secret:", "", "\u{1b}secret"] {
            let fail = creds("--creds", typed.as_bytes()).expect_err("no login");
            assert!(!format!("{fail:?}").contains("cret"), "{fail:?}");
        }
        let login = creds("--creds", b"me:a:b").expect("a login");
        assert!(matches!(login, Creds::Login(Login::Basic { user, password }) if user == "me" && *password.0 == "a:b"));
        assert_eq!(creds("--creds", b"me"), Ok(Creds::User("me".into())));
    }
}
