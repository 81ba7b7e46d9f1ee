//! Public-key encryption: HPKE (RFC 9180) in base mode with
//! DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20Poly1305.

use core::convert::Infallible;
use core::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use zeroize::Zeroizing;

use crate::Random;
use crate::operator::write_hex;
use crate::random::draw;
use crate::transcript::Context;

/// An X25519 secret to which others seal: the operator's, or a phone's. Wiped
/// when dropped.
///
/// ```
/// use callseal_eims::SealingKey;
///
/// let key = SealingKey::from_bytes([1; 32]);
/// assert_eq!(format!("{key:?}"), format!("SealingKey(public: {})", key.public()));
/// ```
#[derive(Clone)]
pub struct SealingKey {
    secret: <X25519HkdfSha256 as Kem>::PrivateKey,
    public: SealingPublicKey,
}

/// An X25519 public key: the registry's sealing key, or a phone's.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct SealingPublicKey(pub [u8; SealingPublicKey::LEN]);

/// Encapsulated key and tag: what a sealed part is longer by.
pub(crate) const OVERHEAD_LEN: usize = 32 + 16;

/// No secret can be agreed on with the key: it is zero or of low order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct UnusableKey;

impl SealingKey {
    /// Takes a secret; every 32 octets are one. The caller wipes its own copy.
    pub fn from_bytes(octets: [u8; 32]) -> Self {
        let octets = Zeroizing::new(octets);
        match <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&*octets) {
            Ok(secret) => Self::new(secret),
            // Only another length is refused.
            Err(_) => unreachable!("a secret has 32 octets"),
        }
    }

    /// A fresh secret.
    pub fn generate(random: &mut dyn Random) -> Self {
        Self::from_bytes(draw(random))
    }

    /// The public half.
    pub fn public(&self) -> SealingPublicKey {
        self.public
    }

    /// The secret itself, clamped (RFC 7748 section 5): for storing it.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.to_bytes().into())
    }

    /// What was sealed to this key in the same context, or nothing.
    pub(crate) fn open(&self, context: &Context, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (enc, ciphertext) = sealed.split_at_checked(32)?;
        let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(enc).ok()?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.secret,
            &enc,
            context.info(),
            ciphertext,
            context.aad(),
        )
        .ok()
        .map(Zeroizing::new)
    }

    fn new(secret: <X25519HkdfSha256 as Kem>::PrivateKey) -> Self {
        let public = SealingPublicKey(X25519HkdfSha256::sk_to_pk(&secret).to_bytes().into());
        Self { secret, public }
    }
}

impl SealingPublicKey {
    /// The length of a key in octets.
    pub const LEN: usize = 32;

    /// `enc ‖ ciphertext ‖ tag`
    pub(crate) fn seal(
        &self,
        context: &Context,
        plaintext: &[u8],
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, UnusableKey> {
        let key =
            <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&self.0).map_err(|_| UnusableKey)?;
        let (enc, ciphertext) =
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Base,
                &key,
                context.info(),
                plaintext,
                context.aad(),
                &mut Drawn(random),
            )
            .map_err(|_| UnusableKey)?;
        Ok([&enc.to_bytes()[..], &ciphertext].concat())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey(public: {})", self.public)
    }
}

impl fmt::Debug for SealingPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingPublicKey({self})")
    }
}

impl fmt::Display for SealingPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// [`Random`] as the library wants it.
struct Drawn<'a>(&'a mut dyn Random);

impl TryRng for Drawn<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(draw(self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(draw(self.0)))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Drawn<'_> {}
