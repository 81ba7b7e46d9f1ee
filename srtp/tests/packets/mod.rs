//! Packets and keys for the tests, and the two promises that every call is
//! held to: a refused packet is as it came, and nothing is written beyond the
//! octets that a packet takes up.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use callseal_srtp::{
    BatchPacket, MasterKey, Mki, Policy, Profile, ProtectError, Receiver, RtcpIndex, Sender,
    UnprotectError, Unprotected,
};

pub(crate) const SSRC: u32 = 0xcafe_babe;

/// The policy of a test, on the backend that `CALLSEAL_BACKEND` names or the
/// one detected.
pub(crate) fn policy(profile: Profile) -> Policy {
    match std::env::var("CALLSEAL_BACKEND") {
        Ok(name) => {
            let backend = callseal_srtp::Backend::from_name(&name);
            let backend = backend.unwrap_or_else(|| panic!("this machine has no backend {name:?}"));
            Policy::new(profile).with_backend(backend)
        }
        Err(_) => Policy::new(profile),
    }
}

/// The profiles with a tag.
pub(crate) fn authenticating() -> impl Iterator<Item = Profile> {
    let all = Profile::ALL.iter().copied();
    all.filter(|profile| profile.rtp_tag_len() > 0)
}

/// The profiles with a cipher.
pub(crate) fn encrypting() -> impl Iterator<Item = Profile> {
    let all = Profile::ALL.iter().copied();
    all.filter(|profile| !profile.name().starts_with("NULL"))
}

/// Where an SRTCP packet has its E bit, when the plain one has `len` octets.
pub(crate) fn e_bit_at(profile: Profile, len: usize) -> usize {
    match profile.is_aead() {
        true => len + profile.rtcp_tag_len(),
        false => len,
    }
}

/// A key and salt, another one for each `n`.
pub(crate) fn key_octets(profile: Profile, n: u8) -> (Vec<u8>, Vec<u8>) {
    let key = (0..profile.key_len() as u8).map(|i| i.wrapping_mul(7) ^ n.wrapping_mul(29));
    let salt = (0..profile.salt_len() as u8).map(|i| i.wrapping_mul(11) ^ n.wrapping_mul(31));
    (key.collect(), salt.collect())
}

pub(crate) fn key(profile: Profile, n: u8) -> MasterKey {
    let (key, salt) = key_octets(profile, n);
    MasterKey::new(profile, &key, &salt).unwrap()
}

pub(crate) fn mki(octets: &[u8]) -> Mki {
    Mki::new(octets).unwrap()
}

/// Both ends of one direction.
pub(crate) fn pair(policy: Policy) -> (Sender, Receiver) {
    let profile = policy.profile();
    let sender = Sender::new(policy.clone(), key(profile, 1)).unwrap();
    let receiver = Receiver::new(policy, key(profile, 1)).unwrap();
    (sender, receiver)
}

/// Both ends of one direction whose packets carry an MKI.
pub(crate) fn pair_with_mki(policy: Policy, name: &[u8]) -> (Sender, Receiver) {
    let profile = policy.profile();
    let sender = Sender::with_mki(policy.clone(), mki(name), key(profile, 1)).unwrap();
    let receiver = Receiver::with_mki(policy, mki(name), key(profile, 1)).unwrap();
    (sender, receiver)
}

/// An RTP packet with a payload of `payload_len` octets.
pub(crate) fn rtp(ssrc: u32, seq: u16, payload_len: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    packet[2..4].copy_from_slice(&seq.to_be_bytes());
    packet[4..8].copy_from_slice(&(u32::from(seq) * 160).to_be_bytes());
    packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
    packet.extend((0..payload_len).map(|n| n as u8 ^ seq as u8));
    packet
}

/// A compound RTCP packet of `words` 32-bit words, at least 2.
pub(crate) fn rtcp(ssrc: u32, words: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 0];
    packet[2..4].copy_from_slice(&(words - 1).to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.resize(usize::from(words) * 4, 0xa5);
    packet
}

pub(crate) fn protect_rtp(sender: &mut Sender, packet: &[u8]) -> Result<Vec<u8>, ProtectError> {
    let room = sender.max_trailer_len();
    protect(packet, room, |buf, len| sender.protect_rtp(buf, len))
}

pub(crate) fn protect_rtcp(sender: &mut Sender, packet: &[u8]) -> Result<Vec<u8>, ProtectError> {
    let room = sender.max_trailer_len();
    protect(packet, room, |buf, len| sender.protect_rtcp(buf, len))
}

pub(crate) fn unprotect_rtp(
    receiver: &mut Receiver,
    packet: &[u8],
) -> Result<Vec<u8>, UnprotectError> {
    opened_rtp(receiver, packet).map(|(plain, _)| plain)
}

pub(crate) fn unprotect_rtcp(
    receiver: &mut Receiver,
    packet: &[u8],
) -> Result<Vec<u8>, UnprotectError> {
    opened_rtcp(receiver, packet).map(|(plain, _)| plain)
}

pub(crate) fn opened_rtp(
    receiver: &mut Receiver,
    packet: &[u8],
) -> Result<(Vec<u8>, Unprotected), UnprotectError> {
    unprotect(packet, |buf, len| {
        let opened = receiver.unprotect_rtp(buf, len)?;
        Ok((opened.len, opened))
    })
}

