//! Every example of the README and of the pages beside it is run as it stands there. A block says what it is: `sh` is typed, `console` is typed
//! and answered, `toml` is read by what reads it, `rust` is run by the documentation tests (kakuri/src/lib.rs), `text` is nothing of these. What `sh`
//! needs follows it: `terminal` is typed at one, `limits` needs control groups of the caller's, `image` a registry (here one of this machine's in
//! docker.io's place). What runs nowhere here says why too ([`LEFT_OUT`]), and is counted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use common::oci::{Entry, Oci, busybox, tar};
use common::registry::Registry;
use common::{KAKURI, Pty, Run, Scene, skip};

const README: &str = include_str!("../README.md");

/// Each with its name.
const PAGES: &[(&str, &str)] = &[
    ("README.md", README),
    ("kakuri/docs/architecture.md", include_str!("../kakuri/docs/architecture.md")),
    ("kakuri/docs/calls.md", include_str!("../kakuri/docs/calls.md")),
    ("kakuri/docs/comparison.md", include_str!("../kakuri/docs/comparison.md")),
    ("kakuri/docs/config-file.md", include_str!("../kakuri/docs/config-file.md")),
    ("kakuri/docs/contributing.md", include_str!("../kakuri/docs/contributing.md")),
    ("kakuri/docs/doors.md", include_str!("../kakuri/docs/doors.md")),
    ("kakuri/docs/images.md", include_str!("../kakuri/docs/images.md")),
    ("kakuri/docs/library.md", include_str!("../kakuri/docs/library.md")),
    ("kakuri/docs/limits.md", include_str!("../kakuri/docs/limits.md")),
    ("kakuri/docs/nesting.md", include_str!("../kakuri/docs/nesting.md")),
    ("kakuri/docs/security.md", include_str!("../kakuri/docs/security.md")),
    ("kakuri/docs/vpn.md", include_str!("../kakuri/docs/vpn.md")),
];

/// Files beside them that describe containers.
const BOXES: &[(&str, &str)] = &[
    ("box.toml", include_str!("../kakuri/docs/box.toml")),
    ("limits.toml", include_str!("../kakuri/docs/limits.toml")),
];

/// What is not run: how often there is one, and why.
const LEFT_OUT: &[(&str, usize, &str)] = &[
    ("asked", 1, "a person is asked, and a registry of the internet"),
    ("desktop", 1, "a desktop's sockets are wanted: tests/doors has doubles of them"),
    ("elsewhere", 1, "another machine or another program is wanted"),
    ("install", 9, "continuous integration runs it on a fresh machine, or a developer"),
    ("network", 3, "the internet is wanted"),
    ("sudo", 2, "root of the machine is wanted"),
];

/// The blocks of a language: what follows it on the fence, and the text.
fn blocks(page: &str, language: &str) -> Vec<(String, String)> {
    all_blocks(page)
        .into_iter()
        .filter_map(|(info, text)| {
            let (name, needs) = info.split_once(' ').unwrap_or((&info, ""));
            (name == language).then(|| (needs.to_string(), text))
        })
        .collect()
}

/// What stands on the fence, and the text. A block of a list is indented.
fn all_blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines().map(|line| if line.trim_start().starts_with("```") { line.trim_start() } else { line }) {
        match (line.strip_prefix("```"), open.take()) {
            (Some(info), None) => open = Some((info.to_string(), String::new())),
            (Some(_), Some(block)) => found.push(block),
            (None, Some((info, text))) => open = Some((info, text + line + "\n")),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// A folder and a home as the examples speak of.
fn reader(scene: &Scene) {
    scene.file("script.py", "print(sum(range(10)))\n");
    scene.file("Makefile", "all:\n\t@echo made\n");
    scene.file("config/service.conf", "on\n");
    BOXES.iter().for_each(|(file, text)| drop(scene.file(file, text)));
    let home = scene.home();
    for file in ["projects/one", "data/numbers", ".cache/x", ".cargo/y", ".rustup/z"] {
        let path = home.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "text\n").unwrap();
    }
    let (_, config) = blocks(README, "toml").into_iter().next().expect("the README shows a configuration");
    fs::create_dir_all(home.join(".config/container")).unwrap();
    fs::write(home.join(".config/container/config.toml"), config).unwrap();
    // A VPN nobody answers from (RFC 5737).
    let vpn = "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\nAddress = 10.7.0.2/32\n\
        DNS = 10.7.0.1\n[Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n\
        AllowedIPs = 0.0.0.0/0\nEndpoint = 192.0.2.1:51820\n";
    scene.file("wg.conf", vpn);
    fs::create_dir_all(home.join(".config/wireguard")).unwrap();
    fs::write(home.join(".config/wireguard/work.conf"), vpn).unwrap();
    // What `kakuri -- version` runs.
    scene.script("bin/version", "#!/bin/sh\necho this one\n");
}

/// A registry with the images the examples name, asked in docker.io's place.
fn hub(scene: &Scene) -> Registry {
    let registry = Registry::new(scene);
    let mut oci = Oci::new(&scene.work().join("oci"));
    let release = tar(&[Entry::File("etc/os-release", 0o644, b"ID=alpine\n")]);
    oci.put("3.20", &[busybox(), release], &serde_json::json!({ "Cmd": ["sh"], "Env": ["PATH=/bin"] }));
    registry.push(scene, &oci, "3.20", "library/alpine:3.20");
    let file = scene.home().join(".config/containers/registries.conf");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, format!("[[registry]]\nprefix = \"docker.io\"\nlocation = \"{}\"\n", registry.host)).unwrap();
    registry
}

