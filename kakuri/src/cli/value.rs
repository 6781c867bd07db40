//! Values of options: durations, sizes, ids, names. Every error names what was typed.

use std::time::Duration;

use kakuri_init::Extent;
use kakuri_wire::Fail;

use super::misuse;
use super::scan::shown;
use crate::spec::User;

fn wrong(option: &str, value: &[u8], why: &str, hint: &str) -> Fail {
    misuse(format!("bad value '{}' for {option}", shown(value))).why(why).hint(hint)
}

fn text<'a>(option: &str, value: &'a [u8], hint: &str) -> Result<&'a str, Fail> {
    std::str::from_utf8(value).map_err(|_| wrong(option, value, "it is not text", hint))
}

/// `5`, `5s`, `500ms`, `1.5m`, `2h`, `1d`: seconds where no unit is given.
pub fn duration(option: &str, value: &[u8]) -> Result<Duration, Fail> {
    let hint = "a number and ms, s, m, h or d, such as 30s";
    let words = text(option, value, hint)?;
    let split = words.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(words.len());
    let (number, unit) = words.split_at(split);
    let unit = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(wrong(option, value, "it is no duration", hint)),
    };
    let number: f64 = number.parse().map_err(|_| wrong(option, value, "it is no duration", hint))?;
    match Duration::try_from_secs_f64(number * unit) {
        Ok(duration) if duration >= Duration::from_millis(1) => Ok(duration),
        _ => Err(wrong(option, value, "it is too short or too long", hint)),
    }
}

/// Bytes: `4096`, `64k`, `64m`, `1g`, powers of 1024.
pub fn size(option: &str, value: &[u8]) -> Result<u64, Fail> {
    let hint = "a number of bytes, or one with k, m or g, such as 64m";
    let words = text(option, value, hint)?.to_ascii_lowercase();
    let words = words.strip_suffix('b').unwrap_or(&words);
    let (number, shift) = match words.char_indices().next_back() {
        Some((at, 'k')) => (&words[..at], 10),
        Some((at, 'm')) => (&words[..at], 20),
        Some((at, 'g')) => (&words[..at], 30),
        _ => (words, 0),
    };
    let bytes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift)).filter(|n| *n > 0);
    bytes.ok_or_else(|| wrong(option, value, "it is no size", hint))
}

/// Permission bits in octal.
pub fn mode(option: &str, value: &[u8]) -> Result<u32, Fail> {
    let hint = "octal digits, such as 0755 or 1777";
    let words = text(option, value, hint)?;
    let mode = u32::from_str_radix(words.strip_prefix("0o").unwrap_or(words), 8).ok().filter(|m| *m <= 0o7777);
    mode.ok_or_else(|| wrong(option, value, "it is no mode", hint))
}

/// `UID[:GID]`, the gid being the uid where it is not given; or by names, `NAME[:GROUP]`.
pub fn user(option: &str, value: &[u8]) -> Result<User, Fail> {
    let hint = "a name or a number, such as postgres, 1000 or 1000:1000; --user alone is the name `user`, uid 1000";
    let words = text(option, value, hint)?;
    let (uid, gid) = words.split_once(':').unwrap_or((words, words));
    // -1 means "leave as it is" to the kernel and can be nobody's.
    let id = |w: &str| {
        w.bytes().all(|b| b.is_ascii_digit()).then(|| w.parse::<u32>().ok()).flatten().filter(|n| *n != u32::MAX)
    };
    match (id(uid), id(gid)) {
        (Some(uid), Some(gid)) => Ok(User::Named { uid, gid }),
        _ if words.split(':').count() <= 2 && words.split(':').all(is_account) => Ok(User::Name(words.into())),
        _ => Err(wrong(option, value, "it is neither a user nor a uid", hint)),
    }
}

/// What useradd(8) makes, or a number; none that an option could be mistaken for.
fn is_account(word: &str) -> bool {
    let number = word.bytes().all(|b| b.is_ascii_digit());
    let fits = (1..=64).contains(&word.len()) && !word.starts_with(['-', '+', '.']);
    let id = !number || word.parse::<u32>().is_ok_and(|id| id != u32::MAX);
    fits && id && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-$@+".contains(&b) || b >= 0x80)
}

