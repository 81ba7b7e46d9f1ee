//! What has gone wrong elsewhere, by the name it is known under.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::{Malformed, Profile, ProtectError, Receiver, Sender, UnprotectError};
use packets::*;

const PROFILE: Profile = Profile::AesCm128HmacSha1_80;

#[test]
fn cve_2013_2139_a_packet_is_protected_into_an_exact_buffer_and_into_no_smaller_one() {
    for &profile in Profile::ALL {
        for name in [&[][..], &[1], &[0x5a; 128]] {
            let new_sender = || match name {
                [] => Sender::new(policy(profile), key(profile, 1)).unwrap(),
                _ => Sender::with_mki(policy(profile), mki(name), key(profile, 1)).unwrap(),
            };
            let rtp_len = 32 + name.len() + profile.rtp_tag_len();
            let rtcp_len = 28 + 4 + name.len() + profile.rtcp_tag_len();
            for short_by in [0, 1, 2, name.len() + 4] {
                let mut buf = rtp(SSRC, 1, 20);
                buf.resize(rtp_len - short_by, 0xc7);
                let before = buf.clone();
                let protected = new_sender().protect_rtp(&mut buf, 32);
                check(protected, &buf, &before, rtp_len);

                let mut buf = rtcp(SSRC, 7);
                buf.resize(rtcp_len - short_by, 0xc7);
                let before = buf.clone();
                let protected = new_sender().protect_rtcp(&mut buf, 28);
                check(protected, &buf, &before, rtcp_len);
            }
        }
    }

    fn check(protected: Result<usize, ProtectError>, buf: &[u8], before: &[u8], needed: usize) {
        let buffer_len = buf.len();
        if buffer_len == needed {
            assert_eq!(protected, Ok(needed));
        } else {
            assert_eq!(protected, Err(ProtectError::NoRoom { buffer_len, needed }));
            assert_eq!(buf, before);
        }
    }
}

#[test]
fn cve_2015_6360_every_header_shape_at_every_length_is_an_error_or_left_in_clear() {
    let profile = Profile::AesCm128HmacSha1_32;
    for csrc_count in 0..16u8 {
        for extension in [None, Some(0u16), Some(1), Some(3), Some(u16::MAX)] {
            let mut shape = rtp(SSRC, 1, 0);
            shape[0] |= csrc_count;
            shape.extend(vec![0x55; usize::from(csrc_count) * 4]);
            if let Some(words) = extension {
                shape[0] |= 0x10;
                shape.extend([0xbe, 0xde]);
                shape.extend(words.to_be_bytes());
            }
            let header_len = shape.len() + usize::from(extension.unwrap_or(0)) * 4;
            for len in 0..=110 {
                let mut packet = shape.clone();
                packet.resize(len, 0x66);
                let (mut sender, mut receiver) = pair(policy(profile));
                // As it is: an SRTP packet made up by somebody without a key.
                assert!(unprotect_rtp(&mut receiver, &packet).is_err());
                let _ = unprotect_rtcp(&mut receiver, &packet);

                match protect_rtp(&mut sender, &packet) {
                    Err(error) => {
                        assert!(len < header_len);
                        assert!(matches!(error, ProtectError::Malformed(_)), "{error}");
                    }
                    Ok(protected) => {
                        assert!(len >= header_len);
                        assert_eq!(protected[..header_len], packet[..header_len]);
                        assert_eq!(unprotect_rtp(&mut receiver, &protected).unwrap(), packet);
                    }
                }
            }
        }
    }
}

#[test]
fn libsrtp_817_818_unencrypted_srtcp_writes_no_octet_beyond_its_packet() {
    for profile in authenticating() {
        let (mut sender, mut receiver) = pair(policy(profile).with_unencrypted_rtcp());
        let plain = rtcp(SSRC, 7);
        // The helper has canaries behind the packet, and the buffer is exact here.
        let packet = protect_rtcp(&mut sender, &plain).unwrap();
        assert_eq!(packet[..28], plain, "left in clear");
        let word_at = e_bit_at(profile, 28);
        let word = &packet[word_at..word_at + 4];
        assert_eq!(word, [0, 0, 0, 0], "E = 0, index 0");
        assert_eq!(packet.len(), 32 + profile.rtcp_tag_len());
        assert_eq!(unprotect_rtcp(&mut receiver, &packet).unwrap(), plain);

        let mut exact = plain.clone();
        exact.resize(packet.len(), 0);
        assert_eq!(sender.protect_rtcp(&mut exact, 28), Ok(packet.len()));
        let mut forged = exact.clone();
        forged[9] ^= 1;
        let refused = unprotect_rtcp(&mut receiver, &forged);
        assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
    }
}

