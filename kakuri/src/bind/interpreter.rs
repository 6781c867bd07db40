//! What a program file asks to be run by: the `#!` line of a script, the loader an ELF file names.

use std::io::Read;

use crate::host::as_path;

/// The kernel looks no further for `#!`; the headers of an ELF file and its loader's name stand at its front.
const HEAD: u64 = 4096;
const PT_INTERP: u64 = 3;

/// The processors Linux runs on, by their number in an ELF file (elf.h, EM_*).
const MACHINES: [(u16, &str); 12] = [
    (2, "sparc"),
    (3, "x86"),
    (4, "m68k"),
    (8, "mips"),
    (20, "powerpc"),
    (21, "powerpc64"),
    (22, "s390x"),
    (40, "arm"),
    (62, "x86_64"),
    (183, "aarch64"),
    (243, "riscv64"),
    (258, "loongarch64"),
];

/// The processor a program on the host is for, as Rust calls it; None where it is no program of a known one.
pub fn machine(path: &[u8]) -> Option<&'static str> {
    machine_of(&head(path)?)
}

fn machine_of(head: &[u8]) -> Option<&'static str> {
    head.strip_prefix(b"\x7fELF")?;
    let number = [*head.get(18)?, *head.get(19)?];
    // The sixth byte says which end comes first.
    let number = if head.get(5) == Some(&2) { u16::from_be_bytes(number) } else { u16::from_le_bytes(number) };
    MACHINES.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// What the file at `path` on the host asks for; None where it asks for nothing, or cannot be read.
pub fn of(path: &[u8]) -> Option<Vec<u8>> {
    asked_for(&head(path)?)
}

fn head(path: &[u8]) -> Option<Vec<u8>> {
    let path = as_path(path);
    // A pipe would be waited for.
    std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let mut head = Vec::new();
    std::fs::File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    Some(head)
}

fn asked_for(head: &[u8]) -> Option<Vec<u8>> {
    if let Some(rest) = head.strip_prefix(b"#!") {
        let line = rest.split(|&b| b == b'\n').next()?;
        let word = line.split(|&b| b == b' ' || b == b'\t').find(|word| !word.is_empty())?;
        return Some(word.to_vec());
    }
    let class = *head.strip_prefix(b"\x7fELF")?.first()?;
    // Where the table of program headers is, how long each is, how many; in each: where its part is, how long.
    let (table, length, count, part) = match class {
        1 => ((28, 4), 42, 44, [(4, 4), (16, 4)]),
        _ => ((32, 8), 54, 56, [(8, 8), (32, 8)]),
    };
    let number = |at: usize, size: usize| {
        let bytes = head.get(at..at.checked_add(size)?)?;
        let value = bytes.iter().rev().fold(0, |all: u64, &byte| all << 8 | u64::from(byte));
        usize::try_from(value).ok()
    };
    let (start, length) = (number(table.0, table.1)?, number(length, 2)?);
    for header in 0..number(count, 2)? {
        let header = start.checked_add(header.checked_mul(length)?)?;
        if number(header, 4)? as u64 == PT_INTERP {
            let [from, size] = part.map(|(at, size)| number(header.checked_add(at)?, size));
            let name = head.get(from?..from?.checked_add(size?)?)?;
            return Some(name.split(|&b| b == 0).next()?.to_vec()).filter(|name| !name.is_empty());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_script_names_it_in_its_first_line() {
        let ask = |text: &str| asked_for(text.as_bytes()).map(|name| String::from_utf8(name).unwrap());
        assert_eq!(ask("#!/bin/sh\necho").as_deref(), Some("/bin/sh"));
        assert_eq!(ask("#! \t/usr/bin/env -S x y").as_deref(), Some("/usr/bin/env"));
        assert_eq!(ask("#!/bin/sh\r\necho").as_deref(), Some("/bin/sh\r"));
        assert_eq!(ask("#!\n/bin/sh"), None);
        assert_eq!(ask("echo"), None);
    }

    #[test]
    fn a_program_is_for_one_kind_of_processor() {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        assert_eq!(machine_of(&file), None);
        file.resize(64, 0);
        file[18] = 183;
        assert_eq!(machine_of(&file), Some("aarch64"));
        (file[5], file[18], file[19]) = (2, 0, 22);
        assert_eq!(machine_of(&file), Some("s390x"));
        assert_eq!(machine_of(b"#!/bin/sh"), None);
    }

    #[test]
    fn a_program_names_it_in_its_headers() {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(64, 0);
        (file[32], file[54], file[56]) = (64, 56, 2);
        file.resize(64 + 2 * 56, 0);
        let header = 64 + 56;
        (file[header], file[header + 8], file[header + 32]) = (3, 176, 9);
        file.extend_from_slice(b"/lib/ld.1\0");
        assert_eq!(asked_for(&file).unwrap(), b"/lib/ld.1");
        // Cut anywhere, it names nothing, and nothing breaks.
        for length in 0..file.len() - 1 {
            assert_eq!(asked_for(&file[..length]), None, "{length}");
        }
        file[32..40].fill(0xff);
        assert_eq!(asked_for(&file), None);
    }
}
