//! The replay list of RFC 3711 §3.3.2, as a sliding window of bits.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use crate::index::Estimate;

/// Which of the newest `size` indexes have been used.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    bits: Bits,
    /// [`NEVER`](Self::NEVER) before the first.
    newest: u64,
}

/// A ring: index `i` is bit `i mod 64` of word `i / 64 mod words`. The number
/// of words is a power of two. The size stands here, where it takes no octets
/// of its own: a stream is small enough that thousands share a cache.
#[derive(Clone, Debug)]
enum Bits {
    /// Windows of up to 128, which stand beside their stream.
    Near {
        size: u32,
        words: [u64; NEAR_WORDS],
    },
    Far {
        size: u32,
        words: Box<[u64]>,
    },
}

const NEAR_WORDS: usize = 2;

impl Window {
    /// No index: they have 48 bits.
    const NEVER: u64 = u64::MAX;

    /// An empty window over `size` indexes. The only allocation, if any.
    pub(crate) fn new(size: usize) -> Self {
        let words = size.div_ceil(WORD_BITS as usize).next_power_of_two();
        // The policy has at most 2^15.
        let size = size as u32;
        let bits = match words {
            ..=NEAR_WORDS => Bits::Near {
                size,
                words: [0; NEAR_WORDS],
            },
            _ => Bits::Far {
                size,
                words: vec![0; words].into_boxed_slice(),
            },
        };
        Self {
            bits,
            newest: Self::NEVER,
        }
    }

    #[inline(always)]
    fn size(&self) -> u64 {
        match self.bits {
            Bits::Near { size, .. } | Bits::Far { size, .. } => size.into(),
        }
    }

    /// The newest index recorded.
    #[inline]
    pub(crate) fn newest(&self) -> Option<u64> {
        (self.newest != Self::NEVER).then_some(self.newest)
    }

    /// Takes every index up to `newest` for used.
    pub(crate) fn use_up_to(&mut self, newest: u64) {
        self.words_mut().fill(u64::MAX);
        self.newest = newest;
    }

    /// Takes no index for used, and keeps the newest one to measure others by.
    pub(crate) fn use_none(&mut self) {
        self.words_mut().fill(0);
    }

    /// The same over `size` indexes.
    pub(crate) fn resize(&mut self, size: usize) {
        if self.size() == size as u64 {
            return;
        }
        let mut resized = Self::new(size);
        if let Some(newest) = self.newest() {
            resized.restore(newest, &self.used());
        }
        *self = resized;
    }

    /// Which of the newest indexes have been used: bit `k` mod 64 of word
    /// `k` / 64 stands for the newest one less `k`. What is too old counts as
    /// used.
    pub(crate) fn used(&self) -> Vec<u64> {
        let Some(newest) = self.newest() else {
            return Vec::new();
        };
        let mut used = vec![u64::MAX; self.size().div_ceil(WORD_BITS) as usize];
        for back in 0..self.size().min(newest + 1) {
            if !self.contains(newest - back) {
                used[(back / WORD_BITS) as usize] &= !(1 << (back % WORD_BITS));
            }
        }
        used
    }

    /// How many indexes from `floor` to the newest have not been used, and still
    /// may be.
    pub(crate) fn free_from(&self, floor: u64) -> u64 {
        let Some(newest) = self.newest() else {
            return 0;
        };
        let within = 0..self.size().min(newest + 1);
        let indexes = within.map(|back| newest - back);
        let free = indexes.filter(|&index| index >= floor && !self.contains(index));
        free.count() as u64
    }

    /// The opposite of [`used`](Self::used), at any size. What `used` does not
    /// reach is taken for used.
    pub(crate) fn restore(&mut self, newest: u64, used: &[u64]) {
        self.use_up_to(newest);
        for back in 0..self.size().min(newest + 1) {
            let word = used.get((back / WORD_BITS) as usize);
            if word.is_some_and(|word| word >> (back % WORD_BITS) & 1 == 0) {
                let (word, bit) = self.place(newest - back);
                self.words_mut()[word] &= !(1 << bit);
            }
        }
    }

