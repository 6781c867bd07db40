//! The value of `--bind`: `SRC[:DST][:OPTIONS]`.
//!
//! DST begins with `/`; a last field of option words only is options; `\:` is a colon.

use kakuri_wire::{Bytes, Fail, Result, Stage};

use crate::spec::Bind;

/// `ro,rw,cow,create,noexec,exec`, and docker's words that ask for what is so anyway.
const WORDS: [&str; 6] = ["ro", "rw", "cow", "create", "noexec", "exec"];
const ALREADY_SO: [&str; 10] =
    ["z", "Z", "cached", "delegated", "consistent", "private", "rprivate", "nosuid", "nodev", "rbind"];

pub fn bind(value: &[u8]) -> Result<Bind> {
    let fields = split(value);
    let wrong = |why: &str, hint: &str| {
        Err(Fail::new(Stage::Front, format!("cannot bind '{}'", Bytes(value.to_vec()))).why(why).hint(hint))
    };
    let (source, rest) = match fields.split_first() {
        Some((source, rest)) if !source.is_empty() => (source, rest),
        _ => return wrong("it names no source", "--bind SRC[:DST][:ro,create,noexec]"),
    };
    let mut bind = Bind {
        source: Bytes(source.clone()),
        destination: None,
        read_only: false,
        noexec: false,
        create: false,
        cow: false,
    };
    let (destination, words) = match rest {
        [] => (None, None),
        [one] if one.first() == Some(&b'/') => (Some(one), None),
        [one] if is_words(one) => (None, Some(one)),
        [one, two] if one.first() == Some(&b'/') => (Some(one), Some(two)),
        [one] | [one, _] => {
            let why =
                format!("'{}' is neither a destination, which begins with '/', nor an option", Bytes(one.clone()));
            return wrong(
                &why,
                r"--bind SRC:/DST:ro; the options are ro, rw, cow, create, noexec, exec; a colon in a name is '\:'",
            );
        }
        _ => return wrong("it has more than three fields", r"write a colon in a name as '\:'"),
    };
    if let Some(words) = words {
        options(&mut bind, words)
            .map_err(|f| Fail { what: format!("cannot bind '{}': {}", Bytes(value.to_vec()), f.what), ..f })?;
    }
    if let Some(destination) = destination {
        check_destination("bind", value, destination)?;
        bind.destination = Some(Bytes(destination.clone()));
    }
    Ok(bind)
}

/// The value of `--ro-bind`, which is the same.
pub fn read_only_bind(value: &[u8]) -> Result<Bind> {
    let mut bind = bind(value)?;
    let words = split(value).into_iter().skip(1).next_back().filter(|last| is_words(last)).unwrap_or_default();
    if words.split(|&b| b == b',').any(|word| word == b"rw") {
        return Err(Fail::new(Stage::Front, format!("cannot bind '{}'", Bytes(value.to_vec())))
            .why("--ro-bind is read-only, and it says rw")
            .hint("--bind SRC[:DST]"));
    }
    if bind.cow {
        return Err(Fail::new(Stage::Front, format!("cannot bind '{}'", Bytes(value.to_vec())))
            .why("--ro-bind is read-only, and it says cow")
            .hint("--bind SRC[:DST]:cow"));
    }
    bind.read_only = true;
    Ok(bind)
}

/// A destination is absolute and free of `..`.
pub fn check_destination(verb: &str, value: &[u8], destination: &[u8]) -> Result<()> {
    let fail = || Fail::new(Stage::Front, format!("cannot {verb} '{}'", Bytes(value.to_vec())));
    let shown = Bytes(destination.to_vec());
    if destination.first() == Some(&b'~') {
        return Err(fail()
            .why(format!("the destination '{shown}' does not begin with '/'"))
            .hint("write the container's home in full: kakuri sh -c 'echo ~' prints it"));
    }
    if destination.first() != Some(&b'/') {
        return Err(fail().why(format!("the destination '{shown}' is relative")).hint(format!(
            "name the whole path in the container, such as /{}",
            shown.to_string().trim_start_matches("./")
        )));
    }
    if destination.split(|&b| b == b'/').any(|c| c == b"..") {
        return Err(fail()
            .why(format!("the destination '{shown}' contains '..'"))
            .hint("name the path in the container that it leads to"));
    }
    if crate::pathname::depth(destination) == 0 {
        return Err(fail()
            .why("the destination is the root of the container")
            .hint("choose a folder below it, such as /mnt, or give each folder its own --bind"));
    }
    Ok(())
}

