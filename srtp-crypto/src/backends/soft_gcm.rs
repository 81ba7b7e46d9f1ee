//! The definition of AES-GCM: NIST SP 800-38D §7 on RustCrypto's AES and GHASH.

use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use zeroize::Zeroize;

use super::soft::SoftAes;
use crate::aes_key::RawKey;
use crate::gcm_packet::{AesGcmKey, GCM_TAG_LEN, GcmIv, GcmKeyForm, GcmPacketJob};

/// An AES key and the GHASH key H that it gives.
pub(crate) struct SoftGcm {
    pub(crate) aes: SoftAes,
    ghash: GHash,
}

impl SoftGcm {
    pub(crate) fn expand(key: &RawKey) -> Self {
        let aes = SoftAes::expand(key);
        let mut h = aes.encrypt_block([0; 16]);
        let ghash = GHash::new(&h.into());
        h.zeroize();
        Self { aes, ghash }
    }

    fn tag(&self, job: &GcmPacketJob<'_>) -> [u8; GCM_TAG_LEN] {
        let mut ghash = self.ghash.clone();
        let associated = job.associated();
        let (whole, last, last_count) = associated.blocks();
        for block in whole.iter().chain(&last[..last_count]) {
            ghash.update(&[(*block).into()]);
        }
        ghash.update_padded(job.encrypted());
        let (associated_bits, encrypted_bits) = job.bit_lengths();
        let lengths = (u128::from(associated_bits) << 64) | u128::from(encrypted_bits);
        ghash.update(&[lengths.to_be_bytes().into()]);

        let mut tag: [u8; GCM_TAG_LEN] = ghash.finalize().into();
        self.aes.xor_keystream(job.iv.counter_block(1), &mut tag);
        tag
    }

    fn xor_keystream(&self, iv: GcmIv, data: &mut [u8]) {
        self.aes.xor_keystream(iv.counter_block(2), data);
    }
}

pub(crate) fn seal_gcm(jobs: &mut [GcmPacketJob<'_>]) {
    for job in jobs {
        with_soft(job.key, |key| {
            key.xor_keystream(job.iv, job.encrypted_mut());
            let tag = key.tag(job);
            job.put_tag(&tag);
        });
    }
}

pub(crate) fn open_gcm(jobs: &mut [GcmPacketJob<'_>]) {
    for job in jobs {
        with_soft(job.key, |key| {
            let tag = key.tag(job);
            if job.judge(&tag) {
                key.xor_keystream(job.iv, job.encrypted_mut());
            }
        });
    }
}

fn with_soft(key: &AesGcmKey, operation: impl FnOnce(&SoftGcm)) {
    match &key.form {
        #[cfg(target_arch = "x86_64")]
        GcmKeyForm::Powers(key) => operation(&SoftGcm::expand(&key.rounds.raw_key())),
        GcmKeyForm::Soft(key) => operation(key),
    }
}
