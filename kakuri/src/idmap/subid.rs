//! /etc/subuid and /etc/subgid (subuid(5)), and what getsubids(1) prints where they are not the source. Pure.

/// Ids of the host that a user may map, `count` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    pub first: u32,
    pub count: u32,
}

impl Given {
    /// The last of them; None for what is no range.
    fn of(first: &str, count: &str) -> Option<Given> {
        let (first, count) = (first.trim().parse::<u32>().ok()?, count.trim().parse::<u32>().ok()?);
        // Id -1 is nobody's.
        let fits = count > 0 && first.checked_add(count - 1).is_some_and(|last| last < u32::MAX);
        fits.then_some(Given { first, count })
    }
}

/// The lines of a user, by name or number; several add up, and what is no line is passed over, as newuidmap does.
pub fn parse(text: &str, name: &str, uid: u32) -> Vec<Given> {
    let line = |line: &str| {
        let mut fields = line.split(':');
        let (owner, first, count) = (fields.next()?, fields.next()?, fields.next()?);
        let his = (!name.is_empty() && owner == name) || owner.parse() == Ok(uid);
        if his && fields.next().is_none() { Given::of(first, count) } else { None }
    };
    text.lines().filter_map(line).collect()
}

/// Everybody's lines.
pub fn all(text: &str) -> impl Iterator<Item = Given> + '_ {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':').skip(1);
        Given::of(fields.next()?, fields.next()?)
    })
}

/// `0: NAME FIRST COUNT`, a line each.
pub fn printed(text: &str) -> Vec<Given> {
    let line = |line: &str| {
        let mut words = line.split_whitespace().rev();
        let (count, first) = (words.next()?, words.next()?);
        Given::of(first, count)
    };
    text.lines().filter_map(line).collect()
}

/// Whether nsswitch.conf(5) names another source than the files.
pub fn is_elsewhere(nsswitch: &str) -> bool {
    let source = nsswitch.lines().find_map(|line| line.trim().strip_prefix("subid:"));
    source.and_then(|words| words.split_whitespace().next()).is_some_and(|first| first != "files")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(first: u32, count: u32) -> Given {
        Given { first, count }
    }

    #[test]
    fn lines_by_name_and_number_add_up() {
        let text = "bob:1:2\nann:100000:65536\n1000:300000:10\n\n# a comment\nann:400000:1\n";
        assert_eq!(parse(text, "ann", 1000), [given(100_000, 65536), given(300_000, 10), given(400_000, 1)]);
        assert_eq!(parse(text, "", 1000), [given(300_000, 10)]);
        assert_eq!(parse(text, "anne", 7), []);
    }

    #[test]
    fn what_is_no_range_is_passed_over() {
        for line in [
            "ann:100000:0",
            "ann:x:1",
            "ann:1",
            "ann:1:2:3",
            "ann:4294967295:1",
            "ann:4294967290:10",
            "ann:-1:5",
            ":1:1",
        ] {
            assert_eq!(parse(line, "ann", 1000), [], "{line}");
        }
    }

    #[test]
    fn other_sources() {
        assert_eq!(printed("0: ann 100000 65536\n1: ann 300000 5\n"), [given(100_000, 65536), given(300_000, 5)]);
        assert_eq!(printed("Error fetching ranges\n"), []);
        assert!(is_elsewhere("passwd: files\nsubid:  sss files\n"));
        assert!(!is_elsewhere("subid: files\n") && !is_elsewhere("passwd: sss\n") && !is_elsewhere("subid:\n"));
    }
}