fn options(bind: &mut Bind, words: &[u8]) -> Result<()> {
    let (mut ro, mut rw) = (false, false);
    for word in words.split(|&b| b == b',') {
        match word {
            b"ro" | b"readonly" => ro = true,
            b"rw" => rw = true,
            b"create" => bind.create = true,
            b"noexec" => bind.noexec = true,
            b"exec" => bind.noexec = false,
            b"cow" => bind.cow = true,
            word if ALREADY_SO.iter().any(|w| w.as_bytes() == word) => {}
            word => {
                return Err(Fail::new(Stage::Front, format!("unknown option '{}'", Bytes(word.to_vec())))
                    .hint("the options are ro, rw, cow, create, noexec, exec"));
            }
        }
    }
    if ro && rw {
        return Err(Fail::new(Stage::Front, "it says both ro and rw").hint("choose one; rw is the default"));
    }
    if ro && bind.cow {
        return Err(Fail::new(Stage::Front, "it says both ro and cow")
            .hint("choose one; with cow what is written goes to a private layer, and never to the folder"));
    }
    if bind.create && bind.cow {
        return Err(Fail::new(Stage::Front, "it says both create and cow")
            .why("cow shows what is in a folder, and a new one is empty")
            .hint("leave one of them out"));
    }
    bind.read_only = ro;
    Ok(())
}

fn is_words(field: &[u8]) -> bool {
    let known = |w: &[u8]| w == b"readonly" || WORDS.iter().chain(&ALREADY_SO).any(|word| word.as_bytes() == w);
    field.split(|&b| b == b',').all(known)
}

/// At colons that no backslash precedes.
pub fn split(value: &[u8]) -> Vec<Vec<u8>> {
    let mut fields = vec![Vec::new()];
    let mut bytes = value.iter().copied().peekable();
    while let Some(b) = bytes.next() {
        match b {
            b'\\' if bytes.peek() == Some(&b':') => {
                bytes.next();
                if let Some(field) = fields.last_mut() {
                    field.push(b':');
                }
            }
            b':' => fields.push(Vec::new()),
            b => {
                if let Some(field) = fields.last_mut() {
                    field.push(b);
                }
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> (String, Option<String>, bool) {
        let b = bind(value.as_bytes()).expect(value);
        (b.source.to_string(), b.destination.map(|d| d.to_string()), b.read_only)
    }

    #[test]
    fn forms() {
        let at = |d: &str| Some(d.to_string());
        assert_eq!(parsed("."), (".".into(), None, false));
        assert_eq!(parsed("~/x:ro"), ("~/x".into(), None, true));
        assert_eq!(parsed("a:/b"), ("a".into(), at("/b"), false));
        assert_eq!(parsed("a:/b:ro,noexec"), ("a".into(), at("/b"), true));
        assert_eq!(parsed(r"a\:b:/c"), ("a:b".into(), at("/c"), false));
        assert_eq!(parsed("a:/ro"), ("a".into(), at("/ro"), false));
        assert_eq!(parsed("a:/b:z"), ("a".into(), at("/b"), false));
        assert!(bind(b"a:/b:create").expect("create").create);
        assert!(bind(b"a:cow").expect("cow").cow && bind(b"a:/b:rw,cow,noexec").expect("cow").cow);
        assert_eq!(bind(b"\xff:/b").expect("bytes").source.as_bytes(), b"\xff");
    }

    #[test]
    fn read_only_by_its_option() {
        assert!(read_only_bind(b"a:/b").expect("a bind").read_only);
        assert!(read_only_bind(b"a:/b:ro,noexec").expect("a bind").noexec);
        assert!(read_only_bind(b"rw:/rw").expect("a bind").read_only);
        assert!(read_only_bind(b"a:/b:rw").is_err() && read_only_bind(b"a:noexec,rw").is_err());
    }

    #[test]
    fn refused_by_name() {
        for (value, word) in [
            ("", "no source"),
            (":/b", "no source"),
            ("a:b", "'b'"),
            ("a:b/c:ro", "'b/c'"),
            ("a:/b:wr", "'wr'"),
            ("a:/b:ro,rw", "both"),
            ("a:/b:cow,ro", "both ro and cow"),
            ("a:cow,create", "both create and cow"),
            ("a:/b/../c", "'..'"),
            ("a:/", "root"),
            ("a:/.", "root"),
            ("a:/b:ro:x", "three"),
            ("a:/b:", "''"),
        ] {
            let fail = bind(value.as_bytes()).expect_err(value);
            assert!(fail.to_string().contains(word), "{value}: {fail}");
            assert!(fail.hint.is_some(), "{value}");
        }
    }
}
