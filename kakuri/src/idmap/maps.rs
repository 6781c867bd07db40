//! Maps as arithmetic: what S and P have, and one laid over the other. Pure.

use kakuri_init::Extent;

use super::subid::Given;

/// Lines the kernel takes in one map (user_namespaces(7)).
const MOST: usize = 340;

fn extent(inside: u32, outside: u32, count: u32) -> Extent {
    Extent { inside, outside, count }
}

/// Lines of no id are none.
fn some(extents: impl IntoIterator<Item = Extent>) -> Vec<Extent> {
    extents.into_iter().filter(|e| e.count > 0).collect()
}

/// S's map: the caller, then what he was given, in the order of the files and each id once, because the kernel takes no
/// id twice. None where nothing is left.
pub fn set_up(caller: u32, given: &[Given]) -> Option<Vec<Extent>> {
    let mut map = vec![extent(0, caller, 1)];
    for range in given {
        // Cut by what is there already, into pieces that are new.
        let mut pieces = vec![(u64::from(range.first), u64::from(range.first) + u64::from(range.count))];
        for taken in &map {
            let (from, to) = (u64::from(taken.outside), u64::from(taken.outside) + u64::from(taken.count));
            pieces = pieces
                .into_iter()
                .flat_map(|(a, b)| [(a, b.min(from)), (a.max(to), b)])
                .filter(|(a, b)| a < b)
                .collect();
        }
        for (from, to) in pieces {
            let next = total(&map);
            // The last number is none that anybody can be.
            let count = (to - from).min(u64::from(u32::MAX - 1 - next)) as u32;
            if count > 0 && map.len() < MOST {
                map.push(extent(next, from as u32, count));
            }
        }
    }
    (map.len() > 1).then_some(map)
}

/// How many ids a map of S has, which are all from 0 on.
pub fn total(map: &[Extent]) -> u32 {
    map.iter().fold(0, |sum, e| sum.saturating_add(e.count))
}

/// P as S is: root inside is the caller.
pub fn low(total: u32) -> Vec<Extent> {
    vec![extent(0, 0, total)]
}

/// P from the first sub-id on; the caller, whom binds belong to, comes last.
pub fn high(total: u32) -> Vec<Extent> {
    some([extent(0, 1, total - 1), extent(total - 1, 0, 1)])
}

/// The same with the caller at his own number; the id that was there comes last.
pub fn keep(total: u32, own: u32) -> Vec<Extent> {
    let subs = total - 1;
    if own >= subs {
        return some([extent(0, 1, subs), extent(own, 0, 1)]);
    }
    some([extent(0, 1, own), extent(own, 0, 1), extent(own + 1, own + 2, subs - own - 1), extent(subs, own + 1, 1)])
}

/// A map as the user typed it, if the kernel takes it over a namespace of `total` ids from 0 on; else why not.
pub fn check(wanted: &[Extent], total: u32) -> Result<Vec<Extent>, String> {
    let shown = |e: &Extent| format!("{}:{}:{}", e.inside, e.outside, e.count);
    let span = |first: u32, count: u32| (u64::from(first), u64::from(first) + u64::from(count));
    let meet = |a: (u64, u64), b: (u64, u64)| a.0 < b.1 && b.0 < a.1;
    if wanted.len() > MOST {
        return Err(format!("it has {} lines, and the kernel takes {MOST}", wanted.len()));
    }
    for (n, e) in wanted.iter().enumerate() {
        if span(e.inside, e.count).1 > u64::from(u32::MAX) {
            return Err(format!("{} goes beyond the last id there is", shown(e)));
        }
        if span(e.outside, e.count).1 > u64::from(total) {
            return Err(format!("{} wants ids that you do not have: yours are 0-{}", shown(e), total - 1));
        }
        let other = wanted[..n].iter().find(|o| {
            meet(span(o.inside, o.count), span(e.inside, e.count))
                || meet(span(o.outside, o.count), span(e.outside, e.count))
        });
        if let Some(other) = other {
            return Err(format!("{} and {} overlap", shown(other), shown(e)));
        }
    }
    Ok(wanted.to_vec())
}

/// `wanted`, in S's ids, cut where S's own lines end: the kernel takes no line over two of them. None where S lacks one.
pub fn split(wanted: &[Extent], set_up: &[Extent]) -> Option<Vec<Extent>> {
    let mut pieces = Vec::new();
    for whole in wanted {
        let (mut inside, mut outside, mut left) = (whole.inside, whole.outside, whole.count);
        while left > 0 {
            let within = set_up.iter().find(|e| e.inside <= outside && outside - e.inside < e.count)?;
            let count = left.min(within.count - (outside - within.inside));
            pieces.push(extent(inside, outside, count));
            left -= count;
            if left > 0 {
                (inside, outside) = (inside.checked_add(count)?, outside.checked_add(count)?);
            }
        }
    }
    (pieces.len() <= MOST).then_some(pieces)
}

/// What an id is further out.
pub fn outside(map: &[Extent], id: u32) -> Option<u32> {
    map.iter().find(|e| e.inside <= id && id - e.inside < e.count).map(|e| e.outside + (id - e.inside))
}

/// Whether there is such an id inside.
pub fn has_inside(map: &[Extent], id: u32) -> bool {
    outside(map, id).is_some()
}

/// Whether an id from outside has one inside.
pub fn has(map: &[Extent], id: u32) -> bool {
    map.iter().any(|e| e.outside <= id && id - e.outside < e.count)
}

