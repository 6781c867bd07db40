//! Help and manual pages: every verb, every option, and examples that can be typed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kakuri::cli::Stop;
use kakuri::cli::pages::{DOCKER, IMAGE, REGISTRY, TOP, VPN, Verb};

use crate::common::{Scene, have, skip};
use crate::{need, read};

fn every_verb() -> impl Iterator<Item = &'static Verb> {
    TOP.into_iter().chain(DOCKER).chain(VPN).chain(IMAGE).chain(REGISTRY).collect::<Vec<_>>().into_iter()
}

#[test]
fn every_verb_has_help_with_usage_options_and_examples() {
    let scene = Scene::new();
    for verb in every_verb() {
        for help in ["--help", "-h"] {
            let words = verb.name.split(' ').chain([help]);
            let text = scene.kakuri(words).output().ok().text();
            assert!(text.contains(&format!("Usage: kakuri {}", verb.name)), "{}: {text}", verb.name);
            assert!(text.contains("Examples:\n  "), "{}: {text}", verb.name);
            assert!(text.contains(verb.about), "{}: {text}", verb.name);
            for opt in verb.options.iter().flat_map(|t| t.iter()).filter(|o| !o.heading.is_empty()) {
                let name = opt.long.first().map_or("-u".into(), |l| format!("--{l}"));
                let line = text.lines().find(|l| l.contains(&name) && l.contains(opt.help));
                assert!(line.is_some(), "{} has no line for {name}: {text}", verb.name);
            }
            assert!(text.lines().all(|l| l.len() < 180), "{}: {text}", verb.name);
        }
    }
    let text = scene.kakuri(["--help"]).output().ok().text();
    for verb in TOP {
        assert!(text.contains(&format!("\n  {:<12}{}", verb.name, verb.about)), "{}: {text}", verb.name);
    }
}

/// The scanner takes the first of a name: a second would never be met.
#[test]
fn no_verb_has_two_options_of_one_name() {
    for verb in every_verb() {
        let mut seen = BTreeSet::new();
        for opt in verb.options.iter().flat_map(|t| t.iter()) {
            for long in opt.long {
                assert!(seen.insert((*long).to_string()), "{}: --{long}", verb.name);
            }
            if let Some(short) = opt.short {
                assert!(seen.insert(char::from(short).to_string()), "{}: -{}", verb.name, char::from(short));
            }
        }
    }
}

/// What help shows can be typed.
#[test]
fn every_example_is_understood() {
    let scene = Scene::new();
    for (line, _) in every_verb().flat_map(|v| v.examples) {
        // The shell's part is the shell's.
        let Some(line) = line.strip_prefix("kakuri ") else { continue };
        let line =
            line.split([" >", " <"].into_iter().find(|sign| line.contains(sign)).unwrap_or("\n")).next().unwrap();
        let script = format!("set -f; printf '%s\\0' {line}");
        let words = scene.program("bash").args(["-c", &script]).output().ok().stdout;
        let words = words.split(|b| *b == 0).map(|w| String::from_utf8(w.to_vec()).unwrap()).collect::<Vec<_>>();
        let words: Vec<&str> =
            std::iter::once("kakuri").chain(words[..words.len() - 1].iter().map(String::as_str)).collect();
        match read(&words) {
            Err(Stop::Misuse(fail)) => panic!("{line}: {fail}"),
            Err(Stop::Text(_)) => assert!(line.contains("--help"), "{line}"),
            Ok(_) => {}
        }
    }
}

