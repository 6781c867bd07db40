//! A double in the place of kakuri-netns, for what it says before the container stands.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;

use super::common::{self, HANG, Output, Run, Scene};
use super::outer::have;
use crate::need;

const TROUBLE: &str = r#"{\"Trouble\": {\"stage\": \"netns\", \"what\": \"a word in good time\", \"code\": 125}}"#;

/// The helpers, with a minder that makes no network, does these things in C, and ends with its link.
fn double(scene: &Scene, name: &str, does: &str) -> PathBuf {
    let folder = scene.folder(name);
    let source = scene.file(
        &format!("{name}.c"),
        format!(
            r#"
            #include <string.h>
            #include <sys/socket.h>
            static int say(const char *text) {{ return send(3, text, strlen(text), MSG_NOSIGNAL) > 0; }}
            static int hear(void) {{ char text[65536]; return recv(3, text, sizeof text, 0) > 0; }}
            int main(void) {{ hear(); hear(); {does} while (hear()); return 0; }}
            "#
        ),
    );
    let built = scene.program("cc").arg("-o").arg(folder.join("kakuri-netns")).arg(source).output();
    assert_eq!(built.code(), 0, "{built}");
    fs::copy(common::MOUNT, folder.join("kakuri-mount")).unwrap();
    fs::copy(common::INIT, folder.join("kakuri-init")).unwrap();
    folder
}

/// Its first line on standard error, while it runs.
#[track_caller]
fn first_word(run: Run) -> String {
    let mut child = run.stdin(Stdio::piped()).spawn();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let (send, line) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = stderr.read_line(&mut line);
        let _ = send.send(line);
        let _ = stderr.read_to_end(&mut Vec::new());
    });
    let line = line.recv_timeout(HANG);
    // What it reads ends, and it with that.
    drop(child.stdin.take());
    let output = Output::of(child);
    line.unwrap_or_else(|_| panic!("nothing was said: {output}"))
}

#[test]
fn what_is_said_before_the_container_stands_is_told_at_once() {
    need!("cc");
    if !have("slirp4netns") {
        return;
    }
    let scene = Scene::new();
    let folder = double(&scene, "early", &format!("say(\"{TROUBLE}\"); say(\"\\\"Running\\\"\");"));
    let kakuri = |line: &str| scene.say(line).env("KAKURI_LIBEXEC", &folder);
    assert!(first_word(kakuri("--network slirp4netns cat")).contains("a word in good time"));
    kakuri("create --network slirp4netns web").output().ok();
    assert!(first_word(kakuri("start web cat")).contains("a word in good time"));
    // And to the log, where nobody is there to hear it.
    kakuri("start -d web").output().ok();
    kakuri("stop --time 0 web").output().ok();
    let events = scene.say("logs web").output().ok();
    let told = events.err().matches("a word in good time").count();
    assert_eq!(told, 2, "{events}");
}
