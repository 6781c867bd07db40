//! Archives that are not what they should be: each is refused in plain words, and nothing is made of it.

use serde_json::json;

use super::common::Scene;
use super::common::oci::{Entry, digest, tar};
use super::{Image, docker, layout, load, names, nothing_is_here, of_files, store, upper};

/// A header changed, its sum made right again.
fn patched(mut archive: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    archive[at..at + bytes.len()].copy_from_slice(bytes);
    let header = at / 512 * 512;
    archive[header + 148..header + 156].fill(b' ');
    let sum: u32 = archive[header..header + 512].iter().map(|b| u32::from(*b)).sum();
    archive[header + 148..header + 155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    archive
}

#[track_caller]
fn refused(what: &str, archive: &[u8], words: &[&str]) {
    let scene = Scene::new();
    let output = load(&scene, archive);
    assert_eq!(output.text(), "", "{what}: said something on standard output");
    assert!(output.err().lines().count() <= 2, "{what}: {}", output.err());
    assert!(!output.err().contains('\x1b'), "{what}");
    output.refused(1, words);
    nothing_is_here(&scene);
    let _ = store(&scene);
}

fn with(files: &[(&str, &[u8])]) -> Vec<u8> {
    of_files(&files.iter().map(|(name, bytes)| ((*name).to_string(), bytes.to_vec())).collect::<Vec<_>>())
}

#[test]
fn names_and_kinds_that_lead_elsewhere() {
    for name in ["../escaped", "/etc/escaped", "a/../../escaped", "blobs/sha256/../../../escaped"] {
        refused(name, &with(&[(name, b"x"), ("manifest.json", b"[]")]), &["a name no file of an image has"]);
    }
    for target in ["/etc/passwd", "../../etc/passwd", "../.."] {
        let archive = tar(&[Entry::Link("a/layer.tar", target), Entry::File("manifest.json", 0o644, b"[]")]);
        refused(target, &archive, &["leads out of the archive"]);
    }
    // Character device, fifo, hard link out.
    for (kind, words) in [(b"3", "neither a file"), (b"6", "neither a file"), (b"1", "is a link that leads")] {
        let mut archive = with(&[("x", b""), ("manifest.json", b"[]")]);
        archive[157..157 + 9].copy_from_slice(b"../passwd");
        refused("kind", &patched(archive, 156, kind), &[words]);
    }
    let list = br#"[{"Config":"c.json","RepoTags":["a"],"Layers":["x"]}]"#;
    let looped = tar(&[
        Entry::Link("x", "y"),
        Entry::Link("y", "x"),
        Entry::File("c.json", 0o644, b"{}"),
        Entry::File("manifest.json", 0o644, list),
    ]);
    refused("a loop", &looped, &["'x' is missing"]);
    refused("twice", &with(&[("manifest.json", b"[]"), ("./manifest.json", list)]), &["is there twice"]);
    refused(
        "a path in it",
        &with(&[("c.json", b"{}"), ("manifest.json", br#"[{"Config":"../../../etc/passwd","Layers":[]}]"#)]),
        &["missing"],
    );
}

#[test]
fn what_is_missing_or_wrong() {
    refused("empty", b"", &["empty"]);
    refused("no archive", &[b'x'; 4096], &["no tar archive"]);
    refused("something else", &with(&[("bin/sh", b"")]), &["neither a manifest.json nor an index.json"]);
    refused("old", &with(&[("repositories", b"{}")]), &["before 1.10"]);
    refused("no images", &with(&[("manifest.json", b"[]")]), &["no image in it"]);
    refused("no json", &with(&[("manifest.json", b"[{\x1b")]), &["manifest.json cannot be understood"]);
    refused("too large", &with(&[("manifest.json", &vec![b' '; (4 << 20) + 1])]), &["larger than 4 MiB"]);
    let (archive, _) = layout(Some("a"), &[upper(b"a")]);
    // Every file of it taken away in turn.
    let (config, manifest) = super::Oci::documents(&[upper(b"a")], &json!({}));
    for blob in [upper(b"a"), config, manifest] {
        let name = format!("blobs/sha256/{}", digest(&blob).hex());
        let at = archive.windows(name.len()).position(|word| word == name.as_bytes()).unwrap();
        let mut gone = patched(archive.clone(), at, b"other");
        gone[at + 512] ^= 1;
        refused(&name, &gone, &[digest(&blob).hex()]);
        // Another content under that name.
        let mut changed = archive.clone();
        changed[at + 512] ^= 1;
        refused(&name, &changed, &["another digest", &name]);
    }
    for end in (0..archive.len() - 1024).step_by(512).chain([100, 700]) {
        refused(&format!("cut at {end}"), &archive[..end], &[if end == 0 { "empty" } else { "archive" }]);
    }
    let entry = json!({ "digest": "sha256:zz", "size": 3 });
    let index = serde_json::to_vec(&json!({ "manifests": [entry] })).unwrap();
    refused("no digest", &with(&[("oci-layout", b"{}"), ("index.json", &index)]), &["without a digest"]);
}

#[test]
fn too_much_of_it() {
    let list = json!([{ "Config": "c", "Layers": vec!["c"; 600] }]);
    let list = serde_json::to_vec(&list).unwrap();
    refused("layers", &with(&[("c", b"{}"), ("manifest.json", &list)]), &["600 layers"]);
    let many: Vec<(String, Vec<u8>)> = (0..66_000).map(|n| (format!("{n}"), Vec::new())).collect();
    refused("files", &of_files(&many), &["more than 65536 files"]);
    // 8 GiB are said, and nothing follows.
    let vast = patched(with(&[("x", b"")]), 124, b"77777777777\0");
    refused("a size", &vast, &["ends before"]);
    let vast = patched(with(&[("x", b"")]), 124, &[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    refused("a vast size", &vast, &["more than 256 GiB"]);
}

/// An archive may not call one image by the digest of another, nor take a name that is none.
#[test]
fn names_it_may_not_give() {
    let other = digest(b"another");
    let (archive, id) = layout(Some(&format!("docker.io/team/app@{other}")), &[upper(b"a")]);
    refused("a digest", &archive, &["it is not docker.io/team/app", &id]);
    let scene = Scene::new();
    let layers = [("x", upper(b"a"))];
    let odd = json!(["oci:/etc", "\u{1b}[2J", "Upper/Case", "good:1"]);
    let output = load(&scene, &docker(&[Image { names: odd, config: "c", layers: &layers }])).ok();
    assert_eq!(output.text(), "docker.io/library/good:1");
    assert_eq!(output.err().lines().filter(|line| line.contains("passed over")).count(), 3);
    assert!(!output.err().contains('\x1b'));
    assert_eq!(names(&scene, "work"), [""; 0]);
}
