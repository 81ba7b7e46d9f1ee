//! Receivers that join late: a carried ROC (RFC 4771), and the try of the ROCs
//! beside the one assumed.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::{
    Policy, Profile, Receiver, RocCarrying, RocCarryingMode, SetUpError, UnprotectError,
};
use packets::*;

const PROFILE: Profile = Profile::AesCm128HmacSha1_80;

fn carrying(profile: Profile, mode: RocCarryingMode, rate: u16) -> Policy {
    policy(profile).with_roc_carrying(RocCarrying::new(mode, rate.try_into().unwrap()))
}

#[test]
fn the_tag_of_each_mode_has_the_length_that_rfc_4771_gives_it() {
    use RocCarryingMode::{One, Three, Two};
    for (profile, mode, with_roc, without) in [
        (PROFILE, One, 10, 0),
        (PROFILE, Two, 10, 10),
        (PROFILE, Three, 4, 0),
        (Profile::AeadAes128Gcm, Three, 20, 16),
    ] {
        let (mut sender, mut receiver) = pair(carrying(profile, mode, 5));
        sender.set_roc(SSRC, 0x0102_0304).unwrap();
        for seq in 100..120u16 {
            let plain = rtp(SSRC, seq, 20);
            let packet = protect_rtp(&mut sender, &plain).unwrap();
            let carries = seq % 5 == 0;
            let tag_len = if carries { with_roc } else { without };
            assert_eq!(packet.len(), 32 + tag_len, "{profile} {mode:?} {seq}");
            if carries {
                let roc_at = if profile.is_aead() { 48 } else { 32 };
                assert_eq!(packet[roc_at..roc_at + 4], [1, 2, 3, 4]);
            }
            assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);
        }
        assert_eq!(receiver.roc(SSRC), Some(0x0102_0304));
        let most = with_roc.max(4 + profile.rtcp_tag_len());
        assert_eq!(sender.max_trailer_len(), most);
    }
}

#[test]
fn a_carried_roc_lets_a_late_joiner_in_and_nobody_else_change_it() {
    let (mut sender, mut receiver) = pair(carrying(PROFILE, RocCarryingMode::Two, 10));
    sender.set_roc(SSRC, 77).unwrap();
    // What carries no ROC cannot be opened yet.
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 999, 20)).unwrap();
    let refused = unprotect_rtp(&mut receiver, &packet);
    assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));

    let carries = protect_rtp(&mut sender, &rtp(SSRC, 1_000, 20)).unwrap();
    for bit in 0..carries.len() * 8 {
        let mut forged = carries.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(unprotect_rtp(&mut receiver, &forged).is_err(), "bit {bit}");
    }
    let (_, opened) = opened_rtp(&mut receiver, &carries).unwrap();
    assert_eq!(opened.index.roc(), 77);
    unprotect_rtp(&mut receiver, &packet).unwrap();
    let again = unprotect_rtp(&mut receiver, &carries);
    assert_eq!(again, Err(UnprotectError::Replayed));
}

#[test]
fn a_carried_roc_brings_a_receiver_back_that_missed_more_than_a_wrap() {
    let (mut sender, mut receiver) = pair(carrying(PROFILE, RocCarryingMode::Two, 1));
    for (roc, seq) in [(0, 1), (3, 1), (3, 2), (9, 60_000), (10, 5)] {
        sender.set_roc(SSRC, roc).unwrap();
        let packet = protect_rtp(&mut sender, &rtp(SSRC, seq, 20)).unwrap();
        let (_, opened) = opened_rtp(&mut receiver, &packet).unwrap();
        assert_eq!((opened.index.roc(), opened.index.seq()), (roc, seq));
    }
}

#[test]
fn a_tag_that_cannot_be_cut_carries_no_roc() {
    for (profile, mode) in [
        (Profile::AesCm128HmacSha1_32, RocCarryingMode::One),
        (Profile::AesCm128HmacSha1_32, RocCarryingMode::Two),
        (Profile::AeadAes256Gcm, RocCarryingMode::One),
        (Profile::AeadAes256Gcm, RocCarryingMode::Two),
    ] {
        let made = Receiver::new(carrying(profile, mode, 7), key(profile, 1)).map(drop);
        assert_eq!(made, Err(SetUpError::RocCarrying { profile }));
    }
}

