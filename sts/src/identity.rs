//! Who somebody is: a number and the key that the registry holds for it.

use core::fmt;

use k256::ecdsa::{SigningKey, VerifyingKey};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::random::draw;
use crate::{Number, Random};

/// A secp256k1 point in SEC 1 compressed form, checked to be on the curve.
///
/// ```
/// use callseal_sts::{IdentityKey, PublicKey};
///
/// let key = IdentityKey::from_bytes([1; 32])?.public();
/// assert_eq!(PublicKey::from_bytes(*key.as_bytes())?, key);
/// assert!(PublicKey::from_bytes([0xff; 33]).is_err());
/// # Ok::<(), callseal_sts::KeyError>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PublicKey([u8; PublicKey::LEN]);

/// A phone's long-term secret, with which it proves its number: a secp256k1
/// scalar, wiped when dropped.
///
/// It is not a wallet key: what it signs is never a transaction.
#[derive(Clone)]
pub struct IdentityKey {
    signing: SigningKey,
    public: PublicKey,
}

/// A number together with a key; whether they belong together is for the
/// registry to say.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Identity {
    /// The telephone number.
    pub number: Number,
    /// The identity key.
    pub key: PublicKey,
}

/// This phone: its number and its secret.
///
/// ```
/// use callseal_sts::{IdentityKey, LocalIdentity, Number};
///
/// let key = IdentityKey::from_bytes([1; 32]).expect("a scalar below the group order");
/// let alice = LocalIdentity::new(Number::parse("+8613800000001").expect("E.164"), key);
/// assert_eq!(alice.identity().number.as_str(), "+8613800000001");
/// ```
#[derive(Clone, Debug)]
pub struct LocalIdentity {
    number: Number,
    key: IdentityKey,
}

/// An identity that somebody vouches for. A handshake goes on only with one
/// that equals what the peer has presented.
///
/// ```
/// use callseal_sts::{Identity, IdentityKey, Number, VerifiedPeerKey};
///
/// # let key_in_the_registry = IdentityKey::from_bytes([2; 32]).expect("in range").public();
/// // The registry has confirmed, by proof, that this key is Bob's.
/// let bob = VerifiedPeerKey::vouch(Identity {
///     number: Number::parse("+8613800000002").expect("E.164"),
///     key: key_in_the_registry,
/// });
/// assert_eq!(bob.identity().key, key_in_the_registry);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedPeerKey(Identity);

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

impl PublicKey {
    /// The length of a key in octets.
    pub const LEN: usize = 33;

    /// Takes a point in SEC 1 compressed form.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotOnCurve`].
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

    pub(crate) fn to_verifying_key(self) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::from_sec1_bytes(&self.0).map_err(|_| KeyError::NotOnCurve)
    }
}

impl IdentityKey {
    /// Takes a secret, big-endian. The caller wipes its own copy.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotAScalar`].
    pub fn from_bytes(octets: [u8; 32]) -> Result<Self, KeyError> {
        let octets = Zeroizing::new(octets);
        let signing = SigningKey::from_slice(&*octets).map_err(|_| KeyError::NotAScalar)?;
        let mut public = [0; PublicKey::LEN];
        let point = signing.verifying_key().to_sec1_point(true);
        public.copy_from_slice(point.as_bytes());
        Ok(Self {
            signing,
            public: PublicKey(public),
        })
    }

    /// A fresh secret.
    ///
    /// ```
    /// # use callseal_sts::{IdentityKey, Random};
    /// # struct System;
    /// # impl Random for System { fn fill(&mut self, out: &mut [u8]) { out.fill(3) } }
    /// let key = IdentityKey::generate(&mut System);
    /// assert_eq!(IdentityKey::from_bytes(*key.to_bytes()).unwrap().public(), key.public());
    /// ```
    pub fn generate(random: &mut dyn Random) -> Self {
        loop {
            // All but one in 2^127 draws are below the group order.
            if let Ok(key) = Self::from_bytes(draw(random)) {
                return key;
            }
        }
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The secret itself, big-endian: for storing it.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes().into())
    }

    pub(crate) fn signing_key(&self) -> &SigningKey {
        &self.signing
    }
}

impl LocalIdentity {
    /// The phone with this number and this secret.
    pub fn new(number: Number, key: IdentityKey) -> Self {
        Self { number, key }
    }

    /// What this phone presents to others.
    pub fn identity(&self) -> Identity {
        Identity {
            number: self.number,
            key: self.key.public(),
        }
    }

    /// Whether an identity shares our number or our key: somebody plays our
    /// own messages back to us, or misuses our key.
    pub(crate) fn resembles(&self, identity: &Identity) -> bool {
        self.number == identity.number || self.key.public() == identity.key
    }

    pub(crate) fn key(&self) -> &IdentityKey {
        &self.key
    }
}

impl VerifiedPeerKey {
    /// Vouches that the key belongs to the number. Whoever calls this takes
    /// the responsibility: only after the registry's answer has been
    /// verified.
    pub fn vouch(identity: Identity) -> Self {
        Self(identity)
    }

    /// What is vouched for.
    pub fn identity(&self) -> &Identity {
        &self.0
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for octet in self.0 {
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityKey(public: {})", self.public)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with key {}", self.number, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_key_of_one() {
        let mut one = [0; 32];
        one[31] = 1;
        assert_eq!(
            IdentityKey::from_bytes(one).unwrap().public().to_string(),
            "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
        );
    }

    #[test]
    fn zero_and_the_group_order_are_no_secrets() {
        let order = hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
            .unwrap()
            .try_into()
            .unwrap();
        for octets in [[0; 32], order, [0xff; 32]] {
            assert_eq!(
                IdentityKey::from_bytes(octets).unwrap_err(),
                KeyError::NotAScalar
            );
        }
    }

    #[test]
    fn only_compressed_points_of_the_curve_are_keys() {
        let key = IdentityKey::from_bytes([5; 32]).unwrap().public();
        let mut octets = *key.as_bytes();
        octets[0] ^= 1;
        assert!(PublicKey::from_bytes(octets).is_ok(), "the other root");
        for first in (0..=0xff).filter(|first| !matches!(first, 2 | 3)) {
            octets[0] = first;
            assert_eq!(PublicKey::from_bytes(octets), Err(KeyError::NotOnCurve));
        }
        // x = 5 has no point (a quadratic non-residue).
        let mut off = [0; 33];
        (off[0], off[32]) = (2, 5);
        assert_eq!(PublicKey::from_bytes(off), Err(KeyError::NotOnCurve));
    }

    #[test]
    fn generating_passes_over_what_is_no_scalar() {
        struct Then([u8; 2], usize);
        impl Random for Then {
            fn fill(&mut self, out: &mut [u8]) {
                out.fill(self.0[self.1]);
                self.1 += 1;
            }
        }
        let key = IdentityKey::generate(&mut Then([0xff, 9], 0));
        assert_eq!(*key.to_bytes(), [9; 32]);
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = IdentityKey::from_bytes([0x5a; 32]).unwrap();
        assert!(!format!("{key:?}").contains("5a5a5a"));
    }
}
