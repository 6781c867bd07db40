//! What crosses a link as plain words: versions, error records, byte strings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use kakuri_wire::handshake::{BUILD, PROTOCOL, Version};
use kakuri_wire::{Bytes, Fail, Stage};

#[test]
fn the_same_build_is_accepted() {
    assert!(Version::ours().check(Stage::Init).is_ok());
}

#[test]
fn another_protocol_or_build_is_refused_and_both_are_named() {
    let older = Version { protocol: PROTOCOL + 1, build: BUILD.into() };
    let other = Version { protocol: PROTOCOL, build: "9.9.9-other".into() };
    for theirs in [older, other] {
        let fail = theirs.check(Stage::Mount).unwrap_err();
        let said = fail.to_string();
        assert!(said.contains("kakuri-mount") && said.contains(&theirs.build) && said.contains(BUILD), "{said}");
        assert!(said.contains(&theirs.protocol.to_string()), "{said}");
        assert!(fail.hint.as_deref().is_some_and(|h| h.contains("cargo install")), "{said}");
    }
}

#[test]
fn a_version_of_another_form_is_no_version() {
    for text in ["{}", "1", "\"0.1.0\"", "{\"protocol\":-1,\"build\":\"x\"}", "{\"protocol\":1}"] {
        assert!(serde_json::from_str::<Version>(text).is_err(), "{text}");
    }
}

#[test]
fn an_error_record_of_another_form_is_refused() {
    let good = serde_json::to_value(Fail::new(Stage::Init, "cannot")).unwrap();
    assert!(serde_json::from_value::<Fail>(good.clone()).is_ok());
    for (key, value) in [("stage", "shell".into()), ("code", 300.into()), ("extra", true.into())] {
        let mut bad = good.clone();
        bad[key] = value;
        assert!(serde_json::from_value::<Fail>(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn an_error_is_always_one_line_and_one_hint_line() {
    let fail = Fail::new(Stage::Mount, "cannot bind 'a\nb'").why("it\nis\nodd").hint("type\nthis");
    assert_eq!(fail.to_string().lines().count(), 2);
}

#[test]
fn hexadecimal_bytes_are_two_digits_each_and_nothing_else() {
    assert_eq!(serde_json::from_str::<Bytes>(r#"{"hex":"ff0A"}"#).unwrap(), Bytes(vec![255, 10]));
    for text in [r#"{"hex":"+f"}"#, r#"{"hex":"-1"}"#, r#"{"hex":" f"}"#, r#"{"hex":"0x"}"#, r#"{"hex":"é"}"#] {
        assert!(serde_json::from_str::<Bytes>(text).is_err(), "{text}");
    }
}
