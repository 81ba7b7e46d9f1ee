//! An allocator that looks at what is given back.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, for tests that ask whether secrets are left in
/// memory that was given back: see [`freed_blocks_holding`].
///
/// Whatever it hands out is zeroed, so that it finds nothing twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct WatchingAllocator;

/// Runs `work` and tells how many blocks this thread gave back meanwhile with
/// one of these patterns in them, at most [`MAX_PATTERNS`]; 0 where no
/// [`WatchingAllocator`] is installed.
///
/// ```
/// use callseal_testkit::{WatchingAllocator, freed_blocks_holding};
///
/// #[global_allocator]
/// static ALLOCATOR: WatchingAllocator = WatchingAllocator;
///
/// let key = *b"a key of sixteen";
/// assert_eq!(freed_blocks_holding(&[key], || drop(Box::new(key))), 1);
/// assert_eq!(freed_blocks_holding(&[key], || drop(Box::new([0; 16]))), 0);
/// ```
///
/// # Panics
///
/// Where there are more patterns.
pub fn freed_blocks_holding(patterns: &[[u8; 16]], work: impl FnOnce()) -> usize {
    let mut watched = [None; MAX_PATTERNS];
    for (place, pattern) in watched[..patterns.len()].iter_mut().zip(patterns) {
        *place = Some(*pattern);
    }
    FOUND.set(0);
    WATCHED.set(watched);
    work();
    WATCHED.set([None; MAX_PATTERNS]);
    FOUND.get()
}

/// Runs `step`, and overwrites what it has left on the stack.
///
/// What stands there is the compiler's doing, and differs from build to build;
/// without this, a later step may copy some of it into memory of its own, in
/// octets that no field has.
#[inline(never)]
pub fn on_a_clean_stack<T>(step: impl FnOnce() -> T) -> T {
    let done = step();
    overwrite_stack();
    done
}

#[inline(never)]
fn overwrite_stack() {
    let mut frame = [0_u8; 1 << 17];
    std::hint::black_box(&mut frame).fill(0x55);
    std::hint::black_box(&frame);
}

/// How many patterns can be looked for at a time.
pub const MAX_PATTERNS: usize = 16;

thread_local! {
    static WATCHED: Cell<[Option<[u8; 16]>; MAX_PATTERNS]> =
        const { Cell::new([None; MAX_PATTERNS]) };
    static FOUND: Cell<usize> = const { Cell::new(0) };
}

fn look_at(freed: &[u8]) {
    // Failing means that the thread is ending: nobody asks any more.
    let watched = WATCHED.try_with(Cell::get).unwrap_or_default();
    let is_in = |pattern: &[u8; 16]| freed.windows(16).any(|octets| octets == pattern);
    if watched.iter().flatten().any(is_in) {
        let _ = FOUND.try_with(|found| found.set(found.get() + 1));
    }
}

#[allow(
    unsafe_code,
    reason = "GlobalAlloc is an unsafe trait; every call goes to the system's allocator"
)]
// SAFETY: each method hands its arguments to `System`, which keeps the trait's
// contract; looking neither allocates nor unwinds. A block that is resized goes
// through both, by the trait's own method.
unsafe impl GlobalAlloc for WatchingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is this long, still the caller's, and was zeroed
        // before anybody wrote to it.
        look_at(unsafe { std::slice::from_raw_parts(block, layout.size()) });
        // SAFETY: the block came from `System` with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}
