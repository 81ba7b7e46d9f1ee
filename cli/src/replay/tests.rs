use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use callseal_rtcp_ext::{Builder, handshake_datagrams};
use callseal_srtp::{MasterKey, Mki, Policy, Profile, Sender, UnprotectError};

use proptest::prelude::*;

use super::*;
use crate::capture::{CaptureReader, CaptureWriter, Format, LinkType, udp_frame};
use crate::keys_file::{KeysFile, MkiOctets, SenderKey, Ssrc};
use crate::secret::Secret;

const ALICE: &str = "10.0.0.1:4000";
const BOB: &str = "10.0.0.2:4000";
const MALLORY: &str = "10.0.0.3:4000";
const SSRC: u32 = 0xabcd_1234;

#[test]
fn a_clean_call_is_all_verified_across_a_wrap() {
    let mut call = Call::new();
    for seq in [65_533, 65_534, 65_535, 0, 1] {
        call.rtp(ALICE, seq);
    }
    call.rtcp(ALICE);
    let (replay, verdict) = call.replay(&keys());
    assert_eq!(verdict, Verdict::AllVerified);
    let totals = replay.totals();
    assert_eq!((totals.packets, totals.verified), (6, 6));
    let rtp = replay.tally().streams().next().unwrap();
    assert_eq!((rtp.verified, rtp.lost(), rtp.reordered), (5, 0, 0));
    assert_eq!((rtp.roc(), rtp.octets), (Some(1), 5 * 160));
    assert_eq!(rtp.jitter_ms(), Some(0.0));
}

#[test]
fn loss_reordering_and_replay_are_told_apart() {
    let mut call = Call::new();
    for seq in [10, 11, 14, 13, 15] {
        call.rtp(ALICE, seq);
    }
    let again = call.packets[2].clone();
    call.packets.push(again);
    let (replay, verdict) = call.replay(&keys());
    assert_eq!(verdict, Verdict::SomeFailed);
    let rtp = replay.tally().streams().next().unwrap();
    assert_eq!(
        (rtp.verified, rtp.lost(), rtp.reordered, rtp.replayed),
        (5, 1, 1, 1)
    );
    assert_eq!(replay.failures()[0].number, 6);
}

#[test]
fn a_flipped_bit_is_found_by_its_number_and_offset() {
    let mut call = Call::new();
    (1..=5).for_each(|seq| call.rtp(ALICE, seq));
    call.packets[2].1[20] ^= 1;
    let (replay, verdict) = call.replay(&keys());
    assert_eq!(verdict, Verdict::SomeFailed);
    let [failure] = replay.failures()[..] else {
        panic!("one failure was expected");
    };
    assert_eq!(failure.number, 3);
    assert_eq!(failure.sequence_number, Some(3));
    assert_eq!(
        failure.refused,
        Refused::Srtp(UnprotectError::AuthenticationFailed)
    );
    let text = failure.to_string();
    assert!(text.starts_with("packet 3 at offset "), "{text}");
}

#[test]
fn a_wrong_key_says_so_instead_of_printing_noise() {
    let mut call = Call::new();
    (1..=50).for_each(|seq| call.rtp(ALICE, seq));
    let mut keys = keys();
    keys.keys[0].master_salt = Secret::new(vec![0; 14]);
    let (replay, verdict) = call.replay(&keys);
    assert_eq!(verdict, Verdict::NoneVerified);
    let text = Report::new(&replay, Path::new("call.pcap")).to_string();
    assert!(
        text.contains("0 of 50 verified: key, profile or ROC is wrong\n"),
        "{text}"
    );
    assert!(text.contains("... and 40 more"), "{text}");
}

