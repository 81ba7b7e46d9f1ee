//! Clauses of the RFCs that no other test shows; `docs/rfc-map.md` says which.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::sdes::CryptoAttribute;
use callseal_srtp::{
    Cryptex, DtlsKeys, KeyDerivationRate, KeyLifetime, Label, MasterKey, PacketIndex, Policy,
    Profile, ProtectError, Receiver, RocCarrying, RocCarryingMode, Sender, SetUpError,
    UnprotectError,
};
use packets::*;

const PROFILE: Profile = Profile::AesCm128HmacSha1_80;

#[test]
fn names_ids_lengths_and_tags_are_the_rfcs() {
    // RFC 4568 §6.2, RFC 6188 §5, RFC 7714 §12 and §14, RFC 5764 §4.1.2.
    #[rustfmt::skip]
    let table = [
        ("AES_CM_128_HMAC_SHA1_80", Some(1), 16, 14, 10, 10),
        ("AES_CM_128_HMAC_SHA1_32", Some(2), 16, 14,  4, 10),
        ("F8_128_HMAC_SHA1_80",     None,    16, 14, 10, 10),
        ("AES_192_CM_HMAC_SHA1_80", None,    24, 14, 10, 10),
        ("AES_192_CM_HMAC_SHA1_32", None,    24, 14,  4, 10),
        ("AES_256_CM_HMAC_SHA1_80", None,    32, 14, 10, 10),
        ("AES_256_CM_HMAC_SHA1_32", None,    32, 14,  4, 10),
        ("AEAD_AES_128_GCM",        Some(7), 16, 12, 16, 16),
        ("AEAD_AES_256_GCM",        Some(8), 32, 12, 16, 16),
        ("NULL_HMAC_SHA1_80",       Some(5), 16, 14, 10, 10),
        ("NULL_HMAC_SHA1_32",       Some(6), 16, 14,  4, 10),
    ];
    for (name, id, key_len, salt_len, rtp_tag_len, rtcp_tag_len) in table {
        let profile = Profile::from_name(name).unwrap();
        assert_eq!(profile.dtls_id(), id.map(|id| [0, id]), "{name}");
        assert_eq!(profile.key_len(), key_len, "{name}");
        assert_eq!(profile.salt_len(), salt_len, "{name}");
        let exported_len = DtlsKeys::exported_len(profile);
        assert_eq!(exported_len, 2 * (key_len + salt_len), "{name}");
        // On the wire, too; SRTCP has a word more.
        let (mut sender, _) = pair(policy(profile));
        let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).unwrap();
        assert_eq!(packet.len(), 32 + rtp_tag_len, "{name}");
        let packet = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
        assert_eq!(packet.len(), 28 + 4 + rtcp_tag_len, "{name}");
    }
}

#[test]
fn the_default_policy_is_rfc_3711s() {
    let policy = Policy::new(PROFILE);
    assert_eq!(policy.key_derivation_rate(), KeyDerivationRate::ONCE);
    assert_eq!(policy.key_lifetime(), KeyLifetime::MAX);
    assert_eq!(policy.rtcp_profile(), PROFILE);
    assert!(policy.rtp_window() >= 64 && policy.rtcp_window() >= 64);
    let (mut sender, mut receiver) = pair(policy);

    // Encrypted and authenticated, without an MKI; SRTCP with E and index 0.
    let plain = rtp(SSRC, 1, 20);
    let packet = protect_rtp(&mut sender, &plain).unwrap();
    assert_eq!((packet.len(), &packet[..12]), (42, &plain[..12]));
    assert_ne!(packet[12..32], plain[12..]);
    let refused = protect_rtp(&mut sender, &rtp(SSRC, 1, 20));
    assert_eq!(refused, Err(ProtectError::Replayed));
    let plain = rtcp(SSRC, 7);
    let packet = protect_rtcp(&mut sender, &plain).unwrap();
    assert_eq!((packet.len(), &packet[..8]), (42, &plain[..8]));
    assert_ne!(packet[8..28], plain[8..]);
    assert_eq!(packet[28..32], [0x80, 0, 0, 0]);
    let mut forged = packet.clone();
    forged[41] ^= 1;
    let refused = unprotect_rtcp(&mut receiver, &forged);
    assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
    assert!(unprotect_rtcp(&mut receiver, &packet).is_ok());
}