#[test]
fn libsrtp_20_an_e_bit_that_is_not_the_policys_is_refused_with_a_right_tag_too() {
    for profile in encrypting() {
        let (mut sealing, mut wants_sealed) = pair(policy(profile));
        let (mut clear, mut wants_clear) = pair(policy(profile).with_unencrypted_rtcp());
        let sealed = protect_rtcp(&mut sealing, &rtcp(SSRC, 7)).unwrap();
        let clear = protect_rtcp(&mut clear, &rtcp(SSRC, 7)).unwrap();
        let refused = Err(UnprotectError::EncryptFlag);
        assert_eq!(unprotect_rtcp(&mut wants_sealed, &clear), refused);
        assert_eq!(unprotect_rtcp(&mut wants_clear, &sealed), refused);

        let mut cleared = sealed.clone();
        cleared[e_bit_at(profile, 28)] &= 0x7f;
        assert_eq!(unprotect_rtcp(&mut wants_sealed, &cleared), refused);
        let refused = Err(UnprotectError::AuthenticationFailed);
        assert_eq!(unprotect_rtcp(&mut wants_clear, &cleared), refused);
    }
}

#[test]
fn libsrtp_264_no_two_srtcp_packets_share_keystream() {
    for profile in encrypting() {
        let (mut sender, _) = pair(policy(profile));
        // The payloads are equal, so that equal ciphertext is equal keystream.
        let mut keystreams: Vec<Vec<u8>> = (0..100)
            .flat_map(|_| [SSRC, 5])
            .map(|ssrc| protect_rtcp(&mut sender, &rtcp(ssrc, 6)).unwrap()[8..24].to_vec())
            .collect();
        // Nor does RTP with the same SSRC and index.
        let mut packet = rtcp(SSRC, 6);
        packet[0] = 0x80;
        packet[8..12].copy_from_slice(&SSRC.to_be_bytes());
        packet[2..4].copy_from_slice(&[0, 0]);
        packet.extend_from_slice(&[0xa5; 16]);
        let protected = protect_rtp(&mut sender, &packet).unwrap();
        keystreams.push(protected[12..28].to_vec());

        let count = keystreams.len();
        keystreams.sort();
        keystreams.dedup();
        assert_eq!(keystreams.len(), count);
    }
}

#[test]
fn libsrtp_733_821_an_mki_stands_where_tags_differ_in_length_and_the_roc_is_high() {
    let profile = Profile::AesCm128HmacSha1_32;
    let (mut sender, mut receiver) = pair_with_mki(policy(profile), &[0xe1, 0xf9, 0x7a, 0x0d]);
    sender.set_roc(SSRC, 0x00ab_cdef).unwrap();
    receiver.set_roc(SSRC, 0x00ab_cdef).unwrap();
    for seq in [65_535, 0, 1] {
        let plain = rtp(SSRC, seq, 20);
        let packet = protect_rtp(&mut sender, &plain).unwrap();
        assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);
        let plain = rtcp(SSRC, 7);
        let packet = protect_rtcp(&mut sender, &plain).unwrap();
        assert_eq!(unprotect_rtcp(&mut receiver, &packet).unwrap(), plain);
    }
    assert_eq!(receiver.roc(SSRC), Some(0x00ab_cdf0));
}

#[test]
fn pion_transport_339_str0m_1029_webrtc_rs_661_no_content_panics_at_any_length() {
    for padding_count in [0, 1, 4, 255] {
        for len in 0..=64 {
            let (mut sender, mut receiver) = pair(policy(PROFILE));
            for first in [0x80, 0xa0, 0xbf, 0xff, 0x00, 0x40] {
                let mut packet = rtp(SSRC, 1, 64);
                packet.truncate(len);
                if let Some(octet) = packet.first_mut() {
                    *octet = first;
                }
                if let Some(octet) = packet.last_mut() {
                    *octet = padding_count;
                }
                let _ = unprotect_rtp(&mut receiver, &packet);
                let _ = unprotect_rtcp(&mut receiver, &packet);
                let _ = protect_rtp(&mut sender, &packet);
                let _ = protect_rtcp(&mut sender, &packet);
            }
        }
    }
    // The P bit and its count are the payload's affair, and an empty payload is one.
    for payload_len in [0, 1] {
        let (mut sender, mut receiver) = pair(policy(PROFILE));
        let mut plain = rtp(SSRC, 1, payload_len);
        plain[0] |= 0x20;
        let packet = protect_rtp(&mut sender, &plain).unwrap();
        assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);
    }
}

