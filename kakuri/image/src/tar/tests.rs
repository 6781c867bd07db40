use super::header::Header;
use super::*;

#[test]
fn a_header_says_what_was_written() {
    let header = Header {
        kind: Kind::File,
        name: b"a\xff b".to_vec(),
        link: Vec::new(),
        mode: 0o1755,
        uid: 1000,
        gid: 65534,
        odd_owner: false,
        size: header::OCTAL,
        changed: 1_700_000_000,
    };
    let block = header.encode();
    assert_eq!(Header::decode(&block), Some(header));
    // The last byte of the sum's own field means nothing.
    for i in (0..BLOCK).filter(|i| *i != 155) {
        let mut other = block;
        other[i] ^= 0x21;
        assert_eq!(Header::decode(&other), None, "byte {i} is not in the sum");
    }
}

#[test]
fn records_count_themselves() {
    for length in [1, 2, 80, 90, 95, 96, 97, 985, 988, 990, 9_984, 9_985, 9_990, 100_000] {
        let mut bytes = Vec::new();
        let value = [b'=', b'\n'].repeat(length);
        pax::add(&mut bytes, "path", &value);
        pax::add(&mut bytes, "size", b"1");
        assert_eq!(pax::parse(&bytes), Some(vec![(&b"path"[..], &value[..]), (b"size", b"1")]), "{length}");
    }
    for bad in ["9 path=a", "a path=b\n", "5 ab\n", " ", "99999 path=a\n", "0 a=b\n", "3 a=b\n", "-1 a=b\n"] {
        assert_eq!(pax::parse(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn times_before_1970_too() {
    for (text, time) in [
        ("0", (0, 0)),
        ("1.5", (1, 500_000_000)),
        ("-1", (-1, 0)),
        ("-1.250000000", (-2, 750_000_000)),
        ("-0.500000000", (-1, 500_000_000)),
        ("12.123456789", (12, 123_456_789)),
    ] {
        assert_eq!(pax::time(text.as_bytes()), Some(time), "{text}");
        assert_eq!(pax::time(pax::show_time(time).as_bytes()), Some(time), "{text}");
    }
    for bad in ["", "x", "1.x", "1.-5", "99999999999999999999"] {
        assert_eq!(pax::time(bad.as_bytes()), None, "{bad}");
    }
}

/// No input makes the reader do more than refuse: each prefix of an archive, and each of its bytes changed.
#[test]
fn damage_is_told() {
    let header = |kind, name: &[u8], size| {
        let (name, link) = (name.to_vec(), Vec::new());
        Header { kind, name, link, mode: 0o644, uid: 0, gid: 0, odd_owner: false, size, changed: 1 }.encode()
    };
    let mut records = Vec::new();
    pax::add(&mut records, "path", &[b'x'; 300]);
    let mut archive = header(Kind::Records, b"r", records.len() as u64).to_vec();
    records.resize(BLOCK, 0);
    archive.extend(records);
    archive.extend(header(Kind::File, b"y", 3));
    archive.extend(b"abc");
    archive.resize(4 * BLOCK, 0);
    let end = archive.len();
    archive.resize(end + 2 * BLOCK, 0);
    let read = |bytes: &[u8]| {
        let mut reader = Reader::new(bytes);
        let mut names = Vec::new();
        while let Some(entry) = reader.entry()? {
            names.push(entry.path);
        }
        Ok::<_, Broken>(names)
    };
    assert_eq!(read(&archive).expect("whole"), [vec![b'x'; 300]]);
    for cut in 0..end + BLOCK {
        assert!(read(&archive[..cut]).is_err(), "cut at {cut}");
    }
    for i in 0..end {
        let mut other = archive.clone();
        other[i] ^= 0x80;
        let _ = read(&other);
    }
    assert!(matches!(read(&[0x1f, 0x8b].repeat(BLOCK)), Err(Broken::Compressed("gzip"))));
}
