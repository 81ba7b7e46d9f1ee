//! SHA-1 by the SHA instructions, one message or two side by side.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_extract_epi32, _mm_loadu_si128, _mm_or_si128, _mm_set_epi32,
    _mm_set_epi64x, _mm_setzero_si128, _mm_sha1msg1_epu32, _mm_sha1msg2_epu32, _mm_sha1nexte_epu32,
    _mm_sha1rnds4_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_storeu_si128, _mm_xor_si128,
};

use super::lanes::Lanes;
use super::window::{Digests, longest_first};
use crate::backends::message::{Block, HmacMessage, Tail, bit_len};
use crate::hmac_sha1::HMAC_SHA1_LEN;

/// One message's tag.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn hmac(message: &impl HmacMessage) -> [u8; HMAC_SHA1_LEN] {
    let tail = Tail::of(message);
    let mut state = [State::load(&message.key().inner)];
    compress(&mut state, [message.body()], message.body().len());
    compress(&mut state, [tail.blocks()], tail.blocks().len());
    let [tag] = outer_hashes([&message.key().outer], state);
    tag
}

/// The tags of a window of messages, two at a time.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn hmac_in_pairs<M: HmacMessage, const W: usize>(
    messages: &[M],
    tags: &mut [[u8; HMAC_SHA1_LEN]; W],
) {
    let order: [u8; W] = longest_first(messages);
    for pair in order[..messages.len()].chunks(2) {
        match *pair {
            [first, second] => {
                let (first, second) = (usize::from(first), usize::from(second));
                [tags[first], tags[second]] = hmac_pair([&messages[first], &messages[second]]);
            }
            [single] => tags[usize::from(single)] = hmac(&messages[usize::from(single)]),
            _ => {}
        }
    }
}

/// Two messages' tags; the longer one's last blocks go alone.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn hmac_pair<M: HmacMessage>(messages: [&M; 2]) -> [[u8; HMAC_SHA1_LEN]; 2] {
    let keys = [messages[0].key(), messages[1].key()];
    let bodies = [messages[0].body(), messages[1].body()];
    let tails = [Tail::of(messages[0]), Tail::of(messages[1])];
    let tails = [tails[0].blocks(), tails[1].blocks()];
    let mut states = [State::load(&keys[0].inner), State::load(&keys[1].inner)];

    let common = bodies[0].len().min(bodies[1].len());
    compress(&mut states, bodies, common);
    if bodies[0].len() == bodies[1].len() && tails[0].len() == tails[1].len() {
        compress(&mut states, tails, tails[0].len());
    } else {
        for n in 0..2 {
            let mut state = [states[n]];
            let rest = &bodies[n][common..];
            compress(&mut state, [rest], rest.len());
            compress(&mut state, [tails[n]], tails[n].len());
            [states[n]] = state;
        }
    }
    outer_hashes([&keys[0].outer, &keys[1].outer], states)
}

/// The outer hashes over the inner ones, as tags.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn outer_hashes<const N: usize>(
    keys: [&[u32; 5]; N],
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

/// Runs two lanes to their end.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn finish_pair<M: HmacMessage, const W: usize>(
    lanes: &mut Lanes<'_, M, W, 2>,
    digests: &mut Digests<W>,
) {
    while let Some(run) = lanes.run() {
        let segments = lanes.segments();
        if lanes.active() == 2 {
            let mut states = [State::load(&lanes.state(0)), State::load(&lanes.state(1))];
            compress(&mut states, segments, run);
            lanes.set_state(0, states[0].words());
            lanes.set_state(1, states[1].words());
        } else {
            let lane = lanes.an_active_lane();
            let mut states = [State::load(&lanes.state(lane))];
            compress(&mut states, [segments[lane]], run);
            lanes.set_state(lane, states[0].words());
        }
        lanes.advance(run, digests);
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
    pub(super) fn load(words: &[u32; 5]) -> Self {
        // SAFETY: `words` is 20 octets, of which 16 are read.
        let abcd = unsafe { _mm_loadu_si128(words.as_ptr().cast()) };
        Self {
            abcd: _mm_shuffle_epi32::<0x1b>(abcd),
            e: _mm_set_epi32(words[4] as i32, 0, 0, 0),
        }
    }

    #[inline]
    #[target_feature(enable = "sse4.1")]
    pub(super) fn words(self) -> [u32; 5] {
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
pub(super) fn compress<const N: usize>(
    states: &mut [State; N],
    messages: [&[Block]; N],
    run: usize,
) {
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
fn compress_words<const N: usize>(states: &mut [State; N], mut w: [[__m128i; 4]; N]) {
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