    /// Whether `estimate` may still be used; nothing is recorded yet.
    #[inline(always)]
    pub(crate) fn check(&self, estimate: Estimate) -> Result<Candidate, Stale> {
        let index = estimate.index();
        let candidate = Candidate {
            index,
            restarts: estimate.restarts(),
        };
        match self.newest() {
            _ if estimate.restarts() => Ok(candidate),
            Some(newest) if index > newest => Ok(candidate),
            Some(newest) if newest - index >= self.size() => Err(Stale::TooOld),
            Some(_) if self.contains(index) => Err(Stale::Replayed),
            Some(_) | None => Ok(candidate),
        }
    }

    /// Records what [`check`](Self::check) let through. To be called for a
    /// packet that authenticated, or one that is being sent.
    #[inline(always)]
    pub(crate) fn record(&mut self, candidate: Candidate) {
        let index = candidate.index;
        match self.newest() {
            Some(newest) if index > newest => {
                if index - newest > 1 {
                    self.forget(newest + 1, index - 1);
                }
                self.newest = index;
            }
            // A ROC that was set and turned out as it was sets nothing back.
            Some(newest) if index == newest || !candidate.restarts => {}
            // The first packet, or one whose ROC was set back: what was
            // recorded says nothing about the indexes from here on.
            Some(_) | None => {
                self.words_mut().fill(0);
                self.newest = index;
            }
        }
        let (word, bit) = self.place(index);
        self.words_mut()[word] |= 1 << bit;
    }

    #[inline(always)]
    fn contains(&self, index: u64) -> bool {
        let (word, bit) = self.place(index);
        self.words()[word] >> bit & 1 == 1
    }

    /// Clears the bits of `first..=last`, which stand for older indexes still.
    fn forget(&mut self, first: u64, last: u64) {
        if last - first >= self.words().len() as u64 * WORD_BITS {
            self.words_mut().fill(0);
            return;
        }
        let mut at = first;
        while at <= last {
            let (word, bit) = self.place(at);
            let count = (WORD_BITS - bit).min(last - at + 1);
            self.words_mut()[word] &= !(u64::MAX >> (WORD_BITS - count) << bit);
            at += count;
        }
    }

    /// The word and the bit of `index`.
    #[inline(always)]
    fn place(&self, index: u64) -> (usize, u64) {
        let mask = self.words().len() - 1;
        ((index / WORD_BITS) as usize & mask, index % WORD_BITS)
    }

    #[inline(always)]
    fn words(&self) -> &[u64] {
        match &self.bits {
            Bits::Near { words, .. } => words,
            Bits::Far { words, .. } => words,
        }
    }

    #[inline(always)]
    fn words_mut(&mut self) -> &mut [u64] {
        match &mut self.bits {
            Bits::Near { words, .. } => words,
            Bits::Far { words, .. } => words,
        }
    }
}

/// An index that has not been used, and is not recorded yet.
#[derive(Debug)]
pub(crate) struct Candidate {
    index: u64,
    restarts: bool,
}

impl Candidate {
    /// The first index of a stream, which has nothing to compare it with.
    #[inline]
    pub(crate) fn first(estimate: Estimate) -> Self {
        Self {
            index: estimate.index(),
            restarts: estimate.restarts(),
        }
    }
}

/// Why an index may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    Replayed,
    TooOld,
}

