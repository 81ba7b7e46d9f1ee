//! A slow SRTP written from RFC 3711 alone, to judge the fast one.
//!
//! Every session key is derived again for every packet, every keystream block
//! is one call of AES on an integer that stands in the RFC's formula, every
//! index ever accepted is remembered, and every packet is copied. Only the raw
//! primitives (AES, HMAC-SHA1) come from elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// What key management agrees on besides the keys (RFC 3711 §8.2).
#[derive(Clone, Debug)]
pub struct Parameters {
    /// n_tag of SRTP, in octets.
    pub rtp_tag_len: usize,
    /// n_tag of SRTCP, in octets.
    pub rtcp_tag_len: usize,
    /// SRTP-WINDOW-SIZE, in indexes.
    pub rtp_window: u64,
    /// The same for SRTCP.
    pub rtcp_window: u64,
    /// Whether SRTCP is encrypted, and so whether E is 1.
    pub encrypt_rtcp: bool,
    /// Whether a sender may use an index again.
    pub repeat_allowed: bool,
    /// How many SSRCs may have state.
    pub max_streams: usize,
}

/// A master key and its salt; the key's length chooses AES-128, 192 or 256.
#[derive(Clone, Debug)]
pub struct Master {
    /// k_master.
    pub key: Vec<u8>,
    /// master_salt, 14 octets.
    pub salt: Vec<u8>,
}

/// Why a packet goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No RTP or RTCP packet, or shorter than what SRTP adds to one.
    Malformed,
    /// Another SSRC than the ones there is room for.
    TooManyStreams,
    /// The index would pass 2^48 or 2^31.
    Exhausted,
    /// The index has been used.
    Replayed,
    /// The index lies behind the window.
    TooOld,
    /// No key has this MKI.
    UnknownMki,
    /// E is not what was agreed.
    EncryptFlag,
    /// The tag is wrong.
    AuthenticationFailed,
    /// A sender's ROC set back, which would use indexes again.
    Backwards,
}

/// The sending half of a cryptographic context.
#[derive(Debug)]
pub struct SlowSender {
    parameters: Parameters,
    keys: BTreeMap<Vec<u8>, Master>,
    current: Vec<u8>,
    streams: BTreeMap<u32, Stream>,
}

impl SlowSender {
    /// A context whose packets carry `mki`, or none where it is empty.
    #[must_use]
    pub fn new(parameters: Parameters, mki: &[u8], master: Master) -> Self {
        Self {
            parameters,
            keys: BTreeMap::from([(mki.to_vec(), master)]),
            current: mki.to_vec(),
            streams: BTreeMap::new(),
        }
    }

    /// Adds a key.
    pub fn add_key(&mut self, mki: &[u8], master: Master) {
        self.keys.insert(mki.to_vec(), master);
    }

    /// Makes a key that was added the one that is used.
    pub fn switch_to(&mut self, mki: &[u8]) {
        self.current = mki.to_vec();
    }

