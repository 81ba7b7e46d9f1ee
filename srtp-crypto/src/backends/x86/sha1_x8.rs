//! SHA-1 on eight lanes of AVX2, a message each.

use core::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_loadu_si256, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_set_epi64x, _mm256_set1_epi32, _mm256_shuffle_epi8,
    _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256, _mm256_unpackhi_epi32,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::lanes::Lanes;
use super::window::{Digests, Tails};
use crate::backends::message::{Block, HmacMessage, bit_len};
use crate::backends::soft;
use crate::hmac_sha1::HMAC_SHA1_LEN;

pub(super) const LANES: usize = 8;

/// Below this many messages one after another is quicker, on a processor
/// without the SHA extensions. This backend is for those.
const WORTH_IT: usize = 2;

/// The tags of at most `W` messages.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn hmac<M: HmacMessage, const W: usize>(
    messages: &[M],
    tags: &mut [[u8; HMAC_SHA1_LEN]; W],
) {
    if messages.len() < WORTH_IT {
        for (message, tag) in messages.iter().zip(tags) {
            *tag = soft::hmac(message);
        }
        return;
    }
    let tails = Tails::<W>::of(messages);
    let mut digests = Digests::<W>::ZERO;
    let mut lanes = Lanes::<M, W, LANES>::start(messages, &tails);
    while let Some(run) = lanes.run() {
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
#[target_feature(enable = "avx2")]
fn compress(states: &mut [[u32; LANES]; 5], segments: &[&[Block]; LANES], run: usize) {
    let mut vectors = load_states(states);
    for index in 0..run {
        let mut w = [_mm256_set1_epi32(0); 16];
        for half in 0..2 {
            let mut rows = [_mm256_set1_epi32(0); 8];
            for (row, segment) in rows.iter_mut().zip(segments) {
                let half = &segment[index].as_chunks::<32>().0[half];
                // SAFETY: half a block is 32 octets.
                *row = unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
            }
            transpose(&mut rows);
            for (w, row) in w[8 * half..].iter_mut().zip(rows) {
                *w = big_endian(row);
            }
        }
        rounds(&mut vectors, w);
    }
    store_states(states, &vectors);
}

/// The outer hashes over the eight inner ones from `at` on.
#[target_feature(enable = "avx2")]
fn finish_outer<const W: usize>(states: &mut [[u32; LANES]; 5], digests: &Digests<W>, at: usize) {
    let mut vectors = load_states(states);
    let mut w = [_mm256_set1_epi32(0); 16];
    for (word, w) in w.iter_mut().enumerate().take(5) {
        // SAFETY: a column is eight words.
        *w = unsafe { _mm256_loadu_si256(digests.column::<LANES>(word, at).as_ptr().cast()) };
    }
    w[5] = _mm256_set1_epi32(i32::MIN);
    w[15] = _mm256_set1_epi32(const { bit_len(HMAC_SHA1_LEN) as i32 });
    rounds(&mut vectors, w);
    store_states(states, &vectors);
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_states(states: &[[u32; LANES]; 5]) -> [__m256i; 5] {
    let mut vectors = [_mm256_set1_epi32(0); 5];
    for (vector, words) in vectors.iter_mut().zip(states) {
        // SAFETY: `words` is 32 octets.
        *vector = unsafe { _mm256_loadu_si256(words.as_ptr().cast()) };
    }
    vectors
}

#[inline]
#[target_feature(enable = "avx2")]
fn store_states(states: &mut [[u32; LANES]; 5], vectors: &[__m256i; 5]) {
    for (words, vector) in states.iter_mut().zip(vectors) {
        // SAFETY: `words` is 32 octets.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), *vector) };
    }
}

/// The 80 rounds of FIPS 180-4 §6.1.2 over the words of a block.
#[inline]
#[target_feature(enable = "avx2")]
fn rounds(state: &mut [__m256i; 5], mut w: [__m256i; 16]) {
    let [mut a, mut b, mut c, mut d, mut e] = *state;

    macro_rules! round {
        ($f:ident, $k:ident, $t:expr) => {
            if $t >= 16 {
                let xored = xor3(w[($t + 13) % 16], w[($t + 8) % 16], w[($t + 2) % 16]);
                w[$t % 16] = rotated::<1, 31>(_mm256_xor_si256(xored, w[$t % 16]));
            }
            let f = $f(b, c, d);
            let added = _mm256_add_epi32(_mm256_add_epi32(e, $k), w[$t % 16]);
            let sum = _mm256_add_epi32(_mm256_add_epi32(f, added), rotated::<5, 27>(a));
            (a, b, c, d, e) = (sum, a, rotated::<30, 2>(b), c, d);
        };
    }
    macro_rules! five_rounds {
        ($f:ident, $k:ident, $($t:literal)+) => {
            $(
                round!($f, $k, $t);
                round!($f, $k, $t + 1);
                round!($f, $k, $t + 2);
                round!($f, $k, $t + 3);
                round!($f, $k, $t + 4);
            )+
        };
    }
    let k = _mm256_set1_epi32(0x5a82_7999_u32 as i32);
    five_rounds!(choose, k, 0 5 10 15);
    let k = _mm256_set1_epi32(0x6ed9_eba1_u32 as i32);
    five_rounds!(xor3, k, 20 25 30 35);
    let k = _mm256_set1_epi32(0x8f1b_bcdc_u32 as i32);
    five_rounds!(majority, k, 40 45 50 55);
    let k = _mm256_set1_epi32(0xca62_c1d6_u32 as i32);
    five_rounds!(xor3, k, 60 65 70 75);

    for (state, word) in state.iter_mut().zip([a, b, c, d, e]) {
        *state = _mm256_add_epi32(*state, word);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn choose(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(_mm256_xor_si256(b, c), d)
}

#[inline]
#[target_feature(enable = "avx2")]
fn majority(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    let either = _mm256_or_si256(b, c);
    _mm256_or_si256(_mm256_and_si256(b, c), _mm256_and_si256(d, either))
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotated<const LEFT: i32, const RIGHT: i32>(word: __m256i) -> __m256i {
    _mm256_or_si256(
        _mm256_slli_epi32::<LEFT>(word),
        _mm256_srli_epi32::<RIGHT>(word),
    )
}

#[inline]
#[target_feature(enable = "avx2")]
fn big_endian(words: __m256i) -> __m256i {
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
