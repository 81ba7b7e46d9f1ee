//! AES-GCM by VAES and VPCLMULQDQ, four blocks a vector.
//!
//! A packet is encrypted in flights of 256 octets. The hash of a flight has to wait
//! for its cipher, and the processor looks ahead less far than both are long: so
//! each flight is in the cipher while the one before is hashed.

use core::arch::asm;
use core::arch::x86_64::{
    __m128i, __m512i, _mm_setzero_si128, _mm_xor_si128, _mm512_aesenc_epi128,
    _mm512_aesenclast_epi128, _mm512_castsi512_si128, _mm512_loadu_si512, _mm512_mask_storeu_epi8,
    _mm512_maskz_loadu_epi8, _mm512_maskz_mov_epi8, _mm512_storeu_si512, _mm512_xor_si512,
};

use super::aes_ni;
use super::gcm_key::{PowersKey, reversed, store};
use super::gcm_ni::length_block;
use super::ghash_vaes::{Before, Hash};
use super::vaes::{
    CounterBlocks, first_octets, flight_of, flight_with_one, four_of_each, xor_keystream, xor_rest,
};
use crate::gcm_packet::{GCM_TAG_LEN, GcmPacketJob};

/// The octets that are encrypted, or hashed, between two reductions.
const FLIGHT_LEN: usize = 256;

#[inline]
#[target_feature(enable = "aes,ssse3,vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
pub(super) fn seal(key: &PowersKey, job: &mut GcmPacketJob<'_>) {
    let tag = match key.rounds.rounds() {
        10 => sealed_tag::<11>(key, job),
        _ => sealed_tag::<15>(key, job),
    };
    job.put_tag(&tag);
}

#[inline]
#[target_feature(enable = "aes,ssse3,vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
pub(super) fn open(key: &PowersKey, job: &mut GcmPacketJob<'_>) {
    match key.rounds.rounds() {
        10 => open_with::<11>(key, job),
        _ => open_with::<15>(key, job),
    }
}

#[inline]
#[target_feature(enable = "aes,ssse3,vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn open_with<const KEYS: usize>(key: &PowersKey, job: &mut GcmPacketJob<'_>) {
    match job.encrypted().len().div_ceil(64) {
        0 => open_short::<KEYS, 0>(key, job),
        1 => open_short::<KEYS, 1>(key, job),
        2 => open_short::<KEYS, 2>(key, job),
        3 => open_short::<KEYS, 3>(key, job),
        4 => open_short::<KEYS, 4>(key, job),
        _ => {
            let tag = opened_tag::<KEYS>(key, job);
            if job.judge(&tag) {
                let base = aes_ni::gcm_base(job.iv);
                xor_keystream(&key.rounds, base, 2, job.encrypted_mut());
            }
        }
    }
}

/// Opens a packet of `N` vectors: its keystream is in one flight with the tag's
/// block, and stays in registers until the tag was judged.
#[inline]
#[target_feature(enable = "aes,ssse3,vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn open_short<const KEYS: usize, const N: usize>(key: &PowersKey, job: &mut GcmPacketJob<'_>) {
    let keys = four_of_each::<KEYS>(&key.rounds);
    let base = aes_ni::gcm_base(job.iv);
    let [j0] = aes_ni::CounterBlocks::new(base, 1).next();
    let before = Before::associated(key, job);
    let counters = CounterBlocks::new(base, 2).next::<N>();
    let (keystream, j0) = flight_with_one(&keys, counters, j0);

    let octets = job.encrypted();
    let count = octets.len().div_ceil(16);
    let mut hash = Hash::following_with_last(key, before, count, length_block(job));
    push_rest::<N>(octets, &mut hash);
    if job.judge(&tag(hash.finish(), j0)) {
        xor_rest(job.encrypted_mut(), keystream);
    }
}

/// Encrypts the packet; the blocks are hashed on their way from the cipher.
#[inline]
#[target_feature(enable = "aes,ssse3,vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn sealed_tag<const KEYS: usize>(key: &PowersKey, job: &mut GcmPacketJob<'_>) -> [u8; GCM_TAG_LEN] {
    let keys = four_of_each::<KEYS>(&key.rounds);
    let base = aes_ni::gcm_base(job.iv);
    let [j0] = aes_ni::CounterBlocks::new(base, 1).next();
    let mut counter = CounterBlocks::new(base, 2);
    let before = Before::associated(key, job);
    let lengths = length_block(job);

    let (flights, rest) = job.encrypted_mut().as_chunks_mut::<FLIGHT_LEN>();
    let before = match flights {
        [] => before,
        _ => Before::of_hash(seal_flights(key, &keys, &mut counter, before, flights)),
    };
    let rest = Rest {
        octets: rest,
        before,
        lengths,
        j0,
    };
    match rest.octets.len().div_ceil(64) {
        0 => sealed_rest::<KEYS, 0>(key, &keys, counter, rest),
        1 => sealed_rest::<KEYS, 1>(key, &keys, counter, rest),
        2 => sealed_rest::<KEYS, 2>(key, &keys, counter, rest),
        3 => sealed_rest::<KEYS, 3>(key, &keys, counter, rest),
        _ => sealed_rest::<KEYS, 4>(key, &keys, counter, rest),
    }
}

