//! Sessions that end and go on elsewhere.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use std::collections::BTreeSet;

use callseal_srtp::{
    Event, KeyLifetime, PacketIndex, Profile, ProtectError, Receiver, Reservation, RestoreError,
    RtcpIndex, Sender, SenderSnapshot, StartError, UnprotectError,
};
use packets::*;
use proptest::prelude::*;

const PROFILE: Profile = Profile::AesCm128HmacSha1_80;

fn sender() -> Sender {
    Sender::new(
        policy(PROFILE).with_repeated_transmission(),
        key(PROFILE, 1),
    )
    .unwrap()
}

fn receiver() -> Receiver {
    Receiver::new(policy(PROFILE), key(PROFILE, 1)).unwrap()
}

const SOME: Reservation = Reservation {
    rtp_packets: 20,
    rtcp_packets: 3,
};

#[test]
fn a_restored_sender_goes_on_where_its_receiver_can_follow() {
    let (mut first, mut receiver) = (sender(), receiver());
    let mut roundtrip = |sender: &mut Sender, seq| {
        let packet = protect_rtp(sender, &rtp(SSRC, seq, 20))?;
        Ok::<_, ProtectError>(opened_rtp(&mut receiver, &packet).unwrap().1.index)
    };
    roundtrip(&mut first, 65_520).unwrap();
    let stored = first.snapshot(SOME);
    roundtrip(&mut first, 65_530).unwrap();

    let mut second = sender();
    second.restore(&stored).unwrap();
    let next = second.snapshot(SOME);
    second.confirm(&next);
    // 65,521 and the twenty that were reserved, over the wrap.
    let index = roundtrip(&mut second, 5).unwrap();
    assert_eq!(index, PacketIndex::from_parts(1, 5));
    assert_eq!(roundtrip(&mut second, 4), Err(ProtectError::TooOld));
    assert_eq!(roundtrip(&mut second, 65_531), Err(ProtectError::TooOld));
    assert_eq!(second.next_rtcp_index(SSRC).map(RtcpIndex::get), Some(3));
}

#[test]
fn nothing_is_sent_beyond_a_reservation_or_before_it_is_stored() {
    let mut live = sender();
    protect_rtp(&mut live, &rtp(SSRC, 1, 20)).unwrap();
    let stored = live.snapshot(SOME);
    let refused = Err(ProtectError::NotReserved);
    assert!(protect_rtp(&mut live, &rtp(SSRC, 21, 20)).is_ok());
    assert_eq!(protect_rtp(&mut live, &rtp(SSRC, 22, 20)), refused);
    assert_eq!(protect_rtp(&mut live, &rtp(SSRC + 1, 1, 20)), refused);
    for _ in 0..3 {
        protect_rtcp(&mut live, &rtcp(SSRC, 7)).unwrap();
    }
    assert_eq!(protect_rtcp(&mut live, &rtcp(SSRC, 7)), refused);

    let next = live.snapshot(SOME);
    assert_eq!(protect_rtp(&mut live, &rtp(SSRC, 22, 20)), refused);
    live.confirm(&next);
    assert!(protect_rtp(&mut live, &rtp(SSRC, 22, 20)).is_ok());
    assert!(protect_rtcp(&mut live, &rtcp(SSRC, 7)).is_ok());

    let mut restored = sender();
    restored.restore(&stored).unwrap();
    assert_eq!(protect_rtp(&mut restored, &rtp(SSRC, 22, 20)), refused);
    assert_eq!(protect_rtcp(&mut restored, &rtcp(SSRC, 7)), refused);
}