    /// Sets the ROC of the next packet of `ssrc`.
    ///
    /// # Errors
    ///
    /// [`Verdict::Backwards`], [`Verdict::TooManyStreams`].
    pub fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), Verdict> {
        let stream = stream_of(&self.streams, &self.parameters, ssrc)?;
        let reached = stream.rtp_newest.map_or(0, |newest| newest >> 16);
        if u64::from(roc) < reached {
            return Err(Verdict::Backwards);
        }
        let stream = self.streams.entry(ssrc).or_default();
        stream.set_roc = (u64::from(roc) > reached || stream.rtp_newest.is_none()).then_some(roc);
        Ok(())
    }

    /// RFC 3711 §3.3, the sender's eight steps.
    ///
    /// # Errors
    ///
    /// The [`Verdict`].
    pub fn protect_rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let header = rtp_header(packet)?;
        let mut stream = stream_of(&self.streams, &self.parameters, header.ssrc)?;
        let index = stream.estimate(header.seq)?;
        let seen = seen_before(
            &stream.rtp_seen,
            stream.rtp_newest,
            index,
            self.parameters.rtp_window,
        );
        match seen {
            Err(Verdict::Replayed) if self.parameters.repeat_allowed => {}
            seen => seen?,
        }

        let master = &self.keys[&self.current];
        let mut out = packet.to_vec();
        let keys = session_keys(master, [0, 1, 2]);
        xor_keystream(&keys, header.ssrc, index, &mut out[header.len..]);
        let tag = tag(&keys, &out, &((index >> 16) as u32).to_be_bytes());
        out.extend_from_slice(&self.current);
        out.extend_from_slice(&tag[..self.parameters.rtp_tag_len]);

        stream.accept_rtp(index);
        self.streams.insert(header.ssrc, stream);
        Ok(out)
    }

    /// RFC 3711 §3.4.
    ///
    /// # Errors
    ///
    /// The [`Verdict`].
    pub fn protect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let ssrc = rtcp_ssrc(packet)?;
        let mut stream = stream_of(&self.streams, &self.parameters, ssrc)?;
        let index = stream.rtcp_sent;
        if index > 0x7fff_ffff {
            return Err(Verdict::Exhausted);
        }

        let master = &self.keys[&self.current];
        let keys = session_keys(master, [3, 4, 5]);
        let mut out = packet.to_vec();
        let mut word = index as u32;
        if self.parameters.encrypt_rtcp {
            xor_keystream(&keys, ssrc, index, &mut out[8..]);
            word |= 0x8000_0000;
        }
        out.extend_from_slice(&word.to_be_bytes());
        let tag = tag(&keys, &out, &[]);
        out.extend_from_slice(&self.current);
        out.extend_from_slice(&tag[..self.parameters.rtcp_tag_len]);

        stream.rtcp_sent += 1;
        self.streams.insert(ssrc, stream);
        Ok(out)
    }
}

/// The receiving half of a cryptographic context.
#[derive(Debug)]
pub struct SlowReceiver {
    parameters: Parameters,
    mki_len: usize,
    keys: BTreeMap<Vec<u8>, Master>,
    streams: BTreeMap<u32, Stream>,
}

impl SlowReceiver {
    /// A context whose packets carry an MKI as long as `mki`, or none where it
    /// is empty.
    #[must_use]
    pub fn new(parameters: Parameters, mki: &[u8], master: Master) -> Self {
        Self {
            parameters,
            mki_len: mki.len(),
            keys: BTreeMap::from([(mki.to_vec(), master)]),
            streams: BTreeMap::new(),
        }
    }

    /// Adds a key.
    pub fn add_key(&mut self, mki: &[u8], master: Master) {
        self.keys.insert(mki.to_vec(), master);
    }

    /// Forgets a key.
    pub fn remove_key(&mut self, mki: &[u8]) {
        self.keys.remove(mki);
    }

