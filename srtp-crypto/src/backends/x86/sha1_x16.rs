//! SHA-1 on sixteen lanes of AVX-512, a message each.

use core::arch::x86_64::{
    __m128i, __m512i, _mm_loadu_si128, _mm512_add_epi32, _mm512_castsi128_si512,
    _mm512_inserti32x4, _mm512_loadu_si512, _mm512_mask_set1_epi32, _mm512_mask_storeu_epi32,
    _mm512_maskz_compress_epi32, _mm512_rol_epi32, _mm512_set_epi64, _mm512_set1_epi32,
    _mm512_shuffle_epi8, _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64, _mm512_xor_si512,
};

use super::lanes::{Lanes, bits};
use super::packet_vaes::hmac as hmac_of_few;
use super::sha1_ni as few;
use super::window::{Digests, Tails, longest_first};
use crate::backends::message::{Block, HmacMessage, bit_len};
use crate::hmac_sha1::{HMAC_SHA1_LEN, PaddedState};

pub(super) const LANES: usize = 16;

/// Below this many messages a few streams of the SHA instructions are quicker.
const WORTH_IT: usize = 8;

type Vector = __m512i;

sha1_lanes!("avx512f,avx512bw,avx512vbmi,sha,ssse3,sse4.1");

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u32) -> Vector {
    _mm512_set1_epi32(word as i32)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add(a: Vector, b: Vector) -> Vector {
    _mm512_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm512_xor_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn rotated<const LEFT: i32, const RIGHT: i32>(words: Vector) -> Vector {
    _mm512_rol_epi32::<LEFT>(words)
}

// The truth tables of FIPS 180-4 §4.1.1.

#[inline]
#[target_feature(enable = "avx512f")]
fn choose(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0xca>(b, c, d)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn parity(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0x96>(b, c, d)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn majority(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0xe8>(b, c, d)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(words: &[u32; LANES]) -> Vector {
    // SAFETY: `words` is 64 octets.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(words: &mut [u32; LANES], vector: Vector) {
    // SAFETY: `words` is 64 octets.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
}

/// Replaces one lane's state.
#[inline]
#[target_feature(enable = "avx512f")]
fn set_lane(states: &mut [Vector; 5], lane: usize, words: &PaddedState) {
    for (state, word) in states.iter_mut().zip(words) {
        *state = _mm512_mask_set1_epi32(*state, 1 << lane, *word as i32);
    }
}

/// The states of the lanes in `set`, closed up, each word in its place.
#[inline]
#[target_feature(enable = "avx512f")]
fn put_lanes(places: [&mut [u32]; 5], states: &[Vector; 5], set: u32) {
    for (place, state) in places.into_iter().zip(states) {
        let words = _mm512_maskz_compress_epi32(set as u16, *state);
        let mask = ((1u32 << place.len()) - 1) as u16;
        // SAFETY: the mask keeps the store within `place`.
        unsafe { _mm512_mask_storeu_epi32(place.as_mut_ptr().cast(), mask, words) };
    }
}

/// Turns sixteen states into vectors by word.
#[inline]
#[target_feature(enable = "avx512f")]
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
#[target_feature(enable = "avx512f,avx512bw")]
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
/// together on their way from memory, so that only the words within a quarter
/// of a vector are left to be moved about.
///
/// # Safety
///
/// Every row must have more than `index` times 16 octets.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn four_columns<T>(rows: &[*const T; LANES], index: usize) -> [Vector; 4] {
    // Quarter q of quads[n] is of row 4 q + n.
    let mut quads = [splat(0); 4];
    for (n, quad) in quads.iter_mut().enumerate() {
        // SAFETY: the octets are there, as the caller promises.
        let of = |row: usize| unsafe { _mm_loadu_si128(rows[row].cast::<__m128i>().add(index)) };
        *quad = _mm512_castsi128_si512(of(n));
        *quad = _mm512_inserti32x4::<1>(*quad, of(n + 4));
        *quad = _mm512_inserti32x4::<2>(*quad, of(n + 8));
        *quad = _mm512_inserti32x4::<3>(*quad, of(n + 12));
    }
    let low = [
        _mm512_unpacklo_epi32(quads[0], quads[1]),
        _mm512_unpacklo_epi32(quads[2], quads[3]),
    ];
    let high = [
        _mm512_unpackhi_epi32(quads[0], quads[1]),
        _mm512_unpackhi_epi32(quads[2], quads[3]),
    ];
    [
        _mm512_unpacklo_epi64(low[0], low[1]),
        _mm512_unpackhi_epi64(low[0], low[1]),
        _mm512_unpacklo_epi64(high[0], high[1]),
        _mm512_unpackhi_epi64(high[0], high[1]),
    ]
}

#[inline]
#[target_feature(enable = "avx512bw")]
fn big_endian(words: Vector) -> Vector {
    let (high, low) = (0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let swapped = _mm512_set_epi64(high, low, high, low, high, low, high, low);
    _mm512_shuffle_epi8(words, swapped)
}
