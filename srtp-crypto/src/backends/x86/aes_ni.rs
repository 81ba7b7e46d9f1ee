//! AES by the AES instructions, several blocks of a keystream in flight.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_aesenc_si128, _mm_aesenclast_si128, _mm_loadu_si128, _mm_set_epi32,
    _mm_set_epi64x, _mm_shuffle_epi8, _mm_storeu_si128, _mm_xor_si128,
};

use super::round_keys::RoundKeys;
use crate::aes_cm::CmIv;
use crate::gcm_packet::GcmIv;

/// Adds to `data` the keystream of the counter blocks `base` XOR `counter`,
/// `base` XOR `counter` + 1 and so on.
#[inline]
#[target_feature(enable = "aes,ssse3")]
pub(super) fn xor_keystream(keys: &RoundKeys, base: __m128i, counter: u32, data: &mut [u8]) {
    match keys.rounds() {
        10 => xor_keystream_of::<11>(keys, base, counter, data),
        12 => xor_keystream_of::<13>(keys, base, counter, data),
        _ => xor_keystream_of::<15>(keys, base, counter, data),
    }
}

/// One block by itself.
#[inline]
#[target_feature(enable = "aes,sse2")]
pub(super) fn encrypt_block(keys: &RoundKeys, block: __m128i) -> __m128i {
    let last = usize::from(keys.rounds());
    let mut block = _mm_xor_si128(block, keys.round(0));
    for round in 1..last {
        block = _mm_aesenc_si128(block, keys.round(round));
    }
    _mm_aesenclast_si128(block, keys.round(last))
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn xor_keystream_of<const KEYS: usize>(
    keys: &RoundKeys,
    base: __m128i,
    counter: u32,
    data: &mut [u8],
) {
    let keys = keys.first::<KEYS>();
    let mut counter = CounterBlocks::new(base, counter);
    let (flights, rest) = data.as_chunks_mut::<{ 16 * 8 }>();
    for flight in flights {
        let keystream = flight_of(&keys, counter.next::<8>());
        for (block, keystream) in flight.as_chunks_mut().0.iter_mut().zip(keystream) {
            xor_block(block, keystream);
        }
    }
    match rest.len().div_ceil(16) {
        0 => {}
        1..=2 => xor_rest(rest, flight_of(&keys, counter.next::<2>())),
        3..=4 => xor_rest(rest, flight_of(&keys, counter.next::<4>())),
        _ => xor_rest(rest, flight_of(&keys, counter.next::<8>())),
    }
}

/// The first counter block of counter mode.
#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn cm_base(iv: CmIv) -> __m128i {
    _mm_set_epi64x(iv.last as i64, iv.first as i64)
}

/// The counter blocks of AES-GCM's IV, with a counter of zero.
#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn gcm_base(iv: GcmIv) -> __m128i {
    _mm_set_epi64x(i64::from(iv.last), iv.first as i64)
}

/// Counter blocks, one after another.
pub(super) struct CounterBlocks {
    base: __m128i,
    /// The next counter, in the last of four words.
    counter: __m128i,
}

impl CounterBlocks {
    #[inline]
    #[target_feature(enable = "ssse3")]
    pub(super) fn new(base: __m128i, counter: u32) -> Self {
        let counter = _mm_set_epi32(counter as i32, 0, 0, 0);
        Self { base, counter }
    }

    #[inline]
    #[target_feature(enable = "ssse3")]
    pub(super) fn next<const N: usize>(&mut self) -> [__m128i; N] {
        let one = _mm_set_epi32(1, 0, 0, 0);
        let swap_last_word = _mm_set_epi64x(0x0c0d_0e0f_0b0a_0908, 0x0706_0504_0302_0100);
        let mut blocks = [self.base; N];
        for block in &mut blocks {
            let counter = _mm_shuffle_epi8(self.counter, swap_last_word);
            *block = _mm_xor_si128(*block, counter);
            self.counter = _mm_add_epi32(self.counter, one);
        }
        blocks
    }
}

/// Encrypts `blocks` side by side.
#[inline]
#[target_feature(enable = "aes,sse2")]
pub(super) fn flight_of<const KEYS: usize, const N: usize>(
    keys: &[__m128i; KEYS],
    mut blocks: [__m128i; N],
) -> [__m128i; N] {
    for block in &mut blocks {
        *block = _mm_xor_si128(*block, keys[0]);
    }
    for key in &keys[1..KEYS - 1] {
        for block in &mut blocks {
            *block = _mm_aesenc_si128(*block, *key);
        }
    }
    for block in &mut blocks {
        *block = _mm_aesenclast_si128(*block, keys[KEYS - 1]);
    }
    blocks
}

#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn xor_block(block: &mut [u8; 16], keystream: __m128i) {
    // SAFETY: `block` is 16 octets, which are read and written unaligned.
    unsafe {
        let data = _mm_loadu_si128(block.as_ptr().cast());
        _mm_storeu_si128(block.as_mut_ptr().cast(), _mm_xor_si128(data, keystream));
    }
}

/// `rest` is not longer than the keystream.
#[inline]
#[target_feature(enable = "sse2")]
fn xor_rest<const N: usize>(rest: &mut [u8], keystream: [__m128i; N]) {
    let (blocks, rest) = rest.as_chunks_mut();
    let whole = blocks.len();
    for (block, keystream) in blocks.iter_mut().zip(keystream) {
        xor_block(block, keystream);
    }
    if let Some(keystream) = keystream.get(whole) {
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        xor_block(&mut last, *keystream);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}
