//! AES in f8 mode, RFC 3711 §4.1.2.

use core::fmt;

use crate::aes_key::{AesKey, RawKey};
use crate::{Backend, KeyLengthError, KeystreamTooLong, MAX_KEYSTREAM_LEN};

/// The two expanded keys of f8 mode; wiped on drop.
pub struct AesF8Key {
    /// k_e.
    pub(crate) encryption: AesKey,
    /// k_e XOR m, for the IV alone.
    pub(crate) masked: AesKey,
}

impl AesF8Key {
    /// Expands a key of 16, 24 or 32 octets, and the one that it becomes under
    /// the salt's mask, m = k_s || 0x555..5.
    ///
    /// ```
    /// use callseal_srtp_crypto::AesF8Key;
    ///
    /// assert!(AesF8Key::new(&[0; 16], &[0; 14]).is_ok());
    /// assert!(AesF8Key::new(&[0; 14], &[0; 16]).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] at any other length, or where the salt is longer
    /// than the key.
    pub fn new(key: &[u8], salt: &[u8]) -> Result<Self, KeyLengthError> {
        // Every backend runs f8 as this one does.
        let backend = Backend::Soft;
        let wrong_len = KeyLengthError { len: key.len() };
        let raw = RawKey::new(key).ok_or(wrong_len)?;
        if salt.len() > key.len() {
            return Err(KeyLengthError { len: salt.len() });
        }
        let mut masked = zeroize::Zeroizing::new([0u8; 32]);
        let masked = &mut masked[..key.len()];
        let mask = salt.iter().copied().chain(core::iter::repeat(0x55));
        for ((octet, key), mask) in masked.iter_mut().zip(key).zip(mask) {
            *octet = key ^ mask;
        }
        let masked = RawKey::new(masked).ok_or(wrong_len)?;
        Ok(Self {
            encryption: AesKey::expand(backend, &raw),
            masked: AesKey::expand(backend, &masked),
        })
    }
}

impl fmt::Debug for AesF8Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesF8Key { .. }")
    }
}

/// One packet's share of [`Backend::aes_f8`](crate::Backend::aes_f8).
pub struct AesF8Job<'a> {
    pub(crate) key: &'a AesF8Key,
    pub(crate) iv: [u8; 16],
    pub(crate) data: &'a mut [u8],
}

impl<'a> AesF8Job<'a> {
    /// A job that puts the keystream of `key` and `iv` (RFC 3711 §4.1.2.2 and
    /// §4.1.2.3) on `data`, in place.
    ///
    /// # Errors
    ///
    /// [`KeystreamTooLong`] where `data` is longer than [`MAX_KEYSTREAM_LEN`].
    pub fn new(
        key: &'a AesF8Key,
        iv: [u8; 16],
        data: &'a mut [u8],
    ) -> Result<Self, KeystreamTooLong> {
        if data.len() > MAX_KEYSTREAM_LEN {
            return Err(KeystreamTooLong { len: data.len() });
        }
        Ok(Self { key, iv, data })
    }
}

impl fmt::Debug for AesF8Job<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AesF8Job")
            .field("data_len", &self.data.len())
            .finish_non_exhaustive()
    }
}
