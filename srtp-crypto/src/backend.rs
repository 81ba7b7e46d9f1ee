//! Which instruction set the operations run on.

use crate::aes_cm::AesCmJob;
use crate::backends::soft;
use crate::hmac_sha1::HmacSha1Job;

/// An instruction set with an implementation of every operation.
///
/// All backends agree octet for octet; [`Backend::Soft`] is the definition.
/// [`detected`](Backend::detected) is the one to use. Tests and benches force
/// another [by name](Backend::from_name).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// The RustCrypto crates, which run on any machine (and detect AES and
    /// SHA instructions by themselves).
    Soft,
}

impl Backend {
    /// The fastest backend this machine can run.
    ///
    /// ```
    /// use callseal_srtp_crypto::Backend;
    ///
    /// assert!(Backend::available().contains(&Backend::detected()));
    /// ```
    #[must_use]
    pub fn detected() -> Self {
        Self::Soft
    }

    /// Every backend this machine can run, the fastest first.
    #[must_use]
    pub fn available() -> &'static [Self] {
        &[Self::Soft]
    }

    /// The backend called `name`, or `None` where this machine cannot run it.
    ///
    /// ```
    /// use callseal_srtp_crypto::Backend;
    ///
    /// assert_eq!(Backend::from_name("soft"), Some(Backend::Soft));
    /// assert_eq!(Backend::from_name("abacus"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut available = Self::available().iter();
        available.find(|backend| backend.name() == name).copied()
    }

    /// The name that [`from_name`](Backend::from_name) takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Soft => "soft",
        }
    }

    /// Adds (exclusive or) each job's keystream to its data; the same again
    /// takes it off.
    pub fn aes_cm(self, jobs: &mut [AesCmJob<'_>]) {
        match self {
            Self::Soft => soft::aes_cm(jobs),
        }
    }

    /// Computes each job's tag.
    pub fn hmac_sha1(self, jobs: &mut [HmacSha1Job<'_>]) {
        match self {
            Self::Soft => soft::hmac_sha1(jobs),
        }
    }
}
