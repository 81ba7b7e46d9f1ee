//! Evidence that travels with an identity, so that the other side need ask
//! nobody (PROTOCOL.md §2, "Extensions").

use core::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::messages::{Extension, Extensions};

/// What one phone says about staples in a handshake.
///
/// ```
/// use callseal_sts::{Staple, Staples};
///
/// let own = Staple::new(b"what proves that our key is ours")?;
/// let staples = Staples { own: Some(own), wanted: true };
/// assert!(Staples::default().own.is_none());
/// # let _ = staples;
/// # Ok::<(), callseal_sts::StapleError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Staples {
    /// Our own, for whoever takes one.
    pub own: Option<Staple>,
    /// Whether we take the other side's.
    pub wanted: bool,
}

/// Evidence that a key belongs to a number. What it says is for whoever looks
/// numbers up to judge; here it is octets, and nothing follows from it.
#[derive(Clone, Eq, PartialEq)]
pub struct Staple(Arc<[u8]>);

/// The longest staple, in octets: with it, a message keeps within its bound.
pub const MAX_STAPLE_LEN: usize = 16 * 1024;

impl Staple {
    /// These octets as a staple.
    ///
    /// # Errors
    ///
    /// [`StapleError`] where there are none, or too many.
    pub fn new(octets: &[u8]) -> Result<Self, StapleError> {
        match octets.len() {
            1..=MAX_STAPLE_LEN => Ok(Self(octets.into())),
            len => Err(StapleError { len }),
        }
    }

    /// Its octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Octets that are no staple.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("a staple has 1 to {MAX_STAPLE_LEN} octets, not {len}")]
pub struct StapleError {
    /// How many there are.
    pub len: usize,
}

/// The extension that asks for a staple.
const WANTED: u16 = 1;
/// The extension that is one.
const STAPLE: u16 = 2;

impl Staples {
    /// The entries of extensions that say so: the question where the message
    /// `asks`, our own where it `gives`.
    pub(crate) fn to_extensions(&self, asks: bool, gives: bool) -> Vec<u8> {
        let asked = (asks && self.wanted).then_some(Extension {
            kind: WANTED,
            value: &[],
        });
        let given = self.own.as_ref().filter(|_| gives).map(|own| Extension {
            kind: STAPLE,
            value: own.as_bytes(),
        });
        Extensions::entries(asked.into_iter().chain(given))
    }
}

/// Whether the sender of these extensions takes a staple.
pub(crate) fn is_wanted(extensions: &Extensions<'_>) -> bool {
    extensions.iter().any(|extension| extension.kind == WANTED)
}

/// The staple in them; one that is empty or too long counts as none.
pub(crate) fn given(extensions: &Extensions<'_>) -> Option<Staple> {
    let given = extensions
        .iter()
        .find(|extension| extension.kind == STAPLE)?;
    Staple::new(given.value).ok()
}

impl fmt::Debug for Staple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Staple({} octets)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staple_is_neither_empty_nor_too_long() {
        assert!(Staple::new(&[]).is_err());
        assert!(Staple::new(&[0; MAX_STAPLE_LEN]).is_ok());
        let too_long = vec![0; MAX_STAPLE_LEN + 1];
        assert_eq!(Staple::new(&too_long).unwrap_err().len, MAX_STAPLE_LEN + 1);
    }

    #[test]
    fn what_is_said_is_read() {
        let own = Staple::new(&[7; 300]).unwrap();
        for wanted in [false, true] {
            for gives in [false, true] {
                let own = Some(own.clone());
                let entries = Staples {
                    own: own.clone(),
                    wanted,
                }
                .to_extensions(true, gives);
                let extensions = Extensions::new(&entries);
                assert_eq!(is_wanted(&extensions), wanted);
                assert_eq!(given(&extensions), own.filter(|_| gives));
            }
        }
        assert!(Staples::default().to_extensions(true, true).is_empty());
    }

    #[test]
    fn a_staple_that_is_none_is_passed_over() {
        for len in [0, MAX_STAPLE_LEN + 1] {
            let value = &vec![0; len][..];
            let entries = Extensions::entries([Extension {
                kind: STAPLE,
                value,
            }]);
            assert_eq!(given(&Extensions::new(&entries)), None);
        }
    }
}
