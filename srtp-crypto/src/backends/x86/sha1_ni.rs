//! SHA-1 by the SHA instructions, one message or a few side by side.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_extract_epi32, _mm_loadu_si128, _mm_or_si128, _mm_set_epi32,
    _mm_set_epi64x, _mm_setzero_si128, _mm_sha1msg1_epu32, _mm_sha1msg2_epu32, _mm_sha1nexte_epu32,
    _mm_sha1rnds4_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_storeu_si128, _mm_xor_si128,
};
use core::cmp::Reverse;

use super::lanes::{Lanes, bits};
use super::window::{Digests, Tails, longest_first};
use crate::backends::message::{Block, HmacMessage, Tail, bit_len};
use crate::hmac_sha1::{HMAC_SHA1_LEN, PaddedState};

/// One message's tag.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn hmac_of_one(message: &impl HmacMessage) -> [u8; HMAC_SHA1_LEN] {
    let tail = Tail::of(message);
    let mut state = [State::load(&message.key().inner)];
    compress(&mut state, [message.body()], message.body().len());
    compress(&mut state, [tail.blocks()], tail.blocks().len());
    let [tag] = outer_hashes([&message.key().outer], state);
    tag
}

/// How many messages go side by side.
const WAYS: usize = 4;

/// Where so few lanes of another vector are left, they go on here.
pub(super) const AT_MOST: u32 = WAYS as u32;

/// The tags of at most `W` messages.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn hmac<M: HmacMessage, const W: usize>(
    messages: &[M],
    tags: &mut [[u8; HMAC_SHA1_LEN]; W],
) {
    let mut tails = Tails::<W>::none();
    tails.fill(messages);
    let order: [u8; W] = longest_first(messages);
    let mut left = &order[..messages.len()];
    while !left.is_empty() {
        let (group, rest) = left.split_at(group_len(left.len()));
        left = rest;
        match *group {
            [a] => put_tags([a], messages, &tails, tags),
            [a, b] => put_tags([a, b], messages, &tails, tags),
            [a, b, c] => put_tags([a, b, c], messages, &tails, tags),
            [a, b, c, d] => put_tags([a, b, c, d], messages, &tails, tags),
            _ => {}
        }
    }
}

/// How many of `count` messages go next: five go as three and two, rather than
/// four and one.
#[inline]
pub(super) fn group_len(count: usize) -> usize {
    count.div_ceil(count.div_ceil(WAYS))
}

/// The tags of messages side by side; the shorter ones end earlier.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn put_tags<M: HmacMessage, const N: usize, const W: usize>(
    mut positions: [u8; N],
    messages: &[M],
    tails: &Tails<W>,
    tags: &mut [[u8; HMAC_SHA1_LEN]; W],
) {
    positions.sort_unstable_by_key(|position| Reverse(messages[usize::from(*position)].blocks()));
    let mut parts = [([].as_slice(), [].as_slice()); N];
    let mut states = [State::load(&messages[0].key().inner); N];
    let mut outer = [&messages[0].key().outer; N];
    for n in 0..N {
        let position = usize::from(positions[n]);
        let message = &messages[position];
        parts[n] = (message.body(), tails.get(position));
        states[n] = State::load(&message.key().inner);
        outer[n] = &message.key().outer;
    }
    let mut index = 0;
    compress_first::<4, N>(&mut states, &parts, &mut index);
    compress_first::<3, N>(&mut states, &parts, &mut index);
    compress_first::<2, N>(&mut states, &parts, &mut index);
    compress_first::<1, N>(&mut states, &parts, &mut index);
    for (tag, position) in outer_hashes(outer, states).into_iter().zip(positions) {
        tags[usize::from(position)] = tag;
    }
}

/// Takes the first `K` of `N` messages, each a body and a tail, to the end of
/// the last of them.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress_first<const K: usize, const N: usize>(
    states: &mut [State; N],
    parts: &[(&[Block], &[Block]); N],
    index: &mut usize,
) {
    let (Some(states), Some(parts)) = (states.first_chunk_mut::<K>(), parts.first_chunk::<K>())
    else {
        return;
    };
    let (body, tail) = parts[K - 1];
    while *index < body.len() + tail.len() {
        let mut blocks = [[_mm_setzero_si128(); 4]; K];
        for (block, (body, tail)) in blocks.iter_mut().zip(parts) {
            let octets = body.get(*index).or_else(|| tail.get(*index - body.len()));
            if let Some(octets) = octets {
                *block = load_words(octets);
            }
        }
        compress_words(states, blocks);
        *index += 1;
    }
}

