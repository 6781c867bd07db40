//! Documents: only a sealed, whole, sane one is believed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;

use kakuri_wire::document::{MAX_DOCUMENT, MAX_ENCLOSED, Parcel, pack, read, read_named, seal, seal_bytes, unpack};
use kakuri_wire::{Bytes, Stage};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

fn refusal(fd: OwnedFd) -> String {
    let fail = read::<Vec<Bytes>>(Stage::Mount, fd).expect_err("was believed");
    assert_eq!((fail.stage, fail.code), (Stage::Mount, 125));
    fail.reason().expect("an error says why")
}

fn memfd(bytes: &[u8], seals: SealFlags) -> OwnedFd {
    let fd = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    let mut file = File::from(fd);
    file.write_all(bytes).unwrap();
    fcntl_add_seals(&file, seals).unwrap();
    file.into()
}

#[test]
fn what_was_sealed_is_read_back() {
    let value = vec![Bytes(b"plain".to_vec()), Bytes(b"\xff\x00odd".to_vec()), Bytes(Vec::new())];
    let fd = seal(Stage::Front, &value).unwrap();
    // The offset is shared with the sender: moving it must not matter.
    let mut shared = File::from(fd.try_clone().unwrap());
    shared.seek(SeekFrom::End(0)).unwrap();
    assert_eq!(read::<Vec<Bytes>>(Stage::Mount, fd).unwrap(), value);
}

#[test]
fn ten_thousand_arguments_fit() {
    let value: Vec<Bytes> = (0..10_000).map(|i| Bytes(format!("argument number {i}").into_bytes())).collect();
    assert_eq!(read::<Vec<Bytes>>(Stage::Init, seal(Stage::Front, &value).unwrap()).unwrap(), value);
}

#[test]
fn a_small_one_is_enclosed_and_a_large_one_sealed() {
    let text = |length: usize| "x".repeat(length - 2);
    let (small, large) = (text(MAX_ENCLOSED), text(MAX_ENCLOSED + 1));
    let enclosed = pack(Stage::Front, &small).unwrap();
    assert!(matches!(enclosed, Parcel::Enclosed(_)) && enclosed.descriptor().is_none());
    let read: String = unpack(Stage::Init, enclosed.enclosed(), &mut Vec::new(), 0).unwrap();
    assert_eq!(read, small);
    let sealed = pack(Stage::Front, &large).unwrap();
    assert!(sealed.enclosed().is_none());
    let null = || OwnedFd::from(File::open("/dev/null").unwrap());
    let mut fds = vec![null(), sealed.descriptor().unwrap().try_clone_to_owned().unwrap(), null()];
    let read: String = unpack(Stage::Init, None, &mut fds, 1).unwrap();
    assert_eq!((read, fds.len()), (large, 2));
}

#[test]
fn an_enclosed_one_is_believed_no_more_than_a_sealed_one() {
    let reason = |enclosed: Option<&[u8]>, fds: &mut Vec<OwnedFd>, place| {
        unpack::<Vec<Bytes>>(Stage::Init, enclosed, fds, place).expect_err("was believed").reason().unwrap()
    };
    for text in ["", "[", "{}", "[1]", "[] []", "\0"] {
        assert!(!reason(Some(text.as_bytes()), &mut Vec::new(), 0).is_empty(), "{text:?}");
    }
    assert!(reason(None, &mut Vec::new(), 0).contains("not there"));
    let mut loose = vec![OwnedFd::from(File::open("/etc/passwd").unwrap())];
    assert!(reason(None, &mut loose, 1).contains("not there"));
    assert!(reason(None, &mut loose, 0).contains("not sealed"));
}

#[test]
fn its_sender_can_no_longer_change_it() {
    let fd = seal(Stage::Front, &"text").unwrap();
    let mut file = File::from(fd);
    assert!(file.write_all(b"other").is_err());
    assert!(file.set_len(0).is_err());
    assert!(file.set_len(1 << 20).is_err());
}

#[test]
fn any_missing_seal_is_refused() {
    let all = [SealFlags::SHRINK, SealFlags::GROW, SealFlags::WRITE];
    for missing in all {
        let seals = all.into_iter().filter(|s| *s != missing).fold(SealFlags::empty(), |a, b| a | b);
        assert!(refusal(memfd(b"[]", seals)).contains("not sealed"), "without {missing:?}");
    }
    assert!(refusal(memfd(b"[]", SealFlags::empty())).contains("not sealed"));
}

#[test]
fn what_is_no_memfd_is_refused() {
    for path in ["/etc/passwd", "/dev/zero", "/proc/self/stat"] {
        assert!(refusal(File::open(path).unwrap().into()).contains("not sealed"), "{path}");
    }
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    assert!(refusal(reader).contains("not sealed"));
}

#[test]
fn truncated_and_wrong_contents_are_refused() {
    for text in ["", "[", "[\"a\"", "[\"a\",", "{}", "[1]", "[] []", "\0\0\0\0"] {
        assert!(!refusal(seal_bytes(Stage::Front, text.as_bytes()).unwrap()).is_empty(), "{text:?}");
    }
}

#[test]
fn an_oversized_one_is_refused_unread() {
    let fd = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    // Sparse: reading it would cost the reader the memory, making it cost the liar nothing.
    ftruncate(&fd, MAX_DOCUMENT + 1).unwrap();
    fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE).unwrap();
    assert!(refusal(fd).contains("more than"));
}

#[test]
fn by_hand_a_file_serves_and_errors_give_the_line() {
    let folder = std::env::temp_dir().join(format!("kakuri-document-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("list.json");
    std::fs::write(&file, "[\"a\",\n \"b\"]").unwrap();
    assert_eq!(read_named::<Vec<Bytes>>(Stage::Mount, &file).unwrap().len(), 2);
    std::fs::write(&file, "[\"a\",\n 7]").unwrap();
    let fail = read_named::<Vec<Bytes>>(Stage::Mount, &file).unwrap_err();
    assert!(fail.to_string().contains("line 2"), "{fail}");
    assert!(fail.to_string().contains("list.json"), "{fail}");
    std::fs::remove_dir_all(&folder).unwrap();
    let fail = read_named::<Vec<Bytes>>(Stage::Mount, &file).unwrap_err();
    assert!(fail.to_string().contains("No such file"), "{fail}");
}
