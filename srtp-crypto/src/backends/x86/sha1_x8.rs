//! SHA-1 on eight lanes of AVX2, a message each.

use core::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_blendv_epi8,
    _mm256_castsi128_si256, _mm256_cmpeq_epi32, _mm256_inserti128_si256, _mm256_loadu_si256,
    _mm256_or_si256, _mm256_set_epi64x, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_shuffle_epi8,
    _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256, _mm256_unpackhi_epi32,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::lanes::{Lanes, bits};
use super::sha1_soft::{self as few, hmac as hmac_of_few};
use super::window::{Digests, Tails, longest_first};
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
    // More units add than shift.
    let left = if LEFT == 1 {
        add(words, words)
    } else {
        _mm256_slli_epi32::<LEFT>(words)
    };
    _mm256_or_si256(left, _mm256_srli_epi32::<RIGHT>(words))
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
    let mut rows = [keys[0].as_ptr().cast::<u8>(); LANES];
    for (row, key) in rows.iter_mut().zip(keys) {
        *row = key.as_ptr().cast();
    }
    // SAFETY: every key is twice 16 octets.
    let [[a, b, c, d], [e, ..]] = unsafe { [four_columns(&rows, 0), four_columns(&rows, 1)] };
    [a, b, c, d, e]
}

/// The words of each lane's block at `index`, by word.
///
/// # Safety
///
/// Every start must be that of more than `index` blocks.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn columns(starts: &[*const Block; LANES], index: usize) -> [Vector; 16] {
    let mut w = [splat(0); 16];
    for (piece, w) in w.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        // SAFETY: the block is there, as the caller promises, and four times
        // 16 octets.
        *w = unsafe { four_columns(starts, 4 * index + piece) };
        for w in w {
            *w = big_endian(*w);
        }
    }
    w
}

/// The words of the 16 octets at `index` of each row, by word. They are put
/// together on their way from memory, so that only the words within a half of
/// a vector are left to be moved about.
///
/// # Safety
///
/// Every row must have more than `index` times 16 octets.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn four_columns<T>(rows: &[*const T; LANES], index: usize) -> [Vector; 4] {
    // Half h of quads[n] is of row 4 h + n.
    let mut quads = [splat(0); 4];
    for (n, quad) in quads.iter_mut().enumerate() {
        // SAFETY: the octets are there, as the caller promises.
        let of = |row: usize| unsafe { _mm_loadu_si128(rows[row].cast::<__m128i>().add(index)) };
        *quad = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(of(n)), of(n + 4));
    }
    let low = [
        _mm256_unpacklo_epi32(quads[0], quads[1]),
        _mm256_unpacklo_epi32(quads[2], quads[3]),
    ];
    let high = [
        _mm256_unpackhi_epi32(quads[0], quads[1]),
        _mm256_unpackhi_epi32(quads[2], quads[3]),
    ];
    [
        _mm256_unpacklo_epi64(low[0], low[1]),
        _mm256_unpackhi_epi64(low[0], low[1]),
        _mm256_unpacklo_epi64(high[0], high[1]),
        _mm256_unpackhi_epi64(high[0], high[1]),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn big_endian(words: Vector) -> Vector {
    let (high, low) = (0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm256_shuffle_epi8(words, _mm256_set_epi64x(high, low, high, low))
}
