//! Names of entries, as an image's layers may have them (OCI image specification, layer.md, "Whiteouts").

/// Longest name of a file (NAME_MAX), and longest path.
const LONGEST: usize = 255;
const LONGEST_PATH: usize = 4095;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
const OTHER: &[u8] = b".wh..wh.";

/// What an entry is, by its name alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The root itself.
    Root,
    /// The folder it lies in, and its name there.
    At(Vec<u8>, Vec<u8>),
    /// Hides this name of the layers below.
    Whiteout(Vec<u8>, Vec<u8>),
    /// Hides all that the layers below have in this folder.
    Opaque(Vec<u8>),
    /// Belongs to a file system of Docker's past.
    Other,
}

/// The path below the root, absolute or not; the reason where there is none.
pub fn path(typed: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut path = Vec::with_capacity(typed.len());
    for name in typed.split(|&b| b == b'/').filter(|name| !matches!(*name, b"" | b".")) {
        if name == b".." {
            return Err("it leads out of the root");
        }
        if name.len() > LONGEST {
            return Err("a name in it is longer than 255 bytes");
        }
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
    }
    if path.len() > LONGEST_PATH { Err("it is longer than 4095 bytes") } else { Ok(path) }
}

/// The folder of a path, and the name in it.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&b| b == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

pub fn read(typed: &[u8]) -> Result<Named, &'static str> {
    let path = path(typed)?;
    if path.is_empty() {
        return Ok(Named::Root);
    }
    let (folder, name) = split(&path);
    for above in folder.split(|&b| b == b'/') {
        if above.starts_with(OTHER) {
            return Ok(Named::Other);
        }
        if above.starts_with(WHITEOUT) {
            return Err("it lies in a whiteout");
        }
    }
    let folder = folder.to_vec();
    if name == OPAQUE {
        return Ok(Named::Opaque(folder));
    }
    match name.strip_prefix(WHITEOUT) {
        None => Ok(Named::At(folder, name.to_vec())),
        Some(b"" | b"." | b"..") => Err("it is a whiteout of nothing that may be hidden"),
        Some(_) if name.starts_with(OTHER) => Ok(Named::Other),
        Some(hidden) => Ok(Named::Whiteout(folder, hidden.to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let at = |folder: &str, name: &str| Ok(Named::At(folder.into(), name.into()));
        for (typed, named) in [
            ("a", at("", "a")),
            ("/a", at("", "a")),
            ("./a/b/", at("a", "b")),
            ("a//./b", at("a", "b")),
            ("", Ok(Named::Root)),
            ("./", Ok(Named::Root)),
            ("/", Ok(Named::Root)),
            ("a/.wh.b", Ok(Named::Whiteout("a".into(), "b".into()))),
            (".wh..hidden", Ok(Named::Whiteout("".into(), ".hidden".into()))),
            ("a/.wh..wh..opq", Ok(Named::Opaque("a".into()))),
            (".wh..wh.plnk", Ok(Named::Other)),
            (".wh..wh.plnk/1.2", Ok(Named::Other)),
            ("a/.whatever", at("a", ".whatever")),
        ] {
            assert_eq!(read(typed.as_bytes()), named, "{typed}");
        }
        for wrong in ["..", "a/../b", "/..", "../../etc", ".wh.", ".wh..", ".wh...", "a/.wh..", ".wh.x/y"] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(read(&[b'x'; 255]).is_ok() && read(&[b'x'; 256]).is_err());
        assert!(read(&b"12/".repeat(1365)).is_ok() && read(&b"1/".repeat(2049)).is_err());
    }
}
