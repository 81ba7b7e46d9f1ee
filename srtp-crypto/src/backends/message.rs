//! What HMAC-SHA1 hashes for a job, in SHA-1's blocks.

use crate::hmac_sha1::{HMAC_SHA1_LEN, HmacSha1Key};

/// A SHA-1 block.
pub(crate) type Block = [u8; BLOCK_LEN];

pub(crate) const BLOCK_LEN: usize = 64;

/// A message to authenticate: one packet's.
pub(crate) trait HmacMessage {
    fn key(&self) -> &HmacSha1Key;
    fn message(&self) -> &[u8];
    fn suffix(&self) -> Option<[u8; 4]>;

    /// The blocks of the inner hash that stand in the message as they are.
    #[inline]
    fn body(&self) -> &[Block] {
        self.message().as_chunks().0
    }
}

/// What is left of an inner message behind its body, its suffix and its
/// padding: one block, or two where they do not fit one.
pub(crate) struct Tail {
    blocks: [Block; 2],
    two: bool,
}

impl Tail {
    pub(crate) const EMPTY: Self = Self {
        blocks: [[0; BLOCK_LEN]; 2],
        two: false,
    };

    #[inline]
    pub(crate) fn of(message: &impl HmacMessage) -> Self {
        let mut tail = Self::EMPTY;
        tail.fill(message);
        tail
    }

    /// Makes an [`EMPTY`](Self::EMPTY) tail that of `message`.
    #[inline]
    pub(crate) fn fill(&mut self, message: &impl HmacMessage) {
        let octets = message.message();
        let rest = octets.as_chunks::<BLOCK_LEN>().1;
        let flat = self.blocks.as_flattened_mut();
        let mut end = rest.len();
        flat[..end].copy_from_slice(rest);
        let mut len = octets.len();
        if let Some(suffix) = message.suffix() {
            flat[end..end + suffix.len()].copy_from_slice(&suffix);
            end += suffix.len();
            len += suffix.len();
        }
        flat[end] = 0x80;
        self.two = end >= LENGTH_AT;
        let end = if self.two { 2 * BLOCK_LEN } else { BLOCK_LEN };
        flat[end - 8..end].copy_from_slice(&bit_len(len).to_be_bytes());
    }

    #[inline]
    pub(crate) fn blocks(&self) -> &[Block] {
        if self.two {
            &self.blocks
        } else {
            &self.blocks[..1]
        }
    }
}

/// The one block of the outer hash: the inner one, padded.
#[inline]
pub(crate) fn outer_block(inner: &[u32; 5]) -> Block {
    let mut block = [0; BLOCK_LEN];
    block[..HMAC_SHA1_LEN].copy_from_slice(&octets(inner));
    block[HMAC_SHA1_LEN] = 0x80;
    block[LENGTH_AT..].copy_from_slice(&bit_len(HMAC_SHA1_LEN).to_be_bytes());
    block
}

/// The length field of an HMAC half: its key's block and `len` octets, in bits.
#[inline]
pub(crate) const fn bit_len(len: usize) -> u64 {
    (BLOCK_LEN as u64 + len as u64) * 8
}

#[inline]
pub(crate) fn octets(state: &[u32; 5]) -> [u8; HMAC_SHA1_LEN] {
    let mut octets = [0; HMAC_SHA1_LEN];
    for (octets, word) in octets.chunks_exact_mut(4).zip(state) {
        octets.copy_from_slice(&word.to_be_bytes());
    }
    octets
}

/// Where SHA-1's 64-bit message length stands in the last block.
const LENGTH_AT: usize = BLOCK_LEN - 8;
