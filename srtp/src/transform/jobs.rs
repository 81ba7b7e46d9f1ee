//! Many packets' shares of the bulk operations.

use arrayvec::ArrayVec;
use callseal_srtp_crypto::{Backend, GcmPacketJob, HmacPacketJob};

use super::{Authenticated, Sealed};

/// The jobs of up to `N` packets, at most 64, each kind in a row as the operations want them.
pub(crate) struct Jobs<'a, const N: usize> {
    hmac: ArrayVec<HmacPacketJob<'a>, N>,
    gcm: ArrayVec<GcmPacketJob<'a>, N>,
}

impl<'a, const N: usize> Jobs<'a, N> {
    pub(crate) fn new() -> Self {
        Self {
            hmac: ArrayVec::new(),
            gcm: ArrayVec::new(),
        }
    }

    /// Adds a job and tells its place; there is room for `N`.
    #[inline(always)]
    pub(super) fn add_hmac(&mut self, job: HmacPacketJob<'a>) -> JobPlace {
        self.hmac.push(job);
        JobPlace::Hmac(self.hmac.len() as u8 - 1)
    }

    #[inline(always)]
    pub(super) fn add_gcm(&mut self, job: GcmPacketJob<'a>) -> JobPlace {
        self.gcm.push(job);
        JobPlace::Gcm(self.gcm.len() as u8 - 1)
    }

    /// Encrypts every packet and writes its tag.
    pub(crate) fn seal(&mut self, backend: Backend) -> AllSealed {
        if !self.hmac.is_empty() {
            backend.seal_hmac(&mut self.hmac);
        }
        if !self.gcm.is_empty() {
            backend.seal_gcm(&mut self.gcm);
        }
        AllSealed(())
    }

    /// Checks every packet's tag, and decrypts those where it is right.
    pub(crate) fn open(&mut self, backend: Backend) -> Verdicts {
        if !self.hmac.is_empty() {
            backend.open_hmac(&mut self.hmac);
        }
        if !self.gcm.is_empty() {
            backend.open_gcm(&mut self.gcm);
        }
        let hmac = self.hmac.iter().map(HmacPacketJob::is_authentic);
        let gcm = self.gcm.iter().map(GcmPacketJob::is_authentic);
        Verdicts {
            hmac: bits(hmac),
            gcm: bits(gcm),
        }
    }
}

/// Which of the [`Jobs`] is a packet's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum JobPlace {
    Hmac(u8),
    Gcm(u8),
}

/// The proof that all jobs were sealed.
pub(crate) struct AllSealed(());

impl AllSealed {
    pub(crate) fn at(&self, _: JobPlace) -> Sealed {
        Sealed(())
    }
}

/// Which of the jobs' tags were right, a bit each.
pub(crate) struct Verdicts {
    hmac: u64,
    gcm: u64,
}

impl Verdicts {
    #[inline]
    pub(crate) fn at(&self, place: JobPlace) -> Option<Authenticated> {
        let authentic = match place {
            JobPlace::Hmac(place) => self.hmac >> place,
            JobPlace::Gcm(place) => self.gcm >> place,
        };
        (authentic & 1 == 1).then_some(Authenticated(()))
    }
}

/// The first one lowest.
#[inline]
fn bits(bits: impl Iterator<Item = bool>) -> u64 {
    bits.enumerate()
        .fold(0, |all, (n, bit)| all | u64::from(bit) << n)
}
