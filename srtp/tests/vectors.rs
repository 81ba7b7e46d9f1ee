//! Packets that others have published.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::{MasterKey, Profile, Receiver, Sender};
use callseal_testvectors::libsrtp::{ReferencePackets, reference_packets};
use packets::*;

const PROFILE: Profile = Profile::AesCm128HmacSha1_80;

fn reference_key() -> MasterKey {
    let octets = reference_packets("srtp_validate").key.unwrap();
    MasterKey::new(PROFILE, &octets[..16], &octets[16..30]).unwrap()
}

/// libsrtp begins with SRTCP index 1: one packet goes before.
fn check(packets: &ReferencePackets, sender: &mut Sender, receiver: &mut Receiver) {
    let rtp = packets.packet("srtp_plaintext_ref");
    let srtp = packets.packet("srtp_ciphertext");
    assert_eq!(protect_rtp(sender, &rtp).unwrap(), srtp);
    assert_eq!(unprotect_rtp(receiver, &srtp).unwrap(), rtp);

    let rtcp = packets.packet("rtcp_plaintext_ref");
    let srtcp = packets.packet("srtcp_ciphertext");
    protect_rtcp(sender, &rtcp).unwrap();
    assert_eq!(protect_rtcp(sender, &rtcp).unwrap(), srtcp);
    let (plain, opened) = opened_rtcp(receiver, &srtcp).unwrap();
    assert_eq!((plain, opened.index.get()), (rtcp, 1));
}

#[test]
fn libsrtps_reference_packets_are_reproduced_and_opened() {
    let mut sender = Sender::new(policy(PROFILE), reference_key()).unwrap();
    let mut receiver = Receiver::new(policy(PROFILE), reference_key()).unwrap();
    check(
        &reference_packets("srtp_validate"),
        &mut sender,
        &mut receiver,
    );
}

#[test]
fn libsrtps_reference_packets_with_an_mki_are_reproduced_and_opened() {
    let name = mki(&[0xe1, 0xf9, 0x7a, 0x0d]);
    let policy = policy(PROFILE);
    let mut sender = Sender::with_mki(policy.clone(), name.clone(), reference_key()).unwrap();
    let mut receiver = Receiver::with_mki(policy, name, reference_key()).unwrap();
    check(
        &reference_packets("srtp_validate_mki"),
        &mut sender,
        &mut receiver,
    );
}

#[test]
fn the_short_tag_is_the_beginning_of_the_long_one_in_rtp_alone() {
    let short = Profile::AesCm128HmacSha1_32;
    let (key, salt) = key_octets(PROFILE, 1);
    let sender = |profile| {
        let key = MasterKey::new(profile, &key, &salt).unwrap();
        Sender::new(policy(profile), key).unwrap()
    };
    let (mut long, mut short) = (sender(PROFILE), sender(short));
    let packet = rtp(SSRC, 1, 20);
    let (with_long, with_short) = (
        protect_rtp(&mut long, &packet).unwrap(),
        protect_rtp(&mut short, &packet).unwrap(),
    );
    assert_eq!((with_long.len(), with_short.len()), (42, 36));
    assert_eq!(with_long[..36], with_short);

    let packet = rtcp(SSRC, 8);
    assert_eq!(
        protect_rtcp(&mut long, &packet).unwrap(),
        protect_rtcp(&mut short, &packet).unwrap()
    );
}
