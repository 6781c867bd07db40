//! Archives, honest and not, put together by hand.

#[derive(Default)]
pub struct Archive(pub Vec<u8>);

/// An entry, its owner and time the usual ones.
#[derive(Clone)]
pub struct Entry<'a> {
    pub flag: u8,
    pub name: &'a [u8],
    pub link: &'a [u8],
    pub mode: u32,
    pub uid: u64,
    pub time: i64,
    pub data: &'a [u8],
    pub records: Vec<(&'a str, &'a [u8])>,
}

impl Default for Entry<'_> {
    fn default() -> Self {
        let (name, link, data): (&[u8], &[u8], &[u8]) = (b"", b"", b"");
        Entry { flag: b'0', name, link, mode: 0o644, uid: 0, time: 1_700_000_000, data, records: Vec::new() }
    }
}

impl Archive {
    pub fn put(mut self, entry: &Entry) -> Archive {
        if !entry.records.is_empty() {
            let mut records = Vec::new();
            for (key, value) in &entry.records {
                kakuri_image::tar::pax::add(&mut records, key, value);
            }
            self.block(
                &Entry { flag: b'x', name: b"records", data: &records, ..Entry::default() },
                records.len() as u64,
            );
            self.data(&records);
        }
        self.block(entry, entry.data.len() as u64);
        self.data(entry.data);
        self
    }

    pub fn file(self, name: &str, data: &[u8]) -> Archive {
        self.put(&Entry { name: name.as_bytes(), data, ..Entry::default() })
    }

    pub fn folder(self, name: &str) -> Archive {
        self.put(&Entry { flag: b'5', name: name.as_bytes(), mode: 0o755, ..Entry::default() })
    }

    pub fn link(self, name: &str, to: &str) -> Archive {
        self.put(&Entry { flag: b'2', name: name.as_bytes(), link: to.as_bytes(), mode: 0o777, ..Entry::default() })
    }

    pub fn hard(self, name: &str, to: &str) -> Archive {
        self.put(&Entry { flag: b'1', name: name.as_bytes(), link: to.as_bytes(), ..Entry::default() })
    }

    /// A header that says what size it likes.
    pub fn block(&mut self, entry: &Entry, size: u64) {
        let mut block = [0_u8; 512];
        let mut text = |at: usize, room: usize, bytes: &[u8]| {
            let n = bytes.len().min(room);
            block[at..at + n].copy_from_slice(&bytes[..n]);
        };
        text(0, 100, entry.name);
        text(100, 8, format!("{:07o}\0", entry.mode).as_bytes());
        text(108, 8, &number(entry.uid as i64, 8));
        text(116, 8, &number(entry.uid as i64, 8));
        text(124, 12, &number(size as i64, 12));
        text(136, 12, &number(entry.time, 12));
        text(148, 8, b"        ");
        text(156, 1, &[entry.flag]);
        text(157, 100, entry.link);
        text(257, 8, b"ustar\x0000");
        self.sealed(block);
    }

    /// A block with its sum.
    pub fn sealed(&mut self, mut block: [u8; 512]) {
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend(block);
    }

    pub fn data(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }

    pub fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

/// Octal where it fits, else GNU's binary.
fn number(n: i64, room: usize) -> Vec<u8> {
    let octal = format!("{n:0width$o}\0", width = room - 1).into_bytes();
    if n >= 0 && octal.len() == room {
        return octal;
    }
    let mut bytes = vec![if n < 0 { 0xff } else { 0 }; room];
    bytes[room - 8..].copy_from_slice(&n.to_be_bytes());
    bytes[0] |= 0x80;
    bytes
}
