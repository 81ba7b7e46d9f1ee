//! The backend of AVX-512 with VAES and VPCLMULQDQ.

use core::slice;

use super::gcm_key::PowersKey;
use super::round_keys::RoundKeys;
use super::window::{self, WINDOW};
use super::{aes_ni, gcm_vaes, packet_vaes, sha1_x16, vaes};
use crate::aes_cm::AesCmJob;
use crate::aes_key::RawKey;
use crate::backends::message::HmacMessage;
use crate::backends::{soft, soft_gcm};
use crate::gcm_packet::GcmPacketJob;
use crate::hmac_packet::{HmacPacketJob, JobCipher};
use crate::hmac_sha1::{HMAC_SHA1_LEN, HmacSha1Job};

instruction_set! {
    /// The proof that this machine has AVX-512 with VAES and VPCLMULQDQ.
    Avx512, detected by cpu: [
        "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512vbmi", "vaes", "vpclmulqdq",
        "aes", "pclmulqdq", "sha", "ssse3", "sse4.1"
    ]

    fn expand(key: &RawKey) -> RoundKeys;
    fn expand_gcm(key: &RawKey) -> PowersKey;
    fn aes_cm(jobs: &mut [AesCmJob<'_>]);
    fn hmac_sha1(jobs: &mut [HmacSha1Job<'_>]);
    fn seal_hmac(jobs: &mut [HmacPacketJob<'_>]);
    fn open_hmac(jobs: &mut [HmacPacketJob<'_>]);
    fn seal_gcm(jobs: &mut [GcmPacketJob<'_>]);
    fn open_gcm(jobs: &mut [GcmPacketJob<'_>]);
}

#[target_feature(enable = "aes,sse2")]
fn expand(key: &RawKey) -> RoundKeys {
    RoundKeys::expand(key)
}

#[target_feature(enable = "aes,pclmulqdq,ssse3")]
fn expand_gcm(key: &RawKey) -> PowersKey {
    PowersKey::expand(key)
}

#[target_feature(enable = "aes,vaes,avx512f,avx512bw")]
fn aes_cm(jobs: &mut [AesCmJob<'_>]) {
    for job in jobs {
        match job.key.aes.rounds() {
            Some(keys) => vaes::xor_keystream(keys, aes_ni::cm_base(job.iv), 0, job.data),
            None => soft::aes_cm(slice::from_mut(job)),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,sha,ssse3,sse4.1")]
fn hmac_sha1(jobs: &mut [HmacSha1Job<'_>]) {
    if let [job] = jobs {
        job.tag = packet_vaes::hmac_of_one(job);
        return;
    }
    for jobs in jobs.chunks_mut(WINDOW) {
        with_tags(jobs, |job, tag| job.tag = *tag);
    }
}

#[target_feature(enable = "aes,vaes,avx512f,avx512bw,avx512vbmi,sha,ssse3,sse4.1")]
fn seal_hmac(mut jobs: &mut [HmacPacketJob<'_>]) {
    if let [job] = jobs {
        seal_one(job);
        return;
    }
    while !jobs.is_empty() {
        let (window, rest) = jobs.split_at_mut(window::next_len(jobs, sha1_x16::LANES));
        for job in window.iter_mut() {
            encrypt(job);
        }
        with_tags(window, |job, tag| job.put_tag(tag));
        jobs = rest;
    }
}

#[target_feature(enable = "aes,vaes,avx512f,avx512bw,avx512vbmi,sha,ssse3,sse4.1")]
fn open_hmac(mut jobs: &mut [HmacPacketJob<'_>]) {
    if let [job] = jobs {
        let tag = packet_vaes::hmac_of_one(job);
        if job.judge(&tag) {
            encrypt(job);
        }
        return;
    }
    while !jobs.is_empty() {
        let (window, rest) = jobs.split_at_mut(window::next_len(jobs, sha1_x16::LANES));
        with_tags(window, |job, tag| {
            if job.judge(tag) {
                encrypt(job);
            }
        });
        jobs = rest;
    }
}

#[target_feature(enable = "aes,pclmulqdq,vaes,vpclmulqdq,avx512f,avx512bw,avx512vl,avx512dq")]
fn seal_gcm(jobs: &mut [GcmPacketJob<'_>]) {
    for job in jobs {
        match job.key.powers() {
            Some(key) => gcm_vaes::seal(key, job),
            None => soft_gcm::seal_gcm(slice::from_mut(job)),
        }
    }
}

#[target_feature(enable = "aes,pclmulqdq,vaes,vpclmulqdq,avx512f,avx512bw,avx512vl,avx512dq")]
fn open_gcm(jobs: &mut [GcmPacketJob<'_>]) {
    for job in jobs {
        match job.key.powers() {
            Some(key) => gcm_vaes::open(key, job),
            None => soft_gcm::open_gcm(slice::from_mut(job)),
        }
    }
}

#[inline]
#[target_feature(enable = "aes,vaes,avx512f,avx512bw,avx512vbmi,sha,ssse3,sse4.1")]
fn seal_one(job: &mut HmacPacketJob<'_>) {
    let (key, suffix) = (job.auth_key(), job.suffix());
    if let JobCipher::AesCm(cipher_key, iv) = *job.cipher()
        && let Some(keys) = cipher_key.aes.rounds()
        && let Some((octets, encrypted)) = job.nested()
    {
        let sealing = packet_vaes::Sealing {
            octets,
            encrypted,
            suffix,
            key,
        };
        let tag = packet_vaes::seal(keys, iv, sealing);
        job.put_tag(&tag);
        return;
    }
    encrypt(job);
    let tag = packet_vaes::hmac_of_one(job);
    job.put_tag(&tag);
}

/// Hands each job its tag. A window of a few is spared the arrays of a large one.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,sha,ssse3,sse4.1")]
fn with_tags<M: HmacMessage>(jobs: &mut [M], mut take: impl FnMut(&mut M, &[u8; HMAC_SHA1_LEN])) {
    if jobs.len() <= sha1_x16::LANES {
        let mut tags = [[0; HMAC_SHA1_LEN]; sha1_x16::LANES];
        sha1_x16::hmac(jobs, &mut tags);
        jobs.iter_mut()
            .zip(&tags)
            .for_each(|(job, tag)| take(job, tag));
    } else {
        let mut tags = [[0; HMAC_SHA1_LEN]; WINDOW];
        sha1_x16::hmac(jobs, &mut tags);
        jobs.iter_mut()
            .zip(&tags)
            .for_each(|(job, tag)| take(job, tag));
    }
}

#[inline]
#[target_feature(enable = "aes,vaes,avx512f,avx512bw")]
fn encrypt(job: &mut HmacPacketJob<'_>) {
    match job.encrypted() {
        (JobCipher::Null, _) => {}
        (JobCipher::AesCm(key, iv), data) => match key.aes.rounds() {
            Some(keys) => vaes::xor_keystream(keys, aes_ni::cm_base(*iv), 0, data),
            None => soft::cm(key, *iv, data),
        },
        (JobCipher::AesF8(key, iv), data) => soft::f8(key, *iv, data),
    }
}
