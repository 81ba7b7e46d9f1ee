//! The cipher and the tag of each profile.

mod aes_gcm;
mod gathered;
mod hmac_sha1;
mod jobs;
mod keystream;
mod tag;

use core::ops::Range;
use core::slice;

use callseal_srtp_crypto::{Backend, MAX_KEYSTREAM_LEN};

use self::aes_gcm::AesGcm;
use self::hmac_sha1::HmacSha1;
use crate::index::PacketIndex;
use crate::keys::{Label, MasterKey};
use crate::profile::{Cipher, Profile};
use crate::trailer::Layout;

pub(crate) use self::jobs::{AllSealed, JobPlace, Jobs, Verdicts};
pub(crate) use self::keystream::{F8Header, Keystream};

/// A profile with its session keys, for SRTP or for SRTCP.
#[allow(
    clippy::large_enum_variant,
    reason = "session keys are boxed as a whole"
)]
pub(crate) enum Transform {
    /// A keystream, and HMAC-SHA1 over what it made (RFC 3711 §4).
    HmacSha1(HmacSha1),
    /// Both in one (RFC 7714).
    AesGcm(AesGcm),
}

impl Transform {
    /// Derives the keys that `profile` needs, by the labels of its encryption,
    /// its authentication and its salt.
    pub(crate) fn derive(
        backend: Backend,
        profile: Profile,
        master: &MasterKey,
        [encryption, authentication, salt]: [Label; 3],
        auth_key_len: usize,
        r: PacketIndex,
    ) -> Self {
        match profile.cipher() {
            Cipher::AesGcm => Self::AesGcm(AesGcm::derive(backend, master, [encryption, salt], r)),
            cipher => {
                let keystream = Keystream::derive(backend, cipher, master, [encryption, salt], r);
                Self::HmacSha1(HmacSha1::derive(
                    backend,
                    keystream,
                    master,
                    (authentication, auth_key_len),
                    r,
                ))
            }
        }
    }

    /// Encrypts the Encrypted Portion of `packet` and writes the tag.
    #[inline(always)]
    pub(crate) fn seal(
        &self,
        backend: Backend,
        packet: &mut [u8],
        portions: &Portions,
    ) -> Result<Sealed, TooLong> {
        portions.check_len()?;
        match self {
            Self::HmacSha1(transform) => transform.seal(backend, packet, portions),
            Self::AesGcm(transform) => transform.seal(backend, packet, portions),
        }
    }

    /// Checks the tag of `packet`, and decrypts its Encrypted Portion only
    /// where the tag is right.
    #[inline(always)]
    pub(crate) fn open(
        &self,
        backend: Backend,
        packet: &mut [u8],
        portions: &Portions,
    ) -> Result<Authenticated, OpenError> {
        // No sender can have sealed it, so that hashing it would be waste.
        portions.check_len()?;
        match self {
            Self::HmacSha1(transform) => transform.open(backend, packet, portions),
            Self::AesGcm(transform) => transform.open(backend, packet, portions),
        }
    }

    /// Encrypts a packet that is header, payload and tag, and writes the tag;
    /// `None`, and the packet as it was, where its lengths cannot be.
    #[inline(always)]
    pub(crate) fn seal_ordinary(
        &self,
        backend: Backend,
        packet: &mut [u8],
        nonce: Nonce,
        lens: [usize; 2],
    ) -> Option<Sealed> {
        match self {
            Self::HmacSha1(transform) => {
                let mut job = transform.ordinary_job(packet, nonce, lens)?;
                backend.seal_hmac(slice::from_mut(&mut job));
            }
            Self::AesGcm(transform) => {
                let mut job = transform.ordinary_job(packet, nonce, lens)?;
                backend.seal_gcm(slice::from_mut(&mut job));
            }
        }
        Some(Sealed(()))
    }

    /// Checks the tag of a packet that is header, payload and tag, and decrypts
    /// only where it is right; `None` as above.
    #[inline(always)]
    pub(crate) fn open_ordinary(
        &self,
        backend: Backend,
        packet: &mut [u8],
        nonce: Nonce,
        lens: [usize; 2],
    ) -> Option<Result<Authenticated, OpenError>> {
        let authentic = match self {
            Self::HmacSha1(transform) => {
                let mut job = transform.ordinary_job(packet, nonce, lens)?;
                backend.open_hmac(slice::from_mut(&mut job));
                job.is_authentic()
            }
            Self::AesGcm(transform) => {
                let mut job = transform.ordinary_job(packet, nonce, lens)?;
                backend.open_gcm(slice::from_mut(&mut job));
                job.is_authentic()
            }
        };
        Some(match authentic {
            true => Ok(Authenticated(())),
            false => Err(OpenError::AuthenticationFailed),
        })
    }

