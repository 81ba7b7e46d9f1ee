//! A call's set-up as a table of moments.

use std::fmt;
use std::time::Duration;

use crate::table::{Align, Table};

/// What happened on two sides, in the order of time.
///
/// ```
/// use callseal::demo::timeline::Timeline;
/// use std::time::Duration;
///
/// let mut timeline = Timeline::new(["caller", "callee"], Duration::from_millis(5));
/// timeline.add(1, Duration::from_micros(6_250), "M1 accepted");
/// timeline.add(0, Duration::from_micros(5_500), "M1 sent");
/// assert_eq!(
///     timeline.to_string(),
///     "     ms  caller   callee\n  0.500  M1 sent\n  1.250           M1 accepted\n",
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Timeline {
    sides: [&'static str; 2],
    begun: Duration,
    moments: Vec<(Duration, usize, String)>,
}

impl Timeline {
    /// An empty timeline of two sides that begins at `begun`.
    pub fn new(sides: [&'static str; 2], begun: Duration) -> Self {
        Self {
            sides,
            begun,
            moments: Vec::new(),
        }
    }

    /// Adds what happened on a side, 0 or 1.
    pub fn add(&mut self, side: usize, at: Duration, what: impl Into<String>) {
        self.moments.push((at, side, what.into()));
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut moments = self.moments.clone();
        moments.sort_by_key(|(at, side, _)| (*at, *side));
        let [first, second] = self.sides;
        let mut table = Table::new([
            ("     ms", Align::Right),
            (first, Align::Left),
            (second, Align::Left),
        ]);
        for (at, side, what) in moments {
            let at = millis(at.saturating_sub(self.begun));
            table.row(match side {
                0 => [at, what, String::new()],
                _ => [at, String::new(), what],
            });
        }
        write!(f, "{table}")
    }
}

/// A duration in milliseconds, to the microsecond.
pub fn millis(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64() * 1_000.0)
}
