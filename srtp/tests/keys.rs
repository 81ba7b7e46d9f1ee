//! Several keys at once, named by MKIs.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::{
    AddKeyError, MasterKey, Mki, PacketIndex, Profile, Receiver, RemoveKeyError, Sender,
    SetUpError, UnknownMki, UnprotectError,
};
use packets::*;

const PROFILE: Profile = Profile::AesCm128HmacSha1_80;
const SHORT: Profile = Profile::AesCm128HmacSha1_32;

#[test]
fn an_mki_of_any_length_travels_before_the_tag_or_behind_an_aeads() {
    for &profile in Profile::ALL {
        for mki_len in [1, 2, 4, 16, 127, 128] {
            let name = vec![0x3c; mki_len];
            let (mut sender, mut receiver) = pair_with_mki(policy(profile), &name);
            let tag_len = profile.rtp_tag_len();
            let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).unwrap();
            assert_eq!(packet.len(), 32 + mki_len + tag_len);
            let mki_at = 32 + if profile.is_aead() { tag_len } else { 0 };
            assert_eq!(packet[mki_at..mki_at + mki_len], name);
            let (_, opened) = opened_rtp(&mut receiver, &packet).unwrap();
            assert_eq!(opened.mki(&packet), Some(&name[..]));

            let packet = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
            assert_eq!(packet.len(), 28 + 4 + mki_len + profile.rtcp_tag_len());
            let mki_at = e_bit_at(profile, 28) + 4;
            assert_eq!(packet[mki_at..mki_at + mki_len], name);
            let (_, opened) = opened_rtcp(&mut receiver, &packet).unwrap();
            assert_eq!(opened.mki(&packet), Some(&name[..]));
            assert_eq!(
                sender.max_trailer_len(),
                4 + mki_len + profile.rtcp_tag_len()
            );
        }
    }
}

#[test]
fn a_packet_without_an_mki_names_none() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).unwrap();
    let (_, opened) = opened_rtp(&mut receiver, &packet).unwrap();
    assert_eq!(opened.mki(&packet), None);
}

#[test]
fn rekeying_loses_no_packet_and_goes_on_with_roc_index_and_replay_list() {
    let (mut sender, mut receiver) = pair_with_mki(policy(PROFILE), &[0]);
    let before: Vec<_> = [65_534, 65_535, 0]
        .map(|seq| protect_rtp(&mut sender, &rtp(SSRC, seq, 20)).unwrap())
        .into();
    let control = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
    unprotect_rtp(&mut receiver, &before[0]).unwrap();
    unprotect_rtp(&mut receiver, &before[2]).unwrap();
    unprotect_rtcp(&mut receiver, &control).unwrap();

    receiver.add_key(mki(&[1]), key(PROFILE, 2)).unwrap();
    sender.add_key(mki(&[1]), key(PROFILE, 2)).unwrap();
    sender.switch_to(&mki(&[1])).unwrap();

    let after = protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).unwrap();
    let (_, opened) = opened_rtp(&mut receiver, &after).unwrap();
    assert_eq!(opened.index, PacketIndex::from_parts(1, 1));
    assert_eq!(opened.mki(&after), Some(&[1][..]));
    let after = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
    let (_, opened) = opened_rtcp(&mut receiver, &after).unwrap();
    assert_eq!(opened.index.get(), 1);

    // The old key still opens what is under way, and what it opened stays a replay.
    unprotect_rtp(&mut receiver, &before[1]).unwrap();
    let refused = unprotect_rtp(&mut receiver, &before[2]);
    assert_eq!(refused, Err(UnprotectError::Replayed));
}

#[test]
fn a_removed_key_opens_nothing_more() {
    let (mut sender, mut receiver) = pair_with_mki(policy(PROFILE), &[0, 7]);
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).unwrap();
    let control = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
    receiver.remove_key(&mki(&[0, 7])).unwrap();
    assert_eq!(receiver.remove_key(&mki(&[0, 7])), Err(UnknownMki));
    let refused = Err(UnprotectError::UnknownMki);
    assert_eq!(unprotect_rtp(&mut receiver, &packet), refused);
    assert_eq!(unprotect_rtcp(&mut receiver, &control), refused);
    assert_eq!(receiver.ssrcs().count(), 0);
}

