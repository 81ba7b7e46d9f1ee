//! One body per promise, run over every backend this machine has.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use callseal_srtp_crypto::{
    AesCmJob, AesCmKey, Backend, HmacSha1Job, HmacSha1Key, MAX_KEYSTREAM_LEN,
};
use callseal_testvectors::rfc3711::appendix_b;
use hmac::{Hmac, Mac};
use proptest::prelude::*;
use sha1::Sha1;

/// The keystream of RFC 3711 §4.1.1, a block at a time.
fn keystream(key: &[u8], iv: [u8; 14], len: usize) -> Vec<u8> {
    let mut keystream = Vec::new();
    for counter in 0..=u16::MAX {
        if keystream.len() >= len {
            break;
        }
        let mut block = [0u8; 16];
        block[..14].copy_from_slice(&iv);
        block[14..].copy_from_slice(&counter.to_be_bytes());
        let mut block = block.into();
        match key.len() {
            16 => aes::Aes128::new_from_slice(key)
                .unwrap()
                .encrypt_block(&mut block),
            24 => aes::Aes192::new_from_slice(key)
                .unwrap()
                .encrypt_block(&mut block),
            _ => aes::Aes256::new_from_slice(key)
                .unwrap()
                .encrypt_block(&mut block),
        }
        keystream.extend_from_slice(&block);
    }
    keystream.truncate(len);
    keystream
}

fn hmac(key: &[u8], message: &[u8], suffix: Option<[u8; 4]>) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.update(suffix.as_ref().map_or(&[], |suffix| suffix.as_slice()));
    mac.finalize().into_bytes().into()
}

#[test]
fn rfc3711_b2_keystream_is_reproduced_to_its_last_block() {
    let vector = appendix_b().aes_cm;
    let key = AesCmKey::new(&vector.session_key).unwrap();
    let iv: [u8; 14] = vector.session_salt_shifted[..14].try_into().unwrap();
    assert_eq!(vector.keystream_octets, 1_044_512);
    for backend in Backend::available() {
        let mut data = vec![0; vector.keystream_octets];
        backend.aes_cm(&mut [AesCmJob::new(&key, iv, &mut data).unwrap()]);
        assert_eq!(vector.blocks.len(), 6);
        for (counter_block, keystream) in &vector.blocks {
            assert_eq!(counter_block[..14], iv);
            let at = 16 * usize::from(u16::from_be_bytes([counter_block[14], counter_block[15]]));
            assert_eq!(
                data[at..at + 16],
                keystream[..],
                "{} at {at}",
                backend.name()
            );
        }
    }
}

#[test]
fn the_counter_runs_to_its_last_block_without_touching_the_iv() {
    // With the IV all ones a carry out of the 16-bit counter would show.
    let key = AesCmKey::new(&[0x5a; 16]).unwrap();
    let expected = keystream(&[0x5a; 16], [0xff; 14], MAX_KEYSTREAM_LEN);
    for backend in Backend::available() {
        let mut data = vec![0; MAX_KEYSTREAM_LEN];
        backend.aes_cm(&mut [AesCmJob::new(&key, [0xff; 14], &mut data).unwrap()]);
        assert!(data == expected, "{}", backend.name());
    }
}

#[test]
fn no_job_is_longer_than_its_keystream() {
    let key = AesCmKey::new(&[0; 32]).unwrap();
    let mut data = vec![0; MAX_KEYSTREAM_LEN + 1];
    assert!(AesCmJob::new(&key, [0; 14], &mut data).is_err());
    assert!(AesCmJob::new(&key, [0; 14], &mut data[1..]).is_ok());
}

#[test]
fn aes_keys_of_other_lengths_are_refused() {
    for len in 0..=64 {
        let accepted = AesCmKey::new(&vec![0; len]).is_ok();
        assert_eq!(accepted, matches!(len, 16 | 24 | 32), "{len} octets");
    }
}

