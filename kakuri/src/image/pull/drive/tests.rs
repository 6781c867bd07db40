use super::*;

fn digest(of: &str) -> Digest {
    Digest::of(kakuri_image::Algorithm::Sha256, of.as_bytes())
}

fn fail() -> Fail {
    Fail::new(Stage::Fetch, "x")
}

fn manifest() -> FromFetch {
    FromFetch::Manifest { media: "m".into(), from: "f".into() }
}

/// Up to the recipe.
fn believing() -> Drive {
    let mut drive = Drive::new(true, false);
    assert_eq!(drive.unpacked(&FromUnpack::Ready), Ok(Act::Nothing));
    assert_eq!(drive.fetched(&FromFetch::Ready), Ok(Act::Manifest(Want::Named)));
    assert_eq!(drive.fetched(&manifest()), Ok(Act::Judge(None)));
    let index = FromUnpack::Index { manifest: digest("m"), size: 7 };
    assert_eq!(drive.unpacked(&index), Ok(Act::Manifest(Want::Digest(digest("m")))));
    assert_eq!(drive.fetched(&manifest()), Ok(Act::Judge(Some(digest("m")))));
    let named = FromUnpack::Manifest { config: digest("c"), size: 9 };
    assert_eq!(drive.unpacked(&named), Ok(Act::Small(digest("c"), 9)));
    assert_eq!(drive.fetched(&FromFetch::Small), Ok(Act::Config));
    assert_eq!(drive.unpacked(&FromUnpack::Recipe), Ok(Act::Recipe));
    drive
}

fn done(n: u32) -> FromUnpack {
    FromUnpack::Done { n, report: Report { entries: u64::from(n), ..Report::default() } }
}

#[test]
fn the_order_of_a_pull() {
    let mut drive = believing();
    assert_eq!(drive.next(), None, "not before it is planned");
    drive.plan(&[true, false, false, false], 2);
    assert_eq!(drive.next(), Some(1));
    drive.begin(1, true);
    assert_eq!(drive.next(), Some(2));
    drive.begin(2, false);
    assert_eq!(drive.next(), None, "no more than two at a time");
    assert_eq!(drive.fetched(&FromFetch::Progress { n: 1, bytes: 5 }), Ok(Act::Nothing));
    // The order of layers is free.
    assert_eq!(drive.unpacked(&done(2)), Ok(Act::Done(2)));
    assert_eq!(drive.next(), Some(3));
    drive.begin(3, true);
    assert_eq!(drive.fetched(&FromFetch::Sent { n: 1 }), Ok(Act::Nothing));
    assert_eq!(drive.unpacked(&done(1)), Ok(Act::Done(1)));
    // The unpacker may be heard first.
    assert_eq!(drive.unpacked(&done(3)), Ok(Act::Done(3)));
    assert_eq!(drive.fetched(&FromFetch::Sent { n: 3 }), Ok(Act::Nothing));
    assert!(drive.is_whole());
    let entries: Vec<Option<u64>> = drive.reports().iter().map(|r| r.as_ref().map(|r| r.entries)).collect();
    assert_eq!(entries, [None, Some(1), Some(2), Some(3)]);
}

#[test]
fn a_known_recipe_needs_its_layers_alone() {
    let mut drive = Drive::new(false, true);
    drive.plan(&[false], 4);
    assert_eq!(drive.next(), None, "nobody is there yet");
    assert_eq!(drive.unpacked(&FromUnpack::Ready), Ok(Act::Nothing));
    assert_eq!(drive.next(), Some(0));
    drive.begin(0, false);
    assert!(drive.unpacked(&done(0)).is_ok() && drive.is_whole());
    let mut nothing = Drive::new(false, true);
    nothing.plan(&[], 4);
    assert!(nothing.unpacked(&FromUnpack::Ready).is_ok() && nothing.is_whole());
}

#[test]
fn what_fails_says_why() {
    let mut drive = believing();
    drive.plan(&[false, false], 4);
    (0..2).for_each(|n| drive.begin(n, true));
    assert_eq!(drive.fetched(&FromFetch::BlobFailed { n: 0, fail: fail() }), Ok(Act::Lost(0, fail())));
    let bad = FromUnpack::Bad { n: 1, fail: fail(), keep: 3 };
    assert_eq!(drive.unpacked(&bad), Ok(Act::Bad(1, fail(), 3)));
    drive.again(1);
    assert_eq!(drive.next(), None, "the fetcher is to let go of it first");
    // Its pipe is closed by now, and the fetcher says so.
    assert_eq!(drive.fetched(&FromFetch::BlobFailed { n: 1, fail: fail() }), Ok(Act::Nothing));
    assert_eq!(drive.next(), Some(1));
    assert_eq!(drive.fetched(&FromFetch::Failed(fail())), Err(fail()));
    assert_eq!(drive.unpacked(&FromUnpack::Failed(fail())), Err(fail()));
}

