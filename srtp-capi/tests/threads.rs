//! Threads may use different sessions freely, and hand a session on.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the whole file plays the part of a C program"
)]

mod program;

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{ptr, thread};

use program::{ANY_INBOUND, ANY_OUTBOUND, Owned, SUITES, rtp};
use srtp2::exports::counters::*;
use srtp2::exports::library::*;
use srtp2::exports::packets::*;
use srtp2::exports::reports::*;
use srtp2::exports::sessions::*;
use srtp2::status::Status;
use srtp2::types::{EventData, StreamCounters};

static COLLISIONS: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn count(_: *mut EventData) {
    COLLISIONS.fetch_add(1, Ordering::Relaxed);
}

/// What a thread's sessions make of its packets.
fn talk(n: u32) -> Vec<Vec<u8>> {
    let suite = SUITES[n as usize % SUITES.len()];
    let sender = Owned::of(suite, ANY_OUTBOUND);
    let receiver = Owned::of(suite, ANY_INBOUND);
    (0..200_u16)
        .map(|seq| {
            let plain = rtp(n + u32::from(seq % 7), seq, 40);
            let sealed = sender.protect(&plain).unwrap();
            assert_eq!(receiver.unprotect(&sealed), Ok(plain));
            let mut again = sealed.clone();
            let status = receiver.run(srtp_unprotect, &mut again, sealed.len()).0;
            assert_eq!(status, Status::ReplayFail);
            sealed
        })
        .collect()
}

#[test]
fn sessions_of_several_threads_do_not_disturb_each_other() {
    srtp_install_event_handler(Some(count));
    let alone: Vec<_> = (0..8).map(talk).collect();
    let begin = Barrier::new(9);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let begin = &begin;
                scope.spawn(move || {
                    begin.wait();
                    talk(n)
                })
            })
            .collect();
        begin.wait();
        // What is the process' changes meanwhile.
        for _ in 0..200 {
            srtp_install_log_handler(None, ptr::null_mut());
            srtp_install_event_handler(Some(count));
            assert_eq!(srtp_init(), Status::Ok);
            srtp_list_debug_modules();
        }
        for (thread, alone) in threads.into_iter().zip(&alone) {
            assert_eq!(thread.join().unwrap(), *alone);
        }
    });
    assert_eq!(COLLISIONS.load(Ordering::Relaxed), 0);
}

#[test]
fn a_session_goes_from_thread_to_thread_while_another_reads_its_counters() {
    let sender = Owned::of(SUITES[0], ANY_OUTBOUND);
    sender.protect(&rtp(9, 0, 40)).unwrap();
    let mut watch = ptr::null_mut();
    let status = unsafe { callseal_srtp_watch_stream(sender.0, 9, &mut watch) };
    assert_eq!(status, Status::Ok);
    let address = watch.expose_provenance();
    let sender = thread::scope(|scope| {
        scope.spawn(move || {
            let watch: *const Watch = ptr::with_exposed_provenance(address);
            let mut before = 0;
            while before < 101 {
                let mut counters = StreamCounters::default();
                let status = unsafe { callseal_srtp_read_watch(watch, &mut counters) };
                assert_eq!(status, Status::Ok);
                assert!(counters.sent_rtp.packets >= before);
                before = counters.sent_rtp.packets;
                thread::yield_now();
            }
        });
        let mut sender = sender;
        for seq in 1..=100 {
            let moved = move || {
                sender.protect(&rtp(9, seq, 40)).unwrap();
                sender
            };
            sender = scope.spawn(moved).join().unwrap();
        }
        sender
    });
    unsafe { callseal_srtp_end_watch(watch) };
    let mut roc = 77;
    let status = unsafe { srtp_get_stream_roc(sender.0, 9, &mut roc) };
    assert_eq!((status, roc), (Status::Ok, 0));
}