#[test]
fn a_new_stream_begins_with_a_snapshot_that_knows_it() {
    let mut live = sender();
    let _ = live.snapshot(SOME);
    live.start_stream(7, PacketIndex::from_parts(0, 100))
        .unwrap();
    let again = live.start_stream(7, PacketIndex::ZERO);
    assert_eq!(again, Err(StartError::Begun));
    let stored = live.snapshot(SOME);
    assert_eq!(
        protect_rtp(&mut live, &rtp(7, 100, 20)),
        Err(ProtectError::NotReserved)
    );
    live.confirm(&stored);
    assert_eq!(
        protect_rtp(&mut live, &rtp(7, 99, 20)),
        Err(ProtectError::TooOld)
    );
    assert!(protect_rtp(&mut live, &rtp(7, 100, 20)).is_ok());
}

#[test]
fn a_stream_of_rtcp_alone_goes_on_with_rtp_where_its_receiver_can_follow() {
    for first in [0, 100, 30_000, 40_000, 65_535] {
        let (mut live, mut receiver) = (sender(), receiver());
        let report = protect_rtcp(&mut live, &rtcp(SSRC, 7)).unwrap();
        unprotect_rtcp(&mut receiver, &report).unwrap();
        let stored = live.snapshot(SOME);
        let mut restored = sender();
        restored.restore(&stored).unwrap();

        // What it begins with is not known, so that nothing was reserved.
        for sender in [&mut live, &mut restored] {
            let refused = protect_rtp(sender, &rtp(SSRC, first, 20));
            assert_eq!(refused, Err(ProtectError::NotReserved));
        }
        let index = PacketIndex::from_parts(0, first);
        restored.start_stream(SSRC, index).unwrap();
        let stored = restored.snapshot(SOME);
        restored.confirm(&stored);
        let packet = protect_rtp(&mut restored, &rtp(SSRC, first, 20)).unwrap();
        let opened = opened_rtp(&mut receiver, &packet).unwrap().1;
        assert_eq!(opened.index, index);
    }
}

#[test]
fn a_roc_that_was_set_is_there_after_a_restore() {
    let (mut live, mut receiver) = (sender(), receiver());
    protect_rtp(&mut live, &rtp(SSRC, 1, 20)).unwrap();
    live.set_roc(SSRC, 7).unwrap();
    receiver.set_roc(SSRC, 7).unwrap();
    let stored = live.snapshot(SOME);
    let mut restored = sender();
    restored.restore(&stored).unwrap();
    assert_eq!(restored.roc(SSRC), Some(7));
    let too_early = PacketIndex::from_parts(6, 9);
    let begun = restored.start_stream(SSRC, too_early);
    assert_eq!(begun, Err(StartError::Begun));
    let first = PacketIndex::from_parts(7, 0);
    restored.start_stream(SSRC, first).unwrap();
    let stored = restored.snapshot(SOME);
    restored.confirm(&stored);
    let packet = protect_rtp(&mut restored, &rtp(SSRC, 0, 20)).unwrap();
    assert_eq!(opened_rtp(&mut receiver, &packet).unwrap().1.index, first);
}

#[test]
fn a_restored_receiver_knows_the_roc_and_takes_nothing_twice() {
    let mut sender = Sender::new(policy(PROFILE), key(PROFILE, 1)).unwrap();
    let mut first = receiver();
    sender.set_roc(SSRC, 9).unwrap();
    first.set_roc(SSRC, 9).unwrap();
    let wire: Vec<_> = (0..200u16)
        .map(|seq| protect_rtp(&mut sender, &rtp(SSRC, seq, 20)).unwrap())
        .collect();
    let control = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
    for packet in wire[..150].iter().step_by(2) {
        unprotect_rtp(&mut first, packet).unwrap();
    }
    unprotect_rtcp(&mut first, &control).unwrap();

    let snapshot = first.snapshot();
    let wide = policy(PROFILE).with_rtp_window(1_024);
    for policy in [policy(PROFILE), wide] {
        let mut second = Receiver::new(policy, key(PROFILE, 1)).unwrap();
        second.restore(&snapshot).unwrap();
        assert_eq!(second.roc(SSRC), Some(9));
        for packet in wire[..150].iter().step_by(2) {
            assert!(unprotect_rtp(&mut second, packet).is_err());
        }
        for packet in wire[51..150].iter().step_by(2) {
            unprotect_rtp(&mut second, packet).unwrap();
        }
        let refused = unprotect_rtcp(&mut second, &control);
        assert_eq!(refused, Err(UnprotectError::Replayed));
        unprotect_rtp(&mut second, &wire[199]).unwrap();
        let begun = Err(RestoreError::Begun { ssrc: SSRC });
        assert_eq!(second.restore(&snapshot), begun);
    }
}

