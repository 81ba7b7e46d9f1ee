//! `a=crypto` lines: RFC 4568's own, and what is wrong with others.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::sdes::{CryptoAttribute, FecOrder, InlineKey, SdesError, SdesFault};
use callseal_srtp::{KeyDerivationRate, Profile, ProtectError, UnprotectError};
use callseal_testvectors::{captures, rfc4568};
use packets::*;
use proptest::prelude::*;

#[test]
fn rfc4568s_examples_are_read_and_printed_as_they_stand() {
    for example in rfc4568::examples().examples {
        let attribute = CryptoAttribute::parse(&example.line).unwrap();
        assert_eq!(attribute.tag, example.tag);
        assert_eq!(attribute.profile.name(), example.suite);
        assert_eq!(attribute.keys.len(), example.keys.len());
        for (key, said) in attribute.keys.iter().zip(&example.keys) {
            let mki = key.mki.as_ref().unwrap().as_bytes();
            assert_eq!(mki.len(), said.mki_len);
            let value = mki.iter().fold(0, |n, &octet| n << 8 | u64::from(octet));
            assert_eq!(value, said.mki_value);
            let lifetime = said.lifetime.as_ref().map(|_| 1 << 20);
            assert_eq!(key.lifetime, lifetime);
            let mut same = InlineKey::new(attribute.profile, &said.key, &said.salt).unwrap();
            same.lifetime = lifetime;
            assert_eq!(*key, same.with_mki(key.mki.clone().unwrap()));
        }
        let fec_order = (!example.session_params.is_empty()).then_some(FecOrder::FecSrtp);
        assert_eq!(attribute.session.fec_order, fec_order);
        assert_eq!(attribute.to_line().as_str(), example.line);
        attribute.sender(attribute.policy()).unwrap();
        attribute.receiver(attribute.policy()).unwrap();
    }
}

#[test]
fn both_ends_of_a_line_understand_each_other_through_all_of_its_keys() {
    let line = "a=crypto:7 AES_256_CM_HMAC_SHA1_80 \
        inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLQ==|2^31|1:2;\
        inline:LSwrKikoJyYlJCMiISAfHh0cGxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIBAA|3|2:2 \
        KDR=1 UNENCRYPTED_SRTCP WSH=512 -NEW=1\r\n";
    let attribute = CryptoAttribute::parse(line).unwrap();
    assert_eq!(attribute.session.unknown_optional, ["NEW=1"]);
    let mut sender = attribute.sender(attribute.policy()).unwrap();
    let mut receiver = attribute.receiver(attribute.policy()).unwrap();
    assert_eq!(receiver.policy().rtp_window(), 512);
    let rate = receiver.policy().key_derivation_rate();
    assert_eq!(rate, KeyDerivationRate::from_exponent(1).unwrap());
    let plain = rtcp(SSRC, 7);
    let packet = protect_rtcp(&mut sender, &plain).unwrap();
    assert_eq!(packet[..28], plain);
    assert_eq!(unprotect_rtcp(&mut receiver, &packet).unwrap(), plain);

    sender.switch_to(&mki(&[0, 2])).unwrap();
    for seq in 0..3 {
        let plain = rtp(SSRC, seq, 20);
        let packet = protect_rtp(&mut sender, &plain).unwrap();
        assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);
    }
    // The second key's lifetime of 3 has ended, at both ends.
    let refused = protect_rtp(&mut sender, &rtp(SSRC, 3, 20));
    assert_eq!(refused, Err(ProtectError::KeySpent));
    let refused = unprotect_rtcp(
        &mut receiver,
        &[&[0x80; 28][..], &[0; 4], &[0, 2], &[0; 10]].concat(),
    );
    assert_eq!(refused, Err(UnprotectError::KeySpent));
}

#[test]
fn the_key_of_a_capture_is_its_sdes_line() {
    let capture = captures::all()
        .into_iter()
        .find(|c| c.name == "rtpe_gcm256");
    let capture = capture.unwrap();
    // Key and salt of 44 octets, whose base64 ends with padding.
    let profile = Profile::AeadAes256Gcm;
    let key = InlineKey::new(profile, &capture.master_key, &capture.master_salt).unwrap();
    let line = CryptoAttribute::new(1, profile, key).to_line();
    let attribute = CryptoAttribute::parse(&line).unwrap();
    let mut receiver = attribute.receiver(attribute.policy()).unwrap();
    let packet = capture.packets.iter().find(|packet| !packet.is_rtcp);
    let packet = packet.unwrap();
    let opened = unprotect_rtp(&mut receiver, &packet.octets);
    assert_eq!(opened.unwrap(), *packet.verdict.as_ref().unwrap());
}

