//! Why a callee says no.

use core::fmt;

/// Why a callee refuses; the caller learns it from M4.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// The registry does not vouch for the key: unknown, not approved, or
    /// another key.
    NotVouched,
    /// The callee is busy.
    Busy,
    /// The callee expects somebody else, or declines.
    Declined,
    /// The caller's key has changed and the callee has not accepted the new
    /// one.
    KeyChanged,
    /// The registry could not be asked; trying later may help.
    RegistryUnavailable,
}

impl Refusal {
    /// All of them, in the order of their status.
    pub const ALL: [Self; 5] = [
        Self::NotVouched,
        Self::Busy,
        Self::Declined,
        Self::KeyChanged,
        Self::RegistryUnavailable,
    ];

    /// The refusal with this status; `None` for acceptance and for statuses
    /// without a known reason.
    pub fn from_status(status: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.status() == status)
    }

    /// The status on the wire; never 0.
    pub const fn status(self) -> u8 {
        match self {
            Self::NotVouched => 1,
            Self::Busy => 2,
            Self::Declined => 3,
            Self::KeyChanged => 4,
            Self::RegistryUnavailable => 5,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotVouched => "the registry does not vouch for the key",
            Self::Busy => "busy",
            Self::Declined => "declined",
            Self::KeyChanged => "the key has changed and the new one is not accepted",
            Self::RegistryUnavailable => "the registry could not be asked",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_never_an_acceptance() {
        for why in Refusal::ALL {
            assert_ne!(why.status(), 0);
            assert_eq!(Refusal::from_status(why.status()), Some(why));
        }
        assert_eq!(Refusal::from_status(0), None);
        assert_eq!(Refusal::from_status(6), None);
    }
}
