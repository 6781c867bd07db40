//! Names by tables, and by pieces of names thrown together.

use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn read(typed: &str) -> Reference {
    match Source::parse(typed.as_bytes()) {
        Ok(Source::Registry(reference)) => reference,
        other => panic!("{typed}: {other:?}"),
    }
}

#[test]
fn what_is_left_out_is_filled_in() {
    let at = format!("alpine@sha256:{HEX}");
    let both = format!("alpine:3.20@sha256:{HEX}");
    for (typed, full, familiar) in [
        ("alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"),
        ("library/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("index.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest"),
        ("team/app:1", "docker.io/team/app:1", "team/app:1"),
        ("quay.io/team/app", "quay.io/team/app:latest", "quay.io/team/app:latest"),
        ("Quay.IO/app", "quay.io/app:latest", "quay.io/app:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/a/b:t", "localhost:5000/a/b:t", "localhost:5000/a/b:t"),
        ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
        ("registry:5000/a", "registry:5000/a:latest", "registry:5000/a:latest"),
        ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"),
        ("127.0.0.1:80/a__b/c--d/e.f", "127.0.0.1:80/a__b/c--d/e.f:latest", "127.0.0.1:80/a__b/c--d/e.f:latest"),
        ("docker.io/localhost/x", "docker.io/localhost/x:latest", "docker.io/localhost/x:latest"),
        (&at, &format!("docker.io/library/{at}"), &at),
        (&both, &format!("docker.io/library/{both}"), &both),
    ] {
        let reference = read(typed);
        assert_eq!(reference.to_string(), full, "{typed}");
        assert_eq!(reference.familiar(), familiar, "{typed}");
    }
    assert_eq!(read(&at).tag, None);
    assert_eq!(read("localhost:5000/a").port, Some(5000));
    assert_eq!(read("[::1]:5000/a").registry(), "[::1]:5000");
}

#[test]
fn folders_of_the_image_layout() {
    let layout =
        |path: &str, tag: Option<&str>| Source::Layout { path: Bytes::from(path), tag: tag.map(str::to_string) };
    for (typed, want) in [
        ("oci:./dir", layout("./dir", None)),
        ("oci:/a b/c", layout("/a b/c", None)),
        ("oci:dir:latest", layout("dir", Some("latest"))),
        ("oci:dir:docker.io/library/alpine:3.20", layout("dir", Some("docker.io/library/alpine:3.20"))),
    ] {
        assert_eq!(Source::parse(typed.as_bytes()).expect(typed), want);
        assert_eq!(want.to_string(), typed);
    }
    assert!(matches!(Source::parse(b"oci:\xff"), Ok(Source::Layout { .. })));
}

#[test]
fn what_is_wrong_is_said_with_a_form_that_is_right() {
    let upper = format!("a@sha256:{}", HEX.to_uppercase());
    let long_tag = format!("a:{}", "t".repeat(129));
    let long_name = format!("a/{}", "n".repeat(254));
    for (typed, why, hint) in [
        ("", "it is empty", "alpine"),
        ("Alpine", "lower case", "alpine"),
        ("Team/App:V1", "lower case", "team/app:V1"),
        ("quay.io/Team/App:V1", "lower case", "quay.io/team/app:V1"),
        ("https://quay.io/team/app", "'https://'", "quay.io/team/app"),
        ("docker://alpine:3.20", "'docker://'", "alpine:3.20"),
        ("docker-archive:x.tar", "'docker-archive:'", "skopeo copy docker-archive:x.tar oci:DIR:latest"),
        ("./dir", "as a path does", "oci:./dir"),
        ("../up", "as a path does", "--rootfs ../up"),
        ("/abs", "as a path does", "oci:/abs"),
        ("a b", "spaces", "ab"),
        ("a\nb", "controls", "ab"),
        ("alpine:", "no tag follows the colon", "alpine, or alpine:1.0"),
        ("alpine:.x", "a tag has letters", "alpine, or alpine:1.0"),
        ("alpine@", "64 hexadecimal digits", "alpine@sha256:"),
        ("alpine@md5:0", "none of sha256 and sha512", "alpine@sha256:"),
        (&upper, "lower-case hexadecimal", &upper.to_ascii_lowercase()),
        ("a//b", "two slashes", "a/b"),
        ("a/", "two slashes", "a"),
        ("quay.io/", "two slashes", "quay.io/alpine"),
        ("a/../b", "its parts have", "a/b"),
        ("a_-b", "its parts have", "a-b"),
        ("-a", "its parts have", "a"),
        ("a.", "its parts have", "a"),
        ("ümlaut", "its parts have", "mlaut"),
        ("a..b/c", "'a..b' is no host", "registry.example.com/c"),
        ("host:0/c", "'0' is no port", "registry.example.com/c"),
        ("host:x/c", "'x' is no port", "registry.example.com/c"),
        ("[::g]/c", "'[::g]' is no host", "registry.example.com/c"),
        (HEX, "a digest without the name", &format!("NAME@sha256:{HEX}")),
        (&long_tag, "its tag has 129 characters", "a, or a:1.0"),
        (&long_name, "256 bytes", "alpine"),
        ("oci:", "no folder follows", "oci:./layout"),
        ("oci:dir:", "no tag", "oci:dir, or oci:dir:latest"),
        ("oci:dir:-x", "no tag", "oci:dir, or oci:dir:latest"),
    ] {
        let fail = Source::parse(typed.as_bytes()).expect_err(typed);
        let (reason, given) = (fail.reason().unwrap_or_default(), fail.hint.clone().unwrap_or_default());
        assert!(fail.what.contains(&Bytes::from(typed).to_string()), "{typed}: {fail}");
        assert!(reason.contains(why), "{typed}: {fail}");
        assert!(given.contains(hint), "{typed}: {fail}");
    }
    assert!(Source::parse(b"a\xffb").is_err() && Source::parse(b"oci:a\0b").is_err());
}

/// What the hint says is a name wherever it stands alone.
#[test]
fn mended_names_are_names() {
    for typed in ["Alpine", "a//b", "A/../B:x", "x__-y/z", "quay.io/A_B./c", "_/_", "quay.io/_", "https://A/B"] {
        let hint = Source::parse(typed.as_bytes()).expect_err(typed).hint.expect("a hint");
        let again = Source::parse(hint.to_ascii_lowercase().as_bytes());
        assert!(again.is_ok(), "{typed}: {hint}");
    }
}

const PIECES: &[&str] = &[
    "a",
    "Z",
    "0",
    "alpine",
    "library",
    "localhost",
    "docker.io",
    "index.docker.io",
    "quay.io",
    "/",
    "/",
    ":",
    ":",
    "@",
    "sha256:",
    "sha512:",
    HEX,
    "oci:",
    "docker://",
    ".",
    "..",
    "_",
    "__",
    "-",
    "5000",
    "65536",
    "[::1]",
    "[",
    "]",
    " ",
    "\t",
    "\0",
    "\u{202e}",
    "ü",
    "*",
    "~",
    "%2f",
    "\n",
    "latest",
];

/// Whatever it is: no panic; a name is read back from both its forms; an error is one line and says what to type.
#[test]
fn pieces_thrown_together() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit as u64) as usize
    };
    let (mut names, mut errors) = (0, 0);
    for _ in 0..100_000 {
        let mut typed: Vec<u8> = Vec::new();
        for _ in 0..=below(8) {
            typed.extend_from_slice(PIECES[below(PIECES.len())].as_bytes());
        }
        if below(20) == 0 {
            let at = below(typed.len());
            typed[at] = below(256) as u8;
        }
        match Source::parse(&typed) {
            Ok(Source::Registry(reference)) => {
                names += 1;
                assert!(reference.repository.len() <= 255 && !reference.repository.contains(".."), "{reference}");
                for form in [reference.to_string(), reference.familiar()] {
                    assert_eq!(read(&form), reference, "{form}");
                }
            }
            Ok(Source::Layout { path, .. }) => assert!(!path.has_nul()),
            Err(fail) => {
                errors += 1;
                assert!(fail.why.is_some() && fail.hint.as_ref().is_some_and(|h| !h.is_empty()), "{fail:?}");
                assert_eq!(fail.to_string().lines().count(), 2, "{fail}");
            }
        }
    }
    assert!(names > 5000 && errors > 5000, "{names} names, {errors} errors");
}
