//! The definition of every operation, on the RustCrypto crates.

use aes::cipher::array::Array;
use aes::cipher::consts::U16;
use aes::cipher::typenum::Unsigned;
use aes::cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc, Block};
pub(crate) use sha1::block_api::compress;
use sha1::{Digest, Sha1};

use super::message::{HmacMessage, Tail, octets, outer_block};
use crate::aes_cm::{AesCmJob, AesCmKey, CmIv};
use crate::aes_f8::{AesF8Job, AesF8Key};
use crate::aes_key::{AesKey, RawKey};
use crate::hmac_packet::{HmacPacketJob, JobCipher};
use crate::hmac_sha1::{HMAC_SHA1_LEN, HmacSha1Job, five_words};

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

    /// Adds to `data` the keystream of the counter blocks `first`, `first` + 1
    /// and so on.
    pub(super) fn xor_keystream(&self, first: u128, data: &mut [u8]) {
        let xor_keystream = XorKeystream {
            counter: CounterBlock(first),
            data,
        };
        match self {
            Self::Aes128(key) => key.encrypt_with_backend(xor_keystream),
            Self::Aes192(key) => key.encrypt_with_backend(xor_keystream),
            Self::Aes256(key) => key.encrypt_with_backend(xor_keystream),
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
    let mut inner = five_words(&message.key().inner);
    compress(&mut inner, message.body());
    compress(&mut inner, Tail::of(message).blocks());
    outer_hash(five_words(&message.key().outer), &inner)
}

/// The second half of it, from the key's state on.
pub(crate) fn outer_hash(mut outer: [u32; 5], inner: &[u32; 5]) -> [u8; HMAC_SHA1_LEN] {
    compress(&mut outer, &[outer_block(inner)]);
    octets(&outer)
}

/// RFC 3711 §4.1.1.
pub(crate) fn cm(key: &AesCmKey, iv: CmIv, data: &mut [u8]) {
    let first = iv.first_block();
    key.aes.with_soft(|key| key.xor_keystream(first, data));
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
        (JobCipher::Null, _) => {}
        (JobCipher::AesCm(key, iv), data) => cm(key, *iv, data),
        (JobCipher::AesF8(key, iv), data) => f8(key, *iv, data),
    }
}

/// The counter mode itself, once for each of the AES crate's instruction sets.
/// The `ctr` crate fills a whole flight of blocks, 64 at AVX-512's width, for
/// the few that a packet ends with, and once more for the last octets.
struct XorKeystream<'a> {
    counter: CounterBlock,
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
        let mut counter = self.counter;
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
    /// No job is so long that the carry of a block before its last one would
    /// reach the IV.
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
