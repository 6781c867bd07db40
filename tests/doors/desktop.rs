//! `--wayland`, `--x11` and `--audio`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Output, Scene};
use crate::echo::{ANSWER, Echo, hello, listen};
use crate::need;

#[test]
fn wayland_by_either_form_of_its_name() {
    need!("python3");
    let scene = Scene::new();
    let _display = listen(&scene.runtime().join("wayland-7"));
    for name in [PathBuf::from("wayland-7"), scene.runtime().join("wayland-7")] {
        let script = hello("$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY") + "; ls -A $XDG_RUNTIME_DIR";
        let said = scene.kakuri(["--wayland", "sh", "-c", &script]).env("WAYLAND_DISPLAY", name).output();
        assert_eq!(said.ok().text(), format!("{ANSWER}\nwayland-0"));
    }
    let refused = |name: &str, words: &[&str]| {
        scene.kakuri(["--wayland", "true"]).env("WAYLAND_DISPLAY", name).output().refused(125, words);
    };
    refused("wayland-8", &["--wayland", "there is no", "wayland-8", "WAYLAND_DISPLAY"]);
    refused("", &["WAYLAND_DISPLAY is not set"]);
    let lost = scene.kakuri(["--wayland", "true"]).env("WAYLAND_DISPLAY", "wayland-7").env("XDG_RUNTIME_DIR", "");
    lost.output().refused(125, &["XDG_RUNTIME_DIR is not set"]);
}

#[test]
fn sound_by_pulseaudio_before_pipewire() {
    need!("python3");
    let scene = Scene::new();
    let run = |script: &str| scene.kakuri(["--audio", "sh", "-c", script]);
    run("true").output().refused(125, &["--audio", "neither pulse/native nor pipewire-0"]).hints(&["pactl"]);
    let _pipewire = listen(&scene.runtime().join("pipewire-0"));
    let said = run(&(hello("$XDG_RUNTIME_DIR/$PIPEWIRE_REMOTE") + "; echo ${PULSE_SERVER-none}")).output();
    assert_eq!(said.ok().text(), format!("{ANSWER}\nnone"));
    fs::create_dir(scene.runtime().join("pulse")).unwrap();
    let _pulse = listen(&scene.runtime().join("pulse/native"));
    let script = hello("${PULSE_SERVER#unix:}") + "; echo ${PIPEWIRE_REMOTE-none}; ls -A $XDG_RUNTIME_DIR";
    assert_eq!(run(&script).output().ok().text(), format!("{ANSWER}\nnone\npulse"));
    let elsewhere = format!("{{0123}}unix:{}", scene.runtime().join("pulse/native").display());
    assert_eq!(run(&script).env("PULSE_SERVER", elsewhere).output().ok().text(), format!("{ANSWER}\nnone\npulse"));
    run("true").env("PULSE_SERVER", "tcp:far").output().refused(125, &["'tcp:far'", "no socket of this machine"]);
    run("true").env("PULSE_SERVER", "/nowhere").output().refused(125, &["/nowhere", "PULSE_SERVER"]);
}

/// A display that nobody has: its socket, and its folder if that is ours.
struct Display {
    number: u32,
    made: bool,
    _echo: Echo,
}

const FOLDER: &str = "/tmp/.X11-unix";

impl Display {
    fn open() -> Display {
        let made = fs::create_dir(FOLDER).is_ok();
        let number = 4000 + std::process::id() % 10000;
        Display { number, made, _echo: listen(&Path::new(FOLDER).join(format!("X{number}"))) }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = fs::remove_file(Path::new(FOLDER).join(format!("X{}", self.number)));
        if self.made {
            let _ = fs::remove_dir(FOLDER);
        }
    }
}

fn entry(family: u16, address: &[u8], number: &str, data: &[u8]) -> Vec<u8> {
    let mut all = family.to_be_bytes().to_vec();
    for string in [address, number.as_bytes(), b"MIT-MAGIC-COOKIE-1", data] {
        all.extend((string.len() as u16).to_be_bytes());
        all.extend(string);
    }
    all
}

#[test]
fn x11_with_the_one_cookie_of_its_display() {
    need!("python3");
    let scene = Scene::new();
    let display = Display::open();
    let number = display.number.to_string();
    let cookies = [
        entry(256, b"other", "3", b"another's"),
        entry(256, b"host", &number, b"the cookie's"),
        entry(0, b"abcd", &number, b"tcp's"),
    ];
    let file = scene.file("cookies", cookies.concat());
    let script =
        hello("/tmp/.X11-unix/X${DISPLAY#:}") + "; ls -A /tmp/.X11-unix; stat -c %a $XAUTHORITY; cat $XAUTHORITY";
    let run = |authority: &Path| -> Output {
        let run = scene.kakuri(["--x11", "sh", "-c", &script]).env("DISPLAY", format!(":{number}.0"));
        run.env("XAUTHORITY", authority).output()
    };
    let said = run(&file).ok();
    let wanted =
        [format!("{ANSWER}\nX{number}\n600\n").into_bytes(), entry(65535, b"", &number, b"the cookie's")].concat();
    assert_eq!(said.stdout, wanted, "{said}");
    // It is in no document that is shown.
    let shown = |words: &[&str]| {
        let run = scene.kakuri(words).env("DISPLAY", format!(":{number}")).env("XAUTHORITY", &file);
        run.output().ok().text()
    };
    let plan = shown(&["--x11", "--emit", "mount", "true"]);
    assert!(plan.contains("Xauthority") && !plan.contains("cookie's") && !plan.contains("dGhlIGNvb2tpZSdz"), "{plan}");
    let words = shown(&["--x11", "--explain", "true"]);
    assert!(words.contains("door") && words.contains(&format!("X{number}")) && !words.contains("cookie's"), "{words}");
    // Without one the server may know the caller otherwise.
    let said = scene
        .kakuri(["--x11", "sh", "-c", "echo $DISPLAY ${XAUTHORITY-none}"])
        .env("DISPLAY", format!("unix:{number}"));
    assert_eq!(said.output().ok().text(), format!(":{number} none"));
    for broken in [&b"\x01\x00\x00\x09abc"[..], &[0; 3]] {
        run(&scene.file("broken", broken)).refused(125, &["--x11", "broken", "ends within an entry"]);
    }
    run(&scene.folder("folder")).refused(125, &["--x11", "it is no file"]);
}

#[test]
fn x11_on_the_network_is_refused_by_name() {
    let scene = Scene::new();
    for display in ["localhost:10.0", "host:0", "::1:0", "4"] {
        let said = scene.kakuri(["--x11", "true"]).env("DISPLAY", display).output();
        said.refused(125, &["--x11", display, "on the network"]).hints(&["--allow-network"]);
    }
    scene.kakuri(["--x11", "true"]).output().refused(125, &["DISPLAY is not set"]);
    scene.kakuri(["--x11", "true"]).env("DISPLAY", ":3999").output().refused(125, &["/tmp/.X11-unix/X3999"]);
}
