//! Layers that are not what they should be, and what is told of them.

use std::fs;
use std::io::Write;
use std::os::fd::AsFd;

use kakuri_image::talk::{FromUnpack, ToUnpack};
use kakuri_image::{Algorithm, Digest};

use crate::archive::Archive;
use crate::common::{Scene, until};
use crate::need;
use crate::role::{As, Role, layer, memory, through, work};

fn small() -> Vec<u8> {
    let data: Vec<u8> = (0..3000_u32).flat_map(|n| n.to_le_bytes()).collect();
    Archive::default().folder("d").file("d/a", &data).file("d/b", b"b").link("l", "d/a").end()
}

#[test]
fn an_archive_cut_at_any_block_is_refused() {
    let scene = Scene::new();
    let work = work(&scene);
    let role = Role::start("unpack", &work, As::Caller);
    let whole = small();
    let end = whole.len() - 1024;
    for (n, cut) in (0..=end).step_by(512).chain([1, 100, 700, end - 1]).enumerate() {
        let bytes = &whole[..cut];
        let fail = role.unpack(n as u32, bytes, bytes).expect_err("cut");
        let words = fail.to_string();
        assert!(words.contains("is damaged at byte") && words.contains(if cut == 0 { "empty" } else { "" }), "{fail}");
        assert!(!work.join(format!("{n}/fs")).exists());
    }
    role.end();
}

/// Every packing, whatever the manifest calls it, and what two programs have put behind each other.
#[test]
fn packings() {
    need!("gzip", "zstd");
    let scene = Scene::new();
    let work = work(&scene);
    let role = Role::start("unpack", &work, As::Caller);
    let whole = small();
    let (head, tail) = whole.split_at(5000);
    let gzip = |bytes: &[u8]| through("gzip", &["-c"], bytes);
    let zstd = |bytes: &[u8]| through("zstd", &["-qc"], bytes);
    let skipped = [&b"\x5a\x2a\x4d\x18\x03\0\0\0abc"[..], &zstd(&whole)].concat();
    let blobs = [
        ("plain", whole.clone()),
        ("gzip", gzip(&whole)),
        ("gzip twice", [gzip(head), gzip(tail)].concat()),
        ("zstd", zstd(&whole)),
        ("zstd twice", [zstd(head), b"\x50\x2a\x4d\x18\0\0\0\0".to_vec(), zstd(tail)].concat()),
        ("zstd skipped", skipped),
        ("zstd -19 --long", through("zstd", &["-19", "--long=27", "-qc"], &whole)),
    ];
    for (n, (name, blob)) in blobs.iter().enumerate() {
        let report = role.unpack(n as u32, blob, &whole).unwrap_or_else(|fail| panic!("{name}: {fail}"));
        assert_eq!(report.entries, 4, "{name}");
        assert_eq!(fs::metadata(work.join(format!("{n}/fs/d/a"))).unwrap().len(), 12_000, "{name}");
        // A bit that flips on the way is told as that, and not as a bad archive.
        let mut wrong = blob.clone();
        wrong[blob.len() / 2] ^= 4;
        role.give(100 + n as u32, &layer(blob, &whole), &wrong);
        let (fail, keep) = role.done(100 + n as u32).expect_err("changed");
        assert!(fail.to_string().contains("has another digest"), "{name}: {fail}");
        assert_eq!(keep, 0);
        // Made wrong by its makers, it is the layer that is refused.
        if *name != "plain" {
            let cut = &blob[..blob.len() / 2];
            let fail = role.unpack(200 + n as u32, cut, &whole).expect_err("cut");
            assert!(fail.to_string().contains("damaged") || fail.to_string().contains("ends"), "{name}: {fail}");
        }
    }
    // What stands behind the end is a part of both digests.
    let more = [&whole[..], &[7; 9000]].concat();
    role.unpack(50, &gzip(&more), &more).expect("with something behind its end");
    let fail = role.unpack(51, &[&gzip(&whole)[..], b"trailing"].concat(), &whole).expect_err("no gzip");
    assert!(fail.to_string().contains("compressed data"), "{fail}");
    role.end();
}