const WORD_BITS: u64 = u64::BITS as u64;

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::index::{PacketIndex, Progress, RtcpIndex};

    /// Remembers every index for ever.
    #[derive(Clone, Default)]
    struct Model {
        seen: BTreeSet<u64>,
    }

    impl Model {
        fn check(&self, index: u64, size: u64) -> Result<(), Stale> {
            match self.seen.last() {
                Some(newest) if index + size <= *newest => Err(Stale::TooOld),
                _ if self.seen.contains(&index) => Err(Stale::Replayed),
                _ => Ok(()),
            }
        }
    }

    fn carried(index: u64) -> Estimate {
        let index = u32::try_from(index).ok().and_then(RtcpIndex::new);
        Estimate::of_rtcp(index.unwrap())
    }

    fn agree(window: &mut Window, model: &mut Model, index: u64) {
        let checked = window.check(carried(index));
        assert_eq!(
            checked.as_ref().map(|_| ()).map_err(|stale| *stale),
            model.check(index, window.size()),
            "index {index}, window {window:?}"
        );
        if let Ok(candidate) = checked {
            window.record(candidate);
            model.seen.insert(index);
        }
    }

    #[test]
    fn a_roc_that_turns_out_as_it_was_forgets_nothing() {
        let mut window = Window::new(64);
        let take = |window: &mut Window, index, restarts| {
            let index = PacketIndex::new(index).unwrap();
            window
                .check(Estimate::of_index(index, restarts))
                .map(|candidate| window.record(candidate))
        };
        take(&mut window, 10, false).unwrap();
        take(&mut window, 12, false).unwrap();
        take(&mut window, 12, true).unwrap();
        assert_eq!(take(&mut window, 10, false), Err(Stale::Replayed));
    }

    #[test]
    fn at_a_small_width_every_order_of_arrival_gives_the_models_verdicts() {
        // Windows of 1 to 5 over all 7^6 sequences of six out of seven
        // indexes, placed so that they straddle a word of the ring.
        const INDEXES: u64 = 7;
        const LEN: u32 = 6;
        for size in 1..=5 {
            for sequence in 0..INDEXES.pow(LEN) {
                let mut window = Window::new(size);
                let mut model = Model::default();
                let mut rest = sequence;
                for _ in 0..LEN {
                    agree(&mut window, &mut model, 60 + rest % INDEXES);
                    rest /= INDEXES;
                }
            }
        }
    }

    #[test]
    fn a_check_records_nothing() {
        let mut window = Window::new(64);
        for _ in 0..2 {
            assert!(window.check(carried(5)).is_ok());
        }
        let candidate = window.check(carried(5)).unwrap();
        window.record(candidate);
        assert_eq!(window.check(carried(5)).unwrap_err(), Stale::Replayed);
    }

    #[test]
    fn the_window_ends_exactly_where_it_was_asked_to() {
        for size in [64, 65, 100, 128, 1_000, 32_768] {
            let mut window = Window::new(size);
            let newest = 100_000;
            window.record(Candidate::first(carried(newest)));
            let oldest = newest + 1 - size as u64;
            assert!(window.check(carried(oldest)).is_ok());
            assert_eq!(
                window.check(carried(oldest - 1)).unwrap_err(),
                Stale::TooOld
            );
        }
    }

    #[test]
    fn an_index_set_back_by_hand_starts_the_window_anew() {
        let mut window = Window::new(64);
        window.record(Candidate::first(carried(70_000)));
        let set_back = Progress {
            newest: PacketIndex::new(70_000),
            set_roc: Some(0),
        };
        let (estimate, index) = Estimate::of_rtp(set_back, 10).unwrap();
        let candidate = window.check(estimate).unwrap();
        window.record(candidate);
        assert_eq!(window.newest(), Some(index.get()));
        assert_eq!(window.check(carried(10)).unwrap_err(), Stale::Replayed);
        assert!(window.check(carried(70_000)).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn long_lives_give_the_models_verdicts(
            size in prop_oneof![Just(64usize), 64usize..700, Just(32_768)],
            start in 0u64..1 << 30,
            steps in prop::collection::vec(
                prop_oneof![
                    6 => -3i64..4,
                    3 => -200i64..200,
                    1 => -70_000i64..70_000,
                ],
                1..400,
            ),
        ) {
            let mut window = Window::new(size);
            let mut model = Model::default();
            let mut at = start;
            let mut visited = Vec::new();
            for step in steps {
                at = at.saturating_add_signed(step).min(0x7fff_ffff);
                visited.push(at);
                agree(&mut window, &mut model, at);
            }
            // What was saved and restored, at its size or another, forgets nothing.
            if let Some(newest) = window.newest() {
                for other_size in [size, 64, 2 * size] {
                    let mut restored = Window::new(other_size);
                    restored.restore(newest, &window.used());
                    for &index in &visited {
                        prop_assert!(restored.check(carried(index)).is_err());
                    }
                    for back in 0..(size.min(other_size) as u64).min(newest + 1) {
                        let free = window.check(carried(newest - back)).is_ok();
                        let still = restored.check(carried(newest - back)).is_ok();
                        prop_assert_eq!(free, still);
                    }
                }
            }
            for index in visited {
                agree(&mut window, &mut model, index);
            }
        }
    }
}
