//! From one buffer into another.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::{Profile, ProtectError, UnprotectError};
use packets::*;

#[test]
fn a_packet_between_two_buffers_is_the_packet_in_place() {
    for &profile in Profile::ALL {
        let (mut sender, mut receiver) = pair_with_mki(policy(profile), &[1, 2]);
        let (mut in_place, _) = pair_with_mki(policy(profile), &[1, 2]);
        let plain = rtp(SSRC, 9, 77);
        let mut protected = vec![0; plain.len() + sender.max_trailer_len()];
        let len = sender.protect_rtp_into(&plain, &mut protected).unwrap();
        let expected = protect_rtp(&mut in_place, &plain).unwrap();
        assert_eq!(protected[..len], expected);

        let mut opened = vec![0; len];
        let result = receiver.unprotect_rtp_into(&protected[..len], &mut opened);
        let result = result.unwrap();
        assert_eq!(opened[..result.len], plain);
        assert_eq!(result.mki(&opened), Some(&[1, 2][..]));
        assert_eq!(protected[..len], expected);

        let plain = rtcp(SSRC, 9);
        let mut protected = vec![0; plain.len() + sender.max_trailer_len()];
        let len = sender.protect_rtcp_into(&plain, &mut protected).unwrap();
        let expected = protect_rtcp(&mut in_place, &plain).unwrap();
        assert_eq!(protected[..len], expected);
        let mut opened = vec![0; len];
        let result = receiver.unprotect_rtcp_into(&protected[..len], &mut opened);
        assert_eq!(opened[..result.unwrap().len], plain);
    }
}

#[test]
fn what_fails_leaves_nothing_of_the_packet_behind() {
    for profile in authenticating() {
        let (mut sender, mut receiver) = pair(policy(profile));
        let plain = rtp(SSRC, 9, 77);
        let mut dst = vec![0xee; 200];
        let len = sender.protect_rtp_into(&plain, &mut dst).unwrap();
        let mut forged = dst[..len].to_vec();
        forged[20] ^= 1;

        let mut dst = vec![0xee; 200];
        let refused = sender.protect_rtp_into(&plain, &mut dst);
        assert_eq!(refused, Err(ProtectError::Replayed));
        assert!(dst[..plain.len()].iter().all(|&octet| octet == 0));

        let mut dst = vec![0xee; 200];
        let refused = receiver.unprotect_rtp_into(&forged, &mut dst);
        assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
        assert!(dst[..len].iter().all(|&octet| octet == 0));
        assert!(dst[len..].iter().all(|&octet| octet == 0xee));
    }
}

#[test]
fn a_buffer_that_is_too_short_is_told_and_left_alone() {
    let profile = Profile::AesCm128HmacSha1_80;
    let (mut sender, mut receiver) = pair(policy(profile));
    let plain = rtp(SSRC, 9, 20);
    for len in 0..42 {
        let mut dst = vec![0xee; len];
        let refused = sender.protect_rtp_into(&plain, &mut dst);
        assert!(matches!(refused, Err(ProtectError::NoRoom { .. })), "{len}");
        assert!(!plain.windows(8).any(|octets| dst.starts_with(octets)));
    }
    let mut protected = vec![0; 42];
    assert_eq!(sender.protect_rtp_into(&plain, &mut protected), Ok(42));
    for len in 0..42 {
        let mut dst = vec![0xee; len];
        let refused = receiver.unprotect_rtp_into(&protected, &mut dst);
        let error = UnprotectError::BeyondBuffer {
            len: 42,
            buffer_len: len,
        };
        assert_eq!(refused, Err(error));
        assert!(dst.iter().all(|&octet| octet == 0xee));
    }
}
