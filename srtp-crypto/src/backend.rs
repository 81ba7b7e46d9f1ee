//! Which instruction set the operations run on.

use crate::aes_cm::AesCmJob;
use crate::aes_f8::AesF8Job;
#[cfg(target_arch = "x86_64")]
use crate::backends::x86::{avx2::Avx2, avx512::Avx512, ni::Ni};
use crate::backends::{soft, soft_gcm};
use crate::gcm_packet::GcmPacketJob;
use crate::hmac_packet::HmacPacketJob;
use crate::hmac_sha1::HmacSha1Job;
use crate::known_answers;

/// An instruction set with an implementation of every operation.
///
/// All backends agree octet for octet; [`Backend::Soft`] is the definition.
/// [`detected`](Backend::detected) is the one to use. Tests and benches force
/// another [by name](Backend::from_name). A backend other than `Soft` cannot be
/// had where the machine lacks its instructions, nor where it answered wrongly
/// when it was first asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// The RustCrypto crates, which run on any machine (and detect AES and
    /// SHA instructions by themselves).
    Soft,
    /// AES-NI, PCLMULQDQ and the SHA extensions.
    #[cfg(target_arch = "x86_64")]
    Ni(Ni),
    /// AES-NI and PCLMULQDQ; SHA-1 on eight lanes of AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// VAES and VPCLMULQDQ; SHA-1 on sixteen lanes of AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Backend {
    /// The fastest backend this machine can run.
    ///
    /// ```
    /// use callseal_srtp_crypto::Backend;
    ///
    /// assert_eq!(Backend::available().next(), Some(Backend::detected()));
    /// ```
    #[must_use]
    pub fn detected() -> Self {
        let fastest = Self::available().next();
        fastest.unwrap_or(Self::Soft)
    }

    /// Every backend this machine can run, the fastest first; the last one is
    /// [`Soft`](Backend::Soft).
    pub fn available() -> impl Iterator<Item = Self> {
        known_answers::trusted().chain([Self::Soft])
    }

    /// The names of the backends that [`detected`](Self::detected) passes over,
    /// since they gave wrong answers to known questions: the machine says that
    /// it has their instructions, and any name here is a reason to replace it.
    /// A slower backend is not among them before it has been asked for.
    ///
    /// ```
    /// use callseal_srtp_crypto::Backend;
    ///
    /// for name in Backend::distrusted() {
    ///     eprintln!("this machine's {name} gives wrong answers, and is not used");
    /// }
    /// # assert_eq!(Backend::distrusted().next(), None);
    /// ```
    pub fn distrusted() -> impl Iterator<Item = &'static str> {
        known_answers::distrusted().map(Self::name)
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
        Self::available().find(|backend| backend.name() == name)
    }

    /// The name that [`from_name`](Backend::from_name) takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            #[cfg(target_arch = "x86_64")]
            Self::Ni(_) => "ni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
        }
    }

    /// Adds (exclusive or) each job's keystream to its data; the same again
    /// takes it off.
    #[inline]
    pub fn aes_cm(self, jobs: &mut [AesCmJob<'_>]) {
        #[cfg(feature = "counting")]
        crate::testing::note(self);
        match self {
            Self::Soft => soft::aes_cm(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Ni(ni) => ni.aes_cm(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.aes_cm(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.aes_cm(jobs),
        }
    }

    /// Adds (exclusive or) each job's keystream to its data; the same again
    /// takes it off. f8 mode cannot be run in parallel, and every backend runs
    /// it the same way.
    pub fn aes_f8(self, jobs: &mut [AesF8Job<'_>]) {
        #[cfg(feature = "counting")]
        crate::testing::note(self);
        soft::aes_f8(jobs);
    }

    /// Computes each job's tag.
    #[inline]
    pub fn hmac_sha1(self, jobs: &mut [HmacSha1Job<'_>]) {
        #[cfg(feature = "counting")]
        crate::testing::note(self);
        match self {
            Self::Soft => soft::hmac_sha1(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Ni(ni) => ni.hmac_sha1(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.hmac_sha1(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.hmac_sha1(jobs),
        }
    }

    /// Encrypts each packet and writes its tag.
    ///
    /// ```
    /// use callseal_srtp_crypto::{
    ///     AesCmKey, Backend, Cipher, HmacPacketJob, HmacPortions, HmacSha1Key,
    /// };
    ///
    /// let cipher_key = AesCmKey::new(&[0x2b; 16])?;
    /// let auth_key = HmacSha1Key::new(&[0x0b; 20]);
    /// let cipher = Cipher::AesCm(&cipher_key, [7; 14]);
    /// let portions = HmacPortions { encrypted: 12..32, authenticated: 0..32, tag: 32..42 };
    ///
    /// let mut packet = [0x80; 42];
    /// let roc = Some([0; 4]);
    /// let job = HmacPacketJob::new(cipher, &auth_key, &mut packet, portions.clone(), roc)?;
    /// Backend::detected().seal_hmac(&mut [job]);
    /// assert_ne!(packet[12..32], [0x80; 20]);
    ///
    /// let mut jobs = [HmacPacketJob::new(cipher, &auth_key, &mut packet, portions, roc)?];
    /// Backend::detected().open_hmac(&mut jobs);
    /// assert!(jobs[0].is_authentic());
    /// assert_eq!(packet[12..32], [0x80; 20]);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    #[inline]
    pub fn seal_hmac(self, jobs: &mut [HmacPacketJob<'_>]) {
        #[cfg(feature = "counting")]
        crate::testing::note(self);
        match self {
            Self::Soft => soft::seal_hmac(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Ni(ni) => ni.seal_hmac(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.seal_hmac(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.seal_hmac(jobs),
        }
    }

    /// Judges each packet's tag, and decrypts the packet only where it is
    /// right; elsewhere the packet stays as it is.
    #[inline]
    pub fn open_hmac(self, jobs: &mut [HmacPacketJob<'_>]) {
        #[cfg(feature = "counting")]
        crate::testing::note(self);
        match self {
            Self::Soft => soft::open_hmac(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Ni(ni) => ni.open_hmac(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.open_hmac(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.open_hmac(jobs),
        }
    }

    /// Encrypts each packet and writes its tag.
    ///
    /// ```
    /// use callseal_srtp_crypto::{AesGcmKey, Backend, GcmPacketJob, GcmPortions};
    ///
    /// let key = AesGcmKey::new(&[0x2b; 16])?;
    /// let portions = GcmPortions { associated: 0..12, encrypted: 12..32, tag: 32..48 };
    ///
    /// let mut packet = [0x80; 48];
    /// let job = GcmPacketJob::new(&key, [7; 12], &mut packet, portions.clone(), None)?;
    /// Backend::detected().seal_gcm(&mut [job]);
    /// assert_ne!(packet[12..32], [0x80; 20]);
    ///
    /// let mut jobs = [GcmPacketJob::new(&key, [7; 12], &mut packet, portions, None)?];
    /// Backend::detected().open_gcm(&mut jobs);
    /// assert!(jobs[0].is_authentic());
    /// assert_eq!(packet[12..32], [0x80; 20]);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    #[inline]
    pub fn seal_gcm(self, jobs: &mut [GcmPacketJob<'_>]) {
        #[cfg(feature = "counting")]
        crate::testing::note(self);
        match self {
            Self::Soft => soft_gcm::seal_gcm(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Ni(ni) => ni.seal_gcm(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.seal_gcm(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.seal_gcm(jobs),
        }
    }

    /// Judges each packet's tag, and decrypts the packet only where it is
    /// right; elsewhere the packet stays as it is.
    #[inline]
    pub fn open_gcm(self, jobs: &mut [GcmPacketJob<'_>]) {
        #[cfg(feature = "counting")]
        crate::testing::note(self);
        match self {
            Self::Soft => soft_gcm::open_gcm(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Ni(ni) => ni.open_gcm(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.open_gcm(jobs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.open_gcm(jobs),
        }
    }
}
