//! The schedule of messages on SHA-1 lanes: whenever a lane's message ends, the
//! next one takes its place.

use super::window::Tails;
use crate::backends::message::{Block, HmacMessage};
use crate::hmac_sha1::PaddedState;

/// `L` lanes on their way through a window of at most `W` messages. The states
/// of the hashes are not kept here, but in the vectors of who works on them.
pub(super) struct Lanes<'a, M, const W: usize, const L: usize> {
    /// What is left of the blocks that a lane is at. An idle lane shares those
    /// of another, so that it reads what may be read.
    segments: [&'a [Block]; L],
    /// What follows: the tail, while the lane is in the message itself.
    following: [&'a [Block]; L],
    /// Whose hash a lane works on.
    positions: [u8; L],
    /// A bit for each lane that is not idle.
    active: u32,
    messages: &'a [M],
    tails: &'a Tails<W>,
    order: &'a [u8],
    next: usize,
}

impl<'a, M: HmacMessage, const W: usize, const L: usize> Lanes<'a, M, W, L> {
    /// The lanes, each with a message as long as there are any, by the positions
    /// in `order`: the longest first, so that none is left alone with a long one
    /// at the end.
    #[inline(always)]
    pub(super) fn start(messages: &'a [M], tails: &'a Tails<W>, order: &'a [u8]) -> Self {
        let mut lanes = Self {
            segments: [&[]; L],
            following: [&[]; L],
            positions: [0; L],
            active: 0,
            messages,
            tails,
            order,
            next: 0,
        };
        for lane in 0..L.min(order.len()) {
            lanes.take_next(lane);
        }
        lanes.share_with_idle();
        lanes
    }

    /// How many blocks every active lane can take before one of them comes to
    /// an end; `None` at the end of all.
    #[inline(always)]
    pub(super) fn run(&self) -> Option<usize> {
        if self.active == 0 {
            return None;
        }
        self.segments.iter().map(|segment| segment.len()).min()
    }

    /// A bit for each lane that is not idle.
    #[inline(always)]
    pub(super) fn active(&self) -> u32 {
        self.active
    }

    /// Whether every message has been on a lane.
    #[inline(always)]
    pub(super) fn none_waits(&self) -> bool {
        self.next == self.order.len()
    }

    #[inline(always)]
    pub(super) fn segments(&self) -> &[&'a [Block]; L] {
        &self.segments
    }

    /// Whose hash `lane` works on.
    #[inline(always)]
    pub(super) fn position(&self, lane: usize) -> u8 {
        self.positions[lane]
    }

    /// The state that the key of the message on `lane` begins with; on an idle
    /// lane, that of any key.
    #[inline(always)]
    pub(super) fn inner(&self, lane: usize) -> &'a PaddedState {
        &self.messages[usize::from(self.positions[lane])].key().inner
    }

    /// The same of its outer hash.
    #[inline(always)]
    pub(super) fn outer(&self, lane: usize) -> &'a PaddedState {
        &self.messages[usize::from(self.positions[lane])].key().outer
    }

    /// Steps over the `run` blocks that have been hashed, and gives the lanes
    /// whose hashes are finished, a bit each. They are idle until
    /// [`refill`](Self::refill).
    #[inline(always)]
    pub(super) fn advance(&mut self, run: usize) -> u32 {
        let mut ended = 0;
        for (lane, segment) in self.segments.iter_mut().enumerate() {
            *segment = &segment[run..];
            ended |= u32::from(segment.is_empty()) << lane;
        }
        let mut finished = 0;
        for lane in bits(ended & self.active) {
            self.segments[lane] = core::mem::take(&mut self.following[lane]);
            finished |= u32::from(self.segments[lane].is_empty()) << lane;
        }
        self.active &= !finished;
        self.share_with_idle();
        finished
    }

    /// Puts the next messages on the lanes of `finished`, as long as there are
    /// any, and gives the lanes that have one.
    #[inline(always)]
    pub(super) fn refill(&mut self, finished: u32) -> u32 {
        let mut refilled = 0;
        for lane in bits(finished) {
            if self.none_waits() {
                break;
            }
            self.take_next(lane);
            refilled |= 1 << lane;
        }
        self.share_with_idle();
        refilled
    }

    /// The lanes that are still active, on fewer lanes, and where each was;
    /// `N` are enough for them.
    #[inline(always)]
    pub(super) fn narrow<const N: usize>(self) -> (Lanes<'a, M, W, N>, [usize; N]) {
        let mut narrow = Lanes {
            segments: [&[][..]; N],
            following: [&[][..]; N],
            positions: [0; N],
            active: 0,
            messages: self.messages,
            tails: self.tails,
            order: self.order,
            next: self.next,
        };
        let mut from = [0; N];
        for (to, lane) in bits(self.active).enumerate().take(N) {
            narrow.segments[to] = self.segments[lane];
            narrow.following[to] = self.following[lane];
            narrow.positions[to] = self.positions[lane];
            narrow.active |= 1 << to;
            from[to] = lane;
        }
        narrow.share_with_idle();
        (narrow, from)
    }

    #[inline(always)]
    fn take_next(&mut self, lane: usize) {
        let position = self.order[self.next];
        self.next += 1;
        let message = &self.messages[usize::from(position)];
        let body = message.body();
        let tail = self.tails.get(usize::from(position));
        (self.segments[lane], self.following[lane]) = match body {
            [] => (tail, [].as_slice()),
            _ => (body, tail),
        };
        self.positions[lane] = position;
        self.active |= 1 << lane;
    }

    #[inline(always)]
    fn share_with_idle(&mut self) {
        if self.active == const { u32::MAX >> (32 - L) } {
            return;
        }
        let shared = self.segments[self.active.trailing_zeros() as usize % L];
        for (lane, segment) in self.segments.iter_mut().enumerate() {
            if self.active & (1 << lane) == 0 {
                *segment = shared;
            }
        }
    }
}

/// The bits that are set, the lowest first.
#[inline(always)]
pub(super) fn bits(mut set: u32) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let bit = set.trailing_zeros();
        set &= set.wrapping_sub(1);
        (bit < u32::BITS).then_some(bit as usize)
    })
}
