//! policy.json (containers-policy.json(5)): what is to be rejected is. Signatures are not checked, which is said where
//! one is asked for.

use std::collections::BTreeMap;

use kakuri_image::Reference;
use kakuri_wire::fail::{Fail, Result, Stage};
use serde::Deserialize;

use super::place;
use super::registries::matching;
use crate::host::Host;

#[derive(Deserialize)]
struct Policy {
    default: Vec<Requirement>,
    #[serde(default)]
    transports: BTreeMap<String, BTreeMap<String, Vec<Requirement>>>,
}

#[derive(Deserialize)]
struct Requirement {
    #[serde(rename = "type")]
    kind: String,
}

/// Refuses what the caller's policy rejects, or, where he has none, the system's.
pub fn check(reference: &Reference, host: &Host) -> Result<()> {
    let own = place::config(host, b"containers/policy.json");
    for path in [own, b"/etc/containers/policy.json".to_vec()] {
        if let Some(text) = place::read(&path)? {
            return judge(&path, &text, reference);
        }
    }
    Ok(())
}

fn judge(path: &[u8], text: &[u8], reference: &Reference) -> Result<()> {
    let policy: Policy = serde_json::from_slice(text).map_err(|e| {
        Fail::new(Stage::Front, format!("{}:{}", place::shown(path), e.line()))
            .why(place::without_position(&e))
            .hint("correct it there; containers-policy.json(5) is its manual page")
    })?;
    let (scope, requirements) = policy.of(reference);
    if requirements.iter().any(|r| r.kind == "reject") {
        return Err(Fail::new(Stage::Front, format!("'{reference}' may not be fetched"))
            .why(format!("{} rejects {scope}", place::shown(path)))
            .hint("a policy of your own is ~/.config/containers/policy.json"));
    }
    if let Some(signed) = requirements.iter().find(|r| r.kind != "insecureAcceptAnything") {
        log::info!("{} asks for '{}' of {scope}; kakuri checks no signature", place::shown(path), signed.kind);
    }
    Ok(())
}

impl Policy {
    /// The requirements of the narrowest scope the image is in, and how that is called.
    fn of(&self, reference: &Reference) -> (String, &[Requirement]) {
        let registries = self.transports.get("docker");
        let full = reference.to_string();
        let scopes = registries.iter().flat_map(|scopes| scopes.iter());
        let meant = scopes.filter_map(|(scope, list)| {
            let length = if scope.is_empty() { Some(0) } else { matching::length(&full, scope) };
            length.map(|length| ((length, !scope.starts_with('*'), scope.len()), scope, list))
        });
        match meant.max_by_key(|(key, ..)| *key) {
            Some((_, scope, list)) if scope.is_empty() => ("every registry".into(), list),
            Some((_, scope, list)) => (format!("'{scope}'"), list),
            None => ("whatever it does not name".into(), &self.default),
        }
    }
}

#[cfg(test)]
mod tests {
    use kakuri_image::Source;

    use super::*;

    const POLICY: &str = r#"{"default": [{"type": "reject"}], "transports": {"docker": {
        "docker.io": [{"type": "insecureAcceptAnything"}],
        "docker.io/evil": [{"type": "insecureAcceptAnything"}, {"type": "reject"}],
        "quay.io/a/b:1": [{"type": "insecureAcceptAnything"}],
        "*.example.org": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}]
    }}}"#;

    #[test]
    fn what_is_rejected() {
        for (typed, accepted) in [
            ("alpine", true),
            ("evil/x", false),
            ("evil2/x", true),
            ("quay.io/a/b:1", true),
            ("quay.io/a/b:2", false),
            ("r.example.org/x", true),
            ("example.org/x", false),
        ] {
            let Ok(Source::Registry(reference)) = Source::parse(typed.as_bytes()) else { panic!("{typed}") };
            assert_eq!(judge(b"/p.json", POLICY.as_bytes(), &reference).is_ok(), accepted, "{typed}");
        }
        let Ok(Source::Registry(reference)) = Source::parse(b"quay.io/x") else { panic!() };
        for (text, want) in [
            (POLICY, "/p.json rejects whatever it does not name"),
            ("{\"default\": []\n,\n3}", "/p.json:3: "),
            ("{}", "/p.json:1: missing field `default`"),
            (r#"{"default": [], "transports": {"docker": {"": [{"type": "reject"}]}}}"#, "rejects every registry"),
        ] {
            let fail = judge(b"/p.json", text.as_bytes(), &reference).expect_err(text).to_string();
            assert!(fail.contains(want), "{fail}");
        }
    }
}
