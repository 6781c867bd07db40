//! `kakuri version`: this program, and whether the helpers it would start are of the same build.

use std::fmt::Write;

use kakuri_wire::handshake::{BUILD, PROTOCOL};

use crate::helper::{NAMES, Programs};

pub fn text(programs: &Programs) -> Vec<u8> {
    let mut text = format!("kakuri {BUILD} (protocol {PROTOCOL})\n");
    for name in NAMES {
        let found = match programs.find(name) {
            Some(path) => kakuri_wire::Bytes::from(&path).to_string(),
            None => "not found".to_string(),
        };
        let _ = writeln!(text, "{name}: {found}");
    }
    text.into_bytes()
}
