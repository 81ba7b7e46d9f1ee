//! AES-GCM by VAES and VPCLMULQDQ, four blocks a vector.

use core::arch::x86_64::{
    __m128i, __m512i, _mm_setzero_si128, _mm_xor_si128, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_xor_si256, _mm512_bslli_epi128, _mm512_bsrli_epi128,
    _mm512_castsi512_si128, _mm512_castsi512_si256, _mm512_clmulepi64_epi128,
    _mm512_extracti64x4_epi64, _mm512_inserti32x4, _mm512_loadu_si512, _mm512_mask_storeu_epi8,
    _mm512_maskz_loadu_epi8, _mm512_maskz_mov_epi8, _mm512_set_epi64, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_shuffle_epi32, _mm512_storeu_si512, _mm512_ternarylogic_epi32,
    _mm512_xor_si512, _mm512_zextsi128_si512,
};

use super::aes_ni;
use super::gcm_key::{POWERS, PowersKey, Product, reversed, reversed_only_block, store};
use super::gcm_ni::length_block;
use super::vaes::{CounterBlocks, first_octets, flight_of, four_of_each, xor_keystream};
use crate::gcm_packet::{GCM_TAG_LEN, GcmPacketJob};

/// The octets that are encrypted, or hashed, between two reductions.
const FLIGHT_LEN: usize = 256;

#[inline]
#[target_feature(enable = "aes,ssse3,vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
pub(super) fn seal(key: &PowersKey, job: &mut GcmPacketJob<'_>) {
    let tag = match key.rounds.rounds() {
        10 => sealed_tag::<11>(key, job),
        _ => sealed_tag::<15>(key, job),
    };
    job.put_tag(&tag);
}

#[inline]
#[target_feature(enable = "aes,ssse3,vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
pub(super) fn open(key: &PowersKey, job: &mut GcmPacketJob<'_>) {
    let tag = match key.rounds.rounds() {
        10 => opened_tag::<11>(key, job),
        _ => opened_tag::<15>(key, job),
    };
    if job.judge(&tag) {
        let base = aes_ni::gcm_base(job.iv);
        xor_keystream(&key.rounds, base, 2, job.encrypted_mut());
    }
}

/// Encrypts the packet; the blocks are hashed on their way from the cipher.
#[inline]
#[target_feature(enable = "aes,ssse3,vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn sealed_tag<const KEYS: usize>(key: &PowersKey, job: &mut GcmPacketJob<'_>) -> [u8; GCM_TAG_LEN] {
    let keys = four_of_each::<KEYS>(&key.rounds);
    let base = aes_ni::gcm_base(job.iv);
    let j0 = encrypted_j0(&keys, base);
    let mut counter = CounterBlocks::new(base, 2);
    let mut before = Before::associated(key, job);
    let lengths = length_block(job);

    let (flights, rest) = job.encrypted_mut().as_chunks_mut::<FLIGHT_LEN>();
    if !flights.is_empty() {
        let mut sum = before.hash(key);
        for flight in flights {
            let keystream = flight_of(&keys, counter.next::<4>());
            let mut hash = Hash::following(key, sum);
            for (piece, keystream) in flight.as_chunks_mut::<64>().0.iter_mut().zip(keystream) {
                // SAFETY: `piece` is 64 octets.
                let ciphertext = unsafe {
                    let data = _mm512_loadu_si512(piece.as_ptr().cast());
                    let data = _mm512_xor_si512(data, keystream);
                    _mm512_storeu_si512(piece.as_mut_ptr().cast(), data);
                    data
                };
                hash.push(ciphertext);
            }
            sum = hash.finish();
        }
        before = Before::of_hash(sum);
    }
    let mut hash = Hash::following_with_last(key, before, rest.len().div_ceil(16), lengths);
    match rest.len().div_ceil(64) {
        0 => {}
        1 => encrypt(rest, flight_of(&keys, counter.next::<1>()), &mut hash),
        2 => encrypt(rest, flight_of(&keys, counter.next::<2>()), &mut hash),
        3 => encrypt(rest, flight_of(&keys, counter.next::<3>()), &mut hash),
        _ => encrypt(rest, flight_of(&keys, counter.next::<4>()), &mut hash),
    }
    tag(hash.finish(), j0)
}

