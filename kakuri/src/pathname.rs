//! Path names as bytes: absolute, without `.`, `..`, repeated or trailing slashes. Nothing here looks at a disk.

/// The components of a path, in order.
pub fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|c| !c.is_empty() && *c != b".")
}

/// `path` below `base` unless it is absolute, with `.` and `..` taken by name. The root is `/`.
pub fn absolute(base: &[u8], path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(base.len() + path.len() + 1);
    let start = if path.first() == Some(&b'/') { &b""[..] } else { base };
    for part in components(start).chain(components(path)) {
        if part == b".." {
            out.truncate(out.iter().rposition(|&b| b == b'/').unwrap_or(0));
        } else {
            out.push(b'/');
            out.extend_from_slice(part);
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

/// What is left of `path` below `ancestor`, without a leading slash: empty when they are the same.
pub fn below<'a>(path: &'a [u8], ancestor: &[u8]) -> Option<&'a [u8]> {
    if ancestor == b"/" {
        return path.strip_prefix(b"/");
    }
    match path.strip_prefix(ancestor)? {
        b"" => Some(b""),
        rest => rest.strip_prefix(b"/"),
    }
}

/// The same, and not the ancestor itself.
pub fn strictly_below<'a>(path: &'a [u8], ancestor: &[u8]) -> Option<&'a [u8]> {
    below(path, ancestor).filter(|rest| !rest.is_empty())
}

/// `folder` and a name or relative path in it.
pub fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(folder.len() + name.len() + 1);
    out.extend_from_slice(folder);
    if !name.is_empty() {
        if out.last() != Some(&b'/') {
            out.push(b'/');
        }
        out.extend_from_slice(name);
    }
    out
}

/// The folder a path lies in; the root has none.
pub fn parent(path: &[u8]) -> Option<&[u8]> {
    match path.iter().rposition(|&b| b == b'/')? {
        0 if path.len() == 1 => None,
        0 => Some(b"/"),
        slash => Some(&path[..slash]),
    }
}

/// The last component; empty for the root.
pub fn name(path: &[u8]) -> &[u8] {
    components(path).next_back().unwrap_or(b"")
}

pub fn depth(path: &[u8]) -> usize {
    components(path).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_absolute_by_name() {
        for (base, path, want) in [
            ("/a/b", "c", "/a/b/c"),
            ("/a/b", "../c", "/a/c"),
            ("/a/b", "../../../..", "/"),
            ("/a", "/x//y/./z/", "/x/y/z"),
            ("/", ".", "/"),
            ("/", "x", "/x"),
        ] {
            assert_eq!(absolute(base.as_bytes(), path.as_bytes()), want.as_bytes(), "{base} {path}");
        }
    }

    #[test]
    fn below_ends_at_a_component() {
        assert_eq!(below(b"/usr/bin", b"/usr"), Some(&b"bin"[..]));
        assert_eq!(below(b"/usr", b"/usr"), Some(&b""[..]));
        assert_eq!(below(b"/usr2", b"/usr"), None);
        assert_eq!(below(b"/usr", b"/"), Some(&b"usr"[..]));
        assert_eq!(strictly_below(b"/usr", b"/usr"), None);
    }

    #[test]
    fn parents_and_names() {
        assert_eq!(parent(b"/a/b"), Some(&b"/a"[..]));
        assert_eq!(parent(b"/a"), Some(&b"/"[..]));
        assert_eq!(parent(b"/"), None);
        assert_eq!(name(b"/a/b"), b"b");
        assert_eq!(join(b"/", b"a"), b"/a");
        assert_eq!(join(b"/a", b"b/c"), b"/a/b/c");
    }
}
