//! What the heap sees.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::{Cryptex, Profile, RocCarrying, RocCarryingMode, UnprotectError};
use callseal_testkit::{Allocations, CountingAllocator};
use packets::*;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn after_a_streams_first_packets_nothing_is_allocated() {
    let plain = Profile::ALL.iter().map(|&profile| policy(profile));
    let carrying = RocCarrying::new(RocCarryingMode::Two, 4.try_into().unwrap());
    let profile = Profile::AesCm128HmacSha1_80;
    let others = [
        policy(profile).with_roc_carrying(carrying),
        policy(profile).with_cryptex(Cryptex::On),
        policy(Profile::AeadAes128Gcm).with_encrypted_extensions((1..15).collect()),
    ];
    for policy in plain.chain(others) {
        let (mut sender, mut receiver) = pair_with_mki(policy, &[1, 2]);
        let mut buf = [0u8; 1_500];
        let mut exchange = |seq: u16, replays: bool| {
            // With a header extension of eight octets.
            let packet = [
                0x90,
                0,
                (seq >> 8) as u8,
                seq as u8,
                0,
                0,
                0,
                0,
                1,
                2,
                3,
                (seq % 3) as u8,
            ];
            buf[..12].copy_from_slice(&packet);
            buf[12..24].copy_from_slice(&[0xbe, 0xde, 0, 2, 0x12, 1, 2, 3, 0x21, 4, 5, 0]);
            let len = sender.protect_rtp(&mut buf, 12 + 160).unwrap();
            let opened = receiver.unprotect_rtp(&mut buf, len).unwrap();
            assert_eq!(opened.len, 172);
            if replays {
                let refused = receiver.unprotect_rtp(&mut buf, len);
                assert_eq!(refused, Err(UnprotectError::Replayed));
            }
            buf[..8].copy_from_slice(&[0x80, 201, 0, 6, 1, 2, 3, (seq % 3) as u8]);
            let len = sender.protect_rtcp(&mut buf, 28).unwrap();
            receiver.unprotect_rtcp(&mut buf, len).unwrap();
        };
        let ((), first) =
            Allocations::during(|| (65_000..65_003).for_each(|seq| exchange(seq, false)));
        assert!(first.count > 0, "a new stream has to be kept somewhere");
        let ((), rest) = Allocations::during(|| {
            (65_003..=65_535)
                .chain(0..2_000)
                .for_each(|seq| exchange(seq, true));
        });
        assert_eq!(rest.count, 0);
    }
}

#[test]
fn pion_372_a_million_forged_ssrcs_grow_nothing() {
    let profile = Profile::AesCm128HmacSha1_80;
    let (_, mut receiver) = pair(policy(profile));
    let mut forged = rtp(0, 1, 40);
    let mut forged_control = rtcp(0, 13);
    // E = 1, so that the tag is what it fails by.
    forged_control[38] = 0x80;
    let ((), seen) = Allocations::during(|| {
        for ssrc in (0..500_000u32).map(|n| n.wrapping_mul(0x9e37_79b1)) {
            forged[8..12].copy_from_slice(&ssrc.to_be_bytes());
            let refused = receiver.unprotect_rtp(&mut forged, 52);
            assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
            forged_control[4..8].copy_from_slice(&(!ssrc).to_be_bytes());
            let refused = receiver.unprotect_rtcp(&mut forged_control, 52);
            assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
        }
    });
    assert_eq!(seen.count, 0);
    assert_eq!(receiver.ssrcs().count(), 0);
}
