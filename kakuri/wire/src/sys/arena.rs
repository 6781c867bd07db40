//! An arena in front of malloc: a start allocates a few kilobytes and exits, and malloc's own set-up costs more than all
//! of it; and who serves requests between two sleeps finds malloc's book-keeping cold each time.
//!
//! Blocks come in classes of size. What is given back waits for the next of its class, so that a process that stays
//! needs no more than it ever needed at a time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Address space only: a page costs nothing before it is used, and a plan of a thousand binds fits.
const SIZE: usize = 1024 * 1024;
/// Every block begins at a multiple of this.
const ALIGN: usize = 16;
/// Up to here there is a class for each multiple of [`ALIGN`], beyond for each power of two.
const FINE: usize = 256;
/// What is larger has no class: it comes back only where it is the last.
const LARGEST: usize = 32 * 1024;
const CLASSES: usize = FINE / ALIGN + 7;

#[repr(align(16))]
struct Block {
    _bytes: [u8; SIZE],
}

/// In this order: what is written first lies on the page that is read next.
#[repr(C)]
struct Shared {
    /// Our programs have one thread, so nobody ever waits; whoever would takes malloc.
    busy: AtomicBool,
    state: UnsafeCell<State>,
    block: UnsafeCell<Block>,
}

struct State {
    /// How much of the block has been handed out.
    used: usize,
    /// Blocks without a class are malloc's.
    left: bool,
    /// What has come back, as lists: a free block begins with the address of the next.
    free: [*mut u8; CLASSES],
}

// SAFETY: only who holds `busy` looks at the state, and the block is handed out in disjoint pieces by it.
unsafe impl Sync for Shared {}

static SHARED: Shared = Shared {
    busy: AtomicBool::new(false),
    state: UnsafeCell::new(State { used: 0, left: false, free: [ptr::null_mut(); CLASSES] }),
    block: UnsafeCell::new(Block { _bytes: [0; SIZE] }),
};

/// From here on every large allocation is malloc's, which gives it back to the system: for a process that serves many
/// for long. What the arena holds already stays valid.
pub fn leave_arena() {
    with_state(|state| state.left = true);
}

fn with_state<T>(act: impl FnOnce(&mut State) -> T) -> Option<T> {
    if SHARED.busy.swap(true, Ordering::Acquire) {
        return None;
    }
    // SAFETY: `busy` is ours, so nobody else has a reference.
    let result = act(unsafe { &mut *SHARED.state.get() });
    SHARED.busy.store(false, Ordering::Release);
    Some(result)
}

/// The class of a size, and how long its blocks are.
fn class(size: usize) -> Option<(usize, usize)> {
    match size {
        0..=FINE => {
            let length = size.max(1).next_multiple_of(ALIGN);
            Some((length / ALIGN - 1, length))
        }
        size if size <= LARGEST => {
            let length = size.next_power_of_two();
            Some((FINE / ALIGN + (length / FINE).ilog2() as usize - 1, length))
        }
        _ => None,
    }
}

fn start() -> usize {
    SHARED.block.get() as usize
}

fn owns(p: *mut u8) -> bool {
    (p as usize).wrapping_sub(start()) < SIZE
}

impl State {
    fn take(&mut self, size: usize) -> Option<*mut u8> {
        let length = match class(size) {
            Some((class, length)) => {
                let first = self.free[class];
                if !first.is_null() {
                    // SAFETY: a free block of ours, aligned and at least this long, holds the address of the next.
                    self.free[class] = unsafe { first.cast::<*mut u8>().read() };
                    return Some(first);
                }
                length
            }
            None if self.left => return None,
            None => size.checked_next_multiple_of(ALIGN)?,
        };
        let begin = self.used;
        self.used = begin.checked_add(length).filter(|&end| end <= SIZE)?;
        Some((start() + begin) as *mut u8)
    }

    fn give_back(&mut self, p: *mut u8, size: usize) {
        let begin = p as usize - start();
        match class(size) {
            Some((_, length)) if begin + length == self.used => self.used = begin,
            Some((class, _)) => {
                // SAFETY: the block is ours again, aligned and at least this long.
                unsafe { p.cast::<*mut u8>().write(self.free[class]) };
                self.free[class] = p;
            }
            None if begin + size.next_multiple_of(ALIGN) == self.used => self.used = begin,
            None => {}
        }
    }

    /// Whether the block has the new size where it is.
    fn resize(&mut self, p: *mut u8, before: usize, size: usize) -> bool {
        let begin = p as usize - start();
        let length = |size: usize| class(size).map_or(size.next_multiple_of(ALIGN), |(_, length)| length);
        let (old, new) = (length(before), length(size));
        if old == new {
            return true;
        }
        // One that waits for its like goes first: who grows anew each time would otherwise need new room each time.
        let waits = new > old && class(size).is_some_and(|(class, _)| !self.free[class].is_null());
        let grows = !waits && begin + old == self.used && begin.checked_add(new).is_some_and(|end| end <= SIZE);
        if grows {
            self.used = begin + new;
        }
        grows
    }
}

