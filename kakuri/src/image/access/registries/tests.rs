//! registries.conf by tables: what a text makes of a name, and which line of it is wrong.

use kakuri_image::Source;

use super::*;

fn reference(typed: &str) -> Reference {
    match Source::parse(typed.as_bytes()) {
        Ok(Source::Registry(reference)) => reference,
        other => panic!("{typed}: {other:?}"),
    }
}

fn from(texts: &[&str]) -> Registries {
    let mut registries = Registries::default();
    for text in texts {
        registries.lay(b"/r.conf", text.as_bytes()).expect(text);
    }
    registries
}

/// `host[:port]/repository`, and ` insecure` behind it.
fn servers(registries: &Registries, typed: &str) -> Vec<String> {
    let one = |s: Server| format!("{}/{}{}", s.registry(), s.repository, if s.insecure { " insecure" } else { "" });
    registries.servers(&reference(typed)).expect(typed).into_iter().map(one).collect()
}

const EXAMPLE: &str = r#"
unqualified-search-registries = ["example.com"]
short-name-mode = "permissive"
credential-helpers = ["containers-auth.json"]

[[registry]]
prefix = "example.com/foo"
location = "internal-registry-for-example.net/bar"
[[registry.mirror]]
location = "example-mirror-0.local/mirror-for-foo"
[[registry.mirror]]
location = "example-mirror-1.local/mirrors/foo/"
insecure = true

[[registry]]
location = "registry.com"
[[registry.mirror]]
location = "mirror.registry.com:5000"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "tags.registry.com"
pull-from-mirror = "tag-only"

[[registry]]
prefix = "*.wild.org"
insecure = true
[[registry]]
prefix = "*.deep.wild.org"
location = "one.net"

[[registry]]
prefix = "docker.io/library"
location = "docker.io/library"
mirror-by-digest-only = true
[[registry.mirror]]
location = "mirror.gcr.io/library"

[[registry]]
prefix = "registry.com/evil"
location = "registry.com/evil"
blocked = true

[aliases]
fedora = "registry.fedoraproject.org/fedora"
"#;

#[test]
fn where_a_name_leads() {
    let all = from(&[EXAMPLE]);
    let digest = format!("@sha256:{}", "0".repeat(64));
    for (typed, want) in [
        (
            "example.com/foo/image:1",
            &[
                "example-mirror-0.local/mirror-for-foo/image",
                "example-mirror-1.local/mirrors/foo/image insecure",
                "internal-registry-for-example.net/bar/image",
            ][..],
        ),
        ("example.com/foobar", &["example.com/foobar"]),
        (
            "example.com/foo",
            &[
                "example-mirror-0.local/mirror-for-foo",
                "example-mirror-1.local/mirrors/foo insecure",
                "internal-registry-for-example.net/bar",
            ],
        ),
        ("registry.com/a:1", &["tags.registry.com/a", "registry.com/a"]),
        (&format!("registry.com/a{digest}"), &["mirror.registry.com:5000/a", "registry.com/a"]),
        ("a.wild.org:5000/x", &["a.wild.org:5000/x insecure"]),
        ("wild.org/x", &["wild.org/x"]),
        ("a.deep.wild.org/x/y", &["one.net/x/y"]),
        ("alpine", &["docker.io/library/alpine"]),
        (&format!("alpine:3{digest}"), &["mirror.gcr.io/library/alpine", "docker.io/library/alpine"]),
        ("team/app", &["docker.io/team/app"]),
    ] {
        assert_eq!(servers(&all, typed), want, "{typed}");
    }
    let fail = all.servers(&reference("registry.com/evil/x")).expect_err("blocked");
    assert!(fail.to_string().contains("/r.conf blocks 'registry.com/evil'"), "{fail}");
    assert!(all.server("registry.com", "evil").is_err());
    assert!(all.server("a.wild.org:5000", "").expect("a server").insecure);
    assert_eq!(all.search.as_ref().expect("some").0, ["example.com"]);
    assert_eq!(all.aliases["fedora"], "registry.fedoraproject.org/fedora");
}

#[test]
fn a_later_file_lies_over_an_earlier_one() {
    let all = from(&[
        "[[registry]]\nlocation = 'a.org'\ninsecure = true\n[aliases]\nx = 'a.org/x'\ny = 'a.org/y'\n",
        "unqualified-search-registries = []\n[[registry]]\nlocation = 'a.org'\n[aliases]\nx = ''\ny = 'b.org/y'\n",
    ]);
    assert_eq!(servers(&all, "a.org/x"), ["a.org/x"]);
    assert!(!all.aliases.contains_key("x") && all.aliases["y"] == "b.org/y");
    assert_eq!(all.search.expect("said").0, Vec::<String>::new());
}

#[test]
fn what_is_wrong_has_its_line() {
    for (text, want) in [
        ("[[registry]\n", "/r.conf:1: "),
        ("\n[[registry]]\nlocation = 3\n", "/r.conf:3: invalid type"),
        ("[[registry]]\nlocation = 'a.org'\nblokced = true\n", "/r.conf:3: unknown field `blokced`"),
        ("[[registry]]\nlocation = 'https://a.org'\n", "/r.conf:2: 'https://a.org': a location has no scheme"),
        ("[[registry]]\nlocation = 'a.org/x:1'\n", "/r.conf:2: 'a.org/x:1': a location is host[:port][/path]"),
        ("[[registry]]\nlocation = 'a_b/x'\n", "/r.conf:2: 'a_b/x': 'a_b' is no host"),
        ("[[registry]]\nprefix = 'a.org'\n", "/r.conf:1: this [[registry]] for 'a.org' has no location"),
        ("[[registry]]\ninsecure = true\n", "/r.conf:1: this [[registry]] has neither"),
        ("[[registry]]\nprefix = '*.a.org:5'\n", "/r.conf:2: '*.a.org:5': behind '*.' stands a host"),
        ("[[registry]]\nprefix = 'a.*.org'\n", "/r.conf:2: 'a.*.org': 'a.*.org' is no host"),
        ("[[registry]]\nlocation = 'a.org'\n[[registry.mirror]]\ninsecure = true\n", "missing field `location`"),
        (
            "[[registry]]\nlocation = 'a.org'\nmirror-by-digest-only = true\n[[registry.mirror]]\n\
             location = 'b.org'\npull-from-mirror = 'all'\n",
            "/r.conf:6: pull-from-mirror says",
        ),
        (
            "[[registry]]\nlocation = 'a.org'\n[[registry.mirror]]\nlocation = 'b.org'\npull-from-mirror = 'some'\n",
            "/r.conf:5: unknown variant `some`",
        ),
        ("[registries.search]\nregistries = ['a.org']\n", "/r.conf:1: this is the old form"),
        ("unqualified-search-registries = [\n'a b']\n", "/r.conf:2: 'a b' is no host"),
        ("[aliases]\nx = 'a.org/x:1'\n", "/r.conf:2: "),
    ] {
        let fail = Registries::default().lay(b"/r.conf", text.as_bytes()).expect_err(text);
        assert!(fail.to_string().contains(want) && fail.hint.is_some(), "{text}: {fail}");
    }
    let fail = Registries::default().lay(b"/r.conf", b"# a\n\xff").expect_err("no text");
    assert!(fail.to_string().starts_with("/r.conf:2: this is not UTF-8"), "{fail}");
}