#[test]
fn a_keys_life_goes_on_over_a_restore() {
    let lifetime = KeyLifetime::new(100, 100)
        .unwrap()
        .with_warning_after(50, 50);
    let policy = policy(PROFILE).with_key_lifetime(lifetime);
    let new = || Sender::with_mki(policy.clone(), mki(&[4]), key(PROFILE, 1)).unwrap();
    let mut first = new();
    for seq in 0..45 {
        protect_rtp(&mut first, &rtp(SSRC, seq, 20)).unwrap();
    }
    assert_eq!(first.poll_event(), None);
    let stored = first.snapshot(SOME);
    let mut second = new();
    second.restore(&stored).unwrap();
    let told = Event::KeyLifeLow {
        mki: Some(mki(&[4])),
        rtp_packets: 65,
        rtcp_packets: 3,
    };
    assert_eq!(second.poll_event(), Some(told));
    assert_eq!(second.poll_event(), None);
}

/// A sender, what a disk holds of it, and every index ever used.
struct Life {
    sender: Sender,
    /// The snapshots that a restore may find: those since the one that was
    /// last confirmed.
    stored: Vec<SenderSnapshot>,
    rtp: BTreeSet<(u32, u64)>,
    rtcp: BTreeSet<(u32, u32)>,
    seqs: [u16; 2],
}