#[test]
fn no_two_labels_give_the_same_octets() {
    use Label::*;
    let labels = [
        RtpEncryption,
        RtpAuthentication,
        RtpSalt,
        RtcpEncryption,
        RtcpAuthentication,
        RtcpSalt,
        RtpHeaderEncryption,
        RtpHeaderSalt,
    ];
    for &profile in Profile::ALL {
        let key = key(profile, 1);
        let mut seen = Vec::new();
        for label in labels {
            // At r = 0, and at the r that stands where the label does not.
            for r in [PacketIndex::ZERO, PacketIndex::MAX] {
                let derived = key.derive::<16>(label, r).to_vec();
                assert!(!seen.contains(&derived), "{profile} {label:?} {r}");
                seen.push(derived);
            }
        }
    }
}

#[test]
fn a_packet_without_a_context_is_refused() {
    // No stream may be added, no key has the MKI, no key is for the index.
    let (mut sender, _) = pair(policy(PROFILE));
    let (_, mut full) = pair(policy(PROFILE).with_max_streams(0));
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).unwrap();
    let refused = unprotect_rtp(&mut full, &packet);
    assert_eq!(refused, Err(UnprotectError::TooManyStreams));

    let (mut sender, mut receiver) = pair_with_mki(policy(PROFILE), &[1]);
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).unwrap();
    receiver.remove_key(&mki(&[1])).unwrap();
    let refused = unprotect_rtp(&mut receiver, &packet);
    assert_eq!(refused, Err(UnprotectError::UnknownMki));
    let packet = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
    let refused = unprotect_rtcp(&mut receiver, &packet);
    assert_eq!(refused, Err(UnprotectError::UnknownMki));
}

#[test]
fn what_is_refused_is_counted_by_its_reason() {
    let (mut sender, mut receiver) = pair(policy(PROFILE).with_rtp_window(64));
    let mut sent = Vec::new();
    for seq in 0..100 {
        let packet = protect_rtp(&mut sender, &rtp(SSRC, seq, 20)).unwrap();
        sent.push(packet);
    }
    for packet in &sent[50..] {
        unprotect_rtp(&mut receiver, packet).unwrap();
    }
    let mut forged = sent[49].clone();
    forged[20] ^= 1;
    for (packet, verdict) in [
        (&sent[99], UnprotectError::Replayed),
        (&sent[98], UnprotectError::Replayed),
        (&sent[35], UnprotectError::TooOld),
        (&forged, UnprotectError::AuthenticationFailed),
    ] {
        assert_eq!(unprotect_rtp(&mut receiver, packet), Err(verdict));
    }
    let counters = receiver.counters(SSRC).unwrap().rtp;
    assert_eq!((counters.packets, counters.octets), (50, 50 * 32));
    assert_eq!((counters.replayed, counters.too_old), (2, 1));
    assert_eq!(counters.auth_failures, 1);
}

#[test]
fn f8_in_srtcp_takes_in_e_index_and_the_first_header() {
    // RFC 3711 §4.1.2.3: another index, or another first header, is another
    // keystream; the rest of the packet is not in the IV.
    let profile = Profile::AesF8_128HmacSha1_80;
    let keystream = |index: u32, change: fn(&mut Vec<u8>)| {
        let (mut sender, _) = pair(policy(profile));
        let index = callseal_srtp::RtcpIndex::new(index).unwrap();
        let mut plain = rtcp(SSRC, 7);
        change(&mut plain);
        let ssrc = u32::from_be_bytes(*plain[4..].first_chunk().unwrap());
        sender.set_next_rtcp_index(ssrc, index).unwrap();
        let packet = protect_rtcp(&mut sender, &plain).unwrap();
        let pairs = packet[8..28].iter().zip(&plain[8..]);
        pairs.map(|(a, b)| a ^ b).collect::<Vec<_>>()
    };
    let usual = keystream(5, |_| {});
    assert_eq!(keystream(5, |packet| packet[20] ^= 0xff), usual);
    let others = [
        keystream(6, |_| {}),
        keystream(5, |packet| packet[0] ^= 0x20),
        keystream(5, |packet| packet[0] ^= 0x01),
        keystream(5, |packet| packet[1] ^= 0x01),
        keystream(5, |packet| packet[3] ^= 0x10),
        keystream(5, |packet| packet[7] ^= 0x01),
    ];
    for other in others {
        assert_ne!(other, usual);
    }
}

