//! AES-GCM by AES-NI and PCLMULQDQ.

use core::arch::x86_64::{__m128i, _mm_set_epi64x, _mm_setzero_si128, _mm_xor_si128};

use super::aes_ni;
use super::gcm_key::{POWERS, PowersKey, Product, load, reversed, store};
use crate::gcm_packet::{GCM_TAG_LEN, GcmPacketJob};

#[inline]
#[target_feature(enable = "aes,pclmulqdq,ssse3")]
pub(super) fn seal(key: &PowersKey, job: &mut GcmPacketJob<'_>) {
    let base = aes_ni::gcm_base(job.iv);
    aes_ni::xor_keystream(&key.rounds, base, 2, job.encrypted_mut());
    let tag = tag(key, base, job);
    job.put_tag(&tag);
}

#[inline]
#[target_feature(enable = "aes,pclmulqdq,ssse3")]
pub(super) fn open(key: &PowersKey, job: &mut GcmPacketJob<'_>) {
    let base = aes_ni::gcm_base(job.iv);
    let tag = tag(key, base, job);
    if job.judge(&tag) {
        aes_ni::xor_keystream(&key.rounds, base, 2, job.encrypted_mut());
    }
}

#[inline]
#[target_feature(enable = "aes,pclmulqdq,ssse3")]
fn tag(key: &PowersKey, base: __m128i, job: &GcmPacketJob<'_>) -> [u8; GCM_TAG_LEN] {
    let [j0] = aes_ni::CounterBlocks::new(base, 1).next();
    let j0 = aes_ni::encrypt_block(&key.rounds, j0);

    let (blocks, rest) = job.encrypted().as_chunks::<16>();
    let count = job.encrypted().len().div_ceil(16) + 1;
    let mut hash = Hash::following(key.hash_associated(job.associated()), key, count);
    hash.push_all(blocks);
    if !rest.is_empty() {
        let mut padded = [0; 16];
        padded[..rest.len()].copy_from_slice(rest);
        hash.push_all(&[padded]);
    }
    hash.push(length_block(job));

    let mut tag = [0; GCM_TAG_LEN];
    store(&mut tag, _mm_xor_si128(reversed(hash.sum), j0));
    tag
}

/// GHASH's last block, reversed.
#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn length_block(job: &GcmPacketJob<'_>) -> __m128i {
    let (associated_bits, encrypted_bits) = job.bit_lengths();
    _mm_set_epi64x(associated_bits as i64, encrypted_bits as i64)
}

/// GHASH over a known number of blocks.
struct Hash<'k> {
    key: &'k PowersKey,
    /// Blocks that are still to come.
    left: usize,
    /// The power of H for the next block; when it comes to zero, the products
    /// are reduced.
    power: usize,
    products: Product,
    /// The hash up to the last reduction, until it is part of the next block.
    sum: __m128i,
}

impl<'k> Hash<'k> {
    #[inline]
    #[target_feature(enable = "sse2")]
    fn following(sum: __m128i, key: &'k PowersKey, count: usize) -> Self {
        Self {
            key,
            left: count,
            power: count.min(POWERS),
            products: Product::zero(),
            sum,
        }
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq,ssse3")]
    fn push_all(&mut self, blocks: &[[u8; 16]]) {
        for block in blocks {
            self.push(reversed(load(block)));
        }
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    fn push(&mut self, block: __m128i) {
        // Zero but for the first block after a reduction.
        let block = _mm_xor_si128(block, self.sum);
        self.sum = _mm_setzero_si128();
        self.products.add(block, self.key.power(self.power));
        self.power -= 1;
        self.left -= 1;
        if self.power == 0 {
            self.sum = self.products.reduce();
            self.products = Product::zero();
            self.power = self.left.min(POWERS);
        }
    }
}
