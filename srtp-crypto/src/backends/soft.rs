//! The definition of every operation, on the RustCrypto crates.

use aes::cipher::array::Array;
use aes::cipher::consts::U16;
use aes::cipher::typenum::Unsigned;
use aes::cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc, Block};
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
        let xor_keystream = XorKeystream {
            iv: &job.iv,
            data: job.data,
        };
        match &job.key.schedule {
            AesSchedule::Aes128(key) => key.encrypt_with_backend(xor_keystream),
            AesSchedule::Aes192(key) => key.encrypt_with_backend(xor_keystream),
            AesSchedule::Aes256(key) => key.encrypt_with_backend(xor_keystream),
        }
    }
}

pub(crate) fn hmac_sha1(jobs: &mut [HmacSha1Job<'_>]) {
    for job in jobs {
        let mut state = job.key.inner;
        let (blocks, rest) = job.message.as_chunks::<SHA1_BLOCK_LEN>();
        compress(&mut state, blocks);
        finish_inner(&mut state, rest, job.suffix, job.message.len());

        let inner_hash = octets(&state);
        state = job.key.outer;
        let mut block = [0; SHA1_BLOCK_LEN];
        block[..HMAC_SHA1_LEN].copy_from_slice(&inner_hash);
        block[HMAC_SHA1_LEN] = 0x80;
        block[LENGTH_AT..].copy_from_slice(&bit_len(HMAC_SHA1_LEN));
        compress(&mut state, &[block]);
        job.tag = octets(&state);
    }
}

/// The counter mode itself, once for each of the AES crate's instruction sets.
/// The `ctr` crate fills a whole flight of blocks, 64 at AVX-512's width, for
/// the few that a packet ends with, and once more for the last octets.
struct XorKeystream<'a> {
    iv: &'a [u8; 14],
    data: &'a mut [u8],
}

impl BlockSizeUser for XorKeystream<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for XorKeystream<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let flight_len = B::ParBlocksSize::USIZE * AES_BLOCK_LEN;
        // Bitsliced AES takes as long for one block as for a small flight;
        // instructions take the blocks of a packet's end one by one.
        let min_len = if flight_len <= 4 * AES_BLOCK_LEN {
            1
        } else {
            flight_len
        };
        let mut counter = CounterBlock::first(self.iv);
        let mut rest = self.data;
        while rest.len() >= min_len {
            let mut keystream = Array::<Block, B::ParBlocksSize>::default();
            keystream
                .iter_mut()
                .for_each(|block| *block = counter.next());
            backend.encrypt_par_blocks((&mut keystream).into());
            let (flight, after) = rest.split_at_mut(rest.len().min(flight_len));
            for (octet, keystream) in flight.iter_mut().zip(keystream.as_flattened()) {
                *octet ^= keystream;
            }
            rest = after;
        }

        let (blocks, end) = rest.as_chunks_mut::<AES_BLOCK_LEN>();
        for block in blocks {
            let mut keystream = counter.next();
            backend.encrypt_block((&mut keystream).into());
            *block = xor(block, &keystream.0);
        }
        if !end.is_empty() {
            let mut keystream = counter.next();
            backend.encrypt_block((&mut keystream).into());
            let mut block = [0; AES_BLOCK_LEN];
            block[..end.len()].copy_from_slice(end);
            end.copy_from_slice(&xor(&block, &keystream.0)[..end.len()]);
        }
    }
}

/// The octets of an AES block.
const AES_BLOCK_LEN: usize = 16;

/// IV + counter, as one integer: octets put together in memory would have to
/// settle there before they can be loaded as a block.
struct CounterBlock(u128);

impl CounterBlock {
    #[inline(always)]
    fn first(iv: &[u8; 14]) -> Self {
        let mut block = [0; AES_BLOCK_LEN];
        block[..iv.len()].copy_from_slice(iv);
        Self(u128::from_be_bytes(block))
    }

    /// A job is at most 2^16 blocks, so that the carry of the last one goes
    /// nowhere.
    #[inline(always)]
    fn next(&mut self) -> Block {
        let block = self.0.to_be_bytes();
        self.0 = self.0.wrapping_add(1);
        block.into()
    }
}

#[inline(always)]
fn xor(a: &[u8; AES_BLOCK_LEN], b: &[u8; AES_BLOCK_LEN]) -> [u8; AES_BLOCK_LEN] {
    (u128::from_ne_bytes(*a) ^ u128::from_ne_bytes(*b)).to_ne_bytes()
}

/// The SHA-1 state after `block`, the first of a message.
pub(crate) fn sha1_state_after(block: &[u8; SHA1_BLOCK_LEN]) -> [u32; 5] {
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

/// The octets of a SHA-1 block.
const SHA1_BLOCK_LEN: usize = 64;

/// Where SHA-1's 64-bit message length stands in the last block.
const LENGTH_AT: usize = SHA1_BLOCK_LEN - 8;

/// Compresses what is left of the inner message, its suffix and its padding:
/// one block, or two where they do not fit one.
fn finish_inner(state: &mut [u32; 5], rest: &[u8], suffix: Option<[u8; 4]>, message_len: usize) {
    let mut tail = [[0; SHA1_BLOCK_LEN]; 2];
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
    flat[blocks * SHA1_BLOCK_LEN - 8..blocks * SHA1_BLOCK_LEN].copy_from_slice(&bit_len(inner_len));
    compress(state, &tail[..blocks]);
}

/// The length field of an HMAC half: its key's block and `len` octets, in bits.
fn bit_len(len: usize) -> [u8; 8] {
    ((SHA1_BLOCK_LEN as u64 + len as u64) * 8).to_be_bytes()
}

fn octets(state: &[u32; 5]) -> [u8; HMAC_SHA1_LEN] {
    let mut octets = [0; HMAC_SHA1_LEN];
    for (octets, word) in octets.chunks_exact_mut(4).zip(state) {
        octets.copy_from_slice(&word.to_be_bytes());
    }
    octets
}
