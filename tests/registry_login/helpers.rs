//! Programs that keep logins: asked, told, and not believed.

use std::fs;

use kakuri::image::access::Access;
use kakuri::image::access::credentials::find;
use kakuri::image::access::login::{Kept, Registry, forget, keep};

use crate::common::Scene;
use crate::{SECRET, basic, host, put, shown};

/// One that keeps what it is told below the work folder, and how it was called.
const KEEPER: &str = r#"#!/bin/sh
cd "$(dirname "$0")/../kept" || exit 9
printf '%s\n' "$@" "$(tr '\0' ' ' </proc/$PPID/cmdline)" >>called; env >>called
said=$(cat)
case $1 in
store) file=$(printf %s "$said" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/' | tr / _); printf %s "$said" >"$file";;
get) file=$(printf %s "$said" | tr / _); [ -e "$file" ] || { echo credentials not found in native keychain; exit 1; }; cat "$file";;
erase) rm "$(printf %s "$said" | tr / _)";;
esac
"#;

fn helper(scene: &Scene, name: &str, script: &str) {
    crate::common::write_program(&scene.work().join(format!("bin/docker-credential-{name}")), script);
}

fn registry(typed: &str) -> Registry {
    Registry::parse(typed.as_bytes()).expect(typed)
}

#[test]
fn a_helper_keeps_and_gives_and_forgets() {
    let scene = Scene::new();
    scene.folder("kept");
    helper(&scene, "keeper", KEEPER);
    let host = host(&scene);
    let file = scene.runtime().join("containers/auth.json");
    for (text, typed, server) in [
        (r#"{"credHelpers": {"r.org:5000": "keeper"}, "x": 1}"#, "r.org:5000", "r.org:5000"),
        (r#"{"credsStore": "keeper"}"#, "docker.io", "https:__index.docker.io_v1_"),
    ] {
        put(&file, text);
        let bytes = file.as_os_str().as_encoded_bytes();
        let registry = registry(typed);
        let who = || find(&registry.name, "x", &Access::default(), &host).map(shown).unwrap();
        assert_eq!(who(), "nobody");
        let kept = keep(bytes, &registry, &basic("me", SECRET), &host).unwrap();
        assert_eq!(kept, Kept::Helper("docker-credential-keeper".into()));
        assert!(scene.work().join("kept").join(server).exists(), "{server}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "the file is as it was");
        assert_eq!(who(), format!("me:{SECRET}"));
        assert_eq!(forget(bytes, &registry, &host).unwrap(), [kept]);
        assert_eq!((who(), forget(bytes, &registry, &host).unwrap()), ("nobody".into(), vec![]));
    }
    // Neither its arguments nor its environment nor the command line of who called it.
    let called = fs::read_to_string(scene.work().join("kept/called")).unwrap();
    assert!(called.starts_with("get\n") && !called.contains(SECRET), "{called}");
}

#[test]
fn what_a_helper_may_say() {
    let scene = Scene::new();
    let host = host(&scene);
    put(
        scene.home().join(".docker/config.json"),
        "{\n\"credHelpers\": {\"r.org\": \"h\"},\n\"auths\": {\"r.org\": {}}}",
    );
    let who = || match find("r.org", "x", &Access::default(), &host) {
        Ok(login) => shown(login),
        Err(fail) => fail.to_string(),
    };
    let missing = who();
    assert!(missing.contains("docker-credential-h was not found") && missing.contains("config.json:2"), "{missing}");
    for (script, want) in [
        (r#"echo '{"ServerURL": "x", "Username": "u", "Secret": "s"}'"#, "u:s"),
        (r#"echo '{"Username": "<token>", "Secret": "t"}'"#, "token t"),
        (r#"echo '{"Username": "", "Secret": ""}'"#, "nobody"),
        ("echo credentials not found in native keychain; exit 1", "nobody"),
        ("echo geheim", "docker-credential-h talks nonsense"),
        (r#"echo '{"Secret": "geheim"}'"#, "docker-credential-h talks nonsense"),
        ("exit 0", "docker-credential-h talks nonsense"),
        ("echo pass is not set up; exit 1", "cannot get the login of 'r.org': pass is not set up"),
        ("exit 3", "cannot get the login of 'r.org': it gave no reason"),
        ("kill -9 $$", "cannot get the login of 'r.org'"),
    ] {
        helper(&scene, "h", &format!("#!/bin/sh\n{script}\n"));
        let said = who();
        assert!(said.contains(want) && !said.contains("geheim"), "{script}: {said}");
    }
    put(scene.work().join("bin/docker-credential-h"), "\0\0");
    let said = who();
    assert!(said.contains("docker-credential-h cannot be started"), "{said}");
}

/// Only the helpers of registries that are asked are run.
#[test]
fn no_other_helper_is_run() {
    let scene = Scene::new();
    helper(&scene, "bomb", "#!/bin/sh\ntouch \"$(dirname \"$0\")/ran\"\n");
    put(
        scene.home().join(".docker/config.json"),
        r#"{"credHelpers": {"other.org": "bomb"}, "auths": {"r.org": {"auth": "YTpi"}}}"#,
    );
    assert_eq!(find("r.org", "x", &Access::default(), &host(&scene)).map(shown).unwrap(), "a:b");
    assert!(!scene.work().join("bin/ran").exists());
}