#[test]
fn an_mki_changed_on_the_way_is_unknown_or_another_keys() {
    let (mut sender, mut receiver) = pair_with_mki(policy(PROFILE), &[1, 1]);
    receiver.add_key(mki(&[1, 2]), key(PROFILE, 2)).unwrap();
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).unwrap();
    let mut changed = packet.clone();
    changed[33] = 2;
    let refused = unprotect_rtp(&mut receiver, &changed);
    assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
    changed[33] = 3;
    let refused = unprotect_rtp(&mut receiver, &changed);
    assert_eq!(refused, Err(UnprotectError::UnknownMki));
    unprotect_rtp(&mut receiver, &packet).unwrap();
}

#[test]
fn an_mki_of_which_octets_are_missing_is_not_guessed() {
    let (mut sender, mut receiver) = pair_with_mki(policy(PROFILE), &[1, 2, 3, 4]);
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).unwrap();
    for missing in 1..=4 {
        let mut truncated = packet.clone();
        truncated.drain(32..32 + missing);
        let refused = unprotect_rtp(&mut receiver, &truncated);
        assert_eq!(refused, Err(UnprotectError::UnknownMki));
    }
}

#[test]
fn a_ring_takes_only_keys_that_it_can_tell_apart() {
    let (mut sender, mut receiver) = pair_with_mki(policy(PROFILE), &[1, 1]);
    let cases: [(Mki, MasterKey, AddKeyError); 3] = [
        (mki(&[1, 1]), key(PROFILE, 2), AddKeyError::MkiTaken),
        (
            mki(&[1]),
            key(PROFILE, 2),
            AddKeyError::MkiLen {
                expected: 2,
                len: 1,
            },
        ),
        (
            mki(&[1, 2]),
            key(SHORT, 2),
            AddKeyError::WrongProfile {
                expected: PROFILE,
                profile: SHORT,
            },
        ),
    ];
    for (name, master, error) in cases {
        assert_eq!(receiver.add_key(name.clone(), master), Err(error));
        let (_, master) = (
            error,
            key(if name == mki(&[1, 2]) { SHORT } else { PROFILE }, 2),
        );
        assert_eq!(sender.add_key(name, master), Err(error));
    }

    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let refused = Err(AddKeyError::NoMki);
    assert_eq!(sender.add_key(mki(&[1]), key(PROFILE, 2)), refused);
    assert_eq!(receiver.add_key(mki(&[1]), key(PROFILE, 2)), refused);
}

#[test]
fn a_session_begins_with_a_key_of_its_profile() {
    let wrong = SetUpError::Key(AddKeyError::WrongProfile {
        expected: PROFILE,
        profile: SHORT,
    });
    let sender = Sender::new(policy(PROFILE), key(SHORT, 1)).map(drop);
    let receiver = Receiver::with_mki(policy(PROFILE), mki(&[1]), key(SHORT, 1)).map(drop);
    assert_eq!((sender, receiver), (Err(wrong), Err(wrong)));
}

#[test]
fn the_key_in_use_stays_and_the_others_go_in_any_order() {
    let (mut sender, mut receiver) = pair_with_mki(policy(PROFILE), &[0]);
    for n in 1..4 {
        sender.add_key(mki(&[n]), key(PROFILE, n + 1)).unwrap();
        receiver.add_key(mki(&[n]), key(PROFILE, n + 1)).unwrap();
    }
    assert_eq!(sender.switch_to(&mki(&[9])), Err(UnknownMki));
    sender.switch_to(&mki(&[2])).unwrap();
    assert_eq!(sender.remove_key(&mki(&[2])), Err(RemoveKeyError::InUse));
    for (seq, removed) in [(1, 3), (2, 0), (3, 1)] {
        sender.remove_key(&mki(&[removed])).unwrap();
        assert_eq!(
            sender.remove_key(&mki(&[removed])),
            Err(RemoveKeyError::Unknown)
        );
        let packet = protect_rtp(&mut sender, &rtp(SSRC, seq, 20)).unwrap();
        let (_, opened) = opened_rtp(&mut receiver, &packet).unwrap();
        assert_eq!(opened.mki(&packet), Some(&[2][..]));
    }
}

#[test]
fn no_key_is_printed() {
    let secret = MasterKey::new(PROFILE, &[0xa7; 16], &[0xb9; 14]).unwrap();
    assert_eq!(
        format!("{secret:?}"),
        "MasterKey { profile: AesCm128HmacSha1_80, .. }"
    );
    let sender = Sender::new(policy(PROFILE), secret).unwrap();
    let shown = format!("{sender:?}");
    assert!(shown.contains("SessionKeys { .. }"), "{shown}");
}
