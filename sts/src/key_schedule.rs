//! Every key, and when it can be drawn (PROTOCOL.md §4).
//!
//! One type a stage: [`WithM2Clear`] gives the key that seals M2, [`WithM2`]
//! the one of M3, [`WithM3`] those of M4, and only [`Confirmed`], which takes
//! the MAC of M4 or the callee's own decision, the media keys. A stage is
//! consumed by the next, so no secret can be drawn early.

use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::commitment::Reveal;
use crate::defences::defences;
use crate::established::{MediaKeys, Sas, SessionHash};
use crate::mac::hmac_sha256;
use crate::messages::M3;
use crate::sealing::SealKey;
use crate::secret::{Secret, equal};
use crate::share::SharedSecret;
use crate::suite::Suite;
use crate::transcript::{Th2, Th3, Th4};

/// The secret is made, M2's clear part is in the transcript.
#[derive(Debug)]
pub(crate) struct WithM2Clear {
    prk: Secret<32>,
    th_2: Th2,
}

/// All of M2 is in the transcript.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct WithM2 {
    prk: Secret<32>,
    th_3: Th3,
}

/// M3 is in the transcript.
#[derive(Debug)]
pub(crate) struct WithM3 {
    prk: Secret<32>,
    th_4: Th4,
}

/// The callee has decided to accept, or the caller has seen that it did.
#[derive(Debug)]
pub(crate) struct Confirmed {
    prk: Secret<32>,
    th_4: Th4,
}

impl WithM2Clear {
    // PRK = HKDF-Extract(salt = th_2, IKM = Z)
    pub(crate) fn new(z: &SharedSecret, th_2: Th2) -> Self {
        let (prk, _) = Hkdf::<Sha256>::extract(Some(th_2.as_bytes()), z.as_bytes());
        let prk = Secret(prk.into());
        Self { prk, th_2 }
    }

    // k2 (32) || n2 (12) = HKDF-Expand(PRK, "callseal sts v1 m2" || th_2, 44)
    pub(crate) fn m2_key(&self) -> SealKey {
        seal_key(&self.prk, b"callseal sts v1 m2", self.th_2.as_bytes())
    }

    pub(crate) fn th_2(&self) -> &Th2 {
        &self.th_2
    }

    pub(crate) fn with_m2_sealed(self, sealed: &[u8]) -> WithM2 {
        WithM2 {
            th_3: self.th_2.with_m2_sealed(sealed),
            prk: self.prk,
        }
    }
}

impl WithM2 {
    // k3 (32) || n3 (12) = HKDF-Expand(PRK, "callseal sts v1 m3" || th_3, 44)
    pub(crate) fn m3_key(&self) -> SealKey {
        seal_key(&self.prk, b"callseal sts v1 m3", self.th_3.as_bytes())
    }

    pub(crate) fn th_3(&self) -> &Th3 {
        &self.th_3
    }

    /// Borrows, because a forged M3 must not use it up.
    pub(crate) fn with_m3(&self, m3: &M3<'_>) -> WithM3 {
        WithM3 {
            th_4: self.th_3.with_m3(m3),
            prk: self.prk.clone(),
        }
    }
}

impl WithM3 {
    // k4 (32) || n4 (12) = HKDF-Expand(PRK, "callseal sts v1 m4" || th_4, 44)
    pub(crate) fn m4_key(&self) -> SealKey {
        seal_key(&self.prk, b"callseal sts v1 m4", self.th_4.as_bytes())
    }

    pub(crate) fn th_4(&self) -> &Th4 {
        &self.th_4
    }

    // km (32) = HKDF-Expand(PRK, "callseal sts v1 mac" || th_4, 32)
    // MAC = HMAC(km, "callseal sts v1 confirm" || u8(status) || th_4)
    pub(crate) fn mac(&self, status: u8) -> [u8; 32] {
        let mut km = Secret([0; 32]);
        expand(
            &self.prk,
            b"callseal sts v1 mac",
            self.th_4.as_bytes(),
            &mut km.0,
        );
        let parts = [
            b"callseal sts v1 confirm",
            &[status][..],
            self.th_4.as_bytes(),
        ];
        hmac_sha256(&km.0, &parts)
    }

    /// The callee accepts.
    pub(crate) fn accept(self) -> Confirmed {
        Confirmed {
            prk: self.prk,
            th_4: self.th_4,
        }
    }

    /// The caller checks that the callee has decided so; a status of 0
    /// confirms the call. `None` if the MAC is wrong. Borrows, because a
    /// forged M4 must not use the stage up.
    pub(crate) fn check(&self, status: u8, mac: &[u8; 32]) -> Option<Decision> {
        if !equal(&self.mac(status), mac) {
            return None;
        }
        Some(if status == 0 {
            Decision::Accepted(Confirmed {
                prk: self.prk.clone(),
                th_4: self.th_4,
            })
        } else {
            Decision::Refused(status)
        })
    }
}

/// What an M4 with a good MAC says.
pub(crate) enum Decision {
    Accepted(Confirmed),
    Refused(u8),
}

impl Confirmed {
    // media = HKDF-Expand(PRK, "callseal sts v1 media" || th_4, 2 × (key + salt))
    pub(crate) fn media_keys(&self, suite: Suite) -> MediaKeys {
        let mut octets = Zeroizing::new(vec![0; 2 * (suite.key_len() + suite.salt_len())]);
        expand(
            &self.prk,
            b"callseal sts v1 media",
            self.th_4.as_bytes(),
            &mut octets,
        );
        MediaKeys::cut(suite, &octets)
    }

    // session hash = H("callseal sts v1 session" || th_4)
    pub(crate) fn session_hash(&self) -> SessionHash {
        let hash = Sha256::new()
            .chain_update(b"callseal sts v1 session")
            .chain_update(self.th_4.as_bytes());
        SessionHash::from_bytes(hash.finalize().into())
    }

    // the first 20 bits of H("callseal sts v1 sas" || th_4 || reveal)
    pub(crate) fn sas(&self, reveal: &Reveal) -> Sas {
        let mut hash = Sha256::new()
            .chain_update(b"callseal sts v1 sas")
            .chain_update(self.th_4.as_bytes());
        if defences().string_depends_on_reveal {
            hash.update(reveal.as_bytes());
        }
        Sas::of_hash(&hash.finalize().into())
    }
}

fn seal_key(prk: &Secret<32>, label: &[u8], th: &[u8; 32]) -> SealKey {
    let mut octets = Zeroizing::new([0; 44]);
    expand(prk, label, th, &mut *octets);
    let mut key = SealKey {
        key: Secret([0; 32]),
        nonce: [0; 12],
    };
    key.key.0.copy_from_slice(&octets[..32]);
    key.nonce.copy_from_slice(&octets[32..]);
    key
}

// HKDF-Expand(PRK, label || th, length of out)
fn expand(prk: &Secret<32>, label: &[u8], th: &[u8; 32], out: &mut [u8]) {
    let hkdf = Hkdf::<Sha256>::from_prk(&prk.0);
    hkdf.ok()
        .and_then(|hkdf| hkdf.expand_multi_info(&[label, th], out).ok())
        .expect("a PRK as long as the hash, and an output far below 255 hashes");
}