pub(crate) fn opened_rtcp(
    receiver: &mut Receiver,
    packet: &[u8],
) -> Result<(Vec<u8>, Unprotected<RtcpIndex>), UnprotectError> {
    unprotect(packet, |buf, len| {
        let opened = receiver.unprotect_rtcp(buf, len)?;
        Ok((opened.len, opened))
    })
}

/// What lies behind a packet in its buffer, to see that it stays.
const CANARY: [u8; 40] = [0xc7; 40];

fn protect(
    packet: &[u8],
    room: usize,
    call: impl FnOnce(&mut [u8], usize) -> Result<usize, ProtectError>,
) -> Result<Vec<u8>, ProtectError> {
    let mut buf = packet.to_vec();
    buf.resize(packet.len() + room, 0xc7);
    buf.extend_from_slice(&CANARY);
    let protected = call(&mut buf, packet.len());
    match protected {
        Ok(len) => assert!(
            buf[len..].iter().all(|&octet| octet == 0xc7),
            "written behind the protected packet"
        ),
        Err(error) => assert_eq!(&buf[..packet.len()], packet, "changed in spite of {error}"),
    }
    protected.map(|len| buf[..len].to_vec())
}

fn unprotect<T>(
    packet: &[u8],
    call: impl FnOnce(&mut [u8], usize) -> Result<(usize, T), UnprotectError>,
) -> Result<(Vec<u8>, T), UnprotectError> {
    let mut buf = packet.to_vec();
    buf.extend_from_slice(&CANARY);
    let opened = call(&mut buf, packet.len());
    assert_eq!(&buf[packet.len()..], CANARY, "written behind the packet");
    match opened {
        Ok((len, opened)) => {
            assert_eq!(&buf[len..packet.len()], &packet[len..], "trailer changed");
            Ok((buf[..len].to_vec(), opened))
        }
        Err(error) => {
            assert_eq!(&buf[..packet.len()], packet, "changed in spite of {error}");
            Err(error)
        }
    }
}

/// What becomes of packets that a sender protects in one batch, by
/// [`Sender::protect_rtp_batch`] or [`Sender::protect_rtcp_batch`].
pub(crate) fn protect_together(
    packets: &[Vec<u8>],
    room: usize,
    call: impl FnOnce(&mut [BatchPacket<'_, Result<usize, ProtectError>>]),
) -> Vec<Result<Vec<u8>, ProtectError>> {
    let mut bufs: Vec<_> = packets.to_vec();
    for buf in &mut bufs {
        buf.resize(buf.len() + room, 0xc7);
        buf.extend_from_slice(&CANARY);
    }
    let mut batch: Vec<_> = bufs
        .iter_mut()
        .zip(packets)
        .map(|(buf, packet)| BatchPacket::new(0, buf, packet.len()))
        .collect();
    call(&mut batch);
    let results: Vec<_> = batch.into_iter().map(|p| p.result.unwrap()).collect();
    let protected = results.into_iter().zip(&bufs).zip(packets);
    let protected = protected.map(|((result, buf), packet)| {
        match result {
            Ok(len) => assert!(
                buf[len..].iter().all(|&octet| octet == 0xc7),
                "written behind the protected packet"
            ),
            Err(error) => {
                assert_eq!(&buf[..packet.len()], packet, "changed in spite of {error}");
                assert!(buf.ends_with(&CANARY), "written behind the packet's room");
            }
        }
        result.map(|len| buf[..len].to_vec())
    });
    protected.collect()
}

/// A plain packet with what is known of it, or why it was refused.
pub(crate) type Opened<Index> = Result<(Vec<u8>, Unprotected<Index>), UnprotectError>;

/// What becomes of packets that a receiver opens in one batch.
pub(crate) fn unprotect_together<Index: Copy>(
    packets: &[Vec<u8>],
    call: impl FnOnce(&mut [BatchPacket<'_, Result<Unprotected<Index>, UnprotectError>>]),
) -> Vec<Opened<Index>> {
    let mut bufs: Vec<_> = packets.to_vec();
    bufs.iter_mut()
        .for_each(|buf| buf.extend_from_slice(&CANARY));
    let mut batch: Vec<_> = bufs
        .iter_mut()
        .zip(packets)
        .map(|(buf, packet)| BatchPacket::new(0, buf, packet.len()))
        .collect();
    call(&mut batch);
    let results: Vec<_> = batch.into_iter().map(|p| p.result.unwrap()).collect();
    let opened = results.into_iter().zip(&bufs).zip(packets);
    let opened = opened.map(|((result, buf), packet)| {
        assert!(buf.ends_with(&CANARY), "written behind the packet");
        match result {
            Ok(opened) => {
                let len = opened.len;
                assert_eq!(&buf[len..packet.len()], &packet[len..], "trailer changed");
                Ok((buf[..len].to_vec(), opened))
            }
            Err(error) => {
                assert_eq!(&buf[..packet.len()], packet, "changed in spite of {error}");
                Err(error)
            }
        }
    });
    opened.collect()
}
