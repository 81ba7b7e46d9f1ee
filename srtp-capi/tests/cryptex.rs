//! Cryptex (RFC 9335), which a program switches on with a call of its own.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the whole file plays the part of a C program"
)]

mod program;

use std::ffi::c_int;

use callseal_testvectors::rfc9335;
use program::{ANY_INBOUND, ANY_OUTBOUND, Owned, SUITES, Setter, policy, rtp};
use srtp2::exports::batches::callseal_srtp_protect_batch;
use srtp2::exports::packets::srtp_protect;
use srtp2::exports::policies::*;
use srtp2::exports::sessions::*;
use srtp2::status::Status;
use srtp2::types::{PacketOfBatch, Ssrc, ssrc_type};

/// Has one session's streams hide their headers, or not.
fn switch(session: &Owned, ssrc: Ssrc, on: i32) -> Status {
    unsafe { srtp_set_stream_use_cryptex(session.0, &ssrc, on) }
}

#[test]
fn the_rfcs_packets_are_made_and_opened() {
    for case in rfc9335::appendix_a().cases {
        let setter: Setter = match case.suite.as_str() {
            "AEAD_AES_128_GCM" => srtp_crypto_policy_set_aes_gcm_128_16_auth,
            "AES_CM_128_HMAC_SHA1_80" => srtp_crypto_policy_set_rtp_default,
            other => panic!("{other}"),
        };
        let mut key = [0; 64];
        let octets = [case.master_key, case.master_salt].concat();
        key[..octets.len()].copy_from_slice(&octets);
        let sender = Owned::new(&policy([setter; 2], ANY_OUTBOUND, &mut key));
        let receiver = Owned::new(&policy([setter; 2], ANY_INBOUND, &mut key));
        assert_eq!(switch(&sender, ANY_OUTBOUND, 1), Status::Ok);
        assert_eq!(switch(&receiver, ANY_INBOUND, 1), Status::Ok);
        let sealed = sender.protect(&case.rtp);
        assert_eq!(sealed, Ok(case.cryptex_srtp.clone()), "{}", case.title);
        assert_eq!(receiver.unprotect(&case.cryptex_srtp), Ok(case.rtp));
    }
}

#[test]
fn csrcs_without_an_extension_would_need_room_that_nobody_leaves() {
    let sender = Owned::of(SUITES[0], ANY_OUTBOUND);
    let mut packet = rtp(1, 1, 40);
    packet[0] |= 2;
    assert_eq!(switch(&sender, ANY_OUTBOUND, 1), Status::Ok);
    assert_eq!(sender.protect(&packet), Err(Status::CryptexErr));
    assert_eq!(switch(&sender, ANY_OUTBOUND, 0), Status::Ok);
    assert!(sender.protect(&packet).is_ok());
}

#[test]
fn where_nothing_is_encrypted_headers_stay_as_they_are() {
    let mut packet = rtp(1, 1, 40);
    packet[0] |= 2;
    let sender = Owned::of(SUITES[5], ANY_OUTBOUND);
    assert_eq!(switch(&sender, ANY_OUTBOUND, 1), Status::Ok);
    let sealed = sender.protect(&packet).unwrap();
    assert_eq!(sealed[..packet.len()], packet);
}

