//! Whether something is mounted below a folder of the host. Asked only where a destination is missing under
//! a read-only folder: an overlay would not show such mounts.

use std::cell::OnceCell;

use crate::pathname;

/// The host's mount points, read when first asked for.
#[derive(Default)]
pub struct Mounted {
    points: OnceCell<Vec<Point>>,
}

/// Where something is mounted, and of what kind that file system is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    pub at: Vec<u8>,
    pub kind: Vec<u8>,
}

impl Mounted {
    /// Whether any mount point lies strictly below `folder`. Unknown (no /proc) counts as yes.
    pub fn below(&self, folder: &[u8]) -> bool {
        self.points().is_empty() || self.all_below(folder).next().is_some()
    }

    /// Every mount point strictly below `folder`, in the order of their paths.
    pub fn all_below(&self, folder: &[u8]) -> impl Iterator<Item = &Point> {
        let points = self.points();
        let inner = pathname::join(folder, b"\0");
        let at = points.partition_point(|p| p.at.as_slice() < &inner[..inner.len() - 1]);
        points[at..].iter().take_while(move |p| p.at.starts_with(&inner[..inner.len() - 1]))
    }

    fn points(&self) -> &[Point] {
        self.points.get_or_init(|| {
            let text = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
            let mut points: Vec<Point> = text.split(|&b| b == b'\n').filter_map(point).collect();
            points.sort();
            points
        })
    }
}

/// `36 35 98:0 /root /at rw,noatime master:1 - ext4 /dev/root rw`; what stands before the dash is of any number.
fn point(line: &[u8]) -> Option<Point> {
    let mut fields = line.split(|&b| b == b' ');
    let at = unescape(fields.nth(4)?);
    let kind = fields.skip_while(|f| *f != b"-").nth(1).map(unescape).unwrap_or_default();
    Some(Point { at, kind })
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
    use super::{Point, point, unescape};

    #[test]
    fn a_line_of_mountinfo() {
        let line = br"36 35 98:0 / /mnt\040a rw,noatime shared:1 master:1 - fuse.x /dev/y rw";
        assert_eq!(point(line), Some(Point { at: b"/mnt a".to_vec(), kind: b"fuse.x".to_vec() }));
        assert_eq!(point(b""), None);
    }

    #[test]
    fn octal_escapes() {
        assert_eq!(unescape(br"/a\040b\134c\x"), br"/a b\c\x");
    }
}
