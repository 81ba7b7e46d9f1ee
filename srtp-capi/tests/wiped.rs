//! No memory is given back with a key in it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the whole file plays the part of a C program"
)]

mod program;

use callseal_testkit::{WatchingAllocator, freed_blocks_holding};
use program::{ANY_INBOUND, ANY_OUTBOUND, Owned, SUITES, policy, rtp};
use srtp2::exports::sessions::*;
use srtp2::status::Status;

#[global_allocator]
static ALLOCATOR: WatchingAllocator = WatchingAllocator;

const KEY: [u8; 16] = *b"the master key!!";

#[test]
fn no_memory_is_given_back_with_a_master_key_in_it() {
    for suite in SUITES {
        let mut octets = [0x31; 64];
        octets[..KEY.len()].copy_from_slice(&KEY);
        let given_back = freed_blocks_holding(&[KEY], || {
            let sender = Owned::new(&policy(suite, ANY_OUTBOUND, &mut octets));
            let policy = policy(suite, ANY_INBOUND, &mut octets);
            let receiver = Owned::new(&policy);
            let sealed = sender.protect(&rtp(1, 1, 20)).unwrap();
            receiver.unprotect(&sealed).unwrap();
            let updated = unsafe { srtp_update(receiver.0, &policy) };
            assert_eq!(updated, Status::Ok);
        });
        assert_eq!(given_back, 0);
    }
}
