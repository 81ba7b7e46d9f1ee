//! Packets that others have published.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::{
    Backend, Cryptex, KeyDerivationRate, Label, MasterKey, PacketIndex, Policy, Profile, Receiver,
    RtcpIndex, Sender,
};
use callseal_srtp_crypto::{AesCmJob, AesCmKey};
use callseal_testvectors::libsrtp::{ReferencePackets, reference_packets};
use callseal_testvectors::{nist_srtp_kdf, rfc6188, rfc6904, rfc9335};
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

/// libsrtp's packets of one function, whose key octets may be more than the
/// profile takes.
fn check_function(function: &str, policy: Policy) {
    let packets = reference_packets(function);
    let profile = policy.profile();
    // The functions without a key have no cipher and no tag either.
    let octets = packets.key.clone().unwrap_or(vec![0; 64]);
    let (key, salt) = octets.split_at(profile.key_len());
    let key = || MasterKey::new(profile, key, &salt[..profile.salt_len()]).unwrap();
    let policy = policy.with_first_rtcp_index(RtcpIndex::new(1).unwrap());
    let mut sender = Sender::new(policy.clone(), key()).unwrap();
    let mut receiver = Receiver::new(policy, key()).unwrap();

    let rtp = ["srtp_plaintext_ref", "rtp_plaintext_ref"];
    let rtp = rtp.iter().find_map(|name| packets.find(name)).unwrap();
    let srtp = packets.packet("srtp_ciphertext");
    assert_eq!(protect_rtp(&mut sender, &rtp).unwrap(), srtp, "{function}");
    assert_eq!(unprotect_rtp(&mut receiver, &srtp).unwrap(), rtp);
    if let Some(rtcp) = packets.find("rtcp_plaintext_ref") {
        let srtcp = packets.packet("srtcp_ciphertext");
        assert_eq!(
            protect_rtcp(&mut sender, &rtcp).unwrap(),
            srtcp,
            "{function}"
        );
        assert_eq!(unprotect_rtcp(&mut receiver, &srtcp).unwrap(), rtcp);
    }
}

#[test]
fn libsrtps_reference_packets_of_every_other_profile_are_reproduced_and_opened() {
    check_function(
        "srtp_validate_null_sha1_80",
        policy(Profile::NullHmacSha1_80),
    );
    check_function("srtp_validate_null_null", policy(Profile::NullNull));
    check_function("srtp_validate_gcm", policy(Profile::AeadAes128Gcm));
    check_function(
        "srtp_validate_aes_256",
        policy(Profile::AesCm256HmacSha1_80),
    );
}

#[test]
fn libsrtp_763_aes_192_session_keys_are_rfc_6188s() {
    check_function(
        "srtp_validate_aes_192",
        policy(Profile::AesCm192HmacSha1_80),
    );
}

#[test]
fn libsrtps_packets_with_encrypted_header_extensions_are_reproduced_and_opened() {
    let ids = rfc6904::appendix_a().encrypted_ids;
    let ids = || ids.iter().copied().collect();
    check_function(
        "srtp_validate_encrypted_extensions_headers",
        policy(Profile::AesCm128HmacSha1_80).with_encrypted_extensions(ids()),
    );
    check_function(
        "srtp_validate_encrypted_extensions_headers_gcm",
        policy(Profile::AeadAes128Gcm).with_encrypted_extensions(ids()),
    );
}

#[test]
fn rfc6188_7_session_keys_are_derived() {
    for kdf in rfc6188::section_7().kdf {
        let profile = match kdf.master_key.len() {
            24 => Profile::AesCm192HmacSha1_80,
            _ => Profile::AesCm256HmacSha1_80,
        };
        let key = MasterKey::new(profile, &kdf.master_key, &kdf.master_salt).unwrap();
        let zero = PacketIndex::ZERO;
        let derived = key.derive::<32>(Label::RtpEncryption, zero);
        assert_eq!(derived[..profile.key_len()], kdf.cipher_key);
        assert_eq!(key.derive::<14>(Label::RtpSalt, zero)[..], kdf.cipher_salt);
        let derived = key.derive::<20>(Label::RtpAuthentication, zero);
        assert_eq!(derived[..], kdf.auth_key);
    }
}

