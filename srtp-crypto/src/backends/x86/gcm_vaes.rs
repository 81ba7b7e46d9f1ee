//! AES-GCM by VAES and VPCLMULQDQ, four blocks a vector.

use core::arch::x86_64::{
    __m128i, __m512i, _mm_setzero_si128, _mm_xor_si128, _mm512_bslli_epi128, _mm512_bsrli_epi128,
    _mm512_castsi512_si128, _mm512_clmulepi64_epi128, _mm512_extracti32x4_epi32,
    _mm512_loadu_si512, _mm512_mask_storeu_epi8, _mm512_maskz_loadu_epi8, _mm512_maskz_mov_epi8,
    _mm512_set_epi64, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_storeu_si512,
    _mm512_ternarylogic_epi32, _mm512_xor_si512, _mm512_zextsi128_si512,
};

use super::aes_ni;
use super::gcm_key::{POWERS, PowersKey, fold, load, reversed, store};
use super::vaes::{CounterBlocks, first_octets, flight_of, four_of_each, xor_keystream};
use crate::gcm_packet::{Associated, GCM_TAG_LEN, GcmPacketJob};

#[inline]
#[target_feature(enable = "aes,pclmulqdq,ssse3,vaes,vpclmulqdq,avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn seal(key: &PowersKey, job: &mut GcmPacketJob<'_>) {
    let base = aes_ni::gcm_base(job.iv);
    let mut hash = Hash::start(key, job.associated(), job.encrypted().len());
    let lengths = job.associated().length_block(job.encrypted().len());
    let j0 = encrypted_j0(key, base);
    match key.rounds.rounds() {
        10 => encrypt_and_hash::<11>(key, base, job.encrypted_mut(), &mut hash),
        _ => encrypt_and_hash::<15>(key, base, job.encrypted_mut(), &mut hash),
    }
    hash.push_one(&lengths);
    job.put_tag(&tag(hash.sum, j0));
}

#[inline]
#[target_feature(enable = "aes,pclmulqdq,ssse3,vaes,vpclmulqdq,avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn open(key: &PowersKey, job: &mut GcmPacketJob<'_>) {
    let base = aes_ni::gcm_base(job.iv);
    let ciphertext = job.encrypted();
    let mut hash = Hash::start(key, job.associated(), ciphertext.len());
    let j0 = encrypted_j0(key, base);
    for piece in ciphertext.chunks(64) {
        // SAFETY: the mask keeps the load within `piece`.
        let vector =
            unsafe { _mm512_maskz_loadu_epi8(first_octets(piece.len()), piece.as_ptr().cast()) };
        hash.push(vector, piece.len().div_ceil(16));
    }
    hash.push_one(&job.associated().length_block(ciphertext.len()));
    if job.judge(&tag(hash.sum, j0)) {
        xor_keystream(&key.rounds, base, 2, job.encrypted_mut());
    }
}

#[inline]
#[target_feature(enable = "aes,vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn encrypt_and_hash<const KEYS: usize>(
    key: &PowersKey,
    base: __m128i,
    text: &mut [u8],
    hash: &mut Hash<'_>,
) {
    let keys = four_of_each::<KEYS>(&key.rounds);
    let mut counter = CounterBlocks::new(base, 2);
    let (flights, rest) = text.as_chunks_mut::<{ 64 * 4 }>();
    for flight in flights {
        let keystream = flight_of(&keys, counter.next::<4>());
        for (piece, keystream) in flight.as_chunks_mut::<64>().0.iter_mut().zip(keystream) {
            // SAFETY: `piece` is 64 octets.
            let ciphertext = unsafe {
                let data = _mm512_loadu_si512(piece.as_ptr().cast());
                let data = _mm512_xor_si512(data, keystream);
                _mm512_storeu_si512(piece.as_mut_ptr().cast(), data);
                data
            };
            hash.push(ciphertext, 4);
        }
    }
    match rest.len().div_ceil(64) {
        0 => {}
        1 => encrypt_rest(rest, flight_of(&keys, counter.next::<1>()), hash),
        2 => encrypt_rest(rest, flight_of(&keys, counter.next::<2>()), hash),
        3 => encrypt_rest(rest, flight_of(&keys, counter.next::<3>()), hash),
        _ => encrypt_rest(rest, flight_of(&keys, counter.next::<4>()), hash),
    }
}

