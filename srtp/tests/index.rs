//! Indexes over a stream's life: wraps, jumps, ends, replays.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::{
    PacketIndex, Policy, Profile, ProtectError, Receiver, Sender, SetRocError, SetUpError,
    StartError, UnprotectError,
};
use packets::*;

const PROFILE: Profile = Profile::AesCm128HmacSha1_80;

/// Protects the packets with these sequence numbers, in order.
fn sent(sender: &mut Sender, seqs: impl IntoIterator<Item = u16>) -> Vec<Vec<u8>> {
    let packets = seqs.into_iter().map(|seq| rtp(SSRC, seq, 20));
    packets
        .map(|packet| protect_rtp(sender, &packet).unwrap())
        .collect()
}

#[test]
fn a_wrap_and_a_late_65530_are_received() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let packets = sent(&mut sender, (65_500..=65_535).chain(0..40));
    let late = 30;
    for (n, packet) in packets.iter().enumerate() {
        if n != late {
            assert!(unprotect_rtp(&mut receiver, packet).is_ok(), "packet {n}");
        }
    }
    assert_eq!(receiver.roc(SSRC), Some(1));
    let (plain, opened) = opened_rtp(&mut receiver, &packets[late]).unwrap();
    assert_eq!(plain, rtp(SSRC, 65_530, 20));
    assert_eq!(opened.index, PacketIndex::from_parts(0, 65_530));
    assert_eq!(
        receiver.newest_index(SSRC),
        Some(PacketIndex::from_parts(1, 39)),
        "a late packet moves nothing back"
    );
}

#[test]
fn the_values_0x4000_0x8000_and_0xffff_do_not_move_the_roc() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    for packet in sent(&mut sender, [0x4000, 0x8000, 0xffff]) {
        unprotect_rtp(&mut receiver, &packet).unwrap();
        assert_eq!((sender.roc(SSRC), receiver.roc(SSRC)), (Some(0), Some(0)));
    }
    for packet in sent(&mut sender, [0x0000, 0x4000, 0x8000, 0xffff]) {
        unprotect_rtp(&mut receiver, &packet).unwrap();
        assert_eq!((sender.roc(SSRC), receiver.roc(SSRC)), (Some(1), Some(1)));
    }
}

#[test]
fn around_a_wrap_every_order_of_arrival_is_received() {
    // All 120 orders of 65534, 65535, 0, 1, 2, behind a packet that says
    // where the stream is.
    let seqs = [65_534, 65_535, 0, 1, 2];
    for order in 0..120usize {
        let (mut sender, mut receiver) = pair(policy(PROFILE));
        let first = sent(&mut sender, [65_533]);
        let mut packets = sent(&mut sender, seqs);
        unprotect_rtp(&mut receiver, &first[0]).unwrap();
        let mut rest = order;
        while !packets.is_empty() {
            let packet = packets.remove(rest % packets.len());
            rest /= packets.len() + 1;
            assert!(
                unprotect_rtp(&mut receiver, &packet).is_ok(),
                "order {order}"
            );
        }
        assert_eq!(
            receiver.newest_index(SSRC),
            Some(PacketIndex::from_parts(1, 2))
        );
    }
}

#[test]
fn a_wrap_whose_packets_are_lost_is_received_on_the_other_side() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let packets = sent(&mut sender, (65_000..=65_535).chain(0..20_000));
    unprotect_rtp(&mut receiver, &packets[0]).unwrap();
    let (_, opened) = opened_rtp(&mut receiver, &packets[20_000]).unwrap();
    assert_eq!(opened.index.roc(), 1);
}

#[test]
fn a_receiver_that_missed_the_first_wrap_needs_only_the_roc() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let packets = sent(&mut sender, [65_535, 0, 1]);
    for packet in &packets[1..] {
        let refused = unprotect_rtp(&mut receiver, packet);
        assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
    }
    assert_eq!(receiver.roc(SSRC), None);
    receiver.set_roc(SSRC, 1).unwrap();
    assert_eq!(receiver.roc(SSRC), Some(1));
    for packet in &packets[1..] {
        unprotect_rtp(&mut receiver, packet).unwrap();
    }
}

