//! One clock for everything that happens in a process.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Monotonic time, and what it is on the wall.
///
/// ```
/// use callseal::clock::Clock;
///
/// let clock = Clock::start();
/// let now = clock.now();
/// assert!(clock.now() >= now);
/// assert!(clock.unix_time(now).as_secs() > 1_700_000_000);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    /// The wall clock's at the start, taken apart: whole seconds apart, so
    /// that both times tick at the same moments. Jitter comes out the same
    /// then, whether measured in the call or in a capture of it.
    started_seconds: Duration,
    started_fraction: Duration,
}

impl Clock {
    /// Starts now, at less than a second.
    pub fn start() -> Self {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            started: Instant::now(),
            started_seconds: Duration::from_secs(unix.as_secs()),
            started_fraction: Duration::from_nanos(u64::from(unix.subsec_nanos())),
        }
    }

    /// Never goes back.
    pub fn now(&self) -> Duration {
        self.started_fraction + self.started.elapsed()
    }

    /// The wall clock's time at `now`, since the Unix epoch. It follows no
    /// correction of the wall clock after the start.
    pub fn unix_time(&self, now: Duration) -> Duration {
        self.started_seconds + now
    }
}

/// The wall clock, in whole seconds; for what is dated by blocks.
pub(crate) fn unix_time() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_times_differ_by_whole_seconds() {
        let clock = Clock::start();
        let now = clock.now();
        assert_eq!((clock.unix_time(now) - now).subsec_nanos(), 0);
    }
}