#[test]
fn the_handshake_and_clear_rtcp_are_counted_and_nothing_else() {
    let mut call = Call::new();
    call.rtp(ALICE, 1);
    let cname = "LPvhGs9EtQ1yzJnV";
    for datagram in handshake_datagrams(&[1; 2_000], 7, None, 9, cname, 1_096).unwrap() {
        call.raw(ALICE, datagram);
    }
    call.raw(
        ALICE,
        Builder::receiver_report(7, &[], cname).unwrap().finish(),
    );
    call.raw(ALICE, vec![0]);
    let (replay, verdict) = call.replay(&keys());
    assert_eq!(verdict, Verdict::AllVerified);
    let totals = replay.totals();
    assert_eq!(
        (totals.handshake, totals.clear_rtcp, totals.keep_alive),
        (2, 1, 1)
    );
}

#[test]
fn a_stranger_is_tried_with_every_key_and_counted_apart() {
    let mut call = Call::new();
    (1..=3).for_each(|seq| call.rtp(ALICE, seq));
    let (_, genuine) = call.packets[1].clone();
    let mut forged = genuine.clone();
    forged[3] = 9;
    call.raw(MALLORY, genuine);
    call.raw(MALLORY, forged);
    let (replay, verdict) = call.replay(&keys());
    assert_eq!(verdict, Verdict::SomeFailed);
    let streams: Vec<_> = replay.tally().streams().collect();
    assert_eq!(streams.len(), 2);
    assert_eq!(streams[0].packets, 3);
    let counts = streams[1];
    assert_eq!(counts.id.sender, None);
    assert_eq!((counts.replayed, counts.failed), (1, 1));
}

#[test]
fn the_address_of_a_call_may_move() {
    let mut call = Call::new();
    call.rtp(ALICE, 1);
    call.rtp(MALLORY, 2);
    let (replay, verdict) = call.replay(&keys());
    assert_eq!(verdict, Verdict::AllVerified);
    assert_eq!(replay.tally().streams().count(), 1);
}

#[test]
fn a_flood_of_forged_ssrcs_does_not_grow_the_table() {
    let mut call = Call::new();
    let mut forged = vec![0x80; 60];
    for ssrc in 0..5_000_u32 {
        forged[8..12].copy_from_slice(&ssrc.to_be_bytes());
        call.raw(ALICE, forged.clone());
    }
    let (replay, _) = call.replay(&keys());
    assert_eq!(replay.tally().streams().count(), 1_025);
    assert_eq!(replay.tally().total(|stream| stream.failed), 5_000);
}

#[test]
fn keys_of_one_sender_over_time_share_its_sequence() {
    let mut keys = keys();
    let mut second = keys.keys[0].clone();
    second.mki = MkiOctets(vec![2]);
    second.master_key = Secret::new(vec![0x33; 16]);
    keys.keys.push(second);
    let mut call = Call::new();
    (1..=2).for_each(|seq| call.rtp(ALICE, seq));
    let key = MasterKey::new(PROFILE, &[0x33; 16], &[0x22; 14]).unwrap();
    let mki = Mki::new(&[2]).unwrap();
    call.sender.add_key(mki.clone(), key).unwrap();
    call.sender.switch_to(&mki).unwrap();
    (3..=4).for_each(|seq| call.rtp(ALICE, seq));
    let (replay, verdict) = call.replay(&keys);
    assert_eq!(verdict, Verdict::AllVerified);
    assert_eq!(replay.ring().len(), 1);
}

#[test]
fn unusable_keys_are_named() {
    let broken = |change: fn(&mut SenderKey)| {
        let mut keys = keys();
        change(&mut keys.keys[0]);
        KeySet::all_of_file(&keys).unwrap_err().to_string()
    };
    let error = broken(|key| key.profile = "ROT13".into());
    assert!(
        error.contains("ROT13") && error.contains("AES_CM_128"),
        "{error}"
    );
    let error = broken(|key| key.master_key = Secret::new(vec![1; 15]));
    assert!(error.contains("key 1"), "{error}");
    let error = broken(|key| key.mki = MkiOctets(vec![1; 129]));
    assert!(error.contains("129"), "{error}");
    let mut twice = keys();
    twice.keys.push(twice.keys[0].clone());
    let error = KeySet::all_of_file(&twice).unwrap_err().to_string();
    assert!(error.contains("key 2"), "{error}");
}

