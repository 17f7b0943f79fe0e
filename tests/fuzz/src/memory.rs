//! Counts what a thread allocates, so that a decoder that trusts a length is found before it fills the memory.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    /// Bytes that the thread holds, and the most it held since [`peak_of`] began. Signed: what one thread allocates another
    /// may free.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(change: isize) {
    // A thread that is ending has no counters any more, and nobody reads them.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + change);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

#[expect(
    unsafe_code,
    reason = "`GlobalAlloc` is an unsafe trait; every call goes to the system's allocator as it is"
)]
// SAFETY: `System` keeps the contract; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the pointer came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs `work`; returns how many bytes more than before this thread held at its height.
pub fn peak_of(work: impl FnOnce()) -> usize {
    let before = HELD.get();
    PEAK.set(before);
    work();
    usize::try_from(PEAK.get() - before).unwrap_or(0)
}

/// What a target may hold for an input of `length` bytes: a few copies, the tree that a JSON parser builds, and room
/// for messages of errors. Less than what 255 hops need, so that a false count is found.
#[must_use]
pub const fn allowance(length: usize) -> usize {
    8 * 1024 + 128 * length
}
