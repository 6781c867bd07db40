//! A bump arena in front of malloc: a start allocates a few kilobytes and exits, and malloc's own set-up
//! costs more than all of it. A process that stays leaves it, because it takes little back.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Address space only: a page costs nothing before it is used, and a plan of a thousand binds fits.
const SIZE: usize = 1024 * 1024;

#[repr(align(16))]
struct Block(UnsafeCell<[u8; SIZE]>);

// SAFETY: the block is only handed out in disjoint pieces, claimed by an atomic exchange of USED.
unsafe impl Sync for Block {}

static BLOCK: Block = Block(UnsafeCell::new([0; SIZE]));
/// How much of the block is handed out; beyond SIZE, none of it will be any more.
static USED: AtomicUsize = AtomicUsize::new(0);

/// From here on every allocation is malloc's, which gives back what is freed: for a process that serves many for long.
/// What the arena holds already stays valid.
pub fn leave_arena() {
    USED.store(SIZE + 1, Ordering::Relaxed);
}

/// Hands out the first megabyte from a static block (given back only in the reverse order, and grown in place when
/// last), everything after from the system allocator.
#[derive(Default)]
pub struct Arena;

impl Arena {
    pub const fn new() -> Self {
        Arena
    }

    fn start(&self) -> usize {
        BLOCK.0.get() as usize
    }

    fn owns(&self, p: *mut u8) -> bool {
        (p as usize).wrapping_sub(self.start()) < SIZE
    }

    fn claim(&self, layout: Layout) -> Option<*mut u8> {
        loop {
            let used = USED.load(Ordering::Relaxed);
            let begin = (self.start() + used).next_multiple_of(layout.align()) - self.start();
            let end = begin.checked_add(layout.size()).filter(|&end| end <= SIZE)?;
            if USED.compare_exchange(used, end, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Some((self.start() + begin) as *mut u8);
            }
        }
    }
}

// SAFETY: every pointer is either a fresh, aligned, disjoint piece of the block or the system
// allocator's; owns() tells which, and each is given back to where it came from.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.claim(layout) {
            Some(p) => p,
            // SAFETY: passed on under the caller's own contract.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        if !self.owns(p) {
            // SAFETY: not ours, so it came from the system allocator with this layout.
            return unsafe { System.dealloc(p, layout) };
        }
        let end = p as usize - self.start() + layout.size();
        let begin = p as usize - self.start();
        let _ = USED.compare_exchange(end, begin, Ordering::Relaxed, Ordering::Relaxed);
    }

    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !self.owns(p) {
            // SAFETY: not ours, so it came from the system allocator with this layout.
            return unsafe { System.realloc(p, layout, size) };
        }
        let begin = p as usize - self.start();
        let end = begin + layout.size();
        if begin + size <= SIZE
            && USED.compare_exchange(end, begin + size, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            return p;
        }
        // SAFETY: the caller's layout with a size it vouches for.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: two disjoint allocations, both at least min(old, new) long.
            unsafe { ptr::copy_nonoverlapping(p, new, layout.size().min(size)) };
        }
        new
    }
}