/// `rest` is not longer than the keystream, and longer than all of it but one
/// vector.
#[inline]
#[target_feature(enable = "pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn encrypt<const N: usize>(mut rest: &mut [u8], keystream: [__m512i; N], hash: &mut Hash<'_>) {
    for keystream in keystream {
        let (piece, after) = rest.split_at_mut(rest.len().min(64));
        let mask = first_octets(piece.len());
        // SAFETY: the mask keeps the load and the store within `piece`.
        let ciphertext = unsafe {
            let data = _mm512_maskz_loadu_epi8(mask, piece.as_ptr().cast());
            let data = _mm512_xor_si512(data, keystream);
            _mm512_mask_storeu_epi8(piece.as_mut_ptr().cast(), mask, data);
            data
        };
        // Behind the ciphertext's end the keystream is not part of it.
        hash.push(_mm512_maskz_mov_epi8(mask, ciphertext));
        rest = after;
    }
}

/// The tag that the packet should have, over its ciphertext as it is.
#[inline]
#[target_feature(enable = "aes,ssse3,vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn opened_tag<const KEYS: usize>(key: &PowersKey, job: &GcmPacketJob<'_>) -> [u8; GCM_TAG_LEN] {
    let keys = four_of_each::<KEYS>(&key.rounds);
    let j0 = encrypted_j0(&keys, aes_ni::gcm_base(job.iv));
    let mut before = Before::associated(key, job);

    let (flights, rest) = job.encrypted().as_chunks::<FLIGHT_LEN>();
    if !flights.is_empty() {
        let mut sum = before.hash(key);
        for flight in flights {
            let mut hash = Hash::following(key, sum);
            for piece in flight.as_chunks::<64>().0 {
                // SAFETY: `piece` is 64 octets.
                hash.push(unsafe { _mm512_loadu_si512(piece.as_ptr().cast()) });
            }
            sum = hash.finish();
        }
        before = Before::of_hash(sum);
    }
    let mut hash =
        Hash::following_with_last(key, before, rest.len().div_ceil(16), length_block(job));
    match rest.len().div_ceil(64) {
        0 => {}
        1 => push_rest::<1>(rest, &mut hash),
        2 => push_rest::<2>(rest, &mut hash),
        3 => push_rest::<3>(rest, &mut hash),
        _ => push_rest::<4>(rest, &mut hash),
    }
    tag(hash.finish(), j0)
}

/// `rest` is `N` vectors long, or less than a vector shorter.
#[inline]
#[target_feature(enable = "vpclmulqdq,avx512f,avx512bw")]
fn push_rest<const N: usize>(mut rest: &[u8], hash: &mut Hash<'_>) {
    for _ in 0..N {
        let (piece, after) = rest.split_at(rest.len().min(64));
        let mask = first_octets(piece.len());
        // SAFETY: the mask keeps the load within `piece`.
        hash.push(unsafe { _mm512_maskz_loadu_epi8(mask, piece.as_ptr().cast()) });
        rest = after;
    }
}

#[inline]
#[target_feature(enable = "vaes,ssse3,avx512f")]
fn encrypted_j0<const KEYS: usize>(keys: &[__m512i; KEYS], base: __m128i) -> __m128i {
    let mut single = [_mm_setzero_si128(); KEYS];
    for (single, four) in single.iter_mut().zip(keys) {
        *single = _mm512_castsi512_si128(*four);
    }
    let blocks = aes_ni::CounterBlocks::new(base, 1).next();
    let [j0] = aes_ni::flight_of(&single, blocks);
    j0
}

#[inline]
#[target_feature(enable = "ssse3")]
fn tag(sum: __m128i, j0: __m128i) -> [u8; GCM_TAG_LEN] {
    let mut tag = [0; GCM_TAG_LEN];
    store(&mut tag, _mm_xor_si128(reversed(sum), j0));
    tag
}

/// What GHASH has taken before the blocks that follow.
struct Before {
    block: __m128i,
    /// How many times it is to be multiplied by H beyond once for each block
    /// that follows: 1 if it is a block itself, 0 if it is a hash.
    times: usize,
}

impl Before {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of_hash(block: __m128i) -> Self {
        Self { block, times: 0 }
    }

    /// The hash so far.
    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    fn hash(&self, key: &PowersKey) -> __m128i {
        if self.times == 0 {
            return self.block;
        }
        let mut product = Product::zero();
        product.add(self.block, key.power(1));
        product.reduce()
    }

    /// The associated data; a single block of it is left as it is, so that it
    /// needs no reduction of its own.
    #[inline]
    #[target_feature(enable = "pclmulqdq,ssse3")]
    fn associated(key: &PowersKey, job: &GcmPacketJob<'_>) -> Self {
        match reversed_only_block(job.associated()) {
            Some(block) => Self { block, times: 1 },
            None => Self {
                block: key.hash_associated(job.associated()),
                times: 0,
            },
        }
    }
}

