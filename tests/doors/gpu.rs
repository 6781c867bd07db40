//! `--gpu`: on machines without one by devices that have the names of a GPU's, in a sandbox of bubblewrap's.

use crate::common::{KAKURI, Run, Scene, have, skip};
use crate::need;

/// kakuri where /dev has these names, each of which is /dev/null.
fn among(scene: &Scene, names: &[&str]) -> Run {
    let mut run = scene.program("bwrap").args(["--dev-bind", "/", "/", "--dev", "/dev"]);
    for name in names {
        run = run.args(["--dev-bind", "/dev/null", &format!("/dev/{name}")]);
    }
    run.args([KAKURI, "--gpu"])
}

#[test]
fn its_devices_are_shown_and_work() {
    need!("bwrap");
    let scene = Scene::new();
    let all = [
        "dri/card0",
        "dri/renderD128",
        "kfd",
        "nvidia0",
        "nvidiactl",
        "nvidia-caps/nvidia-cap1",
        "nvidia-other",
        "video0",
    ];
    let script = "cd /dev; ls -d dri/* kfd nvidia* video0 2>/dev/null; echo x > dri/renderD128 && echo x > nvidia0 && echo wrote; \
                  chmod 600 dri/renderD128 kfd 2>&1 | grep -c Read-only; ls /sys/dev/char >/dev/null && echo sys";
    let said = among(&scene, &all).args(["sh", "-c", script]).output();
    let wanted = "dri/card0\ndri/renderD128\nkfd\nnvidia-caps\nnvidia0\nnvidiactl\nwrote\n2\nsys";
    assert_eq!(said.ok().text(), wanted);
    let words = among(&scene, &all).args(["--explain", "true"]).output().ok().text();
    assert!(words.contains("gpu: /dev/dri /dev/kfd /dev/nvidia-caps /dev/nvidia0 /dev/nvidiactl"), "{words}");
}

#[test]
fn without_one_it_says_what_was_looked_for() {
    let scene = Scene::new();
    if have("bwrap") {
        // A driver and no device of it.
        for names in [&[][..], &["nvidiactl"], &["nvidia-uvm"]] {
            among(&scene, names).arg("true").output().refused(125, &["--gpu", "/dev/dri", "/dev/nvidia0", "/dev/kfd"]);
        }
    } else {
        skip("bwrap is not installed");
    }
}