/// Hands out the first megabyte from a static block (the last piece is grown in place), everything after and whatever
/// is aligned to more than most from the system allocator.
#[derive(Default)]
pub struct Arena;

impl Arena {
    pub const fn new() -> Self {
        Arena
    }
}

// SAFETY: every pointer is either a fresh or given back, aligned, disjoint piece of the block, or the system
// allocator's; owns() tells which, and each is given back to where it came from.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let ours = layout.align() <= ALIGN;
        match ours.then(|| with_state(|state| state.take(layout.size()))).flatten().flatten() {
            Some(p) => p,
            // SAFETY: passed on under the caller's own contract.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        if !owns(p) {
            // SAFETY: not ours, so it came from the system allocator with this layout.
            return unsafe { System.dealloc(p, layout) };
        }
        // Where somebody is busy it is not used again.
        with_state(|state| state.give_back(p, layout.size()));
    }

    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !owns(p) {
            // SAFETY: not ours, so it came from the system allocator with this layout.
            return unsafe { System.realloc(p, layout, size) };
        }
        if with_state(|state| state.resize(p, layout.size(), size)) == Some(true) {
            return p;
        }
        // SAFETY: the caller's layout with a size it vouches for.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: two disjoint allocations, both at least min(old, new) long; the old one is the caller's to give.
            unsafe {
                ptr::copy_nonoverlapping(p, new, layout.size().min(size));
                self.dealloc(p, layout);
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_holds_what_it_is_for_and_is_reached() {
        let mut seen = std::collections::BTreeMap::new();
        for size in 1..=LARGEST {
            let (class, length) = class(size).expect("a class");
            assert!(class < CLASSES && length >= size && length % ALIGN == 0, "{size}: {class}, {length}");
            assert_eq!(*seen.entry(class).or_insert(length), length, "{size}");
        }
        assert_eq!(seen.len(), CLASSES);
        assert_eq!(class(LARGEST + 1), None);
    }

    /// The tests of this file share the one arena.
    fn turn() -> std::sync::MutexGuard<'static, ()> {
        static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
        TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    #[test]
    fn who_grows_and_goes_again_and_again_needs_no_more() {
        let _turn = turn();
        let arena = Arena::new();
        let layout = |size: usize| Layout::from_size_align(size, 8).expect("a layout");
        let mut needed = Vec::new();
        for _ in 0..1000 {
            // SAFETY: every block is given back once, with its layout, and only then.
            unsafe {
                let mut grown = arena.alloc(layout(100));
                let mut size = 100;
                while size < 5000 {
                    grown = arena.realloc(grown, layout(size), size * 2);
                    size *= 2;
                }
                let above = arena.alloc(layout(40));
                arena.dealloc(grown, layout(size));
                arena.dealloc(above, layout(40));
            }
            needed.push(with_state(|state| state.used).expect("nobody is busy"));
        }
        assert_eq!(needed[3], needed[999], "{:?}", &needed[..20]);
    }

    #[test]
    fn what_comes_back_is_used_again_and_pieces_never_overlap() {
        let _turn = turn();
        let arena = Arena::new();
        let mut held: Vec<(*mut u8, usize, u8)> = Vec::new();
        let mut random = 1_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (random >> 33) as usize % below
        };
        let layout = |size: usize| Layout::from_size_align(size, 8).expect("a layout");
        let whole = |&(p, size, mark): &(*mut u8, usize, u8)| {
            // SAFETY: a block of this test, of that size.
            assert!((0..size).all(|i| unsafe { p.add(i).read() } == mark), "{size} bytes changed");
        };
        for turn in 0..20_000_u32 {
            let mark = turn as u8;
            let size = 1 + next(if turn % 50 == 0 { 40_000 } else { 700 });
            // SAFETY: every block is written within its size and given back once, with its layout.
            unsafe {
                match (next(3), held.len()) {
                    (0, 1..) => {
                        let block = held.swap_remove(next(held.len()));
                        whole(&block);
                        arena.dealloc(block.0, layout(block.1));
                    }
                    (1, 1..) => {
                        let place = next(held.len());
                        let block = held[place];
                        let p = arena.realloc(block.0, layout(block.1), size);
                        whole(&(p, size.min(block.1), block.2));
                        p.write_bytes(mark, size);
                        held[place] = (p, size, mark);
                    }
                    (_, 0..60) => {
                        let p = arena.alloc(layout(size));
                        p.write_bytes(mark, size);
                        held.push((p, size, mark));
                    }
                    _ => {}
                }
            }
        }
        held.iter().for_each(whole);
        assert!(with_state(|state| state.used).expect("nobody is busy") < SIZE, "it was used up");
    }
}
