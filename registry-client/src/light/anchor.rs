//! The execution block that a light client vouches for.

use core::time::Duration;

use alloy_primitives::B256;

use crate::light::fork::Fork;
use crate::light::header::LightHeader;
use crate::light::network::Network;

/// An execution block that is final. Only a [`Store`](crate::light::Store) makes one, or evidence checked against one.
///
/// The block's *hash* is what counts: from it on, everything is proven by the execution chain's own means, in
/// every fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    block_hash: B256,
    slot: u64,
    time: u64,
    chain_id: u64,
}

impl Anchor {
    /// For whoever has shown `header` to be final.
    pub(crate) fn of_header(
        network: &Network,
        header: &LightHeader,
        now: u64,
        max_age: Duration,
    ) -> Result<Self, AnchorError> {
        let slot = header.beacon.slot;
        let time = network.time_of(slot);
        let age = Duration::from_secs(now.saturating_sub(time));
        if age > max_age {
            return Err(AnchorError::Stale { slot, age, max_age });
        }
        let fork = network.fork_of(slot);
        let block_hash = header.execution.block_hash;
        if fork < Fork::Capella || block_hash.is_zero() {
            return Err(AnchorError::NoExecution { slot, fork });
        }
        Ok(Self {
            block_hash,
            slot,
            time,
            chain_id: network.chain_id(),
        })
    }

    /// The execution block's hash.
    #[must_use]
    pub fn block_hash(&self) -> B256 {
        self.block_hash
    }

    /// The beacon slot that holds it.
    #[must_use]
    pub fn slot(&self) -> u64 {
        self.slot
    }

    /// When that slot began; Unix time in seconds.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The execution chain's id, as the network's configuration has it.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }
}

/// Why there is no block to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// What is final is too old to answer by.
    #[error(
        "the newest final header known (slot {slot}) is {} minutes old, more than the {} that are allowed",
        age.as_secs() / 60,
        max_age.as_secs() / 60
    )]
    Stale {
        /// Its slot.
        slot: u64,
        /// Its age.
        age: Duration,
        /// The most that is allowed.
        max_age: Duration,
    },
    /// Two histories are proven, so that neither is believed.
    #[error(
        "two different histories are proven (slot {slot}), so that nothing is believed; start again from a checkpoint newer than that slot"
    )]
    Contested {
        /// The slot.
        slot: u64,
    },
    /// Headers of that fork name no execution block.
    #[error("the final header (slot {slot}, fork {fork}) names no execution block")]
    NoExecution {
        /// Its slot.
        slot: u64,
        /// The fork of its slot.
        fork: Fork,
    },
}
