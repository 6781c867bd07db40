//! Help and manual pages: every verb, every option, and examples that can be typed.

use std::collections::BTreeSet;

use kakuri::cli::Stop;
use kakuri::cli::pages::{DOCKER, REGISTRY, TOP, VPN, Verb};

use crate::common::{Scene, have, skip};
use crate::read;

fn every_verb() -> impl Iterator<Item = &'static Verb> {
    TOP.into_iter().chain(DOCKER).chain(VPN).chain(REGISTRY).collect::<Vec<_>>().into_iter()
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
    let names: BTreeSet<String> =
        std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.contains("kakuri.1") && names.contains("kakuri-start.1") && names.contains("kakuri-container-cp.1"));
    for name in &names {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(text.starts_with(".TH "), "{name}");
        for section in [".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", ".SH OPTIONS\n", ".SH EXAMPLES\n"] {
            assert!(text.contains(section), "{name} has no {section}");
        }
    }
    scene.kakuri(["completion", "man", "no/such"]).output().refused(1, &["no/such"]).hints(&["mkdir"]);
    if !have("groff") {
        return skip("groff is not installed");
    }
    for name in &names {
        let output = scene.program("groff").args(["-man", "-ww", "-Tutf8"]).arg(folder.join(name)).output().ok();
        assert_eq!(output.err(), "", "{name}");
    }
}