#[test]
fn every_length_and_key_size_equals_the_plain_definition() {
    let keys: Vec<Vec<u8>> = [16u8, 24, 32]
        .iter()
        .map(|&len| (0..len).collect())
        .collect();
    for backend in Backend::available() {
        for key in &keys {
            let expected = keystream(key, [9; 14], 2_100);
            let tag_key = HmacSha1Key::new(key);
            let key_of_job = AesCmKey::new(key).unwrap();
            let mut buffer = vec![0; 2_100 + 1];
            for len in 0..=2_100 {
                // Odd lengths start one octet in, so that no alignment is taken for granted.
                let data = &mut buffer[len % 2..len % 2 + len];
                data.fill(0);
                backend.aes_cm(&mut [AesCmJob::new(&key_of_job, [9; 14], data).unwrap()]);
                assert_eq!(data, &expected[..len]);

                let roc = (len % 3 != 0).then_some([1, 2, 3, 4]);
                let mut jobs = [HmacSha1Job::new(&tag_key, data, roc)];
                backend.hmac_sha1(&mut jobs);
                assert_eq!(jobs[0].tag(), &hmac(key, &expected[..len], roc));
            }
        }
    }
}

#[test]
fn rfc2202_tags_are_reproduced() {
    // RFC 2202 §3, test cases 1, 2 and 6.
    let cases: [(&[u8], &[u8], &str); 3] = [
        (
            &[0x0b; 20],
            b"Hi There",
            "b617318655057264e28bc0b6fb378c8ef146be00",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        (
            &[0xaa; 80],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "aa4ae5e15272d00e95705637ce8a3b55ed402112",
        ),
    ];
    for backend in Backend::available() {
        for (key, message, tag) in cases {
            let key = HmacSha1Key::new(key);
            let mut jobs = [HmacSha1Job::new(&key, message, None)];
            backend.hmac_sha1(&mut jobs);
            assert_eq!(jobs[0].tag()[..], callseal_testvectors::octets(tag));
        }
    }
}

#[test]
fn nothing_secret_is_printed() {
    let key = AesCmKey::new(&[0x41; 16]).unwrap();
    let auth = HmacSha1Key::new(&[0x41; 20]);
    let mut data = [0x41; 4];
    assert_eq!(format!("{key:?}"), "AesCmKey { .. }");
    assert_eq!(format!("{auth:?}"), "HmacSha1Key { .. }");
    assert_eq!(
        format!("{:?}", HmacSha1Job::new(&auth, &data, None)),
        "HmacSha1Job { message_len: 4, .. }"
    );
    assert_eq!(
        format!("{:?}", AesCmJob::new(&key, [0x41; 14], &mut data).unwrap()),
        "AesCmJob { data_len: 4, .. }"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn many_jobs_give_what_one_at_a_time_gives(
        packets in prop::collection::vec(
            (
                prop_oneof![Just(16usize), Just(24), Just(32)],
                any::<u8>(),
                any::<[u8; 14]>(),
                prop::collection::vec(any::<u8>(), 0..300),
                any::<Option<[u8; 4]>>(),
            ),
            0..40,
        ),
    ) {
        let raw: Vec<Vec<u8>> = packets.iter().map(|(len, fill, ..)| vec![*fill; *len]).collect();
        let keys: Vec<AesCmKey> = raw.iter().map(|key| AesCmKey::new(key).unwrap()).collect();
        let tag_keys: Vec<HmacSha1Key> = raw.iter().map(|key| HmacSha1Key::new(key)).collect();
        for backend in Backend::available() {
            let mut data: Vec<Vec<u8>> = packets.iter().map(|packet| packet.3.clone()).collect();
            let mut jobs: Vec<AesCmJob> = data
                .iter_mut()
                .zip(&keys)
                .zip(&packets)
                .map(|((data, key), packet)| AesCmJob::new(key, packet.2, data).unwrap())
                .collect();
            backend.aes_cm(&mut jobs);
            for ((data, packet), key) in data.iter().zip(&packets).zip(&raw) {
                let stream = keystream(key, packet.2, data.len());
                let expected: Vec<u8> = packet.3.iter().zip(stream).map(|(a, b)| a ^ b).collect();
                prop_assert_eq!(data, &expected);
            }

            let mut jobs: Vec<HmacSha1Job> = packets
                .iter()
                .zip(&tag_keys)
                .map(|(packet, key)| HmacSha1Job::new(key, &packet.3, packet.4))
                .collect();
            backend.hmac_sha1(&mut jobs);
            for ((job, packet), key) in jobs.iter().zip(&packets).zip(&raw) {
                prop_assert_eq!(job.tag(), &hmac(key, &packet.3, packet.4));
            }
        }
    }
}