    /// Sets the ROC of the next packet of `ssrc` that authenticates.
    ///
    /// # Errors
    ///
    /// [`Verdict::TooManyStreams`].
    pub fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), Verdict> {
        let mut stream = stream_of(&self.streams, &self.parameters, ssrc)?;
        let reached = stream.rtp_newest.map(|newest| newest >> 16);
        stream.set_roc = (reached != Some(u64::from(roc))).then_some(roc);
        self.streams.insert(ssrc, stream);
        Ok(())
    }

    /// RFC 3711 §3.3, the receiver's eight steps.
    ///
    /// # Errors
    ///
    /// The [`Verdict`].
    pub fn unprotect_rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let parameters = &self.parameters;
        let (rest, tag_got) = split_end(packet, parameters.rtp_tag_len)?;
        let (protected, mki) = split_end(rest, self.mki_len)?;
        let header = rtp_header(protected)?;
        let mut stream = stream_of(&self.streams, parameters, header.ssrc)?;
        let restarts = stream.set_roc.is_some();
        let index = stream.estimate(header.seq)?;
        if !restarts {
            seen_before(
                &stream.rtp_seen,
                stream.rtp_newest,
                index,
                parameters.rtp_window,
            )?;
        }
        let master = self.keys.get(mki).ok_or(Verdict::UnknownMki)?;
        let keys = session_keys(master, [0, 1, 2]);
        let tag = tag(&keys, protected, &((index >> 16) as u32).to_be_bytes());
        if tag[..tag_got.len()] != *tag_got {
            return Err(Verdict::AuthenticationFailed);
        }
        let mut out = protected.to_vec();
        xor_keystream(&keys, header.ssrc, index, &mut out[header.len..]);

        stream.accept_rtp(index);
        self.streams.insert(header.ssrc, stream);
        Ok(out)
    }

    /// RFC 3711 §3.4.
    ///
    /// # Errors
    ///
    /// The [`Verdict`].
    pub fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let parameters = &self.parameters;
        let (rest, tag_got) = split_end(packet, parameters.rtcp_tag_len)?;
        let (authenticated, mki) = split_end(rest, self.mki_len)?;
        let (protected, word) = split_end(authenticated, 4)?;
        let ssrc = rtcp_ssrc(protected)?;
        let mut stream = stream_of(&self.streams, parameters, ssrc)?;
        let word = integer(word);
        if (word >> 31 == 1) != parameters.encrypt_rtcp {
            return Err(Verdict::EncryptFlag);
        }
        let index = (word & 0x7fff_ffff) as u64;
        seen_before(
            &stream.rtcp_seen,
            stream.rtcp_seen.last().copied(),
            index,
            parameters.rtcp_window,
        )?;
        let master = self.keys.get(mki).ok_or(Verdict::UnknownMki)?;
        let keys = session_keys(master, [3, 4, 5]);
        if tag(&keys, authenticated, &[])[..tag_got.len()] != *tag_got {
            return Err(Verdict::AuthenticationFailed);
        }
        let mut out = protected.to_vec();
        if parameters.encrypt_rtcp {
            xor_keystream(&keys, ssrc, index, &mut out[8..]);
        }

        stream.rtcp_seen.insert(index);
        self.streams.insert(ssrc, stream);
        Ok(out)
    }
}

/// PRF_n(k_master, x) for one label (RFC 3711 §4.3.1, §4.3.3), `len` octets;
/// `r` is index DIV key_derivation_rate.
#[must_use]
pub fn derive(master: &Master, label: u8, r: u64, len: usize) -> Vec<u8> {
    let key_id = u128::from(label) << 48 | u128::from(r);
    let x = key_id ^ integer(&master.salt);
    let mut out = vec![0; len];
    xor_segment(&master.key, x << 16, &mut out);
    out
}

struct SessionKeys {
    k_e: Vec<u8>,
    k_a: Vec<u8>,
    k_s: Vec<u8>,
}

fn session_keys(master: &Master, labels: [u8; 3]) -> SessionKeys {
    SessionKeys {
        k_e: derive(master, labels[0], 0, master.key.len()),
        k_a: derive(master, labels[1], 0, 20),
        k_s: derive(master, labels[2], 0, 14),
    }
}

/// RFC 3711 §4.1.1.
fn xor_keystream(keys: &SessionKeys, ssrc: u32, index: u64, data: &mut [u8]) {
    let iv = (integer(&keys.k_s) << 16) ^ (u128::from(ssrc) << 64) ^ (u128::from(index) << 16);
    xor_segment(&keys.k_e, iv, data);
}

/// E(k, IV) || E(k, IV + 1 mod 2^128) || …, added to `data`.
fn xor_segment(key: &[u8], iv: u128, data: &mut [u8]) {
    for (j, chunk) in data.chunks_mut(16).enumerate() {
        let block = aes(key, iv.wrapping_add(j as u128));
        for (octet, keystream) in chunk.iter_mut().zip(block) {
            *octet ^= keystream;
        }
    }
}

