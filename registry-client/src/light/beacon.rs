//! How light-client objects are asked for. Nothing that comes back is believed.

use alloy_primitives::B256;

use crate::light::header::BeaconHeader;
use crate::light::objects::{Bootstrap, Update};
use crate::transport::TransportError;

/// A way to ask a beacon node, one question at a time, blocking.
pub trait Beacon {
    /// What errors and reports call the node.
    fn name(&self) -> String;

    /// The bootstrap of the block with this root.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when none came.
    fn bootstrap(&mut self, block_root: B256) -> Result<Bootstrap, TransportError>;

    /// The best update of a sync-committee period.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when none came.
    fn update(&mut self, period: u64) -> Result<Update, TransportError>;

    /// The newest finality update.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when none came.
    fn finality_update(&mut self) -> Result<Update, TransportError>;

    /// The root of the block in a slot, `None` where the node has none: what is believed is compared with it.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when the node does not say, as by default.
    fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
        Err(TransportError::Refused {
            node: self.name(),
            message: format!("it is not asked for the block in slot {slot}"),
        })
    }

    /// The header of the block with this root: where nodes seem to have different blocks, it is followed from parent to
    /// parent until that is proven, or shown to be a lie.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when none came, as by default.
    fn block_header(&mut self, block_root: B256) -> Result<BeaconHeader, TransportError> {
        Err(TransportError::Refused {
            node: self.name(),
            message: format!("it is not asked for the header of block {block_root}"),
        })
    }
}

impl<B: Beacon + ?Sized> Beacon for Box<B> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn bootstrap(&mut self, block_root: B256) -> Result<Bootstrap, TransportError> {
        (**self).bootstrap(block_root)
    }

    fn update(&mut self, period: u64) -> Result<Update, TransportError> {
        (**self).update(period)
    }

    fn finality_update(&mut self) -> Result<Update, TransportError> {
        (**self).finality_update()
    }

    fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
        (**self).block_root(slot)
    }

    fn block_header(&mut self, block_root: B256) -> Result<BeaconHeader, TransportError> {
        (**self).block_header(block_root)
    }
}
