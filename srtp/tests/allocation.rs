//! What the heap sees.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::{BatchPacket, Cryptex, Profile, RocCarrying, RocCarryingMode, UnprotectError};
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
fn after_a_streams_first_packets_a_batch_allocates_nothing() {
    const PACKETS: usize = 70;
    for &profile in Profile::ALL {
        let (mut sender, mut receiver) = pair(policy(profile));
        let mut bufs = [[0u8; 300]; PACKETS];
        let mut exchange = |round: u16, replayed: bool| {
            let first = round * 30;
            let mut n = 0;
            let mut batch = bufs.each_mut().map(|buf| {
                // Seven streams, ten packets of each; the last one's twice.
                let seq = first + (n / 7).min(8);
                buf[..12].copy_from_slice(&rtp_header(u32::from(n % 7), seq));
                n += 1;
                BatchPacket::new(0, buf, 12 + 160)
            });
            sender.protect_rtp_batch(&mut batch);
            let lens = batch.map(|packet| packet.result.unwrap().ok());
            let sealed = lens.iter().flatten().count();
            assert_eq!(sealed, PACKETS - 7);
            let mut lens = lens.into_iter();
            let mut batch = bufs.each_mut().map(|buf| {
                let len = lens.next().unwrap().unwrap_or(12);
                BatchPacket::new(0, buf, len)
            });
            receiver.unprotect_rtp_batch(&mut batch);
            let opened = batch.iter().filter(|p| p.result.as_ref().unwrap().is_ok());
            let extra = usize::from(profile.rtp_tag_len() == 0) * 7;
            assert!((sealed..=sealed + extra).contains(&opened.count()));
            if replayed {
                receiver.unprotect_rtp_batch(&mut batch);
            }
        };
        exchange(0, false);
        let ((), seen) = Allocations::during(|| (1..20).for_each(|round| exchange(round, true)));
        assert_eq!(seen.count, 0, "{profile}");
    }
}

/// The octets that a stream costs, all counted: its state, its counters, its
/// place in the table, and what growing tables keep in reserve.
#[test]
fn a_hundred_thousand_streams_take_at_most_450_octets_each() {
    const STREAMS: u32 = 100_000;
    let profile = Profile::AesCm128HmacSha1_80;
    let room = STREAMS as usize;
    let (mut sender, mut receiver) = pair(policy(profile).with_max_streams(room));
    let ((), at_sender) = Allocations::during(|| {
        for ssrc in 0..STREAMS {
            sender.set_roc(ssrc, 1).unwrap();
        }
    });
    let ((), at_receiver) = Allocations::during(|| {
        for ssrc in 0..STREAMS {
            receiver.set_roc(ssrc, 1).unwrap();
        }
    });
    for seen in [at_sender, at_receiver] {
        let each = seen.live_len() / i64::from(STREAMS);
        assert!(each <= 450, "{each}");
    }
    // The last one works as the first.
    let sealed = protect_rtp(&mut sender, &rtp(STREAMS - 1, 9, 20)).unwrap();
    unprotect_rtp(&mut receiver, &sealed).unwrap();

    let ((), freed) = Allocations::during(|| {
        for ssrc in 0..STREAMS {
            receiver.remove_stream(ssrc).unwrap();
        }
    });
    assert!(freed.live_len() < 0);
}

fn rtp_header(ssrc: u32, seq: u16) -> [u8; 12] {
    let mut header = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    header[2..4].copy_from_slice(&seq.to_be_bytes());
    header[8..].copy_from_slice(&ssrc.to_be_bytes());
    header
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
