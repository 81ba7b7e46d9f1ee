//! SHA-1 on sixteen lanes of AVX-512, a message each.

use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_rol_epi32, _mm512_set_epi64,
    _mm512_set1_epi32, _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_storeu_si512,
    _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64, _mm512_xor_si512,
};

use super::lanes::Lanes;
use super::sha1_ni;
use super::window::{Digests, Tails};
use crate::backends::message::{Block, HmacMessage, bit_len};
use crate::hmac_sha1::HMAC_SHA1_LEN;

pub(super) const LANES: usize = 16;

/// Below this many messages two streams of the SHA instructions are quicker.
const WORTH_IT: usize = 8;

/// The tags of at most `W` messages.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,sha,ssse3,sse4.1")]
pub(super) fn hmac<M: HmacMessage, const W: usize>(
    messages: &[M],
    tags: &mut [[u8; HMAC_SHA1_LEN]; W],
) {
    if messages.len() < WORTH_IT {
        sha1_ni::hmac_in_pairs(messages, tags);
        return;
    }
    let tails = Tails::<W>::of(messages);
    let mut digests = Digests::<W>::ZERO;
    let mut lanes = Lanes::<M, W, LANES>::start(messages, &tails);
    while let Some(run) = lanes.run() {
        if lanes.none_waits() && lanes.active() <= 2 {
            sha1_ni::finish_pair(&mut lanes.narrow(), &mut digests);
            break;
        }
        let segments = lanes.segments();
        compress(lanes.states_mut(), &segments, run);
        lanes.advance(run, &mut digests);
    }
    for (group, messages) in messages.chunks(LANES).enumerate() {
        let at = group * LANES;
        let mut states = [[0; LANES]; 5];
        for (lane, message) in messages.iter().enumerate() {
            for (words, word) in states.iter_mut().zip(message.key().outer) {
                words[lane] = word;
            }
        }
        finish_outer(&mut states, &digests, at);
        for (lane, tag) in tags[at..].iter_mut().enumerate().take(messages.len()) {
            for (octets, words) in tag.as_chunks_mut().0.iter_mut().zip(&states) {
                *octets = words[lane].to_be_bytes();
            }
        }
    }
}

/// Takes the lanes over the first `run` blocks of their segments, each of
/// which has at least that many.
#[target_feature(enable = "avx512f,avx512bw")]
fn compress(states: &mut [[u32; LANES]; 5], segments: &[&[Block]; LANES], run: usize) {
    let mut vectors = load_states(states);
    for index in 0..run {
        let mut w = [_mm512_set1_epi32(0); 16];
        for (w, segment) in w.iter_mut().zip(segments) {
            let block = &segment[index];
            // SAFETY: a block is 64 octets.
            *w = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
        }
        transpose(&mut w);
        for w in &mut w {
            *w = big_endian(*w);
        }
        rounds(&mut vectors, w);
    }
    store_states(states, &vectors);
}

/// The outer hashes over the sixteen inner ones from `at` on.
#[target_feature(enable = "avx512f,avx512bw")]
fn finish_outer<const W: usize>(states: &mut [[u32; LANES]; 5], digests: &Digests<W>, at: usize) {
    let mut vectors = load_states(states);
    let mut w = [_mm512_set1_epi32(0); 16];
    for (word, w) in w.iter_mut().enumerate().take(5) {
        // SAFETY: a column is sixteen words.
        *w = unsafe { _mm512_loadu_si512(digests.column::<LANES>(word, at).as_ptr().cast()) };
    }
    w[5] = _mm512_set1_epi32(i32::MIN);
    w[15] = _mm512_set1_epi32(const { bit_len(HMAC_SHA1_LEN) as i32 });
    rounds(&mut vectors, w);
    store_states(states, &vectors);
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_states(states: &[[u32; LANES]; 5]) -> [__m512i; 5] {
    let mut vectors = [_mm512_set1_epi32(0); 5];
    for (vector, words) in vectors.iter_mut().zip(states) {
        // SAFETY: `words` is 64 octets.
        *vector = unsafe { _mm512_loadu_si512(words.as_ptr().cast()) };
    }
    vectors
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_states(states: &mut [[u32; LANES]; 5], vectors: &[__m512i; 5]) {
    for (words, vector) in states.iter_mut().zip(vectors) {
        // SAFETY: `words` is 64 octets.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), *vector) };
    }
}

/// The 80 rounds of FIPS 180-4 §6.1.2 over the words of a block.
#[inline]
#[target_feature(enable = "avx512f")]
fn rounds(state: &mut [__m512i; 5], mut w: [__m512i; 16]) {
    let [mut a, mut b, mut c, mut d, mut e] = *state;

    // One round, its f as the truth table of b, c and d.
    macro_rules! round {
        ($f:literal, $k:ident, $t:expr) => {
            if $t >= 16 {
                let xored = _mm512_ternarylogic_epi32::<XOR>(
                    w[($t + 13) % 16],
                    w[($t + 8) % 16],
                    w[($t + 2) % 16],
                );
                w[$t % 16] = _mm512_rol_epi32::<1>(_mm512_xor_si512(xored, w[$t % 16]));
            }
            let f = _mm512_ternarylogic_epi32::<$f>(b, c, d);
            let added = _mm512_add_epi32(_mm512_add_epi32(e, $k), w[$t % 16]);
            let sum = _mm512_add_epi32(_mm512_add_epi32(f, added), _mm512_rol_epi32::<5>(a));
            (a, b, c, d, e) = (sum, a, _mm512_rol_epi32::<30>(b), c, d);
        };
    }
    macro_rules! five_rounds {
        ($f:literal, $k:ident, $($t:literal)+) => {
            $(
                round!($f, $k, $t);
                round!($f, $k, $t + 1);
                round!($f, $k, $t + 2);
                round!($f, $k, $t + 3);
                round!($f, $k, $t + 4);
            )+
        };
    }
    let k = _mm512_set1_epi32(0x5a82_7999_u32 as i32);
    five_rounds!(0xca, k, 0 5 10 15);
    let k = _mm512_set1_epi32(0x6ed9_eba1_u32 as i32);
    five_rounds!(0x96, k, 20 25 30 35);
    let k = _mm512_set1_epi32(0x8f1b_bcdc_u32 as i32);
    five_rounds!(0xe8, k, 40 45 50 55);
    let k = _mm512_set1_epi32(0xca62_c1d6_u32 as i32);
    five_rounds!(0x96, k, 60 65 70 75);

    for (state, word) in state.iter_mut().zip([a, b, c, d, e]) {
        *state = _mm512_add_epi32(*state, word);
    }
}

/// The truth table of x ^ y ^ z.
const XOR: i32 = 0x96;

#[inline]
#[target_feature(enable = "avx512bw")]
fn big_endian(words: __m512i) -> __m512i {
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
