//! How session keys change, how master keys end, and which packets they are for.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::{
    AddKeyError, Event, IndexRange, KeyDerivationRate, KeyLifetime, PacketIndex, Policy, Profile,
    ProtectError, Receiver, RtcpIndex, Sender, SetRtcpIndexError, UnknownRange, UnprotectError,
};
use packets::*;

const PROFILE: Profile = Profile::AesCm128HmacSha1_80;

fn rate(exponent: u8) -> KeyDerivationRate {
    KeyDerivationRate::from_exponent(exponent).unwrap()
}

/// The keystream of a packet, whose payload is known.
fn keystream(plain: &[u8], packet: &[u8], range: core::ops::Range<usize>) -> Vec<u8> {
    let pairs = plain[range.clone()].iter().zip(&packet[range]);
    pairs.map(|(plain, sealed)| plain ^ sealed).collect()
}

#[test]
fn session_keys_change_at_every_multiple_of_the_rate_in_rtp_and_rtcp() {
    let with_rate = policy(PROFILE).with_key_derivation_rate(rate(3));
    let (mut at_rate, mut receiver) = pair(with_rate);
    let (mut once, _) = pair(policy(PROFILE));
    for seq in 0..32u16 {
        let plain = rtp(SSRC, seq, 20);
        let packet = protect_rtp(&mut at_rate, &plain).unwrap();
        let without = protect_rtp(&mut once, &plain).unwrap();
        // r = 0 up to index 7, whose keys are those of no rate.
        assert_eq!(packet == without, seq < 8, "index {seq}");
        assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);

        let plain = rtcp(SSRC, 7);
        let packet = protect_rtcp(&mut at_rate, &plain).unwrap();
        let without = protect_rtcp(&mut once, &plain).unwrap();
        assert_eq!(packet == without, seq < 8, "index {seq}");
        assert_eq!(unprotect_rtcp(&mut receiver, &packet).unwrap(), plain);
    }
}

#[test]
fn packets_around_a_change_of_session_keys_come_in_any_order() {
    let (mut sender, mut receiver) = pair(policy(PROFILE).with_key_derivation_rate(rate(2)));
    let packets: Vec<_> = (65_520..=65_535)
        .chain(0..16)
        .map(|seq| protect_rtp(&mut sender, &rtp(SSRC, seq, 20)).unwrap())
        .collect();
    unprotect_rtp(&mut receiver, &packets[0]).unwrap();
    for packet in packets[1..].chunks(5).flat_map(|few| few.iter().rev()) {
        unprotect_rtp(&mut receiver, packet).unwrap();
    }
    assert_eq!(receiver.roc(SSRC), Some(1));
}

#[test]
fn a_forged_packet_puts_no_session_keys_in_the_place_of_others() {
    // A forged sequence number leads to another r, and to keys for it that
    // must not stay.
    let (mut sender, mut receiver) = pair(policy(PROFILE).with_key_derivation_rate(rate(0)));
    let packets: Vec<_> = (0..10)
        .map(|seq| protect_rtp(&mut sender, &rtp(SSRC, seq, 20)).unwrap())
        .collect();
    for packet in &packets {
        let mut forged = packet.clone();
        forged[2] ^= 0x10;
        let refused = unprotect_rtp(&mut receiver, &forged);
        assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
        unprotect_rtp(&mut receiver, packet).unwrap();
    }
}

#[test]
fn whichever_limit_is_reached_first_ends_the_keys_use_for_both() {
    for ends_by_rtcp in [false, true] {
        let lifetime = match ends_by_rtcp {
            false => KeyLifetime::new(5, 100).unwrap(),
            true => KeyLifetime::new(100, 5).unwrap(),
        };
        let (mut sender, mut receiver) = pair(policy(PROFILE).with_key_lifetime(lifetime));
        for seq in 0..5 {
            if ends_by_rtcp {
                let packet = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
                unprotect_rtcp(&mut receiver, &packet).unwrap();
            } else {
                // Of any stream: the limit is the key's, not the stream's.
                let packet = protect_rtp(&mut sender, &rtp(seq.into(), seq, 20)).unwrap();
                unprotect_rtp(&mut receiver, &packet).unwrap();
            }
        }
        let spent = Err(ProtectError::KeySpent);
        assert_eq!(protect_rtp(&mut sender, &rtp(SSRC, 9, 20)), spent);
        assert_eq!(protect_rtcp(&mut sender, &rtcp(SSRC, 7)), spent);

        let (mut fresh, _) = pair(policy(PROFILE));
        let packet = protect_rtp(&mut fresh, &rtp(SSRC, 9, 20)).unwrap();
        let spent = Err(UnprotectError::KeySpent);
        assert_eq!(unprotect_rtp(&mut receiver, &packet), spent);
        let packet = protect_rtcp(&mut fresh, &rtcp(99, 7)).unwrap();
        assert_eq!(unprotect_rtcp(&mut receiver, &packet), spent);
    }
}

