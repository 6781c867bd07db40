//! How much a layer may be.

use std::fs;
use std::os::unix::fs::MetadataExt;

use kakuri_image::talk::Limits;

use crate::archive::{Archive, Entry};
use crate::common::Scene;
use crate::need;
use crate::role::{As, Role, layer, through, work};

#[test]
fn bombs_are_put_out() {
    need!("gzip", "zstd");
    let scene = Scene::new();
    let work = work(&scene);
    let limits = Limits { entries: 100, bytes: 64 << 20, ratio: 50, ..Limits::default() };
    let role = Role::with("unpack", &work, As::Caller, limits);
    let mut many = Archive::default();
    for n in 0..101 {
        many = many.file(&format!("f{n}"), b"");
    }
    let many = many.end();
    assert!(role.unpack(0, &many, &many).expect_err("many").to_string().contains("more than 100 files"));
    // A file that says it is as large as can be.
    for (n, size) in [(1, i64::MAX as u64), (2, 65 << 20)] {
        let mut huge = Archive::default();
        huge.block(&Entry { name: b"huge", ..Entry::default() }, size);
        let huge = huge.end();
        let fail = role.unpack(n, &huge, &huge).expect_err("huge");
        assert!(fail.to_string().contains("holds more than"), "{fail}");
    }
    // Nothing but holes.
    for (n, size) in [(3, "9223372036854775807"), (4, "68157440")] {
        let records: Vec<(&str, &[u8])> = vec![("GNU.sparse.map", b"0,0"), ("GNU.sparse.size", size.as_bytes())];
        let sparse = Archive::default().put(&Entry { name: b"sparse", records, ..Entry::default() }).end();
        let fail = role.unpack(n, &sparse, &sparse).expect_err("sparse");
        assert!(fail.to_string().contains("holds more than"), "{fail}");
    }
    // What stands behind the end is read too, and is a limit as well.
    let zeros = Archive::default().end().into_iter().chain(std::iter::repeat_n(0, 80 << 20)).collect::<Vec<u8>>();
    for (n, program, args) in [(5, "gzip", &["-c"][..]), (6, "zstd", &["-qc"])] {
        let blob = through(program, args, &zeros[..16 << 20]);
        role.unpack(n, &blob, &zeros[..16 << 20]).expect("still allowed");
        let blob = through(program, args, &zeros);
        let fail = role.unpack(n, &blob, &zeros).expect_err("a bomb");
        assert!(fail.to_string().contains("it holds more than"), "{fail}");
    }
    role.end();
}

/// All forms of sparse files that tar(1) writes, against the file itself.
#[test]
fn sparse_files() {
    need!("tar", "cp", "truncate");
    let scene = Scene::new();
    let work = work(&scene);
    let folder = scene.folder("made");
    let mut data = vec![0; 3 << 20];
    for n in 0..40 {
        let at = n * 70_001;
        data[at..at + 5000].fill(n as u8 + 1);
    }
    scene.file("made/holes", &data);
    let dug = scene.program("cp").args(["--sparse=always", "made/holes", "made/dug"]).output();
    dug.ok();
    fs::write(folder.join("tail"), b"x").unwrap();
    scene.program("truncate").args(["-s", "1000001", "made/tail"]).output().ok();
    scene.program("truncate").args(["-s", "5M", "made/empty"]).output().ok();
    let role = Role::start("unpack", &work, As::Caller);
    for (n, format) in
        ["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"].iter().enumerate()
    {
        let posix = if n == 0 { "--sparse" } else { "--format=posix" };
        let out = scene.program("tar").args(["-S", format, posix, "-C", "made", "-cf", "../made.tar", "."]).output();
        out.ok();
        let archive =
            fs::read(scene.work().join("made.tar")).or_else(|_| fs::read(scene.work().join("../made.tar"))).unwrap();
        let report = role.unpack(n as u32, &archive, &archive).unwrap_or_else(|fail| panic!("{format}: {fail}"));
        assert!(report.bytes > 9 << 20, "{format}: {report:?}");
        let fs = work.join(format!("{n}/fs"));
        assert_eq!(fs::read(fs.join("dug")).unwrap(), data, "{format}");
        assert_eq!(fs::read(fs.join("holes")).unwrap(), data, "{format}");
        assert_eq!(fs::metadata(fs.join("tail")).unwrap().len(), 1_000_001, "{format}");
        assert_eq!(fs::metadata(fs.join("empty")).unwrap().len(), 5 << 20, "{format}");
        assert!(fs::metadata(fs.join("empty")).unwrap().blocks() < 100, "{format}");
        // Zeros became holes where there were none.
        assert!(fs::metadata(fs.join("holes")).unwrap().blocks() * 512 < 2 << 20, "{format}");
    }
    role.end();
}

/// No process is larger than the least of machines has room for: four layers at once, each with a large window.
#[test]
fn memory_stays_small() {
    need!("zstd");
    let scene = Scene::new();
    let work = work(&scene);
    let role = Role::start("unpack", &work, As::Caller);
    let data: Vec<u8> = (0..6_u64 << 20).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    let mut archive = Archive::default();
    for n in 0..5 {
        archive = archive.file(&format!("f{n}"), &data);
    }
    let archive = archive.end();
    let blob = through("zstd", &["-3", "--long=24", "-qc"], &archive);
    let wanted = layer(&blob, &archive);
    for n in 0..4 {
        role.give(n, &wanted, &blob);
    }
    for _ in 0..4 {
        match role.hear().0 {
            kakuri_image::talk::FromUnpack::Done { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    let status = fs::read_to_string(format!("/proc/{}/status", role.process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    let most: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(most < 64 << 10, "{line}");
    role.end();
}
