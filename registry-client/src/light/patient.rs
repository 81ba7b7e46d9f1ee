//! How long a node is waited for.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use alloy_primitives::B256;

use crate::light::beacon::Beacon;
use crate::light::header::BeaconHeader;
use crate::light::objects::{Bootstrap, Update};
use crate::transport::TransportError;

/// The time of a monotonic clock.
pub(crate) type Elapsed = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A node that has so much time in each round, and none any more in a round once it has let a question's time run out.
/// So whatever it does, a round ends, and the others are asked.
pub(crate) struct Patient<B> {
    beacon: B,
    elapsed: Elapsed,
    took: Duration,
    has_timed_out: bool,
}

/// The time that one node has for all the questions of a round; the last one may go beyond it by a question's time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// This machine's clock.
pub(crate) fn system_clock() -> Elapsed {
    let begun = Instant::now();
    Arc::new(move || begun.elapsed())
}

impl<B> Patient<B> {
    pub(crate) fn new(beacon: B, elapsed: &Elapsed) -> Self {
        Self {
            beacon,
            elapsed: Arc::clone(elapsed),
            took: Duration::ZERO,
            has_timed_out: false,
        }
    }

    pub(crate) fn by_clock(self, elapsed: &Elapsed) -> Self {
        Self::new(self.beacon, elapsed)
    }

    /// A new round begins.
    pub(crate) fn begin(&mut self) {
        (self.took, self.has_timed_out) = (Duration::ZERO, false);
    }
}

impl<B: Beacon> Patient<B> {
    fn ask<A>(
        &mut self,
        question: impl FnOnce(&mut B) -> Result<A, TransportError>,
    ) -> Result<A, TransportError> {
        if self.has_timed_out || self.took >= PATIENCE {
            return Err(TransportError::TimedOut {
                node: self.beacon.name(),
                limit: PATIENCE,
            });
        }
        let begun = (self.elapsed)();
        let answer = question(&mut self.beacon);
        let took = (self.elapsed)().saturating_sub(begun);
        self.took = self.took.saturating_add(took);
        self.has_timed_out = matches!(answer, Err(TransportError::TimedOut { .. }));
        answer
    }
}

impl<B: Beacon> Beacon for Patient<B> {
    fn name(&self) -> String {
        self.beacon.name()
    }

    fn bootstrap(&mut self, block_root: B256) -> Result<Bootstrap, TransportError> {
        self.ask(|beacon| beacon.bootstrap(block_root))
    }

    fn update(&mut self, period: u64) -> Result<Update, TransportError> {
        self.ask(|beacon| beacon.update(period))
    }

    fn finality_update(&mut self) -> Result<Update, TransportError> {
        self.ask(Beacon::finality_update)
    }

    fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
        self.ask(|beacon| beacon.block_root(slot))
    }

    fn block_header(&mut self, block_root: B256) -> Result<BeaconHeader, TransportError> {
        self.ask(|beacon| beacon.block_header(block_root))
    }
}

impl<B: fmt::Debug> fmt::Debug for Patient<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.beacon.fmt(f)
    }
}