#[test]
fn a_jump_with_a_set_roc_is_followed_and_what_came_before_stays_received() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let before = sent(&mut sender, [65_000, 65_001]);
    for packet in &before {
        unprotect_rtp(&mut receiver, packet).unwrap();
    }
    // Far in ROC and in sequence number at once, told to both ends.
    sender.set_roc(SSRC, 9).unwrap();
    receiver.set_roc(SSRC, 9).unwrap();
    let jump = sent(&mut sender, [1_000, 1_001, 999]);
    for packet in &jump {
        unprotect_rtp(&mut receiver, packet).unwrap();
    }
    assert_eq!(receiver.roc(SSRC), Some(9));
    let newest = receiver.newest_index(SSRC).unwrap();
    assert_eq!((newest.roc(), newest.seq()), (9, 1_001));
    for packet in before.iter().chain(&jump) {
        assert!(unprotect_rtp(&mut receiver, packet).is_err());
    }
    // From there on as ever.
    for packet in sent(&mut sender, [30_000, 60_000, 1]) {
        unprotect_rtp(&mut receiver, &packet).unwrap();
    }
    assert_eq!(receiver.roc(SSRC), Some(10));
}

#[test]
fn a_set_roc_waits_for_a_packet_that_authenticates() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    unprotect_rtp(&mut receiver, &sent(&mut sender, [9])[0]).unwrap();
    sender.set_roc(SSRC, 7).unwrap();
    let packets = sent(&mut sender, [3, 4]);

    receiver.set_roc(SSRC, 7).unwrap();
    let mut forged = packets[0].clone();
    forged[20] ^= 1;
    let refused = unprotect_rtp(&mut receiver, &forged);
    assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
    assert_eq!(receiver.newest_index(SSRC), PacketIndex::new(9));

    for packet in &packets {
        unprotect_rtp(&mut receiver, packet).unwrap();
    }
    let newest = PacketIndex::from_parts(7, 4);
    assert_eq!(receiver.newest_index(SSRC), Some(newest));
}

#[test]
fn the_roc_that_a_stream_has_can_be_set_without_forgetting_replays() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let packets = sent(&mut sender, [1, 2]);
    for packet in &packets {
        unprotect_rtp(&mut receiver, packet).unwrap();
    }
    receiver.set_roc(SSRC, 0).unwrap();
    for packet in &packets {
        let refused = unprotect_rtp(&mut receiver, packet);
        assert_eq!(refused, Err(UnprotectError::Replayed));
    }
}

#[test]
fn a_sender_never_goes_back_to_a_roc_it_has_left() {
    let (mut sender, _) = pair(policy(PROFILE));
    sender.set_roc(SSRC, 5).unwrap();
    sent(&mut sender, [100]);
    assert_eq!(
        sender.set_roc(SSRC, 4),
        Err(SetRocError::Backwards { current: 5 })
    );
    sender.set_roc(SSRC, 5).unwrap();
    let refused = protect_rtp(&mut sender, &rtp(SSRC, 100, 20));
    assert_eq!(refused, Err(ProtectError::Replayed));
}

#[test]
fn roc_0xffffffff_seq_0xffff_is_the_last_packet_ever() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    sender.set_roc(SSRC, u32::MAX).unwrap();
    receiver.set_roc(SSRC, u32::MAX).unwrap();
    for packet in sent(&mut sender, [0xfffd, 0xffff]) {
        unprotect_rtp(&mut receiver, &packet).unwrap();
    }
    assert_eq!(sender.newest_index(SSRC), Some(PacketIndex::MAX));
    for seq in [0, 1, 0x7ffe] {
        let refused = protect_rtp(&mut sender, &rtp(SSRC, seq, 20));
        assert_eq!(refused, Err(ProtectError::IndexExhausted));
        let refused = unprotect_rtp(&mut receiver, &rtp(SSRC, seq, 40));
        assert_eq!(refused, Err(UnprotectError::IndexExhausted));
    }
    // One that was skipped is no packet after the last.
    let skipped = sent(&mut sender, [0xfffe]);
    assert!(unprotect_rtp(&mut receiver, &skipped[0]).is_ok());
    let refused = protect_rtp(&mut sender, &rtp(SSRC, 0xffff, 20));
    assert_eq!(refused, Err(ProtectError::Replayed));
}

