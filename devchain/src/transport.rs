//! The chain as a node that can be asked.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use callseal_registry_client::{RawProof, Transport, TransportError};

use crate::chain::DevChain;

impl Transport for DevChain {
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
        self.header_of(block_hash)
            .ok_or_else(|| unknown(block_hash))
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        let block = self.block(block_hash).ok_or_else(|| unknown(block_hash))?;
        Ok(block.world.prove(contract, slots))
    }

    fn chain_id(&mut self) -> Result<Option<u64>, TransportError> {
        Ok(Some(self.id()))
    }
}

fn unknown(block_hash: B256) -> TransportError {
    TransportError::UnknownBlock {
        node: "the embedded chain".into(),
        block_hash,
    }
}