#[test]
fn pion_372_forged_ssrcs_leave_no_stream_and_take_no_place() {
    let (mut sender, mut receiver) = pair(policy(PROFILE).with_max_streams(1));
    let mut forged = protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).unwrap();
    let mut forged_control = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
    for ssrc in 0..20_000u32 {
        forged[8..12].copy_from_slice(&ssrc.to_be_bytes());
        forged_control[4..8].copy_from_slice(&ssrc.to_be_bytes());
        let refused = receiver.unprotect_rtp(&mut forged.clone(), 42);
        assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
        let refused = receiver.unprotect_rtcp(&mut forged_control.clone(), 42);
        assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
    }
    assert_eq!(receiver.ssrcs().count(), 0);

    // The one place is still there for who has the key.
    let genuine = protect_rtp(&mut sender, &rtp(SSRC, 2, 20)).unwrap();
    unprotect_rtp(&mut receiver, &genuine).unwrap();
    let second = protect_rtp(
        &mut Sender::new(policy(PROFILE), key(PROFILE, 1)).unwrap(),
        &rtp(7, 1, 20),
    );
    let refused = unprotect_rtp(&mut receiver, &second.unwrap());
    assert_eq!(refused, Err(UnprotectError::TooManyStreams));
}

#[test]
fn cve_2025_53399_nothing_of_a_packet_counts_before_its_tag() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let first = protect_rtp(&mut sender, &rtp(SSRC, 1, 20)).unwrap();
    unprotect_rtp(&mut receiver, &first).unwrap();
    let newest = receiver.newest_index(SSRC);
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 2, 20)).unwrap();

    // Each bit of header, payload and tag changed: refused, the buffer as it
    // was (the helper checks), the stream where it was.
    for bit in 0..packet.len() * 8 {
        let mut forged = packet.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(unprotect_rtp(&mut receiver, &forged).is_err(), "bit {bit}");
        assert_eq!(receiver.newest_index(SSRC), newest);
        assert_eq!(receiver.ssrcs().count(), 1);
    }
    assert!(unprotect_rtp(&mut receiver, &packet).is_ok());

    let control = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
    for bit in 0..control.len() * 8 {
        let mut forged = control.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(unprotect_rtcp(&mut receiver, &forged).is_err(), "bit {bit}");
        assert_eq!(receiver.ssrcs().count(), 1);
    }
    assert!(unprotect_rtcp(&mut receiver, &control).is_ok());
}

#[test]
fn every_prefix_of_a_valid_packet_is_refused_and_changes_nothing() {
    for profile in authenticating() {
        for name in [&[][..], &[9, 9]] {
            let (mut sender, mut receiver) = match name {
                [] => pair(policy(profile)),
                _ => pair_with_mki(policy(profile), name),
            };
            let mut plain = rtp(SSRC, 1, 60);
            plain[0] |= 0x13;
            plain[24..28].copy_from_slice(&[0xbe, 0xde, 0, 3]);
            let packet = protect_rtp(&mut sender, &plain).unwrap();
            let control = protect_rtcp(&mut sender, &rtcp(SSRC, 12)).unwrap();
            for len in 0..packet.len() {
                assert!(unprotect_rtp(&mut receiver, &packet[..len]).is_err());
            }
            for len in 0..control.len() {
                assert!(unprotect_rtcp(&mut receiver, &control[..len]).is_err());
            }
            assert_eq!(receiver.ssrcs().count(), 0);
            assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);
            assert!(unprotect_rtcp(&mut receiver, &control).is_ok());
        }
    }
}

#[test]
fn a_length_beyond_the_buffer_is_the_callers_error() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let mut buf = rtp(SSRC, 1, 20);
    for len in [33, 1_000, usize::MAX] {
        let error = UnprotectError::BeyondBuffer {
            len,
            buffer_len: 32,
        };
        assert_eq!(receiver.unprotect_rtp(&mut buf, len), Err(error));
        assert_eq!(receiver.unprotect_rtcp(&mut buf, len), Err(error));
        for protected in [
            sender.protect_rtp(&mut buf, len),
            sender.protect_rtcp(&mut buf, len),
        ] {
            assert!(matches!(protected, Err(ProtectError::NoRoom { .. })));
        }
    }
}

#[test]
fn what_cannot_be_a_packet_says_so() {
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let malformed = |error| Err(UnprotectError::Malformed(error));
    assert_eq!(
        unprotect_rtp(&mut receiver, &[0x80; 9]),
        malformed(Malformed::NoTrailer {
            len: 9,
            trailer_len: 10
        })
    );
    assert_eq!(
        unprotect_rtcp(&mut receiver, &[0x80; 21]),
        malformed(Malformed::TooShort { len: 7, needed: 8 })
    );
    assert_eq!(
        unprotect_rtp(&mut receiver, &[0x40; 40]),
        malformed(Malformed::Version(1))
    );
    assert_eq!(
        protect_rtp(&mut sender, &[0x80; 11]),
        Err(ProtectError::Malformed(Malformed::TooShort {
            len: 11,
            needed: 12
        }))
    );
}