#[test]
fn the_first_srtcp_index_is_0_and_each_ssrc_counts_its_own() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    for ssrc in [SSRC, 1, 2] {
        for index in 0..3 {
            assert_eq!(sender.next_rtcp_index(ssrc).unwrap().get(), index);
            let packet = protect_rtcp(&mut sender, &rtcp(ssrc, 7)).unwrap();
            assert_eq!(packet[28..32], (index | 1 << 31).to_be_bytes());
            let (_, opened) = opened_rtcp(&mut receiver, &packet).unwrap();
            assert_eq!((opened.ssrc, opened.index.get()), (ssrc, index));
        }
    }
}

#[test]
fn a_sequence_number_is_protected_once() {
    let (mut sender, _) = pair(policy(PROFILE));
    sent(&mut sender, [10, 11]);
    for seq in [10, 11] {
        // Another payload under the same number is what would give keystream away.
        let refused = protect_rtp(&mut sender, &rtp(SSRC, seq, 33));
        assert_eq!(refused, Err(ProtectError::Replayed));
    }
    sent(&mut sender, [1_000]);
    let refused = protect_rtp(&mut sender, &rtp(SSRC, 10, 20));
    assert_eq!(refused, Err(ProtectError::TooOld));
}

#[test]
fn a_packet_is_repeated_octet_for_octet_where_the_policy_allows_it() {
    let (mut sender, _) = pair(policy(PROFILE).with_repeated_transmission());
    let packet = sent(&mut sender, [10, 11]).remove(0);
    assert_eq!(sent(&mut sender, [10]), [packet]);
    assert_eq!(sender.newest_index(SSRC), PacketIndex::new(11));
    sent(&mut sender, [1_000]);
    let refused = protect_rtp(&mut sender, &rtp(SSRC, 10, 20));
    assert_eq!(refused, Err(ProtectError::TooOld));
}

#[test]
fn every_packet_is_accepted_once() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let packets = sent(&mut sender, [5, 6, 7]);
    let control = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
    for _ in 0..2 {
        for packet in &packets {
            let _ = unprotect_rtp(&mut receiver, packet);
        }
        let _ = unprotect_rtcp(&mut receiver, &control);
    }
    let counters = receiver.counters(SSRC).unwrap();
    assert_eq!((counters.rtp.packets, counters.rtp.replayed), (3, 3));
    assert_eq!((counters.rtcp.packets, counters.rtcp.replayed), (1, 1));
    assert_eq!((counters.rtp.octets, counters.rtcp.octets), (3 * 32, 28));
}

#[test]
fn replay_windows_are_apart_for_each_ssrc_and_for_rtp_and_rtcp() {
    let policy = policy(PROFILE).with_rtp_window(64).with_rtcp_window(256);
    let (mut sender, mut receiver) = pair(policy);
    let media = sent(&mut sender, 0..300);
    let control: Vec<_> = (0..300)
        .map(|_| protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap())
        .collect();
    unprotect_rtp(&mut receiver, &media[299]).unwrap();
    unprotect_rtcp(&mut receiver, &control[299]).unwrap();

    // 64 and 256 packets, the newest among them.
    let refused = Err(UnprotectError::TooOld);
    assert_eq!(unprotect_rtp(&mut receiver, &media[235]), refused);
    assert!(unprotect_rtp(&mut receiver, &media[236]).is_ok());
    assert_eq!(unprotect_rtcp(&mut receiver, &control[43]), refused);
    assert!(unprotect_rtcp(&mut receiver, &control[44]).is_ok());

    let other = protect_rtp(&mut sender, &rtp(7, 0, 20)).unwrap();
    assert!(unprotect_rtp(&mut receiver, &other).is_ok());
}

