//! The ciphers that are a keystream: NULL, AES in counter mode, AES in f8 mode
//! (RFC 3711 §4.1).

use callseal_srtp_crypto::{
    self as crypto, AesCmJob, AesCmKey, AesF8Job, AesF8Key, Backend, KeyLengthError,
};
use zeroize::Zeroizing;

use super::{Nonce, TooLong};
use crate::index::PacketIndex;
use crate::keys::{Label, MasterKey};
use crate::profile::Cipher;

/// A cipher with k_e and k_s.
#[allow(
    clippy::large_enum_variant,
    reason = "session keys are boxed as a whole"
)]
pub(crate) enum Keystream {
    /// RFC 3711 §4.1.3.
    Null,
    /// RFC 3711 §4.1.1.
    AesCm(AesCmKey, CmSalt),
    /// RFC 3711 §4.1.2, whose key has taken in the salt.
    AesF8(AesF8Key),
}

/// n_s: RFC 3711 §5.1 and RFC 6188 §3 alike.
const SALT_LEN: usize = 14;

impl Keystream {
    pub(crate) fn derive(
        backend: Backend,
        cipher: Cipher,
        master: &MasterKey,
        [encryption, salt]: [Label; 2],
        r: PacketIndex,
    ) -> Self {
        if cipher == Cipher::Null {
            return Self::Null;
        }
        let key = master.derive_on::<32>(backend, encryption, r);
        let key = &key[..master.profile().key_len()];
        let derived = master.derive_on::<SALT_LEN>(backend, salt, r);
        // RFC 7714 §8.3 gives header extensions under GCM a salt as long as
        // GCM's own, filled up with zeros.
        let salt_len = master.profile().salt_len();
        let mut salt = Zeroizing::new([0; SALT_LEN]);
        salt[..salt_len].copy_from_slice(&derived[..salt_len]);
        match cipher {
            Cipher::AesF8 => Self::AesF8(key_of_table(AesF8Key::new(key, &*salt))),
            _ => {
                let key = key_of_table(AesCmKey::for_backend(backend, key));
                Self::AesCm(key, CmSalt::new(&salt))
            }
        }
    }

    /// The cipher and its IV for a packet.
    #[inline(always)]
    pub(super) fn cipher(&self, nonce: Nonce, packet: &[u8]) -> crypto::Cipher<'_> {
        match self {
            Self::Null => crypto::Cipher::Null,
            Self::AesCm(key, salt) => crypto::Cipher::AesCm(key, salt.iv(nonce)),
            Self::AesF8(key) => crypto::Cipher::AesF8(key, f8_iv(nonce, F8Header::of(packet))),
        }
    }

    /// Adds the packet's keystream to `data`; the same again takes it off.
    /// `header` is the packet's, which f8 makes its IV of.
    pub(crate) fn apply(
        &self,
        backend: Backend,
        nonce: Nonce,
        header: F8Header,
        data: &mut [u8],
    ) -> Result<(), TooLong> {
        match self {
            Self::Null => {}
            Self::AesCm(key, salt) => {
                let job = AesCmJob::new(key, salt.iv(nonce), data).map_err(|_| TooLong)?;
                backend.aes_cm(&mut [job]);
            }
            Self::AesF8(key) => {
                let job = AesF8Job::new(key, f8_iv(nonce, header), data).map_err(|_| TooLong)?;
                backend.aes_f8(&mut [job]);
            }
        }
        Ok(())
    }
}

/// The first octets of a packet, as far as f8's IV takes them in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct F8Header([u8; 12]);

impl F8Header {
    /// Those of `packet`, whose header is never encrypted.
    pub(crate) fn of(packet: &[u8]) -> Self {
        let mut header = [0; 12];
        let len = packet.len().min(header.len());
        header[..len].copy_from_slice(&packet[..len]);
        Self(header)
    }
}

/// A key made of octets that the table of profiles has the length of.
pub(super) fn key_of_table<Key>(key: Result<Key, KeyLengthError>) -> Key {
    match key {
        Ok(key) => key,
        Err(error) => unreachable!("the table of profiles has AES's key lengths: {error}"),
    }
}

/// k_s of counter mode, as the number k_s * 2^16.
pub(crate) struct CmSalt(Zeroizing<u128>);

impl CmSalt {
    fn new(salt: &[u8; SALT_LEN]) -> Self {
        let number = salt
            .iter()
            .fold(0, |number, &octet| number << 8 | u128::from(octet));
        Self(Zeroizing::new(number << 16))
    }

    /// The upper 112 bits of
    /// IV = (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16).
    #[inline]
    fn iv(&self, nonce: Nonce) -> [u8; SALT_LEN] {
        let iv = *self.0 ^ nonce.ssrc_and_index() << 16;
        let [iv @ .., _, _] = iv.to_be_bytes();
        iv
    }
}

/// In SRTP 0x00 || M || PT || SEQ || TS || SSRC || ROC (RFC 3711 §4.1.2.2), in
/// SRTCP 0..0 || E || SRTCP index || V || P || RC || PT || length || SSRC
/// (§4.1.2.3).
fn f8_iv(nonce: Nonce, F8Header(header): F8Header) -> [u8; 16] {
    let mut iv = [0; 16];
    match nonce {
        Nonce::Rtp { index, .. } => {
            iv[1..12].copy_from_slice(&header[1..]);
            iv[12..].copy_from_slice(&index.roc().to_be_bytes());
        }
        Nonce::Rtcp { word, .. } => {
            iv[4..8].copy_from_slice(&word.to_be_bytes());
            iv[8..].copy_from_slice(&header[..8]);
        }
    }
    iv
}

#[cfg(test)]
mod tests {
    use callseal_testvectors::rfc3711::appendix_b;

    use super::*;

    #[test]
    fn rfc3711_b1_f8_iv_and_ciphertext_are_reproduced() {
        let vector = appendix_b().aes_f8;
        let header = F8Header::of(&vector.rtp_header);
        let roc = u32::from_be_bytes(vector.roc.as_slice().try_into().unwrap());
        let nonce = Nonce::Rtp {
            ssrc: 0,
            index: PacketIndex::from_parts(roc, 0),
        };
        assert_eq!(f8_iv(nonce, header)[..], vector.iv);

        let key = Keystream::AesF8(AesF8Key::new(&vector.key, &vector.salt).unwrap());
        let mut data = vector.payload.clone();
        key.apply(Backend::detected(), nonce, header, &mut data)
            .unwrap();
        assert_eq!(data, vector.ciphertext);
    }
}