fn aes(key: &[u8], block: u128) -> [u8; 16] {
    let mut block = block.to_be_bytes().into();
    let done = match key.len() {
        16 => aes::Aes128::new_from_slice(key).map(|aes| aes.encrypt_block(&mut block)),
        24 => aes::Aes192::new_from_slice(key).map(|aes| aes.encrypt_block(&mut block)),
        _ => aes::Aes256::new_from_slice(key).map(|aes| aes.encrypt_block(&mut block)),
    };
    assert!(done.is_ok(), "{} octets are no AES key", key.len());
    block.into()
}

/// RFC 3711 §4.2.1.
fn tag(keys: &SessionKeys, authenticated: &[u8], roc: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&keys.k_a) else {
        unreachable!("HMAC takes a key of any length");
    };
    mac.update(authenticated);
    mac.update(roc);
    mac.finalize().into_bytes().to_vec()
}

fn integer(octets: &[u8]) -> u128 {
    let mut integer = 0;
    for &octet in octets {
        integer = integer << 8 | u128::from(octet);
    }
    integer
}

struct RtpHeader {
    ssrc: u32,
    seq: u16,
    len: usize,
}

/// RFC 3550 §5.1 and §5.3.1: the fixed header, the CSRCs, the extension.
fn rtp_header(packet: &[u8]) -> Result<RtpHeader, Verdict> {
    if packet.len() < 12 || packet[0] >> 6 != 2 {
        return Err(Verdict::Malformed);
    }
    let mut len = 12 + 4 * usize::from(packet[0] & 0x0f);
    if packet[0] & 0x10 != 0 {
        if packet.len() < len + 4 {
            return Err(Verdict::Malformed);
        }
        let words = integer(&packet[len + 2..len + 4]) as usize;
        len += 4 + 4 * words;
    }
    if packet.len() < len {
        return Err(Verdict::Malformed);
    }
    Ok(RtpHeader {
        ssrc: integer(&packet[8..12]) as u32,
        seq: integer(&packet[2..4]) as u16,
        len,
    })
}

/// RFC 3550 §6.4: the SSRC of the sender stands in the second word.
fn rtcp_ssrc(packet: &[u8]) -> Result<u32, Verdict> {
    if packet.len() < 8 || packet[0] >> 6 != 2 {
        return Err(Verdict::Malformed);
    }
    Ok(integer(&packet[4..8]) as u32)
}

fn split_end(packet: &[u8], len: usize) -> Result<(&[u8], &[u8]), Verdict> {
    let at = packet.len().checked_sub(len).ok_or(Verdict::Malformed)?;
    Ok(packet.split_at(at))
}

#[derive(Clone, Debug, Default)]
struct Stream {
    /// 2^16 * ROC + s_l.
    rtp_newest: Option<u64>,
    set_roc: Option<u32>,
    rtp_seen: BTreeSet<u64>,
    rtcp_seen: BTreeSet<u64>,
    rtcp_sent: u64,
}

impl Stream {
    /// RFC 3711 §3.3.1: the index with this SEQ that is closest to the newest,
    /// out of the ROC before, the same, and the one after.
    fn estimate(&self, seq: u16) -> Result<u64, Verdict> {
        let seq = i128::from(seq);
        if let Some(roc) = self.set_roc {
            return Ok((i128::from(roc) * 65_536 + seq) as u64);
        }
        let Some(newest) = self.rtp_newest else {
            return Ok(seq as u64);
        };
        let newest = i128::from(newest);
        let roc = newest / 65_536;
        let mut closest = roc * 65_536 + seq;
        for v in [roc - 1, roc + 1] {
            let index = v * 65_536 + seq;
            if index >= 0 && (index - newest).abs() < (closest - newest).abs() {
                closest = index;
            }
        }
        match u64::try_from(closest) {
            Ok(index) if index < 1 << 48 => Ok(index),
            _ => Err(Verdict::Exhausted),
        }
    }

    fn accept_rtp(&mut self, index: u64) {
        if self.set_roc.take().is_some() && self.rtp_newest > Some(index) {
            // The ROC was set back by hand: what was seen is forgotten with it.
            self.rtp_seen.clear();
            self.rtp_newest = None;
        }
        self.rtp_newest = self.rtp_newest.max(Some(index));
        self.rtp_seen.insert(index);
    }
}

