//! Sessions that end and go on elsewhere, as a program in C uses them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the whole file plays the part of a C program"
)]

use std::collections::HashSet;
use std::ffi::{c_int, c_void};
use std::{ptr, slice};

use proptest::prelude::*;
use srtp2::exports::packets::*;
use srtp2::exports::policies::*;
use srtp2::exports::sessions::*;
use srtp2::exports::snapshots::*;
use srtp2::status::Status;
use srtp2::types::{CryptoPolicy, Policy, Ssrc, ssrc_type};
use srtp2::{Session, Snapshot};

/// The first one has keys of its own; the others are the template's.
const SSRCS: [u32; 3] = [0xcafe_babe, 1, 2];

const ROOM: usize = 128;

type Operation = unsafe extern "C" fn(*mut Session, *mut c_void, *mut c_int) -> Status;

fn policy(kind: u32, ssrc: u32, key: &mut [u8; 64]) -> Policy {
    let mut crypto = CryptoPolicy::default();
    unsafe { srtp_crypto_policy_set_rtp_default(&mut crypto) };
    Policy {
        ssrc: Ssrc { kind, value: ssrc },
        rtp: crypto,
        rtcp: crypto,
        key: key.as_mut_ptr(),
        keys: ptr::null_mut(),
        num_master_keys: 0,
        deprecated_ekt: ptr::null_mut(),
        window_size: 0,
        allow_repeat_tx: 0,
        enc_xtn_hdr: ptr::null_mut(),
        enc_xtn_hdr_count: 0,
        next: ptr::null_mut(),
    }
}

/// A session that is deallocated when it goes.
struct Owned(*mut Session);

impl Owned {
    fn new(template: u32) -> Self {
        let mut session = ptr::null_mut();
        let (mut own, mut shared) = ([7; 64], [8; 64]);
        unsafe {
            let own = policy(ssrc_type::SPECIFIC, SSRCS[0], &mut own);
            assert_eq!(srtp_create(&mut session, &own), Status::Ok);
            let shared = policy(template, 0, &mut shared);
            assert_eq!(srtp_add_stream(session, &shared), Status::Ok);
        }
        Self(session)
    }

    fn sender() -> Self {
        Self::new(ssrc_type::ANY_OUTBOUND)
    }

    fn run(&self, operation: Operation, packet: &mut [u8], len: usize) -> (Status, usize) {
        let mut len = len as c_int;
        let status = unsafe { operation(self.0, packet.as_mut_ptr().cast(), &mut len) };
        (status, len as usize)
    }

    fn send(&self, ssrc: u32, seq: u16) -> Result<Vec<u8>, Status> {
        let mut packet = [0x5a; ROOM];
        packet[0] = 0x80;
        packet[2..4].copy_from_slice(&seq.to_be_bytes());
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        self.protect(srtp_protect, packet, 40)
    }

    fn send_rtcp(&self, ssrc: u32) -> Result<Vec<u8>, Status> {
        let mut packet = [0; ROOM];
        packet[..4].copy_from_slice(&[0x80, 201, 0, 1]);
        packet[4..8].copy_from_slice(&ssrc.to_be_bytes());
        self.protect(srtp_protect_rtcp, packet, 8)
    }

    fn protect(
        &self,
        operation: Operation,
        mut packet: [u8; ROOM],
        len: usize,
    ) -> Result<Vec<u8>, Status> {
        match self.run(operation, &mut packet, len) {
            (Status::Ok, len) => Ok(packet[..len].to_vec()),
            (status, _) => Err(status),
        }
    }

    fn open(&self, operation: Operation, packet: &[u8]) -> Status {
        let mut packet = packet.to_vec();
        let len = packet.len();
        self.run(operation, &mut packet, len).0
    }

    fn snapshot(&self, rtp_packets: u16, rtcp_packets: u16) -> Taken {
        let mut taken = ptr::null_mut();
        let status =
            unsafe { callseal_srtp_take_snapshot(self.0, rtp_packets, rtcp_packets, &mut taken) };
        assert_eq!(status, Status::Ok);
        Taken(taken)
    }