#[test]
fn a_list_of_lists_of_lists_is_refused() {
    let mut drive = Drive::new(false, false);
    assert_eq!(drive.unpacked(&FromUnpack::Ready), Ok(Act::Manifest(Want::Named)));
    let index = FromUnpack::Index { manifest: digest("m"), size: 7 };
    for _ in 0..2 {
        drive.manifest_came().expect("asked for");
        drive.unpacked(&index).expect("twice");
    }
    drive.manifest_came().expect("asked for");
    assert!(drive.unpacked(&index).is_err());
    let mut drive = Drive::new(false, false);
    drive.unpacked(&FromUnpack::Ready).expect("ready");
    drive.manifest_came().expect("asked for");
    let large = FromUnpack::Manifest { config: digest("c"), size: LARGEST_CONFIG + 1 };
    assert!(drive.unpacked(&large).is_err());
}

#[test]
fn everything_else_is_refused() {
    let fetch = [
        FromFetch::Ready,
        manifest(),
        FromFetch::Small,
        FromFetch::SmallFailed(fail()),
        FromFetch::Progress { n: 0, bytes: 1 },
        FromFetch::Sent { n: 0 },
        FromFetch::BlobFailed { n: 0, fail: fail() },
        FromFetch::Welcome,
    ];
    let unpack = [
        FromUnpack::Ready,
        FromUnpack::Index { manifest: digest("m"), size: 1 },
        FromUnpack::Manifest { config: digest("c"), size: 1 },
        FromUnpack::Recipe,
        FromUnpack::Progress { n: 0, written: 1 },
        done(0),
        FromUnpack::Bad { n: 0, fail: fail(), keep: 0 },
        FromUnpack::Settled { n: 0, report: Report::default() },
    ];
    // In each phase: which of them are in turn, by their number above.
    let starting = || Drive::new(true, false);
    let asked = || {
        let mut drive = starting();
        drive.unpacked(&FromUnpack::Ready).expect("ready");
        drive.fetched(&FromFetch::Ready).expect("ready");
        drive
    };
    let judging = || {
        let mut drive = asked();
        drive.fetched(&manifest()).expect("asked for");
        drive
    };
    let small = || {
        let mut drive = judging();
        drive.unpacked(&FromUnpack::Manifest { config: digest("c"), size: 1 }).expect("judged");
        drive
    };
    let configuring = || {
        let mut drive = small();
        drive.fetched(&FromFetch::Small).expect("asked for");
        drive
    };
    let layers = || {
        let mut drive = believing();
        drive.plan(&[false], 1);
        drive.begin(0, true);
        drive
    };
    let stored = || {
        let mut drive = believing();
        drive.plan(&[true], 1);
        drive
    };
    type Made<'a> = &'a dyn Fn() -> Drive;
    let phases: [(&str, Made, &[usize], &[usize]); 8] = [
        ("starting", &starting, &[0], &[0]),
        ("asked", &asked, &[1], &[]),
        ("judging", &judging, &[], &[1, 2]),
        ("small", &small, &[2], &[]),
        ("configuring", &configuring, &[], &[3]),
        ("believing", &believing, &[], &[]),
        ("layers", &layers, &[4, 5, 6], &[4, 5, 6]),
        ("stored", &stored, &[], &[]),
    ];
    for (name, made, of_fetch, of_unpack) in phases {
        for (i, word) in fetch.iter().enumerate() {
            // The one that says why there is none is an error, too.
            assert_eq!(made().fetched(word).is_ok(), of_fetch.contains(&i), "{name}: {word:?}");
        }
        for (i, word) in unpack.iter().enumerate() {
            assert_eq!(made().unpacked(word).is_ok(), of_unpack.contains(&i), "{name}: {word:?}");
        }
    }
    let mut twice = layers();
    twice.fetched(&FromFetch::Sent { n: 0 }).expect("once");
    assert!(twice.fetched(&FromFetch::Sent { n: 0 }).is_err(), "it was sent once");
    assert!(layers().unpacked(&done(7)).is_err() && layers().fetched(&FromFetch::Sent { n: 7 }).is_err());
}
