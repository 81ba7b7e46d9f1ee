//! An expanded AES key, in the form that its backend takes.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::backends::soft::SoftAes;
#[cfg(target_arch = "x86_64")]
use crate::backends::x86::round_keys::RoundKeys;
use crate::{Backend, WipedBox};

/// One form is kept, so that a key stays small enough for thousands of them to
/// share a cache. A key in the other form works too, and slowly: [`soft`] takes
/// it over from the other backends, and expands theirs anew.
///
/// [`soft`]: crate::backends::soft
#[allow(
    clippy::large_enum_variant,
    reason = "where the large variant exists, it is the one in use"
)]
pub(crate) enum AesKey {
    /// FIPS 197's key schedule, for the processor's own instructions.
    #[cfg(target_arch = "x86_64")]
    Rounds(RoundKeys),
    /// Boxed, since the portable schedule is four times as long.
    Soft(WipedBox<SoftAes>),
}

impl AesKey {
    /// Expands `key` in the form of `backend`.
    pub(crate) fn expand(backend: Backend, key: &RawKey) -> Self {
        match backend {
            Backend::Soft => Self::Soft(WipedBox::new(SoftAes::expand(key))),
            #[cfg(target_arch = "x86_64")]
            Backend::Ni(token) => Self::Rounds(token.expand(key)),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(token) => Self::Rounds(token.expand(key)),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(token) => Self::Rounds(token.expand(key)),
        }
    }
}

/// A key as it is given; wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) enum RawKey {
    Aes128([u8; 16]),
    Aes192([u8; 24]),
    Aes256([u8; 32]),
}

impl RawKey {
    /// `None` where `key` is not 16, 24 or 32 octets.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => key.try_into().ok().map(Self::Aes128),
            24 => key.try_into().ok().map(Self::Aes192),
            32 => key.try_into().ok().map(Self::Aes256),
            _ => None,
        }
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) fn octets(&self) -> &[u8] {
        match self {
            Self::Aes128(key) => key,
            Self::Aes192(key) => key,
            Self::Aes256(key) => key,
        }
    }
}
