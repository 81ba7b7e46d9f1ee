//! AES-GCM by VAES and VPCLMULQDQ, four blocks a vector.

use core::arch::x86_64::{
    __m128i, __m512i, _mm_setzero_si128, _mm_xor_si128, _mm512_bslli_epi128, _mm512_bsrli_epi128,
    _mm512_castsi512_si128, _mm512_clmulepi64_epi128, _mm512_extracti32x4_epi32,
    _mm512_loadu_si512, _mm512_mask_storeu_epi8, _mm512_maskz_loadu_epi8, _mm512_maskz_mov_epi8,
    _mm512_set_epi64, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_storeu_si512,
    _mm512_ternarylogic_epi32, _mm512_xor_si512, _mm512_zextsi128_si512,
};

use super::aes_ni;
use super::gcm_key::{POWERS, PowersKey, fold, reversed, store};
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
    let mut sum = key.hash_associated(job.associated());
    let lengths = length_block(job);

    let (flights, rest) = job.encrypted_mut().as_chunks_mut::<FLIGHT_LEN>();
    for flight in flights {
        let keystream = flight_of(&keys, counter.next::<4>());
        let mut hash = Hash::following(sum, 16);
        for (piece, keystream) in flight.as_chunks_mut::<64>().0.iter_mut().zip(keystream) {
            // SAFETY: `piece` is 64 octets.
            let ciphertext = unsafe {
                let data = _mm512_loadu_si512(piece.as_ptr().cast());
                let data = _mm512_xor_si512(data, keystream);
                _mm512_storeu_si512(piece.as_mut_ptr().cast(), data);
                data
            };
            hash.push(key, ciphertext);
        }
        sum = hash.finish();
    }
    let mut hash = Hash::following(sum, rest.len().div_ceil(16) + 1);
    match rest.len().div_ceil(64) {
        0 => {}
        1 => encrypt_rest(key, rest, flight_of(&keys, counter.next::<1>()), &mut hash),
        2 => encrypt_rest(key, rest, flight_of(&keys, counter.next::<2>()), &mut hash),
        3 => encrypt_rest(key, rest, flight_of(&keys, counter.next::<3>()), &mut hash),
        _ => encrypt_rest(key, rest, flight_of(&keys, counter.next::<4>()), &mut hash),
    }
    tag(hash.finish_with(key, lengths), j0)
}

/// `rest` is not longer than the keystream.
#[inline]
#[target_feature(enable = "pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn encrypt_rest<const N: usize>(
    key: &PowersKey,
    rest: &mut [u8],
    keystream: [__m512i; N],
    hash: &mut Hash,
) {
    for (piece, keystream) in rest.chunks_mut(64).zip(keystream) {
        let mask = first_octets(piece.len());
        // SAFETY: the mask keeps the load and the store within `piece`.
        let ciphertext = unsafe {
            let data = _mm512_maskz_loadu_epi8(mask, piece.as_ptr().cast());
            let data = _mm512_xor_si512(data, keystream);
            _mm512_mask_storeu_epi8(piece.as_mut_ptr().cast(), mask, data);
            data
        };
        // Behind the ciphertext's end the keystream is not part of it.
        hash.push(key, _mm512_maskz_mov_epi8(mask, ciphertext));
    }
}

/// The tag that the packet should have, over its ciphertext as it is.
#[inline]
#[target_feature(enable = "aes,ssse3,vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn opened_tag<const KEYS: usize>(key: &PowersKey, job: &GcmPacketJob<'_>) -> [u8; GCM_TAG_LEN] {
    let keys = four_of_each::<KEYS>(&key.rounds);
    let j0 = encrypted_j0(&keys, aes_ni::gcm_base(job.iv));
    let mut sum = key.hash_associated(job.associated());

    let (flights, rest) = job.encrypted().as_chunks::<FLIGHT_LEN>();
    for flight in flights {
        let mut hash = Hash::following(sum, 16);
        for piece in flight.as_chunks::<64>().0 {
            // SAFETY: `piece` is 64 octets.
            hash.push(key, unsafe { _mm512_loadu_si512(piece.as_ptr().cast()) });
        }
        sum = hash.finish();
    }
    let mut hash = Hash::following(sum, rest.len().div_ceil(16) + 1);
    for piece in rest.chunks(64) {
        let mask = first_octets(piece.len());
        // SAFETY: the mask keeps the load within `piece`.
        let ciphertext = unsafe { _mm512_maskz_loadu_epi8(mask, piece.as_ptr().cast()) };
        hash.push(key, ciphertext);
    }
    tag(hash.finish_with(key, length_block(job)), j0)
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

