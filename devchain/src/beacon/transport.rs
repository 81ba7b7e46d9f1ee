//! The beacon blocks as a node that can be asked.

use alloy_primitives::B256;
use callseal_registry_client::TransportError;
use callseal_registry_client::light::{Beacon, BeaconHeader, Bootstrap, Update};

use super::DevBeacon;

impl Beacon for DevBeacon {
    fn name(&self) -> String {
        NAME.into()
    }

    fn bootstrap(&mut self, block_root: B256) -> Result<Bootstrap, TransportError> {
        let inner = self.lock();
        let found = inner.bootstraps.get(&block_root).cloned();
        found.ok_or_else(|| TransportError::UnknownBlock {
            node: NAME.into(),
            block_hash: block_root,
        })
    }

    fn update(&mut self, period: u64) -> Result<Update, TransportError> {
        let found = self.lock().updates.get(&period).cloned();
        found.ok_or_else(|| refused(format!("no update for period {period}")))
    }

    fn finality_update(&mut self) -> Result<Update, TransportError> {
        let found = self.lock().finality_update.clone();
        found.ok_or_else(|| refused("nothing is final yet".into()))
    }

    fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
        Ok(self.lock().roots.get(&slot).copied())
    }

    /// Of final blocks alone, each of which is here the parent of the next.
    fn block_header(&mut self, block_root: B256) -> Result<BeaconHeader, TransportError> {
        Ok(self.bootstrap(block_root)?.header.beacon)
    }
}

const NAME: &str = "the embedded beacon chain";

fn refused(message: String) -> TransportError {
    TransportError::Refused {
        node: NAME.into(),
        message,
    }
}
