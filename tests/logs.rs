//! The log of a named container: what is written is read back byte for byte, after a crash, on a full disk, behind a
//! limit on file sizes, while it is rotated, and by a follower that does not keep up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "logs/follow.rs"]
mod follow;
#[path = "logs/read.rs"]
mod read;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use common::Scene;
use kakuri::logs::{Event, Item, KEPT, Kind, Reader, SEGMENT, Stream, Writer};
use kakuri_init::Status;

/// A container nobody has started, and its folder.
fn created(scene: &Scene, name: &str) -> PathBuf {
    scene.kakuri(["create", name]).output().ok();
    let folder = scene.home().join(".local/kakuri/containers").join(name);
    assert!(folder.join("config.json").exists());
    folder
}

fn write(folder: &Path, frames: &[(u32, Stream, &[u8])]) {
    let mut writer = Writer::open(folder).expect("opens");
    for (session, stream, bytes) in frames {
        writer.output(*session, *stream, bytes);
    }
}

type Found = (u32, Stream, Vec<u8>);

/// Every frame of output, and how many bytes are damaged.
fn frames(folder: &Path) -> (Vec<Found>, u64) {
    let mut reader = Reader::open(folder).expect("opens");
    let (mut found, mut damaged) = (Vec::new(), 0);
    while let Some(item) = reader.read().expect("reads") {
        match item {
            Item::Frame(frame) => {
                if let Kind::Output(stream) = frame.kind {
                    found.push((frame.session, stream, frame.bytes.to_vec()));
                }
            }
            Item::Damaged { bytes } => damaged += bytes,
            Item::Gone { bytes } => panic!("{bytes} bytes gone"),
        }
    }
    (found, damaged)
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder.join("log")).unwrap().map(|e| e.unwrap().path()).collect();
    found.sort_by_key(|path| path.extension().unwrap().to_str().unwrap().parse::<u64>().unwrap());
    found
}

/// Bytes in which any two places differ: a counter each eight bytes.
fn counted(from: u64, bytes: usize) -> Vec<u8> {
    let mut all = Vec::with_capacity(bytes + 8);
    let mut n = from;
    while all.len() < bytes {
        all.extend_from_slice(&n.to_be_bytes());
        n += 1;
    }
    all.truncate(bytes);
    all
}

#[test]
fn torn_at_every_byte_of_the_last_frame() {
    let scene = Scene::new();
    let odd: &[u8] = b"1 2 o 3\nabc\n\0\xff\r\n";
    let before = [(1, Stream::Out, odd), (2, Stream::Err, b""), (1, Stream::Terminal, b"\n\n")];
    let whole = scene.folder("whole");
    write(&whole, &before);
    let start = fs::read(whole.join("log/log.1")).unwrap();
    write(&whole, &[(7, Stream::Err, odd)]);
    let all = fs::read(whole.join("log/log.1")).unwrap();
    let want: Vec<Found> =
        before.iter().filter(|f| !f.2.is_empty()).map(|(n, stream, bytes)| (*n, *stream, bytes.to_vec())).collect();

    for end in start.len()..=all.len() {
        let folder = scene.folder("torn");
        let _ = fs::remove_dir_all(folder.join("log"));
        fs::create_dir(folder.join("log")).unwrap();
        fs::write(folder.join("log/log.1"), &all[..end]).unwrap();
        let mut want = want.clone();
        if end == all.len() {
            want.push((7, Stream::Err, odd.to_vec()));
        }
        assert_eq!(frames(&folder), (want.clone(), 0), "cut at {end}");
        write(&folder, &[(8, Stream::Out, b"after")]);
        want.push((8, Stream::Out, b"after".to_vec()));
        assert_eq!(frames(&folder), (want, 0), "written to after a cut at {end}");
        assert_eq!(segments(&folder).len(), 1, "a torn frame is no damage");
    }
}

