//! What a registry can say instead of an image: each refusal has its words, says what mends it, and leaves nothing.

use kakuri_image::Platform;
use serde_json::json;

use crate::common::Scene;
use crate::common::oci::digest;
use crate::lying::Answer;
use crate::served::{Of, Served};
use crate::{need, nothing_is_here, runs, system};

type Change = fn(Of, Answer) -> Answer;

fn errors(status: u16) -> Answer {
    Answer::new(status, br#"{"errors":[{"code":"X","message":"as it \u001b[2Jsays"}]}"#)
}

fn only(of: Of, is: Of, honest: Answer, instead: Answer) -> Answer {
    if of == is { instead } else { honest }
}

const TABLE: [(&str, Change, &[&str], &str); 15] = [
    ("401", |_, _| errors(401), &["wants a login"], "kakuri registry login 127.0.0.1:"),
    ("403", |_, _| errors(403), &["access is denied", "as it \\u{1b}[2Jsays"], "kakuri registry login 127.0.0.1:"),
    ("404", |_, _| errors(404), &["there is no 'latest' in 'public/test'"], "correct the name or the tag"),
    ("429", |_, _| errors(429).header("retry-after", "4000"), &["fewer requests"], "try again in 4000 s"),
    ("500", |_, _| errors(500).header("retry-after", "0"), &["status 500"], "try again later"),
    (
        "a page",
        |of, honest| only(of, Of::Manifest, honest, page()),
        &["a page for people (text/html)"],
        "is it a registry?",
    ),
    ("an old form", |of, honest| only(of, Of::Manifest, honest, old()), &["schema 1"], "pushed anew"),
    (
        "another configuration",
        |of, honest| only(of, Of::Config, honest, flipped(b"{}")),
        &["digest is another"],
        "try again",
    ),
    (
        "no configuration",
        |of, honest| only(of, Of::Config, honest, errors(404)),
        &["it has lost the configuration"],
        "pushed there anew",
    ),
    ("no layer", |of, honest| only(of, Of::Layer, honest, errors(404)), &["it has lost a layer"], "pushed there anew"),
    ("a layer denied", |of, honest| only(of, Of::Layer, honest, errors(403)), &["access is denied"], "registry login"),
    ("another layer", |of, honest| spoil(of, honest, |body| body[70_000] ^= 1), &["has another digest"], "pull again"),
    (
        "a shorter layer",
        |of, honest| spoil(of, honest, |body| body.truncate(99_999)),
        &["99999 bytes"],
        "pushed there anew",
    ),
    ("a longer layer", |of, honest| spoil(of, honest, |body| body.push(0)), &["bytes of a layer"], "pushed there anew"),
    (
        "a list without us",
        |of, honest| only(of, Of::Manifest, honest, list()),
        &["is not there for linux/"],
        "--platform",
    ),
];

fn page() -> Answer {
    Answer::new(200, b"<html>log in to the hotel's network</html>").header("content-type", "text/html; charset=utf-8")
}

fn old() -> Answer {
    Answer::new(200, b"{}").header("content-type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
}

fn flipped(body: &[u8]) -> Answer {
    Answer::new(200, body)
}

fn spoil(of: Of, mut honest: Answer, how: fn(&mut Vec<u8>)) -> Answer {
    if of == Of::Layer {
        how(&mut honest.body);
    }
    honest
}

/// Of machines that this one is none of.
fn list() -> Answer {
    let other = if Platform::host().architecture == "s390x" { "amd64" } else { "s390x" };
    let one = json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(b"{}"), "size": 2,
        "platform": { "architecture": other, "os": "linux" } });
    let media = "application/vnd.oci.image.index.v1+json";
    let list = json!({ "schemaVersion": 2, "mediaType": media, "manifests": [one] });
    Answer::new(200, list.to_string().as_bytes()).header("content-type", media)
}

#[test]
fn each_has_its_words() {
    need!("busybox");
    let scene = Scene::new();
    let served = Served::new(system(&[]));
    let name = served.name();
    for (what, change, words, hint) in TABLE {
        served.becomes(move |_, of, honest| change(of, honest));
        let words: Vec<&str> = words.iter().copied().chain([name.as_str()]).collect();
        // The digest alone is on standard output, and here there is none.
        let said = scene.kakuri(["pull", "-q", &name]).output().refused(1, &words);
        said.hints(&[hint]);
        scene.kakuri(["--image", &name, "true"]).output().refused(125, &words);
        nothing_is_here(&scene, what);
    }
    // A digest is what an image is, whatever else the server has for it.
    let by_digest = format!("{name}@{}", digest(b"something else"));
    served.is_honest();
    scene.kakuri(["pull", "-q", &by_digest]).output().refused(1, &[&by_digest, "digest is another"]);
    nothing_is_here(&scene, "another digest");
    // All of that has spoilt nothing.
    let pulled = scene.kakuri(["pull", &name]).output().ok();
    assert_eq!(pulled.text(), digest(&served.manifest).to_string(), "{pulled}");
    runs(&scene, &name, &[]);
}

/// Each try begins where the one before was cut, and when there are no more the beginning is kept.
#[test]
fn who_always_hangs_up_is_left_at_last() {
    need!("busybox");
    let scene = Scene::new();
    let served = Served::new(system(&[]));
    served.becomes(|_, of, honest| {
        let whole = honest.body.len();
        let cut = honest.body.iter().copied().take(10_000).collect();
        if of == Of::Layer { Answer { body: cut, ..honest }.promising(whole) } else { honest }
    });
    let name = served.name();
    scene
        .kakuri(["pull", "-q", &name])
        .output()
        .refused(1, &[&name, "in the middle of its answer"])
        .hints(&["the same command goes on"]);
    nothing_is_here(&scene, "cut");
    let tries = served.asked();
    assert!(tries.is_sorted() && tries.len() > 4, "{tries:?}");
    served.is_honest();
    scene.kakuri(["pull", "-q", &name]).output().ok();
    assert_eq!(served.asked().last(), Some(&(tries.last().unwrap() + 10_000)), "{tries:?}");
}
