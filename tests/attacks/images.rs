//! The same traps in an image, as its layers hold them.

use crate::common::Scene;
use crate::common::oci::{Entry, Oci, busybox, tar};
use crate::need;
use crate::roots::{LOOK, WORDS, places, sound};
use crate::tree::snapshot;

#[test]
fn an_image_of_traps() {
    need!("busybox");
    let scene = Scene::new();
    scene.file("treasure/passwd", "treasure:x:0:0:treasure:/treasure:/bin/sh\n");
    scene.file("given/file", "given");
    scene.file("data", "data");
    let treasure = scene.folder("treasure");
    let (target, before) = (treasure.display().to_string(), snapshot(&treasure));
    let up = format!("../../../../../../../..{target}");
    let base = busybox();
    let mut layout = Oci::new(&scene.folder("layout"));
    let mut worked = 0;
    for place in places() {
        let folder = format!("{place}/");
        let name = place.rsplit('/').next().unwrap();
        let kinds = [
            ("link", Entry::Link(place, &target)),
            ("up", Entry::Link(place, &up)),
            ("loop", Entry::Link(place, name)),
            ("first", Entry::Link(place, "/proc/1/root/tmp")),
            ("fifo", Entry::Fifo(place)),
            ("file", Entry::File(place, 0o644, b"text")),
            ("closed", Entry::Folder(&folder, 0)),
        ];
        for (kind, entry) in kinds {
            let tag = format!("{}-{kind}", place.replace('/', "-"));
            let config = serde_json::json!({ "WorkingDir": "/work/deep", "Volumes": { "/var/tmp": {} } });
            layout.put(&tag, &[base.clone(), tar(&[entry])], &config);
            let image = layout.name(&tag);
            let words = ["--rm", "--image", &image].into_iter().chain(WORDS);
            let words = ["run"].into_iter().chain(words).chain([
                "/bin/busybox",
                "timeout",
                "10",
                "/bin/busybox",
                "sh",
                "-c",
                LOOK,
            ]);
            let always = std::env::var("KAKURI_TEST_ALWAYS").unwrap_or_default();
            let words: Vec<&str> = words.collect();
            let run =
                scene.program(crate::common::KAKURI).arg(words[0]).args(always.split_whitespace()).args(&words[1..]);
            let said = run.output();
            sound(&said, &tag);
            worked += usize::from(said.code() == 0);
            assert_eq!(snapshot(&treasure), before, "{tag}");
        }
    }
    assert!(worked > places().count(), "{worked}");
}
