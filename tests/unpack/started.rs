//! Both roles as the front starts them, each in its container. The front is this program once more, so that it can be
//! killed.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kakuri::helper::Programs;
use kakuri::host::Host;
use kakuri::idmap;
use kakuri::image::unpacker::{Role, Unpacker};
use kakuri::spec::{IdMode, Spec};
use kakuri_image::talk::{FromUnpack, ToUnpack};
use rustix::event::{PollFd, PollFlags, poll};

use crate::archive::{Archive, Entry};
use crate::common::{HANG, KAKURI, Scene, sub_ids, until};
use crate::role::{can_unshare, layer, memory, work};

const WORK: &str = "KAKURI_TEST_WORK";
const IDS: &str = "KAKURI_TEST_IDS";
const HANGS: &str = "KAKURI_TEST_HANGS";

fn archives() -> [Vec<u8>; 2] {
    let of = |uid, name, mode| Entry { name, uid, mode, data: b"x", ..Entry::default() };
    let low = Archive::default()
        .folder("d")
        .put(&of(0, b"d/root", 0o4755))
        .put(&of(1000, b"d/app", 0o600))
        .put(&of(54321, b"d/high", 0o2755))
        .put(&Entry { flag: b'5', name: b"own", mode: 0o700, uid: 1000, ..Entry::default() })
        .put(&of(1000, b"own/in", 0o644))
        .end();
    let top = Archive::default()
        .file("d/.wh.root", b"")
        .file("d/.wh.none", b"")
        .file("own/new", b"n")
        .hard("x", "d/app")
        .end();
    [low, top]
}

fn hear(unpacker: &mut Unpacker) -> FromUnpack {
    loop {
        let mut fds: Vec<PollFd> = unpacker.watched().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        assert!(poll(&mut fds, Some(&rustix::event::Timespec { tv_sec: 60, tv_nsec: 0 })).unwrap() > 0);
        drop(fds);
        let words = unpacker.hear().unwrap_or_else(|fail| panic!("{fail}"));
        assert!(words.len() < 2, "{words:?}");
        match words.into_iter().next() {
            Some((FromUnpack::Progress { .. }, _)) | None => {}
            Some((word, _)) => return word,
        }
    }
}

/// The front's part, in a process of its own.
#[test]
#[ignore = "started by the tests of this file"]
fn front() {
    let Some(work) = std::env::var_os(WORK) else { return };
    let work = Path::new(&work);
    let range = std::env::var_os(IDS).is_some_and(|ids| ids == "range");
    let (host, programs) = (Host::look(), Programs::locate(false).unwrap());
    let spec = Spec { ids: if range { IdMode::Range } else { IdMode::Single }, ..Spec::default() };
    let ids = idmap::decide(&spec, &host).unwrap();
    let begin = |role, below: &[std::path::PathBuf]| {
        let mut unpacker =
            Unpacker::begin(role, work, below, &ids, &programs, &host).unwrap_or_else(|fail| panic!("{fail}"));
        assert_eq!(hear(&mut unpacker), FromUnpack::Ready);
        unpacker
    };
    let mut unpacker = begin(Role::Unpack, &[]);
    if std::env::var_os(HANGS).is_some() {
        let [low, _] = archives();
        let (out, mut into) = std::io::pipe().unwrap();
        let ask = ToUnpack::Layer { n: 0, layer: layer(&low, &low), have: 0, keep: true };
        unpacker.ask(&ask, &[out.as_fd()]).unwrap();
        into.write_all(&low[..1500]).unwrap();
        println!("hangs");
        std::thread::sleep(HANG);
        return;
    }
    for (n, archive) in archives().iter().enumerate() {
        let ask = ToUnpack::Layer { n: n as u32, layer: layer(archive, archive), have: 0, keep: true };
        unpacker.ask(&ask, &[memory(archive).as_fd()]).unwrap();
        let word = hear(&mut unpacker);
        assert!(matches!(word, FromUnpack::Done { .. }), "{word:?}");
    }
    unpacker.finish().unwrap();
    let below: Vec<_> = std::iter::once(work.join("0/fs")).chain((0..400).map(|_| work.join("0/fs"))).collect();
    let mut unpacker = begin(Role::Settle, &below);
    unpacker.ask(&ToUnpack::Settle { n: 1, below: vec![0] }, &[]).unwrap();
    let word = hear(&mut unpacker);
    assert!(matches!(word, FromUnpack::Settled { n: 1, .. }), "{word:?}");
    unpacker.finish().unwrap();
}

