//! AES in segmented integer counter mode, RFC 3711 §4.1.1 and RFC 6188.

use core::fmt;

use crate::Backend;
use crate::aes_key::{AesKey, RawKey};

/// The most octets one IV's keystream has: 2^16 blocks of 16 octets, since the
/// block counter is 16 bits (RFC 3711 §4.1.1).
pub const MAX_KEYSTREAM_LEN: usize = 1 << 20;

/// An expanded AES key for counter mode; wiped on drop.
pub struct AesCmKey {
    pub(crate) aes: AesKey,
}

impl AesCmKey {
    /// Expands a key of 16, 24 or 32 octets for [`Backend::detected`].
    ///
    /// ```
    /// use callseal_srtp_crypto::AesCmKey;
    ///
    /// assert!(AesCmKey::new(&[0; 16]).is_ok());
    /// assert!(AesCmKey::new(&[0; 30]).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] at any other length.
    pub fn new(key: &[u8]) -> Result<Self, KeyLengthError> {
        Self::for_backend(Backend::detected(), key)
    }

    /// The same for another backend. Every backend takes every key; it is
    /// quickest with one expanded for it.
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] where the key is not 16, 24 or 32 octets.
    pub fn for_backend(backend: Backend, key: &[u8]) -> Result<Self, KeyLengthError> {
        let raw = RawKey::new(key).ok_or(KeyLengthError { len: key.len() })?;
        let aes = AesKey::expand(backend, &raw);
        Ok(Self { aes })
    }
}

impl From<&[u8; 16]> for AesCmKey {
    /// Expands an AES-128 key.
    fn from(key: &[u8; 16]) -> Self {
        let aes = AesKey::expand(Backend::detected(), &RawKey::Aes128(*key));
        Self { aes }
    }
}

impl From<&[u8; 24]> for AesCmKey {
    /// Expands an AES-192 key.
    fn from(key: &[u8; 24]) -> Self {
        let aes = AesKey::expand(Backend::detected(), &RawKey::Aes192(*key));
        Self { aes }
    }
}

impl From<&[u8; 32]> for AesCmKey {
    /// Expands an AES-256 key.
    fn from(key: &[u8; 32]) -> Self {
        let aes = AesKey::expand(Backend::detected(), &RawKey::Aes256(*key));
        Self { aes }
    }
}

impl fmt::Debug for AesCmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesCmKey { .. }")
    }
}

/// One packet's share of [`Backend::aes_cm`](crate::Backend::aes_cm).
pub struct AesCmJob<'a> {
    pub(crate) key: &'a AesCmKey,
    pub(crate) iv: CmIv,
    pub(crate) data: &'a mut [u8],
}

impl<'a> AesCmJob<'a> {
    /// A job that puts the keystream of `key` and `iv` on `data`, in place.
    ///
    /// `iv` is the upper 112 bits of RFC 3711's IV; its lower 16 bits are the
    /// block counter and start at zero, which is why they cannot be given.
    ///
    /// # Errors
    ///
    /// [`KeystreamTooLong`] where `data` is longer than [`MAX_KEYSTREAM_LEN`].
    #[inline]
    pub fn new(
        key: &'a AesCmKey,
        iv: [u8; 14],
        data: &'a mut [u8],
    ) -> Result<Self, KeystreamTooLong> {
        if data.len() > MAX_KEYSTREAM_LEN {
            return Err(KeystreamTooLong { len: data.len() });
        }
        let iv = CmIv::new(iv);
        Ok(Self { key, iv, data })
    }

    /// The same over an array, whose length the compiler checks.
    #[must_use]
    pub fn over_array<const LEN: usize>(
        key: &'a AesCmKey,
        iv: [u8; 14],
        data: &'a mut [u8; LEN],
    ) -> Self {
        const { assert!(LEN <= MAX_KEYSTREAM_LEN) };
        let iv = CmIv::new(iv);
        Self { key, iv, data }
    }
}

/// RFC 3711's IV with a block counter of zero, as two words of little-endian
/// octets.
#[derive(Clone, Copy)]
pub(crate) struct CmIv {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl CmIv {
    #[inline]
    pub(crate) fn new(iv: [u8; 14]) -> Self {
        let [a, b, c, d, e, f, g, h, last @ ..] = iv;
        let [i, j, k, l, m, n] = last;
        Self {
            first: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            last: u64::from_le_bytes([i, j, k, l, m, n, 0, 0]),
        }
    }

    /// The first counter block as an integer.
    pub(crate) fn first_block(self) -> u128 {
        let [first, last] = [self.first, self.last].map(|word| u128::from(word.swap_bytes()));
        (first << 64) | last
    }
}

impl fmt::Debug for AesCmJob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AesCmJob")
            .field("data_len", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// An AES key is 16, 24 or 32 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an AES key is 16, 24 or 32 octets long, not {len}")]
pub struct KeyLengthError {
    /// The length given, in octets.
    pub len: usize,
}

/// Data longer than one IV's keystream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{len} octets are more than the {MAX_KEYSTREAM_LEN} that one IV's keystream has")]
pub struct KeystreamTooLong {
    /// The length given, in octets.
    pub len: usize,
}
