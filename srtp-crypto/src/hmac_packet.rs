//! Whole packets under a cipher and HMAC-SHA1, as RFC 3711 §3.3 orders them.

use core::fmt;
use core::ops::Range;

use crate::aes_cm::CmIv;
use crate::backends::message::HmacMessage;
use crate::{
    AesCmKey, AesF8Key, HMAC_SHA1_LEN, HmacSha1Key, KeystreamTooLong, MAX_KEYSTREAM_LEN, tag,
};

/// What a packet is encrypted with.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Cipher<'a> {
    /// RFC 3711 §4.1.3.
    Null,
    /// RFC 3711 §4.1.1, with the upper 112 bits of its IV.
    AesCm(&'a AesCmKey, [u8; 14]),
    /// RFC 3711 §4.1.2, with its IV.
    AesF8(&'a AesF8Key, [u8; 16]),
}

/// Which octets of a packet are encrypted, which authenticated, and which hold
/// the tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HmacPortions {
    /// The Encrypted Portion; it may be empty.
    pub encrypted: Range<usize>,
    /// The Authenticated Portion, as far as the packet carries it.
    pub authenticated: Range<usize>,
    /// The tag, of at most [`HMAC_SHA1_LEN`] octets; none where it is empty.
    pub tag: Range<usize>,
}

/// One packet of [`Backend::seal_hmac`](crate::Backend::seal_hmac) or
/// [`Backend::open_hmac`](crate::Backend::open_hmac).
pub struct HmacPacketJob<'a> {
    cipher: JobCipher<'a>,
    auth_key: &'a HmacSha1Key,
    packet: &'a mut [u8],
    portions: HmacPortions,
    suffix: Option<[u8; 4]>,
    authentic: bool,
}

/// The cipher of a job. Counter mode's IV is kept in words, in which it stays in
/// registers until then: octets that were put together in memory would have to
/// settle there before they can be loaded as a block.
#[derive(Clone, Copy)]
pub(crate) enum JobCipher<'a> {
    Null,
    AesCm(&'a AesCmKey, CmIv),
    AesF8(&'a AesF8Key, [u8; 16]),
}

impl<'a> JobCipher<'a> {
    #[inline(always)]
    fn new(cipher: Cipher<'a>) -> Self {
        match cipher {
            Cipher::Null => Self::Null,
            Cipher::AesCm(key, iv) => Self::AesCm(key, CmIv::new(iv)),
            Cipher::AesF8(key, iv) => Self::AesF8(key, iv),
        }
    }
}

impl<'a> HmacPacketJob<'a> {
    /// A job on `packet`, in place. `suffix` is authenticated and not carried:
    /// SRTP's ROC (RFC 3711 §4.2).
    ///
    /// # Errors
    ///
    /// [`PortionsError`] where the portions do not fit the packet.
    // Inlined even into a large caller, which spares moving the job about.
    #[inline(always)]
    pub fn new(
        cipher: Cipher<'a>,
        auth_key: &'a HmacSha1Key,
        packet: &'a mut [u8],
        portions: HmacPortions,
        suffix: Option<[u8; 4]>,
    ) -> Result<Self, PortionsError> {
        let HmacPortions {
            encrypted,
            authenticated,
            tag,
        } = &portions;
        for portion in [encrypted, authenticated, tag] {
            if packet.get(portion.clone()).is_none() {
                return Err(PortionsError::BeyondPacket {
                    packet_len: packet.len(),
                });
            }
        }
        if encrypted.len() > MAX_KEYSTREAM_LEN {
            return Err(KeystreamTooLong {
                len: encrypted.len(),
            }
            .into());
        }
        if tag.len() > HMAC_SHA1_LEN {
            return Err(PortionsError::TagLength { len: tag.len() });
        }
        if overlap(encrypted, tag) || overlap(authenticated, tag) {
            return Err(PortionsError::Overlap);
        }
        Ok(Self {
            cipher: JobCipher::new(cipher),
            auth_key,
            packet,
            portions,
            suffix,
            authentic: false,
        })
    }

    /// A job on a packet that is header, encrypted octets and tag, with nothing
    /// between or behind them. `suffix` is as for [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`PortionsError`] where the packet is shorter than header and tag.
    #[inline(always)]
    pub fn in_order(
        cipher: Cipher<'a>,
        auth_key: &'a HmacSha1Key,
        packet: &'a mut [u8],
        header_len: usize,
        tag_len: usize,
        suffix: Option<[u8; 4]>,
    ) -> Result<Self, PortionsError> {
        if tag_len > HMAC_SHA1_LEN {
            return Err(PortionsError::TagLength { len: tag_len });
        }
        let encrypted = between(packet, header_len, tag_len)?;
        let portions = HmacPortions {
            authenticated: 0..encrypted.end,
            tag: encrypted.end..packet.len(),
            encrypted,
        };
        Ok(Self {
            cipher: JobCipher::new(cipher),
            auth_key,
            packet,
            portions,
            suffix,
            authentic: false,
        })
    }

    /// Whether [`open_hmac`](crate::Backend::open_hmac) found the tag right and
    /// so decrypted the packet; `false` before it has run.
    #[must_use]
    pub fn is_authentic(&self) -> bool {
        self.authentic
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn auth_key(&self) -> &'a HmacSha1Key {
        self.auth_key
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn cipher(&self) -> &JobCipher<'a> {
        &self.cipher
    }

    #[inline]
    pub(crate) fn encrypted(&mut self) -> (&JobCipher<'a>, &mut [u8]) {
        (
            &self.cipher,
            &mut self.packet[self.portions.encrypted.clone()],
        )
    }

    /// The authenticated portion and the encrypted one within it, where it is.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn nested(&mut self) -> Option<(&mut [u8], Range<usize>)> {
        let HmacPortions {
            encrypted,
            authenticated,
            ..
        } = &self.portions;
        let start = encrypted.start.checked_sub(authenticated.start)?;
        if encrypted.end > authenticated.end {
            return None;
        }
        let encrypted = start..start + encrypted.len();
        Some((&mut self.packet[authenticated.clone()], encrypted))
    }

    #[inline]
    pub(crate) fn put_tag(&mut self, computed: &[u8; HMAC_SHA1_LEN]) {
        tag::put(&mut self.packet[self.portions.tag.clone()], computed);
    }

    /// Compares the tag and keeps the verdict.
    #[inline]
    pub(crate) fn judge(&mut self, computed: &[u8; HMAC_SHA1_LEN]) -> bool {
        let carried = &self.packet[self.portions.tag.clone()];
        self.authentic = tag::is_right(carried, computed);
        self.authentic
    }

    /// The octets that the operation reads, for keeping a window of packets in
    /// the nearest cache.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn packet_len(&self) -> usize {
        self.packet.len()
    }
}

