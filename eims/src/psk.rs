//! What an agreement ends in: a pre-shared key for one connection.

use core::fmt;
use core::time::Duration;

use hkdf::Hkdf;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::messages::Nonce;
use crate::operator::write_hex;
use crate::sealing::SealingPublicKey;
use crate::transcript::Transcript;

/// A pre-shared key: for one connection, within ten minutes, each side in its
/// own role (RFC 9257 section 5). Wiped when dropped.
///
/// It cannot be copied, and [`spend`](Self::spend) consumes it.
pub struct Psk {
    secret: PskSecret,
    identity: PskIdentity,
    role: PskRole,
    expires: Duration,
}

/// The key itself, out of its wrapping: for the TLS library. Wiped when
/// dropped.
pub struct PskSecret(Zeroizing<[u8; 32]>);

/// What the client calls the key by, in clear: derived beside the key, so it
/// is different for each run and tells nothing about who they are. It covers
/// who is client and who is server.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PskIdentity(pub [u8; 32]);

/// The only side of a connection on which the holder may use the key: a phone
/// never answers and an operator never calls, so nobody can be made to talk to
/// itself (RFC 9257 section 4.1, the Selfie attack).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PskRole {
    /// The phone.
    Client,
    /// The operator.
    Server,
}

/// The ten minutes of a pre-shared key are over.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the pre-shared key is older than {} seconds", Psk::LIFETIME.as_secs())]
pub struct PskExpired;

/// Between whom a key is.
pub(crate) struct Parties {
    pub(crate) phone_key: SealingPublicKey,
    pub(crate) operator: [u8; 28],
    pub(crate) sealing_key: SealingPublicKey,
}

impl Psk {
    /// How long a key is good after the side that holds it has made it.
    pub const LIFETIME: Duration = Duration::from_secs(600);

    /// The key's name in the handshake.
    pub fn identity(&self) -> PskIdentity {
        self.identity
    }

    /// On which side of a connection this holder uses it.
    pub fn role(&self) -> PskRole {
        self.role
    }

    /// The key, once; `now` is on the clock that the agreement was given.
    ///
    /// # Errors
    ///
    /// [`PskExpired`], ten minutes after it was made.
    pub fn spend(self, now: Duration) -> Result<PskSecret, PskExpired> {
        if now >= self.expires {
            return Err(PskExpired);
        }
        Ok(self.secret)
    }

    // prk = HKDF-Extract(salt th_3, Na ‖ Nb)
    // names = u8(1) ‖ phone key ‖ u8(2) ‖ operator id ‖ sealing key
    // psk = HKDF-Expand(prk, "callseal eims: psk, version 1" ‖ names, 32)
    // identity = HKDF-Expand(prk, "callseal eims: psk identity, version 1" ‖ names, 32)
    pub(crate) fn derive(
        th_3: Transcript,
        na: &Nonce,
        nb: &Nonce,
        parties: &Parties,
        role: PskRole,
        now: Duration,
    ) -> Self {
        let mut nonces = Zeroizing::new([0; 64]);
        nonces[..32].copy_from_slice(&**na);
        nonces[32..].copy_from_slice(&**nb);
        let prk = Hkdf::<Sha256>::new(Some(&th_3.0), &*nonces);
        let expand = |label: &[u8]| {
            let info = [
                label,
                &[1],
                &parties.phone_key.0,
                &[2],
                &parties.operator,
                &parties.sealing_key.0,
            ];
            let mut out = Zeroizing::new([0; 32]);
            if prk.expand_multi_info(&info, &mut *out).is_err() {
                unreachable!("32 octets are fewer than 255 blocks");
            }
            out
        };
        Self {
            secret: PskSecret(expand(b"callseal eims: psk, version 1")),
            identity: PskIdentity(*expand(b"callseal eims: psk identity, version 1")),
            role,
            expires: now.saturating_add(Self::LIFETIME),
        }
    }
}

impl PskSecret {
    /// 32 octets.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Psk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Psk({:?}, {})", self.role, self.identity)
    }
}

impl fmt::Debug for PskSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PskSecret(32 octets)")
    }
}

impl fmt::Debug for PskIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PskIdentity({self})")
    }
}

impl fmt::Display for PskIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}