/// The blocks of GHASH between two reductions.
struct Hash<'k> {
    /// From the power of H for the next block on.
    powers: &'k [[u8; 16]],
    /// The hash so far, until it is part of the next block.
    sum: __m512i,
    low: __m512i,
    middle: __m512i,
    high: __m512i,
}

impl<'k> Hash<'k> {
    /// Of sixteen blocks behind those with the hash `sum`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn following(key: &'k PowersKey, sum: __m128i) -> Self {
        Self {
            powers: &key.powers[POWERS - 16..],
            sum: _mm512_zextsi128_si512(sum),
            low: _mm512_setzero_si512(),
            middle: _mm512_setzero_si512(),
            high: _mm512_setzero_si512(),
        }
    }

    /// Of `count` blocks, at most 16, behind `before`, and of `last`, which need
    /// not be pushed.
    #[inline]
    #[target_feature(enable = "vpclmulqdq,pclmulqdq,avx512f")]
    fn following_with_last(
        key: &'k PowersKey,
        before: Before,
        count: usize,
        last: __m128i,
    ) -> Self {
        let blocks = _mm512_zextsi128_si512(before.block);
        let powers = _mm512_zextsi128_si512(key.power(count + 1 + before.times));
        let mut hash = Self {
            powers: &key.powers[POWERS - 1 - count..],
            ..Self::following(key, _mm_setzero_si128())
        };
        hash.add(
            _mm512_inserti32x4::<1>(blocks, last),
            _mm512_inserti32x4::<1>(powers, key.power(1)),
        );
        hash
    }

    /// Pushes the next four blocks, or the last ones and zeros.
    #[inline]
    #[target_feature(enable = "vpclmulqdq,avx512f,avx512bw")]
    fn push(&mut self, blocks: __m512i) {
        let (four, rest) = self.powers.split_at(4);
        // SAFETY: `four` is four times 16 octets.
        let four = unsafe { _mm512_loadu_si512(four.as_ptr().cast()) };
        self.powers = rest;
        let blocks = _mm512_xor_si512(reversed_blocks(blocks), self.sum);
        self.sum = _mm512_setzero_si512();
        self.add(blocks, four);
    }

    #[inline]
    #[target_feature(enable = "vpclmulqdq,avx512f")]
    fn add(&mut self, blocks: __m512i, powers: __m512i) {
        let low = _mm512_clmulepi64_epi128::<0x00>(blocks, powers);
        let middle = _mm512_clmulepi64_epi128::<0x01>(blocks, powers);
        let other = _mm512_clmulepi64_epi128::<0x10>(blocks, powers);
        let high = _mm512_clmulepi64_epi128::<0x11>(blocks, powers);
        self.low = _mm512_xor_si512(self.low, low);
        self.middle = _mm512_ternarylogic_epi32::<XOR>(self.middle, middle, other);
        self.high = _mm512_xor_si512(self.high, high);
    }

    /// As in [`Product::reduce`](super::gcm_key::Product::reduce), four at once,
    /// and then their sum.
    #[inline]
    #[target_feature(enable = "vpclmulqdq,avx512f,avx512bw")]
    fn finish(self) -> __m128i {
        let low = _mm512_xor_si512(self.low, _mm512_bslli_epi128::<8>(self.middle));
        let carried = _mm512_bsrli_epi128::<8>(self.middle);
        let folded = fold(fold(low));
        let sum = _mm512_ternarylogic_epi32::<XOR>(self.high, carried, folded);
        let halves = _mm256_xor_si256(
            _mm512_castsi512_si256(sum),
            _mm512_extracti64x4_epi64::<1>(sum),
        );
        _mm_xor_si128(
            _mm256_castsi256_si128(halves),
            _mm256_extracti128_si256::<1>(halves),
        )
    }
}

/// The truth table of x ^ y ^ z.
const XOR: i32 = 0x96;

/// As [`gcm_key::fold`](super::gcm_key::fold), four times.
#[inline]
#[target_feature(enable = "vpclmulqdq,avx512f")]
fn fold(low: __m512i) -> __m512i {
    let x = 0xc200_0000_0000_0000_u64 as i64;
    let modulus = _mm512_set_epi64(x, 0, x, 0, x, 0, x, 0);
    let multiple = _mm512_clmulepi64_epi128::<0x10>(low, modulus);
    _mm512_xor_si512(_mm512_shuffle_epi32::<0x4e>(low), multiple)
}

/// GHASH's bit order is POLYVAL's, reversed by octets in each block.
#[inline]
#[target_feature(enable = "avx512bw")]
fn reversed_blocks(blocks: __m512i) -> __m512i {
    let (high, low) = (0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    let order = _mm512_set_epi64(high, low, high, low, high, low, high, low);
    _mm512_shuffle_epi8(blocks, order)
}
