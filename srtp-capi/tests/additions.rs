//! What the interface has besides libsrtp's, as a program in C uses it.

#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the whole file plays the part of a C program"
)]

use std::ffi::{c_int, c_void};
use std::{ptr, thread};

use proptest::prelude::*;
use srtp2::Session;
use srtp2::exports::batches::*;
use srtp2::exports::counters::*;
use srtp2::exports::packets::*;
use srtp2::exports::policies::*;
use srtp2::exports::sessions::*;
use srtp2::status::Status;
use srtp2::types::{CryptoPolicy, PacketOfBatch, Policy, Ssrc, StreamCounters, ssrc_type};

/// One that has keys of its own, and those that have a template's.
const SSRCS: [u32; 4] = [0xcafe_babe, 1, 2, 3];

/// What a packet may take, with its trailer.
const ROOM: usize = 128;

type Setter = unsafe extern "C" fn(*mut CryptoPolicy);
type Operation = unsafe extern "C" fn(*mut Session, *mut c_void, *mut c_int) -> Status;
type BatchOperation = unsafe extern "C" fn(*mut Session, *mut PacketOfBatch, usize) -> Status;

const SUITES: [Setter; 4] = [
    srtp_crypto_policy_set_rtp_default,
    srtp_crypto_policy_set_aes_gcm_256_16_auth,
    srtp_crypto_policy_set_null_cipher_hmac_sha1_80,
    srtp_crypto_policy_set_aes_cm_128_null_auth,
];

/// A session with a stream of its own keys, and a template.
fn session(suite: Setter, template: u32) -> *mut Session {
    let mut crypto = CryptoPolicy::default();
    unsafe { suite(&mut crypto) };
    let (mut own, mut shared) = ([7; 64], [8; 64]);
    let mut policy = Policy {
        ssrc: Ssrc {
            kind: ssrc_type::SPECIFIC,
            value: SSRCS[0],
        },
        rtp: crypto,
        rtcp: crypto,
        key: own.as_mut_ptr(),
        keys: ptr::null_mut(),
        num_master_keys: 0,
        deprecated_ekt: ptr::null_mut(),
        window_size: 0,
        allow_repeat_tx: 0,
        enc_xtn_hdr: ptr::null_mut(),
        enc_xtn_hdr_count: 0,
        next: ptr::null_mut(),
    };
    let mut session = ptr::null_mut();
    unsafe {
        assert_eq!(srtp_create(&mut session, &policy), Status::Ok);
        policy.ssrc.kind = template;
        policy.key = shared.as_mut_ptr();
        assert_eq!(srtp_add_stream(session, &policy), Status::Ok);
    }
    session
}

fn rtp(ssrc: u32, seq: u16) -> [u8; ROOM] {
    let mut packet = [0x5a; ROOM];
    packet[0] = 0x80;
    packet[2..4].copy_from_slice(&seq.to_be_bytes());
    packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
    packet
}

fn rtcp(ssrc: u32) -> [u8; ROOM] {
    let mut packet = [0x5a; ROOM];
    packet[..4].copy_from_slice(&[0x80, 201, 0, 7]);
    packet[4..8].copy_from_slice(&ssrc.to_be_bytes());
    packet
}

/// What has become of packets: octets, lengths, statuses.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    bufs: Vec<[u8; ROOM]>,
    lens: Vec<c_int>,
    statuses: Vec<u32>,
}

impl Outcome {
    fn of(bufs: Vec<[u8; ROOM]>, lens: Vec<c_int>) -> Self {
        let statuses = vec![0; lens.len()];
        Self {
            bufs,
            lens,
            statuses,
        }
    }

    fn assert_is(&self, other: &Self) {
        assert_eq!(self.statuses, other.statuses);
        assert_eq!(self.lens, other.lens);
        for (at, (buf, other)) in self.bufs.iter().zip(&other.bufs).enumerate() {
            // A batch may have written to the room behind what it refuses.
            let len = match self.statuses[at] {
                0 => ROOM,
                _ => usize::try_from(self.lens[at]).unwrap_or(0),
            };
            assert_eq!(buf[..len], other[..len], "packet {at}");
        }
    }