impl HmacMessage for HmacPacketJob<'_> {
    #[inline]
    fn key(&self) -> &HmacSha1Key {
        self.auth_key
    }

    #[inline]
    fn message(&self) -> &[u8] {
        &self.packet[self.portions.authenticated.clone()]
    }

    #[inline]
    fn suffix(&self) -> Option<[u8; 4]> {
        self.suffix
    }
}

impl fmt::Debug for HmacPacketJob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacPacketJob")
            .field("packet_len", &self.packet.len())
            .field("portions", &self.portions)
            .field("authentic", &self.authentic)
            .finish_non_exhaustive()
    }
}

/// Portions that do not fit their packet or each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortionsError {
    /// A portion ends behind the packet's end, or before its own beginning.
    #[error("a portion lies outside of the packet's {packet_len} octets")]
    BeyondPacket {
        /// The packet's length in octets.
        packet_len: usize,
    },
    /// Two portions share octets where they must not.
    #[error("portions overlap")]
    Overlap,
    /// A tag that the algorithm does not give.
    #[error("no tag of this algorithm has {len} octets")]
    TagLength {
        /// The length asked for, in octets.
        len: usize,
    },
    /// More to encrypt than one IV's keystream.
    #[error(transparent)]
    KeystreamTooLong(#[from] KeystreamTooLong),
}

/// The octets between header and tag, which one IV has to encrypt.
#[inline(always)]
pub(crate) fn between(
    packet: &[u8],
    header_len: usize,
    tag_len: usize,
) -> Result<Range<usize>, PortionsError> {
    let packet_len = packet.len();
    let end = packet_len.checked_sub(tag_len);
    let len = end.and_then(|end| end.checked_sub(header_len));
    let len = len.ok_or(PortionsError::BeyondPacket { packet_len })?;
    if len > MAX_KEYSTREAM_LEN {
        return Err(KeystreamTooLong { len }.into());
    }
    Ok(header_len..header_len + len)
}

#[inline]
pub(crate) fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    !a.is_empty() && !b.is_empty() && a.start < b.end && b.start < a.end
}
