//! JSON for scripts: an array, or a line each.

use serde_json::Value;

use kakuri_wire::bytes::is_hidden;

/// Indented, with a newline at its end.
pub fn pretty(value: &Value) -> String {
    // Plain data of strings and numbers: writing it to memory does not fail.
    harmless(&serde_json::to_string_pretty(value).unwrap_or_default()) + "\n"
}

/// On one line, without a newline.
pub fn compact(value: &Value) -> String {
    harmless(&value.to_string())
}

/// One value a line.
pub fn lines(values: &[Value]) -> String {
    values.iter().map(|value| compact(value) + "\n").collect()
}

/// JSON escapes the first 32 characters; the other ones that drive a terminal only stand in strings, where an escape
/// means the same.
fn harmless(text: &str) -> String {
    let one = |c: char| -> String {
        if !is_hidden(c) || c == '\n' {
            return c.into();
        }
        c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
    };
    if text.contains(|c| c != '\n' && is_hidden(c)) { text.chars().map(one).collect() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_the_same() {
        let value = serde_json::json!([{"a": "\u{1b}\u{9b}\u{7f}\u{202e}\u{e0041}\n"}]);
        for text in [pretty(&value), compact(&value)] {
            assert_eq!(serde_json::from_str::<Value>(&text).expect("parses"), value);
            assert!(text.chars().all(|c| c == '\n' || !is_hidden(c)), "{text:?}");
        }
        assert_eq!(lines(&[1.into(), "x".into()]), "1\n\"x\"\n");
    }
}
