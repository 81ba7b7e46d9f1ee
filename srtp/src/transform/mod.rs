//! The cipher and the tag of each profile (RFC 3711 §4.1 and §4.2).

mod aes_cm_hmac_sha1;
mod tag;

use core::ops::Range;

use callseal_srtp_crypto::Backend;

use self::aes_cm_hmac_sha1::AesCmHmacSha1;
use crate::index::PacketIndex;
use crate::keys::{Label, MasterKey};
use crate::policy::Policy;
use crate::profile::Profile;

/// A profile with its session keys, for SRTP or for SRTCP.
pub(crate) enum Transform {
    AesCmHmacSha1(AesCmHmacSha1),
}

impl Transform {
    /// Derives the keys that `policy`'s profile needs, by the labels of its
    /// encryption, its authentication and its salt.
    pub(crate) fn derive(
        policy: &Policy,
        master: &MasterKey,
        labels: [Label; 3],
        r: PacketIndex,
    ) -> Self {
        match policy.profile() {
            Profile::AesCm128HmacSha1_80 | Profile::AesCm128HmacSha1_32 => {
                Self::AesCmHmacSha1(AesCmHmacSha1::derive::<16>(master, labels, r))
            }
        }
    }

    /// Encrypts `portions.encrypted` of `packet` and writes the tag.
    pub(crate) fn seal(
        &self,
        backend: Backend,
        packet: &mut [u8],
        nonce: Nonce,
        portions: &Portions,
    ) -> Result<Sealed, SealError> {
        match self {
            Self::AesCmHmacSha1(transform) => transform.seal(backend, packet, nonce, portions),
        }
    }

    /// Checks the tag of `packet`, and only then decrypts `portions.encrypted`.
    pub(crate) fn open(
        &self,
        backend: Backend,
        packet: &mut [u8],
        nonce: Nonce,
        portions: &Portions,
    ) -> Result<Authenticated, OpenError> {
        match self {
            Self::AesCmHmacSha1(transform) => transform.open(backend, packet, nonce, portions),
        }
    }
}

/// What makes a packet's keystream its own under one key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nonce {
    pub(crate) ssrc: u32,
    /// 48 bits in SRTP, 31 in SRTCP.
    pub(crate) index: u64,
}

/// Which octets of a packet a transform works on.
#[derive(Clone, Debug)]
pub(crate) struct Portions {
    /// The Encrypted Portion; empty where the policy encrypts nothing.
    pub(crate) encrypted: Range<usize>,
    /// The Authenticated Portion, as far as the packet carries it.
    pub(crate) authenticated: Range<usize>,
    /// What SRTP authenticates besides.
    pub(crate) roc: Option<u32>,
    pub(crate) tag: Range<usize>,
}

/// The proof that a packet was sealed. Only this module makes one.
#[derive(Debug)]
pub(crate) struct Sealed(());

/// The proof that a packet's tag was right. Only this module makes one.
#[derive(Debug)]
pub(crate) struct Authenticated(());

/// Why a packet was not sealed; nothing of it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealError {
    TooLong,
}

/// Why a packet was not opened; nothing of it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    TooLong,
    AuthenticationFailed,
}