    /// Adds the share of `packet` in a bulk operation to `jobs`; `None` where
    /// its encrypted octets are not in one piece, or too many.
    #[inline(always)]
    pub(crate) fn add_job<'a, const N: usize>(
        &'a self,
        packet: &'a mut [u8],
        portions: &Portions,
        jobs: &mut Jobs<'a, N>,
    ) -> Option<JobPlace> {
        if !portions.in_one_piece() {
            return None;
        }
        match self {
            Self::HmacSha1(transform) => {
                let job = transform.job(packet, portions)?;
                Some(jobs.add_hmac(job))
            }
            Self::AesGcm(transform) => {
                let job = transform.job(packet, portions)?;
                Some(jobs.add_gcm(job))
            }
        }
    }

    /// The same for a packet that is header, encrypted octets and tag.
    #[inline(always)]
    pub(crate) fn add_ordinary_job<'a, const N: usize>(
        &'a self,
        packet: &'a mut [u8],
        nonce: Nonce,
        [header_len, tag_len]: [usize; 2],
        jobs: &mut Jobs<'a, N>,
    ) -> Option<JobPlace> {
        match self {
            Self::HmacSha1(transform) => {
                let job = transform.ordinary_job(packet, nonce, [header_len, tag_len])?;
                Some(jobs.add_hmac(job))
            }
            Self::AesGcm(transform) => {
                let job = transform.ordinary_job(packet, nonce, [header_len, tag_len])?;
                Some(jobs.add_gcm(job))
            }
        }
    }
}

/// What makes a packet's keystream its own under one key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Nonce {
    Rtp {
        ssrc: u32,
        index: PacketIndex,
    },
    /// With the word that carries the E bit and the index.
    Rtcp {
        ssrc: u32,
        word: u32,
    },
}

impl Nonce {
    /// SSRC and index as one number of 80 bits: what RFC 3711 §4.1.1 and
    /// RFC 7714 §8.1 and §9.1 all put into their IV.
    #[inline]
    fn ssrc_and_index(self) -> u128 {
        let (ssrc, index) = match self {
            Self::Rtp { ssrc, index } => (ssrc, index.get()),
            Self::Rtcp { ssrc, word } => (ssrc, u64::from(word & 0x7fff_ffff)),
        };
        u128::from(ssrc) << 48 | u128::from(index)
    }
}

/// Which octets of a packet a transform works on.
#[derive(Clone, Debug)]
pub(crate) struct Portions {
    pub(crate) nonce: Nonce,
    /// The Encrypted Portion, once gathered; empty at the payload's end where
    /// nothing is encrypted.
    pub(crate) encrypted: Range<usize>,
    /// The octets of CSRCs that are encrypted, which stand before the header
    /// extension's first word; 0 where they are not (RFC 9335 §6.1).
    pub(crate) csrc_len: usize,
    pub(crate) layout: Layout,
}

impl Portions {
    /// Whether what is encrypted is in one piece as the packet stands.
    #[inline]
    pub(crate) fn in_one_piece(&self) -> bool {
        self.csrc_len == 0
    }

    /// To be asked before a packet is changed.
    #[inline]
    pub(crate) fn check_len(&self) -> Result<(), TooLong> {
        if self.encrypted.len() > MAX_KEYSTREAM_LEN {
            return Err(TooLong);
        }
        Ok(())
    }
}

/// The proof that a packet was sealed. Only this module makes one.
#[derive(Debug)]
pub(crate) struct Sealed(());

#[cfg(test)]
impl Sealed {
    /// What is recorded of packets can be tested without any.
    pub(crate) fn for_tests() -> Self {
        Self(())
    }
}

/// The proof that a packet's tag was right, or that its profile has none. Only
/// this module makes one.
#[derive(Debug)]
pub(crate) struct Authenticated(());

/// More to encrypt than one packet has keystream for; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Why a packet was not opened; nothing of it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    TooLong,
    AuthenticationFailed,
}

impl From<TooLong> for OpenError {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}
