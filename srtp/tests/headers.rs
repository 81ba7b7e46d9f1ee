//! Encrypted header extensions (RFC 6904) and Cryptex (RFC 9335).
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::{
    Cryptex, ExtensionIds, Profile, ProtectError, Receiver, Sender, SetUpError, UnprotectError,
};
use packets::*;

const PROFILE: Profile = Profile::AesCm128HmacSha1_80;

/// A packet with CSRCs and an extension.
fn packet(csrcs: &[u32], extension: &[u8]) -> Vec<u8> {
    let mut packet = rtp(SSRC, 1, 0);
    packet[0] |= csrcs.len() as u8;
    packet.extend(csrcs.iter().flat_map(|csrc| csrc.to_be_bytes()));
    if !extension.is_empty() {
        packet[0] |= 0x10;
        packet.extend(extension);
    }
    packet.extend(b"a payload");
    packet
}

const ONE_BYTE: [u8; 12] = [0xbe, 0xde, 0, 2, 0x11, 0xaa, 0xbb, 0, 0x20, 0xcc, 0, 0];

#[test]
fn an_element_is_hidden_and_its_neighbours_ids_and_lengths_are_not() {
    for profile in encrypting() {
        let ids: ExtensionIds = [1].into_iter().collect();
        let (mut sender, mut receiver) = pair(policy(profile).with_encrypted_extensions(ids));
        let plain = packet(&[7], &ONE_BYTE);
        let sealed = protect_rtp(&mut sender, &plain).unwrap();
        assert_eq!(sealed[..21], plain[..21]);
        assert_ne!(sealed[21..23], plain[21..23], "{profile}");
        assert_eq!(sealed[23..28], plain[23..28]);
        assert_eq!(unprotect_rtp(&mut receiver, &sealed).unwrap(), plain);
    }
}

#[test]
fn the_headers_keystream_is_not_the_payloads() {
    // Label 6 instead of 0: equal plaintext under one IV is not equal.
    let ids: ExtensionIds = [2].into_iter().collect();
    let (mut sender, _) = pair(policy(PROFILE).with_encrypted_extensions(ids));
    let mut plain = rtp(SSRC, 1, 0);
    plain[0] |= 0x10;
    plain.extend([0x10, 0, 0, 5, 2, 18]);
    plain.extend([0x55; 18 + 20]);
    let sealed = protect_rtp(&mut sender, &plain).unwrap();
    let header: Vec<u8> = sealed[18..36].iter().map(|octet| octet ^ 0x55).collect();
    let payload: Vec<u8> = sealed[36..56].iter().map(|octet| octet ^ 0x55).collect();
    // The header's begins at its second octet: the mask runs over the body.
    assert_ne!(header[..16], payload[2..18]);
}

#[test]
fn cryptex_hides_csrcs_without_an_extension_too() {
    for profile in encrypting() {
        let (mut sender, mut receiver) = pair(policy(profile).with_cryptex(Cryptex::Required));
        let plain = packet(&[0x0102_0304, 0x0506_0708], &[]);
        let sealed = protect_rtp(&mut sender, &plain).unwrap();
        assert_eq!(sealed.len(), plain.len() + 4 + profile.rtp_tag_len());
        assert_eq!(sealed[0], plain[0] | 0x10);
        assert_ne!(sealed[12..20], plain[12..20]);
        assert_eq!(sealed[20..24], [0xc0, 0xde, 0, 0]);
        let mut comes_back = plain.clone();
        comes_back[0] |= 0x10;
        comes_back.splice(20..20, [0xbe, 0xde, 0, 0]);
        let opened = unprotect_rtp(&mut receiver, &sealed).unwrap();
        assert_eq!(opened, comes_back);
    }
}