#[test]
fn damage_hides_nothing_that_comes_later() {
    let scene = Scene::new();
    let folder = scene.folder("c");
    write(&folder, &[(1, Stream::Out, b"one"), (1, Stream::Out, b"two")]);
    let path = folder.join("log/log.1");
    let mut bytes = fs::read(&path).unwrap();
    // What a power failure leaves of a write.
    bytes.extend([0; 4096]);
    fs::write(&path, &bytes).unwrap();
    write(&folder, &[(1, Stream::Out, b"three")]);
    let out = |word: &str| (1, Stream::Out, word.as_bytes().to_vec());
    assert_eq!(frames(&folder), (vec![out("one"), out("two"), out("three")], 4096));
    assert_eq!(segments(&folder).len(), 2, "the damaged one is left as it is");
}

#[test]
fn rotation_keeps_the_newest_and_100_megabytes_of_it() {
    let scene = Scene::new();
    let folder = scene.folder("c");
    let total = 12 * SEGMENT;
    let chunk = 48 * 1024;
    let mut written = 0;
    while written < total {
        // Opened anew now and then, as over several runs.
        let mut writer = Writer::open(&folder).expect("opens");
        for _ in 0..500 {
            writer.output(1, Stream::Out, &counted(written / 8, chunk));
            written += chunk as u64;
        }
    }
    let files = segments(&folder);
    assert_eq!(files.len(), KEPT);
    for file in &files {
        let data = fs::metadata(file).unwrap();
        assert!(data.len() <= SEGMENT, "{file:?} has {} bytes", data.len());
        assert_eq!(data.permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(fs::metadata(folder.join("log")).unwrap().permissions().mode() & 0o777, 0o700);
    let mut all: Vec<u8> = Vec::new();
    for (_, _, bytes) in frames(&folder).0 {
        all.extend(bytes);
    }
    assert!(all.len() > 100_000_000, "only {} bytes can be read back", all.len());
    let first = u64::from_be_bytes(all[..8].try_into().unwrap());
    assert!(all == counted(first, all.len()), "not one piece");
    assert_eq!(first * 8 + all.len() as u64, written, "the newest bytes are not there");
}

/// The part of a test that runs in a process of its own: this very program, told by a variable which part.
fn child(part: &str) -> bool {
    std::env::var("KAKURI_TEST_PART").is_ok_and(|p| p == part)
}

#[test]
fn a_full_disk_loses_bytes_and_says_how_many() {
    if child("full") {
        return full_disk(Path::new(&std::env::var("KAKURI_TEST_FOLDER").unwrap()));
    }
    let scene = Scene::new();
    let disk = scene.folder("disk");
    let script = "mount -t tmpfs -o size=256k,mode=700 none \"$KAKURI_TEST_FOLDER\" || exit 77; exec \"$@\"";
    let output = scene
        .program("unshare")
        .args(["-Urm", "sh", "-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_full_disk_loses_bytes_and_says_how_many", "--nocapture"])
        .env("KAKURI_TEST_PART", "full")
        .env("KAKURI_TEST_FOLDER", &disk)
        .output();
    if output.code() == 77 {
        return common::skip("no tmpfs can be mounted here");
    }
    assert!(output.ok().text().contains("1 passed"));
}

fn full_disk(disk: &Path) {
    let ballast = disk.join("ballast");
    let fill = |spare: usize| {
        let mut file = fs::File::create(&ballast).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
        file.set_len(file.metadata().unwrap().len() - spare as u64).unwrap();
    };
    let line = [b'x'; 999];
    let exited = Event::Exited { session: 1, status: Status::Code(0) };

    // No room to begin with.
    let folder = disk.join("first");
    fs::create_dir(&folder).unwrap();
    fill(0);
    let mut writer = Writer::open(&folder).expect("opens without room");
    writer.output(1, Stream::Out, b"nowhere");
    writer.event(&exited);
    assert_eq!(frames(&folder), (vec![], 0));
    fs::remove_file(&ballast).unwrap();
    writer.output(1, Stream::Out, b"here");
    assert_eq!(events(&folder), [Event::Lost { bytes: 7, events: 1 }]);
    assert_eq!(frames(&folder), (vec![(1, Stream::Out, b"here".to_vec())], 0));

    // The room ends while it is written, and comes back, twice.
    for round in 1..3 {
        fill(round * 20_480);
        for _ in 0..100 {
            writer.output(1, Stream::Err, &line);
        }
        let (kept, damaged) = frames(&folder);
        assert_eq!(damaged, 0, "half a frame stands in the way");
        let kept = kept.iter().filter(|f| f.1 == Stream::Err).count();
        assert_eq!(events(&folder).len(), round, "there was no room to say it");
        fs::remove_file(&ballast).unwrap();
        writer.output(1, Stream::Out, b"room");
        let told: Vec<Event> = events(&folder);
        let lost: u64 =
            told[1..].iter().map(|e| if let Event::Lost { bytes, events: 0 } = e { *bytes } else { 0 }).sum();
        assert_eq!(told.len(), round + 1, "{told:?}");
        assert!(kept > 15 * round && lost > 0, "{kept} {lost}");
        assert_eq!(kept as u64 * 999 + lost, round as u64 * 99_900);
        assert_eq!(frames(&folder).0.last(), Some(&(1, Stream::Out, b"room".to_vec())));
    }

    // Told at the latest when the writer goes.
    fill(0);
    writer.output(1, Stream::Out, &[b'y'; 5000]);
    fs::remove_file(&ballast).unwrap();
    drop(writer);
    assert_eq!(events(&folder).last(), Some(&Event::Lost { bytes: 5000, events: 0 }));
}

fn events(folder: &Path) -> Vec<Event> {
    let mut reader = Reader::open(folder).expect("opens");
    let mut found = Vec::new();
    while let Some(item) = reader.read().expect("reads") {
        if let Item::Frame(frame) = item {
            found.extend(frame.event());
        }
    }
    found
}

#[test]
fn a_limit_on_file_sizes_rotates_earlier_and_kills_nobody() {
    if child("limit") {
        let folder = PathBuf::from(std::env::var("KAKURI_TEST_FOLDER").unwrap());
        let mut writer = Writer::open(&folder).expect("opens");
        for n in 0..30 {
            writer.output(1, Stream::Out, &counted(n * 8192, 65_536));
        }
        drop(writer);
        let all: Vec<u8> = frames(&folder).0.into_iter().flat_map(|(_, _, bytes)| bytes).collect();
        assert!(all == counted(0, 30 * 65_536), "{} bytes", all.len());
        return assert!(segments(&folder).len() >= 4);
    }
    let scene = Scene::new();
    let run = |limit: u64, test: &str, part: &str| {
        scene
            .program(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env("KAKURI_TEST_PART", part)
            .env("KAKURI_TEST_FOLDER", scene.folder("c"))
            .rlimit(libc::RLIMIT_FSIZE, limit)
            .output()
    };
    let output = run(500_000, "a_limit_on_file_sizes_rotates_earlier_and_kills_nobody", "limit");
    assert!(output.ok().text().contains("1 passed"));
}

#[test]
fn what_lies_in_the_place_of_a_log_is_not_followed() {
    let scene = Scene::new();
    let folder = created(&scene, "web");
    let elsewhere = scene.folder("elsewhere");
    symlink(&elsewhere, folder.join("log")).unwrap();
    let fail = Writer::open(&folder).map(drop).expect_err("a link is no folder of ours").to_string();
    assert!(fail.contains("cannot open the log"), "{fail}");
    scene.kakuri(["logs", "web"]).output().refused(1, &["cannot open the log"]).hints(&["ls -la"]);
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);

    fs::remove_file(folder.join("log")).unwrap();
    fs::create_dir(folder.join("log")).unwrap();
    scene.program("mkfifo").arg(folder.join("log/log.1")).output().ok();
    scene.kakuri(["logs", "web"]).output().refused(1, &["cannot open the log"]);
    fs::remove_file(folder.join("log/log.1")).unwrap();
    symlink("/etc/passwd", folder.join("log/log.1")).unwrap();
    scene.kakuri(["logs", "web"]).output().refused(1, &["cannot open the log"]);
}
