//! Times for people and for scripts, in UTC, without a time zone's database.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;

/// Milliseconds since 1970, as records hold them.
pub fn from_millis(millis: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH)
}

/// `2026-01-02T03:04:05Z`, with this many digits of the second's fraction (9 at most).
pub fn rfc3339(time: SystemTime, digits: usize) -> String {
    let (seconds, nanos) = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => (since.as_secs() as i64, since.subsec_nanos()),
        // Before 1970: the second counts down, its fraction up.
        Err(before) => {
            let before = before.duration();
            let down = -(before.as_secs() as i64) - i64::from(before.subsec_nanos() > 0);
            (down, (1_000_000_000 - before.subsec_nanos()) % 1_000_000_000)
        }
    };
    let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(day);
    let fraction = match digits {
        0 => String::new(),
        n => format!(".{}", &format!("{nanos:09}")[..n.min(9)]),
    };
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// A day counted from 1970-01-01 as year, month, day of the Gregorian calendar. Years are counted from March, so that
/// the leap day is the last one, in eras of 400 years (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * march + 2) / 5 + 1)
}

/// The other way.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// RFC 3339 (`2026-01-02T03:04:05.5+01:00`; without a zone UTC, and without a time its midnight), seconds since 1970
/// (`1767322245.5`), or how long before `now` (`10m`, `1h30m`).
pub fn parse(text: &str, now: SystemTime) -> Option<SystemTime> {
    if let Some(since) = seconds(text) {
        return UNIX_EPOCH.checked_add(since);
    }
    match duration(text) {
        Some(before) => now.checked_sub(before),
        None => date(text),
    }
}

/// Digits, and at most nine of a fraction.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::new(whole.parse().ok()?, nanos))
}

/// `1h30m`, `1.5d`, `250ms`: numbers with their units.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number = seconds(&rest[..unit])?;
        rest = &rest[unit..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        sum = sum.checked_add(match &rest[..end] {
            "ms" => number / 1000,
            "s" => number,
            "m" => number.checked_mul(60)?,
            "h" => number.checked_mul(3600)?,
            "d" => number.checked_mul(DAY as u32)?,
            _ => return None,
        })?;
        rest = &rest[end..];
    }
    if text.is_empty() { None } else { Some(sum) }
}

fn date(text: &str) -> Option<SystemTime> {
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, time),
        None => (text, "00:00:00"),
    };
    let at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(at);
    let [year, month, day] = numbers::<3>(date, '-', [4, 2, 2])?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let clock = if clock.len() == 5 { format!("{clock}:00") } else { clock.to_string() };
    let [hour, minute, second] = numbers::<3>(&clock, ':', [2, 2, 2])?;
    let length = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    // 60 is a leap second, which counts as the one after it.
    if !(1..=length).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset = match zone {
        "" | "Z" | "z" => 0,
        zone => {
            let [hours, minutes] = numbers::<2>(&zone[1..], ':', [2, 2])?;
            let offset = hours * 3600 + minutes * 60;
            if hours > 23 || minutes > 59 {
                return None;
            }
            if zone.starts_with('-') { -offset } else { offset }
        }
    };
    let total = day_of(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    let nanos = u64::from(seconds(&format!("0.{fraction}"))?.subsec_nanos());
    let whole = Duration::from_secs(total.unsigned_abs());
    let base = if total < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    base?.checked_add(Duration::from_nanos(nanos))
}

/// Exactly these many digits each.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut out = [0; N];
    let mut parts = text.split(between);
    for (value, length) in out.iter_mut().zip(digits) {
        let part = parts.next().filter(|p| p.len() == length && p.bytes().all(|b| b.is_ascii_digit()))?;
        *value = part.parse().ok()?;
    }
    parts.next().is_none().then_some(out)
}

/// `5 minutes`, `2 hours`, `3 days`: the largest unit that says something.
pub fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..172_800 => (seconds / 3600, "hour"),
        172_800..1_209_600 => (seconds / 86_400, "day"),
        1_209_600..5_184_000 => (seconds / 604_800, "week"),
        5_184_000..63_072_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// `5 minutes ago`; `now` within a second, and for a clock that was set back.
pub fn ago(then: SystemTime, now: SystemTime) -> String {
    match now.duration_since(then) {
        Ok(length) if length >= Duration::from_secs(1) => format!("{} ago", span(length)),
        _ => "now".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<String> {
        let now = UNIX_EPOCH + Duration::from_secs(1_767_322_245);
        parse(text, now).map(|t| rfc3339(t, 9))
    }

    #[test]
    fn every_day_of_eight_centuries_there_and_back() {
        let (mut year, mut month, mut day) = (1600, 1, 1);
        for number in day_of(1600, 1, 1)..day_of(2400, 1, 1) {
            assert_eq!(civil(number), (year, month, day));
            assert_eq!(day_of(year, month, day), number);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, d) if d == length => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
        assert_eq!((year, civil(0)), (2400, (1970, 1, 1)));
    }

    #[test]
    fn what_since_takes() {
        for (text, want) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000000Z"),
            ("2026-01-02T03:04:05.123456789+01:30", "2026-01-02T01:34:05.123456789Z"),
            ("2026-01-02 03:04:05-01:00", "2026-01-02T04:04:05.000000000Z"),
            ("2026-01-02T03:04", "2026-01-02T03:04:00.000000000Z"),
            ("2024-02-29", "2024-02-29T00:00:00.000000000Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000000Z"),
            ("0", "1970-01-01T00:00:00.000000000Z"),
            ("1767322245.000000001", "2026-01-02T02:50:45.000000001Z"),
            ("10m", "2026-01-02T02:40:45.000000000Z"),
            ("1h30m", "2026-01-02T01:20:45.000000000Z"),
            ("1.5d", "2025-12-31T14:50:45.000000000Z"),
            ("250ms", "2026-01-02T02:50:44.750000000Z"),
        ] {
            assert_eq!(at(text).as_deref(), Some(want), "{text}");
        }
        for text in [
            "",
            "m",
            "10x",
            "-5",
            "+5",
            "1e3",
            "5 m",
            "2023-02-29",
            "2026-13-01",
            "2026-1-2",
            "2026-01-02T24:00:00Z",
            "2026-01-02T",
            "2026-01-02T03:04:05+1",
            "2026-01-02T03:04:05Zx",
            "2026-01-02T03:04:05.Z",
            "99999999999999999999",
            "é",
            "1h-30m",
            "1..5h",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn how_long() {
        let now = UNIX_EPOCH + Duration::from_secs(1 << 40);
        for (seconds, want) in [
            (0, "now"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (60, "1 minute ago"),
            (3599, "59 minutes ago"),
            (3600, "1 hour ago"),
            (172_799, "47 hours ago"),
            (172_800, "2 days ago"),
            (1_209_600, "2 weeks ago"),
            (5_184_000, "2 months ago"),
            (63_072_000, "2 years ago"),
        ] {
            assert_eq!(ago(now - Duration::from_secs(seconds), now), want);
        }
        assert_eq!(ago(now + Duration::from_secs(5), now), "now");
    }
}
