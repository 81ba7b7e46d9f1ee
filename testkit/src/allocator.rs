//! An allocator that counts, thread by thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

/// The system's allocator, counting what each thread asks of it.
///
/// A test binary installs it once and measures any piece of code with
/// [`Allocations::during`]; other threads' allocations are not counted, so
/// tests may run side by side.
///
/// ```
/// use callseal_testkit::{Allocations, CountingAllocator};
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// let (sum, seen) = Allocations::during(|| [1, 2, 3].iter().sum::<u32>());
/// assert_eq!((sum, seen.count), (6, 0));
///
/// let (kept, seen) = Allocations::during(|| Vec::<u8>::with_capacity(100));
/// assert_eq!((seen.count, seen.live_len()), (1, 100));
/// # drop(kept);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

/// What a thread has asked of its [`CountingAllocator`]; all zero where none
/// is installed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Allocations {
    /// Blocks asked for; a block that was resized counts again.
    pub count: u64,
    /// Octets asked for.
    pub allocated_len: u64,
    /// Octets given back.
    pub freed_len: u64,
}

impl Allocations {
    /// This thread's totals since it began.
    pub fn so_far() -> Self {
        // A thread that is being torn down may have no counter any more.
        COUNTED.try_with(Cell::get).unwrap_or_default()
    }

    /// Octets that all threads together have allocated and not given back.
    pub fn live_len_of_all_threads() -> i64 {
        LIVE.load(Ordering::Relaxed)
    }

    /// Runs `work` and tells what it allocated on this thread.
    pub fn during<T>(work: impl FnOnce() -> T) -> (T, Self) {
        let before = Self::so_far();
        let value = work();
        let after = Self::so_far();
        let seen = Self {
            count: after.count - before.count,
            allocated_len: after.allocated_len - before.allocated_len,
            freed_len: after.freed_len - before.freed_len,
        };
        (value, seen)
    }

    /// Octets allocated and not given back; negative where more was freed
    /// than allocated.
    pub fn live_len(&self) -> i64 {
        self.allocated_len as i64 - self.freed_len as i64
    }
}

thread_local! {
    // Const-initialised and without a destructor: reaching it allocates
    // nothing, which inside an allocator would recurse.
    static COUNTED: Cell<Allocations> = const {
        Cell::new(Allocations { count: 0, allocated_len: 0, freed_len: 0 })
    };
}

static LIVE: AtomicI64 = AtomicI64::new(0);

fn note(count: u64, allocated_len: usize, freed_len: usize) {
    LIVE.fetch_add(allocated_len as i64 - freed_len as i64, Ordering::Relaxed);
    // Failing means that the thread is ending: nobody asks any more.
    let _ = COUNTED.try_with(|counted| {
        let mut now = counted.get();
        now.count += count;
        now.allocated_len += allocated_len as u64;
        now.freed_len += freed_len as u64;
        counted.set(now);
    });
}

#[allow(
    unsafe_code,
    reason = "GlobalAlloc is an unsafe trait; every call goes to the system's allocator unchanged"
)]
// SAFETY: each method hands its arguments to `System`, which keeps the
// trait's contract, and returns its answer; counting touches no block and
// neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size(), 0);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size(), 0);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_len: usize) -> *mut u8 {
        note(1, new_len, layout.size());
        // SAFETY: the block came from `System` with this layout, and the
        // caller's promise about `new_len` is passed on.
        unsafe { System.realloc(block, layout, new_len) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, 0, layout.size());
        // SAFETY: the block came from `System` with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: CountingAllocator = CountingAllocator;

    #[test]
    fn counts_blocks_and_octets() {
        let (block, seen) = Allocations::during(|| vec![0_u8; 64].into_boxed_slice());
        assert_eq!(
            seen,
            Allocations {
                count: 1,
                allocated_len: 64,
                freed_len: 0
            }
        );
        let ((), seen) = Allocations::during(|| drop(block));
        assert_eq!((seen.count, seen.live_len()), (0, -64));
    }

    #[test]
    fn counts_a_resized_block_again() {
        let mut block: Vec<u8> = Vec::with_capacity(10);
        block.push(1);
        let ((), seen) = Allocations::during(|| block.reserve_exact(99));
        assert_eq!(
            (seen.count, seen.allocated_len, seen.freed_len),
            (1, 100, 10)
        );
    }

    #[test]
    fn what_another_thread_keeps_is_live_in_all() {
        // Far more than the tests beside this one allocate.
        const LEN: usize = 1 << 28;
        let other = std::thread::spawn(|| Vec::<u8>::with_capacity(LEN));
        let kept = other.join().unwrap();
        assert!(Allocations::live_len_of_all_threads() >= LEN as i64);
        drop(kept);
        assert!(Allocations::live_len_of_all_threads() < LEN as i64);
    }

    #[test]
    fn does_not_count_other_threads() {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (done, finished) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || {
            wait.recv().unwrap();
            drop(vec![1_u8; 1 << 20]);
            done.send(()).unwrap();
        });
        let ((), seen) = Allocations::during(|| {
            go.send(()).unwrap();
            finished.recv().unwrap();
        });
        other.join().unwrap();
        assert!(
            seen.allocated_len < 1 << 20,
            "counted another thread: {seen:?}"
        );
    }
}
