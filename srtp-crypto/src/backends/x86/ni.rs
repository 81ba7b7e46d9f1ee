//! The backend of AES-NI, PCLMULQDQ and the SHA extensions.

use core::slice;

use super::gcm_key::PowersKey;
use super::round_keys::RoundKeys;
use super::{aes_ni, gcm_ni, sha1_ni};
use crate::aes_cm::AesCmJob;
use crate::aes_key::RawKey;
use crate::backends::{soft, soft_gcm};
use crate::gcm_packet::GcmPacketJob;
use crate::hmac_packet::{HmacPacketJob, JobCipher};
use crate::hmac_sha1::HmacSha1Job;

instruction_set! {
    /// The proof that this machine has the AES, PCLMULQDQ and SHA instructions.
    Ni, detected by cpu: ["aes", "pclmulqdq", "sha", "ssse3", "sse4.1"]

    fn expand(key: &RawKey) -> RoundKeys;
    fn expand_gcm(key: &RawKey) -> PowersKey;
    fn aes_cm(jobs: &mut [AesCmJob<'_>]);
    fn hmac_sha1(jobs: &mut [HmacSha1Job<'_>]);
    fn seal_hmac(jobs: &mut [HmacPacketJob<'_>]);
    fn open_hmac(jobs: &mut [HmacPacketJob<'_>]);
    fn seal_gcm(jobs: &mut [GcmPacketJob<'_>]);
    fn open_gcm(jobs: &mut [GcmPacketJob<'_>]);
}

/// A few lanes choose from so many messages.
const WINDOW: usize = 16;

#[target_feature(enable = "aes,sse2")]
fn expand(key: &RawKey) -> RoundKeys {
    RoundKeys::expand(key)
}

#[target_feature(enable = "aes,pclmulqdq,ssse3")]
fn expand_gcm(key: &RawKey) -> PowersKey {
    PowersKey::expand(key)
}

#[target_feature(enable = "aes,ssse3")]
fn aes_cm(jobs: &mut [AesCmJob<'_>]) {
    for job in jobs {
        match job.key.aes.rounds() {
            Some(keys) => aes_ni::xor_keystream(keys, aes_ni::cm_base(job.iv), 0, job.data),
            None => soft::aes_cm(slice::from_mut(job)),
        }
    }
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn hmac_sha1(jobs: &mut [HmacSha1Job<'_>]) {
    if let [job] = jobs {
        job.tag = sha1_ni::hmac_of_one(job);
        return;
    }
    for jobs in jobs.chunks_mut(WINDOW) {
        let mut tags = [[0; 20]; WINDOW];
        sha1_ni::hmac(jobs, &mut tags);
        for (job, tag) in jobs.iter_mut().zip(tags) {
            job.tag = tag;
        }
    }
}

#[target_feature(enable = "aes,sha,ssse3,sse4.1")]
fn seal_hmac(jobs: &mut [HmacPacketJob<'_>]) {
    if let [job] = jobs {
        encrypt(job);
        let tag = sha1_ni::hmac_of_one(job);
        job.put_tag(&tag);
        return;
    }
    for jobs in jobs.chunks_mut(WINDOW) {
        for job in jobs.iter_mut() {
            encrypt(job);
        }
        let mut tags = [[0; 20]; WINDOW];
        sha1_ni::hmac(jobs, &mut tags);
        for (job, tag) in jobs.iter_mut().zip(&tags) {
            job.put_tag(tag);
        }
    }
}

#[target_feature(enable = "aes,sha,ssse3,sse4.1")]
fn open_hmac(jobs: &mut [HmacPacketJob<'_>]) {
    if let [job] = jobs {
        let tag = sha1_ni::hmac_of_one(job);
        if job.judge(&tag) {
            encrypt(job);
        }
        return;
    }
    for jobs in jobs.chunks_mut(WINDOW) {
        let mut tags = [[0; 20]; WINDOW];
        sha1_ni::hmac(jobs, &mut tags);
        for (job, tag) in jobs.iter_mut().zip(&tags) {
            if job.judge(tag) {
                encrypt(job);
            }
        }
    }
}

#[target_feature(enable = "aes,pclmulqdq,ssse3,sse4.1")]
fn seal_gcm(jobs: &mut [GcmPacketJob<'_>]) {
    for job in jobs {
        match job.key.powers() {
            Some(key) => gcm_ni::seal(key, job),
            None => soft_gcm::seal_gcm(slice::from_mut(job)),
        }
    }
}

#[target_feature(enable = "aes,pclmulqdq,ssse3,sse4.1")]
fn open_gcm(jobs: &mut [GcmPacketJob<'_>]) {
    for job in jobs {
        match job.key.powers() {
            Some(key) => gcm_ni::open(key, job),
            None => soft_gcm::open_gcm(slice::from_mut(job)),
        }
    }
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
pub(super) fn encrypt(job: &mut HmacPacketJob<'_>) {
    match job.encrypted() {
        (JobCipher::Null, _) => {}
        (JobCipher::AesCm(key, iv), data) => match key.aes.rounds() {
            Some(keys) => aes_ni::xor_keystream(keys, aes_ni::cm_base(*iv), 0, data),
            None => soft::cm(key, *iv, data),
        },
        (JobCipher::AesF8(key, iv), data) => soft::f8(key, *iv, data),
    }
}
