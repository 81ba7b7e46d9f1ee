//! Whole packets under AES-GCM, NIST SP 800-38D as RFC 7714 uses it.

use core::fmt;
use core::ops::Range;

use crate::aes_key::RawKey;
use crate::backends::soft_gcm::SoftGcm;
#[cfg(target_arch = "x86_64")]
use crate::backends::x86::gcm_key::PowersKey;
use crate::hmac_packet::{between, overlap};
use crate::{
    Backend, KeyLengthError, KeystreamTooLong, MAX_KEYSTREAM_LEN, PortionsError, WipedBox, tag,
};

/// The octets of a whole GCM tag.
pub const GCM_TAG_LEN: usize = 16;

/// An expanded AES-GCM key; wiped on drop.
pub struct AesGcmKey {
    pub(crate) form: GcmKeyForm,
}

/// As with [`AesKey`](crate::aes_key::AesKey), one form is kept.
#[allow(
    clippy::large_enum_variant,
    reason = "where the large variant exists, it is the one in use"
)]
pub(crate) enum GcmKeyForm {
    #[cfg(target_arch = "x86_64")]
    Powers(PowersKey),
    Soft(WipedBox<SoftGcm>),
}

impl AesGcmKey {
    /// Expands a key of 16 or 32 octets for [`Backend::detected`].
    ///
    /// ```
    /// use callseal_srtp_crypto::AesGcmKey;
    ///
    /// assert!(AesGcmKey::new(&[0; 32]).is_ok());
    /// assert!(AesGcmKey::new(&[0; 24]).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] at any other length; RFC 7714 has no AES-192.
    pub fn new(key: &[u8]) -> Result<Self, KeyLengthError> {
        Self::for_backend(Backend::detected(), key)
    }

    /// The same for another backend. Every backend takes every key; it is
    /// quickest with one expanded for it.
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] where the key is not 16 or 32 octets.
    pub fn for_backend(backend: Backend, key: &[u8]) -> Result<Self, KeyLengthError> {
        let raw = RawKey::new(key).filter(|raw| !matches!(raw, RawKey::Aes192(_)));
        let raw = raw.ok_or(KeyLengthError { len: key.len() })?;
        let form = match backend {
            Backend::Soft => GcmKeyForm::Soft(WipedBox::new(SoftGcm::expand(&raw))),
            #[cfg(target_arch = "x86_64")]
            Backend::Ni(token) => GcmKeyForm::Powers(token.expand_gcm(&raw)),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(token) => GcmKeyForm::Powers(token.expand_gcm(&raw)),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(token) => GcmKeyForm::Powers(token.expand_gcm(&raw)),
        };
        Ok(Self { form })
    }
}

impl fmt::Debug for AesGcmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesGcmKey { .. }")
    }
}

/// Which octets of a packet are associated data, which plaintext or
/// ciphertext, and which hold the tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GcmPortions {
    /// The associated data, as far as it stands in one piece.
    pub associated: Range<usize>,
    /// What is encrypted; it may be empty.
    pub encrypted: Range<usize>,
    /// The tag: 16 octets, or the first 8 of them.
    pub tag: Range<usize>,
}

/// One packet of [`Backend::seal_gcm`](crate::Backend::seal_gcm) or
/// [`Backend::open_gcm`](crate::Backend::open_gcm).
pub struct GcmPacketJob<'a> {
    pub(crate) key: &'a AesGcmKey,
    pub(crate) iv: GcmIv,
    packet: &'a mut [u8],
    portions: GcmPortions,
    suffix: Option<[u8; 4]>,
    authentic: bool,
}

/// The IV as two words of little-endian octets: see
/// [`CmIv`](crate::aes_cm::CmIv).
#[derive(Clone, Copy)]
pub(crate) struct GcmIv {
    pub(crate) first: u64,
    pub(crate) last: u32,
}

impl GcmIv {
    #[inline]
    fn new([a, b, c, d, e, f, g, h, last @ ..]: [u8; 12]) -> Self {
        Self {
            first: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            last: u32::from_le_bytes(last),
        }
    }

    /// The block of that counter as an integer.
    pub(crate) fn counter_block(self, counter: u32) -> u128 {
        let first = u128::from(self.first.swap_bytes());
        let last = u128::from(self.last.swap_bytes());
        (first << 64) | (last << 32) | u128::from(counter)
    }
}

