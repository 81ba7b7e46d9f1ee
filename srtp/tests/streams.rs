//! Streams that come and go, and what is told of them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::{Profile, ProtectError, Reservation, RtcpIndex, StartError, UnprotectError};
use packets::*;
use proptest::prelude::*;

const PROFILE: Profile = Profile::AesCm128HmacSha1_80;

#[test]
fn a_removed_stream_makes_room_for_another() {
    let (mut sender, mut receiver) = pair(policy(PROFILE).with_max_streams(2));
    for ssrc in 0..100 {
        let sealed = protect_rtp(&mut sender, &rtp(ssrc, 1, 20)).unwrap();
        unprotect_rtp(&mut receiver, &sealed).unwrap();
        assert_eq!(sender.remove_stream(ssrc).unwrap().rtp.packets, 1);
        assert_eq!(receiver.remove_stream(ssrc).unwrap().rtp.octets, 32);
        assert_eq!(sender.remove_stream(ssrc), None);
        assert_eq!(receiver.remove_stream(ssrc), None);
        assert_eq!((sender.stream_count(), receiver.stream_count()), (0, 0));
        assert_eq!((sender.counters(ssrc), receiver.roc(ssrc)), (None, None));
    }
}

#[test]
fn a_removed_stream_that_comes_back_uses_no_index_twice() {
    let (mut sender, _) = pair(policy(PROFILE));
    for seq in [65_534, 65_535, 0, 1] {
        protect_rtp(&mut sender, &rtp(SSRC, seq, 20)).unwrap();
    }
    protect_rtcp(&mut sender, &rtcp(SSRC, 4)).unwrap();
    sender.remove_stream(SSRC).unwrap();
    assert_eq!(sender.next_rtcp_index(SSRC), RtcpIndex::new(1));

    for seq in [0, 1, 65_535] {
        let refused = protect_rtp(&mut sender, &rtp(SSRC, seq, 20));
        assert_eq!(refused, Err(ProtectError::TooOld), "{seq}");
    }
    protect_rtp(&mut sender, &rtp(SSRC, 2, 20)).unwrap();
    assert_eq!(sender.newest_index(SSRC).unwrap().get(), 0x1_0002);
    protect_rtcp(&mut sender, &rtcp(SSRC, 4)).unwrap();
    assert_eq!(sender.next_rtcp_index(SSRC), RtcpIndex::new(2));
    let begun = sender.start_stream(SSRC, callseal_srtp::PacketIndex::ZERO);
    assert_eq!(begun, Err(StartError::Begun));
}

#[test]
fn a_stream_is_forgotten_altogether_only_where_the_caller_says_so() {
    let (mut sender, _) = pair(policy(PROFILE));
    let packet = rtp(SSRC, 5, 20);
    let first = protect_rtp(&mut sender, &packet).unwrap();
    assert!(sender.forget_stream_and_its_indexes(SSRC));
    assert!(!sender.forget_stream_and_its_indexes(SSRC));
    assert_eq!(protect_rtp(&mut sender, &packet), Ok(first));
    // Removed first, forgotten later.
    sender.remove_stream(SSRC).unwrap();
    assert!(sender.forget_stream_and_its_indexes(SSRC));
    assert!(protect_rtp(&mut sender, &packet).is_ok());
}

#[test]
fn a_snapshot_remembers_the_indexes_of_removed_streams() {
    let (mut sender, _) = pair(policy(PROFILE).with_max_streams(1));
    for ssrc in [1, 2, 3] {
        protect_rtp(&mut sender, &rtp(ssrc, 7, 20)).unwrap();
        sender.remove_stream(ssrc).unwrap();
    }
    let stored = sender.snapshot(Reservation::default());
    let (mut sender, _) = pair(policy(PROFILE).with_max_streams(1));
    sender.restore(&stored).unwrap();
    assert_eq!(sender.stream_count(), 0);
    for ssrc in [1, 2, 3] {
        let refused = protect_rtp(&mut sender, &rtp(ssrc, 7, 20));
        assert_eq!(refused, Err(ProtectError::TooOld));
        sender.remove_stream(ssrc).unwrap();
    }
}

#[test]
fn a_removed_streams_replay_list_is_gone_at_its_receiver() {
    // What the documentation warns of.
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let sealed = protect_rtp(&mut sender, &rtp(SSRC, 7, 20)).unwrap();
    unprotect_rtp(&mut receiver, &sealed).unwrap();
    let refused = unprotect_rtp(&mut receiver, &sealed);
    assert_eq!(refused, Err(UnprotectError::Replayed));
    receiver.remove_stream(SSRC).unwrap();
    assert!(unprotect_rtp(&mut receiver, &sealed).is_ok());
}

