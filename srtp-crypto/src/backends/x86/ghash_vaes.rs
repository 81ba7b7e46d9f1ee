//! GHASH by VPCLMULQDQ, four blocks a vector.

use core::arch::x86_64::{
    __m128i, __m512i, _mm_setzero_si128, _mm_xor_si128, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_xor_si256, _mm512_bslli_epi128, _mm512_bsrli_epi128,
    _mm512_castsi512_si256, _mm512_clmulepi64_epi128, _mm512_extracti64x4_epi64,
    _mm512_inserti32x4, _mm512_loadu_si512, _mm512_set_epi64, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_shuffle_epi32, _mm512_ternarylogic_epi32, _mm512_xor_si512,
    _mm512_zextsi128_si512,
};

use super::gcm_key::{POWERS, PowersKey, Product, reversed_only_block};
use crate::gcm_packet::GcmPacketJob;

/// What GHASH has taken before the blocks that follow.
#[derive(Clone, Copy)]
pub(super) struct Before {
    block: __m128i,
    /// How many times it is to be multiplied by H beyond once for each block
    /// that follows: 1 if it is a block itself, 0 if it is a hash.
    times: usize,
}

impl Before {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn of_hash(block: __m128i) -> Self {
        Self { block, times: 0 }
    }

    /// The hash so far.
    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    pub(super) fn hash(&self, key: &PowersKey) -> __m128i {
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
    pub(super) fn associated(key: &PowersKey, job: &GcmPacketJob<'_>) -> Self {
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
pub(super) struct Hash<'k> {
    /// From the power of H for the next block on.
    powers: &'k [[u8; 16]],
    /// The hash so far, until it is part of the next block.
    sum: __m512i,
    pub(super) low: __m512i,
    pub(super) middle: __m512i,
    pub(super) high: __m512i,
}

impl<'k> Hash<'k> {
    /// Of sixteen blocks behind those with the hash `sum`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn following(key: &'k PowersKey, sum: __m128i) -> Self {
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
    pub(super) fn following_with_last(
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
    pub(super) fn push(&mut self, blocks: __m512i) {
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
    pub(super) fn finish(self) -> __m128i {
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