/// Goes on with the few lanes that are left of many; `words` are their states.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn finish<M: HmacMessage, const W: usize, const L: usize>(
    lanes: Lanes<'_, M, W, L>,
    words: &[[u32; L]; 5],
    digests: &mut Digests<W>,
) {
    let (lanes, from) = lanes.narrow::<WAYS>();
    let mut states = [State::load(&[0; 8]); WAYS];
    for (state, from) in states.iter_mut().zip(from) {
        let [a, b, c, d, e] = words;
        *state = State::load(&[a[from], b[from], c[from], d[from], e[from], 0, 0, 0]);
    }
    run(lanes, states, digests);
}

/// The tags over the hashes from place `from` on.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn outer_tags<M: HmacMessage, const W: usize>(
    messages: &[M],
    digests: &Digests<W>,
    from: usize,
    tags: &mut [[u8; HMAC_SHA1_LEN]; W],
) {
    let mut place = from;
    for positions in digests.positions()[from..].chunks(WAYS) {
        match positions.len() {
            1 => outer_tags_of::<M, W, 1>(messages, digests, place, tags),
            2 => outer_tags_of::<M, W, 2>(messages, digests, place, tags),
            3 => outer_tags_of::<M, W, 3>(messages, digests, place, tags),
            _ => outer_tags_of::<M, W, WAYS>(messages, digests, place, tags),
        }
        place += positions.len();
    }
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn outer_tags_of<M: HmacMessage, const W: usize, const N: usize>(
    messages: &[M],
    digests: &Digests<W>,
    place: usize,
    tags: &mut [[u8; HMAC_SHA1_LEN]; W],
) {
    let mut positions = [0; N];
    let mut keys = [&messages[0].key().outer; N];
    let mut inner = [State::load(keys[0]); N];
    for n in 0..N {
        positions[n] = usize::from(digests.positions()[place + n]);
        keys[n] = &messages[positions[n]].key().outer;
        let [a, b, c, d, e] = digests.at(place + n);
        inner[n] = State::load(&[a, b, c, d, e, 0, 0, 0]);
    }
    for (position, tag) in positions.into_iter().zip(outer_hashes(keys, inner)) {
        tags[position] = tag;
    }
}

/// The outer hashes over the inner ones, as tags.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn outer_hashes<const N: usize>(
    keys: [&PaddedState; N],
    inner: [State; N],
) -> [[u8; HMAC_SHA1_LEN]; N] {
    // The inner hashes are words already, and stay in registers.
    let last = const { bit_len(HMAC_SHA1_LEN) as i32 };
    let last = _mm_set_epi32(0, 0, 0, last);
    let mut w = [[last; 4]; N];
    let mut states = inner;
    for n in 0..N {
        w[n][0] = inner[n].abcd;
        w[n][1] = _mm_or_si128(inner[n].e, _mm_set_epi32(0, i32::MIN, 0, 0));
        w[n][2] = _mm_setzero_si128();
        states[n] = State::load(keys[n]);
    }
    compress_words(&mut states, w);
    let mut tags = [[0; HMAC_SHA1_LEN]; N];
    for (tag, state) in tags.iter_mut().zip(states) {
        *tag = state.octets();
    }
    tags
}

/// Runs the lanes to their end.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn run<M: HmacMessage, const W: usize>(
    mut lanes: Lanes<'_, M, W, WAYS>,
    mut states: [State; WAYS],
    digests: &mut Digests<W>,
) {
    while let Some(run) = lanes.run() {
        let (segments, active) = (lanes.segments(), lanes.active());
        match active.count_ones() {
            1 => compress_active::<1>(&mut states, segments, active, run),
            2 => compress_active::<2>(&mut states, segments, active, run),
            3 => compress_active::<3>(&mut states, segments, active, run),
            _ => compress(&mut states, *segments, run),
        }
        let finished = lanes.advance(run);
        for lane in bits(finished) {
            digests.push(lanes.position(lane), states[lane].words());
        }
        for lane in bits(lanes.refill(finished)) {
            states[lane] = State::load(lanes.inner(lane));
        }
    }
}

/// Takes the `N` lanes that are active over the first `run` blocks.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress_active<const N: usize>(
    states: &mut [State; WAYS],
    segments: &[&[Block]; WAYS],
    active: u32,
    run: usize,
) {
    let mut which = [0; N];
    for (which, lane) in which.iter_mut().zip(bits(active)) {
        *which = lane;
    }
    let mut few = [states[0]; N];
    let mut messages = [segments[0]; N];
    for n in 0..N {
        (few[n], messages[n]) = (states[which[n]], segments[which[n]]);
    }
    compress(&mut few, messages, run);
    for n in 0..N {
        states[which[n]] = few[n];
    }
}