/// What is left of a packet to seal behind its flights, and what its tag needs
/// besides.
struct Rest<'a> {
    octets: &'a mut [u8],
    before: Before,
    lengths: __m128i,
    j0: __m128i,
}

/// Encrypts `N` vectors, the last of which may not be full, in one flight with
/// the tag's block, and gives the tag.
#[inline]
#[target_feature(enable = "aes,ssse3,vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn sealed_rest<const KEYS: usize, const N: usize>(
    key: &PowersKey,
    keys: &[__m512i; KEYS],
    mut counter: CounterBlocks,
    rest: Rest<'_>,
) -> [u8; GCM_TAG_LEN] {
    let (keystream, j0) = flight_with_one(keys, counter.next::<N>(), rest.j0);
    let count = rest.octets.len().div_ceil(16);
    let mut hash = Hash::following_with_last(key, rest.before, count, rest.lengths);
    encrypt(rest.octets, keystream, &mut hash);
    tag(hash.finish(), j0)
}

/// Encrypts flights, and gives the hash up to their end.
#[inline]
#[target_feature(enable = "vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn seal_flights<const KEYS: usize>(
    key: &PowersKey,
    keys: &[__m512i; KEYS],
    counter: &mut CounterBlocks,
    before: Before,
    flights: &mut [[u8; FLIGHT_LEN]],
) -> __m128i {
    let mut sum = before.hash(key);
    let Some((first, others)) = flights.split_first_mut() else {
        return sum;
    };
    let mut ciphertext = encrypt_flight(first, flight_of(keys, counter.next::<4>()));
    for flight in others {
        let hash = Hash::following(key, sum);
        let keystream;
        (keystream, sum) = beside(keys, counter.next::<4>(), hash, &ciphertext);
        ciphertext = encrypt_flight(flight, keystream);
    }
    let mut hash = Hash::following(key, sum);
    for blocks in ciphertext {
        hash.push(blocks);
    }
    hash.finish()
}

/// `rest` is not longer than the keystream, and longer than all of it but one
/// vector.
#[inline]
#[target_feature(enable = "pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn encrypt<const N: usize>(mut rest: &mut [u8], keystream: [__m512i; N], hash: &mut Hash<'_>) {
    for keystream in keystream {
        let (piece, after) = rest.split_at_mut(rest.len().min(64));
        let mask = first_octets(piece.len());
        // SAFETY: the mask keeps the load and the store within `piece`.
        let ciphertext = unsafe {
            let data = _mm512_maskz_loadu_epi8(mask, piece.as_ptr().cast());
            let data = _mm512_xor_si512(data, keystream);
            _mm512_mask_storeu_epi8(piece.as_mut_ptr().cast(), mask, data);
            data
        };
        // Behind the ciphertext's end the keystream is not part of it.
        hash.push(_mm512_maskz_mov_epi8(mask, ciphertext));
        rest = after;
    }
}

/// The tag that the packet should have, over its ciphertext as it is.
#[inline]
#[target_feature(enable = "aes,ssse3,vaes,pclmulqdq,vpclmulqdq,avx512f,avx512bw")]
fn opened_tag<const KEYS: usize>(key: &PowersKey, job: &GcmPacketJob<'_>) -> [u8; GCM_TAG_LEN] {
    let keys = four_of_each::<KEYS>(&key.rounds);
    let j0 = encrypted_j0(&keys, aes_ni::gcm_base(job.iv));
    let mut before = Before::associated(key, job);

    let (flights, rest) = job.encrypted().as_chunks::<FLIGHT_LEN>();
    if !flights.is_empty() {
        let mut sum = before.hash(key);
        for flight in flights {
            let mut hash = Hash::following(key, sum);
            for piece in flight.as_chunks::<64>().0 {
                // SAFETY: `piece` is 64 octets.
                hash.push(unsafe { _mm512_loadu_si512(piece.as_ptr().cast()) });
            }
            sum = hash.finish();
        }
        before = Before::of_hash(sum);
    }
    let mut hash =
        Hash::following_with_last(key, before, rest.len().div_ceil(16), length_block(job));
    match rest.len().div_ceil(64) {
        0 => {}
        1 => push_rest::<1>(rest, &mut hash),
        2 => push_rest::<2>(rest, &mut hash),
        3 => push_rest::<3>(rest, &mut hash),
        _ => push_rest::<4>(rest, &mut hash),
    }
    tag(hash.finish(), j0)
}

