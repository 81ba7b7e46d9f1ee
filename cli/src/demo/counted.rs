//! Nodes that count what they are asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use callseal_registry_client::light::{Beacon, Bootstrap, Update};
use callseal_registry_client::{RawProof, Transport, TransportError};

/// A node, and how often it and others were asked.
#[derive(Clone, Debug)]
pub(crate) struct Counted<N> {
    node: N,
    asked: Arc<AtomicU64>,
}

impl<N> Counted<N> {
    pub(crate) fn new(node: N, asked: &Arc<AtomicU64>) -> Self {
        Self {
            node,
            asked: Arc::clone(asked),
        }
    }

    fn counted(&mut self) -> &mut N {
        self.asked.fetch_add(1, Ordering::Relaxed);
        &mut self.node
    }
}

impl<N: Transport> Transport for Counted<N> {
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
        self.counted().header(block_hash)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        self.counted().proof(contract, slots, block_hash)
    }

    fn chain_id(&mut self) -> Result<Option<u64>, TransportError> {
        self.counted().chain_id()
    }
}

impl<N: Beacon> Beacon for Counted<N> {
    fn name(&self) -> String {
        self.node.name()
    }

    fn bootstrap(&mut self, block_root: B256) -> Result<Bootstrap, TransportError> {
        self.counted().bootstrap(block_root)
    }

    fn update(&mut self, period: u64) -> Result<Update, TransportError> {
        self.counted().update(period)
    }

    fn finality_update(&mut self) -> Result<Update, TransportError> {
        self.counted().finality_update()
    }

    fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
        self.counted().block_root(slot)
    }
}
