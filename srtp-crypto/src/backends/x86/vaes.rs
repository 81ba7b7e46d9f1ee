//! AES by VAES, up to sixteen blocks of a keystream in flight.

use core::arch::asm;
use core::arch::x86_64::{
    __m128i, __m512i, _mm_aesenc_si128, _mm_aesenclast_si128, _mm_xor_si128, _mm512_add_epi32,
    _mm512_aesenc_epi128, _mm512_aesenclast_epi128, _mm512_broadcast_i32x4, _mm512_castsi512_si128,
    _mm512_loadu_si512, _mm512_mask_storeu_epi8, _mm512_maskz_loadu_epi8, _mm512_set_epi32,
    _mm512_set_epi64, _mm512_set1_epi32, _mm512_shuffle_epi8, _mm512_storeu_si512,
    _mm512_xor_si512,
};

use super::round_keys::RoundKeys;

/// Adds to `data` the keystream of the counter blocks `base` XOR `counter`,
/// `base` XOR `counter` + 1 and so on.
#[inline]
#[target_feature(enable = "vaes,avx512f,avx512bw")]
pub(super) fn xor_keystream(keys: &RoundKeys, base: __m128i, counter: u32, data: &mut [u8]) {
    match keys.rounds() {
        10 => xor_keystream_of::<11>(keys, base, counter, data),
        12 => xor_keystream_of::<13>(keys, base, counter, data),
        _ => xor_keystream_of::<15>(keys, base, counter, data),
    }
}

#[inline]
#[target_feature(enable = "vaes,avx512f,avx512bw")]
fn xor_keystream_of<const KEYS: usize>(
    keys: &RoundKeys,
    base: __m128i,
    counter: u32,
    data: &mut [u8],
) {
    let keys = four_of_each::<KEYS>(keys);
    let mut counter = CounterBlocks::new(base, counter);
    let (flights, rest) = data.as_chunks_mut::<{ 64 * 4 }>();
    for flight in flights {
        let keystream = flight_of(&keys, counter.next::<4>());
        for (piece, keystream) in flight.as_chunks_mut::<64>().0.iter_mut().zip(keystream) {
            // SAFETY: `piece` is 64 octets.
            unsafe {
                let data = _mm512_loadu_si512(piece.as_ptr().cast());
                let data = _mm512_xor_si512(data, keystream);
                _mm512_storeu_si512(piece.as_mut_ptr().cast(), data);
            }
        }
    }
    match rest.len().div_ceil(64) {
        0 => {}
        1 => xor_rest(rest, flight_of(&keys, counter.next::<1>())),
        2 => xor_rest(rest, flight_of(&keys, counter.next::<2>())),
        3 => xor_rest(rest, flight_of(&keys, counter.next::<3>())),
        _ => xor_rest(rest, flight_of(&keys, counter.next::<4>())),
    }
}

/// `rest` is not longer than the keystream.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn xor_rest<const N: usize>(mut rest: &mut [u8], keystream: [__m512i; N]) {
    for keystream in keystream {
        let (piece, after) = rest.split_at_mut(rest.len().min(64));
        let mask = first_octets(piece.len());
        // SAFETY: the mask keeps the load and the store within `piece`.
        unsafe {
            let data = _mm512_maskz_loadu_epi8(mask, piece.as_ptr().cast());
            let data = _mm512_xor_si512(data, keystream);
            _mm512_mask_storeu_epi8(piece.as_mut_ptr().cast(), mask, data);
        }
        rest = after;
    }
}

/// Each round key four times, for four blocks.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn four_of_each<const COUNT: usize>(keys: &RoundKeys) -> [__m512i; COUNT] {
    let mut vectors = [_mm512_set1_epi32(0); COUNT];
    for (round, vector) in vectors.iter_mut().enumerate() {
        *vector = _mm512_broadcast_i32x4(keys.round(round));
    }
    vectors
}

/// Counter blocks, four to a vector, one after another.
pub(super) struct CounterBlocks {
    base: __m512i,
    /// The next four counters, each in the last of four words.
    counters: __m512i,
}

