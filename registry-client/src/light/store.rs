//! What a client believes: one final header, and who may sign.

use core::time::Duration;

use alloy_primitives::B256;

use crate::light::anchor::{Anchor, AnchorError};
use crate::light::bootstrap::VerifiedBootstrap;
use crate::light::committee::{Committee, SyncCommittee};
use crate::light::container::container_root;
use crate::light::header::LightHeader;
use crate::light::network::Network;
use crate::light::update::VerifiedUpdate;

/// The state of a light client. It changes only by what was verified against it.
#[derive(Clone, Debug)]
pub struct Store {
    network: Network,
    pub(crate) finalized: LightHeader,
    pub(crate) attested: LightHeader,
    /// The committee of the finalized header's period.
    pub(crate) current: Committee,
    /// The one after it, once it is known.
    pub(crate) next: Option<Committee>,
}

impl Store {
    /// The state at a verified checkpoint.
    #[must_use]
    pub fn new(bootstrap: VerifiedBootstrap) -> Self {
        let VerifiedBootstrap {
            network,
            header,
            committee,
        } = bootstrap;
        Self::from_parts(network, header, committee, None)
    }

    /// A state that nobody has checked; for tests, which need states that no history leads to.
    #[cfg(feature = "unchecked")]
    #[must_use]
    pub fn trusting(
        network: Network,
        finalized: LightHeader,
        current: SyncCommittee,
        next: Option<SyncCommittee>,
    ) -> Self {
        let next = next.map(Committee::new);
        Self::from_parts(network, finalized, Committee::new(current), next)
    }

    /// Takes in what an update has shown. One that was verified against another state changes nothing.
    pub fn apply_update(&mut self, update: VerifiedUpdate) -> Applied {
        if update.base != self.name() {
            return Applied::default();
        }
        let mut applied = Applied::default();
        if let Some(finalized) = update.finalized {
            let is_newer = finalized.beacon.slot > self.finalized_slot();
            let is_next_period =
                self.network.period_of(finalized.beacon.slot) == self.period().saturating_add(1);
            if self.lacks_next_of(&update.attested, Some(&finalized), update.next.as_ref()) {
                self.next = update.next;
                applied.committee = true;
            } else if is_newer
                && is_next_period
                && let Some(next) = self.next.take()
            {
                self.current = next;
                self.next = update.next;
                applied.committee = true;
            }
            if is_newer {
                self.finalized = finalized;
                applied.finalized = true;
            }
        }
        if update.attested.beacon.slot > self.attested_slot() {
            self.attested = update.attested;
        }
        applied
    }

    /// The execution block that everything can be proven from at `now` (Unix time in seconds).
    ///
    /// # Errors
    ///
    /// [`AnchorError`] when it is older than `max_age`, or when there is none before the fork Capella.
    pub fn anchor(&self, now: u64, max_age: Duration) -> Result<Anchor, AnchorError> {
        Anchor::of_header(&self.network, &self.finalized, now, max_age)
    }

    /// Which network this is about.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The newest final header.
    #[must_use]
    pub fn finalized(&self) -> &LightHeader {
        &self.finalized
    }

    /// Its slot.
    #[must_use]
    pub fn finalized_slot(&self) -> u64 {
        self.finalized.beacon.slot
    }

    /// The newest header that two thirds of a committee signed; it may still be replaced by another.
    #[must_use]
    pub fn attested(&self) -> &LightHeader {
        &self.attested
    }

    /// Its slot.
    #[must_use]
    pub fn attested_slot(&self) -> u64 {
        self.attested.beacon.slot
    }

    /// The sync-committee period of the finalized header.
    #[must_use]
    pub fn period(&self) -> u64 {
        self.network.period_of(self.finalized_slot())
    }

    /// The committee of that period.
    #[must_use]
    pub fn current_committee(&self) -> &SyncCommittee {
        self.current.given()
    }

    /// The committee of the period after it, once it is known.
    #[must_use]
    pub fn next_committee(&self) -> Option<&SyncCommittee> {
        self.next.as_ref().map(Committee::given)
    }

    /// How old the finalized header is at `now` (Unix time in seconds).
    #[must_use]
    pub fn age(&self, now: u64) -> Duration {
        Duration::from_secs(now.saturating_sub(self.network.time_of(self.finalized_slot())))
    }

    pub(crate) fn from_parts(
        network: Network,
        finalized: LightHeader,
        current: Committee,
        next: Option<Committee>,
    ) -> Self {
        Self {
            network,
            attested: finalized.clone(),
            finalized,
            current,
            next,
        }
    }

    /// Whether `next` is the committee that is missing, and is final.
    pub(crate) fn lacks_next_of(
        &self,
        attested: &LightHeader,
        finalized: Option<&LightHeader>,
        next: Option<&Committee>,
    ) -> bool {
        let is_ours =
            |header: &LightHeader| self.network.period_of(header.beacon.slot) == self.period();
        self.next.is_none() && next.is_some() && is_ours(attested) && finalized.is_some_and(is_ours)
    }

    /// Whether a header is in our final header's place.
    pub(crate) fn contradicts(&self, header: &LightHeader) -> bool {
        header.beacon.slot == self.finalized_slot() && header.beacon != self.finalized.beacon
    }

    /// A name for what updates are verified against.
    pub(crate) fn name(&self) -> B256 {
        container_root(&[
            self.finalized.beacon.root(),
            self.current.root(),
            self.next.as_ref().map_or(B256::ZERO, Committee::root),
        ])
    }
}

/// What an update has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// There is a newer final header.
    pub finalized: bool,
    /// A committee became known, or the next one took over.
    pub committee: bool,
}
