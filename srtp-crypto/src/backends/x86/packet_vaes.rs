//! One packet under AES-CM and HMAC-SHA1, by VAES and the SHA instructions.
//!
//! The hash is one long chain of instructions that leaves most of the processor
//! idle. So each of its blocks is read, encrypted and written once, while the
//! block before is hashed, and goes from the cipher to the hash in registers: a
//! load of octets that were just stored in other pieces would wait.

use core::arch::x86_64::{
    __m128i, __m512i, _mm_cvtsi64_si128, _mm512_broadcast_i32x4, _mm512_extracti32x4_epi32,
    _mm512_mask_set1_epi64, _mm512_mask_storeu_epi8, _mm512_maskz_loadu_epi8,
    _mm512_maskz_mov_epi8, _mm512_maskz_permutexvar_epi8, _mm512_or_si512,
    _mm512_permutex2var_epi8, _mm512_set_epi64, _mm512_set1_epi8, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_sub_epi8, _mm512_xor_si512,
};
use core::cmp::Reverse;
use core::ops::Range;

use super::aes_ni;
use super::round_keys::RoundKeys;
use super::sha1_ni::{State, compress_words, group_len, outer_hashes};
use super::vaes::{CounterBlocks, first_octets, flight_of, four_of_each};
use super::window::longest_first;
use crate::aes_cm::CmIv;
use crate::backends::message::{BLOCK_LEN, HmacMessage, PADDING_LEN, bit_len};
use crate::hmac_sha1::{HMAC_SHA1_LEN, HmacSha1Key};

/// What is authenticated, and which of it is to be encrypted.
pub(super) struct Sealing<'a> {
    pub(super) octets: &'a mut [u8],
    pub(super) encrypted: Range<usize>,
    pub(super) suffix: Option<[u8; 4]>,
    pub(super) key: &'a HmacSha1Key,
}

/// Encrypts the packet and gives its tag.
#[inline]
#[target_feature(enable = "aes,vaes,avx512f,avx512bw,avx512vbmi,sha,ssse3,sse4.1")]
pub(super) fn seal(keys: &RoundKeys, iv: CmIv, sealing: Sealing<'_>) -> [u8; HMAC_SHA1_LEN] {
    let base = aes_ni::cm_base(iv);
    match keys.rounds() {
        10 => sealed::<11>(keys, base, sealing),
        12 => sealed::<13>(keys, base, sealing),
        _ => sealed::<15>(keys, base, sealing),
    }
}

#[target_feature(enable = "aes,vaes,avx512f,avx512bw,avx512vbmi,sha,ssse3,sse4.1")]
fn sealed<const KEYS: usize>(
    keys: &RoundKeys,
    base: __m128i,
    sealing: Sealing<'_>,
) -> [u8; HMAC_SHA1_LEN] {
    let Sealing {
        octets,
        encrypted,
        suffix,
        key,
    } = sealing;
    let keys = four_of_each::<KEYS>(keys);
    let mut counter = CounterBlocks::new(base, 0);
    let padding = Padding::behind(octets.len(), suffix);

    // The keystream begins with the encrypted portion, in the midst of a block;
    // a block takes the end of one piece of it, and the beginning of the next.
    let shift = encrypted.start % BLOCK_LEN;
    let from_piece = _mm512_sub_epi8(octet_numbers(), _mm512_set1_epi8(shift as i8 - 64));
    let mut last_piece = _mm512_setzero_si512();

    let mut block_at = |index: usize| {
        let start = index * BLOCK_LEN;
        let (_, rest) = octets.split_at_mut(start.min(octets.len()));
        let here = first_octets(rest.len());
        // SAFETY: the mask keeps the load within `rest`.
        let mut block = unsafe { _mm512_maskz_loadu_epi8(here, rest.as_ptr().cast()) };
        if start < encrypted.end && encrypted.start < start + BLOCK_LEN {
            let [piece] = flight_of(&keys, counter.next::<1>());
            let keystream = _mm512_permutex2var_epi8(last_piece, from_piece, piece);
            last_piece = piece;
            let before = first_octets(encrypted.start.saturating_sub(start));
            let chosen = first_octets(encrypted.end - start) & !before & here;
            block = _mm512_xor_si512(block, _mm512_maskz_mov_epi8(chosen, keystream));
            // SAFETY: the mask is part of that of the load.
            unsafe { _mm512_mask_storeu_epi8(rest.as_mut_ptr().cast(), chosen, block) };
        }
        words(padding.on(index, block))
    };
    let mut state = [State::load(&key.inner)];
    let mut next = block_at(0);
    for index in 1..padding.blocks {
        let block = next;
        next = block_at(index);
        compress_words(&mut state, [block]);
    }
    compress_words(&mut state, [next]);
    let [tag] = outer_hashes([&key.outer], state);
    tag
}