#[test]
fn rtp_padding_is_payload_and_comes_back_as_it_was() {
    for &profile in Profile::ALL {
        let (mut sender, mut receiver) = pair(policy(profile));
        for (seq, count) in [0, 1, 20, 21, 255].into_iter().enumerate() {
            let mut plain = rtp(SSRC, seq as u16, 20);
            plain[0] |= 0x20;
            plain[31] = count;
            let packet = protect_rtp(&mut sender, &plain).unwrap();
            assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);
        }
    }
}

#[test]
fn a_lines_parameters_do_what_they_say() {
    const LINE: &str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 \
                        inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
    let sent = |parameters: &str| {
        let attribute = CryptoAttribute::parse(&format!("{LINE}{parameters}")).unwrap();
        let mut sender = attribute.sender(attribute.policy()).unwrap();
        let mut receiver = attribute.receiver(attribute.policy()).unwrap();
        let (rtp, rtcp) = (rtp(SSRC, 1, 20), rtcp(SSRC, 7));
        let srtp = protect_rtp(&mut sender, &rtp).unwrap();
        let srtcp = protect_rtcp(&mut sender, &rtcp).unwrap();
        assert_eq!(unprotect_rtp(&mut receiver, &srtp).unwrap(), rtp);
        assert_eq!(unprotect_rtcp(&mut receiver, &srtcp).unwrap(), rtcp);
        let in_clear = (srtp[12..32] == rtp[12..], srtcp[8..28] == rtcp[8..]);
        (srtp.len(), srtcp.len(), in_clear, srtcp[28] >> 7)
    };
    assert_eq!(sent(""), (42, 42, (false, false), 1));
    assert_eq!(sent(" UNENCRYPTED_SRTP"), (42, 42, (true, false), 1));
    assert_eq!(sent(" UNENCRYPTED_SRTCP"), (42, 42, (false, true), 0));
    assert_eq!(sent(" UNAUTHENTICATED_SRTP"), (32, 42, (false, false), 1));
}

#[test]
fn an_aead_is_never_unauthenticated() {
    for &profile in Profile::ALL {
        let policy = policy(profile).with_unauthenticated_rtp();
        let refused = Sender::new(policy.clone(), key(profile, 1)).err();
        let expected = SetUpError::Unauthenticated { profile };
        assert_eq!(refused, profile.is_aead().then_some(expected));
        let refused = Receiver::new(policy, key(profile, 1)).err();
        assert_eq!(refused, profile.is_aead().then_some(expected));
    }
}

#[test]
fn srtcp_carries_no_roc_in_any_mode() {
    use RocCarryingMode::{One, Three, Two};
    for mode in [One, Two, Three] {
        for profile in authenticating() {
            let carrying = RocCarrying::new(mode, 1.try_into().unwrap());
            let policy = || policy(profile).with_roc_carrying(carrying);
            let Ok(mut sender) = Sender::new(policy(), key(profile, 1)) else {
                continue; // A tag that cannot be cut.
            };
            let (mut plain_sender, _) = pair(packets::policy(profile));
            for sender in [&mut sender, &mut plain_sender] {
                sender.set_roc(SSRC, 0xabcd_ef01).unwrap();
            }
            let packet = rtcp(SSRC, 9);
            assert_eq!(
                protect_rtcp(&mut sender, &packet),
                protect_rtcp(&mut plain_sender, &packet),
                "{profile} {mode:?}"
            );
        }
    }
}