/// The ids inside, first and last of each run, for people.
pub fn merged(map: &[Extent]) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = map.iter().map(|e| (e.inside, e.inside + (e.count - 1))).collect();
    runs.sort_unstable();
    runs.dedup_by(|next, run| {
        let joined = run.1.checked_add(1) == Some(next.0);
        if joined {
            run.1 = next.1;
        }
        joined
    });
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(map: &[Extent]) -> Vec<(u32, u32, u32)> {
        map.iter().map(|e| (e.inside, e.outside, e.count)).collect()
    }

    fn given(first: u32, count: u32) -> Given {
        Given { first, count }
    }

    /// Every id inside is one outside, and no id of either side stands twice.
    fn is_sound(map: &[Extent], total: u32) {
        assert!(check(map, total).is_ok(), "{map:?} of {total}");
    }

    #[test]
    fn the_callers_ids_in_the_order_of_the_files() {
        let map = set_up(1000, &[given(100_000, 65536), given(300_000, 10)]).expect("a map");
        assert_eq!(lines(&map), [(0, 1000, 1), (1, 100_000, 65536), (65537, 300_000, 10)]);
        assert_eq!(total(&map), 65547);
        assert_eq!(set_up(1000, &[]), None);
    }

    #[test]
    fn no_id_stands_twice() {
        let map = set_up(1000, &[given(900, 200), given(950, 300), given(900, 1)]).expect("a map");
        assert_eq!(lines(&map), [(0, 1000, 1), (1, 900, 100), (101, 1001, 99), (200, 1100, 150)]);
        assert_eq!(set_up(1000, &[given(1000, 1)]), None);
        let huge = set_up(0, &[given(1, u32::MAX - 2)]).expect("a map");
        assert_eq!(total(&huge), u32::MAX - 1);
    }

    #[test]
    fn forms_of_the_payload() {
        assert_eq!(lines(&low(65537)), [(0, 0, 65537)]);
        assert_eq!(lines(&high(65537)), [(0, 1, 65536), (65536, 0, 1)]);
        assert_eq!(lines(&keep(65537, 1000)), [(0, 1, 1000), (1000, 0, 1), (1001, 1002, 64535), (65536, 1001, 1)]);
        assert_eq!(lines(&keep(11, 1000)), [(0, 1, 10), (1000, 0, 1)]);
        assert_eq!(lines(&keep(11, 0)), [(0, 0, 1), (1, 2, 9), (10, 1, 1)]);
        assert_eq!(lines(&keep(11, 9)), [(0, 1, 9), (9, 0, 1), (10, 10, 1)]);
    }

    #[test]
    fn every_form_is_a_permutation() {
        for total in 2..40 {
            is_sound(&low(total), total);
            is_sound(&high(total), total);
            for own in 0..45 {
                let map = keep(total, own);
                is_sound(&map, total);
                assert_eq!(map.iter().map(|e| e.count).sum::<u32>(), total, "{own} of {total}");
                assert_eq!(outside(&map, own), Some(0), "{own} of {total}");
            }
        }
    }

    /// Against the slow way, for every split of a small namespace.
    #[test]
    fn lines_are_cut_where_those_below_end() {
        for cuts in 0_u32..64 {
            let mut below: Vec<Extent> = Vec::new();
            for id in 0..7 {
                match below.last_mut() {
                    Some(last) if id == 0 || cuts & (1 << (id - 1)) == 0 => last.count += 1,
                    _ => below.push(extent(id, 100 + id * 10, 1)),
                }
            }
            for wanted in [low(7), high(7), keep(7, 3), keep(7, 0), vec![extent(50, 2, 4)]] {
                let cut = split(&wanted, &below).expect("all are there");
                for id in 0..60 {
                    assert_eq!(outside(&wanted, id), outside(&cut, id), "{wanted:?} over {below:?}");
                }
                let in_one = |e: &Extent| {
                    below.iter().any(|b| b.inside <= e.outside && e.outside + e.count <= b.inside + b.count)
                };
                assert!(cut.iter().all(in_one), "{cut:?} over {below:?}");
            }
        }
        assert_eq!(split(&[extent(0, 6, 2)], &[extent(0, 100, 7)]), None);
    }

    #[test]
    fn what_a_user_may_type() {
        let why = |wanted: &[Extent]| check(wanted, 100).expect_err("refused");
        assert_eq!(why(&[extent(0, 99, 2)]), "0:99:2 wants ids that you do not have: yours are 0-99");
        assert_eq!(why(&[extent(0, 0, 5), extent(4, 50, 1)]), "0:0:5 and 4:50:1 overlap");
        assert_eq!(why(&[extent(0, 0, 5), extent(40, 4, 1)]), "0:0:5 and 40:4:1 overlap");
        assert_eq!(why(&[extent(u32::MAX, 0, 1)]), "4294967295:0:1 goes beyond the last id there is");
        assert!(why(&vec![extent(0, 0, 0); 341]).contains("341 lines"));
        assert!(check(&[extent(0, 1, 50), extent(1000, 0, 1)], 100).is_ok());
    }

    #[test]
    fn ids_in_words() {
        assert_eq!(merged(&keep(65537, 1000)), [(0, 65536)]);
        assert_eq!(merged(&[extent(1000, 0, 1), extent(0, 1, 10)]), [(0, 9), (1000, 1000)]);
        assert!(has(&[extent(0, 1000, 1)], 1000) && !has(&[extent(0, 1000, 1)], 1001));
    }
}