#[test]
fn a_payload_as_long_as_its_keystream_is_protected_and_a_longer_one_is_not() {
    const KEYSTREAM_LEN: usize = 1 << 20;
    let (mut sender, mut receiver) = pair(policy(PROFILE));
    let plain = rtp(SSRC, 1, KEYSTREAM_LEN);
    let packet = protect_rtp(&mut sender, &plain).unwrap();
    assert_eq!(unprotect_rtp(&mut receiver, &packet).unwrap(), plain);

    let plain = rtp(SSRC, 2, KEYSTREAM_LEN + 1);
    assert_eq!(protect_rtp(&mut sender, &plain), Err(ProtectError::TooLong));
    let mut plain = plain;
    plain.extend_from_slice(&[0; 10]);
    let refused = unprotect_rtp(&mut receiver, &plain);
    assert_eq!(refused, Err(UnprotectError::TooLong));
}

#[test]
fn each_direction_has_its_own_place_for_streams() {
    let policy = policy(PROFILE).with_max_streams(2);
    let mut sender = Sender::new(policy.clone(), key(PROFILE, 1)).unwrap();
    let mut receiver = Receiver::new(policy, key(PROFILE, 1)).unwrap();
    for ssrc in [1, 2] {
        let packet = protect_rtp(&mut sender, &rtp(ssrc, 1, 20)).unwrap();
        unprotect_rtp(&mut receiver, &packet).unwrap();
    }
    assert_eq!(
        protect_rtp(&mut sender, &rtp(3, 1, 20)),
        Err(ProtectError::TooManyStreams)
    );
    assert_eq!(
        protect_rtcp(&mut sender, &rtcp(3, 7)),
        Err(ProtectError::TooManyStreams)
    );
    // RTP and RTCP of one SSRC are one stream.
    assert!(protect_rtcp(&mut sender, &rtcp(2, 7)).is_ok());
    let mut ssrcs: Vec<_> = receiver.ssrcs().collect();
    ssrcs.sort();
    assert_eq!(ssrcs, [1, 2]);
}

#[test]
fn rustsec_2023_0096_a_refused_packet_holds_no_plaintext() {
    for profile in authenticating() {
        for encrypts_rtcp in [true, false] {
            let policy = match encrypts_rtcp {
                true => policy(profile),
                false => policy(profile).with_unencrypted_rtcp(),
            };
            let (mut sender, mut receiver) = pair(policy);
            let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 300)).unwrap();
            let control = protect_rtcp(&mut sender, &rtcp(SSRC, 70)).unwrap();
            for damaged_at in [12, 100, packet.len() - 1] {
                let mut forged = packet.clone();
                forged[damaged_at] ^= 0x40;
                let mut buf = forged.clone();
                let refused = receiver.unprotect_rtp(&mut buf, forged.len());
                assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
                assert_eq!(buf, forged, "{profile}");

                let mut forged = control.clone();
                forged[damaged_at.min(control.len() - 21)] ^= 0x40;
                let mut buf = forged.clone();
                let refused = receiver.unprotect_rtcp(&mut buf, forged.len());
                assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
                assert_eq!(buf, forged, "{profile}");
            }
        }
    }
}

#[test]
fn libsrtp_20_a_clear_e_bit_never_skips_the_tag() {
    for profile in authenticating() {
        let (mut sender, mut receiver) = pair(policy(profile).with_unencrypted_rtcp());
        let packet = protect_rtcp(&mut sender, &rtcp(SSRC, 7)).unwrap();
        for bit in 0..packet.len() * 8 {
            let mut forged = packet.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotect_rtcp(&mut receiver, &forged).is_err(), "bit {bit}");
        }
        assert!(unprotect_rtcp(&mut receiver, &packet).is_ok());
    }
}

#[test]
fn out_of_order_65534_to_2_is_received_in_every_profile() {
    for &profile in Profile::ALL {
        let (mut sender, mut receiver) = pair(policy(profile));
        let packets: Vec<_> = [65_534, 65_535, 0, 1, 2]
            .map(|seq| protect_rtp(&mut sender, &rtp(SSRC, seq, 20)).unwrap())
            .into();
        for n in [0, 3, 1, 4, 2] {
            unprotect_rtp(&mut receiver, &packets[n]).unwrap();
        }
        assert_eq!(receiver.roc(SSRC), Some(1));
    }
}