    fn one_by_one(&mut self, session: *mut Session, operation: Operation) {
        for (at, buf) in self.bufs.iter_mut().enumerate() {
            let len = &mut self.lens[at];
            self.statuses[at] = unsafe { operation(session, buf.as_mut_ptr().cast(), len) } as u32;
        }
    }

    fn at_once(&mut self, session: *mut Session, operation: BatchOperation) -> Status {
        let bufs = self.bufs.iter_mut().zip(&self.lens);
        let packets = bufs.map(|(buf, &len)| PacketOfBatch {
            packet: buf.as_mut_ptr().cast(),
            len,
            status: 77,
        });
        let mut packets: Vec<_> = packets.collect();
        let status = unsafe { operation(session, packets.as_mut_ptr(), packets.len()) };
        self.lens = packets.iter().map(|packet| packet.len).collect();
        self.statuses = packets.iter().map(|packet| packet.status).collect();
        status
    }
}

fn counters(session: *mut Session, ssrc: u32) -> Option<StreamCounters> {
    let mut counters = StreamCounters::default();
    let status = unsafe { callseal_srtp_get_counters(session, ssrc, &mut counters) };
    (status == Status::Ok).then_some(counters)
}

/// A packet: its stream's number, its sequence number, its length, and the
/// octet that is changed on the way, if it is one of it.
type Drawn = (usize, u16, c_int, usize);

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let len = prop_oneof![8 => 12..100_i32, 1 => -3..12_i32];
    let packet = (0..SSRCS.len(), 0..40_u16, len, 0..400_usize);
    prop::collection::vec(packet, 0..150)
}

