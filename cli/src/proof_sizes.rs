//! How long the proofs are that a node has shown.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use callseal_registry_client::{RawProof, Transport, TransportError};
use serde::Serialize;

/// Nodes of a trie, from its root down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ProofSize {
    pub(crate) nodes: usize,
    pub(crate) octets: usize,
}

impl fmt::Display for ProofSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, octets } = self;
        write!(f, "{nodes} ({octets} octets)")
    }
}

/// The newest proofs that came: the last ones before an answer are those that prove it.
#[derive(Clone, Debug, Default)]
pub(crate) struct NotedProofs(Arc<Mutex<Option<ProofSizes>>>);

/// An account's proof, and those of its slots with them.
#[derive(Clone, Debug)]
pub(crate) struct ProofSizes {
    pub(crate) account: ProofSize,
    pub(crate) slots: Vec<(B256, ProofSize)>,
}

impl NotedProofs {
    /// The node, whose proofs are noted here from now on.
    pub(crate) fn of<T>(&self, node: T) -> Noting<T> {
        Noting {
            node,
            noted: self.clone(),
        }
    }

    /// What has come last.
    pub(crate) fn last(&self) -> Option<ProofSizes> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.clone()
    }
}

/// A node that is listened to.
#[derive(Debug)]
pub(crate) struct Noting<T> {
    node: T,
    noted: NotedProofs,
}

impl<T: Transport> Transport for Noting<T> {
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
        self.node.header(block_hash)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        let proof = self.node.proof(contract, slots, block_hash)?;
        let sizes = ProofSizes {
            account: size_of(&proof.account),
            slots: slots
                .iter()
                .copied()
                .zip(proof.slots.iter().map(|nodes| size_of(nodes)))
                .collect(),
        };
        let mut noted = self.noted.0.lock().unwrap_or_else(PoisonError::into_inner);
        *noted = Some(sizes);
        Ok(proof)
    }

    fn chain_id(&mut self) -> Result<Option<u64>, TransportError> {
        self.node.chain_id()
    }
}

fn size_of(nodes: &[Vec<u8>]) -> ProofSize {
    ProofSize {
        nodes: nodes.len(),
        octets: nodes.iter().map(Vec::len).sum(),
    }
}