/// `IN:OUT:COUNT` of --uidmap.
pub fn extent(option: &str, value: &[u8]) -> Result<Extent, Fail> {
    let hint = format!("{option} IN:OUT:COUNT; OUT 0 is you, and 1 is the first of your sub-ids");
    let words = text(option, value, &hint)?;
    let numbers: Vec<Option<u32>> =
        words.split(':').map(|w| w.bytes().all(|b| b.is_ascii_digit()).then(|| w.parse().ok()).flatten()).collect();
    match numbers[..] {
        [Some(inside), Some(outside), Some(count)] if count > 0 => Ok(Extent { inside, outside, count }),
        _ => Err(wrong(option, value, "it is no line of a map", &hint)),
    }
}

/// A descriptor, `least` or above.
pub fn descriptor(option: &str, value: &[u8], least: i32) -> Result<i32, Fail> {
    let hint = format!("the number of an open descriptor, {least} or above");
    let number = text(option, value, &hint)?.parse::<i32>().ok().filter(|n| *n >= least);
    number.ok_or_else(|| wrong(option, value, "it is no such number", &hint))
}

/// A name hostname(7) allows, 64 bytes at most.
pub fn hostname(option: &str, value: &[u8]) -> Result<String, Fail> {
    let hint = "letters, digits, '-' and '.', 64 at most, beginning with a letter or digit";
    let words = text(option, value, hint)?;
    let fits = !words.is_empty()
        && words.len() <= 64
        && words.as_bytes()[0].is_ascii_alphanumeric()
        && words.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    if fits { Ok(words.into()) } else { Err(wrong(option, value, "it is no host name", hint)) }
}

/// One of these words.
pub fn word<T: Copy>(option: &str, value: &[u8], words: &[(&str, T)], later: &[&str]) -> Result<T, Fail> {
    if let Some((_, meaning)) = words.iter().find(|(w, _)| w.as_bytes() == value) {
        return Ok(*meaning);
    }
    let known: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
    let hint = format!("{option} {}", known.join("|"));
    if later.iter().any(|w| value == w.as_bytes() || value.starts_with(format!("{w}:").as_bytes())) {
        return Err(misuse(format!("this build has no `{option} {}` yet", shown(value))).hint(hint));
    }
    Err(wrong(option, value, "it is not one of the words it takes", &hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let ms = |v: &str| duration("--timeout", v.as_bytes()).map(|d| d.as_millis());
        for (value, want) in
            [("5", 5000), ("5s", 5000), ("500ms", 500), ("2m", 120_000), ("1h", 3_600_000), ("0.5", 500)]
        {
            assert_eq!(ms(value).expect(value), want, "{value}");
        }
        for value in ["", "0", "s", "5x", "-5", "1e400", "5 s", "99999999999999999999999d"] {
            assert!(ms(value).is_err(), "{value}");
        }
    }

    #[test]
    fn sizes_modes_and_ids() {
        assert_eq!(size("s", b"64m").expect("size"), 64 << 20);
        assert_eq!(size("s", b"1Gb").expect("size"), 1 << 30);
        assert!(size("s", b"0").is_err() && size("s", b"99999999999g").is_err() && size("s", b"m").is_err());
        assert_eq!(mode("m", b"1777").expect("mode"), 0o1777);
        assert!(mode("m", b"8").is_err() && mode("m", b"77777").is_err());
        assert_eq!(user("-u", b"7").expect("ids"), User::Named { uid: 7, gid: 7 });
        assert_eq!(user("-u", b"7:8").expect("ids"), User::Named { uid: 7, gid: 8 });
        assert_eq!(user("-u", b"app:5").expect("name"), User::Name("app:5".into()));
        for value in
            [&b""[..], b"1:", b":1", b"+1", b"4294967295", b"\xff", b"a:b:c", b"-x", b"a b", b"a/b", b"a:4294967296"]
        {
            assert!(user("-u", value).is_err());
        }
    }
}