impl<'a> GcmPacketJob<'a> {
    /// A job on `packet`, in place. `suffix` is the last of the associated
    /// data, where it stands elsewhere: SRTCP's ESRTCP word (RFC 7714 §9.2).
    ///
    /// # Errors
    ///
    /// [`PortionsError`] where the portions do not fit the packet.
    // Inlined even into a large caller, which spares moving the job about.
    #[inline(always)]
    pub fn new(
        key: &'a AesGcmKey,
        iv: [u8; 12],
        packet: &'a mut [u8],
        portions: GcmPortions,
        suffix: Option<[u8; 4]>,
    ) -> Result<Self, PortionsError> {
        let GcmPortions {
            associated,
            encrypted,
            tag,
        } = &portions;
        for portion in [associated, encrypted, tag] {
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
        if !matches!(tag.len(), 8 | GCM_TAG_LEN) {
            return Err(PortionsError::TagLength { len: tag.len() });
        }
        if overlap(associated, encrypted) || overlap(associated, tag) || overlap(encrypted, tag) {
            return Err(PortionsError::Overlap);
        }
        Ok(Self {
            key,
            iv: GcmIv::new(iv),
            packet,
            portions,
            suffix,
            authentic: false,
        })
    }

    /// A job on a packet that is associated data, encrypted octets and tag,
    /// with nothing between or behind them.
    ///
    /// # Errors
    ///
    /// [`PortionsError`] where the packet is shorter than header and tag.
    #[inline(always)]
    pub fn in_order(
        key: &'a AesGcmKey,
        iv: [u8; 12],
        packet: &'a mut [u8],
        header_len: usize,
        tag_len: usize,
    ) -> Result<Self, PortionsError> {
        if !matches!(tag_len, 8 | GCM_TAG_LEN) {
            return Err(PortionsError::TagLength { len: tag_len });
        }
        let encrypted = between(packet, header_len, tag_len)?;
        let portions = GcmPortions {
            associated: 0..encrypted.start,
            tag: encrypted.end..packet.len(),
            encrypted,
        };
        Ok(Self {
            key,
            iv: GcmIv::new(iv),
            packet,
            portions,
            suffix: None,
            authentic: false,
        })
    }

    /// Whether [`open_gcm`](crate::Backend::open_gcm) found the tag right and
    /// so decrypted the packet; `false` before it has run.
    #[must_use]
    pub fn is_authentic(&self) -> bool {
        self.authentic
    }

    #[inline]
    pub(crate) fn associated(&self) -> Associated<'_> {
        Associated {
            octets: &self.packet[self.portions.associated.clone()],
            suffix: self.suffix,
        }
    }

    /// The last block of GHASH: the bit lengths of both parts (SP 800-38D §7.1,
    /// step 5), each of which is 64 bits.
    #[inline]
    pub(crate) fn bit_lengths(&self) -> (u64, u64) {
        let associated_len = self.associated().len() as u64;
        (associated_len * 8, self.encrypted().len() as u64 * 8)
    }

    #[inline]
    pub(crate) fn encrypted(&self) -> &[u8] {
        &self.packet[self.portions.encrypted.clone()]
    }

    #[inline]
    pub(crate) fn encrypted_mut(&mut self) -> &mut [u8] {
        &mut self.packet[self.portions.encrypted.clone()]
    }

    #[inline]
    pub(crate) fn put_tag(&mut self, computed: &[u8; GCM_TAG_LEN]) {
        tag::put(&mut self.packet[self.portions.tag.clone()], computed);
    }

    /// Compares the tag and keeps the verdict.
    #[inline]
    pub(crate) fn judge(&mut self, computed: &[u8; GCM_TAG_LEN]) -> bool {
        let carried = &self.packet[self.portions.tag.clone()];
        self.authentic = tag::is_right(carried, computed);
        self.authentic
    }
}

impl fmt::Debug for GcmPacketJob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcmPacketJob")
            .field("packet_len", &self.packet.len())
            .field("portions", &self.portions)
            .field("authentic", &self.authentic)
            .finish_non_exhaustive()
    }
}

/// A packet's associated data.
#[derive(Clone, Copy)]
pub(crate) struct Associated<'a> {
    pub(crate) octets: &'a [u8],
    pub(crate) suffix: Option<[u8; 4]>,
}

impl Associated<'_> {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.octets.len() + if self.suffix.is_some() { 4 } else { 0 }
    }

    /// All of it as one block, padded, its first octet lowest; `None` where
    /// there are more.
    ///
    /// The block is put together in registers: a vector load of octets that
    /// were just stored in parts would wait for all stores before them.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn only_block(&self) -> Option<u128> {
        if self.len() > 16 {
            return None;
        }
        let octets = self.octets;
        let at = 8 * octets.len();
        let block = if let (Some(first), Some(last)) = (octets.first_chunk(), octets.last_chunk()) {
            let last = u128::from(u64::from_le_bytes(*last));
            u128::from(u64::from_le_bytes(*first)) | (last << (at - 64))
        } else {
            let fold = |block, octet: &u8| (block << 8) | u128::from(*octet);
            octets.iter().rev().fold(0, fold)
        };
        match self.suffix {
            Some(suffix) => Some(block | (u128::from(u32::from_le_bytes(suffix)) << at)),
            None => Some(block),
        }
    }

    /// The whole blocks of the octets, and the one or two padded blocks that
    /// the rest and the suffix make; the second part says how many count.
    #[inline]
    pub(crate) fn blocks(&self) -> (&[[u8; 16]], [[u8; 16]; 2], usize) {
        let (whole, rest) = self.octets.as_chunks::<16>();
        let mut last = [[0; 16]; 2];
        let flat = last.as_flattened_mut();
        flat[..rest.len()].copy_from_slice(rest);
        let mut len = rest.len();
        if let Some(suffix) = self.suffix {
            flat[len..len + 4].copy_from_slice(&suffix);
            len += 4;
        }
        (whole, last, len.div_ceil(16))
    }
}
