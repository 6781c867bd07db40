//! Two texts line by line, as the hunks of a unified diff (Myers, "An O(ND) Difference Algorithm and Its Variations").

use std::fmt::Write;

/// Lines around a change.
const CONTEXT: usize = 3;
/// Beyond so many differences all between the first and the last counts as changed: what is found takes memory.
const MOST: usize = 2000;

/// A run of lines that differ: of the old text these, of the new one those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edit {
    old: (usize, usize),
    new: (usize, usize),
}

/// The hunks; empty where both are the same.
pub fn hunks(old: &[u8], new: &[u8]) -> Vec<u8> {
    let (old, new) = (lines(old), lines(new));
    let edits = edits(&old, &new);
    let mut out = Vec::new();
    let mut at = 0;
    while at < edits.len() {
        let mut end = at + 1;
        while end < edits.len() && edits[end].old.0 - edits[end - 1].old.1 <= 2 * CONTEXT {
            end += 1;
        }
        hunk(&mut out, &edits[at..end], &old, &new);
        at = end;
    }
    out
}

/// With their newlines, which the last one may lack.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|&b| b == b'\n').collect()
}

fn hunk(out: &mut Vec<u8>, edits: &[Edit], old: &[&[u8]], new: &[&[u8]]) {
    let (Some(first), Some(last)) = (edits.first(), edits.last()) else { return };
    let before = first.old.0.min(CONTEXT);
    let after = (old.len() - last.old.1).min(CONTEXT);
    let (from, to) = (first.old.0 - before, last.old.1 + after);
    let (new_from, new_to) = (first.new.0 - before, last.new.1 + after);
    let range = |from: usize, to: usize| match to - from {
        0 => format!("{from},0"),
        1 => format!("{}", from + 1),
        count => format!("{},{count}", from + 1),
    };
    let mut head = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(head, "@@ -{} +{} @@", range(from, to), range(new_from, new_to));
    out.extend_from_slice(head.as_bytes());
    let mut line = |sign: u8, line: &[u8]| {
        out.push(sign);
        out.extend_from_slice(line);
        if line.last() != Some(&b'\n') {
            out.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
    };
    let mut at = from;
    for edit in edits {
        old[at..edit.old.0].iter().for_each(|text| line(b' ', text));
        old[edit.old.0..edit.old.1].iter().for_each(|text| line(b'-', text));
        new[edit.new.0..edit.new.1].iter().for_each(|text| line(b'+', text));
        at = edit.old.1;
    }
    old[at..to].iter().for_each(|text| line(b' ', text));
}

fn edits(old: &[&[u8]], new: &[&[u8]]) -> Vec<Edit> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[head..], &new[head..]);
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    let whole = Edit { old: (head, head + a.len()), new: (head, head + b.len()) };
    if a.is_empty() && b.is_empty() {
        return Vec::new();
    }
    let Some(kept) = common(a, b).filter(|_| !a.is_empty() && !b.is_empty()) else { return vec![whole] };
    let mut edits = Vec::new();
    let (mut x, mut y) = (0, 0);
    for (i, j) in kept.into_iter().chain([(a.len(), b.len())]) {
        if (x, y) != (i, j) {
            edits.push(Edit { old: (head + x, head + i), new: (head + y, head + j) });
        }
        (x, y) = (i + 1, j + 1);
    }
    edits
}

/// Pairs of lines that both have, in order; None where there are too many differences.
fn common(a: &[&[u8]], b: &[&[u8]]) -> Option<Vec<(usize, usize)>> {
    let (n, m) = (a.len() as isize, b.len() as isize);
    let most = ((n + m) as usize).min(MOST) as isize;
    let offset = most + 1;
    let at = |k: isize| (k + offset) as usize;
    let mut furthest = vec![0_isize; (2 * most + 3) as usize];
    let mut trace: Vec<Vec<isize>> = Vec::new();
    for d in 0..=most {
        // Of this round only what it can have reached.
        trace.push(furthest[at(-d - 1)..=at(d + 1)].to_vec());
        for k in (-d..=d).step_by(2) {
            let down = k == -d || k != d && furthest[at(k - 1)] < furthest[at(k + 1)];
            let mut x = if down { furthest[at(k + 1)] } else { furthest[at(k - 1)] + 1 };
            while x < n && x - k < m && a[x as usize] == b[(x - k) as usize] {
                x += 1;
            }
            furthest[at(k)] = x;
            if x >= n && x - k >= m {
                return Some(back(&trace, n, m));
            }
        }
    }
    None
}

fn back(trace: &[Vec<isize>], n: isize, m: isize) -> Vec<(usize, usize)> {
    let mut kept = Vec::new();
    let (mut x, mut y) = (n, m);
    for (d, before) in trace.iter().enumerate().rev() {
        let d = d as isize;
        let at = |k: isize| before[(k + d + 1) as usize];
        let k = x - y;
        let down = k == -d || k != d && at(k - 1) < at(k + 1);
        let last = if down { k + 1 } else { k - 1 };
        let (from_x, from_y) = if d == 0 { (0, 0) } else { (at(last), at(last) - last) };
        while x > from_x && y > from_y {
            (x, y) = (x - 1, y - 1);
            kept.push((x as usize, y as usize));
        }
        (x, y) = (from_x, from_y);
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(old: &str, new: &str) -> String {
        String::from_utf8(hunks(old.as_bytes(), new.as_bytes())).expect("text")
    }

    #[test]
    fn as_diff_says_it() {
        assert_eq!(told("a\n", "a\n"), "");
        assert_eq!(told("", "a\nb\n"), "@@ -0,0 +1,2 @@\n+a\n+b\n");
        assert_eq!(told("a\n", ""), "@@ -1 +0,0 @@\n-a\n");
        assert_eq!(told("a\nb\nc\n", "a\nx\nc\n"), "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
        assert_eq!(told("a", "a\n"), "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
    }

    #[test]
    fn far_apart_is_two_hunks() {
        let old: String = (0..40).map(|i| format!("{i}\n")).collect();
        let new = old.replace("\n5\n", "\nfive\n").replace("\n30\n", "\n30\nmore\n");
        let told = told(&old, &new);
        assert_eq!(told.matches("@@ -").count(), 2, "{told}");
        assert!(told.contains("@@ -3,7 +3,7 @@") && told.contains("@@ -29,6 +29,7 @@"), "{told}");
    }

    /// What is kept and what is new is the new text, what is kept and what is old the old one.
    #[test]
    fn nothing_is_lost() {
        let mut state = 7_u64;
        let mut random = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        for _ in 0..500 {
            let mut text = |n| (0..random(n)).map(|_| format!("{}\n", random(4))).collect::<String>();
            let (old, new) = (text(30), text(30));
            let (a, b) = (lines(old.as_bytes()), lines(new.as_bytes()));
            let (mut x, mut out) = (0, Vec::new());
            for edit in edits(&a, &b) {
                out.extend_from_slice(&a[x..edit.old.0]);
                assert_eq!(out.len(), edit.new.0);
                out.extend_from_slice(&b[edit.new.0..edit.new.1]);
                x = edit.old.1;
            }
            out.extend_from_slice(&a[x..]);
            assert_eq!(out, b);
        }
    }
}