fn start(work: &Path, ids: &str, hangs: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "started::front", "--ignored", "--test-threads", "1", "--nocapture"])
        .env("KAKURI_LIBEXEC", Path::new(KAKURI).parent().unwrap())
        .env(WORK, work)
        .env(IDS, ids)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if hangs {
        command.env(HANGS, "1");
    }
    command.spawn().unwrap()
}

fn whole(scene: &Scene, ids: &str) {
    let work = work(scene);
    let out = start(&work, ids, false).wait_with_output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn in_a_container_with_one_id() {
    if !can_unshare() {
        return;
    }
    let scene = Scene::alone();
    let before = scene.before();
    whole(&scene, "single");
    let fs = work(&scene).join("1/fs");
    let own = fs::metadata("/proc/self").unwrap().uid();
    assert_eq!(fs::metadata(fs.join("x")).unwrap().uid(), own);
    assert!(!fs.join("d/none").exists() && fs::symlink_metadata(fs.join("d/root")).is_ok());
    let low = work(&scene).join("0/fs");
    assert_eq!(fs::metadata(low.join("d/root")).unwrap().mode() & 0o7777, 0o4755);
    fs::remove_dir_all(scene.work()).unwrap();
    fs::create_dir(scene.work()).unwrap();
    before.nothing_left();
}

#[test]
fn in_a_container_with_a_range() {
    let Some((uids, gids)) = sub_ids(module_path!()) else { return };
    let scene = Scene::alone();
    whole(&scene, "range");
    let (low, top) = (work(&scene).join("0/fs"), work(&scene).join("1/fs"));
    let own = fs::metadata("/proc/self").unwrap();
    let owner = |path: &Path| {
        let meta = fs::symlink_metadata(path).unwrap();
        (meta.uid(), meta.gid())
    };
    assert_eq!(owner(&low.join("d/root")), (own.uid(), own.gid()));
    assert_eq!(owner(&low.join("d/app")), (uids + 999, gids + 999));
    assert_eq!(owner(&low.join("d/high")), (uids + 54320, gids + 54320));
    assert_eq!(fs::metadata(low.join("d/high")).unwrap().mode() & 0o7777, 0o2755);
    // Copied up, and implied.
    assert_eq!(owner(&top.join("x")), (uids + 999, gids + 999));
    assert_eq!(owner(&top.join("own")), (uids + 999, gids + 999));
    // The wrapper and the blob are the front's.
    for name in ["0", "1", "0.blob"] {
        assert_eq!(owner(&work(&scene).join(name)), (own.uid(), own.gid()), "{name}");
    }
    // Its own user may not remove all of it.
    let range = kakuri::idmap::granted().expect("a range");
    let folder = scene.work();
    kakuri::idmap::within::within(&range, || {
        fs::remove_dir_all(&folder).map_err(|e| kakuri_wire::Fail::new(kakuri_wire::Stage::Front, e.to_string()))
    })
    .unwrap();
}

/// Killed in the middle of a layer, nothing of it lives on.
#[test]
fn a_front_that_is_killed_takes_all_along() {
    if !can_unshare() {
        return;
    }
    let scene = Scene::alone();
    let before = scene.before();
    for round in 0..3 {
        let work = work(&scene);
        let mut front = start(&work, "single", true);
        let mut said = [0; 64];
        let mut out = front.stdout.take().unwrap();
        let mut text = String::new();
        while !text.contains("hangs") {
            let n = out.read(&mut said).unwrap();
            assert!(n > 0, "round {round}: {text}");
            text.push_str(&String::from_utf8_lossy(&said[..n]));
        }
        assert!(until(HANG, || File::open(work.join("0/fs/d")).is_ok()), "round {round}");
        front.kill().unwrap();
        front.wait().unwrap();
        drop(front);
        crate::common::Before::look(&scene);
        let gone = until(crate::common::GONE, || !lives());
        assert!(gone, "round {round}: kakuri-image lives on");
        fs::remove_dir_all(scene.work()).unwrap();
        fs::create_dir(scene.work()).unwrap();
    }
    before.nothing_left();
}

/// Whether a kakuri-image that unpacks is among our descendants: orphans come to us.
fn lives() -> bool {
    let own = std::process::id().to_string();
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let path = entry.path();
        let is_ours = fs::read_to_string(path.join("stat"))
            .is_ok_and(|stat| stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)) == Some(&own));
        is_ours && fs::read(path.join("cmdline")).is_ok_and(|line| line.starts_with(b"kakuri"))
    })
}
