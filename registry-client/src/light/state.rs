//! A store's state as octets: what a client keeps over a restart.
//!
//! | octets | content |
//! |---|---|
//! | 8 | `callseal` |
//! | 2 | format, 1; most significant octet first, as all numbers here |
//! | 32 | the network's genesis validators root |
//! | 4, then as many | the finalized header's length; the header in SSZ, in the shape of the fork Fulu |
//! | 48 for each key and one more | the current committee in SSZ |
//! | 1 | whether the next committee follows |
//! | as above | the next committee |
//! | 32 | SHA-256 of all octets before |
//!
//! Of a [contested](Store::contested) store nothing is kept but that it is: format 2, the network, the slot in 8
//! octets, the checksum.
//!
//! The checksum finds damage. Who can write the file can forge it: it is as private as the program's other files.

use core::time::Duration;

use alloy_primitives::B256;

use crate::light::bootstrap::WEAK_SUBJECTIVITY_LIMIT;
use crate::light::committee::{Committee, KeyOctets, SyncCommittee};
use crate::light::fork::Fork;
use crate::light::header::LightHeaderError;
use crate::light::network::Network;
use crate::light::ssz::{committee, committee_octets, header_from, header_octets};
use crate::light::store::Store;

impl Store {
    /// The state as octets, about 50 KiB on the main network.
    #[must_use]
    pub fn to_state(&self) -> Vec<u8> {
        let mut state = Vec::new();
        state.extend(MAGIC);
        let format = match self.contested() {
            Some(_) => FORMAT_CONTESTED,
            None => FORMAT,
        };
        state.extend(format.to_be_bytes());
        state.extend(self.network().terms().genesis_validators_root);
        if let Some(contested) = self.contested() {
            state.extend(contested.slot.to_be_bytes());
            let checksum = ethereum_hashing::hash_fixed(&state);
            state.extend(checksum);
            return state;
        }
        let header = header_octets(&self.finalized, SHAPE);
        // Two kibibytes at most: it is of a fixed size but for 32 octets.
        state.extend((header.len() as u32).to_be_bytes());
        state.extend(header);
        state.extend(committee_octets(self.current.given()));
        state.push(self.next.is_some().into());
        if let Some(next) = &self.next {
            state.extend(committee_octets(next.given()));
        }
        let checksum = ethereum_hashing::hash_fixed(&state);
        state.extend(checksum);
        state
    }

    /// The store that [`to_state`](Self::to_state) wrote, if it can still be believed at `now` (Unix time in seconds).
    ///
    /// # Errors
    ///
    /// [`StateError`] says what is wrong. The remedy is always the same: start again from a fresh checkpoint.
    pub fn from_state(network: Network, state: &[u8], now: u64) -> Result<Self, StateError> {
        // What begins otherwise is somebody else's, and what ends before that may be all that a crash has left.
        if !state.starts_with(MAGIC) && !MAGIC.starts_with(state) {
            return Err(StateError::NotAState);
        }
        let (content, checksum) = state.split_last_chunk::<32>().ok_or(StateError::Damaged)?;
        if ethereum_hashing::hash_fixed(content) != *checksum {
            return Err(StateError::Damaged);
        }
        let mut reader = Reader(content);
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(StateError::NotAState);
        }
        let [high, low] = reader.array()?;
        let format = u16::from_be_bytes([high, low]);
        if format != FORMAT && format != FORMAT_CONTESTED {
            return Err(StateError::Format { got: format });
        }
        let got = B256::from(reader.array()?);
        let expected = network.terms().genesis_validators_root;
        if got != expected {
            return Err(StateError::Network { expected, got });
        }
        if format == FORMAT_CONTESTED {
            let slot = u64::from_be_bytes(reader.array()?);
            return Err(match reader.0.is_empty() {
                true => StateError::Contested { slot },
                false => StateError::NotAState,
            });
        }
        let header_len = u32::from_be_bytes(reader.array()?) as usize;
        let header =
            header_from(reader.take(header_len)?, SHAPE).map_err(|_| StateError::NotAState)?;
        header.verify(&network).map_err(StateError::Header)?;
        let committee_len = (network.preset().committee_size() + 1) * size_of::<KeyOctets>();
        let current = reader.committee(committee_len)?;
        let next = match reader.array()? {
            [0] => None,
            [1] => Some(reader.committee(committee_len)?),
            _ => return Err(StateError::NotAState),
        };
        if !reader.0.is_empty() {
            return Err(StateError::NotAState);
        }
        let next = next.map(Committee::new);
        let store = Self::from_parts(network, header, Committee::new(current), next);
        let age = store.age(now);
        match age > WEAK_SUBJECTIVITY_LIMIT {
            true => Err(StateError::TooOld { age }),
            false => Ok(store),
        }
    }
}

/// Why a kept state is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It is cut off or changed.
    #[error("the kept state is damaged; delete it and start again from a fresh checkpoint")]
    Damaged,
    /// It is something else, or not what this network's store writes.
    #[error(
        "this is not the kept state of a light client, or not of this network; name another file, or remove it if nobody needs it"
    )]
    NotAState,
    /// Another version of this program wrote it.
    #[error(
        "the kept state has format {got}, this program knows 1 and 2; delete it and start again from a fresh checkpoint"
    )]
    Format {
        /// Its format.
        got: u16,
    },
    /// It is another network's.
    #[error(
        "the kept state is of the network with genesis validators root {got}, ours is {expected}; name another file, or the right network"
    )]
    Network {
        /// Our network's.
        expected: B256,
        /// The state's.
        got: B256,
    },
    /// It was given up, since two histories were proven.
    #[error(
        "two beacon nodes have proven different histories (slot {slot}), so that nothing is believed; find out which of them is right, and start again from a checkpoint newer than that slot, from somebody you trust"
    )]
    Contested {
        /// The slot.
        slot: u64,
    },
    /// Its header contradicts itself.
    #[error("the kept state's header: {0}; delete it and start again from a fresh checkpoint")]
    Header(LightHeaderError),
    /// Its committees can no longer be believed.
    #[error(
        "the kept state is {} hours old, more than the {} that may be believed; start again from a fresh checkpoint",
        age.as_secs() / 3600,
        WEAK_SUBJECTIVITY_LIMIT.as_secs() / 3600
    )]
    TooOld {
        /// How old it is.
        age: Duration,
    },
}

const MAGIC: &[u8] = b"callseal";
const FORMAT: u16 = 1;
const FORMAT_CONTESTED: u16 = 2;
/// The newest shape has room for every older header.
const SHAPE: Fork = Fork::Fulu;

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], StateError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(StateError::NotAState)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(StateError::NotAState)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn committee(&mut self, len: usize) -> Result<SyncCommittee, StateError> {
        committee(self.take(len)?).map_err(|_| StateError::NotAState)
    }
}
