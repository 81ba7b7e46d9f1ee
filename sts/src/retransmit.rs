//! When the caller repeats itself (PROTOCOL.md §6, after RFC 6189's T2).

use core::time::Duration;

/// The repetitions of one message.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    next: Duration,
    interval: Duration,
    until: Duration,
}

const FIRST: Duration = Duration::from_millis(150);
const LONGEST: Duration = Duration::from_millis(1_200);

impl Schedule {
    /// A message that was first sent `now` and is given up after `patience`.
    pub(crate) fn new(now: Duration, patience: Duration) -> Self {
        Self {
            next: now + FIRST,
            interval: 2 * FIRST,
            until: now + patience,
        }
    }

    /// When something is to be done: repeat or give up.
    pub(crate) fn next(&self) -> Duration {
        self.next.min(self.until)
    }

    /// Whether it is time to give up.
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        now >= self.until
    }

    /// Whether it is time to repeat; if so, the time after that is set.
    #[must_use]
    pub(crate) fn is_due(&mut self, now: Duration) -> bool {
        let due = now >= self.next;
        if due {
            self.repeated(now);
        }
        due
    }

    /// The message was sent again, in its turn or out of it.
    pub(crate) fn repeated(&mut self, now: Duration) {
        self.next = now + self.interval;
        self.interval = (2 * self.interval).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_double_up_to_the_longest() {
        let mut schedule = Schedule::new(Duration::ZERO, Duration::from_secs(10));
        let mut at = Vec::new();
        while !schedule.is_over(schedule.next()) {
            let now = schedule.next();
            assert!(!schedule.is_due(now - Duration::from_nanos(1)));
            assert!(schedule.is_due(now));
            at.push(now.as_millis());
        }
        assert_eq!(
            at,
            [150, 450, 1050, 2250, 3450, 4650, 5850, 7050, 8250, 9450]
        );
        assert_eq!(schedule.next(), Duration::from_secs(10));
    }
}
