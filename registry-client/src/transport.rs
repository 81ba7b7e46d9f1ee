//! How questions get to a node. Nothing that comes back is believed.

use core::time::Duration;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};

/// A way to ask an execution node, one question at a time, blocking.
pub trait Transport {
    /// The header that the node has under this hash.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when no header came.
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError>;

    /// Proofs of a contract's account and of `slots` of its storage, in the state after a block.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when no proof came.
    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError>;

    /// The id of the node's chain, for transports that can say: a misdirected client is told so
    /// instead of being told that its block is unknown.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when the node was asked and did not say.
    fn chain_id(&mut self) -> Result<Option<u64>, TransportError> {
        Ok(None)
    }
}

impl<T: Transport + ?Sized> Transport for &mut T {
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
        (**self).header(block_hash)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        (**self).proof(contract, slots, block_hash)
    }

    fn chain_id(&mut self) -> Result<Option<u64>, TransportError> {
        (**self).chain_id()
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
        (**self).header(block_hash)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        (**self).proof(contract, slots, block_hash)
    }

    fn chain_id(&mut self) -> Result<Option<u64>, TransportError> {
        (**self).chain_id()
    }
}

/// Nodes of tries as they came, unproven: no address, no slot and no value, since we know the first
/// two and read the third out of the nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawProof {
    /// The account's nodes, from the state root down.
    pub account: Vec<Vec<u8>>,
    /// For each slot asked for, in that order, its nodes from the storage root down.
    pub slots: Vec<Vec<Vec<u8>>>,
}

/// Why a question got no answer. `node` names who was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// Nobody could be asked.
    #[error("{node} cannot be reached: {cause}")]
    Unreachable {
        /// Who was asked.
        node: String,
        /// What the network said.
        cause: String,
    },
    /// The answer did not come, or not all of it, in time.
    #[error("{node} gave no complete answer within {limit:?}")]
    TimedOut {
        /// Who was asked.
        node: String,
        /// The time it had.
        limit: Duration,
    },
    /// The answer is longer than any that we asked for.
    #[error("the answer of {node} is longer than {limit} octets")]
    TooLong {
        /// Who was asked.
        node: String,
        /// The most that is read, in octets.
        limit: u64,
    },
    /// The answer is no answer.
    #[error("the answer of {node} makes no sense: {cause}")]
    Nonsense {
        /// Who was asked.
        node: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The node says that it will not answer.
    #[error("{node} refused: {message}")]
    Refused {
        /// Who was asked.
        node: String,
        /// Its words, shortened and without control characters.
        message: String,
    },
    /// The node has no such block.
    #[error("{node} knows no block {block_hash}")]
    UnknownBlock {
        /// Who was asked.
        node: String,
        /// The block asked for.
        block_hash: B256,
    },
}

impl TransportError {
    /// Who was asked.
    #[must_use]
    pub fn node(&self) -> &str {
        match self {
            Self::Unreachable { node, .. }
            | Self::TimedOut { node, .. }
            | Self::TooLong { node, .. }
            | Self::Nonsense { node, .. }
            | Self::Refused { node, .. }
            | Self::UnknownBlock { node, .. } => node,
        }
    }
}
