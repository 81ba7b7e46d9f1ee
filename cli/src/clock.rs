//! One clock for everything that happens in a process.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Monotonic time since the clock was started, and what it is on the wall.
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
    started_unix: Duration,
}

impl Clock {
    /// Starts at zero now.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            started_unix: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    /// Since the start; never goes back.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The wall clock's time at `now`, since the Unix epoch. It follows no
    /// correction of the wall clock after the start.
    pub fn unix_time(&self, now: Duration) -> Duration {
        self.started_unix + now
    }
}
