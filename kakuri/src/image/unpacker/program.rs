//! The program in a root of nothing: itself, and where it is not whole what it is loaded with.

use std::os::unix::fs::FileExt;
use std::path::Path;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};

use crate::base::programs::add_folders;
use crate::helper::Programs;
use crate::layout::{Layout, Origin, Source, What};

const NAME: &str = "kakuri-image";

/// Puts it at `at`, read-only: what runs from it cannot write to it by any name.
pub fn put(layout: &mut Layout, at: &[u8], programs: &Programs) -> Result<()> {
    let what = || format!("cannot show {NAME} to its container");
    // Missing is told as for every helper.
    drop(programs.open(NAME)?);
    let found = programs.find(NAME).ok_or_else(|| Fail::new(Stage::Front, what()))?;
    let path = std::fs::canonicalize(&found).fail(Stage::Front, what)?;
    if is_dynamic(&path).fail(Stage::Front, what)? {
        let mut places = Vec::new();
        add_folders(&mut places, &mut Vec::new());
        layout.put_base(places);
    }
    let source = Source { from: Bytes::from(path).0, read_only: true, ..Source::default() };
    layout.put(at, Origin::Base, What::Bind(source));
    Ok(())
}

/// Whether an ELF file of this machine names an interpreter (elf(5), PT_INTERP).
fn is_dynamic(path: &Path) -> std::io::Result<bool> {
    const INTERPRETER: u32 = 3;
    let file = std::fs::File::open(path)?;
    let mut head = [0; 64];
    file.read_exact_at(&mut head, 0)?;
    // 64 bits, in the order of this machine, which is the only one it runs on; else it cannot be told.
    if !head.starts_with(b"\x7fELF\x02") {
        return Ok(true);
    }
    let half = |at: usize| u16::from_ne_bytes([head[at], head[at + 1]]);
    let mut offset = [0; 8];
    offset.copy_from_slice(&head[32..40]);
    let (offset, size, count) = (u64::from_ne_bytes(offset), half(54), half(56));
    for i in 0..u64::from(count) {
        let mut kind = [0; 4];
        file.read_exact_at(&mut kind, offset + i * u64::from(size))?;
        if u32::from_ne_bytes(kind) == INTERPRETER {
            return Ok(true);
        }
    }
    Ok(false)
}
