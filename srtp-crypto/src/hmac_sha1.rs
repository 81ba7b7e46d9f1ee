//! HMAC-SHA1, RFC 2104, as RFC 3711 §4.2.1 uses it.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::backends::message::HmacMessage;
use crate::backends::soft;

/// The octets of a tag before anybody truncates it.
pub const HMAC_SHA1_LEN: usize = 20;

/// The octets of a SHA-1 block, and so of a padded HMAC key.
const BLOCK_LEN: usize = 64;

/// An HMAC-SHA1 key as the two SHA-1 states its padded halves lead to, so that
/// a tag costs no block for the key; wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
#[repr(C, align(64))]
pub struct HmacSha1Key {
    pub(crate) inner: PaddedState,
    pub(crate) outer: PaddedState,
}

/// SHA-1's five words and three of zero, so that vectors can be loaded from
/// any of the five, and a key is one cache line.
pub(crate) type PaddedState = [u32; 8];

#[inline]
pub(crate) fn five_words(&[a, b, c, d, e, ..]: &PaddedState) -> [u32; 5] {
    [a, b, c, d, e]
}

impl HmacSha1Key {
    /// Prepares a key of any length; one beyond 64 octets is hashed first
    /// (RFC 2104 §2).
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let mut block = [0u8; BLOCK_LEN];
        if key.len() > BLOCK_LEN {
            block[..HMAC_SHA1_LEN].copy_from_slice(&soft::sha1(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }

        // HMAC(K, text) = H(K ^ opad || H(K ^ ipad || text))
        block.iter_mut().for_each(|octet| *octet ^= 0x36);
        let inner = padded(soft::sha1_state_after(&block));
        block.iter_mut().for_each(|octet| *octet ^= 0x36 ^ 0x5c);
        let outer = padded(soft::sha1_state_after(&block));
        block.zeroize();
        Self { inner, outer }
    }
}

fn padded([a, b, c, d, e]: [u32; 5]) -> PaddedState {
    [a, b, c, d, e, 0, 0, 0]
}

impl fmt::Debug for HmacSha1Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSha1Key { .. }")
    }
}

/// One packet's share of [`Backend::hmac_sha1`](crate::Backend::hmac_sha1).
pub struct HmacSha1Job<'a> {
    pub(crate) key: &'a HmacSha1Key,
    pub(crate) message: &'a [u8],
    pub(crate) suffix: Option<[u8; 4]>,
    pub(crate) tag: [u8; HMAC_SHA1_LEN],
}

impl<'a> HmacSha1Job<'a> {
    /// A job over `message || suffix`. The suffix is what the message is
    /// authenticated with and does not carry: SRTP's ROC (RFC 3711 §4.2).
    #[must_use]
    pub fn new(key: &'a HmacSha1Key, message: &'a [u8], suffix: Option<[u8; 4]>) -> Self {
        let tag = [0; HMAC_SHA1_LEN];
        Self {
            key,
            message,
            suffix,
            tag,
        }
    }

    /// The tag; all zeros until a backend has run the job.
    #[must_use]
    pub fn tag(&self) -> &[u8; HMAC_SHA1_LEN] {
        &self.tag
    }
}

impl HmacMessage for HmacSha1Job<'_> {
    fn key(&self) -> &HmacSha1Key {
        self.key
    }

    fn message(&self) -> &[u8] {
        self.message
    }

    fn suffix(&self) -> Option<[u8; 4]> {
        self.suffix
    }
}

impl fmt::Debug for HmacSha1Job<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacSha1Job")
            .field("message_len", &self.message.len())
            .finish_non_exhaustive()
    }
}