/// The tag of a message.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,sha,ssse3,sse4.1")]
pub(super) fn hmac_of_one(message: &impl HmacMessage) -> [u8; HMAC_SHA1_LEN] {
    let [tag] = tags_of([message]);
    tag
}

/// The tags of a few messages, up to four of them side by side: one chain of SHA
/// instructions waits most of the time.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,sha,ssse3,sse4.1")]
pub(super) fn hmac<M: HmacMessage, const W: usize>(
    messages: &[M],
    tags: &mut [[u8; HMAC_SHA1_LEN]; W],
) {
    let order: [u8; W] = longest_first(messages);
    let mut left = &order[..messages.len()];
    while !left.is_empty() {
        let (group, rest) = left.split_at(group_len(left.len()));
        left = rest;
        match *group {
            [a] => put_tags([a], messages, tags),
            [a, b] => put_tags([a, b], messages, tags),
            [a, b, c] => put_tags([a, b, c], messages, tags),
            [a, b, c, d] => put_tags([a, b, c, d], messages, tags),
            _ => {}
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,sha,ssse3,sse4.1")]
fn put_tags<M: HmacMessage, const N: usize, const W: usize>(
    mut positions: [u8; N],
    messages: &[M],
    tags: &mut [[u8; HMAC_SHA1_LEN]; W],
) {
    positions.sort_unstable_by_key(|position| Reverse(messages[usize::from(*position)].blocks()));
    let mut group = [&messages[0]; N];
    for (message, position) in group.iter_mut().zip(positions) {
        *message = &messages[usize::from(position)];
    }
    for (tag, position) in tags_of(group).into_iter().zip(positions) {
        tags[usize::from(position)] = tag;
    }
}

/// The tags of messages, the longest first.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,sha,ssse3,sse4.1")]
fn tags_of<M: HmacMessage, const N: usize>(messages: [&M; N]) -> [[u8; HMAC_SHA1_LEN]; N] {
    let mut padded = [Padded::of(messages[0]); N];
    let mut states = [State::load(&messages[0].key().inner); N];
    let mut outer = [&messages[0].key().outer; N];
    for n in 0..N {
        padded[n] = Padded::of(messages[n]);
        states[n] = State::load(&messages[n].key().inner);
        outer[n] = &messages[n].key().outer;
    }
    // The shorter ones end earlier.
    let mut index = 0;
    compress_first::<4, N>(&mut states, &padded, &mut index);
    compress_first::<3, N>(&mut states, &padded, &mut index);
    compress_first::<2, N>(&mut states, &padded, &mut index);
    compress_first::<1, N>(&mut states, &padded, &mut index);
    outer_hashes(outer, states)
}

/// Takes the first `K` of `N` messages to the end of the last of them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,sha,ssse3,sse4.1")]
fn compress_first<const K: usize, const N: usize>(
    states: &mut [State; N],
    padded: &[Padded<'_>; N],
    index: &mut usize,
) {
    let (Some(states), Some(padded)) = (states.first_chunk_mut::<K>(), padded.first_chunk::<K>())
    else {
        return;
    };
    while *index < padded[K - 1].padding.blocks {
        let mut blocks = [words(_mm512_setzero_si512()); K];
        for (block, padded) in blocks.iter_mut().zip(padded) {
            *block = padded.block(*index);
        }
        compress_words(states, blocks);
        *index += 1;
    }
}

/// A message and its padding.
#[derive(Clone, Copy)]
struct Padded<'a> {
    octets: &'a [u8],
    padding: Padding,
}

impl<'a> Padded<'a> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of(message: &'a impl HmacMessage) -> Self {
        let octets = message.message();
        Self {
            octets,
            padding: Padding::behind(octets.len(), message.suffix()),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn block(&self, index: usize) -> [__m128i; 4] {
        let (_, rest) = self
            .octets
            .split_at((index * BLOCK_LEN).min(self.octets.len()));
        let here = first_octets(rest.len());
        // SAFETY: the mask keeps the load within `rest`.
        let block = unsafe { _mm512_maskz_loadu_epi8(here, rest.as_ptr().cast()) };
        words(self.padding.on(index, block))
    }
}

/// What follows a message in its last one or two blocks: suffix, end mark and
/// length.
#[derive(Clone, Copy)]
struct Padding {
    /// Octets before it.
    len: usize,
    /// The suffix and the end mark.
    mark: __m512i,
    mark_len: usize,
    bit_len: u64,
    /// The blocks of the whole message.
    blocks: usize,
}

impl Padding {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn behind(len: usize, suffix: Option<[u8; 4]>) -> Self {
        let (mark, suffix_len) = match suffix {
            Some(suffix) => ((0x80 << 32) | i64::from(u32::from_le_bytes(suffix)), 4),
            None => (0x80, 0),
        };
        Self {
            len,
            mark: _mm512_broadcast_i32x4(_mm_cvtsi64_si128(mark)),
            mark_len: suffix_len + 1,
            bit_len: bit_len(len + suffix_len),
            blocks: (len + suffix_len + PADDING_LEN).div_ceil(BLOCK_LEN),
        }
    }

    /// The padding's share put on the block at `index`, whose other octets are
    /// zero.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn on(&self, index: usize, block: __m512i) -> __m512i {
        let start = index * BLOCK_LEN;
        if start + BLOCK_LEN <= self.len {
            return block;
        }
        // The mark may begin in the block before this.
        let (mask, at) = match self.len.checked_sub(start) {
            Some(at) => (first_octets(self.mark_len) << at, at),
            None => {
                let before = start - self.len;
                (
                    first_octets(self.mark_len) >> before.min(63),
                    BLOCK_LEN - before.min(BLOCK_LEN),
                )
            }
        };
        let from = _mm512_sub_epi8(octet_numbers(), _mm512_set1_epi8(at as i8));
        let mark = _mm512_maskz_permutexvar_epi8(mask, from, self.mark);
        let block = _mm512_or_si512(block, mark);
        if index + 1 < self.blocks {
            return block;
        }
        _mm512_mask_set1_epi64(block, 0x80, self.bit_len.swap_bytes() as i64)
    }
}

/// The words of a block as the SHA instructions take them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn words(block: __m512i) -> [__m128i; 4] {
    let (high, low) = (0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    let reversed = _mm512_set_epi64(high, low, high, low, high, low, high, low);
    let block = _mm512_shuffle_epi8(block, reversed);
    [
        _mm512_extracti32x4_epi32::<0>(block),
        _mm512_extracti32x4_epi32::<1>(block),
        _mm512_extracti32x4_epi32::<2>(block),
        _mm512_extracti32x4_epi32::<3>(block),
    ]
}

/// 0 to 63, an octet each.
#[inline]
#[target_feature(enable = "avx512f")]
fn octet_numbers() -> __m512i {
    _mm512_set_epi64(
        0x3f3e_3d3c_3b3a_3938,
        0x3736_3534_3332_3130,
        0x2f2e_2d2c_2b2a_2928,
        0x2726_2524_2322_2120,
        0x1f1e_1d1c_1b1a_1918,
        0x1716_1514_1312_1110,
        0x0f0e_0d0c_0b0a_0908,
        0x0706_0504_0302_0100,
    )
}
