//! What RFC 4568 calls a crypto-suite: a cipher, a tag and their lengths.

use core::fmt;

/// A protection profile.
///
/// ```
/// use callseal_srtp::Profile;
///
/// let profile = Profile::from_name("AES_CM_128_HMAC_SHA1_32").unwrap();
/// assert_eq!(profile, Profile::AesCm128HmacSha1_32);
/// assert_eq!((profile.key_len(), profile.salt_len()), (16, 14));
/// assert_eq!((profile.rtp_tag_len(), profile.rtcp_tag_len()), (4, 10));
/// assert_eq!(profile.dtls_id(), Some([0x00, 0x02]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// AES-128 in counter mode, HMAC-SHA1 cut to 80 bits (RFC 3711 §8.2's default).
    AesCm128HmacSha1_80,
    /// The same with RTP's tag cut to 32 bits; RTCP's stays at 80 (RFC 4568 §6.2.2).
    AesCm128HmacSha1_32,
    /// AES-192 in counter mode, HMAC-SHA1 cut to 80 bits (RFC 6188).
    AesCm192HmacSha1_80,
    /// The same with RTP's tag cut to 32 bits.
    AesCm192HmacSha1_32,
    /// AES-256 in counter mode, HMAC-SHA1 cut to 80 bits (RFC 6188).
    AesCm256HmacSha1_80,
    /// The same with RTP's tag cut to 32 bits.
    AesCm256HmacSha1_32,
    /// AES-128 in f8 mode, HMAC-SHA1 cut to 80 bits (RFC 4568 §6.2.3).
    AesF8_128HmacSha1_80,
    /// AES-128 in Galois/counter mode, whose tag has 128 bits (RFC 7714).
    AeadAes128Gcm,
    /// AES-256 in Galois/counter mode, whose tag has 128 bits (RFC 7714).
    AeadAes256Gcm,
    /// [`AeadAes128Gcm`](Self::AeadAes128Gcm) with the tag cut to 64 bits, which
    /// RFC 7714 dropped and libsrtp's interface still has.
    AeadAes128Gcm8,
    /// [`AeadAes256Gcm`](Self::AeadAes256Gcm) with the tag cut to 64 bits.
    AeadAes256Gcm8,
    /// No encryption, HMAC-SHA1 cut to 80 bits (RFC 5764 §4.1.2).
    NullHmacSha1_80,
    /// The same with RTP's tag cut to 32 bits.
    NullHmacSha1_32,
    /// Neither encryption nor authentication: anybody reads, changes and makes
    /// packets. For finding faults.
    NullNull,
}

impl Profile {
    /// Every profile.
    pub const ALL: &[Self] = &[
        Self::AesCm128HmacSha1_80,
        Self::AesCm128HmacSha1_32,
        Self::AesCm192HmacSha1_80,
        Self::AesCm192HmacSha1_32,
        Self::AesCm256HmacSha1_80,
        Self::AesCm256HmacSha1_32,
        Self::AesF8_128HmacSha1_80,
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
        Self::AeadAes128Gcm8,
        Self::AeadAes256Gcm8,
        Self::NullHmacSha1_80,
        Self::NullHmacSha1_32,
        Self::NullNull,
    ];

