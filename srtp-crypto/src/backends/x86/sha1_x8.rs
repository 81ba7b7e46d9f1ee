//! SHA-1 on eight lanes of AVX2, a message each.

use core::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_blendv_epi8,
    _mm256_castsi128_si256, _mm256_cmpeq_epi32, _mm256_inserti128_si256, _mm256_loadu_si256,
    _mm256_or_si256, _mm256_permute2x128_si256, _mm256_set_epi64x, _mm256_set1_epi32,
    _mm256_setr_epi32, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi32,
    _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32,
    _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::lanes::{Lanes, bits};
use super::sha1_soft::{self as few, hmac as hmac_of_few};
use super::window::{Digests, Tails};
use crate::backends::message::{Block, HmacMessage, bit_len};
use crate::hmac_sha1::{HMAC_SHA1_LEN, PaddedState};

pub(super) const LANES: usize = 8;

/// Below this many messages one after another is quicker, on a processor
/// without the SHA extensions: there eight lanes take about as long as two
/// blocks of scalar code. This backend is for those.
const WORTH_IT: usize = 3;

type Vector = __m256i;

sha1_lanes!("avx2");

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u32) -> Vector {
    _mm256_set1_epi32(word as i32)
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: Vector, b: Vector) -> Vector {
    _mm256_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotated<const LEFT: i32, const RIGHT: i32>(words: Vector) -> Vector {
    _mm256_or_si256(
        _mm256_slli_epi32::<LEFT>(words),
        _mm256_srli_epi32::<RIGHT>(words),
    )
}

#[inline]
#[target_feature(enable = "avx2")]
fn choose(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn parity(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm256_xor_si256(_mm256_xor_si256(b, c), d)
}

#[inline]
#[target_feature(enable = "avx2")]
fn majority(b: Vector, c: Vector, d: Vector) -> Vector {
    let either = _mm256_or_si256(b, c);
    _mm256_or_si256(_mm256_and_si256(b, c), _mm256_and_si256(d, either))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(words: &[u32; LANES]) -> Vector {
    // SAFETY: `words` is 32 octets.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(words: &mut [u32; LANES], vector: Vector) {
    // SAFETY: `words` is 32 octets.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) }
}

/// Replaces one lane's state.
#[inline]
#[target_feature(enable = "avx2")]
fn set_lane(states: &mut [Vector; 5], lane: usize, words: &PaddedState) {
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    let chosen = _mm256_cmpeq_epi32(lanes, _mm256_set1_epi32(lane as i32));
    for (state, word) in states.iter_mut().zip(words) {
        *state = _mm256_blendv_epi8(*state, _mm256_set1_epi32(*word as i32), chosen);
    }
}

/// The states of the lanes in `set`, closed up, each word in its place.
#[inline]
#[target_feature(enable = "avx2")]
fn put_lanes(places: [&mut [u32]; 5], states: &[Vector; 5], set: u32) {
    let words = words_of(states);
    for (place, words) in places.into_iter().zip(&words) {
        for (place, lane) in place.iter_mut().zip(bits(set)) {
            *place = words[lane];
        }
    }
}

/// Turns eight states into vectors by word.
#[inline]
#[target_feature(enable = "avx2")]
fn load_states(keys: &[&PaddedState; LANES]) -> [Vector; 5] {
    let abcd = [
        two_rows(keys, 0, 0),
        two_rows(keys, 1, 0),
        two_rows(keys, 2, 0),
        two_rows(keys, 3, 0),
    ];
    let e = [
        two_rows(keys, 0, 4),
        two_rows(keys, 1, 4),
        two_rows(keys, 2, 4),
        two_rows(keys, 3, 4),
    ];
    let ab = [
        _mm256_unpacklo_epi32(abcd[0], abcd[1]),
        _mm256_unpacklo_epi32(abcd[2], abcd[3]),
    ];
    let cd = [
        _mm256_unpackhi_epi32(abcd[0], abcd[1]),
        _mm256_unpackhi_epi32(abcd[2], abcd[3]),
    ];
    let e = [
        _mm256_unpacklo_epi32(e[0], e[1]),
        _mm256_unpacklo_epi32(e[2], e[3]),
    ];
    [
        _mm256_unpacklo_epi64(ab[0], ab[1]),
        _mm256_unpackhi_epi64(ab[0], ab[1]),
        _mm256_unpacklo_epi64(cd[0], cd[1]),
        _mm256_unpackhi_epi64(cd[0], cd[1]),
        _mm256_unpacklo_epi64(e[0], e[1]),
    ]
}

/// Four words from `at` on of the rows `n` and `n` + 4.
#[inline]
#[target_feature(enable = "avx2")]
fn two_rows(keys: &[&PaddedState; LANES], n: usize, at: usize) -> Vector {
    let row = |n: usize| {
        let words = &keys[n].as_chunks::<4>().0[at / 4];
        // SAFETY: `words` is 16 octets.
        unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
    };
    _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(row(n)), row(n + 4))
}

/// The words of each lane's block at `index`, by word.
///
/// # Safety
///
/// Every start must be that of more than `index` blocks.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn columns(starts: &[*const Block; LANES], index: usize) -> [Vector; 16] {
    let mut w = [_mm256_set1_epi32(0); 16];
    for (half, w) in w.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        for (row, start) in w.iter_mut().zip(starts) {
            // SAFETY: the block is there, as the caller promises, and each of
            // its halves is 32 octets.
            *row = unsafe { _mm256_loadu_si256(start.add(index).cast::<__m256i>().add(half)) };
        }
        transpose(w);
        for w in w {
            *w = big_endian(*w);
        }
    }
    w
}

#[inline]
#[target_feature(enable = "avx2")]
fn big_endian(words: Vector) -> Vector {
    let (high, low) = (0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm256_shuffle_epi8(words, _mm256_set_epi64x(high, low, high, low))
}

/// Turns eight rows of eight words into columns.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(rows: &mut [__m256i; 8]) {
    let mut pairs = *rows;
    for n in 0..4 {
        pairs[2 * n] = _mm256_unpacklo_epi32(rows[2 * n], rows[2 * n + 1]);
        pairs[2 * n + 1] = _mm256_unpackhi_epi32(rows[2 * n], rows[2 * n + 1]);
    }
    // quads[4 n + k]: in each half h, word 4 h + k of rows 4 n to 4 n + 3.
    let mut quads = pairs;
    for n in 0..2 {
        quads[4 * n] = _mm256_unpacklo_epi64(pairs[4 * n], pairs[4 * n + 2]);
        quads[4 * n + 1] = _mm256_unpackhi_epi64(pairs[4 * n], pairs[4 * n + 2]);
        quads[4 * n + 2] = _mm256_unpacklo_epi64(pairs[4 * n + 1], pairs[4 * n + 3]);
        quads[4 * n + 3] = _mm256_unpackhi_epi64(pairs[4 * n + 1], pairs[4 * n + 3]);
    }
    for k in 0..4 {
        rows[k] = _mm256_permute2x128_si256::<0x20>(quads[k], quads[4 + k]);
        rows[4 + k] = _mm256_permute2x128_si256::<0x31>(quads[k], quads[4 + k]);
    }
}
