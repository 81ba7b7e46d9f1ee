//! A window: the messages that are hashed together, and their hashes.

use core::mem::MaybeUninit;

use crate::backends::message::{Block, HmacMessage, Tail};
use crate::hmac_packet::HmacPacketJob;

/// The most messages that the lanes of the widest backend choose from. More
/// would fill unequal lanes better, and leave the nearest cache.
pub(super) const WINDOW: usize = 64;

/// The octets of packets in a window, which are encrypted first and hashed
/// afterwards: two thirds of the 32 KiB that a nearest cache has.
const WINDOW_OCTETS: usize = 21 * 1024;

/// How many of `jobs` make the next window: as many as stay in the nearest
/// cache, but enough to fill `lanes`.
pub(super) fn next_len(jobs: &[HmacPacketJob<'_>], lanes: usize) -> usize {
    let mut octets = 0;
    let mut len = 0;
    for job in jobs.iter().take(WINDOW) {
        octets += job.packet_len();
        if octets > WINDOW_OCTETS && len >= lanes {
            return len - len % lanes;
        }
        len += 1;
    }
    len
}

/// The tails of a window's messages.
pub(super) struct Tails<const W: usize> {
    tails: [MaybeUninit<Tail>; W],
    count: usize,
    /// Whether all messages have the same number of blocks.
    equal: bool,
}

impl<const W: usize> Tails<W> {
    /// None yet.
    #[inline(always)]
    pub(super) fn none() -> Self {
        Self {
            // Zeros for a whole window would take as long as hashing a message.
            tails: [const { MaybeUninit::uninit() }; W],
            count: 0,
            equal: true,
        }
    }

    /// Makes them those of `messages`, of which there are at most `W`, where
    /// they stand: to move a window of them would take as long again.
    #[inline]
    pub(super) fn fill(&mut self, messages: &[impl HmacMessage]) {
        let first = messages.first().map_or(0, HmacMessage::blocks);
        self.equal = true;
        for (tail, message) in self.tails.iter_mut().zip(messages) {
            tail.write(Tail::empty()).fill(message);
            self.equal &= message.blocks() == first;
        }
        self.count = messages.len().min(W);
    }

    /// Whether all messages have the same number of blocks.
    #[inline]
    pub(super) fn are_of_one_length(&self) -> bool {
        self.equal
    }

    #[inline]
    pub(super) fn get(&self, position: usize) -> &[Block] {
        let tail = &self.tails[..self.count][position];
        // SAFETY: the first `count` were written.
        unsafe { tail.assume_init_ref() }.blocks()
    }
}

/// The positions of a window's messages, those of the most blocks first.
pub(super) fn longest_first<const W: usize>(messages: &[impl HmacMessage]) -> [u8; W] {
    const CLASSES: usize = 32;
    let mut class = [0u8; W];
    let mut starts = [0u8; CLASSES + 1];
    for (class, message) in class.iter_mut().zip(messages) {
        *class = (CLASSES - message.blocks().min(CLASSES)) as u8;
        starts[usize::from(*class) + 1] += 1;
    }
    let mut order = [0u8; W];
    if starts[1..].contains(&(messages.len() as u8)) {
        for (position, order) in order.iter_mut().enumerate() {
            *order = position as u8;
        }
        return order;
    }
    for class in 1..starts.len() {
        starts[class] += starts[class - 1];
    }
    for (position, class) in class.iter().enumerate().take(messages.len()) {
        let start = &mut starts[usize::from(*class)];
        order[usize::from(*start)] = position as u8;
        *start += 1;
    }
    order
}

/// The inner hashes of a window's messages, in the order in which they were
/// finished.
#[repr(C, align(64))]
pub(super) struct Digests<const W: usize> {
    /// By word and place in that order.
    words: [[u32; W]; 5],
    /// Whose they are.
    positions: [u8; W],
    count: usize,
}

impl<const W: usize> Digests<W> {
    pub(super) const NONE: Self = Self {
        words: [[0; W]; 5],
        positions: [0; W],
        count: 0,
    };

    #[inline]
    pub(super) fn push(&mut self, position: u8, digest: [u32; 5]) {
        for (words, word) in self.words.iter_mut().zip(digest) {
            words[self.count] = word;
        }
        self.positions[self.count] = position;
        self.count += 1;
    }

    /// Makes room for the hashes of `positions`, and gives it by word.
    #[inline]
    pub(super) fn push_all(&mut self, positions: impl Iterator<Item = u8>) -> [&mut [u32]; 5] {
        let begin = self.count;
        for position in positions {
            self.positions[self.count] = position;
            self.count += 1;
        }
        let end = self.count;
        self.words.each_mut().map(|words| &mut words[begin..end])
    }

    #[inline]
    pub(super) fn positions(&self) -> &[u8] {
        &self.positions[..self.count]
    }

    /// One word of the `L` hashes from `place` on, which is a multiple of `L`.
    #[inline]
    pub(super) fn column<const L: usize>(&self, word: usize, place: usize) -> &[u32; L] {
        &self.words[word].as_chunks().0[place / L]
    }

    /// The hash at `place`.
    #[inline]
    pub(super) fn at(&self, place: usize) -> [u32; 5] {
        self.words.map(|words| words[place])
    }
}
