//! No block of memory is given back with a key in it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the whole file plays the part of a C program"
)]

mod program;

use std::alloc::{GlobalAlloc, Layout, System};
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use program::{ANY_OUTBOUND, SUITES, policy};
use srtp2::exports::sessions::*;
use srtp2::status::Status;

const KEY: [u8; 16] = *b"the master key!!";

static WATCHES: AtomicBool = AtomicBool::new(false);
static GIVEN_BACK: AtomicUsize = AtomicUsize::new(0);

/// Looks for the key in every block that is given back.
struct Searching;

// It is the system's, and reads what is still its caller's.
unsafe impl GlobalAlloc for Searching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // What is read of it later has been written.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if WATCHES.load(SeqCst) {
            let octets = unsafe { slice::from_raw_parts(start, layout.size()) };
            if octets.windows(KEY.len()).any(|window| window == KEY) {
                GIVEN_BACK.fetch_add(1, SeqCst);
            }
        }
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Searching = Searching;

#[test]
fn no_memory_is_given_back_with_a_master_key_in_it() {
    for suite in &SUITES[..6] {
        let mut octets = [0x31; 64];
        octets[..KEY.len()].copy_from_slice(&KEY);
        let policy = policy(*suite, ANY_OUTBOUND, &mut octets);
        let mut session = std::ptr::null_mut();
        WATCHES.store(true, SeqCst);
        let statuses = unsafe {
            let created = srtp_create(&mut session, &policy);
            [
                created,
                srtp_update(session, &policy),
                srtp_dealloc(session),
            ]
        };
        WATCHES.store(false, SeqCst);
        assert_eq!(statuses, [Status::Ok; 3]);
        assert_eq!(GIVEN_BACK.load(SeqCst), 0);
    }
    // Were one given back, it would be seen.
    WATCHES.store(true, SeqCst);
    drop(Box::new(KEY));
    WATCHES.store(false, SeqCst);
    assert_eq!(GIVEN_BACK.load(SeqCst), 1);
}
