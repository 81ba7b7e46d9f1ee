//! The backend of AVX2 with AES-NI and PCLMULQDQ, for processors without the
//! SHA extensions; where they are, a single message still goes through them.

use core::slice;

use super::gcm_key::PowersKey;
use super::round_keys::RoundKeys;
use super::window::{self, WINDOW};
use super::{aes_ni, gcm_ni, ni, sha1_x8};
use crate::aes_cm::AesCmJob;
use crate::aes_key::RawKey;
use crate::backends::{soft, soft_gcm};
use crate::gcm_packet::GcmPacketJob;
use crate::hmac_packet::HmacPacketJob;
use crate::hmac_sha1::{HMAC_SHA1_LEN, HmacSha1Job};

instruction_set! {
    /// The proof that this machine has AVX2 and the AES and PCLMULQDQ
    /// instructions.
    Avx2, detected by cpu: ["avx2", "aes", "pclmulqdq", "ssse3", "sse4.1"]

    fn expand(key: &RawKey) -> RoundKeys;
    fn expand_gcm(key: &RawKey) -> PowersKey;
    fn aes_cm(jobs: &mut [AesCmJob<'_>]);
    fn hmac_sha1(jobs: &mut [HmacSha1Job<'_>]);
    fn seal_hmac(jobs: &mut [HmacPacketJob<'_>]);
    fn open_hmac(jobs: &mut [HmacPacketJob<'_>]);
    fn seal_gcm(jobs: &mut [GcmPacketJob<'_>]);
    fn open_gcm(jobs: &mut [GcmPacketJob<'_>]);
}

#[target_feature(enable = "aes,avx2")]
fn expand(key: &RawKey) -> RoundKeys {
    RoundKeys::expand(key)
}

#[target_feature(enable = "aes,pclmulqdq,avx2")]
fn expand_gcm(key: &RawKey) -> PowersKey {
    PowersKey::expand(key)
}

#[target_feature(enable = "aes,avx2")]
fn aes_cm(jobs: &mut [AesCmJob<'_>]) {
    for job in jobs {
        match job.key.aes.rounds() {
            Some(keys) => aes_ni::xor_keystream(keys, aes_ni::cm_base(job.iv), 0, job.data),
            None => soft::aes_cm(slice::from_mut(job)),
        }
    }
}

#[target_feature(enable = "avx2")]
fn hmac_sha1(jobs: &mut [HmacSha1Job<'_>]) {
    if let [job] = jobs {
        job.tag = soft::hmac(job);
        return;
    }
    for jobs in jobs.chunks_mut(WINDOW) {
        let mut tags = [[0; HMAC_SHA1_LEN]; WINDOW];
        sha1_x8::hmac(jobs, &mut tags);
        for (job, tag) in jobs.iter_mut().zip(tags) {
            job.tag = tag;
        }
    }
}

#[target_feature(enable = "aes,avx2")]
fn seal_hmac(mut jobs: &mut [HmacPacketJob<'_>]) {
    if let [job] = jobs {
        ni::encrypt(job);
        let tag = soft::hmac(job);
        job.put_tag(&tag);
        return;
    }
    while !jobs.is_empty() {
        let (window, rest) = jobs.split_at_mut(window::next_len(jobs, sha1_x8::LANES));
        for job in window.iter_mut() {
            ni::encrypt(job);
        }
        let mut tags = [[0; HMAC_SHA1_LEN]; WINDOW];
        sha1_x8::hmac(window, &mut tags);
        for (job, tag) in window.iter_mut().zip(&tags) {
            job.put_tag(tag);
        }
        jobs = rest;
    }
}

#[target_feature(enable = "aes,avx2")]
fn open_hmac(mut jobs: &mut [HmacPacketJob<'_>]) {
    if let [job] = jobs {
        let tag = soft::hmac(job);
        if job.judge(&tag) {
            ni::encrypt(job);
        }
        return;
    }
    while !jobs.is_empty() {
        let (window, rest) = jobs.split_at_mut(window::next_len(jobs, sha1_x8::LANES));
        let mut tags = [[0; HMAC_SHA1_LEN]; WINDOW];
        sha1_x8::hmac(window, &mut tags);
        for (job, tag) in window.iter_mut().zip(&tags) {
            if job.judge(tag) {
                ni::encrypt(job);
            }
        }
        jobs = rest;
    }
}

#[target_feature(enable = "aes,pclmulqdq,avx2")]
fn seal_gcm(jobs: &mut [GcmPacketJob<'_>]) {
    for job in jobs {
        match job.key.powers() {
            Some(key) => gcm_ni::seal(key, job),
            None => soft_gcm::seal_gcm(slice::from_mut(job)),
        }
    }
}

#[target_feature(enable = "aes,pclmulqdq,avx2")]
fn open_gcm(jobs: &mut [GcmPacketJob<'_>]) {
    for job in jobs {
        match job.key.powers() {
            Some(key) => gcm_ni::open(key, job),
            None => soft_gcm::open_gcm(slice::from_mut(job)),
        }
    }
}
