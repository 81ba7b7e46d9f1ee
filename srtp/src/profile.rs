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
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// AES-128 in counter mode, HMAC-SHA1 cut to 80 bits (RFC 3711 §8.2's default).
    AesCm128HmacSha1_80,
    /// The same with RTP's tag cut to 32 bits; RTCP's stays at 80 (RFC 4568 §6.2.2).
    AesCm128HmacSha1_32,
}

impl Profile {
    /// Every profile.
    pub const ALL: &[Self] = &[Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32];

    /// The profile with this crypto-suite name of RFC 4568, which is case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|profile| profile.name() == name).copied()
    }

    /// The crypto-suite name of RFC 4568 §6.2.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The master key's length, in octets.
    #[must_use]
    pub fn key_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 16,
        }
    }

    /// The master salt's length, in octets.
    #[must_use]
    pub fn salt_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
        }
    }

    /// The length of the tag of an SRTP packet, in octets.
    #[must_use]
    pub fn rtp_tag_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
        }
    }

    /// The length of the tag of an SRTCP packet, in octets.
    #[must_use]
    pub fn rtcp_tag_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 10,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
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
}
