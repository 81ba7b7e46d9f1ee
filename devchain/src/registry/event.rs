//! What the registry logs.

use alloy_primitives::{Address, B256};

use super::abi::Registry as contract;

/// Something that the registry logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryEvent {
    /// The operator's keys came into force.
    OperatorKeysSet {
        /// The only account that may approve.
        account: Address,
        /// How many key sets there were, this one included.
        revision: u32,
    },
    /// A number was claimed.
    ClientAdded {
        /// The number's hash.
        number_hash: B256,
        /// Who claims it.
        sender: Address,
        /// The identity key, SEC 1 compressed.
        key: [u8; 33],
        /// The hash of the enrolment token.
        token_hash: B256,
        /// What an approval has to name.
        record_hash: B256,
    },
    /// A claim was removed.
    ClientDropped {
        /// The number's hash.
        number_hash: B256,
        /// Who had claimed it.
        sender: Address,
    },
    /// A claim was approved.
    ClientApproved {
        /// The number's hash.
        number_hash: B256,
        /// Who had claimed it.
        holder: Address,
        /// The identity key, SEC 1 compressed.
        key: [u8; 33],
        /// The record's revision.
        revision: u32,
        /// When it comes into force; Unix time in seconds.
        valid_since: u64,
        /// What was approved.
        record_hash: B256,
    },
    /// A record's holder put another key in its place.
    ClientRotated {
        /// The number's hash.
        number_hash: B256,
        /// The record's holder.
        holder: Address,
        /// The new identity key, SEC 1 compressed.
        key: [u8; 33],
        /// The record's new revision.
        revision: u32,
    },
    /// A record went out of force.
    ClientRevoked {
        /// The number's hash.
        number_hash: B256,
        /// Its holder or the operator.
        by: Address,
        /// The revocation's revision.
        revision: u32,
    },
    /// A successor will not come into force.
    SuccessorDropped {
        /// The number's hash.
        number_hash: B256,
        /// The record's holder or the operator.
        by: Address,
    },
}

impl From<contract::RegistryEvents> for RegistryEvent {
    fn from(event: contract::RegistryEvents) -> Self {
        use contract::RegistryEvents as Events;

        let key = |prefix: u8, x: B256| {
            let mut key = [prefix; 33];
            key[1..].copy_from_slice(&x.0);
            key
        };
        match event {
            Events::OperatorKeysSet(event) => Self::OperatorKeysSet {
                account: event.account,
                revision: event.revision,
            },
            Events::ClientAdded(event) => Self::ClientAdded {
                number_hash: event.numberHash,
                sender: event.sender,
                key: key(event.keyPrefix, event.keyX),
                token_hash: event.tokenHash,
                record_hash: event.recordHash,
            },
            Events::ClientDropped(event) => Self::ClientDropped {
                number_hash: event.numberHash,
                sender: event.sender,
            },
            Events::ClientApproved(event) => Self::ClientApproved {
                number_hash: event.numberHash,
                holder: event.holder,
                key: key(event.keyPrefix, event.keyX),
                revision: event.revision,
                valid_since: event.validSince.to(),
                record_hash: event.recordHash,
            },
            Events::ClientRotated(event) => Self::ClientRotated {
                number_hash: event.numberHash,
                holder: event.holder,
                key: key(event.keyPrefix, event.keyX),
                revision: event.revision,
            },
            Events::ClientRevoked(event) => Self::ClientRevoked {
                number_hash: event.numberHash,
                by: event.by,
                revision: event.revision,
            },
            Events::SuccessorDropped(event) => Self::SuccessorDropped {
                number_hash: event.numberHash,
                by: event.by,
            },
        }
    }
}