fn with_kakuri(scene: &Scene, run: Run) -> Run {
    let programs = Path::new(KAKURI).parent().unwrap().display().to_string();
    let bin = scene.work().join("bin").display().to_string();
    run.env("PATH", format!("{programs}:{bin}:/usr/local/bin:/usr/bin:/bin"))
}

#[test]
fn every_example_runs() {
    for (name, page) in PAGES {
        let run = every_example_of(name, page);
        assert!(*name != "README.md" || run > 15, "only {run} examples found");
    }
}

/// One after the other, as a reader types them. How many there were.
fn every_example_of(page: &str, text: &str) -> usize {
    let scene = Scene::new();
    reader(&scene);
    let mut run = 0;
    for (needs, text) in blocks(text, "sh") {
        match needs.as_str() {
            "" => {
                for line in text.lines().filter(|l| !l.trim().is_empty()) {
                    if line.contains("make") && !common::have("make")
                        || line.contains("python3") && !common::have("python3")
                    {
                        skip(format_args!("{page}: `{line}` needs a program that is not installed"));
                        continue;
                    }
                    if line.contains("--userns range") && common::sub_ids(&format!("{page}: `{line}`")).is_none() {
                        continue;
                    }
                    let tunnel = line.contains("vpn") || line.contains("office");
                    if tunnel && fs::File::options().read(true).write(true).open("/dev/net/tun").is_err() {
                        skip(format_args!("{page}: `{line}` needs /dev/net/tun"));
                        continue;
                    }
                    let ruled = line.contains("landlock") || line.contains("--require all");
                    if ruled
                        && scene.kakuri(["--require", "landlock", "--landlock-rx", "/", "true"]).output().code() != 0
                    {
                        skip(format_args!("{page}: `{line}` needs Landlock"));
                        continue;
                    }
                    // The one example that runs a program the reader would have to have.
                    let line = line.replace("kakuri -- version", "kakuri --bind bin:/usr/local/bin:ro -- version");
                    let output = with_kakuri(&scene, scene.program("sh")).args(["-c", &line]).output();
                    assert_eq!(output.code(), 0, "{page}: {line}\n{output}");
                    run += 1;
                }
            }
            "terminal" => {
                let mut terminal = Pty::start(with_kakuri(&scene, scene.program("sh")).args(["-c", &text]));
                terminal.send("echo i''nside; exit 7\r");
                terminal.expect("inside");
                assert_eq!(terminal.wait().code(), Some(7), "{page}: {text}");
                run += 1;
            }
            "image" if !["docker-registry", "skopeo", "busybox"].iter().all(|name| common::have(name)) => {
                skip(format_args!("{page}: `{}` needs a registry", text.trim()));
            }
            "image" => {
                let _registry = hub(&scene);
                for line in text.lines().filter(|line| !line.trim().is_empty()) {
                    let output = with_kakuri(&scene, scene.program("sh")).args(["-c", line]).output();
                    assert_eq!(output.code(), 0, "{page}: {line}\n{output}");
                    run += 1;
                }
            }
            // What a scene's user has been delegated is seldom anything: tests/vm/limits runs the like.
            "limits" if scene.kakuri(["--explain", "--memory", "512m", "--cpus", "1", "true"]).output().code() != 0 => {
                skip(format_args!("{page}: `{}` needs control groups that are delegated", text.trim()));
            }
            "limits" => {
                for line in text.lines().filter(|line| !line.trim().is_empty()) {
                    let output = with_kakuri(&scene, scene.program("sh")).args(["-c", line]).output();
                    assert_eq!(output.code(), 0, "{page}: {line}\n{output}");
                    run += 1;
                }
            }
            other => assert!(is_left_out(other), "{page} marks a block '{other}', which this test does not know"),
        }
    }
    run
}

