//! The name of a master key inside a packet.

use alloc::boxed::Box;

/// The most octets an MKI has (RFC 4568 §6.1).
pub const MAX_MKI_LEN: usize = 128;

/// A Master Key Identifier, 1 to 128 octets (RFC 3711 §3.1); public, not secret.
///
/// ```
/// use callseal_srtp::Mki;
///
/// let mki = Mki::new(&[0, 1])?;
/// assert_eq!(mki.as_bytes(), [0, 1]);
/// assert!(Mki::new(&[]).is_err());
/// # Ok::<(), callseal_srtp::MkiError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mki(Box<[u8]>);

impl Mki {
    /// An MKI of these octets.
    ///
    /// # Errors
    ///
    /// [`MkiError`] where there are none, or more than 128.
    pub fn new(octets: &[u8]) -> Result<Self, MkiError> {
        match octets.len() {
            1..=MAX_MKI_LEN => Ok(Self(octets.into())),
            len => Err(MkiError { len }),
        }
    }

    /// Its octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What stands in a packet of a session that uses no MKI.
    pub(super) fn none() -> Self {
        Self(Box::default())
    }
}

/// An MKI is 1 to 128 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an MKI has 1 to {MAX_MKI_LEN} octets, not {len}")]
pub struct MkiError {
    /// The length given, in octets.
    pub len: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mki_has_1_to_128_octets() {
        for len in 0..=200 {
            let made = Mki::new(&[0x5a; 200][..len]);
            assert_eq!(made.is_ok(), (1..=128).contains(&len), "{len}");
        }
    }
}