    fn confirm(&self, taken: &Taken) {
        let status = unsafe { callseal_srtp_confirm_snapshot(self.0, taken.0) };
        assert_eq!(status, Status::Ok);
    }

    fn restore(&self, octets: &[u8]) -> Status {
        unsafe { callseal_srtp_restore(self.0, octets.as_ptr().cast(), octets.len()) }
    }

    fn start(&self, ssrc: u32, seq: u16) -> Status {
        unsafe { callseal_srtp_start_stream(self.0, ssrc, seq) }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        unsafe { srtp_dealloc(self.0) };
    }
}

struct Taken(*mut Snapshot);

impl Taken {
    fn octets(&self) -> &[u8] {
        let mut len = 0;
        unsafe {
            let octets = callseal_srtp_get_snapshot_octets(self.0, &mut len);
            slice::from_raw_parts(octets.cast(), len)
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        unsafe { callseal_srtp_end_snapshot(self.0) };
    }
}

#[test]
fn a_restored_sender_goes_on_where_its_receiver_can_follow() {
    let (first, receiver) = (Owned::sender(), Owned::new(ssrc_type::ANY_INBOUND));
    for ssrc in SSRCS {
        let packet = first.send(ssrc, 65_530).unwrap();
        assert_eq!(receiver.open(srtp_unprotect, &packet), Status::Ok);
        first.send_rtcp(ssrc).unwrap();
    }
    let stored = first.snapshot(10, 4);
    for ssrc in SSRCS {
        // Ten more over the wrap, and not one beyond.
        assert!(first.send(ssrc, 4).is_ok());
        assert_eq!(first.send(ssrc, 5), Err(Status::PktIdxAdv));
        for _ in 0..4 {
            first.send_rtcp(ssrc).unwrap();
        }
        assert_eq!(first.send_rtcp(ssrc), Err(Status::PktIdxAdv));
    }

    let second = Owned::sender();
    assert_eq!(second.restore(stored.octets()), Status::Ok);
    assert_eq!(second.send(SSRCS[0], 9), Err(Status::PktIdxAdv));
    second.confirm(&second.snapshot(10, 4));
    for ssrc in SSRCS {
        assert_eq!(second.send(ssrc, 4), Err(Status::ReplayOld));
        let packet = second.send(ssrc, 5).unwrap();
        assert_eq!(receiver.open(srtp_unprotect, &packet), Status::Ok);
        let mut roc = 0;
        let status = unsafe { srtp_get_stream_roc(second.0, ssrc, &mut roc) };
        assert_eq!((status, roc), (Status::Ok, 1));
        // 1 and the four that were reserved are behind it.
        let report = second.send_rtcp(ssrc).unwrap();
        assert_eq!(report[8..12], [0x80, 0, 0, 6]);
    }
}

#[test]
fn a_restored_receiver_takes_nothing_twice() {
    let (sender, first) = (Owned::sender(), Owned::new(ssrc_type::ANY_INBOUND));
    let mut wire = Vec::new();
    for ssrc in SSRCS {
        wire.extend(
            (0..50).map(|seq| (srtp_unprotect as Operation, sender.send(ssrc, seq).unwrap())),
        );
        wire.push((srtp_unprotect_rtcp, sender.send_rtcp(ssrc).unwrap()));
    }
    let (heard, missed): (Vec<_>, Vec<_>) = wire.iter().enumerate().partition(|(n, _)| n % 3 != 0);
    for (_, (operation, packet)) in &heard {
        assert_eq!(first.open(*operation, packet), Status::Ok);
    }
    let stored = first.snapshot(0, 0);
    let second = Owned::new(ssrc_type::ANY_INBOUND);
    assert_eq!(second.restore(stored.octets()), Status::Ok);
    for (_, (operation, packet)) in heard {
        assert_eq!(second.open(*operation, packet), Status::ReplayFail);
    }
    for (_, (operation, packet)) in missed {
        assert_eq!(second.open(*operation, packet), Status::Ok);
    }
}

#[test]
fn a_stream_that_comes_later_sends_once_a_snapshot_reserves_it() {
    let sender = Owned::sender();
    let _first = sender.snapshot(10, 4);
    let mut key = [9; 64];
    let own = policy(ssrc_type::SPECIFIC, 7, &mut key);
    assert_eq!(unsafe { srtp_add_stream(sender.0, &own) }, Status::Ok);
    for ssrc in [7, SSRCS[0], SSRCS[1]] {
        assert_eq!(sender.send(ssrc, 100), Err(Status::PktIdxAdv));
        assert_eq!(sender.start(ssrc, 100), Status::Ok);
        assert_eq!(sender.start(ssrc, 100), Status::BadParam);
    }
    sender.confirm(&sender.snapshot(10, 4));
    for ssrc in [7, SSRCS[0], SSRCS[1]] {
        assert_eq!(sender.send(ssrc, 99), Err(Status::ReplayOld));
        assert!(sender.send(ssrc, 100).is_ok());
        assert_eq!(sender.send(ssrc, 111), Err(Status::PktIdxAdv));
    }
    // A stream of the template's that gets keys of its own is none that a
    // snapshot knows.
    let own = policy(ssrc_type::SPECIFIC, SSRCS[1], &mut key);
    assert_eq!(unsafe { srtp_update_stream(sender.0, &own) }, Status::Ok);
    assert_eq!(sender.send(SSRCS[1], 101), Err(Status::PktIdxAdv));
    sender.confirm(&sender.snapshot(10, 4));
    assert!(sender.send(SSRCS[1], 101).is_ok());
}

#[test]
fn a_stream_begins_with_the_roc_that_was_set_for_it() {
    let sender = Owned::sender();
    let _first = sender.snapshot(10, 4);
    let set_roc = |ssrc, roc| unsafe { srtp_set_stream_roc(sender.0, ssrc, roc) };
    assert_eq!(sender.start(SSRCS[1], 1), Status::Ok);
    for ssrc in [SSRCS[0], SSRCS[1]] {
        // One that has sent nothing, or was to begin elsewhere; and in mid-stream.
        for (roc, seq) in [(5, 100), (9, 60_000)] {
            assert_eq!(set_roc(ssrc, roc), Status::Ok);
            assert_eq!(sender.send(ssrc, seq), Err(Status::PktIdxAdv));
            assert_eq!(sender.start(ssrc, seq), Status::Ok);
            assert_eq!(sender.send(ssrc, seq), Err(Status::PktIdxAdv));
            sender.confirm(&sender.snapshot(10, 4));
            assert_eq!(sender.send(ssrc, seq - 1), Err(Status::ReplayOld));
            let packet = sender.send(ssrc, seq).unwrap();
            assert_eq!(sender.send(ssrc, seq + 11), Err(Status::PktIdxAdv));

            // What a session sends there that keeps no snapshots.
            let other = Owned::sender();
            other.send(ssrc, seq).unwrap();
            unsafe { srtp_set_stream_roc(other.0, ssrc, roc) };
            assert_eq!(other.send(ssrc, seq), Ok(packet));
        }
        // A ROC that has passed is none to begin with.
        assert_eq!(set_roc(ssrc, 3), Status::Ok);
        assert_eq!(sender.start(ssrc, 1), Status::BadParam);
    }
}

#[test]
fn what_is_damaged_or_anothers_is_refused() {
    let sender = Owned::sender();
    sender.send(SSRCS[0], 1).unwrap();
    sender.send(SSRCS[1], 1).unwrap();
    let stored = sender.snapshot(10, 4);
    let octets = stored.octets();
    let fresh = Owned::sender();
    for at in 0..octets.len() {
        let mut damaged = octets.to_vec();
        damaged[at] ^= 0x10;
        assert_eq!(fresh.restore(&damaged), Status::ParseErr);
        assert_eq!(fresh.restore(&octets[..at]), Status::ParseErr);
    }
    // One that has begun, and one that lacks the stream.
    assert_eq!(sender.restore(octets), Status::BadParam);
    let other = Owned::sender();
    unsafe { srtp_remove_stream(other.0, SSRCS[0].to_be()) };
    assert_eq!(other.restore(octets), Status::BadParam);
    assert_eq!(fresh.restore(octets), Status::Ok);

    let (null, mut len) = (ptr::null_mut(), 77);
    unsafe {
        let mut taken = ptr::null_mut();
        let status = callseal_srtp_take_snapshot(null, 1, 1, &mut taken);
        assert_eq!((status, taken.is_null()), (Status::BadParam, true));
        let status = callseal_srtp_take_snapshot(fresh.0, 1, 1, ptr::null_mut());
        assert_eq!(status, Status::BadParam);
        let status = callseal_srtp_confirm_snapshot(fresh.0, ptr::null());
        assert_eq!(status, Status::BadParam);
        let status = callseal_srtp_restore(fresh.0, ptr::null(), 1);
        assert_eq!(status, Status::BadParam);
        let status = callseal_srtp_restore(fresh.0, octets.as_ptr().cast(), usize::MAX);
        assert_eq!(status, Status::BadParam);
        assert!(callseal_srtp_get_snapshot_octets(ptr::null(), &mut len).is_null());
        assert_eq!(len, 0);
        assert!(callseal_srtp_get_snapshot_octets(stored.0, ptr::null_mut()).is_null());
        assert_eq!(callseal_srtp_start_stream(null, 1, 1), Status::BadParam);
        callseal_srtp_end_snapshot(ptr::null_mut());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Rtp(usize, u16),
    Rtcp(usize),
    Snapshot(u16, u16),
    ConfirmNewest,
    /// Ends the process, and goes on from one of what was stored.
    Restore(usize),
    Start(usize),
    SetRoc(usize, u32),
}

fn step() -> impl Strategy<Value = Step> {
    let stream = 0..SSRCS.len();
    prop_oneof![
        12 => (stream.clone(), prop_oneof![5 => Just(1), 1 => 0..60u16])
            .prop_map(|(stream, ahead)| Step::Rtp(stream, ahead)),
        3 => stream.clone().prop_map(Step::Rtcp),
        3 => (0..40u16, 0..6u16).prop_map(|(rtp, rtcp)| Step::Snapshot(rtp, rtcp)),
        3 => Just(Step::ConfirmNewest),
        2 => any::<usize>().prop_map(Step::Restore),
        1 => stream.clone().prop_map(Step::Start),
        1 => (stream, 0..4u32).prop_map(|(stream, roc)| Step::SetRoc(stream, roc)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Payloads are the same in all packets, so that two packets of a stream
    /// that are equal behind the header have had the same keystream.
    #[test]
    fn no_restore_has_keystream_used_twice(
        steps in prop::collection::vec(step(), 1..150),
        start in prop_oneof![Just(65_500u16), any::<u16>()],
    ) {
        let mut sender = Owned::sender();
        let mut stored: Vec<(Taken, Vec<u8>)> = Vec::new();
        let mut used = HashSet::new();
        let mut seqs = [start; SSRCS.len()];
        for step in steps {
            match step {
                Step::Rtp(stream, ahead) => {
                    seqs[stream] = seqs[stream].wrapping_add(ahead);
                    if let Ok(packet) = sender.send(SSRCS[stream], seqs[stream]) {
                        prop_assert!(used.insert((stream, packet[12..40].to_vec())));
                    }
                }
                Step::Rtcp(stream) => {
                    if let Ok(packet) = sender.send_rtcp(SSRCS[stream]) {
                        prop_assert!(used.insert((stream, packet[8..12].to_vec())));
                    }
                }
                Step::Snapshot(rtp, rtcp) => {
                    let taken = sender.snapshot(rtp, rtcp);
                    let octets = taken.octets().to_vec();
                    stored.push((taken, octets));
                }
                Step::ConfirmNewest => {
                    if let Some(newest) = stored.pop() {
                        sender.confirm(&newest.0);
                        stored = vec![newest];
                    }
                }
                Step::Restore(which) => {
                    if !stored.is_empty() {
                        sender = Owned::sender();
                        let (_, octets) = &stored[which % stored.len()];
                        prop_assert_eq!(sender.restore(octets), Status::Ok);
                    }
                }
                Step::Start(stream) => {
                    sender.start(SSRCS[stream], seqs[stream].wrapping_add(1));
                }
                Step::SetRoc(stream, roc) => {
                    unsafe { srtp_set_stream_roc(sender.0, SSRCS[stream], roc) };
                }
            }
        }
    }
}
