//! Whether two final blocks are of one history.

use alloy_primitives::B256;

use crate::light::beacon::Beacon;
use crate::light::header::BeaconHeader;

/// What the blocks' headers show of two blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kinship {
    /// One descends from the other, or is it.
    SameHistory,
    /// Neither does: both cannot be final.
    Apart,
    /// Nobody gave the headers between them.
    Unproven,
}

/// Goes from the later block to its parents until the earlier one is met, or its slot is passed. Each header has the
/// root that its child names, so it does not matter who gives it.
pub(crate) fn kinship<B: Beacon>(
    one: &BeaconHeader,
    other: &BeaconHeader,
    beacons: &mut [B],
) -> Kinship {
    let (earlier, later) = match one.slot <= other.slot {
        true => (one, other),
        false => (other, one),
    };
    let wanted = earlier.root();
    let mut at = *later;
    for _ in 0..MAX_STEPS {
        if at.slot <= earlier.slot {
            return match at.root() == wanted {
                true => Kinship::SameHistory,
                false => Kinship::Apart,
            };
        }
        if at.parent_root == wanted {
            return Kinship::SameHistory;
        }
        match header(at.parent_root, at.slot, beacons) {
            Some(parent) => at = parent,
            None => return Kinship::Unproven,
        }
    }
    Kinship::Unproven
}

/// The most headers that are asked for: an hour of the main network's, and some.
const MAX_STEPS: usize = 330;

fn header<B: Beacon>(root: B256, child: u64, beacons: &mut [B]) -> Option<BeaconHeader> {
    beacons.iter_mut().find_map(|beacon| {
        let header = beacon.block_header(root).ok()?;
        (header.root() == root && header.slot < child).then_some(header)
    })
}