#[test]
fn one_streams_snapshot_carries_its_windows_to_another_receiver() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let (_, mut other) = pair(policy(PROFILE));
    let sealed = [1, 2, SSRC].map(|ssrc| protect_rtp(&mut sender, &rtp(ssrc, 7, 20)).unwrap());
    let control = protect_rtcp(&mut sender, &rtcp(SSRC, 4)).unwrap();
    for sealed in &sealed {
        unprotect_rtp(&mut receiver, sealed).unwrap();
    }
    unprotect_rtcp(&mut receiver, &control).unwrap();
    assert_eq!(receiver.snapshot_of(9), None);
    other.restore(&receiver.snapshot_of(SSRC).unwrap()).unwrap();
    assert_eq!(other.ssrcs().collect::<Vec<_>>(), [SSRC]);
    let verdicts = sealed.map(|sealed| unprotect_rtp(&mut other, &sealed).is_ok());
    assert_eq!(verdicts, [true, true, false]);
    let refused = unprotect_rtcp(&mut other, &control);
    assert_eq!(refused, Err(UnprotectError::Replayed));
}

#[test]
fn counters_of_rtp_and_rtcp_are_apart_and_read_by_another_thread() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let sealed = protect_rtp(&mut sender, &rtp(SSRC, 500, 20)).unwrap();
    let control = protect_rtcp(&mut sender, &rtcp(SSRC, 4)).unwrap();
    unprotect_rtp(&mut receiver, &sealed).unwrap();
    unprotect_rtcp(&mut receiver, &control).unwrap();
    unprotect_rtcp(&mut receiver, &control).unwrap_err();

    let ends = [
        (sender.live_counters(SSRC).unwrap(), 0),
        (receiver.live_counters(SSRC).unwrap(), 1),
    ];
    let replayed = ends.map(|(live, replayed)| {
        let read = std::thread::spawn(move || live.read()).join().unwrap();
        assert_eq!((read.rtp.packets, read.rtp.octets), (1, 32));
        assert_eq!((read.rtcp.packets, read.rtcp.octets), (1, 16));
        assert_eq!(read.rtp.newest_index, Some(500));
        assert_eq!(read.rtcp.newest_index, Some(0));
        assert_eq!(read.rtcp.replayed, replayed);
        read.rtcp.replayed
    });
    assert_eq!(replayed, [0, 1]);
}

#[test]
fn counters_are_read_while_packets_are_protected() {
    let (mut sender, _) = pair(policy(PROFILE));
    protect_rtp(&mut sender, &rtp(SSRC, 0, 20)).unwrap();
    let live = sender.live_counters(SSRC).unwrap();
    let monitor = std::thread::spawn(move || {
        let mut last = live.read();
        while last.rtp.packets < 2_000 {
            let now = live.read();
            assert!(now.rtp.packets >= last.rtp.packets);
            assert!(now.rtp.newest_index >= last.rtp.newest_index);
            last = now;
        }
        last
    });
    for seq in 1..2_000 {
        protect_rtp(&mut sender, &rtp(SSRC, seq, 20)).unwrap();
    }
    let read = monitor.join().unwrap();
    assert_eq!(read, sender.counters(SSRC).unwrap());
}

proptest! {
    #[test]
    fn however_streams_are_removed_and_come_back_no_index_is_used_twice(
        steps in prop::collection::vec((0..3u32, 0..9u8, any::<u16>()), 1..80),
    ) {
        let (mut sender, mut receiver) = pair(policy(PROFILE).with_max_streams(2));
        let mut used = std::collections::BTreeSet::new();
        for (ssrc, kind, seq) in steps {
            match kind {
                0 => drop(sender.remove_stream(ssrc)),
                1 => drop(sender.set_roc(ssrc, u32::from(seq % 4))),
                2 => {
                    let stored = sender.snapshot(Reservation::default());
                    sender.confirm(&stored);
                }
                3 => if let Some(index) = sender.next_rtcp_index(ssrc)
                    && protect_rtcp(&mut sender, &rtcp(ssrc, 3)).is_ok()
                {
                    prop_assert!(used.insert((true, ssrc, u64::from(index.get()))));
                },
                _ => if let Ok(sealed) = protect_rtp(&mut sender, &rtp(ssrc, seq, 4)) {
                    let index = sender.newest_index(ssrc).unwrap();
                    let roc = match index.seq() == seq {
                        true => index.roc(),
                        // A late one: the closest index below the newest.
                        false => index.roc() - u32::from(seq > index.seq()),
                    };
                    let index = u64::from(roc) << 16 | u64::from(seq);
                    prop_assert!(used.insert((false, ssrc, index)));
                    receiver.remove_stream(ssrc);
                    if receiver.set_roc(ssrc, roc).is_ok() {
                        prop_assert!(unprotect_rtp(&mut receiver, &sealed).is_ok());
                        receiver.remove_stream(ssrc);
                    }
                },
            }
        }
    }
}
