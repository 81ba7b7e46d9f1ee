//! Now, on both clocks that an agreement needs.

use core::time::Duration;

/// Now: what the calendar says, for what others have dated, and a clock that
/// is never set back, for how long something is kept.
///
/// ```
/// use core::time::Duration;
/// use callseal_eims::Moment;
///
/// let started = std::time::Instant::now();
/// let now = Moment {
///     unix: std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs()),
///     elapsed: started.elapsed(),
/// };
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moment {
    /// Unix seconds.
    pub unix: u64,
    /// Since any moment of the caller's choosing, always the same one.
    pub elapsed: Duration,
}