/// `rest` is not longer than the keystream.
#[inline]
#[target_feature(enable = "pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn encrypt_rest<const N: usize>(rest: &mut [u8], keystream: [__m512i; N], hash: &mut Hash<'_>) {
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
        let ciphertext = _mm512_maskz_mov_epi8(mask, ciphertext);
        hash.push(ciphertext, piece.len().div_ceil(16));
    }
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn encrypted_j0(key: &PowersKey, base: __m128i) -> __m128i {
    let [j0] = aes_ni::CounterBlocks::new(base, 1).next();
    aes_ni::encrypt_block(&key.rounds, j0)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn tag(sum: __m128i, j0: __m128i) -> [u8; GCM_TAG_LEN] {
    let mut tag = [0; GCM_TAG_LEN];
    store(&mut tag, _mm_xor_si128(reversed(sum), j0));
    tag
}

/// GHASH over a known number of blocks, pushed in fours but for the last of
/// the ciphertext and those of the associated data and the lengths.
struct Hash<'k> {
    key: &'k PowersKey,
    /// Blocks behind the next reduction.
    left: usize,
    /// The power of H for the next block; when it comes to zero, the products
    /// are reduced.
    power: usize,
    low: __m512i,
    middle: __m512i,
    high: __m512i,
    /// The hash of the blocks up to the last reduction.
    sum: __m128i,
}

impl<'k> Hash<'k> {
    #[inline]
    #[target_feature(enable = "ssse3,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
    fn start(key: &'k PowersKey, associated: Associated<'_>, encrypted_len: usize) -> Self {
        let (whole, last, last_count) = associated.blocks();
        let associated_count = whole.len() + last_count;
        let others_count = encrypted_len.div_ceil(16) + 1;
        let mut hash = Self {
            key,
            left: 0,
            power: 0,
            low: _mm512_setzero_si512(),
            middle: _mm512_setzero_si512(),
            high: _mm512_setzero_si512(),
            sum: _mm_setzero_si128(),
        };
        // Associated data of a few blocks shares its reduction with what
        // follows; fours must not be torn by a reduction.
        let together = if associated_count > 4 {
            hash.left = associated_count;
            0
        } else if associated_count + others_count <= POWERS {
            others_count
        } else {
            (POWERS - associated_count) / 4 * 4
        };
        if together > 0 {
            hash.power = associated_count + together;
            hash.left = others_count - together;
        } else {
            hash.next_powers();
        }
        for block in whole.iter().chain(&last[..last_count]) {
            hash.push_one(block);
        }
        if together == 0 {
            hash.left = others_count;
            hash.next_powers();
        }
        hash
    }

    /// Pushes the first `count` blocks of `blocks`; the others are zero.
    #[inline]
    #[target_feature(enable = "pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
    fn push(&mut self, blocks: __m512i, count: usize) {
        let blocks = _mm512_xor_si512(reversed_blocks(blocks), _mm512_zextsi128_si512(self.sum));
        self.sum = _mm_setzero_si128();
        let powers = &self.key.powers[POWERS - self.power..][..4];
        // SAFETY: `powers` is four times 16 octets.
        let powers = unsafe { _mm512_loadu_si512(powers.as_ptr().cast()) };
        let low = _mm512_clmulepi64_epi128::<0x00>(blocks, powers);
        let middle = _mm512_clmulepi64_epi128::<0x01>(blocks, powers);
        let other = _mm512_clmulepi64_epi128::<0x10>(blocks, powers);
        let high = _mm512_clmulepi64_epi128::<0x11>(blocks, powers);
        self.low = _mm512_xor_si512(self.low, low);
        self.middle = _mm512_ternarylogic_epi32::<0x96>(self.middle, middle, other);
        self.high = _mm512_xor_si512(self.high, high);
        self.power -= count;
        if self.power == 0 {
            self.reduce();
        }
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
    fn push_one(&mut self, block: &[u8; 16]) {
        self.push(_mm512_zextsi128_si512(load(block)), 1);
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq,avx512f,avx512bw")]
    fn reduce(&mut self) {
        let low = _mm512_xor_si512(self.low, _mm512_bslli_epi128::<8>(self.middle));
        let high = _mm512_xor_si512(self.high, _mm512_bsrli_epi128::<8>(self.middle));
        let zero = _mm512_setzero_si512();
        (self.low, self.middle, self.high) = (zero, zero, zero);
        let low = sum_of_four(low);
        self.sum = _mm_xor_si128(sum_of_four(high), fold(fold(low)));
        self.next_powers();
    }

    #[inline]
    fn next_powers(&mut self) {
        self.power = self.left.min(POWERS);
        self.left -= self.power;
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
