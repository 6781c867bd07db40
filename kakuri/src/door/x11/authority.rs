//! The Xauthority file (Xau's Xauth.h, XauReadAuth(3)): entries of a family and four counted strings, numbers of two bytes,
//! the higher first. Of all the cookies in it, which may open other displays and other machines, one is taken.

use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;

use kakuri_wire::{Bytes, Result};

use super::super::socket::cannot;
use crate::host::as_path;

/// Larger is no such file.
const LARGEST: u64 = 1 << 20;
const LOCAL: u16 = 256;
/// Fits every address.
const WILD: u16 = 65535;
const COOKIE: &[u8] = b"MIT-MAGIC-COOKIE-1";

struct Entry<'a> {
    family: u16,
    /// Address, number, name, data.
    strings: [&'a [u8]; 4],
}

/// The entry for a display of this machine as it is to stand in the container's file: for whatever the container's own
/// host name is. None: there is no file, or none in it.
pub fn cookie(path: &[u8], display: u32) -> Result<Option<Vec<u8>>> {
    let fail = |why: String| {
        let shown = Bytes(path.to_vec());
        cannot("x11").why(format!("cannot read '{shown}': {why}")).hint("xauth list shows what is in it")
    };
    // A pipe in its place must not keep us waiting.
    let open = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(as_path(path));
    let file = match open {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(fail(e.kind().to_string())),
    };
    if !file.metadata().is_ok_and(|meta| meta.is_file()) {
        return Err(fail("it is no file".into()));
    }
    let mut text = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut text).map_err(|e| fail(e.kind().to_string()))?;
    if text.len() as u64 > LARGEST {
        return Err(fail("it is larger than such a file is".into()));
    }
    find(&text, display.to_string().as_bytes()).map_err(|why| fail(why.into()))
}

/// The first that fits, as the library chooses.
fn find(mut text: &[u8], display: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
    while !text.is_empty() {
        let Entry { family, strings: [_, number, name, data] } = next(&mut text).ok_or("it ends within an entry")?;
        let fits = matches!(family, LOCAL | WILD) && (number.is_empty() || number == display);
        if fits && name == COOKIE && !data.is_empty() {
            let mut entry = WILD.to_be_bytes().to_vec();
            for string in [b"", display, name, data] {
                // Each was counted by two bytes before.
                entry.extend((string.len() as u16).to_be_bytes());
                entry.extend(string);
            }
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

fn next<'a>(text: &mut &'a [u8]) -> Option<Entry<'a>> {
    let (two, rest) = text.split_first_chunk::<2>()?;
    let family = u16::from_be_bytes(*two);
    *text = rest;
    let mut strings = [&b""[..]; 4];
    for string in &mut strings {
        let (two, rest) = text.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*two));
        *string = rest.get(..length)?;
        *text = &rest[length..];
    }
    Some(Entry { family, strings })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(family: u16, address: &[u8], number: &[u8], name: &[u8], data: &[u8]) -> Vec<u8> {
        let mut all = family.to_be_bytes().to_vec();
        for string in [address, number, name, data] {
            all.extend((string.len() as u16).to_be_bytes());
            all.extend(string);
        }
        all
    }

    #[test]
    fn the_one_cookie_for_the_display() {
        let file = [
            entry(0, b"\x7f\0\0\x01", b"1", COOKIE, b"of the network"),
            entry(LOCAL, b"host", b"0", COOKIE, b"another display's"),
            entry(LOCAL, b"host", b"1", b"XDM-AUTHORIZATION-1", b"of another kind"),
            entry(LOCAL, b"host", b"1", COOKIE, b"0123456789abcdef"),
            entry(LOCAL, b"other", b"1", COOKIE, b"later"),
        ]
        .concat();
        let found = find(&file, b"1").expect("well-formed").expect("one");
        assert_eq!(found, entry(WILD, b"", b"1", COOKIE, b"0123456789abcdef"));
        assert_eq!(find(&file, b"2"), Ok(None));
        let any = entry(WILD, b"", b"", COOKIE, b"for all");
        assert_eq!(find(&any, b"7"), Ok(Some(entry(WILD, b"", b"7", COOKIE, b"for all"))));
    }

    #[test]
    fn cut_off_anywhere_is_an_error_and_no_more() {
        let file = entry(LOCAL, b"host", b"1", b"X", b"data");
        assert_eq!(find(&file, b"1"), Ok(None));
        for length in 1..file.len() {
            assert!(find(&file[..length], b"1").is_err(), "{length}");
        }
        assert!(find(b"\x01\x00\xff\xff", b"1").is_err());
    }
}
