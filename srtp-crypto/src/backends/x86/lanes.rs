//! The schedule of messages on SHA-1 lanes: whenever a lane's message ends, the
//! next one takes its place.

use super::window::{Digests, Tails, longest_first};
use crate::backends::message::{Block, HmacMessage};

/// `L` lanes on their way through a window of at most `W` messages.
#[repr(C, align(64))]
pub(super) struct Lanes<'a, M, const W: usize, const L: usize> {
    /// By word and lane, as vectors hold them.
    states: [[u32; L]; 5],
    /// What is left of the blocks that a lane is at. An idle lane shares those
    /// of another, so that it reads what may be read.
    segments: [&'a [Block]; L],
    /// What follows: the tail, while the lane is in the message itself.
    following: [&'a [Block]; L],
    /// Whose hash a lane works on; `None` where it is idle.
    positions: [Option<u8>; L],
    active: usize,
    messages: &'a [M],
    tails: &'a Tails<W>,
    order: [u8; W],
    next: usize,
}

impl<'a, M: HmacMessage, const W: usize, const L: usize> Lanes<'a, M, W, L> {
    /// The lanes, each with a message as long as there are any; the longest
    /// first, so that none is left alone with a long one at the end.
    #[inline]
    pub(super) fn start(messages: &'a [M], tails: &'a Tails<W>) -> Self {
        let mut lanes = Self {
            states: [[0; L]; 5],
            segments: [&[]; L],
            following: [&[]; L],
            positions: [None; L],
            active: 0,
            messages,
            tails,
            order: longest_first(messages),
            next: 0,
        };
        for lane in 0..L.min(messages.len()) {
            lanes.take_next(lane);
            lanes.active += 1;
        }
        lanes.share_with_idle();
        lanes
    }

    /// How many blocks every active lane can take before one of them comes to
    /// an end; `None` at the end of all.
    #[inline]
    pub(super) fn run(&self) -> Option<usize> {
        if self.active == 0 {
            return None;
        }
        self.segments.iter().map(|segment| segment.len()).min()
    }

    #[inline]
    pub(super) fn active(&self) -> usize {
        self.active
    }

    /// Whether every message has been on a lane.
    #[inline]
    pub(super) fn none_waits(&self) -> bool {
        self.next == self.messages.len()
    }

    /// The first lane that is not idle; 0 where all are.
    #[inline]
    pub(super) fn an_active_lane(&self) -> usize {
        let active = self.positions.iter().position(Option::is_some);
        active.unwrap_or(0)
    }

    #[inline]
    pub(super) fn segments(&self) -> [&'a [Block]; L] {
        self.segments
    }

    #[inline]
    pub(super) fn states_mut(&mut self) -> &mut [[u32; L]; 5] {
        &mut self.states
    }

    #[inline]
    pub(super) fn state(&self, lane: usize) -> [u32; 5] {
        self.states.map(|words| words[lane])
    }

    #[inline]
    pub(super) fn set_state(&mut self, lane: usize, state: [u32; 5]) {
        for (words, word) in self.states.iter_mut().zip(state) {
            words[lane] = word;
        }
    }

    /// Steps over the `run` blocks that have been hashed; finished hashes go to
    /// `digests`, and their lanes to the next message.
    #[inline]
    pub(super) fn advance(&mut self, run: usize, digests: &mut Digests<W>) {
        let mut idle = self.active < L;
        for lane in 0..L {
            let Some(position) = self.positions[lane] else {
                continue;
            };
            let left = &self.segments[lane][run..];
            if !left.is_empty() {
                self.segments[lane] = left;
            } else if !self.following[lane].is_empty() {
                self.segments[lane] = core::mem::take(&mut self.following[lane]);
            } else {
                digests.set(usize::from(position), self.state(lane));
                if self.none_waits() {
                    self.positions[lane] = None;
                    self.active -= 1;
                    idle = true;
                } else {
                    self.take_next(lane);
                }
            }
        }
        if idle {
            self.share_with_idle();
        }
    }

    /// The lanes that are still active, on two lanes; there are at most two.
    #[inline]
    pub(super) fn narrow(self) -> Lanes<'a, M, W, 2> {
        let mut narrow = Lanes {
            states: [[0; 2]; 5],
            segments: [&[][..]; 2],
            following: [&[][..]; 2],
            positions: [None; 2],
            active: 0,
            messages: self.messages,
            tails: self.tails,
            order: self.order,
            next: self.next,
        };
        for lane in 0..L {
            if self.positions[lane].is_some() && narrow.active < 2 {
                let to = narrow.active;
                narrow.set_state(to, self.state(lane));
                narrow.segments[to] = self.segments[lane];
                narrow.following[to] = self.following[lane];
                narrow.positions[to] = self.positions[lane];
                narrow.active += 1;
            }
        }
        narrow.share_with_idle();
        narrow
    }

    #[inline]
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
        self.positions[lane] = Some(position);
        let inner = message.key().inner;
        self.set_state(lane, inner);
    }

    #[inline]
    fn share_with_idle(&mut self) {
        let shared = self.segments[self.an_active_lane()];
        for (segment, position) in self.segments.iter_mut().zip(&self.positions) {
            if position.is_none() {
                *segment = shared;
            }
        }
    }
}
