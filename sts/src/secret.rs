//! Octets that are wiped, never printed, and compared in constant time.

use core::fmt;
use core::ops::Deref;

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Key material of any length: wiped when dropped, `Debug` redacted, compared
/// in constant time.
///
/// ```
/// # use callseal_sts::SecretBytes;
/// let key = SecretBytes::from(vec![7; 16]);
/// assert_eq!(key.len(), 16);
/// assert_eq!(format!("{key:?}"), "SecretBytes(16 octets)");
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes(Vec<u8>);

/// A secret of `N` octets.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret<const N: usize>(pub(crate) [u8; N]);

/// Whether two octet strings are equal, in a time that depends on their
/// lengths only.
///
/// The one place where secrets are compared.
pub(crate) fn equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

impl From<Vec<u8>> for SecretBytes {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets)
    }
}

impl Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for SecretBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }
}

impl Eq for SecretBytes {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} octets)", self.0.len())
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({N} octets)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_octet() {
        let shown = format!("{:?} {:?}", SecretBytes(vec![0xab; 4]), Secret([0xab; 4]));
        assert_eq!(shown, "SecretBytes(4 octets) Secret(4 octets)");
    }

    #[test]
    fn comparison_sees_every_octet_and_the_length() {
        assert!(equal(b"abc", b"abc"));
        for other in [&b"abd"[..], b"bbc", b"ab", b"abcd", b""] {
            assert!(!equal(b"abc", other));
        }
    }
}