#[test]
fn a_key_that_comes_to_its_end_is_told_once_and_a_new_one_goes_on() {
    let lifetime = KeyLifetime::new(10, 10).unwrap().with_warning_after(6, 6);
    let policy = policy(PROFILE).with_key_lifetime(lifetime);
    let (mut sender, mut receiver) = pair_with_mki(policy, &[1]);
    let mut told = Vec::new();
    for seq in 0..30u16 {
        let plain = rtp(SSRC, seq, 20);
        let packet = protect_rtp(&mut sender, &plain).unwrap();
        assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);
        assert_eq!(
            receiver.poll_event(),
            sender.poll_event().inspect(|event| {
                told.push(event.clone());
            })
        );
        if seq % 10 == 8 {
            let n = (seq / 10) as u8 + 2;
            sender.add_key(mki(&[n]), key(PROFILE, n)).unwrap();
            receiver.add_key(mki(&[n]), key(PROFILE, n)).unwrap();
        }
        if seq % 10 == 9 {
            sender.switch_to(&mki(&[(seq / 10) as u8 + 2])).unwrap();
        }
    }
    let expected = [1, 2, 3].map(|n| Event::KeyLifeLow {
        mki: Some(mki(&[n])),
        rtp_packets: 6,
        rtcp_packets: 0,
    });
    assert_eq!(told, expected);
    assert_eq!(receiver.newest_index(SSRC).map(PacketIndex::get), Some(29));
}

#[test]
fn the_shorter_of_the_keys_own_lifetime_and_the_policys_counts() {
    let lifetime = |packets| KeyLifetime::new(packets, packets).unwrap();
    for (policys, own) in [(2, 5), (5, 2)] {
        let key = key(PROFILE, 1).with_lifetime(lifetime(own));
        let policy = policy(PROFILE).with_key_lifetime(lifetime(policys));
        let mut sender = Sender::new(policy, key).unwrap();
        for seq in 0..2 {
            protect_rtp(&mut sender, &rtp(SSRC, seq, 20)).unwrap();
        }
        let refused = protect_rtp(&mut sender, &rtp(SSRC, 2, 20));
        assert_eq!(refused, Err(ProtectError::KeySpent));
    }
}

#[test]
fn a_refused_packet_costs_no_keys_life() {
    let lifetime = KeyLifetime::new(3, 3).unwrap();
    let (mut sender, mut receiver) = pair(policy(PROFILE).with_key_lifetime(lifetime));
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).unwrap();
    let mut forged = packet.clone();
    forged[20] ^= 1;
    for _ in 0..10 {
        assert!(unprotect_rtp(&mut receiver, &forged).is_err());
        assert!(protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).is_err());
    }
    unprotect_rtp(&mut receiver, &packet).unwrap();
    assert!(protect_rtp(&mut sender, &rtp(SSRC, 2, 20)).is_ok());
}

fn range(from: u64, to: u64) -> IndexRange {
    let index = |index| PacketIndex::new(index).unwrap();
    IndexRange::new(index(from), index(to)).unwrap()
}

#[test]
fn keys_with_a_range_change_at_their_index_and_cost_no_octet() {
    let new = || policy(PROFILE);
    let first = range(0, 65_539);
    let mut sender = Sender::with_range(new(), first, key(PROFILE, 1)).unwrap();
    let mut receiver = Receiver::with_range(new(), first, key(PROFILE, 1)).unwrap();
    let second = range(65_540, 65_545);
    sender.add_range(second, key(PROFILE, 2)).unwrap();
    receiver.add_range(second, key(PROFILE, 2)).unwrap();

    let (mut first_alone, _) = pair(new());
    let mut second_alone = Sender::new(new(), key(PROFILE, 2)).unwrap();
    for ssrc_seq in (65_530..=65_535).chain(0..10u16) {
        let plain = rtp(SSRC, ssrc_seq, 20);
        let packet = protect_rtp(&mut sender, &plain).unwrap();
        assert_eq!(packet.len(), plain.len() + 10);
        assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);
        let with_first = protect_rtp(&mut first_alone, &plain).unwrap();
        let in_second = (4..10).contains(&ssrc_seq);
        assert_eq!(packet != with_first, in_second, "{ssrc_seq}");

        // SRTCP uses the key of the newest SRTP packet.
        let control = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
        unprotect_rtcp(&mut receiver, &control).unwrap();
        let with_second = {
            let next = sender.next_rtcp_index(SSRC).unwrap().get() - 1;
            let index = RtcpIndex::new(next).unwrap();
            second_alone.set_next_rtcp_index(SSRC, index).unwrap();
            protect_rtcp(&mut second_alone, &rtcp(SSRC, 7)).unwrap()
        };
        assert_eq!(control == with_second, in_second);
    }
    // The last range is over.
    let refused = protect_rtp(&mut sender, &rtp(SSRC, 10, 20));
    assert_eq!(refused, Err(ProtectError::NoKey));
    let stray = protect_rtp(&mut first_alone, &rtp(SSRC, 10, 20)).unwrap();
    let refused = unprotect_rtp(&mut receiver, &stray);
    assert_eq!(refused, Err(UnprotectError::NoKey));
}

