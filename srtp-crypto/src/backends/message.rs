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

    /// How many blocks the inner hash has, but for the key's.
    #[inline]
    fn blocks(&self) -> usize {
        let suffix_len = if self.suffix().is_some() { 4 } else { 0 };
        (self.message().len() + suffix_len + PADDING_LEN).div_ceil(BLOCK_LEN)
    }

    /// The blocks of the inner hash that stand in the message as they are.
    #[inline]
    fn body(&self) -> &[Block] {
        self.message().as_chunks().0
    }
}

/// What is left of an inner message behind its body, its suffix and its
/// padding: one block, or two where they do not fit one.
///
/// The message's last octets stand before [`BLOCK_LEN`], and what follows them
/// behind it, so that all copies but those of short messages have one length;
/// the tail begins in between, at any address.
#[derive(Clone, Copy)]
pub(crate) struct Tail {
    octets: [u8; TAIL_LEN],
    start: u8,
    end: u8,
}

/// With 52 octets left, a tail needs two blocks and ends 140 octets from the
/// beginning; none ends later.
const TAIL_LEN: usize = 144;

impl Tail {
    /// One to be [filled](Self::fill).
    #[inline(always)]
    pub(crate) fn empty() -> Self {
        Self {
            octets: [0; TAIL_LEN],
            start: 0,
            end: 0,
        }
    }

    #[inline]
    pub(crate) fn of(message: &impl HmacMessage) -> Self {
        let mut tail = Self::empty();
        tail.fill(message);
        tail
    }

    /// Makes an [`empty`](Self::empty) tail that of `message`, where it stands.
    #[inline]
    pub(crate) fn fill(&mut self, message: &impl HmacMessage) {
        let octets = message.message();
        match octets.last_chunk::<BLOCK_LEN>() {
            Some(last) => self.octets[..BLOCK_LEN].copy_from_slice(last),
            None => put_before(&mut self.octets[..BLOCK_LEN], octets),
        }
        let mut len = octets.len();
        let mut after = 0;
        if let Some(suffix) = message.suffix() {
            self.octets[BLOCK_LEN..BLOCK_LEN + 4].copy_from_slice(&suffix);
            after = suffix.len();
            len += after;
        }
        self.octets[BLOCK_LEN + after] = 0x80;
        let rest = octets.len() % BLOCK_LEN;
        let blocks = message.blocks() - message.body().len();
        let start = BLOCK_LEN - rest;
        let end = start + blocks * BLOCK_LEN;
        self.octets[end - 8..end].copy_from_slice(&bit_len(len).to_be_bytes());
        (self.start, self.end) = (start as u8, end as u8);
    }

    #[inline]
    pub(crate) fn blocks(&self) -> &[Block] {
        let blocks = &self.octets[usize::from(self.start)..usize::from(self.end)];
        blocks.as_chunks().0
    }
}

/// Copies a message shorter than a block to the end of `block`; pieces of fixed
/// lengths, which may overlap, are quicker than a call for a few octets.
#[inline]
fn put_before(block: &mut [u8], message: &[u8]) {
    let end = block.len();
    let start = end - message.len();
    if let (Some(first), Some(last)) = (message.first_chunk(), message.last_chunk::<32>()) {
        block[start..start + 32].copy_from_slice(first as &[u8; 32]);
        block[end - 32..].copy_from_slice(last);
    } else if let (Some(first), Some(last)) = (message.first_chunk(), message.last_chunk::<16>()) {
        block[start..start + 16].copy_from_slice(first as &[u8; 16]);
        block[end - 16..].copy_from_slice(last);
    } else {
        block[start..].copy_from_slice(message);
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

/// The octets of the end mark and the message length.
pub(crate) const PADDING_LEN: usize = 9;

/// Where SHA-1's 64-bit message length stands in the last block.
const LENGTH_AT: usize = BLOCK_LEN - 8;
