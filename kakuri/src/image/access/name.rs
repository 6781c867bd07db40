//! A name as it is typed: what a short one means (containers-registries.conf(5), "Short-Name Aliasing").

use kakuri_image::{Reference, Source, reference};
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::registries::Registries;
use crate::host::Host;

/// The image a user means. A name without a registry is an alias's, else of the one registry the files say short names
/// are looked for in, else docker.io's. Where they name several nobody is asked and none is guessed: whoever owns the
/// name in the first of them would be run in another's place.
pub fn resolve(typed: &[u8], host: &Host) -> Result<Source> {
    match Source::parse(typed)? {
        Source::Registry(reference) if reference::is_short(typed) => {
            of_short(typed, reference, &Registries::load(host)?).map(Source::Registry)
        }
        source => Ok(source),
    }
}

fn of_short(typed: &[u8], read: Reference, registries: &Registries) -> Result<Reference> {
    // With `library/` taken off again: that is docker.io's.
    let text = String::from_utf8_lossy(typed);
    let version = &text[reference::name_length(&text)..];
    let short = &text[..reference::name_length(&text)];
    let instead = |name: &str| match Source::parse(format!("{name}{version}").as_bytes())? {
        Source::Registry(reference) => Ok(reference),
        Source::Layout { .. } => Err(Fail::new(Stage::Front, format!("'{name}' is no name in a registry"))
            .why(format!("registries.conf has it for the short name '{short}'"))
            .hint("correct it there; containers-registries.conf(5) is its manual page")),
    };
    if let Some(meant) = registries.aliases.get(short) {
        return instead(meant);
    }
    match &registries.search {
        None => Ok(read),
        Some((list, file)) => match &list[..] {
            [] => Ok(read),
            [one] => instead(&format!("{one}/{short}")),
            several => {
                let forms: Vec<String> = several.iter().map(|one| format!("{one}/{text}")).collect();
                Err(Fail::new(Stage::Front, format!("'{}' may be the name of several images", Bytes(typed.to_vec())))
                    .why(format!("{file} looks for short names in {} registries", several.len()))
                    .hint(format!("type one of them in full: {}", forms.join(", "))))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(typed: &str, search: Option<&[&str]>) -> String {
        let Ok(Source::Registry(read)) = Source::parse(typed.as_bytes()) else { panic!("{typed}") };
        let mut registries = Registries::default();
        registries.search =
            search.map(|list| (list.iter().map(|one| (*one).to_string()).collect(), "/r.conf".to_string()));
        registries.aliases.insert("fedora".into(), "registry.fedoraproject.org/fedora".into());
        registries.aliases.insert("opensuse/leap".into(), "registry.opensuse.org/opensuse/leap".into());
        assert!(reference::is_short(typed.as_bytes()), "{typed}");
        match of_short(typed.as_bytes(), read, &registries) {
            Ok(reference) => reference.to_string(),
            Err(fail) => fail.to_string(),
        }
    }

    #[test]
    fn what_a_short_name_means() {
        let digest = format!("@sha256:{}", "0".repeat(64));
        for (typed, search, want) in [
            ("alpine", None, "docker.io/library/alpine:latest"),
            ("alpine", Some(&[][..]), "docker.io/library/alpine:latest"),
            ("alpine:3", Some(&["quay.io"][..]), "quay.io/alpine:3"),
            ("alpine", Some(&["docker.io"]), "docker.io/library/alpine:latest"),
            ("team/app", Some(&["localhost:5000"]), "localhost:5000/team/app:latest"),
            ("fedora:41", Some(&["a.org", "b.org"]), "registry.fedoraproject.org/fedora:41"),
            ("opensuse/leap", None, "registry.opensuse.org/opensuse/leap:latest"),
            (&format!("fedora{digest}"), None, &format!("registry.fedoraproject.org/fedora{digest}")),
        ] {
            assert_eq!(meant(typed, search), want, "{typed}");
        }
        let fail = meant("app:1", Some(&["a.org", "b.org"]));
        assert!(
            fail.contains("/r.conf looks for short names in 2") && fail.contains("a.org/app:1, b.org/app:1"),
            "{fail}"
        );
        assert!(!reference::is_short(b"quay.io/a") && !reference::is_short(b"localhost/a"));
        assert!(reference::is_short(b"localhost:5000") && reference::is_short(b"oci/a"));
    }
}