#[test]
fn manual_pages_are_well_formed() {
    let scene = Scene::new();
    let folder = scene.folder("man");
    scene.kakuri(["completion", "man", "man"]).output().ok();
    let names = names_in(&folder);
    let of_verbs = every_verb().map(|verb| format!("kakuri-{}.1", verb.name.replace(' ', "-")));
    assert_eq!(names, of_verbs.chain(["kakuri.1".into(), "kakuri.toml.5".into()]).collect());
    for name in &names {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        assert!(text.starts_with(".TH "), "{name}");
        let own = if name.ends_with(".5") { ".SH KEYS\n" } else { ".SH OPTIONS\n" };
        for section in [".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", own, ".SH EXAMPLES\n"] {
            assert!(text.contains(section), "{name} has no {section}");
        }
    }
    scene.kakuri(["completion", "man", "no/such"]).output().refused(1, &["no/such"]).hints(&["mkdir"]);
    // groff's (by man) and mandoc's complaints, and whether the index behind whatis(1) understands what a page is of.
    for (program, words) in [
        ("man", &["--warnings", "-E", "UTF-8", "-l"][..]),
        ("mandoc", &["-T", "lint", "-W", "warning"]),
        ("lexgrog", &[]),
    ] {
        if !have(program) {
            skip(format_args!("cli::help: {program} is not installed"));
            continue;
        }
        for name in &names {
            let output = scene.program(program).args(words).arg(folder.join(name)).output().ok();
            assert_eq!(output.err(), "", "{program} {name}");
            let title = name.rsplit_once('.').unwrap().0;
            let about = format!(": \"{title} - ");
            assert!(program != "lexgrog" || output.text().contains(&about), "{output}");
            assert!(program != "mandoc" || output.text().is_empty(), "{output}");
        }
    }
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

/// man(1) looks for a page below the folder of its section. Packages are the same whenever they are made.
#[test]
fn manual_pages_go_where_man_finds_them() {
    let scene = Scene::new();
    let (man1, man5) = (scene.folder("man/man1"), scene.work().join("man/man5"));
    let run = scene.kakuri(["completion", "man", "man/man1"]).env("SOURCE_DATE_EPOCH", "951868799");
    assert_eq!(run.output().ok().text(), "");
    assert!(names_in(&man1).iter().all(|name| name.ends_with(".1")));
    assert_eq!(names_in(&man5), BTreeSet::from(["kakuri.toml.5".into()]));
    for page in [man1.join("kakuri.1"), man5.join("kakuri.toml.5")] {
        let text = fs::read_to_string(page).unwrap();
        assert!(text.lines().next().unwrap().contains(" 2000-02-29 "), "{text}");
    }
    need!("man");
    let found =
        scene.program("man").args(["-w", "kakuri-start", "kakuri.toml"]).env("MANPATH", scene.work().join("man"));
    let found = found.output().ok().text();
    assert!(found.contains("/man1/kakuri-start.1") && found.contains("/man5/kakuri.toml.5"), "{found}");
}

/// By what is said of a key nobody knows: the names of all there are.
#[test]
fn every_key_of_the_configuration_is_in_its_page() {
    let scene = Scene::new();
    let folder = scene.folder("man");
    scene.kakuri(["completion", "man", "man"]).output().ok();
    let page = fs::read_to_string(folder.join("kakuri.toml.5")).unwrap();
    let known = |file: &str| -> Vec<String> {
        scene.file("config.toml", file);
        let said = scene.kakuri(["config", "check", "--config", "config.toml"]).output().refused(1, &["nobodys"]).err();
        let names = said.lines().next().unwrap().split_once("expected ").unwrap().1;
        names.split('`').skip(1).step_by(2).map(str::to_string).collect()
    };
    let tables = known("nobodys = 1\n");
    assert!(tables.len() >= 3, "{tables:?}");
    for table in tables {
        assert!(page.contains(&format!("[{table}]")), "{table}");
        // Whose keys are names of the user's.
        if table == "bind_profiles" {
            continue;
        }
        for key in known(&format!("[{table}]\nnobodys = 1\n")) {
            assert!(page.contains(&format!(".BR {key} ")), "{table}.{key}");
        }
    }
    // And what the page shows is right.
    let example = page.split_once(".SH EXAMPLES\n.nf\n").unwrap().1.split_once(".fi").unwrap().0;
    let example = example.replace("\\(dq", "\"").replace("\\(ti", "~").replace("\\-", "-");
    scene.file("config.toml", example);
    scene.kakuri(["config", "check", "--config", "config.toml"]).env("WORK", "/work").output().ok();
}
