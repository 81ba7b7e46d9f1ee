//! The sealed parts of messages: AES-256-GCM with a key that is used once.

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// A key and a nonce that seal one message; wiped when dropped.
#[derive(Debug)]
pub(crate) struct SealKey {
    pub(crate) key: Secret<32>,
    pub(crate) nonce: [u8; 12],
}

/// The length of the tag in octets.
pub(crate) const TAG_LEN: usize = 16;

impl SealKey {
    /// Appends `plaintext`, sealed, to `message`. Consumes the key: nothing
    /// is ever sealed twice with it.
    pub(crate) fn seal(self, associated: &[u8], plaintext: &[u8], message: &mut Vec<u8>) {
        let start = message.len();
        message.extend_from_slice(plaintext);
        let cipher = Aes256Gcm::new(&self.key.0.into());
        let tag = cipher
            .encrypt_inout_detached(
                &self.nonce.into(),
                associated,
                (&mut message[start..]).into(),
            )
            .expect("far less than 64 GiB");
        message.extend_from_slice(&tag);
    }

    /// The plaintext of a sealed part; `None` if it is not authentic.
    pub(crate) fn open(&self, associated: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (ciphertext, tag) = sealed.split_last_chunk::<TAG_LEN>()?;
        let cipher = Aes256Gcm::new(&self.key.0.into());
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        #[cfg(test)]
        if !crate::defences::defences().seal_is_checked {
            // Counter mode undoes itself.
            cipher
                .encrypt_inout_detached(
                    &self.nonce.into(),
                    associated,
                    plaintext.as_mut_slice().into(),
                )
                .ok()?;
            return Some(plaintext);
        }
        cipher
            .decrypt_inout_detached(
                &self.nonce.into(),
                associated,
                plaintext.as_mut_slice().into(),
                &(*tag).into(),
            )
            .ok()?;
        Some(plaintext)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SealKey {
        SealKey {
            key: Secret([1; 32]),
            nonce: [2; 12],
        }
    }

    #[test]
    fn what_was_sealed_opens_and_nothing_else_does() {
        let mut message = b"before".to_vec();
        key().seal(b"aad", b"plaintext", &mut message);
        let sealed = message.split_off(6);
        assert_eq!(message, b"before");
        assert_eq!(
            key().open(b"aad", &sealed).unwrap().as_slice(),
            b"plaintext"
        );
        assert!(key().open(b"aae", &sealed).is_none());
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(key().open(b"aad", &flipped).is_none());
        }
        for len in 0..sealed.len() {
            assert!(key().open(b"aad", &sealed[..len]).is_none());
        }
    }
}
