use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use callseal_rtcp_ext::{Builder, handshake_datagrams};
use callseal_srtp::{MasterKey, Mki, Policy, Profile, Sender, UnprotectError};

use super::*;
use crate::capture::{CaptureReader, CaptureWriter, Format, LinkType, udp_frame};
use crate::keys_file::{MkiOctets, SenderKey, Ssrc};
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
    let (_, rtp) = replay.tally().streams().next().unwrap();
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
    let (_, rtp) = replay.tally().streams().next().unwrap();
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
    let [failure] = replay.failures() else {
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
    assert!(text.contains("0 of 50 packets verified: the key"), "{text}");
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
    call.raw(ALICE, vec![0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42]);
    call.raw(ALICE, vec![0x80]);
    let (replay, verdict) = call.replay(&keys());
    assert_eq!(verdict, Verdict::AllVerified);
    let totals = replay.totals();
    assert_eq!(
        (totals.handshake, totals.clear_rtcp, totals.other_udp),
        (2, 1, 2)
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
    assert_eq!(streams[0].1.packets, 3);
    let (stranger, counts) = streams[1];
    assert_eq!(stranger.sender, None);
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
        KeyRing::new(&keys).unwrap_err().to_string()
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
    let error = KeyRing::new(&twice).unwrap_err().to_string();
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
        let mut writer = CaptureWriter::new(Format::PcapNg, Vec::new()).unwrap();
        for (index, (from, packet)) in self.packets.iter().enumerate() {
            let frame = udp_frame(from.parse().unwrap(), BOB.parse().unwrap(), packet).unwrap();
            let at = Duration::from_millis(20) * index as u32;
            writer.write(LinkType::ETHERNET, at, &frame).unwrap();
        }
        let file = writer.finish().unwrap();
        let mut replay = Replay::new(KeyRing::new(keys).unwrap(), keys.clone());
        let mut reader = CaptureReader::new(&file[..]).unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            replay.frame(&frame);
        }
        let verdict = Report::new(&replay, Path::new("call.pcap")).verdict();
        (replay, verdict)
    }
}

fn keys() -> KeysFile {
    let key = SenderKey {
        sender: "alice".into(),
        from: vec![ALICE.parse().unwrap()],
        ssrcs: vec![],
        profile: PROFILE.name().into(),
        master_key: Secret::new(vec![0x11; 16]),
        master_salt: Secret::new(vec![0x22; 14]),
        mki: MkiOctets(vec![1]),
    };
    KeysFile::new(vec![key], BTreeMap::new())
}