#[test]
fn a_key_for_other_ssrcs_is_not_tried() {
    let mut call = Call::new();
    call.rtp(ALICE, 1);
    let mut keys = keys();
    keys.keys[0].ssrcs = vec![Ssrc(7)];
    let (replay, _) = call.replay(&keys);
    assert_eq!(replay.failures()[0].refused, Refused::NoKey);
}

#[test]
fn every_line_for_programs_is_json() {
    let mut call = Call::new();
    (1..=3).for_each(|seq| call.rtp(ALICE, seq));
    call.packets[1].1[20] ^= 1;
    let (replay, _) = call.replay(&keys());
    let report = Report::new(&replay, Path::new("call.pcap"));
    let lines = report.json_lines().unwrap();
    let lines: Vec<serde_json::Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["ssrc"], "abcd1234");
    assert_eq!(lines[0]["verified"], 2);
    assert_eq!(lines[0]["lost"], 1);
    assert_eq!(lines[1]["kind"], "summary");
    assert_eq!(lines[1]["failures"][0]["packet"], 2);
}

#[test]
fn what_would_open_a_stream_is_found_and_said() {
    let mut call = Call::unnamed(PROFILE);
    // The sender's ROC is 3 when the capture begins.
    call.sender.set_roc(SSRC, 3).unwrap();
    (1..=20).for_each(|seq| call.rtp(ALICE, seq));
    let (found, verdict) = hints_of(&call, unnamed(PROFILE));
    assert_eq!(verdict, Verdict::NoneVerified);
    assert_eq!(found, ["ROC 3"]);

    let mut call = Call::unnamed(Profile::AesCm128HmacSha1_32);
    (1..=20).for_each(|seq| call.rtp(ALICE, seq));
    let (found, _) = hints_of(&call, unnamed(PROFILE));
    assert_eq!(found, ["profile AES_CM_128_HMAC_SHA1_32"]);

    let mut call = Call::new();
    (1..=20).for_each(|seq| call.rtp(ALICE, seq));
    let (found, _) = hints_of(&call, unnamed(PROFILE));
    assert_eq!(found, ["MKI 01"]);

    let mut call = Call::unnamed(PROFILE);
    (1..=20).for_each(|seq| call.rtp(ALICE, seq));
    let (found, _) = hints_of(&call, unnamed(PROFILE).with_mki(b"MKI1").unwrap());
    assert_eq!(found, ["no MKI"]);

    // The tag of an AEAD is elsewhere, and so is what precedes it.
    let mut call = Call::unnamed(Profile::AeadAes128Gcm8);
    (1..=20).for_each(|seq| call.rtp(ALICE, seq));
    let (found, _) = hints_of(&call, unnamed(Profile::AeadAes128Gcm));
    assert_eq!(found, ["profile AEAD_AES_128_GCM_8"]);

    let mut call = Call::unnamed(PROFILE);
    (1..=20).for_each(|seq| call.rtp(ALICE, seq));
    let mut swapped = unnamed(PROFILE);
    swapped.name = "bob".into();
    swapped.from = vec![BOB.parse().unwrap()];
    let mut wrong = KeySet::new(PROFILE.into(), &[9; 16], &[9; 14]).unwrap();
    wrong.from = vec![ALICE.parse().unwrap()];
    let (replay, _) = call.replay_with(vec![wrong, swapped]);
    let found: Vec<_> = hints(&replay).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["the key of bob"]);
}

#[test]
fn a_short_tag_on_srtcp_is_found_and_said() {
    let profile = Profile::AesCm128HmacSha1_32;
    let mut call = Call::with_policy(Policy::new(profile).with_short_rtcp_tag());
    (0..4).for_each(|_| call.rtcp(ALICE));
    (1..=4).for_each(|seq| call.rtp(ALICE, seq));
    let (found, verdict) = hints_of(&call, unnamed(profile));
    assert_eq!(verdict, Verdict::SomeFailed);
    assert_eq!(found, ["profile AES_CM_128_HMAC_SHA1_32_FULL for SRTCP"]);
}