#[test]
fn a_packet_that_cryptex_lengthens_needs_room_for_that() {
    let profile = Profile::AeadAes128Gcm;
    let (mut sender, _) = pair(policy(profile).with_cryptex(Cryptex::On));
    let plain = packet(&[1], &[]);
    let needed = plain.len() + 4 + 16;
    let mut buf = plain.clone();
    buf.resize(needed - 1, 0);
    let buffer_len = buf.len();
    let refused = sender.protect_rtp(&mut buf, plain.len());
    assert_eq!(refused, Err(ProtectError::NoRoom { buffer_len, needed }));
    assert_eq!(buf[..plain.len()], plain);
    buf.resize(needed, 0);
    assert_eq!(sender.protect_rtp(&mut buf, plain.len()), Ok(needed));
    assert!(sender.max_trailer_len() >= 20);
}

#[test]
fn cryptex_required_refuses_headers_in_clear_and_cryptex_on_takes_them() {
    let (mut clear, _) = pair(policy(PROFILE));
    let with = |cryptex| Receiver::new(policy(PROFILE).with_cryptex(cryptex), key(PROFILE, 1));
    let plain = [
        packet(&[], &ONE_BYTE),
        packet(&[5], &[]),
        packet(&[], &[0x12, 0x34, 0, 0]),
    ];
    for (mut plain, seq) in plain.into_iter().zip(1..) {
        plain[3] = seq;
        let sealed = protect_rtp(&mut clear, &plain).unwrap();
        let refused = unprotect_rtp(&mut with(Cryptex::Required).unwrap(), &sealed);
        assert_eq!(refused, Err(UnprotectError::NotCryptex));
        let opened = unprotect_rtp(&mut with(Cryptex::On).unwrap(), &sealed);
        assert_eq!(opened.unwrap(), plain);
    }
    // There is nothing to hide in this one.
    let sealed = protect_rtp(&mut clear, &rtp(SSRC, 9, 20)).unwrap();
    assert!(unprotect_rtp(&mut with(Cryptex::Required).unwrap(), &sealed).is_ok());
}

#[test]
fn an_extension_that_is_not_rfc_8285s_goes_in_clear_or_not_at_all() {
    let sender = |cryptex| Sender::new(policy(PROFILE).with_cryptex(cryptex), key(PROFILE, 1));
    let other = packet(&[5], &[0x12, 0x34, 0, 0]);
    let sealed = protect_rtp(&mut sender(Cryptex::On).unwrap(), &other).unwrap();
    assert_eq!(sealed[..20], other[..20]);
    let refused = protect_rtp(&mut sender(Cryptex::Required).unwrap(), &other);
    assert_eq!(refused, Err(ProtectError::NotCryptex));
    for mark in [[0xc0, 0xde], [0xc2, 0xde]] {
        let marked = packet(&[5], &[mark[0], mark[1], 0, 0]);
        let refused = protect_rtp(&mut sender(Cryptex::On).unwrap(), &marked);
        assert_eq!(refused, Err(ProtectError::NotCryptex));
    }
}

#[test]
fn headers_are_not_encrypted_where_nothing_else_is() {
    let ids: ExtensionIds = [1].into_iter().collect();
    for policy in [
        policy(Profile::NullHmacSha1_80).with_cryptex(Cryptex::On),
        policy(Profile::NullHmacSha1_80).with_encrypted_extensions(ids),
        policy(PROFILE)
            .with_unencrypted_rtp()
            .with_cryptex(Cryptex::Required),
    ] {
        let profile = policy.profile();
        let made = Sender::new(policy, key(profile, 1)).map(drop);
        assert_eq!(made, Err(SetUpError::NoCipher));
    }
}

#[test]
fn a_forged_bit_anywhere_in_a_hidden_header_is_noticed() {
    for profile in encrypting() {
        let (mut sender, mut receiver) = pair(policy(profile).with_cryptex(Cryptex::Required));
        let plain = packet(&[1, 2], &ONE_BYTE);
        let sealed = protect_rtp(&mut sender, &plain).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            // The helper looks whether the buffer is as it was.
            assert!(unprotect_rtp(&mut receiver, &forged).is_err(), "bit {bit}");
        }
        assert_eq!(unprotect_rtp(&mut receiver, &sealed).unwrap(), plain);
    }
}
