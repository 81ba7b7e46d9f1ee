//! An AES-GCM key with the powers of its GHASH key, and GHASH's arithmetic on
//! one block.
//!
//! GHASH is computed as POLYVAL over reversed blocks (RFC 8452, appendix A):
//! there a product needs no shift, and the reduction is two multiplications.

use core::arch::x86_64::{
    __m128i, _mm_clmulepi64_si128, _mm_loadu_si128, _mm_set_epi64x, _mm_setzero_si128,
    _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_slli_si128, _mm_srli_si128, _mm_storeu_si128,
    _mm_xor_si128,
};

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::aes_ni;
use super::round_keys::RoundKeys;
use crate::aes_key::RawKey;
use crate::gcm_packet::{AesGcmKey, Associated, GcmKeyForm};

/// How many blocks are hashed between two reductions, at most: one of associated
/// data, sixteen of ciphertext and the block of lengths.
pub(super) const POWERS: usize = 18;

/// An expanded AES key with H^18 to H^1; wiped on drop.
///
/// All powers are computed with the key. That is less than 170 of the 290 ns
/// that a key takes, in a session's 1,900; a packet of 160 octets needs twelve
/// of them, so that only streams of shorter packets would be spared more than a
/// third by waiting. Every packet would have to ask how many there are, and the
/// room for the others would be kept, or a pointer followed to it. What is
/// not used costs memory and no cache: of a key's 600 octets a packet of 160
/// reads less than 400.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct PowersKey {
    pub(crate) rounds: RoundKeys,
    /// From the highest power to the lowest, then zeros, so that any four in a
    /// row can be loaded that begin with a power.
    pub(super) powers: [[u8; 16]; POWERS + 3],
}

impl PowersKey {
    #[target_feature(enable = "aes,pclmulqdq,ssse3")]
    pub(crate) fn expand(key: &RawKey) -> Self {
        let rounds = RoundKeys::expand(key);
        let mut h = [0; 16];
        store(&mut h, aes_ni::encrypt_block(&rounds, _mm_setzero_si128()));
        let mut powers = [[0; 16]; POWERS + 3];
        powers[POWERS - 1] = times_x(u128::from_be_bytes(h)).to_le_bytes();
        h.zeroize();

        // H^(m + n) = H^m * H^n for all n up to m at once: five products wait
        // for each other, and not seventeen.
        let mut known = 1;
        while known < POWERS {
            let highest = load(&powers[POWERS - known]);
            for n in 1..=known.min(POWERS - known) {
                let mut product = Product::zero();
                product.add(load(&powers[POWERS - n]), highest);
                store(&mut powers[POWERS - known - n], product.reduce());
            }
            known *= 2;
        }
        Self { rounds, powers }
    }

    /// H^n, for n of 1 to 18.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn power(&self, n: usize) -> __m128i {
        load(&self.powers[POWERS - n])
    }
}

impl PowersKey {
    /// GHASH of `associated`, which other blocks may follow.
    #[inline]
    #[target_feature(enable = "pclmulqdq,ssse3")]
    pub(super) fn hash_associated(&self, associated: Associated<'_>) -> __m128i {
        if let Some(block) = reversed_only_block(associated) {
            let mut product = Product::zero();
            product.add(block, self.power(1));
            return product.reduce();
        }
        let (whole, last, last_count) = associated.blocks();
        let mut sum = _mm_setzero_si128();
        for block in whole.iter().chain(&last[..last_count]) {
            let mut product = Product::zero();
            product.add(_mm_xor_si128(sum, reversed(load(block))), self.power(1));
            sum = product.reduce();
        }
        sum
    }
}

impl AesGcmKey {
    /// The key in this form, if it is.
    #[inline]
    pub(super) fn powers(&self) -> Option<&PowersKey> {
        match &self.form {
            GcmKeyForm::Powers(key) => Some(key),
            GcmKeyForm::Soft(_) => None,
        }
    }
}

/// A sum of products of 128 bits each, not yet reduced.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub(super) low: __m128i,
    pub(super) middle: __m128i,
    pub(super) high: __m128i,
}

impl Product {
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn zero() -> Self {
        let zero = _mm_setzero_si128();
        Self {
            low: zero,
            middle: zero,
            high: zero,
        }
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    pub(super) fn add(&mut self, a: __m128i, b: __m128i) {
        let middle = _mm_xor_si128(
            _mm_clmulepi64_si128::<0x01>(a, b),
            _mm_clmulepi64_si128::<0x10>(a, b),
        );
        self.low = _mm_xor_si128(self.low, _mm_clmulepi64_si128::<0x00>(a, b));
        self.middle = _mm_xor_si128(self.middle, middle);
        self.high = _mm_xor_si128(self.high, _mm_clmulepi64_si128::<0x11>(a, b));
    }

    /// The sum times x^-128, modulo x^128 + x^127 + x^126 + x^121 + 1.
    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    pub(super) fn reduce(self) -> __m128i {
        let low = _mm_xor_si128(self.low, _mm_slli_si128::<8>(self.middle));
        let high = _mm_xor_si128(self.high, _mm_srli_si128::<8>(self.middle));
        _mm_xor_si128(high, fold(fold(low)))
    }
}

/// Adds the modulus so often that the lower 64 bits vanish, and drops them.
#[inline]
#[target_feature(enable = "pclmulqdq")]
fn fold(low: __m128i) -> __m128i {
    // x^127 + x^126 + x^121, of its upper half.
    let modulus = _mm_set_epi64x(0xc200_0000_0000_0000_u64 as i64, 0);
    let multiple = _mm_clmulepi64_si128::<0x10>(low, modulus);
    _mm_xor_si128(_mm_shuffle_epi32::<0x4e>(low), multiple)
}

/// All of the associated data, where it is one block.
#[inline]
#[target_feature(enable = "ssse3")]
pub(super) fn reversed_only_block(associated: Associated<'_>) -> Option<__m128i> {
    let block = associated.only_block()?;
    let block = _mm_set_epi64x((block >> 64) as i64, block as i64);
    Some(reversed(block))
}

/// GHASH's bit order is POLYVAL's, reversed by octets.
#[inline]
#[target_feature(enable = "ssse3")]
pub(super) fn reversed(block: __m128i) -> __m128i {
    let order = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    _mm_shuffle_epi8(block, order)
}

#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn load(octets: &[u8; 16]) -> __m128i {
    // SAFETY: `octets` is 16 octets.
    unsafe { _mm_loadu_si128(octets.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn store(octets: &mut [u8; 16], vector: __m128i) {
    // SAFETY: `octets` is 16 octets.
    unsafe { _mm_storeu_si128(octets.as_mut_ptr().cast(), vector) }
}

/// POLYVAL's H from GHASH's, reversed: H * x (RFC 8452, appendix A).
fn times_x(h: u128) -> u128 {
    const MODULUS: u128 = (0xc2 << 120) | 1;
    // No branch: the carry is a secret.
    let carry = 0u128.wrapping_sub(h >> 127);
    (h << 1) ^ (carry & MODULUS)
}