/// SHA-1's five words, as the instructions hold them.
#[derive(Clone, Copy)]
pub(super) struct State {
    /// a in the highest word.
    abcd: __m128i,
    /// e in the highest word.
    e: __m128i,
}

impl State {
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn load(words: &PaddedState) -> Self {
        // SAFETY: `words` is 32 octets, of which 16 are read.
        let abcd = unsafe { _mm_loadu_si128(words.as_ptr().cast()) };
        Self {
            abcd: _mm_shuffle_epi32::<0x1b>(abcd),
            e: _mm_set_epi32(words[4] as i32, 0, 0, 0),
        }
    }

    #[inline]
    #[target_feature(enable = "sse4.1")]
    fn words(self) -> [u32; 5] {
        let mut words = [0; 5];
        let abcd = _mm_shuffle_epi32::<0x1b>(self.abcd);
        // SAFETY: `words` is 20 octets, of which 16 are written.
        unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), abcd) };
        words[4] = _mm_extract_epi32::<3>(self.e) as u32;
        words
    }

    #[inline]
    #[target_feature(enable = "ssse3,sse4.1")]
    fn octets(self) -> [u8; HMAC_SHA1_LEN] {
        let mut octets = [0; HMAC_SHA1_LEN];
        // SAFETY: `octets` is 20 octets, of which 16 are written.
        unsafe { _mm_storeu_si128(octets.as_mut_ptr().cast(), big_endian(self.abcd)) };
        let e = _mm_extract_epi32::<3>(self.e) as u32;
        octets[16..].copy_from_slice(&e.to_be_bytes());
        octets
    }
}

/// Takes the states over the first `run` blocks of each message, which has at
/// least that many.
#[inline]
#[target_feature(enable = "sha,ssse3")]
fn compress<const N: usize>(states: &mut [State; N], messages: [&[Block]; N], run: usize) {
    let messages = messages.map(|blocks| &blocks[..run]);
    for index in 0..run {
        let mut w = [[_mm_setzero_si128(); 4]; N];
        for (w, blocks) in w.iter_mut().zip(messages) {
            *w = load_words(&blocks[index]);
        }
        compress_words(states, w);
    }
}

/// Takes the states over a block each, given as the words of the first four
/// groups of rounds: w[t] to w[t + 3], the first of them highest.
#[inline]
#[target_feature(enable = "sha")]
pub(super) fn compress_words<const N: usize>(states: &mut [State; N], mut w: [[__m128i; 4]; N]) {
    let before = *states;
    // abcd of the group before: a of it, rotated, is the next group's e.
    let mut last = [_mm_setzero_si128(); N];

    // Rounds 4 * group to 4 * group + 3, which all have one f and one K.
    macro_rules! group {
        ($group:literal) => {
            for n in 0..N {
                let words = if $group < 4 {
                    w[n][$group % 4]
                } else {
                    let w16_12 = _mm_sha1msg1_epu32(w[n][$group % 4], w[n][($group + 1) % 4]);
                    let xored = _mm_xor_si128(w16_12, w[n][($group + 2) % 4]);
                    _mm_sha1msg2_epu32(xored, w[n][($group + 3) % 4])
                };
                w[n][$group % 4] = words;
                let e = if $group == 0 {
                    _mm_add_epi32(before[n].e, words)
                } else {
                    _mm_sha1nexte_epu32(last[n], words)
                };
                last[n] = states[n].abcd;
                states[n].abcd = _mm_sha1rnds4_epu32::<{ $group / 5 }>(states[n].abcd, e);
            }
        };
    }
    group!(0);
    group!(1);
    group!(2);
    group!(3);
    group!(4);
    group!(5);
    group!(6);
    group!(7);
    group!(8);
    group!(9);
    group!(10);
    group!(11);
    group!(12);
    group!(13);
    group!(14);
    group!(15);
    group!(16);
    group!(17);
    group!(18);
    group!(19);

    for n in 0..N {
        states[n].abcd = _mm_add_epi32(states[n].abcd, before[n].abcd);
        states[n].e = _mm_sha1nexte_epu32(last[n], before[n].e);
    }
}

#[inline]
#[target_feature(enable = "ssse3")]
fn load_words(block: &Block) -> [__m128i; 4] {
    let mut w = [_mm_setzero_si128(); 4];
    for (w, octets) in w.iter_mut().zip(block.as_chunks::<16>().0) {
        // SAFETY: `octets` is 16 octets.
        *w = big_endian(unsafe { _mm_loadu_si128(octets.as_ptr().cast()) });
    }
    w
}

/// The four words, the first of them highest.
#[inline]
#[target_feature(enable = "ssse3")]
fn big_endian(words: __m128i) -> __m128i {
    let reversed = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    _mm_shuffle_epi8(words, reversed)
}