#[test]
fn a_carried_roc_leads_to_its_session_keys_too() {
    // At a rate of 2^16 every ROC has session keys of its own.
    let rate = KeyDerivationRate::from_exponent(16).unwrap();
    for (mode, seqs) in [
        (RocCarryingMode::One, [0, 2]),
        (RocCarryingMode::Two, [0, 1]),
        (RocCarryingMode::Three, [0, 1]),
    ] {
        let policy = policy(PROFILE)
            .with_key_derivation_rate(rate)
            .with_roc_carrying(RocCarrying::new(mode, 2.try_into().unwrap()));
        let (mut sender, mut receiver) = pair(policy);
        sender.set_roc(SSRC, 77).unwrap();
        for seq in seqs {
            let plain = rtp(SSRC, seq, 20);
            let packet = protect_rtp(&mut sender, &plain).unwrap();
            assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);
        }
        assert_eq!(receiver.roc(SSRC), Some(77));
    }
}

/// An RTP packet with an extension element of id 1 and 16 octets.
fn with_extension(seq: u16) -> Vec<u8> {
    let mut packet = rtp(SSRC, seq, 40);
    packet[0] |= 0x10;
    let mut extension = vec![0xbe, 0xde, 0, 5, 0x1f];
    extension.extend([0xe1; 16]);
    extension.extend([0; 3]);
    packet.splice(12..12, extension);
    packet
}

#[test]
fn headers_under_gcm_256_are_under_aes_256() {
    // RFC 7714 §8.3: k_he and k_hs are AES_256_CM's, the salt as long as GCM's.
    for (profile, cm) in [
        (Profile::AeadAes256Gcm, Profile::AesCm256HmacSha1_80),
        (Profile::AeadAes128Gcm, Profile::AesCm128HmacSha1_80),
    ] {
        let ids = || [1].into_iter().collect();
        let (mut sender, _) = pair(policy(profile).with_encrypted_extensions(ids()));
        let plain = with_extension(9);
        let packet = protect_rtp(&mut sender, &plain).unwrap();
        assert_ne!(packet[17..33], plain[17..33]);

        // The same octets out of counter mode itself, whose label 7 salt is cut.
        let header_key =
            key(profile, 1).derive::<32>(Label::RtpHeaderEncryption, PacketIndex::ZERO);
        let header_salt = key(profile, 1).derive::<12>(Label::RtpHeaderSalt, PacketIndex::ZERO);
        let mut iv = [0; 14];
        iv[..12].copy_from_slice(&*header_salt);
        for (octet, term) in iv[4..8].iter_mut().zip(SSRC.to_be_bytes()) {
            *octet ^= term;
        }
        for (octet, term) in iv[12..].iter_mut().zip(9u16.to_be_bytes()) {
            *octet ^= term;
        }
        let aes = callseal_srtp_crypto::AesCmKey::new(&header_key[..cm.key_len()]).unwrap();
        let mut body = plain[16..36].to_vec();
        let job = callseal_srtp_crypto::AesCmJob::new(&aes, iv, &mut body).unwrap();
        callseal_srtp::Backend::detected().aes_cm(&mut [job]);
        assert_eq!(packet[17..33], body[1..17], "{profile}");
    }
}

#[test]
fn a_packet_that_uses_cryptex_uses_no_encrypted_extensions() {
    for profile in encrypting() {
        let ids = || [1].into_iter().collect();
        let cryptex = policy(profile).with_cryptex(Cryptex::On);
        let both = cryptex.clone().with_encrypted_extensions(ids());
        let (mut sender, mut receiver) = pair(both.clone());
        let (mut with_cryptex, _) = pair(cryptex);
        let plain = with_extension(1);
        let packet = protect_rtp(&mut sender, &plain).unwrap();
        assert_eq!(packet[12..14], [0xc0, 0xde]);
        assert_eq!(packet, protect_rtp(&mut with_cryptex, &plain).unwrap());
        assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);

        // From a peer that chose RFC 6904 for a packet.
        let (mut with_ids, _) = pair(policy(profile).with_encrypted_extensions(ids()));
        let plain = with_extension(2);
        let packet = protect_rtp(&mut with_ids, &plain).unwrap();
        assert_eq!(packet[12..14], [0xbe, 0xde]);
        assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);
    }
}

#[test]
fn a_master_key_of_one_profile_serves_no_other() {
    let other = MasterKey::new(Profile::AesCm128HmacSha1_32, &[1; 16], &[2; 14]).unwrap();
    assert!(matches!(
        Sender::new(policy(PROFILE), other),
        Err(SetUpError::Key(_))
    ));
}
