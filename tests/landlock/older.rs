//! Where there is no Landlock: here the one of a container around, whose filter hides it as a kernel without it would.

use std::path::Path;

use super::at_least;
use crate::common::{KAKURI, Scene};

/// A profile that hides Landlock and refuses nothing else.
const HIDING: &str = r#"{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
    { "names": ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"],
      "action": "SCMP_ACT_ERRNO", "errnoRet": 38 } ] }"#;

#[test]
fn it_is_said_or_refused() {
    if !at_least(1, "without") {
        return;
    }
    let scene = Scene::new();
    let profile = format!("seccomp={}", scene.file("hide.json", HIDING).display());
    let programs = format!("{}:ro", Path::new(KAKURI).parent().unwrap().display());
    let inner = |words: &[&str]| {
        let outer = ["--nest", "--security-opt", &profile, "--bind", &programs, "--", KAKURI];
        scene.kakuri(outer.iter().chain(words)).output()
    };
    let rules = ["--landlock-rx", "/", "--landlock-tcp-bind", "80"];
    let said = inner(&[&rules[..], &["sh", "-c", "touch /tmp/x && echo ran"]].concat()).ok();
    assert_eq!(said.text(), "ran");
    // One line, which names all that does not hold.
    assert_eq!(said.err().lines().count(), 1, "{said}");
    for part in ["fs: takes version 1", "tcp.bind: takes version 4, Linux 6.7", "no Landlock"] {
        assert!(said.err().contains(part), "{said}");
    }
    let said = inner(&[&rules[..], &["--require", "landlock", "true"]].concat());
    assert_eq!(said.code(), 125, "{said}");
    assert!(said.err().contains("'landlock' is absent") && said.err().contains("CONFIG_SECURITY_LANDLOCK"), "{said}");
    // Nobody who did not ask hears of it.
    assert_eq!(inner(&["true"]).ok().err(), "");
}
