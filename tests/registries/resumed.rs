//! Pulls that end in the middle of a layer: the next one asks for what is missing, by Range (RFC 9110, section 14.2), and
//! for not one byte that has come.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::common::live::signal;
use crate::common::oci::{Entry, noise};
use crate::common::{HANG, KAKURI, Output, Scene, skip, until};
use crate::lying::Answer;
use crate::served::{Of, Served};
use crate::{names, need, nothing_is_here, store, system};

const POINTS: usize = 20;

/// A little more than its programs.
fn served() -> Served {
    Served::new(system(&[Entry::File("noise", 0o644, &noise(1_500_000, 11))]))
}

/// So many bytes, and then nothing more; the connection stays.
fn stalls_after(served: &Served, cut: usize) {
    served.becomes(move |_, of, honest| {
        let whole = honest.body.len();
        let body = honest.body.iter().copied().take(cut).collect();
        if of == Of::Layer { Answer { body, ..honest }.promising(whole).stalling() } else { honest }
    });
}

/// Bytes of the layer that are on disk, while a pull is at it.
fn come(scene: &Scene) -> u64 {
    let size = |name: &String| fs::metadata(store(scene).join("work").join(name).join("0.blob")).map_or(0, |m| m.len());
    names(scene, "work").iter().map(size).sum()
}

/// It is the image, byte for byte.
#[track_caller]
fn is_whole(scene: &Scene, name: &str) {
    let said = scene.kakuri(["run", "--pull", "never", "--image", name, "md5sum", "/noise"]).output().ok();
    let file = scene.file("noise", noise(1_500_000, 11));
    let sum = scene.program("md5sum").arg(file).output().ok().text();
    assert_eq!(said.text().split(' ').next(), sum.split(' ').next(), "{said}");
}

#[test]
fn killed_at_twenty_points_it_goes_on_from_there() {
    need!("busybox");
    let scene = Scene::new();
    let served = served();
    let name = served.name();
    let mut before = 0;
    for n in 1..=POINTS {
        let cut = served.layer.len() * n / (POINTS + 1);
        stalls_after(&served, cut);
        let run = scene.kakuri(["pull", "-q", &name]).stdout(Stdio::null()).stderr(Stdio::null());
        let child = run.spawn();
        assert!(until(HANG, || come(&scene) == cut as u64), "{} of {cut} bytes came", come(&scene));
        signal(child.id() as i32, libc::SIGKILL);
        Output::of(child);
        // What is half of it is no image.
        scene.kakuri(["run", "--pull", "never", "--image", &name, "true"]).output().refused(125, &["is not here"]);
        served.is_honest();
        scene.kakuri(["pull", "-q", &name]).output().ok();
        assert_eq!(served.asked()[before..], [0, cut], "point {n}");
        before = served.asked().len();
        is_whole(&scene, &name);
        scene.kakuri(["image", "rm", "-f", &name]).output().ok();
        nothing_is_here(&scene, "removed");
        assert_eq!(names(&scene, "partial"), [""; 0], "point {n}");
    }
}

#[test]
fn a_network_that_is_cut_costs_nothing_that_has_come() {
    need!("busybox");
    let scene = Scene::new();
    let served = served();
    let (name, cut) = (served.name(), 1_000_000);
    let mut first = true;
    served.becomes(move |_, of, honest| {
        let whole = honest.body.len();
        match of {
            Of::Layer if std::mem::take(&mut first) => {
                let body = honest.body.iter().copied().take(cut).collect();
                Answer { body, ..honest }.promising(whole)
            }
            // Nobody answers any more.
            Of::Layer => Answer { raw: Some(Vec::new()), ..honest },
            _ => honest,
        }
    });
    scene.kakuri(["pull", "-q", &name]).output().refused(1, &[&name]);
    nothing_is_here(&scene, "cut");
    assert!(served.asked()[1..].iter().all(|from| *from == cut), "{:?}", served.asked());
    served.is_honest();
    let before = served.asked().len();
    scene.kakuri(["pull", "-q", &name]).output().ok();
    assert_eq!(served.asked()[before..], [cut]);
    is_whole(&scene, &name);
}

/// In a namespace of its own, with a disk that has room for the layer and not for what is unpacked of it.
const SCRIPT: &str = r#"
set -eu
kakuri=$0 disk=$1 name=$2
mount -t tmpfs -o size=32m,mode=0700 none "$disk"
head -c $(( 28 << 20 )) /dev/zero >"$disk/.filler"
if "$kakuri" pull --userns single -q "$name" >out 2>err; then echo "the disk was not full"; exit 1; fi
[ ! -s out ] || { echo "on standard output: $(cat out)"; exit 1; }
grep -qE 'space|free' err && grep -q hint err || { echo "not said: $(cat err)"; exit 1; }
rm "$disk/.filler"
"$kakuri" pull --userns single -q "$name" >/dev/null
"$kakuri" run --userns single --pull never --image "$name" cat /etc/os-release
"#;

#[test]
fn a_full_disk_keeps_what_has_come() {
    need!("busybox");
    let scene = Scene::new();
    let served = served();
    fs::create_dir_all(store(&scene)).unwrap();
    let run = scene.program("unshare").args(["-Urm", "sh", "-c", SCRIPT, KAKURI]).arg(store(&scene)).arg(served.name());
    let output = run.limit(Duration::from_secs(120)).output();
    if output.err().starts_with("unshare:") || output.err().starts_with("mount:") {
        return skip(format_args!("a full disk: {}", output.err().trim()));
    }
    assert_eq!(output.ok().text(), crate::RELEASE);
    // The second question is for the rest, or nothing was left to be asked for.
    let asked = served.asked();
    assert!(asked[0] == 0 && asked[1..].iter().all(|from| *from > 0) && asked.len() <= 2, "{asked:?}");
}
