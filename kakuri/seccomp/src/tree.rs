//! From a number to its verdict by as few questions as possible.

use std::collections::HashMap;

use crate::build::{Ask, Place, Program};

/// Numbers from this one on go there, up to the next leaf's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub from: u32,
    pub place: Place,
}

/// An installed program is compiled by the kernel, and run once for every number there is. So long takes one more
/// instruction, in runs of one: measured, 170 against 4.7 ns.
const LENGTH: u32 = 36;

/// As many lone numbers are asked for one after the other where all around them goes to one place.
const LONE: usize = 4;

/// Splits tried on each side of the middle. More find nothing that is shorter by more than an instruction or two.
const TRIED: usize = 3;

/// A tree over these leaves, the first of which begins at the lowest number there can be; `end`: past the last number that
/// is worth counting.
pub fn write(program: &mut Program, leaves: &[Leaf], end: u32) -> Place {
    let mut tree = Tree { leaves, end, known: HashMap::new() };
    tree.weigh(0, leaves.len());
    tree.write(program, 0, leaves.len())
}

#[derive(Clone, Copy)]
enum Shape {
    /// All of it goes to this place, but for lone numbers.
    Around(Place),
    /// Two of them: up to this leaf, and from it on.
    Split(usize),
}

struct Tree<'a> {
    leaves: &'a [Leaf],
    end: u32,
    known: HashMap<(usize, usize), (u32, Shape)>,
}

impl Tree<'_> {
    fn start(&self, leaf: usize) -> u32 {
        self.leaves.get(leaf).map_or(self.end, |leaf| leaf.from)
    }

    /// Those of these leaves that go elsewhere.
    fn elsewhere(&self, (first, past): (usize, usize), place: Place) -> impl DoubleEndedIterator<Item = usize> {
        (first..past).filter(move |leaf| self.leaves[*leaf].place != place)
    }

    /// What the best tree over these costs, in questions asked by the kernel's runs.
    fn weigh(&mut self, first: usize, past: usize) -> u32 {
        if past - first < 2 {
            return 0;
        }
        if let Some((cost, _)) = self.known.get(&(first, past)) {
            return *cost;
        }
        let (start, end) = (self.start(first), self.start(past));
        let middle = start + (end - start) / 2;
        let nearest = (first + 1..past).min_by_key(|at| self.start(*at).abs_diff(middle)).unwrap_or(first + 1);
        let tried = (first + 1).max(nearest.saturating_sub(TRIED))..past.min(nearest + TRIED + 1);
        let mut best = (u32::MAX, Shape::Split(nearest));
        for at in tried {
            let cost = LENGTH + (end - start) + self.weigh(first, at) + self.weigh(at, past);
            if cost < best.0 {
                best = (cost, Shape::Split(at));
            }
        }
        for place in [self.leaves[first].place, self.leaves[first + 1].place] {
            if let Some(cost) = self.weigh_around(first, past, place).filter(|cost| *cost < best.0) {
                best = (cost, Shape::Around(place));
            }
        }
        self.known.insert((first, past), best);
        best.0
    }

    fn weigh_around(&self, first: usize, past: usize, place: Place) -> Option<u32> {
        if past - first > 2 * LONE + 1 || self.elsewhere((first, past), place).any(|leaf| !self.is_lone(leaf)) {
            return None;
        }
        let asked = self.elsewhere((first, past), place).count();
        let count = u32::try_from(asked).ok().filter(|_| asked <= LONE)?;
        let around = self.start(past) - self.start(first) - count;
        Some(count * LENGTH + around * count + count * (count + 1) / 2)
    }

    fn is_lone(&self, leaf: usize) -> bool {
        // The last one goes on for ever.
        leaf + 1 < self.leaves.len() && self.start(leaf + 1) - self.start(leaf) == 1
    }

    fn write(&self, program: &mut Program, first: usize, past: usize) -> Place {
        match self.known.get(&(first, past)) {
            None => self.leaves.get(first).map_or(0, |leaf| leaf.place),
            Some((_, Shape::Split(at))) => {
                let above = self.write(program, *at, past);
                let below = self.write(program, first, *at);
                program.ask(Ask::AtLeast, self.start(*at), above, below)
            }
            Some((_, Shape::Around(place))) => {
                let asked = self.elsewhere((first, past), *place).rev();
                asked.fold(*place, |next, leaf| {
                    let Leaf { from, place } = self.leaves[leaf];
                    program.ask(Ask::Equals, from, place, next)
                })
            }
        }
    }
}
