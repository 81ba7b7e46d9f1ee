//! A node that lies about what is stored.

use alloy_primitives::{Address, B256};
use callseal_devchain::DevChain;
use callseal_registry_client::{RawProof, Transport, TransportError};

/// Proofs, with the last bit of the first word changed.
pub(super) struct Liar(pub(super) DevChain);

impl Transport for Liar {
    fn header(&mut self, block_hash: B256) -> Result<alloy_consensus::Header, TransportError> {
        self.0.header(block_hash)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        let mut proof = self.0.proof(contract, slots, block_hash)?;
        let last = proof.slots.first_mut().and_then(|nodes| nodes.last_mut());
        if let Some(octet) = last.and_then(|node| node.last_mut()) {
            *octet ^= 1;
        }
        Ok(proof)
    }
}
