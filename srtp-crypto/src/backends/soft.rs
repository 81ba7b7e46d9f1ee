//! The definition of every operation, on the RustCrypto crates.

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipherCore};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc, Block};
use ctr::{CtrCore, flavors};
use sha1::block_api::compress;
use sha1::{Digest, Sha1};

use super::message::{HmacMessage, Tail, octets, outer_block};
use crate::aes_cm::{AesCmJob, AesCmKey};
use crate::aes_f8::{AesF8Job, AesF8Key};
use crate::aes_key::{AesKey, RawKey};
use crate::hmac_packet::{Cipher, HmacPacketJob};
use crate::hmac_sha1::{HMAC_SHA1_LEN, HmacSha1Job};

/// An expanded key's encryption half, which is all that these modes use.
pub(crate) enum SoftAes {
    Aes128(Aes128Enc),
    Aes192(Aes192Enc),
    Aes256(Aes256Enc),
}

impl SoftAes {
    pub(crate) fn expand(key: &RawKey) -> Self {
        match key {
            RawKey::Aes128(key) => Self::Aes128(Aes128Enc::new(key.into())),
            RawKey::Aes192(key) => Self::Aes192(Aes192Enc::new(key.into())),
            RawKey::Aes256(key) => Self::Aes256(Aes256Enc::new(key.into())),
        }
    }

    /// Adds to `data` the keystream of the counter blocks `block` XOR `counter`,
    /// `block` XOR `counter` + 1 and so on.
    pub(super) fn xor_keystream(&self, mut block: [u8; 16], counter: u32, data: &mut [u8]) {
        // Where an IV reaches into the last 32 bits, as in counter mode of RFC
        // 3711, it stands above all bits that the counter comes to use.
        for (octet, counter) in block[12..].iter_mut().zip(counter.to_be_bytes()) {
            *octet ^= counter;
        }
        match self {
            Self::Aes128(key) => xor_keystream(key, block, data),
            Self::Aes192(key) => xor_keystream(key, block, data),
            Self::Aes256(key) => xor_keystream(key, block, data),
        }
    }

    pub(super) fn encrypt_block(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = Block::from(block);
        match self {
            Self::Aes128(key) => key.encrypt_block(&mut block),
            Self::Aes192(key) => key.encrypt_block(&mut block),
            Self::Aes256(key) => key.encrypt_block(&mut block),
        }
        block.into()
    }
}

impl AesKey {
    /// Runs `operation` on the key in this backend's form.
    fn with_soft<R>(&self, operation: impl FnOnce(&SoftAes) -> R) -> R {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Rounds(rounds) => operation(&SoftAes::expand(&rounds.raw_key())),
            Self::Soft(key) => operation(key),
        }
    }
}

pub(crate) fn aes_cm(jobs: &mut [AesCmJob<'_>]) {
    for job in jobs {
        cm(job.key, job.iv, job.data);
    }
}

pub(crate) fn aes_f8(jobs: &mut [AesF8Job<'_>]) {
    for job in jobs {
        f8(job.key, job.iv, job.data);
    }
}

pub(crate) fn hmac_sha1(jobs: &mut [HmacSha1Job<'_>]) {
    for job in jobs {
        job.tag = hmac(job);
    }
}

pub(crate) fn seal_hmac(jobs: &mut [HmacPacketJob<'_>]) {
    for job in jobs {
        encrypt(job);
        let tag = hmac(job);
        job.put_tag(&tag);
    }
}

pub(crate) fn open_hmac(jobs: &mut [HmacPacketJob<'_>]) {
    for job in jobs {
        let tag = hmac(job);
        if job.judge(&tag) {
            encrypt(job);
        }
    }
}

/// HMAC(K, text) = H(K ^ opad || H(K ^ ipad || text)).
pub(crate) fn hmac(message: &impl HmacMessage) -> [u8; HMAC_SHA1_LEN] {
    let mut inner = message.key().inner;
    compress(&mut inner, message.body());
    compress(&mut inner, Tail::of(message).blocks());

    let mut outer = message.key().outer;
    compress(&mut outer, &[outer_block(&inner)]);
    octets(&outer)
}

/// RFC 3711 §4.1.1.
pub(crate) fn cm(key: &AesCmKey, iv: [u8; 14], data: &mut [u8]) {
    let mut block = [0; 16];
    block[..14].copy_from_slice(&iv);
    key.aes.with_soft(|key| key.xor_keystream(block, 0, data));
}

/// RFC 3711 §4.1.2.1.
pub(crate) fn f8(key: &AesF8Key, iv: [u8; 16], data: &mut [u8]) {
    // IV' = E(k_e XOR m, IV), S(-1) = 0,
    // S(j) = E(k_e, IV' XOR j XOR S(j-1)).
    let iv = key.masked.with_soft(|masked| masked.encrypt_block(iv));
    key.encryption.with_soft(|key| {
        let mut keystream = [0; 16];
        for (j, chunk) in data.chunks_mut(16).enumerate() {
            let j = (j as u128).to_be_bytes();
            for ((octet, iv), j) in keystream.iter_mut().zip(iv).zip(j) {
                *octet ^= iv ^ j;
            }
            keystream = key.encrypt_block(keystream);
            for (octet, key) in chunk.iter_mut().zip(keystream) {
                *octet ^= key;
            }
        }
    });
}

/// The SHA-1 state after `block`, the first of a message.
pub(crate) fn sha1_state_after(block: &[u8; 64]) -> [u32; 5] {
    let mut state = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    compress(&mut state, &[*block]);
    state
}

/// The plain hash, for keys longer than a block.
pub(crate) fn sha1(message: &[u8]) -> [u8; HMAC_SHA1_LEN] {
    Sha1::digest(message).into()
}

fn encrypt(job: &mut HmacPacketJob<'_>) {
    match job.encrypted() {
        (Cipher::Null, _) => {}
        (Cipher::AesCm(key, iv), data) => cm(key, *iv, data),
        (Cipher::AesF8(key, iv), data) => f8(key, *iv, data),
    }
}

fn xor_keystream<C>(key: &C, counter_block: [u8; 16], data: &mut [u8])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let keystream = CtrCore::<&C, flavors::Ctr32BE>::inner_iv_init(key, &counter_block.into());
    keystream.apply_keystream_partial(data.into());
}