#[test]
fn what_no_hypothesis_explains_is_not_explained() {
    let mut call = Call::unnamed(PROFILE);
    (1..=20).for_each(|seq| call.rtp(ALICE, seq));
    let wrong = KeySet::new(PROFILE.into(), &[9; 16], &[9; 14]).unwrap();
    let (found, verdict) = hints_of(&call, wrong);
    assert_eq!((found.len(), verdict), (0, Verdict::NoneVerified));
}

#[test]
fn a_roc_for_all_is_that_of_every_stream_and_forged_ones_leave_nothing() {
    let mut call = Call::unnamed(PROFILE);
    call.sender.set_roc(SSRC, 2).unwrap();
    let mut forged = vec![0x80; 60];
    for ssrc in 0..200_u32 {
        forged[8..12].copy_from_slice(&ssrc.to_be_bytes());
        call.raw(MALLORY, forged.clone());
    }
    for seq in [65_534, 65_535, 0, 1] {
        call.rtp(ALICE, seq);
    }
    let mut set = unnamed(PROFILE);
    set.rocs.all = 2;
    let (mut replay, _) = call.replay_with(vec![set]);
    let streams: Vec<_> = replay.tally().streams().collect();
    let genuine = streams.iter().find(|stream| stream.verified > 0).unwrap();
    assert_eq!((genuine.verified, genuine.roc()), (4, Some(3)));
    assert_eq!(replay.ring.receivers()[0].ssrcs().count(), 1);
}