#[test]
fn a_layer_that_is_not_the_images_is_not_taken_for_it() {
    let scene = Scene::new();
    let work = work(&scene);
    let role = Role::start("unpack", &work, As::Caller);
    let whole = small();
    let mut other = layer(&whole, &whole);
    other.diff_id = Digest::of(Algorithm::Sha256, b"another");
    role.give(1, &other, &whole);
    let (fail, _) = role.done(1).expect_err("the wrong one");
    assert!(fail.to_string().contains("another digest than the image's configuration says"), "{fail}");
    assert!(!work.join("1/fs").exists());
    // The right one is taken after it.
    role.unpack(1, &whole, &whole).expect("the right one");
    role.end();
}

/// What came is kept, and gone on with; a prefix that is wrong shows in the digest.
#[test]
fn a_layer_that_comes_in_two_parts() {
    let scene = Scene::new();
    let work = work(&scene);
    let role = Role::start("unpack", &work, As::Caller);
    let whole = small();
    let wanted = layer(&whole, &whole);
    let give = |n: u32, have: u64, bytes: &[u8]| {
        let (out, mut into) = std::io::pipe().unwrap();
        let ask = ToUnpack::Layer { n, layer: wanted.clone(), have, keep: true };
        role.say(&ask, &[out.as_fd()]);
        drop(out);
        let _ = into.write_all(bytes);
        drop(into);
        role.done(n)
    };
    let (fail, keep) = give(0, 0, &whole[..4000]).expect_err("half");
    assert!(fail.to_string().contains("ended early"), "{fail}");
    assert_eq!(keep, 4000);
    assert_eq!(fs::read(work.join("0.blob")).unwrap(), &whole[..4000]);
    give(0, keep, &whole[4000..]).expect("the rest");
    assert_eq!(fs::read(work.join("0.blob")).unwrap(), whole);
    // More than it should be.
    let (fail, _) = give(1, 0, &[&whole[..], b"x"].concat()).expect_err("too long");
    assert!(fail.to_string().contains("longer than the image says"), "{fail}");
    // A prefix of something else.
    fs::write(work.join("2.blob"), [9; 4000]).unwrap();
    let (fail, keep) = give(2, 4000, &whole[4000..]).expect_err("another prefix");
    assert!(fail.to_string().contains("another digest"), "{fail}");
    assert_eq!(keep, 0);
    role.end();
}

/// A front that dies takes it along, in the middle of whatever it does.
#[test]
fn it_ends_with_the_front() {
    let scene = Scene::alone();
    let work = work(&scene);
    let before = scene.before();
    let mut role = Role::start("unpack", &work, As::Caller);
    let whole = small();
    let (out, mut into) = std::io::pipe().unwrap();
    role.say(&ToUnpack::Layer { n: 0, layer: layer(&whole, &whole), have: 0, keep: false }, &[out.as_fd()]);
    into.write_all(&whole[..2000]).unwrap();
    assert!(until(crate::common::HANG, || work.join("0/fs/d").exists()));
    drop(std::mem::replace(&mut role.link, kakuri_wire::Channel::pair().unwrap().0));
    assert_eq!(role.process.wait().unwrap().code(), Some(0));
    drop((role, out, into));
    fs::remove_dir_all(&work).unwrap();
    fs::remove_dir_all(scene.work().join("below")).unwrap();
    let _ = before;
}

#[test]
fn words_out_of_turn_and_a_peer_of_another_build() {
    let scene = Scene::new();
    let work = work(&scene);
    let role = Role::start("unpack", &work, As::Caller);
    role.say(&ToUnpack::Config, &[memory(b"{}").as_fd()]);
    let FromUnpack::Failed(fail) = role.answer().unwrap() else { panic!("no failure") };
    assert!(fail.to_string().contains("out of turn"), "{fail}");
    role.say(&ToUnpack::Settle { n: 0, below: vec![] }, &[]);
    assert!(matches!(role.answer(), Ok(FromUnpack::Failed(_))));
    role.end();
}