fn is_left_out(needs: &str) -> bool {
    LEFT_OUT.iter().any(|(name, ..)| *name == needs)
}

/// A block is run, or says why not; nothing that is to be typed hides in a block that is only looked at. What is left out is
/// at least a command line of ours, where it is one.
#[test]
fn no_example_is_left_out_in_silence() {
    let mut left_out: Vec<&str> = Vec::new();
    for (name, page) in PAGES {
        for (info, text) in all_blocks(page) {
            let (language, needs) = info.split_once(' ').unwrap_or((&info, ""));
            match language {
                "sh" | "console" => {
                    let Some((known, ..)) = LEFT_OUT.iter().find(|(known, ..)| *known == needs) else { continue };
                    left_out.push(known);
                    let usual = [
                        "cargo install",
                        "cargo build",
                        "cargo test",
                        "cp target/release",
                        "tests/run",
                        "tests/bench/run",
                    ];
                    assert!(*known != "install" || usual.iter().any(|w| text.contains(w)), "who runs this? {text}");
                    for line in text.lines().map(|line| line.trim_start_matches("$ ")) {
                        understood(name, line);
                    }
                }
                // Run by the documentation tests, and below.
                "rust" | "toml" => {}
                "text" => {
                    let typed = |line: &&str| ["kakuri ", "$ ", "sudo ", "cargo "].iter().any(|w| line.starts_with(w));
                    assert_eq!(text.lines().find(typed), None, "{name}: a command stands in a block of text");
                }
                other => panic!("{name} has a block that does not say what it is ('{other}'): {text}"),
            }
        }
    }
    for (name, count, why) in LEFT_OUT {
        let found = left_out.iter().filter(|found| *found == name).count();
        assert_eq!(found, *count, "blocks marked {name} ({why})");
    }
    assert!(include_str!("../kakuri/src/lib.rs").contains("docs/library.md"), "who runs the examples in Rust?");
    for (name, page) in PAGES {
        let rust = blocks(page, "rust").len();
        let page = name.trim_start_matches("kakuri/");
        let run = ["README.md", "docs/library.md", "docs/config-file.md"].contains(&page);
        assert!(rust == 0 || run, "{name}: who runs its Rust?");
    }
}

#[test]
fn every_page_is_among_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kakuri/docs");
    for file in fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let is_page = PAGES.iter().any(|(page, _)| page.strip_prefix("kakuri/docs/") == Some(&name));
        assert!(is_page || BOXES.iter().any(|(file, _)| *file == name), "nobody runs {name}");
    }
    // What lies there to be copied is what is shown.
    for (name, text) in BOXES {
        let shown = |page: &str| blocks(page, "toml").iter().any(|(_, block)| block.trim_end() == text.trim_end());
        assert!(PAGES.iter().any(|(_, page)| shown(page)), "no page shows {name}");
    }
}

/// `kakuri ...` as far as it is one command, by the program's own reader.
fn understood(page: &str, line: &str) {
    let words = line.split_whitespace().take_while(|word| !["|", "#"].contains(word) && !word.starts_with(['<', '>']));
    let words: Vec<std::ffi::OsString> = words.map(Into::into).collect();
    if words.first().is_some_and(|word| word == "kakuri") {
        assert!(kakuri::cli::parse(&words).is_ok(), "{page}: kakuri does not understand: {line}");
    }
}

/// `$ COMMAND`, and what it says.
#[test]
fn transcripts_are_what_is_said() {
    for (name, page) in PAGES {
        for (needs, text) in blocks(page, "console") {
            if is_left_out(&needs) {
                continue;
            }
            let scene = Scene::new();
            let (command, said) = text.strip_prefix("$ ").and_then(|text| text.split_once('\n')).expect("a command");
            let output = with_kakuri(&scene, scene.program("sh")).args(["-c", &format!("{command} 2>&1")]).output();
            assert_eq!(output.text(), said.trim_end(), "{name}: {command}");
        }
    }
}