/// `rest` is `N` vectors long, or less than a vector shorter.
#[inline]
#[target_feature(enable = "vpclmulqdq,avx512f,avx512bw")]
fn push_rest<const N: usize>(mut rest: &[u8], hash: &mut Hash<'_>) {
    for _ in 0..N {
        let (piece, after) = rest.split_at(rest.len().min(64));
        let mask = first_octets(piece.len());
        // SAFETY: the mask keeps the load within `piece`.
        hash.push(unsafe { _mm512_maskz_loadu_epi8(mask, piece.as_ptr().cast()) });
        rest = after;
    }
}

/// Encrypts a flight, and gives its ciphertext.
#[inline]
#[target_feature(enable = "avx512f")]
fn encrypt_flight(flight: &mut [u8; FLIGHT_LEN], keystream: [__m512i; 4]) -> [__m512i; 4] {
    let mut ciphertext = keystream;
    let pieces = flight.as_chunks_mut::<64>().0;
    for (piece, block) in pieces.iter_mut().zip(&mut ciphertext) {
        // SAFETY: `piece` is 64 octets.
        unsafe {
            let data = _mm512_loadu_si512(piece.as_ptr().cast());
            *block = _mm512_xor_si512(data, *block);
            _mm512_storeu_si512(piece.as_mut_ptr().cast(), *block);
        }
    }
    ciphertext
}

/// Encrypts counter blocks, and finishes a hash with some ciphertext of before
/// in the meantime.
#[inline]
#[target_feature(enable = "vaes,vpclmulqdq,avx512f,avx512bw")]
fn beside<const KEYS: usize, const V: usize, const C: usize>(
    keys: &[__m512i; KEYS],
    mut blocks: [__m512i; V],
    mut hash: Hash<'_>,
    ciphertext: &[__m512i; C],
) -> ([__m512i; V], __m128i) {
    for block in &mut blocks {
        *block = _mm512_xor_si512(*block, keys[0]);
    }
    // A part of the rounds for each vector that is hashed.
    let share = (KEYS - 2) / C;
    let (with_hash, rest) = keys[1..KEYS - 1].split_at(share * C);
    for (keys, ciphertext) in with_hash.chunks_exact(share).zip(ciphertext) {
        rounds(keys, &mut blocks);
        hash.push(*ciphertext);
        keep_in_order(&mut blocks, &mut hash);
    }
    rounds(rest, &mut blocks);
    for block in &mut blocks {
        *block = _mm512_aesenclast_epi128(*block, keys[KEYS - 1]);
    }
    (blocks, hash.finish())
}

#[inline]
#[target_feature(enable = "vaes,avx512f")]
fn rounds<const V: usize>(keys: &[__m512i], blocks: &mut [__m512i; V]) {
    for key in keys {
        for block in &mut *blocks {
            *block = _mm512_aesenc_epi128(*block, *key);
        }
    }
}

/// Keeps the compiler from gathering all of the cipher, and all of the hash: no
/// instruction, but one that needs what is before it and is needed by what is
/// behind.
#[inline]
#[target_feature(enable = "avx512f")]
fn keep_in_order<const V: usize>(blocks: &mut [__m512i; V], hash: &mut Hash<'_>) {
    for block in blocks {
        // SAFETY: nothing is executed.
        unsafe {
            asm!(
                "/* {0} {1} {2} {3} */",
                inout(zmm_reg) *block,
                inout(zmm_reg) hash.low,
                inout(zmm_reg) hash.middle,
                inout(zmm_reg) hash.high,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
    }
}

#[inline]
#[target_feature(enable = "vaes,ssse3,avx512f")]
fn encrypted_j0<const KEYS: usize>(keys: &[__m512i; KEYS], base: __m128i) -> __m128i {
    let mut single = [_mm_setzero_si128(); KEYS];
    for (single, four) in single.iter_mut().zip(keys) {
        *single = _mm512_castsi512_si128(*four);
    }
    let blocks = aes_ni::CounterBlocks::new(base, 1).next();
    let [j0] = aes_ni::flight_of(&single, blocks);
    j0
}

#[inline]
#[target_feature(enable = "ssse3")]
fn tag(sum: __m128i, j0: __m128i) -> [u8; GCM_TAG_LEN] {
    let mut tag = [0; GCM_TAG_LEN];
    store(&mut tag, _mm_xor_si128(reversed(sum), j0));
    tag
}