#[test]
fn no_packet_is_sent_whose_extension_cannot_be_hidden() {
    let mut packet = rtp(1, 1, 40);
    packet[0] |= 0x11;
    packet[12..24].copy_from_slice(&[1, 2, 3, 4, 0x12, 0x34, 0, 1, b'n', b'a', b'm', b'e']);
    for suite in [SUITES[0], SUITES[6]] {
        let sender = Owned::of(suite, ANY_OUTBOUND);
        let receiver = Owned::of(suite, ANY_INBOUND);
        assert_eq!(switch(&receiver, ANY_INBOUND, 1), Status::Ok);
        // What another sends in clear is taken.
        let sealed = sender.protect(&packet).unwrap();
        assert_eq!(receiver.unprotect(&sealed), Ok(packet.clone()));
        packet[3] += 1;
        assert_eq!(switch(&sender, ANY_OUTBOUND, 1), Status::Ok);
        let (mut room, mut bufs) = (packet.clone(), [packet.clone(), packet.clone()]);
        room.resize(200, 0);
        let refused = (Status::ParseErr, packet.len());
        assert_eq!(sender.run(srtp_protect, &mut room, packet.len()), refused);
        assert_eq!(room[..packet.len()], packet);
        let mut batch = bufs.each_mut().map(|buf| {
            buf.resize(200, 0);
            PacketOfBatch {
                packet: buf.as_mut_ptr().cast(),
                len: packet.len() as c_int,
                status: 77,
            }
        });
        unsafe { callseal_srtp_protect_batch(sender.0, batch.as_mut_ptr(), 2) };
        let statuses = batch.map(|packet| packet.status);
        assert_eq!(statuses, [Status::ParseErr as u32; 2]);
        packet[3] += 1;
    }
}

#[test]
fn a_stream_is_switched_by_itself_and_a_template_with_its_streams() {
    let mut own = [7; 64];
    let one = |value| Ssrc {
        kind: ssrc_type::SPECIFIC,
        value,
    };
    let extended = |ssrc, seq| {
        let mut packet = rtp(ssrc, seq, 40);
        packet[0] |= 0x10;
        packet[12..16].copy_from_slice(&[0xbe, 0xde, 0, 1]);
        packet
    };
    let hides = |sender: &Owned, ssrc, seq| {
        let sealed = sender.protect(&extended(ssrc, seq)).unwrap();
        sealed[12..14] == [0xc0, 0xde]
    };
    let sender = Owned::of(SUITES[0], ANY_OUTBOUND);
    let policy = policy(SUITES[0], one(1), &mut own);
    assert_eq!(unsafe { srtp_add_stream(sender.0, &policy) }, Status::Ok);
    assert!(!hides(&sender, 1, 1) && !hides(&sender, 2, 1));
    assert_eq!(switch(&sender, one(1), 1), Status::Ok);
    assert!(hides(&sender, 1, 2) && !hides(&sender, 2, 2));
    assert_eq!(switch(&sender, ANY_OUTBOUND, 1), Status::Ok);
    assert_eq!(switch(&sender, one(1), 0), Status::Ok);
    assert!(!hides(&sender, 1, 3) && hides(&sender, 2, 3) && hides(&sender, 3, 1));
    assert_eq!(switch(&sender, ANY_OUTBOUND, 0), Status::Ok);
    assert!(!hides(&sender, 2, 4) && !hides(&sender, 3, 2) && !hides(&sender, 4, 1));
    // No stream of this SSRC, and no such kind of SSRC.
    assert_eq!(switch(&sender, one(99), 1), Status::BadParam);
    let odd = Ssrc { kind: 9, value: 1 };
    assert_eq!(switch(&sender, odd, 1), Status::BadParam);
    let empty = Owned::new(&policy);
    assert_eq!(switch(&empty, ANY_OUTBOUND, 1), Status::BadParam);
}

#[test]
fn a_receiver_takes_what_is_hidden_only_where_it_is_switched_on() {
    let mut packet = rtp(1, 1, 40);
    packet[0] |= 0x10;
    packet[12..16].copy_from_slice(&[0xbe, 0xde, 0, 1]);
    let sender = Owned::of(SUITES[6], ANY_OUTBOUND);
    switch(&sender, ANY_OUTBOUND, 1);
    let sealed = sender.protect(&packet).unwrap();
    let receiver = Owned::of(SUITES[6], ANY_INBOUND);
    assert_ne!(receiver.unprotect(&sealed), Ok(packet.clone()));
    switch(&receiver, ANY_INBOUND, 1);
    assert_eq!(receiver.unprotect(&sealed), Ok(packet));
}
