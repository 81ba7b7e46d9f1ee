//! What is told of an update that was taken in.

use crate::light::store::Store;
use crate::light::update::VerifiedUpdate;

/// What a committee has signed, as an update has shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signed {
    /// The slot that was signed.
    pub attested_slot: u64,
    /// The newest slot that it shows to be final.
    pub finalized_slot: Option<u64>,
    /// How many of the committee signed.
    pub participants: usize,
    /// How many they are in all.
    pub committee_size: usize,
    /// The period whose committee it shows.
    pub committee_of: Option<u64>,
}

impl Signed {
    pub(crate) fn of(store: &Store, update: &VerifiedUpdate) -> Self {
        let network = store.network();
        let next_period = network.period_of(update.attested_slot()).saturating_add(1);
        Self {
            attested_slot: update.attested_slot(),
            finalized_slot: update.finalized_slot(),
            participants: update.participants(),
            committee_size: network.preset().committee_size(),
            committee_of: update.next.as_ref().map(|_| next_period),
        }
    }
}