#[test]
fn a_window_of_32768_takes_the_oldest_packet_that_has_an_index() {
    let (mut sender, mut receiver) = pair(policy(PROFILE).with_rtp_window(32_768));
    let packets = sent(&mut sender, [1, 2, 2 + 32_767, 2 + 32_768]);
    unprotect_rtp(&mut receiver, &packets[2]).unwrap();
    unprotect_rtp(&mut receiver, &packets[1]).unwrap();
    unprotect_rtp(&mut receiver, &packets[3]).unwrap();
    let refused = Err(UnprotectError::TooOld);
    assert_eq!(unprotect_rtp(&mut receiver, &packets[1]), refused);
}

#[test]
fn windows_have_64_to_32768_packets() {
    for packets in [0, 1, 63, 64, 65, 1_000, 32_768, 32_769, usize::MAX] {
        let fits = (64..=32_768).contains(&packets);
        let rtp = Policy::new(PROFILE).with_rtp_window(packets);
        let rtcp = Policy::new(PROFILE).with_rtcp_window(packets);
        for policy in [rtp, rtcp] {
            let sender = Sender::new(policy.clone(), key(PROFILE, 1)).map(drop);
            let receiver = Receiver::new(policy, key(PROFILE, 1)).map(drop);
            let expected = if fits {
                Ok(())
            } else {
                Err(SetUpError::Window { packets })
            };
            assert_eq!((sender, receiver), (expected, expected));
        }
    }
}

#[test]
fn the_roc_that_a_stream_has_can_be_set_for_a_packet_far_ahead() {
    for [first, second] in [[10, 65_500], [100, 40_000], [0, 32_769]] {
        let (mut sender, mut receiver) = pair(policy(PROFILE));
        sender.set_roc(SSRC, 1).unwrap();
        receiver.set_roc(SSRC, 1).unwrap();
        unprotect_rtp(&mut receiver, &sent(&mut sender, [first])[0]).unwrap();
        sender.set_roc(SSRC, 1).unwrap();
        receiver.set_roc(SSRC, 1).unwrap();
        let packet = &sent(&mut sender, [second])[0];
        assert_eq!(
            sender.newest_index(SSRC),
            Some(PacketIndex::from_parts(1, second))
        );
        unprotect_rtp(&mut receiver, packet).unwrap();
        let again = unprotect_rtp(&mut receiver, packet);
        assert_eq!(again, Err(UnprotectError::Replayed));
    }
}

#[test]
fn a_stream_whose_own_roc_was_set_begins_nowhere_before_what_it_has_used() {
    let (mut sender, _) = pair(policy(PROFILE));
    sent(&mut sender, [500]);
    sender.set_roc(SSRC, 0).unwrap();
    for seq in [100, 500] {
        let index = PacketIndex::from_parts(0, seq);
        assert_eq!(sender.start_stream(SSRC, index), Err(StartError::Begun));
    }
    let refused = protect_rtp(&mut sender, &rtp(SSRC, 500, 20));
    assert_eq!(refused, Err(ProtectError::Replayed));
}

#[test]
fn a_set_roc_is_for_one_packet_also_where_that_is_sent_again() {
    let (mut sender, mut receiver) = pair(policy(PROFILE).with_repeated_transmission());
    let packet = &sent(&mut sender, [65_530])[0];
    unprotect_rtp(&mut receiver, packet).unwrap();
    sender.set_roc(SSRC, 0).unwrap();
    assert_eq!(&sent(&mut sender, [65_530])[0], packet);
    unprotect_rtp(&mut receiver, &sent(&mut sender, [2])[0]).unwrap();
    assert_eq!(receiver.roc(SSRC), Some(1));
}