#[derive(Clone, Debug)]
enum Step {
    Rtp(usize, i16),
    Rtcp(usize),
    Snapshot(u16, u16),
    ConfirmNewest,
    /// Ends the process, and goes on from one of the snapshots.
    Restore(usize),
    Start(usize),
    SetRoc(usize, u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..2usize, prop_oneof![5 => Just(1i16), 1 => -30..60i16, 1 => any::<i16>()])
            .prop_map(|(stream, step)| Step::Rtp(stream, step)),
        3 => (0..2usize).prop_map(Step::Rtcp),
        3 => (0..40u16, 0..6u16).prop_map(|(rtp, rtcp)| Step::Snapshot(rtp, rtcp)),
        3 => Just(Step::ConfirmNewest),
        2 => any::<usize>().prop_map(Step::Restore),
        1 => (0..2usize).prop_map(Step::Start),
        1 => (0..2usize, 0..5u32).prop_map(|(stream, roc)| Step::SetRoc(stream, roc)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_restore_old_or_repeated_ever_uses_an_index_twice(
        steps in prop::collection::vec(step(), 1..250),
        start in prop_oneof![Just(65_500u16), any::<u16>()],
    ) {
        let new = || Sender::new(policy(PROFILE), key(PROFILE, 1)).unwrap();
        let mut life = Life {
            sender: new(),
            stored: Vec::new(),
            rtp: BTreeSet::new(),
            rtcp: BTreeSet::new(),
            seqs: [start; 2],
        };
        for step in steps {
            match step {
                Step::Rtp(stream, step) => {
                    let ssrc = stream as u32;
                    let seq = life.seqs[stream].wrapping_add(step as u16);
                    life.seqs[stream] = seq;
                    if protect_rtp(&mut life.sender, &rtp(ssrc, seq, 20)).is_ok() {
                        // The index is the one that the sender counts by: the
                        // newest, or the one with this SEQ closest behind it.
                        let newest = life.sender.newest_index(ssrc).unwrap().get();
                        let back = (newest as u16).wrapping_sub(seq);
                        let index = newest - u64::from(back);
                        prop_assert!(life.rtp.insert((ssrc, index)), "{ssrc} {index}");
                    }
                }
                Step::Rtcp(stream) => {
                    let ssrc = stream as u32;
                    let next = life.sender.next_rtcp_index(ssrc).map(RtcpIndex::get);
                    if protect_rtcp(&mut life.sender, &rtcp(ssrc, 7)).is_ok() {
                        prop_assert!(life.rtcp.insert((ssrc, next.unwrap())));
                    }
                }
                Step::Snapshot(rtp_packets, rtcp_packets) => {
                    let snapshot = life.sender.snapshot(Reservation { rtp_packets, rtcp_packets });
                    life.stored.push(snapshot);
                }
                Step::ConfirmNewest => {
                    if let Some(newest) = life.stored.pop() {
                        life.sender.confirm(&newest);
                        life.stored = vec![newest];
                    }
                }
                Step::Restore(which) => {
                    if !life.stored.is_empty() {
                        life.sender = new();
                        let stored = &life.stored[which % life.stored.len()];
                        life.sender.restore(stored).unwrap();
                    }
                }
                Step::Start(stream) => {
                    let first = PacketIndex::from_parts(0, life.seqs[stream].wrapping_add(1));
                    let _ = life.sender.start_stream(stream as u32, first);
                }
                Step::SetRoc(stream, roc) => {
                    let _ = life.sender.set_roc(stream as u32, roc);
                }
            }
        }
    }
}

#[cfg(feature = "serde")]
#[test]
fn snapshots_can_be_written_down_and_damaged_ones_are_refused() {
    let mut live = sender();
    protect_rtp(&mut live, &rtp(SSRC, 1, 20)).unwrap();
    let stored = live.snapshot(SOME);
    let text = serde_json::to_string(&stored).unwrap();
    assert_eq!(
        serde_json::from_str::<SenderSnapshot>(&text).unwrap(),
        stored
    );
    let damaged = text.replace("\"rtp_end\":22", "\"rtp_end\":281474976710657");
    let damaged: SenderSnapshot = serde_json::from_str(&damaged).unwrap();
    assert_eq!(sender().restore(&damaged), Err(RestoreError::Invalid));

    let mut received = receiver();
    let packet = protect_rtp(&mut live, &rtp(SSRC, 2, 20)).unwrap();
    unprotect_rtp(&mut received, &packet).unwrap();
    let text = serde_json::to_string(&received.snapshot()).unwrap();
    let read: callseal_srtp::ReceiverSnapshot = serde_json::from_str(&text).unwrap();
    let mut restored = receiver();
    restored.restore(&read).unwrap();
    let refused = unprotect_rtp(&mut restored, &packet);
    assert_eq!(refused, Err(UnprotectError::Replayed));
}

/// A key's life, over a restore: what any snapshot before it reserved counts.
#[test]
fn a_keys_life_is_kept_over_a_restore() {
    let policy = || policy(PROFILE).with_key_lifetime(KeyLifetime::new(100, 100).unwrap());
    let new = || Sender::new(policy(), key(PROFILE, 1)).unwrap();
    let count = |sender: &mut Sender, seqs: core::ops::RangeInclusive<u16>| {
        let sent = seqs.filter(|&seq| protect_rtp(sender, &rtp(SSRC, seq, 20)).is_ok());
        sent.count()
    };
    let mut first = new();
    let _ = count(&mut first, 40..=40);
    let reserving = |rtp_packets| Reservation {
        rtp_packets,
        rtcp_packets: 1,
    };
    let _ = first.snapshot(reserving(50));
    let stored = first.snapshot(reserving(0));
    first.confirm(&stored);
    // Those that were left out too.
    let sent = 1 + count(&mut first, 41..=300) + count(&mut first, 20..=39);

    let mut second = new();
    second.restore(&stored).unwrap();
    let next = second.snapshot(reserving(200));
    second.confirm(&next);
    let sent = sent + count(&mut second, 41..=300);
    assert!(sent <= 100, "{sent}");
}