#[test]
fn rfc6188_7_keystreams_are_reproduced_to_their_ends() {
    let vectors = rfc6188::section_7().keystream;
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let key = AesCmKey::new(&vector.session_key).unwrap();
        let iv = *vector.counter_start.first_chunk::<14>().unwrap();
        for backend in Backend::available() {
            let mut data = vec![0; vector.keystream_octets];
            backend.aes_cm(&mut [AesCmJob::new(&key, iv, &mut data).unwrap()]);
            assert_eq!(data[..48], vector.first_48, "{}", backend.name());
            assert_eq!(data[data.len() - 48..], vector.last_48);
        }
    }
}

#[test]
fn nists_srtp_session_keys_are_derived_at_every_rate() {
    let integer = |octets: &[u8]| octets.iter().fold(0, |n, &octet| n << 8 | u64::from(octet));
    for case in nist_srtp_kdf::vectors().cases {
        let profile = match case.k_master.len() {
            16 => Profile::AesCm128HmacSha1_80,
            24 => Profile::AesCm192HmacSha1_80,
            _ => Profile::AesCm256HmacSha1_80,
        };
        let key = MasterKey::new(profile, &case.k_master, &case.master_salt).unwrap();
        // r = index DIV kdr, and 0 where kdr is 0.
        let r = integer(&case.index).checked_div(integer(&case.kdr));
        let r = PacketIndex::new(r.unwrap_or(0)).unwrap();
        let k_e = key.derive::<32>(Label::RtpEncryption, r);
        assert_eq!(k_e[..profile.key_len()], case.k_e);
        assert_eq!(key.derive::<20>(Label::RtpAuthentication, r)[..], case.k_a);
        assert_eq!(key.derive::<14>(Label::RtpSalt, r)[..], case.k_s);
    }
    let rates: Vec<_> = (0..=24)
        .filter_map(KeyDerivationRate::from_exponent)
        .collect();
    assert_eq!(rates.len(), 25);
}

#[test]
fn rfc6904_a_packet_is_reproduced_and_opened() {
    let vector = rfc6904::appendix_a();
    let profile = Profile::from_name(&vector.suite).unwrap();
    let key = || MasterKey::new(profile, &vector.master_key, &vector.master_salt).unwrap();
    let zero = PacketIndex::ZERO;
    let derived = key().derive::<16>(Label::RtpHeaderEncryption, zero);
    assert_eq!(derived[..], vector.header_key);
    let derived = key().derive::<14>(Label::RtpHeaderSalt, zero);
    assert_eq!(derived[..], vector.header_salt);

    let ids = vector.encrypted_ids.iter().copied().collect();
    let policy = policy(profile).with_encrypted_extensions(ids);
    let mut sender = Sender::new(policy.clone(), key()).unwrap();
    let mut receiver = Receiver::new(policy, key()).unwrap();
    let packet = protect_rtp(&mut sender, &vector.rtp_packet).unwrap();
    let body = 16..16 + vector.extension_encrypted.len();
    assert_eq!(packet[body], vector.extension_encrypted);
    assert_eq!(packet, vector.protected_packet);
    let opened = unprotect_rtp(&mut receiver, &packet).unwrap();
    assert_eq!(opened, vector.rtp_packet);
}

#[test]
fn rfc9335_a_packets_are_reproduced_and_opened() {
    for case in rfc9335::appendix_a().cases {
        let profile = Profile::from_name(&case.suite).unwrap();
        let key = || MasterKey::new(profile, &case.master_key, &case.master_salt).unwrap();
        for cryptex in [Cryptex::On, Cryptex::Required] {
            let policy = policy(profile).with_cryptex(cryptex);
            let mut sender = Sender::new(policy.clone(), key()).unwrap();
            let mut receiver = Receiver::new(policy, key()).unwrap();
            let packet = protect_rtp(&mut sender, &case.rtp).unwrap();
            assert_eq!(packet, case.cryptex_srtp, "{} {profile}", case.title);
            let opened = unprotect_rtp(&mut receiver, &packet).unwrap();
            assert_eq!(opened, case.rtp);
        }
    }
}
