//! The program's allocator: in front of the arena, which is in front of malloc, a list of free packets for each thread.
//!
//! The protocol's state machine allocates every packet it seals. Malloc gives the memory of a batch back to the system
//! when it has been sent, to ask for it again at once: two system calls and a page fault for every few packets, which
//! took more time than the sealing.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr;

use kakuri_wire::sys::Arena;

/// What counts as a packet, bytes: those of the usual MTUs, sealed.
const LEAST: usize = 512;
const MOST: usize = 2048;
const ALIGNMENT: usize = 16;
/// Free packets a thread keeps: several batches.
const KEPT: usize = 512;

thread_local! {
    /// The first of the list, each of which begins with a pointer to the next; and how many there are. Neither needs to
    /// be dropped, so that a thread that ends may still free.
    static FREE: Cell<(*mut u8, usize)> = const { Cell::new((ptr::null_mut(), 0)) };
}

#[derive(Default)]
pub struct Pool(Arena);

impl Pool {
    pub const fn new() -> Self {
        Pool(Arena::new())
    }
}

fn is_packet(layout: Layout) -> bool {
    layout.size() > LEAST && layout.size() <= MOST && layout.align() <= ALIGNMENT
}

/// The room every packet gets, whatever its length.
fn room() -> Layout {
    const { assert!(MOST.is_multiple_of(ALIGNMENT)) };
    // SAFETY: the alignment is a power of two and the size a multiple of it.
    unsafe { Layout::from_size_align_unchecked(MOST, ALIGNMENT) }
}

// SAFETY: a pointer is the arena's under the caller's layout, or under room() where that layout is a packet's; which of
// the two depends on the layout alone, so each goes back as it came. What is in a list is nobody else's.
unsafe impl GlobalAlloc for Pool {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_packet(layout) {
            // SAFETY: passed on under the caller's own contract.
            return unsafe { self.0.alloc(layout) };
        }
        let (first, count) = FREE.get();
        if first.is_null() {
            // SAFETY: room() is no smaller and no less aligned than the layout.
            return unsafe { self.0.alloc(room()) };
        }
        // SAFETY: first is a free packet, which begins with a pointer to the next.
        FREE.set((unsafe { first.cast::<*mut u8>().read() }, count - 1));
        first
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        let (first, count) = FREE.get();
        if !is_packet(layout) {
            // SAFETY: passed on under the caller's own contract.
            unsafe { self.0.dealloc(p, layout) }
        } else if count >= KEPT {
            // SAFETY: a packet was allocated as room().
            unsafe { self.0.dealloc(p, room()) }
        } else {
            // SAFETY: the caller gives the packet up; it is long and aligned enough for a pointer.
            unsafe { p.cast::<*mut u8>().write(first) };
            FREE.set((p, count + 1));
        }
    }

    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's layout with a size it vouches for.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (is_packet(layout), is_packet(wanted)) {
            (true, true) => p,
            // SAFETY: passed on under the caller's own contract.
            (false, false) => unsafe { self.0.realloc(p, layout, size) },
            _ => {
                // SAFETY: as alloc.
                let new = unsafe { self.alloc(wanted) };
                if !new.is_null() {
                    // SAFETY: two disjoint allocations, both at least min(old, new) long; the old one is given up.
                    unsafe {
                        ptr::copy_nonoverlapping(p, new, layout.size().min(size));
                        self.dealloc(p, layout);
                    }
                }
                new
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_back_and_keep_what_is_in_them() {
        let pool = Pool::new();
        let layout = |size| Layout::from_size_align(size, 1).expect("a layout");
        // SAFETY: each pointer is used within its layout and given back under it, once.
        unsafe {
            let first = pool.alloc(layout(1452));
            first.write_bytes(7, 1452);
            pool.dealloc(first, layout(1452));
            let second = pool.alloc_zeroed(layout(1000));
            assert_eq!((second, *second, *second.add(999)), (first, 0, 0));
            second.write_bytes(9, 1000);
            let grown = pool.realloc(second, layout(1000), 2048);
            assert_eq!(grown, second, "it has the room already");
            let large = pool.realloc(grown, layout(2048), 100_000);
            assert!((0..1000).all(|i| *large.add(i) == 9));
            let small = pool.realloc(large, layout(100_000), 600);
            assert!((0..600).all(|i| *small.add(i) == 9));
            pool.dealloc(small, layout(600));
            let many: Vec<*mut u8> = (0..2 * KEPT).map(|_| pool.alloc(layout(MOST))).collect();
            many.iter().for_each(|p| p.write_bytes(1, MOST));
            many.iter().for_each(|p| pool.dealloc(*p, layout(MOST)));
            assert_eq!(FREE.get().1, KEPT);
        }
    }
}
