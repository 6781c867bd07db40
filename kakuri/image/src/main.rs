//! kakuri-image: fetches images from registries, reads archives of them, unpacks their layers, and settles these upon
//! each other. One program, a process for each of the four, and none with the rights of another: see [`kakuri_image`].

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use kakuri_image::{archive, fetch, settle, unpack};
use kakuri_wire::{Stage, byhand, lifeline};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    ExitCode::from(if byhand::by_front(&arguments) { serve(arguments[0].as_bytes()) } else { by_hand(&arguments) })
}

/// For the front, which says by the name it gives this process what it is to be.
fn serve(name: &[u8]) -> u8 {
    let (stage, role): (Stage, fn(&kakuri_wire::Channel) -> kakuri_wire::Result<()>) =
        match name.rsplit(|b| *b == b'[').next() {
            Some(b"unpack]") => (Stage::Unpack, unpack::serve),
            Some(b"settle]") => (Stage::Unpack, settle::serve),
            Some(b"archive]") => (Stage::Unpack, archive::serve),
            _ => (Stage::Fetch, fetch::serve),
        };
    match lifeline::attach(stage).and_then(|link| role(&link)) {
        Ok(()) => 0,
        Err(fail) => byhand::report(stage, &fail),
    }
}

fn by_hand(arguments: &[OsString]) -> u8 {
    match arguments.get(1).map(|word| word.as_bytes()) {
        Some(b"--version" | b"-V") => byhand::print_version(Stage::Fetch),
        _ => {
            let _ = writeln!(
                std::io::stderr(),
                "kakuri-image: kakuri starts this program to fetch and unpack images\n  hint: kakuri pull IMAGE"
            );
            kakuri_wire::fail::CODE_FAILED
        }
    }
}