fn both_ways_agree(suite: Setter, is_rtcp: bool, drawn: &[Drawn]) {
    let (protect, protect_batch, unprotect, unprotect_batch): (
        Operation,
        BatchOperation,
        Operation,
        BatchOperation,
    ) = match is_rtcp {
        false => (
            srtp_protect,
            callseal_srtp_protect_batch,
            srtp_unprotect,
            callseal_srtp_unprotect_batch,
        ),
        true => (
            srtp_protect_rtcp,
            callseal_srtp_protect_rtcp_batch,
            srtp_unprotect_rtcp,
            callseal_srtp_unprotect_rtcp_batch,
        ),
    };
    let plain = drawn.iter().map(|&(stream, seq, _, _)| match is_rtcp {
        false => rtp(SSRCS[stream], seq),
        true => rtcp(SSRCS[stream]),
    });
    let plain: Vec<_> = plain.collect();
    let lens: Vec<_> = drawn.iter().map(|drawn| drawn.2).collect();
    let mut alone = Outcome::of(plain.clone(), lens.clone());
    let mut together = Outcome::of(plain, lens);

    let senders = [(); 2].map(|()| session(suite, ssrc_type::ANY_OUTBOUND));
    let receivers = [(); 2].map(|()| session(suite, ssrc_type::ANY_INBOUND));
    alone.one_by_one(senders[0], protect);
    let status = together.at_once(senders[1], protect_batch);
    alone.assert_is(&together);
    let first_failed = alone.statuses.iter().find(|&&status| status != 0);
    assert_eq!(status as u32, *first_failed.unwrap_or(&0));

    for packets in [&mut alone, &mut together] {
        for (buf, drawn) in packets.bufs.iter_mut().zip(drawn) {
            if let Some(octet) = buf.get_mut(drawn.3) {
                *octet ^= 0x10;
            }
        }
    }
    alone.one_by_one(receivers[0], unprotect);
    together.at_once(receivers[1], unprotect_batch);
    alone.assert_is(&together);
    for ssrc in SSRCS {
        assert_eq!(counters(senders[0], ssrc), counters(senders[1], ssrc));
        assert_eq!(counters(receivers[0], ssrc), counters(receivers[1], ssrc));
    }
    for session in senders.into_iter().chain(receivers) {
        unsafe { srtp_dealloc(session) };
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_batch_does_what_its_packets_would_one_by_one(
        suite in prop::sample::select(&SUITES[..]),
        is_rtcp: bool,
        drawn in drawn(),
    ) {
        both_ways_agree(suite, is_rtcp, &drawn);
    }
}

#[test]
fn packets_that_share_octets_are_done_in_their_order() {
    let sessions = [(); 2].map(|()| session(SUITES[0], ssrc_type::ANY_OUTBOUND));
    let mut bufs = [(); 2].map(|()| rtp(SSRCS[0], 1));
    let mut first = [(); 2].map(|()| rtp(SSRCS[0], 0));
    unsafe {
        // The second packet is what the first has become, with its tag.
        for (session, first) in sessions.into_iter().zip(&mut first) {
            let mut len = 40;
            srtp_protect(session, first.as_mut_ptr().cast(), &mut len);
        }
        let mut lens = [40, 50];
        for len in &mut lens {
            srtp_protect(sessions[0], bufs[0].as_mut_ptr().cast(), len);
        }
        let packet = bufs[1].as_mut_ptr().cast();
        let mut packets = [40, 50].map(|len| PacketOfBatch {
            packet,
            len,
            status: 77,
        });
        let status = callseal_srtp_protect_batch(sessions[1], packets.as_mut_ptr(), 2);
        assert_eq!(status, Status::ReplayFail);
        let statuses = packets.map(|packet| packet.status);
        assert_eq!(statuses, [0, Status::ReplayFail as u32]);
        assert_eq!(packets.map(|packet| packet.len), lens);
        assert_eq!(bufs[0], bufs[1]);
        for session in sessions {
            srtp_dealloc(session);
        }
    }
}

#[test]
fn packets_in_any_order_of_memory_may_share_octets_with_any_before_them() {
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        for again in 0..4 {
            let sessions = [(); 2].map(|()| session(SUITES[0], ssrc_type::ANY_OUTBOUND));
            let mut bufs = [(); 2].map(|()| [0, 1, 2, 3].map(|seq| rtp(SSRCS[0], seq)));
            let [one_by_one, together] = bufs.each_mut().map(|bufs| {
                let start = bufs.as_mut_ptr();
                // The last packet is what one before has become, with its tag.
                let [a, b, c, d] = order;
                [(a, 40), (b, 40), (c, 40), (d, 40), (order[again], 50)].map(|(place, len)| {
                    PacketOfBatch {
                        packet: start.wrapping_add(place).cast(),
                        len,
                        status: 77,
                    }
                })
            });
            let [mut one_by_one, mut together] = [one_by_one, together];
            unsafe {
                for packet in &mut one_by_one {
                    let status = srtp_protect(sessions[0], packet.packet, &mut packet.len);
                    packet.status = status as u32;
                }
                callseal_srtp_protect_batch(sessions[1], together.as_mut_ptr(), 5);
                for session in sessions {
                    srtp_dealloc(session);
                }
            }
            let outcomes =
                |packets: [PacketOfBatch; 5]| packets.map(|packet| (packet.status, packet.len));
            assert_eq!(
                outcomes(together),
                outcomes(one_by_one),
                "{order:?}, {again}"
            );
            assert_eq!(bufs[0], bufs[1], "{order:?}, {again}");
        }
    }
}

#[test]
fn what_cannot_be_is_refused_and_the_others_are_done() {
    let sender = session(SUITES[0], ssrc_type::ANY_OUTBOUND);
    let mut good = rtp(SSRCS[0], 1);
    let mut packets = [
        PacketOfBatch {
            packet: ptr::null_mut(),
            len: 40,
            status: 0,
        },
        PacketOfBatch {
            packet: good.as_mut_ptr().cast(),
            len: 40,
            status: 77,
        },
    ];
    let none = ptr::null_mut();
    unsafe {
        let status = callseal_srtp_protect_batch(sender, packets.as_mut_ptr(), 2);
        assert_eq!(status, Status::BadParam);
        assert_eq!(packets.map(|packet| packet.status), [2, 0]);
        assert_eq!(packets.map(|packet| packet.len), [40, 50]);
        for (session, packets, count) in [
            (none, packets.as_mut_ptr(), 2),
            (sender, ptr::null_mut(), 2),
            (sender, packets.as_mut_ptr(), usize::MAX),
        ] {
            let status = callseal_srtp_unprotect_batch(session, packets, count);
            assert_eq!(status, Status::BadParam);
        }
        let status = callseal_srtp_protect_rtcp_batch(sender, ptr::null_mut(), 0);
        assert_eq!(status, Status::Ok);
        srtp_dealloc(sender);
    }
}

