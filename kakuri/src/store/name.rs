//! Names of containers: which are good ones, which one was meant, and new ones.

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::rand::{GetRandomFlags, getrandom};

/// Bytes; with a dot, a word and some hexadecimal digits it is still a file name of less than NAME_MAX.
const LONGEST: usize = 64;

/// `[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}`
pub fn is_valid(name: &str) -> bool {
    name.len() <= LONGEST
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// For a container that is to have this name.
pub fn check(name: &str) -> Result<()> {
    if is_valid(name) {
        return Ok(());
    }
    let fail = Fail::new(Stage::Front, format!("'{}' cannot be the name of a container", shown(name))).why(
        match name.len() > LONGEST {
            true => format!("it is longer than {LONGEST} characters"),
            false => "a name begins with a letter or digit, and has only letters, digits and _ . -".into(),
        },
    );
    Err(match sanitized(name) {
        Some(better) => fail.hint(format!("call it {better}")),
        None => fail.hint("call it web, say, or dev-1"),
    })
}

/// The good name that is nearest; None where nothing is left of it.
fn sanitized(name: &str) -> Option<String> {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' };
    let text: String = name.chars().map(kept).collect();
    let text = text.trim_start_matches(['_', '.', '-']).trim_end_matches('-');
    let text: String = text.chars().take(LONGEST).collect();
    (!text.is_empty()).then_some(text)
}

/// Typed words may be long and odd.
fn shown(typed: &str) -> String {
    let text: String = typed.chars().take(80).collect();
    let more = if text.len() < typed.len() { "..." } else { "" };
    format!("{}{more}", text.escape_debug())
}

/// The name that begins as typed, if it is the only one.
pub fn only_one<'a>(typed: &str, names: &'a [String]) -> Result<&'a str> {
    let mut begin: Vec<&str> = match typed {
        "" => Vec::new(),
        _ => names.iter().map(String::as_str).filter(|name| name.starts_with(typed)).collect(),
    };
    match begin[..] {
        [] => Err(unknown(typed, names)),
        [name] => Ok(name),
        _ => {
            begin.sort_unstable();
            let more = if begin.len() > 5 { ", ..." } else { "" };
            let some = begin[..begin.len().min(5)].join(", ");
            Err(Fail::new(Stage::Front, format!("'{}' is ambiguous", shown(typed)))
                .why(format!("{some}{more}"))
                .hint("type more of the name"))
        }
    }
}

pub fn unknown(typed: &str, names: &[String]) -> Fail {
    let fail = Fail::new(Stage::Front, format!("no container is named '{}'", shown(typed)));
    match nearest(typed, names) {
        Some(name) => fail.hint(format!("did you mean {name}? kakuri list shows all")),
        None if names.is_empty() => fail.hint("there is none yet: kakuri create NAME makes one"),
        None => fail.hint("kakuri list shows all"),
    }
}

/// The name with the fewest differences, if they are few enough for a typing error.
fn nearest<'a>(typed: &str, names: &'a [String]) -> Option<&'a str> {
    if typed.len() > 2 * LONGEST {
        return None;
    }
    let most = 1 + typed.chars().count() / 3;
    let by_distance = names.iter().map(|name| (distance(typed, name), name.as_str()));
    by_distance.filter(|(d, _)| *d <= most).min().map(|(_, name)| name)
}

/// How many characters have to be put in, left out, changed or swapped with the next one (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let fold = |s: &str| s.chars().map(|c| c.to_ascii_lowercase()).collect::<Vec<_>>();
    let (a, b) = (fold(a), fold(b));
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

/// Hexadecimal digits of this many random bytes, at most 16.
pub fn random(bytes: usize) -> Result<String> {
    let mut buffer = [0; 16];
    let some = &mut buffer[..bytes.min(16)];
    getrandom(&mut *some, GetRandomFlags::empty()).fail(Stage::Front, || "cannot get random numbers".into())?;
    Ok(some.iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_and_bad_ones() {
        for good in ["a", "web", "Web-1.2_3", "0", &"x".repeat(64)] {
            assert!(is_valid(good), "{good}");
        }
        for bad in ["", ".", "..", ".new-x", "-d", "_x", "a/b", "../x", "a b", "ä", "a\n", "a\0", &"x".repeat(65)] {
            assert!(!is_valid(bad), "{bad}");
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_name_is_answered_with_a_good_one() {
        for (typed, better) in
            [("my web", "my-web"), (".hidden", "hidden"), ("a/b/", "a-b"), ("täst", "t-st"), ("--rm", "rm")]
        {
            assert_eq!(sanitized(typed).as_deref(), Some(better));
        }
        assert_eq!(sanitized(&"y".repeat(99)).map(|n| n.len()), Some(64));
        assert_eq!(sanitized("///"), None);
        assert!(check("a\x1b[2J").expect_err("bad").to_string().contains("'a\\u{1b}[2J'"));
    }

    #[test]
    fn a_prefix_will_do_where_it_is_unique() {
        let names = ["web", "web2", "db"].map(String::from);
        assert_eq!(only_one("d", &names), Ok("db"));
        let ambiguous = only_one("we", &names).expect_err("two begin so").to_string();
        assert!(ambiguous.starts_with("'we' is ambiguous: web, web2"), "{ambiguous}");
        assert!(only_one("", &names[2..]).is_err(), "nothing typed means nothing");
    }

    #[test]
    fn the_nearest_name_is_offered() {
        let names = ["web", "devenv", "database"].map(String::from);
        for (typed, name) in [("wbe", "web"), ("WEB1", "web"), ("denvev", "devenv"), ("databse", "database")] {
            assert_eq!(nearest(typed, &names), Some(name), "{typed}");
        }
        assert_eq!(nearest("nothing-like-it", &names), None);
        assert_eq!((distance("", "abc"), distance("abc", "abc"), distance("ab", "ba")), (3, 0, 1));
    }

    #[test]
    fn random_digits() {
        let (a, b) = (random(6).expect("random"), random(6).expect("random"));
        assert!(a.len() == 12 && a != b && a.bytes().all(|c| c.is_ascii_hexdigit()));
    }
}
