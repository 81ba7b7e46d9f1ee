//! How often somebody may ask.

use core::hash::Hash;
use core::time::Duration;
use std::collections::HashMap;

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
    /// At how many known keys those are forgotten whose window is over.
    look_at: usize,
    counts: HashMap<K, (Duration, u32)>,
}

/// Fewer keys than this are not worth a look.
const FEW: usize = 64;

impl<K: Eq + Hash> RateLimit<K> {
    /// At most `most` in each `window` that begins with a key's first; at most
    /// `room` keys are known at a time, and while there is no room new ones
    /// are refused.
    #[must_use]
    pub fn new(most: u32, window: Duration, room: usize) -> Self {
        Self {
            most,
            window,
            room,
            look_at: FEW.min(room),
            counts: HashMap::new(),
        }
    }

    /// Whether `key` may, at this time.
    pub fn admit(&mut self, key: K, now: Duration) -> bool {
        let over = |began: Duration| now.saturating_sub(began) >= self.window;
        if self.counts.len() >= self.look_at && !self.counts.contains_key(&key) {
            self.counts.retain(|_, (began, _)| !over(*began));
            let left = self.counts.len();
            if left >= self.room {
                return false;
            }
            // Each key is looked at twice on the average, and memory follows
            // those who have come lately.
            self.look_at = left.saturating_mul(2).clamp(FEW.min(self.room), self.room);
        }
        let (began, count) = self.counts.entry(key).or_insert((now, 0));
        if over(*began) {
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_made_free_again() {
        let mut limit = RateLimit::new(1, Duration::from_secs(60), 3);
        for key in 0..3 {
            assert!(limit.admit(key, Duration::ZERO));
        }
        assert!(!limit.admit(3, Duration::from_secs(59)));
        assert!(!limit.admit(2, Duration::from_secs(59)));
        assert!(limit.admit(3, Duration::from_secs(60)));
        assert_eq!(limit.counts.len(), 1);
    }
}
