//! Beacon headers with the execution header that they commit to.

use alloy_primitives::{Address, B256, Bloom, Bytes, U256};
use tree_hash::TreeHash;

use crate::light::branch::{BranchError, verify_branch};
use crate::light::container::container_root;
use crate::light::fork::{EXECUTION_GINDEX, Fork};
use crate::light::network::Network;

/// `BeaconBlockHeader`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Deserialize, serde::Serialize))]
pub struct BeaconHeader {
    /// The block's slot.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::quoted"))]
    pub slot: u64,
    /// Who proposed it.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::quoted"))]
    pub proposer_index: u64,
    /// The parent's root.
    pub parent_root: B256,
    /// The root of the state after the block.
    pub state_root: B256,
    /// The root of the block's body.
    pub body_root: B256,
}

impl BeaconHeader {
    /// `hash_tree_root`: the name of the block.
    #[must_use]
    pub fn root(&self) -> B256 {
        container_root(&[
            self.slot.tree_hash_root(),
            self.proposer_index.tree_hash_root(),
            self.parent_root,
            self.state_root,
            self.body_root,
        ])
    }
}

/// `ExecutionPayloadHeader`, in the newest shape; fields that an older one lacks are zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Deserialize, serde::Serialize))]
pub struct ExecutionHeader {
    /// The parent's hash.
    pub parent_hash: B256,
    /// Who gets the fees.
    pub fee_recipient: Address,
    /// The root of the state after the block.
    pub state_root: B256,
    /// The root of the receipts.
    pub receipts_root: B256,
    /// What was logged, blurred.
    pub logs_bloom: Bloom,
    /// The beacon chain's randomness.
    pub prev_randao: B256,
    /// The block's number.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::quoted"))]
    pub block_number: u64,
    /// The most gas that the block may use.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::quoted"))]
    pub gas_limit: u64,
    /// What it used.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::quoted"))]
    pub gas_used: u64,
    /// When the block was made; Unix time in seconds.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::quoted"))]
    pub timestamp: u64,
    /// The maker's own words, 32 octets at most.
    pub extra_data: Bytes,
    /// The base fee, in wei.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::quoted_u256"))]
    pub base_fee_per_gas: U256,
    /// The block's hash on the execution chain.
    pub block_hash: B256,
    /// The root of the transactions.
    pub transactions_root: B256,
    /// The root of the withdrawals.
    pub withdrawals_root: B256,
    /// Gas used by blobs; from Deneb on.
    #[cfg_attr(feature = "json", serde(default, with = "crate::light::json::quoted"))]
    pub blob_gas_used: u64,
    /// Excess of blob gas; from Deneb on.
    #[cfg_attr(feature = "json", serde(default, with = "crate::light::json::quoted"))]
    pub excess_blob_gas: u64,
}

/// `MAX_EXTRA_DATA_BYTES`.
pub(crate) const MAX_EXTRA_DATA_LEN: usize = 32;

impl ExecutionHeader {
    /// `hash_tree_root` in the shape that blocks of `fork` commit to.
    #[must_use]
    pub fn root(&self, fork: Fork) -> B256 {
        let extra_data = tree_hash::merkle_root(&self.extra_data, MAX_EXTRA_DATA_LEN / 32);
        let mut fields = vec![
            self.parent_hash,
            self.fee_recipient.tree_hash_root(),
            self.state_root,
            self.receipts_root,
            tree_hash::merkle_root(self.logs_bloom.as_slice(), 0),
            self.prev_randao,
            self.block_number.tree_hash_root(),
            self.gas_limit.tree_hash_root(),
            self.gas_used.tree_hash_root(),
            self.timestamp.tree_hash_root(),
            tree_hash::mix_in_length(&extra_data, self.extra_data.len()),
            self.base_fee_per_gas.tree_hash_root(),
            self.block_hash,
            self.transactions_root,
            self.withdrawals_root,
        ];
        if fork >= Fork::Deneb {
            fields.push(self.blob_gas_used.tree_hash_root());
            fields.push(self.excess_blob_gas.tree_hash_root());
        }
        container_root(&fields)
    }
}

/// `LightClientHeader`, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Deserialize, serde::Serialize))]
pub struct LightHeader {
    /// The consensus part.
    pub beacon: BeaconHeader,
    /// The execution part; nothing but zeros before Capella.
    #[cfg_attr(feature = "json", serde(default))]
    pub execution: ExecutionHeader,
    /// Proves the second in the first's body.
    #[cfg_attr(feature = "json", serde(default))]
    pub execution_branch: [B256; EXECUTION_DEPTH],
}

/// The depth of an execution header in a block's body.
pub(crate) const EXECUTION_DEPTH: usize = EXECUTION_GINDEX.ilog2() as usize;

impl LightHeader {
    /// `is_valid_light_client_header`: whether the execution part is what the block commits to.
    pub(crate) fn verify(&self, network: &Network) -> Result<(), LightHeaderError> {
        let fork = network.fork_of(self.beacon.slot);
        if !fork.is_supported() {
            return Err(LightHeaderError::Fork { fork });
        }
        let execution = &self.execution;
        if fork < Fork::Deneb && (execution.blob_gas_used, execution.excess_blob_gas) != (0, 0) {
            return Err(LightHeaderError::Premature {
                field: "blob gas",
                fork,
            });
        }
        if fork < Fork::Capella {
            let is_empty = *execution == ExecutionHeader::default()
                && self.execution_branch.iter().all(|node| node.is_zero());
            return match is_empty {
                true => Ok(()),
                false => Err(LightHeaderError::Premature {
                    field: "execution header",
                    fork,
                }),
            };
        }
        if execution.extra_data.len() > MAX_EXTRA_DATA_LEN {
            return Err(LightHeaderError::ExtraData {
                len: execution.extra_data.len(),
            });
        }
        let root = execution.root(fork);
        verify_branch(
            root,
            &self.execution_branch,
            EXECUTION_GINDEX,
            EXECUTION_GINDEX,
            self.beacon.body_root,
        )
        .map_err(LightHeaderError::Execution)
    }
}

/// Why a light-client header is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LightHeaderError {
    /// It is of a fork that this client does not follow.
    #[error(
        "it is of the fork {fork}, which this client does not follow: is the node on another network?"
    )]
    Fork {
        /// The fork of its slot.
        fork: Fork,
    },
    /// It has something that its fork does not have yet.
    #[error("it has a {field}, which the fork {fork} does not have")]
    Premature {
        /// What it has.
        field: &'static str,
        /// The fork of its slot.
        fork: Fork,
    },
    /// The execution header's extra data is too long.
    #[error("the execution header's extra data is {len} octets long, 32 are allowed")]
    ExtraData {
        /// Its length, in octets.
        len: usize,
    },
    /// The block does not commit to the execution header.
    #[error("the execution header is not the block's: {0}")]
    Execution(BranchError),
}