/// What a page shows of a file is read by what reads the file.
#[test]
fn files_that_are_shown_can_be_read() {
    for (name, page) in PAGES {
        for (_, text) in blocks(page, "toml") {
            let scene = Scene::new();
            if text.contains("[[registry]]") {
                let file = scene.home().join(".config/containers/registries.conf");
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(&file, &text).unwrap();
                let refused = scene.kakuri(["pull", "registry.example.com/old/app"]).output();
                assert!(refused.err().contains("blocks 'registry.example.com/old'"), "{name}: {refused}");
            } else if text.contains("[dependencies]") {
                assert!(text.parse::<toml::Table>().unwrap()["dependencies"].get("kakuri").is_some(), "{name}: {text}");
            } else if BOXES.iter().any(|(_, file)| file.trim_end() == text.trim_end()) {
                BOXES.iter().for_each(|(file, text)| drop(scene.file(file, text)));
                fs::create_dir_all(scene.home().join(".cache")).unwrap();
                let file = scene.file("shown.toml", &text);
                scene.kakuri(["--config-file", file.to_str().unwrap(), "--explain", "true"]).output().ok();
            } else {
                let file = scene.file("config.toml", &text);
                scene.kakuri(["config", "check", "--config", file.to_str().unwrap()]).output().ok();
            }
        }
    }
}

#[test]
fn the_commands_it_gives_to_build_and_test_exist() {
    let install = blocks(README, "sh")
        .into_iter()
        .filter(|(needs, _)| needs == "install")
        .map(|(_, text)| text)
        .collect::<String>();
    let manifest = include_str!("../Cargo.toml");
    for program in ["kakuri", "kakuri-image", "kakuri-mount", "kakuri-netns", "kakuri-init"] {
        assert!(manifest.contains(&format!("name = \"{program}\"")), "{program} is no program of the package");
        assert!(install.contains(&format!("target/release/{program}")), "{program} is not copied");
    }
    assert!(install.contains("tests/run"));
    // The very line continuous integration runs.
    assert!(include_str!("../.ci/run").contains("--path . --target x86_64-unknown-linux-musl"));
    assert!(include_str!("../.ci/run").contains("kakuri/packaging/build-deb") && install.contains("build-deb"));
}

/// The listing is the one `ps` really gives.
#[test]
fn the_process_listing_is_real() {
    need!("ps");
    let scene = Scene::alone();
    let shown: Vec<&str> =
        README.lines().filter(|l| l.ends_with("sleep 1000") || l.ends_with("kakuri-init [sleep]")).collect();
    let mut child = with_kakuri(&scene, scene.program(KAKURI)).args(["sleep", "1000"]).spawn();
    let mut seen = String::new();
    let listed = common::until(common::HANG, || {
        seen = scene.program("ps").args(["-eo", "pid,ppid,user:8,args", "--forest"]).output().ok().text();
        let row = |line: &str| -> Vec<u32> { line.split_whitespace().take(2).filter_map(|f| f.parse().ok()).collect() };
        let Some(at) = seen.lines().position(|l| row(l) == [child.id(), std::process::id()]) else { return false };
        let tail = |line: &str| line.rsplit("\\_ ").next().unwrap().trim().to_string();
        let real: Vec<String> = seen.lines().skip(at + 1).take(2).map(tail).collect();
        let told: Vec<String> = shown.iter().skip(1).map(|l| tail(l)).collect();
        real.len() == 2 && real == told
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(listed, "README:\n{}\nps:\n{seen}", shown.join("\n"));
}

/// A document that points nowhere, or that was never filled in, is caught here.
#[test]
fn its_links_lead_somewhere_and_nothing_is_left_to_fill_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, page) in PAGES {
        assert!(!page.contains("TODO") && !page.contains("XXX"), "{name}");
        let folder = root.join(name).parent().unwrap().to_path_buf();
        for part in page.split("](").skip(1) {
            let target = part.split([')', '#']).next().unwrap();
            if target.starts_with("http") || target.is_empty() {
                continue;
            }
            match fs::metadata(folder.join(target)) {
                Ok(_) => {}
                // A checkout the test user may not enter says nothing about the link.
                Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                    skip(format_args!("{name}: {target}: {e}"))
                }
                Err(e) => panic!("{name} links to {target}: {e}"),
            }
        }
    }
}
