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
    contested: Option<Contested>,
}

/// Two histories that are both proven, so that neither is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contested {
    /// The slot in which they differ, or the newest before which they do.
    pub slot: u64,
    /// Who has proven them.
    pub nodes: [String; 2],
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

    /// The same with a newer header attested; as unchecked as [`trusting`](Self::trusting).
    #[cfg(feature = "unchecked")]
    #[must_use]
    pub fn attesting(mut self, attested: LightHeader) -> Self {
        self.attested = attested;
        self
    }

    /// Takes in what an update has shown. One that was verified against another state changes nothing.
    pub fn apply_update(&mut self, update: VerifiedUpdate) -> Applied {
        if update.base != self.name() || self.contested.is_some() {
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
            applied.attested = true;
        }
        applied
    }

    /// Takes in the committee that an update has shown. The final header moves only where the committee's turn has
    /// come with it: whether all nodes have the newest one is for others to find out.
    pub(crate) fn apply_committee(&mut self, update: VerifiedUpdate) {
        let finalized = update.finalized.as_ref();
        let is_missing = self.lacks_next_of(&update.attested, finalized, update.next.as_ref());
        if is_missing && update.base == self.name() {
            self.next = update.next;
        } else {
            self.apply_update(update);
        }
    }

    /// The execution block that everything can be proven from at `now` (Unix time in seconds).
    ///
    /// # Errors
    ///
    /// [`AnchorError`] when it is older than `max_age`, when there is none before the fork Capella, or when it is
    /// [contested](Self::contested).
    pub fn anchor(&self, now: u64, max_age: Duration) -> Result<Anchor, AnchorError> {
        if let Some(Contested { slot, .. }) = self.contested {
            return Err(AnchorError::Contested { slot });
        }
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

    /// Whether two histories were proven. That lasts: nothing is proven from this state any more, and nothing changes
    /// it. Its [`to_state`](Self::to_state) says no more than that.
    #[must_use]
    pub fn contested(&self) -> Option<&Contested> {
        self.contested.as_ref()
    }

    pub(crate) fn contest(&mut self, slot: u64, nodes: [String; 2]) {
        self.contested.get_or_insert(Contested { slot, nodes });
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
            contested: None,
        }
    }

    /// Whether an update would make a committee known, or the next one take over.
    pub(crate) fn is_led_on_by(&self, update: &VerifiedUpdate) -> bool {
        let finalized = update.finalized.as_ref();
        let is_next_period = finalized.is_some_and(|finalized| {
            let slot = finalized.beacon.slot;
            self.network.period_of(slot) == self.period().saturating_add(1)
        });
        self.lacks_next_of(&update.attested, finalized, update.next.as_ref())
            || (is_next_period && self.next.is_some())
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
    /// There is a newer attested header.
    pub attested: bool,
}

impl Applied {
    pub(crate) fn is_any(self) -> bool {
        self.finalized || self.committee || self.attested
    }
}