#[test]
fn ranges_that_overlap_and_sessions_without_ranges_take_no_key() {
    let mut sender = Sender::with_range(policy(PROFILE), range(10, 20), key(PROFILE, 1)).unwrap();
    for overlapping in [range(0, 10), range(20, 20), range(12, 13), IndexRange::ALL] {
        let refused = sender.add_range(overlapping, key(PROFILE, 2));
        assert_eq!(refused, Err(AddKeyError::RangeTaken));
    }
    assert_eq!(
        sender.add_key(mki(&[1]), key(PROFILE, 2)),
        Err(AddKeyError::NoMki)
    );
    sender.add_range(range(21, 30), key(PROFILE, 2)).unwrap();
    assert_eq!(sender.remove_range(range(21, 29)), Err(UnknownRange));
    sender.remove_range(range(21, 30)).unwrap();

    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let refused = Err(AddKeyError::NoRange);
    assert_eq!(sender.add_range(range(0, 1), key(PROFILE, 2)), refused);
    assert_eq!(receiver.add_range(range(0, 1), key(PROFILE, 2)), refused);
    assert_eq!(sender.remove_range(IndexRange::ALL), Err(UnknownRange));
}

#[test]
fn the_first_srtcp_index_can_be_set_and_never_goes_back() {
    let one = RtcpIndex::new(1).unwrap();
    let (mut sender, mut receiver) = pair(policy(PROFILE).with_first_rtcp_index(one));
    let packet = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
    let (_, opened) = opened_rtcp(&mut receiver, &packet).unwrap();
    assert_eq!(opened.index, one);
    let refused = sender.set_next_rtcp_index(SSRC, one);
    let next = RtcpIndex::new(2);
    assert_eq!(refused, Err(SetRtcpIndexError::Backwards { next }));
    sender.set_next_rtcp_index(SSRC, RtcpIndex::MAX).unwrap();
    protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
    let refused = protect_rtcp(&mut sender, &rtcp(SSRC, 7));
    assert_eq!(refused, Err(ProtectError::IndexExhausted));
    let refused = sender.set_next_rtcp_index(SSRC, RtcpIndex::MAX);
    assert_eq!(refused, Err(SetRtcpIndexError::Backwards { next: None }));
}

#[test]
fn no_two_indexes_share_keystream_at_any_rate() {
    for exponent in [0, 1, 5, 24] {
        let with_rate = policy(PROFILE).with_key_derivation_rate(rate(exponent));
        let (mut sender, _) = pair(with_rate);
        let mut seen: Vec<_> = (0..64u16)
            .map(|seq| {
                let plain = rtp(SSRC, seq, 16);
                let packet = protect_rtp(&mut sender, &plain).unwrap();
                keystream(&plain, &packet, 12..28)
            })
            .collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 64);
    }
}

#[test]
fn rtp_and_rtcp_may_have_profiles_of_their_own() {
    let short = Profile::AesCm128HmacSha1_32;
    let mixed = policy(short).with_rtcp_profile(Profile::NullHmacSha1_80);
    let check = |policy: Policy, rtp_grows: usize, rtcp_grows: usize, clear: bool| {
        let (mut sender, mut receiver) = pair(policy);
        let plain = rtp(SSRC, 1, 20);
        let packet = protect_rtp(&mut sender, &plain).unwrap();
        assert_eq!(packet.len(), plain.len() + rtp_grows);
        assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);
        let plain = rtcp(SSRC, 7);
        let packet = protect_rtcp(&mut sender, &plain).unwrap();
        assert_eq!(packet.len(), plain.len() + 4 + rtcp_grows);
        assert_eq!(packet[..28] == plain, clear);
        assert_eq!(unprotect_rtcp(&mut receiver, &packet).unwrap(), plain);
    };
    check(mixed, 4, 10, true);
    // As ffmpeg has it.
    check(policy(short).with_short_rtcp_tag(), 4, 4, false);
    check(policy(short), 4, 10, false);
}

#[test]
fn one_key_under_two_mkis_has_one_life() {
    let profile = Profile::AesCm128HmacSha1_80;
    let policy = policy(profile).with_key_lifetime(KeyLifetime::new(100, 100).unwrap());
    let mut sender = Sender::with_mki(policy, mki(&[1]), key(profile, 1)).unwrap();
    sender.add_key(mki(&[2]), key(profile, 1)).unwrap();
    let mut count = |mki_octet, seqs: core::ops::Range<u16>| {
        sender.switch_to(&mki(&[mki_octet])).unwrap();
        let sent = seqs.filter(|&seq| protect_rtp(&mut sender, &rtp(SSRC, seq, 20)).is_ok());
        sent.count()
    };
    let sent = count(1, 0..60) + count(2, 60..90) + count(1, 90..200) + count(2, 200..300);
    assert_eq!(sent, 100);
    // Nor does a third name, or taking one away, begin it anew.
    sender.remove_key(&mki(&[1])).unwrap();
    sender.add_key(mki(&[3]), key(profile, 1)).unwrap();
    sender.switch_to(&mki(&[3])).unwrap();
    let spent = protect_rtp(&mut sender, &rtp(SSRC, 300, 20));
    assert_eq!(spent, Err(ProtectError::KeySpent));
}
