//! The definition of every operation, on the RustCrypto crates.

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipherCore};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use ctr::{CtrCore, flavors};
use sha1::block_api::compress;
use sha1::{Digest, Sha1};

use crate::aes_cm::AesCmJob;
use crate::hmac_sha1::{HMAC_SHA1_LEN, HmacSha1Job};

/// The encryption half of an expanded key, which is all that counter mode uses.
pub(crate) enum AesSchedule {
    Aes128(Aes128Enc),
    Aes192(Aes192Enc),
    Aes256(Aes256Enc),
}

impl AesSchedule {
    pub(crate) fn aes128(key: &[u8; 16]) -> Self {
        Self::Aes128(Aes128Enc::new(key.into()))
    }

    pub(crate) fn aes192(key: &[u8; 24]) -> Self {
        Self::Aes192(Aes192Enc::new(key.into()))
    }

    pub(crate) fn aes256(key: &[u8; 32]) -> Self {
        Self::Aes256(Aes256Enc::new(key.into()))
    }
}

pub(crate) fn aes_cm(jobs: &mut [AesCmJob<'_>]) {
    for job in jobs {
        match &job.key.schedule {
            AesSchedule::Aes128(key) => xor_keystream(key, &job.iv, job.data),
            AesSchedule::Aes192(key) => xor_keystream(key, &job.iv, job.data),
            AesSchedule::Aes256(key) => xor_keystream(key, &job.iv, job.data),
        }
    }
}

pub(crate) fn hmac_sha1(jobs: &mut [HmacSha1Job<'_>]) {
    for job in jobs {
        let mut state = job.key.inner;
        let (blocks, rest) = job.message.as_chunks::<BLOCK_LEN>();
        compress(&mut state, blocks);
        finish_inner(&mut state, rest, job.suffix, job.message.len());

        let inner_hash = octets(&state);
        state = job.key.outer;
        let mut block = [0; BLOCK_LEN];
        block[..HMAC_SHA1_LEN].copy_from_slice(&inner_hash);
        block[HMAC_SHA1_LEN] = 0x80;
        block[LENGTH_AT..].copy_from_slice(&bit_len(HMAC_SHA1_LEN));
        compress(&mut state, &[block]);
        job.tag = octets(&state);
    }
}

fn xor_keystream<C>(key: &C, iv: &[u8; 14], data: &mut [u8])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    // A job is at most 2^16 blocks, so the 32-bit counter that starts at zero
    // in its lower half never reaches the IV.
    let mut counter = [0; 16];
    counter[..iv.len()].copy_from_slice(iv);
    let keystream = CtrCore::<&C, flavors::Ctr32BE>::inner_iv_init(key, &counter.into());
    keystream.apply_keystream_partial(data.into());
}

/// The SHA-1 state after `block`, the first of a message.
pub(crate) fn sha1_state_after(block: &[u8; BLOCK_LEN]) -> [u32; 5] {
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

const BLOCK_LEN: usize = 64;

/// Where SHA-1's 64-bit message length stands in the last block.
const LENGTH_AT: usize = BLOCK_LEN - 8;

/// Compresses what is left of the inner message, its suffix and its padding:
/// one block, or two where they do not fit one.
fn finish_inner(state: &mut [u32; 5], rest: &[u8], suffix: Option<[u8; 4]>, message_len: usize) {
    let mut tail = [[0; BLOCK_LEN]; 2];
    let flat = tail.as_flattened_mut();
    let mut end = rest.len();
    flat[..end].copy_from_slice(rest);
    let mut inner_len = message_len;
    if let Some(suffix) = suffix {
        flat[end..end + suffix.len()].copy_from_slice(&suffix);
        end += suffix.len();
        inner_len += suffix.len();
    }
    flat[end] = 0x80;
    let blocks = if end < LENGTH_AT { 1 } else { 2 };
    flat[blocks * BLOCK_LEN - 8..blocks * BLOCK_LEN].copy_from_slice(&bit_len(inner_len));
    compress(state, &tail[..blocks]);
}

/// The length field of an HMAC half: its key's block and `len` octets, in bits.
fn bit_len(len: usize) -> [u8; 8] {
    ((BLOCK_LEN as u64 + len as u64) * 8).to_be_bytes()
}

fn octets(state: &[u32; 5]) -> [u8; HMAC_SHA1_LEN] {
    let mut octets = [0; HMAC_SHA1_LEN];
    for (octets, word) in octets.chunks_exact_mut(4).zip(state) {
        octets.copy_from_slice(&word.to_be_bytes());
    }
    octets
}
