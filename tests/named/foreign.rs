//! A caller in another user namespace than the container's supervisor.

use crate::common::Scene;

#[test]
fn is_told_why_it_is_not_heard() {
    crate::need!("unshare");
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start -d web").output().ok();
    for verb in ["exec web true", "shell web", "stop web", "exec -d web true", "attach web"] {
        let mut words = vec!["-Ur", crate::common::KAKURI];
        words.extend(verb.split(' '));
        let output = scene.program("unshare").args(words).output();
        assert!(output.code() != 0 && output.err().contains("different user namespaces"), "{verb}: {output}");
    }
    assert_eq!(scene.state("web"), "running");
    scene.say("stop -t0 web").output().ok();
}