impl CounterBlocks {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn new(base: __m128i, counter: u32) -> Self {
        let steps = _mm512_set_epi32(3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
        let c = counter as i32;
        let first = _mm512_set_epi32(c, 0, 0, 0, c, 0, 0, 0, c, 0, 0, 0, c, 0, 0, 0);
        Self {
            base: _mm512_broadcast_i32x4(base),
            counters: _mm512_add_epi32(first, steps),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn next<const N: usize>(&mut self) -> [__m512i; N] {
        let four = _mm512_set_epi32(4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0);
        let (high, low) = (0x0c0d_0e0f_0b0a_0908, 0x0706_0504_0302_0100);
        let swap_last_word = _mm512_set_epi64(high, low, high, low, high, low, high, low);
        let mut blocks = [self.base; N];
        for block in &mut blocks {
            let counters = _mm512_shuffle_epi8(self.counters, swap_last_word);
            *block = _mm512_xor_si512(*block, counters);
            self.counters = _mm512_add_epi32(self.counters, four);
        }
        blocks
    }
}

/// Encrypts `blocks` side by side.
#[inline]
#[target_feature(enable = "vaes,avx512f")]
pub(super) fn flight_of<const KEYS: usize, const N: usize>(
    keys: &[__m512i; KEYS],
    mut blocks: [__m512i; N],
) -> [__m512i; N] {
    for block in &mut blocks {
        *block = _mm512_xor_si512(*block, keys[0]);
    }
    for key in &keys[1..KEYS - 1] {
        for block in &mut blocks {
            *block = _mm512_aesenc_epi128(*block, *key);
        }
    }
    for block in &mut blocks {
        *block = _mm512_aesenclast_epi128(*block, keys[KEYS - 1]);
    }
    known_together(&mut blocks);
    blocks
}

/// The same with one block more, of AES's own width.
#[inline]
#[target_feature(enable = "vaes,aes,avx512f")]
pub(super) fn flight_with_one<const KEYS: usize, const N: usize>(
    keys: &[__m512i; KEYS],
    mut blocks: [__m512i; N],
    mut one: __m128i,
) -> ([__m512i; N], __m128i) {
    one = _mm_xor_si128(one, _mm512_castsi512_si128(keys[0]));
    for block in &mut blocks {
        *block = _mm512_xor_si512(*block, keys[0]);
    }
    for key in &keys[1..KEYS - 1] {
        for block in &mut blocks {
            *block = _mm512_aesenc_epi128(*block, *key);
        }
        one = _mm_aesenc_si128(one, _mm512_castsi512_si128(*key));
    }
    for block in &mut blocks {
        *block = _mm512_aesenclast_epi128(*block, keys[KEYS - 1]);
    }
    one = _mm_aesenclast_si128(one, _mm512_castsi512_si128(keys[KEYS - 1]));
    // SAFETY: no instruction.
    unsafe { asm!("/* {0} */", inout(xmm_reg) one, options(nomem, nostack, preserves_flags)) };
    known_together(&mut blocks);
    (blocks, one)
}

/// Tells the compiler, by no instruction at all, that the vectors are needed at
/// once: it would otherwise move the whole chain that makes one of them to where
/// it is used, behind the use of another, and what is to go side by side would
/// go one after another.
#[inline]
#[target_feature(enable = "avx512f")]
fn known_together<const N: usize>(vectors: &mut [__m512i; N]) {
    // SAFETY: no instruction.
    unsafe {
        match &mut vectors[..] {
            [a, b] => {
                asm!(
                    "/* {0} {1} */",
                    inout(zmm_reg) * a,
                    inout(zmm_reg) * b,
                    options(nomem, nostack, preserves_flags)
                );
            }
            [a, b, c] => {
                asm!(
                    "/* {0} {1} {2} */",
                    inout(zmm_reg) * a,
                    inout(zmm_reg) * b,
                    inout(zmm_reg) * c,
                    options(nomem, nostack, preserves_flags)
                );
            }
            [a, b, c, d] => {
                asm!(
                    "/* {0} {1} {2} {3} */",
                    inout(zmm_reg) * a,
                    inout(zmm_reg) * b,
                    inout(zmm_reg) * c,
                    inout(zmm_reg) * d,
                    options(nomem, nostack, preserves_flags)
                );
            }
            _ => {}
        }
    }
}

/// The mask of a vector's first `len` octets, at most 64.
#[inline]
pub(super) fn first_octets(len: usize) -> u64 {
    match len {
        64.. => u64::MAX,
        _ => (1 << len) - 1,
    }
}
