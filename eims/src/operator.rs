//! Who an operator is, and the keys that sign its tokens.

use core::fmt;

use k256::ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use k256::ecdsa::{Signature, VerifyingKey};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::Random;
use crate::random::draw;

/// An operator is its registry: a contract on a chain.
///
/// ```
/// use callseal_eims::OperatorId;
///
/// let operator = OperatorId { chain_id: 1, contract: [0xaa; 20] };
/// assert_eq!(operator.to_string(), format!("1:0x{}", "aa".repeat(20)));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct OperatorId {
    /// The chain, as in EIP-155.
    pub chain_id: u64,
    /// The address of the registry contract.
    pub contract: [u8; 20],
}

/// The operator's secret that signs tokens: a secp256k1 scalar, wiped when
/// dropped.
#[derive(Clone)]
pub struct SigningKey {
    signing: k256::ecdsa::SigningKey,
    public: SigningPublicKey,
}

/// A secp256k1 point in SEC 1 compressed form, checked to be on the curve: the
/// token signing key as the registry has it.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct SigningPublicKey([u8; SigningPublicKey::LEN]);

/// The keys whose tokens an operator stands by, as its registry has them.
///
/// ```
/// use callseal_eims::{SigningKey, TokenSigners};
///
/// let new = SigningKey::from_bytes([1; 32])?.public();
/// let old = SigningKey::from_bytes([2; 32])?.public();
/// let signers = TokenSigners::new(new).with_previous(old, 1_800_000_000);
/// # Ok::<(), callseal_eims::KeyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenSigners {
    present: SigningPublicKey,
    previous: Option<(SigningPublicKey, u64)>,
}

/// Why octets are not a key.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum KeyError {
    /// They are not the compressed form of a point on secp256k1.
    #[error("not a point of secp256k1 in compressed form")]
    NotOnCurve,
    /// They are zero, or not below the group order.
    #[error("not a scalar of secp256k1")]
    NotAScalar,
}

/// Whose signature it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Signer {
    InForce,
    Retired,
    Nobody,
}

/// `r ‖ s`, `s` in the lower half.
pub(crate) type SignatureOctets = [u8; 64];

impl OperatorId {
    pub(crate) const LEN: usize = 28;

    /// `u64(chain id) ‖ contract`
    pub(crate) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut octets = [0; Self::LEN];
        octets[..8].copy_from_slice(&self.chain_id.to_be_bytes());
        octets[8..].copy_from_slice(&self.contract);
        octets
    }

    #[cfg(feature = "service")]
    pub(crate) fn from_bytes(octets: &[u8]) -> Option<Self> {
        let (chain_id, contract) = octets.split_first_chunk()?;
        Some(Self {
            chain_id: u64::from_be_bytes(*chain_id),
            contract: contract.try_into().ok()?,
        })
    }
}

impl SigningKey {
    /// Takes a secret, big-endian. The caller wipes its own copy.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotAScalar`].
    ///
    /// ```
    /// # use callseal_eims::{KeyError, SigningKey};
    /// assert!(SigningKey::from_bytes([1; 32]).is_ok());
    /// assert_eq!(SigningKey::from_bytes([0; 32]).unwrap_err(), KeyError::NotAScalar);
    /// ```
    pub fn from_bytes(octets: [u8; 32]) -> Result<Self, KeyError> {
        let octets = Zeroizing::new(octets);
        let signing =
            k256::ecdsa::SigningKey::from_slice(&*octets).map_err(|_| KeyError::NotAScalar)?;
        let mut public = [0; SigningPublicKey::LEN];
        public.copy_from_slice(signing.verifying_key().to_sec1_point(true).as_bytes());
        Ok(Self {
            signing,
            public: SigningPublicKey(public),
        })
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

    /// The public half.
    pub fn public(&self) -> SigningPublicKey {
        self.public
    }

    /// The secret itself, big-endian: for storing it.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes().into())
    }

    /// RFC 6979 with SHA-256, `s` in the lower half.
    pub(crate) fn sign(&self, digest: &[u8; 32]) -> SignatureOctets {
        let signature: Signature = match self.signing.sign_prehash(digest) {
            Ok(signature) => signature,
            // Only digests shorter than half the order are refused.
            Err(_) => unreachable!("a digest has 32 octets"),
        };
        signature.normalize_s().to_bytes().into()
    }
}

impl SigningPublicKey {
    /// The length of a key in octets.
    pub const LEN: usize = 33;

    /// Takes a point in SEC 1 compressed form.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotOnCurve`].
    ///
    /// ```
    /// # use callseal_eims::{SigningKey, SigningPublicKey};
    /// let key = SigningKey::from_bytes([1; 32])?.public();
    /// assert_eq!(SigningPublicKey::from_bytes(*key.as_bytes())?, key);
    /// assert!(SigningPublicKey::from_bytes([0xff; 33]).is_err());
    /// # Ok::<(), callseal_eims::KeyError>(())
    /// ```
    pub fn from_bytes(octets: [u8; Self::LEN]) -> Result<Self, KeyError> {
        // The curve's parser knows further forms of 33 octets.
        if !matches!(octets[0], 2 | 3) {
            return Err(KeyError::NotOnCurve);
        }
        let key = Self(octets);
        key.to_verifying_key().map(|_| key)
    }

    /// The point in SEC 1 compressed form.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    fn to_verifying_key(self) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::from_sec1_bytes(&self.0).map_err(|_| KeyError::NotOnCurve)
    }

    fn has_signed(self, digest: &[u8; 32], octets: &SignatureOctets) -> bool {
        let (Ok(key), Ok(signature)) = (self.to_verifying_key(), Signature::from_slice(octets))
        else {
            return false;
        };
        // With -s every signature has a twin; only the low one is taken.
        signature.normalize_s() == signature && key.verify_prehash(digest, &signature).is_ok()
    }
}

impl TokenSigners {
    /// Tokens of the present key alone.
    pub fn new(present: SigningPublicKey) -> Self {
        Self {
            present,
            previous: None,
        }
    }

    /// And those of the key before it, as long as the time is before
    /// `until` (Unix seconds): the registry's overlap.
    #[must_use]
    pub fn with_previous(self, key: SigningPublicKey, until: u64) -> Self {
        Self {
            previous: Some((key, until)),
            ..self
        }
    }

    pub(crate) fn signer(
        &self,
        digest: &[u8; 32],
        signature: &SignatureOctets,
        now: u64,
    ) -> Signer {
        if self.present.has_signed(digest, signature) {
            return Signer::InForce;
        }
        match self.previous {
            Some((key, until)) if key.has_signed(digest, signature) => {
                if now < until {
                    Signer::InForce
                } else {
                    Signer::Retired
                }
            }
            _ => Signer::Nobody,
        }
    }
}

impl fmt::Display for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:0x", self.chain_id)?;
        write_hex(f, &self.contract)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(public: {})", self.public)
    }
}

impl fmt::Debug for SigningPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningPublicKey({self})")
    }
}

impl fmt::Display for SigningPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

pub(crate) fn write_hex(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
}
