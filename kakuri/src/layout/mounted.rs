//! Whether something is mounted below a folder of the host. Asked only where a destination is missing under
//! a read-only folder: an overlay would not show such mounts.

use std::cell::OnceCell;

use crate::pathname;

/// The host's mount points, read when first asked for.
#[derive(Default)]
pub struct Mounted {
    points: OnceCell<Vec<Vec<u8>>>,
}

impl Mounted {
    /// Whether any mount point lies strictly below `folder`. Unknown (no /proc) counts as yes.
    pub fn below(&self, folder: &[u8]) -> bool {
        let points = self.points.get_or_init(|| {
            let text = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
            let mut points: Vec<Vec<u8>> = text
                .split(|&b| b == b'\n')
                .filter_map(|line| line.split(|&b| b == b' ').nth(4))
                .map(unescape)
                .collect();
            points.sort();
            points
        });
        let inner = pathname::join(folder, b"\0");
        let prefix = &inner[..inner.len() - 1];
        let at = points.partition_point(|p| p.as_slice() < prefix);
        points.is_empty() || points.get(at).is_some_and(|p| p.starts_with(prefix))
    }
}

/// mountinfo writes space, tab, newline and backslash as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&b, tail)) = rest.split_first() {
        match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if rest[0] == b'\\' => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                out.push(b);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn octal_escapes() {
        assert_eq!(unescape(br"/a\040b\134c\x"), br"/a b\c\x");
    }
}
