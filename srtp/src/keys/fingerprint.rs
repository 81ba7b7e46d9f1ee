//! What tells one master key from another.

use core::fmt;

use callseal_srtp_crypto::Backend;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::MasterKey;

/// Octets that only who has the key can make, and that say nothing about it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Fingerprint([u8; 16]);

impl Fingerprint {
    pub(super) fn of(backend: Backend, key: &MasterKey) -> Self {
        Self(*key.fingerprint(backend))
    }

    pub(super) fn octets(&self) -> &[u8; 16] {
        &self.0
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint { .. }")
    }
}
