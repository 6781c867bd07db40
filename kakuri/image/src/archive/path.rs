//! Names within an archive. They are looked up and compared, and never opened.

/// Of a name, bytes: those of images have two digests at most.
const LONGEST: usize = 1024;

/// A name in its one form: without `.`, double and trailing slashes; empty is the archive's root. None where it leads out
/// of the archive, or is no text.
pub fn clean(name: &[u8]) -> Option<String> {
    joined("", name)
}

/// What a symbolic link means that lies at `path`, which is clean.
pub fn target(path: &str, link: &[u8]) -> Option<String> {
    joined(path.rsplit_once('/').map_or("", |(folder, _)| folder), link)
}

fn joined(folder: &str, name: &[u8]) -> Option<String> {
    if name.len() > LONGEST || name.starts_with(b"/") {
        return None;
    }
    let name = std::str::from_utf8(name).ok()?;
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            // Up, and never above the root.
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_leads_out() {
        assert_eq!(clean(b"./blobs//sha256/").as_deref(), Some("blobs/sha256"));
        assert_eq!(clean(b"./").as_deref(), Some(""));
        for name in [&b"../x"[..], b"/etc/passwd", b"a/../../b", b"\xff", &[b'a'; LONGEST + 1]] {
            assert_eq!(clean(name), None, "{name:?}");
        }
        assert_eq!(target("a/layer.tar", b"../b/layer.tar").as_deref(), Some("b/layer.tar"));
        assert_eq!(target("a/layer.tar", b"../../b"), None);
        assert_eq!(target("a/layer.tar", b"/b"), None);
    }
}
