//! Secrets of secp256k1 towards Ethereum: wallets, identities, the operator's
//! account.

use core::fmt;

use alloy_primitives::{Address, B256, keccak256};
use zeroize::Zeroizing;

use crate::random::draw;
use crate::{KeyError, Random};

/// A secp256k1 secret that signs for an Ethereum account, or as a subscriber's
/// identity. Wiped when dropped.
///
/// ```
/// use callseal_eims::AccountKey;
///
/// let key = AccountKey::from_bytes([1; 32])?;
/// assert_eq!(key.address().to_string(), "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1");
/// assert!(!format!("{key:?}").contains("0101"));
/// # Ok::<(), callseal_eims::KeyError>(())
/// ```
#[derive(Clone)]
pub struct AccountKey {
    signing: k256::ecdsa::SigningKey,
    /// x then y.
    public: [u8; 64],
}

impl AccountKey {
    /// Takes a secret, big-endian. The caller wipes its own copy.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotAScalar`].
    pub fn from_bytes(octets: [u8; 32]) -> Result<Self, KeyError> {
        let octets = Zeroizing::new(octets);
        let signing =
            k256::ecdsa::SigningKey::from_slice(&*octets).map_err(|_| KeyError::NotAScalar)?;
        let mut public = [0; 64];
        // SEC 1 section 2.3.3: one octet of prefix stands before the coordinates.
        public.copy_from_slice(&signing.verifying_key().to_sec1_point(false).as_bytes()[1..]);
        Ok(Self { signing, public })
    }

    /// A fresh secret.
    pub fn generate(random: &mut dyn Random) -> Self {
        loop {
            // All but one in 2^127 draws are below the group order.
            if let Ok(key) = Self::from_bytes(draw(random)) {
                return key;
            }
        }
    }

    /// The secret itself, big-endian: for storing it.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes().into())
    }

    /// The public key, x then y: as the registry's functions take it.
    pub fn uncompressed(&self) -> [u8; 64] {
        self.public
    }

    /// The public key in SEC 1 compressed form: as the registry stores it.
    pub fn compressed(&self) -> [u8; 33] {
        compress(&self.public)
    }

    /// The account that the key speaks for.
    pub fn address(&self) -> Address {
        address_of(&self.public)
    }

    /// Signs a digest as the registry's functions take it: r, s (low), v (27 or
    /// 28), 65 octets; deterministic (RFC 6979).
    pub fn sign_digest(&self, digest: B256) -> [u8; 65] {
        let (signature, recovery) = self.signing.sign_prehash_recoverable(&digest.0);
        let mut octets = [0; 65];
        octets[..64].copy_from_slice(&signature.to_bytes());
        octets[64] = 27 + recovery.to_byte();
        octets
    }
}

/// Whose signature of 65 octets it is, x then y; none where it is nobody's, or
/// not in its one form (low s, v 27 or 28).
pub(crate) fn signer_of(digest: B256, octets: &[u8; 65]) -> Option<[u8; 64]> {
    let signature = k256::ecdsa::Signature::from_slice(&octets[..64]).ok()?;
    if signature.normalize_s() != signature {
        return None;
    }
    let y_is_odd = match octets[64] {
        27 => false,
        28 => true,
        _ => return None,
    };
    let recovery = k256::ecdsa::RecoveryId::new(y_is_odd, false);
    let key =
        k256::ecdsa::VerifyingKey::recover_from_prehash(&digest.0, &signature, recovery).ok()?;
    let mut public = [0; 64];
    public.copy_from_slice(&key.to_sec1_point(false).as_bytes()[1..]);
    Some(public)
}

/// The account of a public key, x then y.
pub(crate) fn address_of(public: &[u8; 64]) -> Address {
    Address::from_slice(&keccak256(public)[12..])
}

/// SEC 1 section 2.3.3: the prefix says whether y is odd.
pub(crate) fn compress(public: &[u8; 64]) -> [u8; 33] {
    let mut compressed = [2 + (public[63] & 1); 33];
    compressed[1..].copy_from_slice(&public[..32]);
    compressed
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountKey({})", self.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_names_its_signer_in_one_form_only() {
        let key = AccountKey::from_bytes([7; 32]).unwrap();
        let digest = B256::repeat_byte(9);
        let signature = key.sign_digest(digest);
        assert_eq!(signer_of(digest, &signature), Some(key.uncompressed()));
        assert_ne!(
            signer_of(B256::repeat_byte(8), &signature),
            Some(key.uncompressed())
        );
        for v in [0, 1, 26, 29] {
            let mut other = signature;
            other[64] = v;
            assert_eq!(signer_of(digest, &other), None);
        }
        // The twin with -s and the other v.
        let low = k256::ecdsa::Signature::from_slice(&signature[..64]).unwrap();
        let (r, s) = low.split_scalars();
        let high = k256::ecdsa::Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
        let mut twin = [0; 65];
        twin[..64].copy_from_slice(&high.to_bytes());
        twin[64] = 55 - signature[64];
        assert_eq!(signer_of(digest, &twin), None);
    }
}
