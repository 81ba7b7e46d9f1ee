//! How often session keys are derived anew.

use crate::index::PacketIndex;

/// The key_derivation_rate of RFC 3711 §4.3.1: 0, or a power of two up to 2^24.
///
/// ```
/// use callseal_srtp::KeyDerivationRate;
///
/// assert_eq!(KeyDerivationRate::from_exponent(10).map(KeyDerivationRate::get), Some(1_024));
/// assert_eq!(KeyDerivationRate::from_exponent(25), None);
/// assert_eq!(KeyDerivationRate::default(), KeyDerivationRate::ONCE);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyDerivationRate(Option<u8>);

impl KeyDerivationRate {
    /// A rate of 0: session keys are derived once for a master key.
    pub const ONCE: Self = Self(None);

    /// A rate of 2^`exponent` packets, `exponent` at most 24; it is what an
    /// `a=crypto` line gives as KDR (RFC 4568 §6.3.1).
    #[must_use]
    pub fn from_exponent(exponent: u8) -> Option<Self> {
        (exponent <= 24).then_some(Self(Some(exponent)))
    }

    /// The rate in packets, or 0.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.map_or(0, |exponent| 1 << exponent)
    }

    /// The exponent; `None` where the rate is 0.
    #[must_use]
    pub fn exponent(self) -> Option<u8> {
        self.0
    }

    /// r = index DIV key_derivation_rate, and 0 where the rate is 0.
    #[inline]
    pub(crate) fn r(self, index: PacketIndex) -> PacketIndex {
        match self.0 {
            Some(exponent) => index.divided_by_power_of_two(exponent),
            None => PacketIndex::ZERO,
        }
    }
}