#[test]
fn what_shares_ports_with_a_call_is_counted_apart() {
    let mut call = Call::new();
    call.rtp(ALICE, 1);
    let mut stun = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    stun.extend([7; 12]);
    call.raw(ALICE, stun);
    call.raw(ALICE, vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    call.raw(ALICE, b"\x10\0\0\x05ZRTP\0\0\0\x01".to_vec());
    call.raw(ALICE, vec![]);
    call.raw(ALICE, b"\r\n\r\n".to_vec());
    call.rtp(ALICE, 2);
    let (replay, verdict) = call.replay(&keys());
    assert_eq!(verdict, Verdict::AllVerified);
    let totals = replay.totals();
    assert_eq!((totals.stun, totals.dtls, totals.zrtp), (1, 1, 1));
    assert_eq!((totals.keep_alive, totals.other_udp), (2, 0));
    assert_eq!(totals.packets, 2);
}

#[test]
fn what_only_happens_to_look_like_rtp_elsewhere_is_no_failure() {
    let mut call = Call::new();
    (1..=3).for_each(|seq| call.rtp(ALICE, seq));
    let mut replay = Replay::new(KeyRing::new(vec![unnamed(PROFILE).with_mki(&[1]).unwrap()]));
    let file = call.capture();
    let mut reader = CaptureReader::new(&file[..]).unwrap();
    let mut ignore = |_: &Seen<'_>| Ok(());
    let query = [&[0x81, 0x23, 1, 0, 0, 1][..], &[0; 20]].concat();
    let resolver = "10.0.0.9:53".parse().unwrap();
    let query = udp_frame(ALICE.parse().unwrap(), resolver, &query).unwrap();
    while let Some(frame) = reader.next_frame().unwrap() {
        replay.frame(&frame, &mut ignore).unwrap();
        let bytes = &query[..];
        replay
            .frame(&Frame { bytes, ..frame }, &mut ignore)
            .unwrap();
    }
    replay.finish(&mut ignore).unwrap();
    let totals = replay.totals();
    assert_eq!(
        (totals.packets, totals.verified, totals.other_udp),
        (3, 3, 3)
    );
}

#[test]
fn a_packet_of_a_stream_that_is_none_any_more_is_a_failure() {
    let mut call = Call::new();
    call.rtp(ALICE, 1);
    let mut beheaded = call.packets[0].1.clone();
    beheaded[0] ^= 0xc0;
    call.raw(ALICE, beheaded);
    call.raw(ALICE, vec![0x80, 0, 0, 3]);
    let (replay, verdict) = call.replay(&keys());
    assert_eq!(verdict, Verdict::SomeFailed);
    let totals = replay.totals();
    assert_eq!((totals.packets, totals.failed, totals.damaged), (3, 2, 2));
    let reasons: Vec<_> = replay.failures().iter().map(ToString::to_string).collect();
    assert!(
        reasons[1].contains("packet 3") && reasons[1].contains("4 octets"),
        "{reasons:?}"
    );
}

#[test]
fn a_packet_that_the_snap_length_cut_is_told_as_that() {
    let mut call = Call::new();
    (1..=3).for_each(|seq| call.rtp(ALICE, seq));
    let sets = KeySet::all_of_file(&keys()).unwrap();
    let mut replay = Replay::new(KeyRing::new(sets));
    let file = call.capture();
    let mut reader = CaptureReader::new(&file[..]).unwrap();
    let mut ignore = |_: &Seen<'_>| Ok(());
    for keep in [usize::MAX, 96, 30] {
        let frame = reader.next_frame().unwrap().unwrap();
        let bytes = &frame.bytes[..frame.bytes.len().min(keep)];
        replay
            .frame(&Frame { bytes, ..frame }, &mut ignore)
            .unwrap();
    }
    replay.finish(&mut ignore).unwrap();
    let totals = replay.totals();
    assert_eq!(
        (totals.verified, totals.failed, totals.cut_frames),
        (1, 1, 1)
    );
    let text = replay.failures()[0].to_string();
    assert!(text.contains("snap length: 54 of 183 octets"), "{text}");
}

#[test]
fn fragments_are_counted_and_said_not_to_be_put_together() {
    let mut call = Call::new();
    (1..=2).for_each(|seq| call.rtp(ALICE, seq));
    let sets = KeySet::all_of_file(&keys()).unwrap();
    let mut replay = Replay::new(KeyRing::new(sets));
    let file = call.capture();
    let mut reader = CaptureReader::new(&file[..]).unwrap();
    let mut ignore = |_: &Seen<'_>| Ok(());
    while let Some(frame) = reader.next_frame().unwrap() {
        replay.frame(&frame, &mut ignore).unwrap();
        let mut bytes = frame.bytes.to_vec();
        // "More fragments" in the IPv4 header.
        bytes[14 + 6] = 0x20;
        let bytes = &bytes[..];
        replay
            .frame(&Frame { bytes, ..frame }, &mut ignore)
            .unwrap();
    }
    replay.finish(&mut ignore).unwrap();
    let totals = replay.totals();
    assert_eq!((totals.verified, totals.fragments), (2, 2));
    let text = Report::new(&replay, Path::new("call.pcap")).to_string();
    assert!(
        text.contains("2 fragments of IP packets, which are not put together"),
        "{text}"
    );
}

#[test]
fn what_two_interfaces_saw_is_one_packet_and_its_copy() {
    let mut call = Call::new();
    (1..=3).for_each(|seq| call.rtp(ALICE, seq));
    let sets = KeySet::all_of_file(&keys()).unwrap();
    let mut replay = Replay::new(KeyRing::new(sets));
    let file = call.capture();
    let mut reader = CaptureReader::new(&file[..]).unwrap();
    let mut ignore = |_: &Seen<'_>| Ok(());
    while let Some(frame) = reader.next_frame().unwrap() {
        for interface in [0, 1] {
            replay
                .frame(&Frame { interface, ..frame }, &mut ignore)
                .unwrap();
        }
    }
    replay.finish(&mut ignore).unwrap();
    let totals = replay.totals();
    assert_eq!((totals.packets, totals.verified, totals.copies), (3, 3, 3));
}

#[test]
fn only_what_is_asked_for_is_looked_at() {
    let mut call = Call::new();
    (1..=3).for_each(|seq| call.rtp(ALICE, seq));
    let sets = || KeySet::all_of_file(&keys()).unwrap();
    for (ports, ssrcs, verified) in [
        (vec![4000], vec![], 3),
        (vec![4001], vec![], 0),
        (vec![], vec![SSRC], 3),
        (vec![], vec![7], 0),
    ] {
        let filter = Filter { ports, ssrcs };
        let mut replay = Replay::with_filter(KeyRing::new(sets()), filter);
        call.feed(&mut replay, &mut |_| Ok(()), false);
        assert_eq!(replay.totals().verified, verified);
        assert_eq!(replay.totals().left_out, 3 - verified);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Two senders of one SSRC under different keys, loss, repetition, damage
    /// and moved addresses, in any order.
    #[test]
    fn packets_in_groups_are_what_packets_one_by_one_are(
        steps in proptest::collection::vec((0..2_usize, 0..8_u8, 1..4_u16), 1..400),
    ) {
        let mut senders = [Call::new(), Call::new()];
        let other = MasterKey::new(PROFILE, &[0x44; 16], &[0x55; 14]).unwrap();
        senders[1].sender =
            Sender::with_mki(Policy::new(PROFILE), Mki::new(&[1]).unwrap(), other).unwrap();
        let mut seqs = [65_500_u16, 30_u16];
        let mut call = Call::new();
        for (who, what, step) in steps {
            seqs[who] = seqs[who].wrapping_add(step);
            let from = [ALICE, BOB][who];
            senders[who].packets.clear();
            match what {
                0 => senders[who].rtcp(from),
                _ => senders[who].rtp(from, seqs[who]),
            }
            let Some((from, packet)) = senders[who].packets.pop() else {
                continue;
            };
            let mut packets = vec![(from, packet)];
            match what {
                1 => packets.push(packets[0].clone()),
                2 => packets[0].1[20] ^= 1,
                3 => packets[0].0 = MALLORY,
                4 => packets.extend(call.packets.last().cloned()),
                _ => {}
            }
            call.packets.extend(packets);
        }
        let run = |one_by_one: bool| {
            let mut first = KeySet::new(PROFILE.into(), &[0x11; 16], &[0x22; 14]).unwrap();
            let mut second = KeySet::new(PROFILE.into(), &[0x44; 16], &[0x55; 14]).unwrap();
            first = first.with_mki(&[1]).unwrap();
            second = second.with_mki(&[1]).unwrap();
            let mut replay = Replay::new(KeyRing::new(vec![first, second]));
            let mut seen = Vec::new();
            let mut sink = |packet: &Seen<'_>| {
                let payload = packet.frame[packet.datagram.payload.clone()].to_vec();
                seen.push((packet.number, packet.sender, packet.outcome, payload));
                Ok(())
            };
            call.feed(&mut replay, &mut sink, one_by_one);
            let report = Report::new(&replay, Path::new("call.pcap")).to_string();
            (seen, report)
        };
        prop_assert_eq!(run(false), run(true));
    }
}

/// What would open a call's streams, and what the keys alone made of it.
fn hints_of(call: &Call, set: KeySet) -> (Vec<String>, Verdict) {
    let (replay, verdict) = call.replay_with(vec![set]);
    let found = hints(&replay);
    let again = call.replay_with(changed(replay.ring(), &found)).0;
    if !found.is_empty() {
        assert_eq!(again.totals().failed, 0);
    }
    (found.iter().map(ToString::to_string).collect(), verdict)
}

/// The key of [`Call::unnamed`].
fn unnamed(profile: Profile) -> KeySet {
    let (key, salt) = ([0x11; 32], [0x22; 14]);
    let (key, salt) = (&key[..profile.key_len()], &salt[..profile.salt_len()]);
    KeySet::new(profile.into(), key, salt).unwrap()
}

const PROFILE: Profile = Profile::AesCm128HmacSha1_80;

/// A capture being made.
struct Call {
    sender: Sender,
    packets: Vec<(&'static str, Vec<u8>)>,
}

impl Call {
    fn new() -> Self {
        let key = MasterKey::new(PROFILE, &[0x11; 16], &[0x22; 14]).unwrap();
        let mki = Mki::new(&[1]).unwrap();
        Self {
            sender: Sender::with_mki(Policy::new(PROFILE), mki, key).unwrap(),
            packets: Vec::new(),
        }
    }

    /// A call whose packets carry no MKI.
    fn unnamed(profile: Profile) -> Self {
        Self::with_policy(Policy::new(profile))
    }

    fn with_policy(policy: Policy) -> Self {
        let profile = policy.profile();
        let (key, salt) = ([0x11; 32], [0x22; 14]);
        let (key, salt) = (&key[..profile.key_len()], &salt[..profile.salt_len()]);
        let key = MasterKey::new(profile, key, salt).unwrap();
        Self {
            sender: Sender::new(policy, key).unwrap(),
            packets: Vec::new(),
        }
    }

    /// A packet of PCMU, whose timestamp goes on with its capture time.
    fn rtp(&mut self, from: &'static str, seq: u16) {
        let timestamp = 160 * self.packets.len() as u32;
        let mut packet = vec![0x80, 0];
        packet.extend(seq.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(SSRC.to_be_bytes());
        packet.extend([0xff; 160]);
        let len = packet.len();
        packet.resize(len + self.sender.max_trailer_len(), 0);
        let len = self.sender.protect_rtp(&mut packet, len).unwrap();
        packet.truncate(len);
        self.packets.push((from, packet));
    }

    fn rtcp(&mut self, from: &'static str) {
        let mut packet = Builder::receiver_report(SSRC, &[], "LPvhGs9EtQ1yzJnV")
            .unwrap()
            .finish();
        let len = packet.len();
        packet.resize(len + self.sender.max_trailer_len(), 0);
        let len = self.sender.protect_rtcp(&mut packet, len).unwrap();
        packet.truncate(len);
        self.packets.push((from, packet));
    }

    fn raw(&mut self, from: &'static str, datagram: Vec<u8>) {
        self.packets.push((from, datagram));
    }

    fn replay(&self, keys: &KeysFile) -> (Replay, Verdict) {
        self.replay_with(KeySet::all_of_file(keys).unwrap())
    }

    fn replay_with(&self, sets: Vec<KeySet>) -> (Replay, Verdict) {
        let mut replay = Replay::new(KeyRing::new(sets));
        self.feed(&mut replay, &mut |_| Ok(()), false);
        let verdict = Report::new(&replay, Path::new("call.pcap")).verdict();
        (replay, verdict)
    }

    /// Gives a replay the whole call.
    fn feed(&self, replay: &mut Replay, sink: &mut Sink<'_>, one_by_one: bool) {
        let file = self.capture();
        let mut reader = CaptureReader::new(&file[..]).unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            replay.frame(&frame, sink).unwrap();
            if one_by_one {
                replay.flush(sink).unwrap();
            }
        }
        replay.finish(sink).unwrap();
    }

    fn capture(&self) -> Vec<u8> {
        let mut writer = CaptureWriter::new(Format::PcapNg, Vec::new()).unwrap();
        for (index, (from, packet)) in self.packets.iter().enumerate() {
            let frame = udp_frame(from.parse().unwrap(), BOB.parse().unwrap(), packet).unwrap();
            let at = Duration::from_millis(20) * index as u32;
            writer.write(LinkType::ETHERNET, at, &frame).unwrap();
        }
        writer.finish().unwrap()
    }
}

fn keys() -> KeysFile {
    let (key, salt) = (Secret::new(vec![0x11; 16]), Secret::new(vec![0x22; 14]));
    let key = SenderKey {
        sender: "alice".into(),
        from: vec![ALICE.parse().unwrap()],
        mki: MkiOctets(vec![1]),
        ..SenderKey::new(PROFILE.name(), key, salt)
    };
    KeysFile::new(vec![key], BTreeMap::new())
}