/// A copy of the stream's state, or that of a new stream.
fn stream_of(
    streams: &BTreeMap<u32, Stream>,
    parameters: &Parameters,
    ssrc: u32,
) -> Result<Stream, Verdict> {
    match streams.get(&ssrc) {
        Some(stream) => Ok(stream.clone()),
        None if streams.len() < parameters.max_streams => Ok(Stream::default()),
        None => Err(Verdict::TooManyStreams),
    }
}

/// RFC 3711 §3.3.2.
fn seen_before(
    seen: &BTreeSet<u64>,
    newest: Option<u64>,
    index: u64,
    window: u64,
) -> Result<(), Verdict> {
    match newest {
        Some(newest) if index + window <= newest => Err(Verdict::TooOld),
        _ if seen.contains(&index) => Err(Verdict::Replayed),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libsrtp::reference_packets;
    use crate::rfc3711::appendix_b;

    fn parameters(rtp_tag_len: usize) -> Parameters {
        Parameters {
            rtp_tag_len,
            rtcp_tag_len: 10,
            rtp_window: 128,
            rtcp_window: 128,
            encrypt_rtcp: true,
            repeat_allowed: false,
            max_streams: 16,
        }
    }

    #[test]
    fn the_kdf_is_rfc_3711_b3s() {
        let kdf = appendix_b().kdf;
        let master = Master {
            key: kdf.master_key,
            salt: kdf.master_salt,
        };
        assert_eq!(derive(&master, 0, 0, 16), kdf.cipher_key);
        assert_eq!(derive(&master, 1, 0, 94), kdf.auth_key);
        assert_eq!(derive(&master, 2, 0, 14), kdf.cipher_salt);
    }

    #[test]
    fn the_keystream_is_rfc_3711_b2s() {
        let vector = appendix_b().aes_cm;
        for (counter, keystream) in &vector.blocks {
            assert_eq!(
                aes(&vector.session_key, integer(counter))[..],
                keystream[..]
            );
        }
    }

    #[test]
    fn libsrtps_reference_packets_are_reproduced() {
        let packets = reference_packets("srtp_validate");
        let key = packets.key.clone().unwrap();
        let master = Master {
            key: key[..16].to_vec(),
            salt: key[16..30].to_vec(),
        };
        let rtp = packets.packet("srtp_plaintext_ref");
        let rtcp = packets.packet("rtcp_plaintext_ref");

        let mut sender = SlowSender::new(parameters(10), &[], master.clone());
        let protected = sender.protect_rtp(&rtp).unwrap();
        assert_eq!(protected, packets.packet("srtp_ciphertext"));
        sender.protect_rtcp(&rtcp).unwrap();
        let second = sender.protect_rtcp(&rtcp).unwrap();
        assert_eq!(second, packets.packet("srtcp_ciphertext"));

        let mut receiver = SlowReceiver::new(parameters(10), &[], master);
        assert_eq!(receiver.unprotect_rtp(&protected), Ok(rtp));
        assert_eq!(receiver.unprotect_rtcp(&second), Ok(rtcp));
        assert_eq!(receiver.unprotect_rtp(&protected), Err(Verdict::Replayed));
        assert_eq!(receiver.unprotect_rtcp(&second), Err(Verdict::Replayed));
    }

    #[test]
    fn an_index_is_the_closest_one_to_the_newest() {
        let after = |newest| Stream {
            rtp_newest: Some(newest),
            ..Stream::default()
        };
        assert_eq!(after(65_530).estimate(0), Ok(65_536));
        assert_eq!(after(65_536).estimate(65_530), Ok(65_530));
        assert_eq!(after(0).estimate(65_535), Ok(65_535));
        assert_eq!(after(0xffff_ffff_ffff).estimate(0), Err(Verdict::Exhausted));
    }
}
