//! The mark of what has been proven.

use core::time::Duration;

use alloy_primitives::{Address, B256};

use crate::header::VerifiedHeader;
use crate::number::number_hash;
use crate::record::Record;
use crate::registry::{Answer, RegistryConfig};

/// Something that was proven to hold in a block; only this crate makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    number_hash: Option<B256>,
    /// Apart, since answers travel in events, whose other kinds are small.
    place: Box<Place>,
    slot: Option<u64>,
}

/// Where something was proven to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    registry: RegistryConfig,
    header: VerifiedHeader,
}

impl<T> Verified<T> {
    /// For whoever has just proven that this registry has `value`, down from this header's state root.
    pub(crate) fn new(
        value: T,
        registry: RegistryConfig,
        header: VerifiedHeader,
        slot: Option<u64>,
    ) -> Self {
        Self {
            value,
            number_hash: None,
            place: Box::new(Place { registry, header }),
            slot,
        }
    }

    /// The same about one number.
    pub(crate) fn about(
        number_hash: B256,
        value: T,
        registry: RegistryConfig,
        header: VerifiedHeader,
        slot: Option<u64>,
    ) -> Self {
        Self {
            number_hash: Some(number_hash),
            ..Self::new(value, registry, header, slot)
        }
    }

    /// Whether this was proven about `number` (E.164): an answer about one number says nothing about another.
    #[must_use]
    pub fn is_about(&self, number: &str) -> bool {
        self.number_hash.is_some() && number_hash(number).ok() == self.number_hash
    }

    /// Whether this was read in that registry: what one operator's says counts for nobody else's.
    #[must_use]
    pub fn is_from(&self, registry: &RegistryConfig) -> bool {
        self.place.registry == *registry
    }

    /// The contract in which it was read.
    #[must_use]
    pub fn contract(&self) -> Address {
        self.place.registry.contract
    }

    /// The id of that contract's chain.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.place.registry.chain_id
    }

    /// What was proven.
    #[must_use]
    pub fn value(&self) -> &T {
        &self.value
    }

    /// What was proven, without the mark.
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }

    /// The hash of the block that it was proven for.
    #[must_use]
    pub fn block_hash(&self) -> B256 {
        self.place.header.block_hash()
    }

    /// The number of that block.
    #[must_use]
    pub fn block_number(&self) -> u64 {
        self.place.header.number()
    }

    /// The root of the state after it, from which the proofs lead down.
    #[must_use]
    pub fn state_root(&self) -> B256 {
        self.place.header.state_root()
    }

    /// When that block was made; Unix time in seconds.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.place.header.timestamp()
    }

    /// The beacon slot of that block, where a light client found it.
    #[must_use]
    pub fn slot(&self) -> Option<u64> {
        self.slot
    }

    /// How old that block is at `now` (Unix time in seconds).
    #[must_use]
    pub fn age(&self, now: u64) -> Duration {
        Duration::from_secs(now.saturating_sub(self.timestamp()))
    }
}

impl Verified<Answer> {
    /// The proven record, or `None` when its absence was proven.
    #[must_use]
    pub fn into_record(self) -> Option<Verified<Record>> {
        match self.value {
            Answer::Record(record) => Some(Verified {
                value: record,
                number_hash: self.number_hash,
                place: self.place,
                slot: self.slot,
            }),
            Answer::Absent => None,
        }
    }
}

impl Verified<Record> {
    /// Whether the operator vouched for the key when the block was made.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        self.value.is_in_force(self.place.header.timestamp())
    }
}