#[test]
fn a_fault_is_named_and_found() {
    use SdesFault::*;
    const KEY: &str = "inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
    let suite = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 ";
    let at_key = suite.len();
    let behind_key = at_key + KEY.len();
    let with = |rest: &str| format!("{suite}{KEY}{rest}");
    for (line, fault, at) in [
        ("a=cryptx:1".to_owned(), NotCrypto, 0),
        ("a=crypto:".to_owned(), NoTag, 9),
        ("a=crypto:1234567890 A B".to_owned(), Tag, 9),
        ("a=crypto:+1 A B".to_owned(), Tag, 9),
        ("a=crypto:1 ".to_owned(), NoSuite, 10),
        ("a=crypto:1 aes_cm_128_hmac_sha1_80 x".to_owned(), Suite, 11),
        (suite.trim_end().to_owned(), NoKey, at_key - 1),
        (format!("{suite}uri:x"), KeyMethod, at_key),
        (format!("{suite}inline:PS1u"), KeyLength, at_key + 7),
        (
            format!("{suite}inline:{}", "?".repeat(40)),
            Base64,
            at_key + 7,
        ),
        (with("="), Base64, at_key + 7),
        (with("|2^49"), Lifetime, behind_key + 1),
        (with("|0"), Lifetime, behind_key + 1),
        (with("|"), Lifetime, behind_key + 1),
        (with("|1:129"), Mki, behind_key + 1),
        (with("|256:1"), Mki, behind_key + 1),
        (with("|:1"), Mki, behind_key + 1),
        (with("|1:4|2^20"), KeyInfo, behind_key + 5),
        (with(&format!(";{KEY}")), AmbiguousMki, behind_key + 1),
        (
            with(&format!("|1:1;{KEY}|1:1")),
            AmbiguousMki,
            behind_key + 5,
        ),
        (
            with(&format!("|1:1;{KEY}|2:2")),
            AmbiguousMki,
            behind_key + 5,
        ),
        (with(" KDR=25"), Kdr, behind_key + 5),
        (with(" KDR="), Kdr, behind_key + 5),
        (with(" WSH=63"), WindowSizeHint, behind_key + 5),
        (with(" FEC_ORDER=SRTP"), FecOrder, behind_key + 11),
        (with(" WSH=64 WSH=64"), Twice, behind_key + 8),
        (with(" NEW"), SessionParameter, behind_key + 1),
        (
            with(" UNENCRYPTED_SRTP=1"),
            SessionParameter,
            behind_key + 1,
        ),
        (with("\u{7}"), ControlCharacter, behind_key),
    ] {
        let error = CryptoAttribute::parse(&line).unwrap_err();
        assert_eq!(error, SdesError { at, fault }, "{line}");
    }
    for (line, fault, at) in [
        ("a=crypto:01 A B".to_owned(), Tag, 9),
        (with("|020"), Lifetime, behind_key + 1),
        (with("|2^020"), Lifetime, behind_key + 1),
        (with("|01:4"), Mki, behind_key + 1),
        (with("|1:04"), Mki, behind_key + 1),
        (with(" KDR=01"), Kdr, behind_key + 5),
        (with(" WSH=064"), WindowSizeHint, behind_key + 5),
    ] {
        // RFC 4568 §4.1, §6.1, §6.3.1, §6.3.6: no leading zeros.
        let error = CryptoAttribute::parse(&line).unwrap_err();
        assert_eq!(error, SdesError { at, fault }, "{line}");
    }
    let keys: Vec<_> = (0..33).map(|n| format!("{KEY}|{n}:1")).collect();
    let error = CryptoAttribute::parse(&format!("{suite}{}", keys.join(";"))).unwrap_err();
    assert_eq!(error.fault, TooManyKeys);
}

#[test]
fn a_line_that_is_printed_for_debugging_shows_no_key() {
    let example = &rfc4568::examples().examples[0];
    let attribute = CryptoAttribute::parse(&example.line).unwrap();
    let shown = format!("{attribute:?}");
    assert!(shown.contains("AesCm128HmacSha1_80"));
    assert!(
        !shown.contains("inline") && !shown.contains("octets"),
        "{shown}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_attribute_is_read_from_its_line(
        tag in 0..1_000_000_000u32,
        profile in prop::sample::select(Profile::ALL),
        octets in prop::collection::vec(any::<u8>(), 46),
        lifetime in prop::option::of(1..=1u64 << 48),
        name in prop::collection::vec(any::<u8>(), 0..=128),
        rate in prop::option::of(0..=24u8),
        flags in any::<[bool; 3]>(),
        hint in prop::option::of(64..u64::MAX),
    ) {
        let (key, salt) = octets.split_at(profile.key_len());
        let mut key = InlineKey::new(profile, key, &salt[..profile.salt_len()]).unwrap();
        key.lifetime = lifetime;
        key.mki = (!name.is_empty()).then(|| mki(&name));
        let mut attribute = CryptoAttribute::new(tag, profile, key.clone());
        let rate = rate.and_then(KeyDerivationRate::from_exponent);
        attribute.session.key_derivation_rate = rate.unwrap_or_default();
        [
            attribute.session.unencrypted_srtp,
            attribute.session.unencrypted_srtcp,
            attribute.session.unauthenticated_srtp,
        ] = flags;
        attribute.session.window_size_hint = hint;
        attribute.session.fec_keys = vec![key];
        attribute.session.fec_order = Some(FecOrder::SrtpFec);
        let read = CryptoAttribute::parse(&attribute.to_line());
        prop_assert_eq!(read, Ok(attribute));
    }
}
