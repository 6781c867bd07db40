//! Pulls from a registry of this machine: the same image as from a folder, and what a killed fetcher leaves is gone on with.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::common::live::below;
use super::common::live::signal;
use super::common::registry::Registry;
use super::common::{Output, Scene};
use super::{names, nothing_in_work, pull, runnable, runs};
use crate::need;

#[test]
fn a_registry_and_a_fetcher_that_is_killed_at_every_word() {
    need!("docker-registry", "skopeo", "busybox");
    let scene = Scene::new();
    let registry = Registry::new(&scene);
    registry.push(&scene, &runnable(&scene), "latest", "public/test:latest");
    let name = &format!("{}/public/test:latest", registry.host);
    let digest = pull(&scene, name).ok().text();
    runs(&scene, name);
    let by_digest = format!("{}@{digest}", name.trim_end_matches(":latest"));
    assert_eq!(pull(&scene, &by_digest).ok().text(), digest);
    scene.kakuri(["image", "rm", "-f", &digest]).output().ok();
    let mut all = usize::MAX;
    let mut words = 1;
    while words <= all {
        let run = scene.kakuri(["pull", name]).env("KAKURI_LOG", "trace");
        let mut child = run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut said = 0;
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let Ok(_) = line else { break };
            said += 1;
            if said == words
                && let Some(helper) = below(child.id() as i32, "kakuri-image [fetch]")
            {
                signal(helper, libc::SIGKILL);
            }
        }
        let code = Output::of(child).code();
        assert!([0, 1].contains(&code), "after {words} words: {code}");
        if code == 0 && words > 20 {
            all = all.min(said);
        }
        assert_eq!(pull(&scene, name).ok().text(), digest, "after {words} words");
        runs(&scene, name);
        assert_eq!(names(&scene, "partial"), [""; 0], "after {words} words");
        nothing_in_work(&scene);
        scene.kakuri(["image", "rm", "-f", name]).output().ok();
        words += 2;
    }
}
