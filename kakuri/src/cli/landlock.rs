//! Values of the options about Landlock, in hakoniwa's spelling too.

use kakuri_wire::{Bytes, Fail};

use super::misuse;
use super::options::Id;
use super::scan::{Met, shown, shown_option};
use crate::bind::parse::split;
use crate::guarantee;
use crate::spec::{Allowed, Landlock, PathRule, Ports, Restricted, Walls};

pub fn apply(met: &Met, walls: &mut Walls) -> Result<(), Fail> {
    let name = shown_option(met.name);
    let rules = &mut walls.landlock;
    match met.id {
        Id::LandlockRo => paths(&name, met.value, Allowed::Ro, rules),
        Id::LandlockRw => paths(&name, met.value, Allowed::Rw, rules),
        Id::LandlockRx => paths(&name, met.value, Allowed::Rx, rules),
        Id::LandlockTcpBind => ports(&name, met.value, &mut rules.bind),
        Id::LandlockTcpConnect => ports(&name, met.value, &mut rules.connect),
        Id::Require => require(&name, met.value, &mut walls.require),
        _ => restrict(&name, met.value, rules),
    }
}

fn wrong(name: &str, value: &[u8], why: &str, hint: impl Into<String>) -> Fail {
    misuse(format!("bad value '{}' for {name}", shown(value))).why(why).hint(hint)
}

/// Paths parted by colons.
fn paths(name: &str, value: &[u8], access: Allowed, rules: &mut Landlock) -> Result<(), Fail> {
    for path in split(value) {
        if path.is_empty() || path.contains(&0) {
            return Err(wrong(name, value, "it names no path", format!("{name} PATH[:PATH...], of the container")));
        }
        rules.paths.push(PathRule { path: Bytes(path), access });
    }
    Ok(())
}

/// Ports and ranges of them, parted by commas.
fn ports(name: &str, value: &[u8], into: &mut Vec<Ports>) -> Result<(), Fail> {
    let text = String::from_utf8_lossy(value);
    let hint = || format!("{name} PORT, or FIRST-LAST, several parted by commas; ports go from 0 to 65535");
    let number = |word: &str| word.bytes().all(|b| b.is_ascii_digit()).then(|| word.parse::<u16>().ok()).flatten();
    for word in text.split(',') {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => into.push(Ports { first, last }),
            (Some(_), Some(_)) => return Err(wrong(name, value, "the range ends before it begins", hint())),
            _ => return Err(wrong(name, value, "it is no port", hint())),
        }
    }
    Ok(())
}

fn restrict(name: &str, value: &[u8], rules: &mut Landlock) -> Result<(), Fail> {
    for word in value.split(|&b| b == b',') {
        // hakoniwa has had both.
        let plain = word.strip_prefix(b"net.").unwrap_or(word);
        let Some(kind) = Restricted::ALL.into_iter().find(|kind| kind.word().as_bytes() == plain) else {
            let all = Restricted::ALL.map(Restricted::word).join(",");
            return Err(wrong(
                name,
                value,
                "there is nothing of the kind to deny",
                format!("{name} {all}, or some of them"),
            ));
        };
        if !rules.restrict.contains(&kind) {
            rules.restrict.push(kind);
        }
    }
    Ok(())
}

fn require(name: &str, value: &[u8], into: &mut Vec<String>) -> Result<(), Fail> {
    for word in value.split(|&b| b == b',') {
        let word = shown(word);
        guarantee::known(&word).map_err(|names| {
            wrong(name, value, &format!("there is no guarantee '{word}'"), format!("{name} {names}"))
        })?;
        if !into.contains(&word) {
            into.push(word);
        }
    }
    Ok(())
}

/// What Landlock forbids whatever its rules say.
pub fn check(walls: &Walls, nest: bool) -> Result<(), Fail> {
    if nest && !walls.landlock.is_empty() {
        let denied: Vec<&str> = walls.landlock.restricted().map(Restricted::word).collect();
        return Err(misuse(format!("--nest with Landlock ({}) cannot be", denied.join(", ")))
            .why("who is under Landlock may mount nothing, and containers inside could not be made")
            .hint("leave --nest out, or the --landlock options"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_ports_and_kinds() {
        let mut rules = Landlock::default();
        paths("p", b"/bin:/lib\\:x:~/y", Allowed::Rx, &mut rules).expect("paths");
        let named: Vec<String> = rules.paths.iter().map(|rule| rule.path.to_string()).collect();
        assert_eq!(named, ["/bin", "/lib:x", "~/y"]);
        for wrong in [&b""[..], b"/a:", b":/a", b"/a::/b"] {
            assert!(paths("p", wrong, Allowed::Ro, &mut rules).is_err(), "{wrong:?}");
        }
        ports("p", b"80,8000-8010,0", &mut rules.bind).expect("ports");
        assert_eq!(rules.bind.iter().map(|p| (p.first, p.last)).collect::<Vec<_>>(), [(80, 80), (8000, 8010), (0, 0)]);
        for wrong in [&b""[..], b"http", b"65536", b"5-4", b"1-", b"-1", b"1,,2", b"+1", b"1-2-3", b"\xff"] {
            assert!(ports("p", wrong, &mut rules.connect).is_err(), "{wrong:?}");
        }
        restrict("r", b"fs,net.tcp.bind,tcp.connect,abstract,signals,fs", &mut rules).expect("kinds");
        assert_eq!(rules.restrict, Restricted::ALL);
        for wrong in [&b""[..], b"files", b"fs,", b"udp", b"FS"] {
            assert!(restrict("r", wrong, &mut rules).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn nesting_and_landlock_exclude_each_other() {
        let mut walls = Walls::default();
        assert!(check(&walls, true).is_ok());
        restrict("r", b"signals", &mut walls.landlock).expect("a kind");
        assert!(check(&walls, false).is_ok() && check(&walls, true).is_err());
    }

    #[test]
    fn what_is_required_has_to_be_known() {
        let mut names = Vec::new();
        require("--require", b"landlock,limits,all", &mut names).expect("names");
        let fail = require("--require", b"firewall", &mut names).expect_err("unknown");
        assert!(fail.hint.expect("a hint").contains("system-calls"));
    }
}
