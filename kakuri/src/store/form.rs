//! config.json read back: its version first, then what an older form lacks, then every field.

use std::os::fd::OwnedFd;
use std::path::Path;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use serde::Deserialize;
use serde_json::Value;

use super::folder::{self, Unfit};
use super::record::{Record, VERSION};

pub const FILE: &str = "config.json";

/// Makes of one form the next one. What it cannot make sense of it leaves, for the last form's reader to name.
type Step = fn(&mut Value);

/// The first makes form 2 of form 1, and so on.
const STEPS: [Step; VERSION as usize - 1] = [];

/// All that is the same in every form there will be.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

pub fn read(folder: &OwnedFd, name: &str, path: &Path) -> Result<Record> {
    let what = || format!("cannot read the container '{name}'");
    let shown = Bytes::from(&path.join(FILE));
    let mend = || format!("put it right, or let it go: kakuri remove {name}");
    let bytes = match folder::read(folder, FILE) {
        Ok(bytes) => bytes,
        Err(Unfit::Errno(rustix::io::Errno::NOENT)) => {
            return Err(Fail::new(Stage::Front, what()).why(format!("{shown} is missing")).hint(mend()));
        }
        Err(unfit) => {
            let fail = unfit.fail(what(), mend());
            let reason = fail.reason().unwrap_or_default();
            return Err(fail.why(format!("{shown}: {reason}")));
        }
    };
    parse(&bytes).map_err(|why| Fail::new(Stage::Front, what()).why(format!("{shown}: {why}")).hint(mend()))
}

pub fn write(record: &Record) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(record)
        .map_err(|e| Fail::new(Stage::Front, "cannot write the container's record").why(e.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Record, String> {
    if bytes.is_empty() {
        return Err("it is empty".into());
    }
    let wrong = |e: serde_json::Error| match e.classify() {
        serde_json::error::Category::Eof => "it ends in the middle".to_string(),
        serde_json::error::Category::Syntax => format!("it is not JSON: {e}"),
        _ => format!("it is not a record of kakuri's: {e}"),
    };
    let Head { version } = serde_json::from_slice(bytes).map_err(wrong)?;
    if version > VERSION {
        return Err(format!("it was made by a newer kakuri (form {version}), and this one reads form {VERSION}"));
    }
    if version == VERSION {
        // From the text, so that an error has a line and a column.
        return serde_json::from_slice(bytes).map_err(wrong);
    }
    let value = migrate(serde_json::from_slice(bytes).map_err(wrong)?, version, &STEPS)?;
    serde_json::from_value(value).map_err(wrong)
}

/// Takes a record of form `from` through all later ones.
fn migrate(mut value: Value, from: u32, steps: &[Step]) -> Result<Value, String> {
    let Some(first) = from.checked_sub(1) else { return Err(format!("there is no form {from}")) };
    for (step, form) in steps.iter().zip(2_u32..).skip(first as usize) {
        step(&mut value);
        value["version"] = form.into();
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::{Base, Spec};
    use crate::store::Kind;

    fn record() -> Record {
        let spec = Spec { nest: true, command: vec!["sh".into(), Bytes(b"\xff".to_vec())], ..Spec::default() };
        Record { version: VERSION, created: 7, kind: Kind::Persistent, remove: false, spec }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = write(&record()).expect("writes");
        assert_eq!(parse(&bytes), Ok(record()));
    }

    #[test]
    fn cut_anywhere_it_is_never_believed() {
        let bytes = write(&record()).expect("writes");
        for cut in 0..bytes.len() - 1 {
            let why = parse(&bytes[..cut]).expect_err("it is not whole");
            assert!(why == "it is empty" || why == "it ends in the middle", "{cut}: {why}");
        }
    }

    #[test]
    fn a_newer_form_and_an_unknown_field_are_named() {
        let why = parse(br#"{"version": 2, "of": "later"}"#).expect_err("newer");
        assert_eq!(why, "it was made by a newer kakuri (form 2), and this one reads form 1");
        let text = String::from_utf8(write(&record()).expect("writes")).expect("text");
        let why = parse(text.replacen("\"created\"", "\"colour\": 1, \"created\"", 1).as_bytes()).expect_err("unknown");
        assert!(why.contains("unknown field `colour`") && why.contains("line 3"), "{why}");
        for nonsense in ["[]", "{}", "null", "version", r#"{"version": -1}"#, r#"{"version": 0}"#] {
            assert!(parse(nonsense.as_bytes()).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn what_a_record_does_not_say_is_the_default() {
        let text = br#"{"version": 1, "created": 5, "kind": "persistent", "spec": {"base": "none"}}"#;
        let record = parse(text).expect("reads");
        assert_eq!(record.spec, Spec { base: Base::None, ..Spec::default() });
        assert!(!record.remove);
    }

    #[test]
    fn older_forms_go_through_every_later_one() {
        let steps: [Step; 2] =
            [|v| v["kind"] = v["sort"].take(), |v| v["created"] = (v["created"].as_u64().unwrap_or(0) * 1000).into()];
        let from = |form: u32, value| migrate(value, form, &steps);
        let third = json!({"version": 3, "kind": "a", "created": 5000, "sort": null});
        assert_eq!(from(1, json!({"version": 1, "sort": "a", "created": 5})), Ok(third));
        assert_eq!(from(2, json!({"version": 2, "created": 5})), Ok(json!({"version": 3, "created": 5000})));
        assert_eq!(from(3, json!({"version": 3, "x": 1})), Ok(json!({"version": 3, "x": 1})));
        assert!(from(0, json!({})).is_err());
        assert_eq!(STEPS.len() as u32, VERSION - 1);
    }
}
