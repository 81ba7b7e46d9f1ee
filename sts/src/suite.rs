//! What two phones may agree on (PROTOCOL.md §3).

use thiserror::Error;

/// A suite: the group of the ephemeral shares, the signature, and the SRTP
/// profile that the call's media keys are for.
///
/// ```
/// use callseal_sts::Suite;
///
/// let suite = Suite::X25519AesCm128HmacSha1_80;
/// assert_eq!(Suite::from_id(suite.id()), Some(suite));
/// assert_eq!(suite.media_profile(), "AES_CM_128_HMAC_SHA1_80");
/// assert_eq!((suite.key_len(), suite.salt_len()), (16, 14));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Suite {
    /// X25519; ECDSA secp256k1 with SHA-256; `AES_CM_128_HMAC_SHA1_80`.
    X25519AesCm128HmacSha1_80,
    /// X25519; ECDSA secp256k1 with SHA-256; `AES_CM_128_HMAC_SHA1_32`.
    X25519AesCm128HmacSha1_32,
}

/// The group that ephemeral shares belong to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Group {
    /// RFC 7748.
    X25519,
}

/// Suites in the order of preference: at least one, each once.
///
/// ```
/// use callseal_sts::{Suite, Suites};
///
/// assert_eq!(Suites::default().iter().next(), Some(Suite::X25519AesCm128HmacSha1_80));
/// assert!(Suites::new(&[]).is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Suites(Vec<Suite>);

/// Why suites are no order of preference.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SuitesError {
    /// There is none.
    #[error("at least one suite is needed")]
    Empty,
    /// One stands there twice.
    #[error("{0:?} stands there twice")]
    Repeated(Suite),
}

impl Suite {
    /// All suites, in the order in which callseal prefers them.
    pub const ALL: [Self; 2] = [
        Self::X25519AesCm128HmacSha1_80,
        Self::X25519AesCm128HmacSha1_32,
    ];

    /// The suite with this id, if it is known.
    pub fn from_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.id() == id)
    }

    /// The id on the wire.
    pub const fn id(self) -> u16 {
        match self {
            Self::X25519AesCm128HmacSha1_80 => 0x0001,
            Self::X25519AesCm128HmacSha1_32 => 0x0002,
        }
    }

    /// The group of the ephemeral shares.
    pub const fn group(self) -> Group {
        match self {
            Self::X25519AesCm128HmacSha1_80 | Self::X25519AesCm128HmacSha1_32 => Group::X25519,
        }
    }

    /// The name of the media's SRTP profile in RFC 4568 §6.2.
    pub const fn media_profile(self) -> &'static str {
        match self {
            Self::X25519AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::X25519AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The length of an SRTP master key in octets.
    pub const fn key_len(self) -> usize {
        match self {
            Self::X25519AesCm128HmacSha1_80 | Self::X25519AesCm128HmacSha1_32 => 16,
        }
    }

    /// The length of an SRTP master salt in octets.
    pub const fn salt_len(self) -> usize {
        match self {
            Self::X25519AesCm128HmacSha1_80 | Self::X25519AesCm128HmacSha1_32 => 14,
        }
    }
}

impl Group {
    /// The id on the wire.
    pub const fn id(self) -> u16 {
        match self {
            Self::X25519 => 0x0001,
        }
    }

    /// The length of the caller's share in octets.
    pub const fn caller_share_len(self) -> usize {
        match self {
            Self::X25519 => 32,
        }
    }

    /// The length of the callee's share in octets.
    pub const fn callee_share_len(self) -> usize {
        match self {
            Self::X25519 => 32,
        }
    }
}

impl Suites {
    /// Takes suites, the best liked first.
    ///
    /// # Errors
    ///
    /// [`SuitesError`], by what is wrong with the list.
    pub fn new(preferred_first: &[Suite]) -> Result<Self, SuitesError> {
        if preferred_first.is_empty() {
            return Err(SuitesError::Empty);
        }
        for (at, suite) in preferred_first.iter().enumerate() {
            if preferred_first[..at].contains(suite) {
                return Err(SuitesError::Repeated(*suite));
            }
        }
        Ok(Self(preferred_first.to_vec()))
    }

    /// The best liked suite.
    pub fn first(&self) -> Suite {
        // `new` takes no empty list.
        self.0[0]
    }

    /// The suites, the best liked first.
    pub fn iter(&self) -> impl Iterator<Item = Suite> {
        self.0.iter().copied()
    }
}

impl Default for Suites {
    /// All suites, as callseal prefers them.
    fn default() -> Self {
        Self(Suite::ALL.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_names_one_suite() {
        for suite in Suite::ALL {
            assert_eq!(Suite::from_id(suite.id()), Some(suite));
        }
        let known = (0..=u16::MAX).filter_map(Suite::from_id).count();
        assert_eq!(known, Suite::ALL.len(), "reserved ids are unknown");
    }

    #[test]
    fn a_list_with_a_repetition_is_no_preference() {
        let [first, second] = Suite::ALL;
        assert!(Suites::new(&[second, first]).is_ok());
        assert_eq!(
            Suites::new(&[first, second, first]),
            Err(SuitesError::Repeated(first))
        );
    }
}