    /// The profile with this crypto-suite name, which is case-sensitive: the
    /// registered names of RFC 4568, 6188 and 7714, and
    /// [`name`](Self::name)'s where none is registered.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|profile| profile.name() == name).copied()
    }

    /// The profile with this DTLS-SRTP protection profile id (RFC 5764 §4.1.2,
    /// RFC 7714 §14.2).
    #[must_use]
    pub fn from_dtls_id(id: [u8; 2]) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|profile| profile.dtls_id() == Some(id)).copied()
    }

    /// The crypto-suite name of RFC 4568 §6.2, 6188 §4 or 7714 §14.1; the
    /// profiles without encryption or with 64-bit tags have none registered,
    /// and are called what others call them.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The DTLS-SRTP protection profile id, where one is registered.
    #[must_use]
    pub fn dtls_id(self) -> Option<[u8; 2]> {
        self.row().dtls_id
    }

    /// The master key's length, in octets.
    #[must_use]
    pub fn key_len(self) -> usize {
        self.row().key_len
    }

    /// The master salt's length, in octets.
    #[must_use]
    pub fn salt_len(self) -> usize {
        self.row().salt_len
    }

    /// The length of the tag of an SRTP packet, in octets.
    #[must_use]
    pub fn rtp_tag_len(self) -> usize {
        self.row().rtp_tag_len
    }

    /// The length of the tag of an SRTCP packet, in octets.
    #[must_use]
    pub fn rtcp_tag_len(self) -> usize {
        self.row().rtcp_tag_len
    }

    /// Whether encryption and authentication are one algorithm (RFC 7714).
    #[must_use]
    pub fn is_aead(self) -> bool {
        self.cipher() == Cipher::AesGcm
    }

    pub(crate) fn cipher(self) -> Cipher {
        self.row().cipher
    }

    /// Whether there is a cipher at all; asked for every packet.
    #[inline]
    pub(crate) fn encrypts(self) -> bool {
        !matches!(
            self,
            Self::NullHmacSha1_80 | Self::NullHmacSha1_32 | Self::NullNull
        )
    }

    /// The one table of what a profile is.
    fn row(self) -> Row {
        use Cipher::{AesCm, AesF8, AesGcm, Null};
        let row = |name, dtls_id, cipher, (key_len, salt_len), (rtp_tag_len, rtcp_tag_len)| Row {
            name,
            dtls_id,
            cipher,
            key_len,
            salt_len,
            rtp_tag_len,
            rtcp_tag_len,
        };
        let dtls = |id| Some([0x00, id]);
        #[rustfmt::skip]
        let row = match self {
            //                                name                       DTLS-SRTP   cipher  key, salt  tags
            Self::AesCm128HmacSha1_80  => row("AES_CM_128_HMAC_SHA1_80", dtls(0x01), AesCm,  (16, 14), (10, 10)),
            Self::AesCm128HmacSha1_32  => row("AES_CM_128_HMAC_SHA1_32", dtls(0x02), AesCm,  (16, 14), (4, 10)),
            Self::AesCm192HmacSha1_80  => row("AES_192_CM_HMAC_SHA1_80", None,       AesCm,  (24, 14), (10, 10)),
            Self::AesCm192HmacSha1_32  => row("AES_192_CM_HMAC_SHA1_32", None,       AesCm,  (24, 14), (4, 10)),
            Self::AesCm256HmacSha1_80  => row("AES_256_CM_HMAC_SHA1_80", None,       AesCm,  (32, 14), (10, 10)),
            Self::AesCm256HmacSha1_32  => row("AES_256_CM_HMAC_SHA1_32", None,       AesCm,  (32, 14), (4, 10)),
            Self::AesF8_128HmacSha1_80 => row("F8_128_HMAC_SHA1_80",     None,       AesF8,  (16, 14), (10, 10)),
            Self::AeadAes128Gcm        => row("AEAD_AES_128_GCM",        dtls(0x07), AesGcm, (16, 12), (16, 16)),
            Self::AeadAes256Gcm        => row("AEAD_AES_256_GCM",        dtls(0x08), AesGcm, (32, 12), (16, 16)),
            Self::AeadAes128Gcm8       => row("AEAD_AES_128_GCM_8",      None,       AesGcm, (16, 12), (8, 8)),
            Self::AeadAes256Gcm8       => row("AEAD_AES_256_GCM_8",      None,       AesGcm, (32, 12), (8, 8)),
            Self::NullHmacSha1_80      => row("NULL_HMAC_SHA1_80",       dtls(0x05), Null,   (16, 14), (10, 10)),
            Self::NullHmacSha1_32      => row("NULL_HMAC_SHA1_32",       dtls(0x06), Null,   (16, 14), (4, 10)),
            Self::NullNull             => row("NULL_NULL",               None,       Null,   (16, 14), (0, 0)),
        };
        row
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a profile encrypts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    /// RFC 3711 §4.1.3; the tag is HMAC-SHA1's here and in the next two.
    Null,
    /// RFC 3711 §4.1.1 and RFC 6188.
    AesCm,
    /// RFC 3711 §4.1.2.
    AesF8,
    /// RFC 7714, its own tag.
    AesGcm,
}

struct Row {
    name: &'static str,
    dtls_id: Option<[u8; 2]>,
    cipher: Cipher,
    key_len: usize,
    salt_len: usize,
    rtp_tag_len: usize,
    rtcp_tag_len: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_profile() {
        for &profile in Profile::ALL {
            assert_eq!(Profile::from_name(profile.name()), Some(profile));
        }
        assert_eq!(Profile::from_name("aes_cm_128_hmac_sha1_80"), None);
        assert_eq!(Profile::from_name(""), None);
    }

    #[test]
    fn every_dtls_id_leads_back_to_its_profile_and_no_other_does() {
        let mut known = 0;
        for id in 0..=u16::MAX {
            let id = id.to_be_bytes();
            if let Some(profile) = Profile::from_dtls_id(id) {
                assert_eq!(profile.dtls_id(), Some(id));
                known += 1;
            }
        }
        let with_id = Profile::ALL
            .iter()
            .filter(|profile| profile.dtls_id().is_some());
        assert_eq!(known, with_id.count());
        assert_eq!(known, 6);
    }

    #[test]
    fn a_profile_encrypts_where_it_has_a_cipher() {
        for &profile in Profile::ALL {
            assert_eq!(profile.encrypts(), profile.cipher() != Cipher::Null);
        }
    }

    #[test]
    fn the_tags_of_srtcp_are_never_the_32_bit_ones() {
        // RFC 3711 §5.2 and RFC 4568 §6.2.2.
        for &profile in Profile::ALL {
            assert_ne!(profile.rtcp_tag_len(), 4, "{profile}");
        }
    }
}