#[test]
fn libsrtp_821_an_mki_and_a_carried_roc_stand_side_by_side() {
    for profile in [PROFILE, Profile::AesCm256HmacSha1_80] {
        let policy = carrying(profile, RocCarryingMode::Two, 2);
        let (mut sender, mut receiver) = pair_with_mki(policy, &[0xe1, 0xf9]);
        sender.set_roc(SSRC, 0x00ab_cdef).unwrap();
        let plain = rtp(SSRC, 4, 20);
        let packet = protect_rtp(&mut sender, &plain).unwrap();
        assert_eq!(packet[32..38], [0xe1, 0xf9, 0x00, 0xab, 0xcd, 0xef]);
        assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);
    }
}

#[test]
fn a_first_packet_may_be_of_the_roc_beside_the_one_assumed() {
    for profile in authenticating() {
        for (told, is, found) in [
            (None, 0, true),
            (None, 1, true),
            (None, 2, false),
            (Some(5), 4, true),
            (Some(5), 6, true),
            (Some(5), 3, false),
            (Some(0), 1, true),
            (Some(u32::MAX), u32::MAX - 1, true),
            (Some(u32::MAX), 0, false),
        ] {
            let tries = policy(profile).with_neighbouring_rocs_tried();
            let (mut sender, mut receiver) = pair(tries);
            sender.set_roc(SSRC, is).unwrap();
            if let Some(told) = told {
                receiver.set_roc(SSRC, told).unwrap();
            }
            let plain = rtp(SSRC, 100, 20);
            let packet = protect_rtp(&mut sender, &plain).unwrap();
            match unprotect_rtp(&mut receiver, &packet) {
                Ok(opened) => {
                    assert!(found, "{profile} told {told:?}, is {is}");
                    assert_eq!(opened, plain);
                    assert_eq!(receiver.roc(SSRC), Some(is));
                }
                Err(error) => {
                    assert!(!found, "{profile} told {told:?}, is {is}");
                    assert_eq!(error, UnprotectError::AuthenticationFailed);
                }
            }
        }
    }
}

#[test]
fn once_a_packet_has_shown_the_roc_no_other_is_tried() {
    let (mut sender, mut receiver) = pair(policy(PROFILE).with_neighbouring_rocs_tried());
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).unwrap();
    unprotect_rtp(&mut receiver, &packet).unwrap();
    sender.set_roc(SSRC, 1).unwrap();
    let jump = protect_rtp(&mut sender, &rtp(SSRC, 2, 20)).unwrap();
    let refused = unprotect_rtp(&mut receiver, &jump);
    assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
}

#[test]
fn a_packet_received_before_a_roc_was_set_is_not_taken_again_by_trying_its_neighbours() {
    for profile in authenticating() {
        for told in [4, 6] {
            let (mut sender, mut receiver) = pair(policy(profile).with_neighbouring_rocs_tried());
            sender.set_roc(SSRC, 5).unwrap();
            receiver.set_roc(SSRC, 5).unwrap();
            let sent = [100, 101, 102].map(|seq| {
                let packet = protect_rtp(&mut sender, &rtp(SSRC, seq, 20)).unwrap();
                unprotect_rtp(&mut receiver, &packet).unwrap();
                packet
            });
            // The ROC that is set is wrong by one: the true one is its neighbour.
            receiver.set_roc(SSRC, told).unwrap();
            for packet in &sent {
                let refused = unprotect_rtp(&mut receiver, packet);
                assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
            }
            let next = protect_rtp(&mut sender, &rtp(SSRC, 103, 20)).unwrap();
            unprotect_rtp(&mut receiver, &next).unwrap();
            for packet in &sent {
                let refused = unprotect_rtp(&mut receiver, packet);
                assert_eq!(refused, Err(UnprotectError::Replayed));
            }
        }
    }
}