/// The blocks of GHASH between two reductions.
struct Hash {
    /// The power of H for the next block.
    power: usize,
    /// The hash so far, until it is part of the next block.
    sum: __m128i,
    low: __m512i,
    middle: __m512i,
    high: __m512i,
}

impl Hash {
    /// Of `count` blocks, at most [`POWERS`], behind those with the hash `sum`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn following(sum: __m128i, count: usize) -> Self {
        Self {
            power: count,
            sum,
            low: _mm512_setzero_si512(),
            middle: _mm512_setzero_si512(),
            high: _mm512_setzero_si512(),
        }
    }

    /// Pushes the next four blocks, or all but the last one.
    #[inline]
    #[target_feature(enable = "vpclmulqdq,avx512f,avx512bw")]
    fn push(&mut self, key: &PowersKey, blocks: __m512i) {
        let powers = &key.powers[POWERS - self.power..][..4];
        // SAFETY: `powers` is four times 16 octets.
        let powers = unsafe { _mm512_loadu_si512(powers.as_ptr().cast()) };
        self.add(reversed_blocks(blocks), powers);
        self.power = self.power.saturating_sub(4);
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
    fn finish_with(mut self, key: &PowersKey, last: __m128i) -> __m128i {
        self.add(
            _mm512_zextsi128_si512(last),
            _mm512_zextsi128_si512(key.power(1)),
        );
        self.finish()
    }

    #[inline]
    #[target_feature(enable = "vpclmulqdq,avx512f")]
    fn add(&mut self, blocks: __m512i, powers: __m512i) {
        let blocks = _mm512_xor_si512(blocks, _mm512_zextsi128_si512(self.sum));
        self.sum = _mm_setzero_si128();
        let low = _mm512_clmulepi64_epi128::<0x00>(blocks, powers);
        let middle = _mm512_clmulepi64_epi128::<0x01>(blocks, powers);
        let other = _mm512_clmulepi64_epi128::<0x10>(blocks, powers);
        let high = _mm512_clmulepi64_epi128::<0x11>(blocks, powers);
        self.low = _mm512_xor_si512(self.low, low);
        self.middle = _mm512_ternarylogic_epi32::<0x96>(self.middle, middle, other);
        self.high = _mm512_xor_si512(self.high, high);
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq,avx512f,avx512bw")]
    fn finish(self) -> __m128i {
        let low = _mm512_xor_si512(self.low, _mm512_bslli_epi128::<8>(self.middle));
        let high = _mm512_xor_si512(self.high, _mm512_bsrli_epi128::<8>(self.middle));
        _mm_xor_si128(sum_of_four(high), fold(fold(sum_of_four(low))))
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn sum_of_four(vector: __m512i) -> __m128i {
    let first = _mm_xor_si128(
        _mm512_castsi512_si128(vector),
        _mm512_extracti32x4_epi32::<1>(vector),
    );
    let second = _mm_xor_si128(
        _mm512_extracti32x4_epi32::<2>(vector),
        _mm512_extracti32x4_epi32::<3>(vector),
    );
    _mm_xor_si128(first, second)
}

/// GHASH's bit order is POLYVAL's, reversed by octets in each block.
#[inline]
#[target_feature(enable = "avx512bw")]
fn reversed_blocks(blocks: __m512i) -> __m512i {
    let (high, low) = (0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    let order = _mm512_set_epi64(high, low, high, low, high, low, high, low);
    _mm512_shuffle_epi8(blocks, order)
}
