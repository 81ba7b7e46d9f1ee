//! How often somebody may ask.

use core::hash::Hash;
use core::time::Duration;
use std::collections::{HashMap, VecDeque};

/// So many in a window of time for each key, in bounded memory.
///
/// ```
/// use core::time::Duration;
/// use callseal_eims::service::RateLimit;
///
/// let mut limit = RateLimit::new(2, Duration::from_secs(60), 1_000);
/// let at = Duration::from_secs;
/// assert!(limit.admit("alice", at(0)) && limit.admit("alice", at(1)));
/// assert!(!limit.admit("alice", at(2)));
/// assert!(limit.admit("bob", at(2)));
/// assert!(limit.admit("alice", at(60)));
/// ```
#[derive(Debug)]
pub struct RateLimit<K> {
    most: u32,
    window: Duration,
    /// The most keys that are known at a time.
    room: usize,
    counts: HashMap<K, u32>,
    /// The keys that are known, by when their windows began.
    began: VecDeque<(Duration, K)>,
}

impl<K: Copy + Eq + Hash> RateLimit<K> {
    /// At most `most` in each `window` that begins with a key's first; at most
    /// `room` keys are known at a time. A new key is never refused for want of
    /// room: the one whose window began first is forgotten, and may begin
    /// another one.
    #[must_use]
    pub fn new(most: u32, window: Duration, room: usize) -> Self {
        Self {
            most,
            window,
            room,
            counts: HashMap::new(),
            began: VecDeque::new(),
        }
    }

    /// Whether `key` may, at this time; counted if it may.
    pub fn admit(&mut self, key: K, now: Duration) -> bool {
        let may = self.would_admit(&key, now);
        if may {
            self.count(key, now);
        }
        may
    }

    /// Whether `key` may, at this time.
    pub(crate) fn would_admit(&mut self, key: &K, now: Duration) -> bool {
        while let Some((began, _)) = self.began.front()
            && now.saturating_sub(*began) >= self.window
        {
            self.forget_first();
        }
        self.counts.get(key).copied().unwrap_or(0) < self.most
    }

    pub(crate) fn count(&mut self, key: K, now: Duration) {
        if let Some(count) = self.counts.get_mut(&key) {
            *count = count.saturating_add(1);
            return;
        }
        if self.counts.len() >= self.room {
            self.forget_first();
        }
        self.counts.insert(key, 1);
        self.began.push_back((now, key));
    }

    #[cfg(test)]
    pub(crate) fn known(&self) -> usize {
        self.counts.len()
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.began.pop_front() {
            self.counts.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_nobody_is_refused_for_want_of_it() {
        let mut limit = RateLimit::new(1, Duration::from_secs(60), 3);
        for key in 0..100 {
            assert!(limit.admit(key, Duration::from_secs(1)), "{key}");
            assert!(limit.counts.len() <= 3 && limit.began.len() <= 3);
        }
        assert!(!limit.admit(99, Duration::from_secs(60)));
        assert!(limit.admit(99, Duration::from_secs(61)));
        assert_eq!((limit.counts.len(), limit.began.len()), (1, 1));
    }
}