#[test]
fn a_watch_is_read_from_another_thread_and_outlives_its_session() {
    let sender = session(SUITES[0], ssrc_type::ANY_OUTBOUND);
    let receiver = session(SUITES[0], ssrc_type::ANY_INBOUND);
    let mut watch = ptr::null_mut();
    unsafe {
        // A stream without a packet; none; and what cannot be.
        let status = callseal_srtp_watch_stream(receiver, SSRCS[0], &mut watch);
        assert_eq!(status, Status::NoCtx);
        assert_eq!(
            counters(receiver, SSRCS[0]),
            Some(StreamCounters::default())
        );
        assert_eq!(counters(receiver, SSRCS[1]), None);
        let status = callseal_srtp_watch_stream(receiver, SSRCS[0], ptr::null_mut());
        assert_eq!(status, Status::BadParam);
        let status = callseal_srtp_read_watch(ptr::null(), &mut StreamCounters::default());
        assert_eq!(status, Status::BadParam);
        callseal_srtp_end_watch(ptr::null_mut());

        for seq in 1..=3 {
            let (mut packet, mut len) = (rtp(SSRCS[0], seq), 40);
            srtp_protect(sender, packet.as_mut_ptr().cast(), &mut len);
            let (mut again, mut again_len) = (packet, len);
            srtp_unprotect(receiver, packet.as_mut_ptr().cast(), &mut len);
            srtp_unprotect(receiver, again.as_mut_ptr().cast(), &mut again_len);
        }
        let (mut forged, mut len) = (rtp(SSRCS[0], 9), 50);
        srtp_unprotect(receiver, forged.as_mut_ptr().cast(), &mut len);

        let status = callseal_srtp_watch_stream(receiver, SSRCS[0], &mut watch);
        assert_eq!(status, Status::Ok);
        srtp_dealloc(receiver);
        srtp_dealloc(sender);
        let address = watch.expose_provenance();
        let from_elsewhere = thread::spawn(move || {
            let watch = ptr::with_exposed_provenance_mut::<Watch>(address);
            let mut counters = StreamCounters::default();
            let status = callseal_srtp_read_watch(watch, &mut counters);
            (status, counters)
        });
        let (status, counters) = from_elsewhere.join().unwrap();
        assert_eq!(status, Status::Ok);
        let rtp = counters.received_rtp;
        assert_eq!((rtp.packets, rtp.octets, rtp.newest_index), (3, 120, 3));
        assert_eq!((rtp.replayed, rtp.auth_failures, rtp.too_old), (3, 1, 0));
        assert_eq!(counters.sent_rtp.packets, 0);
        callseal_srtp_end_watch(watch);
    }
}

#[test]
fn ssrcs_are_those_of_policies_and_of_the_template() {
    let sender = session(SUITES[0], ssrc_type::ANY_OUTBOUND);
    let (mut packet, mut len) = (rtp(SSRCS[2], 1), 40);
    let (mut ssrcs, mut count) = ([0; 4], 0);
    unsafe {
        srtp_protect(sender, packet.as_mut_ptr().cast(), &mut len);
        let status = callseal_srtp_get_ssrcs(sender, ssrcs.as_mut_ptr(), 1, &mut count);
        assert_eq!((status, count, ssrcs), (Status::AllocFail, 2, [0; 4]));
        let status = callseal_srtp_get_ssrcs(sender, ssrcs.as_mut_ptr(), 4, &mut count);
        assert_eq!((status, count), (Status::Ok, 2));
        ssrcs.sort_unstable();
        assert_eq!(ssrcs, [0, 0, SSRCS[2], SSRCS[0]]);
        srtp_dealloc(sender);
    }
}
