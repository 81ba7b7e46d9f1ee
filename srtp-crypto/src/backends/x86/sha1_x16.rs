//! SHA-1 on sixteen lanes of AVX-512, a message each.

use core::arch::x86_64::{
    __m512i, _mm_loadu_si128, _mm512_add_epi32, _mm512_castsi128_si512, _mm512_inserti32x4,
    _mm512_loadu_si512, _mm512_mask_set1_epi32, _mm512_mask_storeu_epi32,
    _mm512_maskz_compress_epi32, _mm512_rol_epi32, _mm512_set_epi64, _mm512_set1_epi32,
    _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_ternarylogic_epi32,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    _mm512_xor_si512,
};

use super::lanes::{Lanes, bits};
use super::packet_vaes::hmac as hmac_of_few;
use super::sha1_ni as few;
use super::window::{Digests, Tails};
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
    // By four: quarter q of rows[n] is row 4 q + n.
    let abcd = [
        four_rows(keys, 0, 0),
        four_rows(keys, 1, 0),
        four_rows(keys, 2, 0),
        four_rows(keys, 3, 0),
    ];
    let e = [
        four_rows(keys, 0, 4),
        four_rows(keys, 1, 4),
        four_rows(keys, 2, 4),
        four_rows(keys, 3, 4),
    ];
    let ab = [
        _mm512_unpacklo_epi32(abcd[0], abcd[1]),
        _mm512_unpacklo_epi32(abcd[2], abcd[3]),
    ];
    let cd = [
        _mm512_unpackhi_epi32(abcd[0], abcd[1]),
        _mm512_unpackhi_epi32(abcd[2], abcd[3]),
    ];
    let e = [
        _mm512_unpacklo_epi32(e[0], e[1]),
        _mm512_unpacklo_epi32(e[2], e[3]),
    ];
    [
        _mm512_unpacklo_epi64(ab[0], ab[1]),
        _mm512_unpackhi_epi64(ab[0], ab[1]),
        _mm512_unpacklo_epi64(cd[0], cd[1]),
        _mm512_unpackhi_epi64(cd[0], cd[1]),
        _mm512_unpacklo_epi64(e[0], e[1]),
    ]
}

/// Four words from `at` on of the rows `n`, `n` + 4, `n` + 8 and `n` + 12.
#[inline]
#[target_feature(enable = "avx512f")]
fn four_rows(keys: &[&PaddedState; LANES], n: usize, at: usize) -> Vector {
    let row = |n: usize| {
        let words = &keys[n].as_chunks::<4>().0[at / 4];
        // SAFETY: `words` is 16 octets.
        unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
    };
    let rows = _mm512_castsi128_si512(row(n));
    let rows = _mm512_inserti32x4::<1>(rows, row(n + 4));
    let rows = _mm512_inserti32x4::<2>(rows, row(n + 8));
    _mm512_inserti32x4::<3>(rows, row(n + 12))
}

/// The words of each lane's block at `index`, by word.
///
/// # Safety
///
/// Every start must be that of more than `index` blocks.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn columns(starts: &[*const Block; LANES], index: usize) -> [Vector; 16] {
    let mut w = [_mm512_set1_epi32(0); 16];
    for (w, start) in w.iter_mut().zip(starts) {
        // SAFETY: the block is there, as the caller promises, and is 64 octets.
        *w = unsafe { _mm512_loadu_si512(start.add(index).cast()) };
    }
    transpose(&mut w);
    for w in &mut w {
        *w = big_endian(*w);
    }
    w
}

#[inline]
#[target_feature(enable = "avx512bw")]
fn big_endian(words: Vector) -> Vector {
    let (high, low) = (0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let swapped = _mm512_set_epi64(high, low, high, low, high, low, high, low);
    _mm512_shuffle_epi8(words, swapped)
}

/// Turns sixteen rows of sixteen words into columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: &mut [__m512i; 16]) {
    let mut pairs = *rows;
    for n in 0..8 {
        pairs[2 * n] = _mm512_unpacklo_epi32(rows[2 * n], rows[2 * n + 1]);
        pairs[2 * n + 1] = _mm512_unpackhi_epi32(rows[2 * n], rows[2 * n + 1]);
    }
    // quads[4 n + k]: in each quarter q, word 4 q + k of rows 4 n to 4 n + 3.
    let mut quads = pairs;
    for n in 0..4 {
        quads[4 * n] = _mm512_unpacklo_epi64(pairs[4 * n], pairs[4 * n + 2]);
        quads[4 * n + 1] = _mm512_unpackhi_epi64(pairs[4 * n], pairs[4 * n + 2]);
        quads[4 * n + 2] = _mm512_unpacklo_epi64(pairs[4 * n + 1], pairs[4 * n + 3]);
        quads[4 * n + 3] = _mm512_unpackhi_epi64(pairs[4 * n + 1], pairs[4 * n + 3]);
    }
    for k in 0..4 {
        let (first, second) = (quads[k], quads[4 + k]);
        let (third, fourth) = (quads[8 + k], quads[12 + k]);
        let low_even = _mm512_shuffle_i32x4::<0x88>(first, second);
        let low_odd = _mm512_shuffle_i32x4::<0xdd>(first, second);
        let high_even = _mm512_shuffle_i32x4::<0x88>(third, fourth);
        let high_odd = _mm512_shuffle_i32x4::<0xdd>(third, fourth);
        rows[k] = _mm512_shuffle_i32x4::<0x88>(low_even, high_even);
        rows[8 + k] = _mm512_shuffle_i32x4::<0xdd>(low_even, high_even);
        rows[4 + k] = _mm512_shuffle_i32x4::<0x88>(low_odd, high_odd);
        rows[12 + k] = _mm512_shuffle_i32x4::<0xdd>(low_odd, high_odd);
    }
}
