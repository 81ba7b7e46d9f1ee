//! How the demonstration's phones come to trust a block: from one checkpoint, by the light client.

use std::time::{Duration, Instant};

use alloy_primitives::B256;
use callseal_devchain::DevBeacon;
use callseal_registry_client::light::{Anchor, AnchorError, LightClient, SyncError};

/// The way from a checkpoint to a final block.
#[derive(Clone, Debug)]
pub struct Walk {
    /// Where it began.
    pub checkpoint: B256,
    /// That block's slot.
    pub checkpoint_slot: u64,
    /// Updates that were verified on the way.
    pub updates: usize,
    /// The period of the committee that signed last.
    pub period: u64,
    /// Where it ended.
    pub anchor: Anchor,
    /// How long it took.
    pub took: Duration,
    /// The committees' blocks.
    pub beacon: DevBeacon,
}

/// Why there is no such way.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalkError {
    /// The committees cannot be followed.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// What is final is no block to start from.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
}

/// No answer of the demonstration is older.
const MAX_AGE: Duration = Duration::from_secs(3600);

impl Walk {
    /// Follows the committees from `checkpoint` to the newest final block.
    ///
    /// # Errors
    /// [`WalkError`], which an honest chain does not cause.
    pub fn from(checkpoint: B256, beacon: &DevBeacon) -> Result<Self, WalkError> {
        let begun = Instant::now();
        let now = beacon.now();
        let beacons = vec![beacon.clone()];
        let (mut client, _) = LightClient::start(beacon.network(), checkpoint, beacons, now)?;
        let checkpoint_slot = client.store().finalized_slot();
        let synced = client.sync(now)?;
        Ok(Self {
            checkpoint,
            checkpoint_slot,
            updates: synced.updates,
            period: client.store().period(),
            anchor: client.store().anchor(now, MAX_AGE)?,
            took: begun.elapsed(),
            beacon: beacon.clone(),
        })
    }
}
