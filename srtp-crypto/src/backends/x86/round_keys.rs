//! FIPS 197's key schedule for the AES instructions.

use core::arch::x86_64::{
    __m128i, _mm_aeskeygenassist_si128, _mm_cvtsi128_si32, _mm_load_si128, _mm_set1_epi32,
};

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::aes_key::{AesKey, RawKey};

/// The round keys of AES-128, -192 or -256; wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
#[repr(C, align(16))]
pub(crate) struct RoundKeys {
    keys: [[u8; 16]; MAX_ROUNDS + 1],
    rounds: u8,
}

pub(crate) const MAX_ROUNDS: usize = 14;

impl RoundKeys {
    /// FIPS 197 §5.2, with the processor's S-box, so that no table is indexed.
    #[target_feature(enable = "aes,sse2")]
    pub(crate) fn expand(key: &RawKey) -> Self {
        let key = key.octets();
        let key_words = key.len() / 4;
        let rounds = key_words + 6;
        let mut expanded = Self {
            keys: [[0; 16]; MAX_ROUNDS + 1],
            rounds: rounds as u8,
        };
        let (words, _) = expanded.keys.as_flattened_mut().as_chunks_mut::<4>();
        let words = &mut words[..4 * (rounds + 1)];
        for (word, key) in words.iter_mut().zip(key.as_chunks().0) {
            *word = *key;
        }
        let mut round_constant = 1u8;
        for i in key_words..words.len() {
            let mut temp = u32::from_le_bytes(words[i - 1]);
            if i.is_multiple_of(key_words) {
                temp = sub_word(temp).rotate_right(8) ^ u32::from(round_constant);
                // x * 2 in GF(2^8); the constants are public.
                round_constant = (round_constant << 1) ^ ((round_constant >> 7) * 0x1b);
            } else if key_words == 8 && i % key_words == 4 {
                temp = sub_word(temp);
            }
            words[i] = (u32::from_le_bytes(words[i - key_words]) ^ temp).to_le_bytes();
        }
        expanded
    }

    pub(crate) fn rounds(&self) -> u8 {
        self.rounds
    }

    /// The key that was expanded: it is the schedule's beginning.
    pub(crate) fn raw_key(&self) -> RawKey {
        let [a, b, ..] = self.keys;
        let mut both = [0; 32];
        both[..16].copy_from_slice(&a);
        both[16..].copy_from_slice(&b);
        let key = match self.rounds {
            10 => RawKey::Aes128(a),
            12 => {
                let mut key = [0; 24];
                key.copy_from_slice(&both[..24]);
                RawKey::Aes192(key)
            }
            _ => RawKey::Aes256(both),
        };
        both.zeroize();
        key
    }

    /// The round key of `round`, 0 to [`rounds`](Self::rounds).
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn round(&self, round: usize) -> __m128i {
        // SAFETY: each key is 16 octets, and the first stands at the beginning
        // of a `repr(C)` struct that is aligned to 16.
        unsafe { _mm_load_si128(self.keys[round].as_ptr().cast()) }
    }

    /// The round keys, the last of which is that of `ROUNDS`.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn first<const COUNT: usize>(&self) -> [__m128i; COUNT] {
        let mut keys = [_mm_set1_epi32(0); COUNT];
        for (round, key) in keys.iter_mut().enumerate() {
            *key = self.round(round);
        }
        keys
    }
}

impl AesKey {
    /// The key in this form, if it is.
    #[inline]
    pub(super) fn rounds(&self) -> Option<&RoundKeys> {
        match self {
            Self::Rounds(rounds) => Some(rounds),
            Self::Soft(_) => None,
        }
    }
}

/// FIPS 197's SubWord.
#[inline]
#[target_feature(enable = "aes,sse2")]
fn sub_word(word: u32) -> u32 {
    let assist = _mm_aeskeygenassist_si128::<0>(_mm_set1_epi32(word as i32));
    _mm_cvtsi128_si32(assist) as u32
}
