//! From a checkpoint to a first header and committee.

use core::time::Duration;

use alloy_primitives::B256;

use crate::light::branch::{BranchError, verify_branch};
use crate::light::committee::Committee;
use crate::light::fork::Fork;
use crate::light::header::{LightHeader, LightHeaderError};
use crate::light::network::Network;
use crate::light::objects::Bootstrap;

/// How long after a committee's time its members' keys may still be believed: below the weak-subjectivity
/// period of every fork, the shortest of which is about a week.
pub const WEAK_SUBJECTIVITY_LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// A bootstrap that is proven to be the checkpoint's.
#[derive(Clone, Debug)]
pub struct VerifiedBootstrap {
    pub(crate) network: Network,
    pub(crate) header: LightHeader,
    pub(crate) committee: Committee,
}

impl VerifiedBootstrap {
    /// The checkpoint block's slot; its date is [`Network::time_of`] it.
    #[must_use]
    pub fn slot(&self) -> u64 {
        self.header.beacon.slot
    }
}

/// Proves that a bootstrap is what a trusted block root (the checkpoint) stands for, and that the checkpoint
/// is not too old to be believed at `now` (Unix time in seconds).
///
/// The root is trusted, so the block's slot is, and with it the checkpoint's date.
///
/// # Errors
///
/// [`BootstrapError`] names what is wrong.
pub fn verify_bootstrap(
    network: &Network,
    checkpoint: B256,
    bootstrap: &Bootstrap,
    now: u64,
) -> Result<VerifiedBootstrap, BootstrapError> {
    let Bootstrap {
        header,
        current_sync_committee,
    } = bootstrap;
    let got = header.beacon.root();
    if got != checkpoint {
        return Err(BootstrapError::Checkpoint {
            expected: checkpoint,
            got,
        });
    }
    header.verify(network).map_err(BootstrapError::Header)?;
    let slot = header.beacon.slot;
    if slot > network.slot_at(now) {
        return Err(BootstrapError::Future { slot });
    }
    let age = Duration::from_secs(now.saturating_sub(network.time_of(slot)));
    if age > WEAK_SUBJECTIVITY_LIMIT {
        return Err(BootstrapError::TooOld { slot, age });
    }
    let committee = Committee::new(current_sync_committee.value.clone());
    if !committee.has_size_of(network.preset()) {
        return Err(BootstrapError::CommitteeSize {
            expected: network.preset().committee_size(),
            got: committee.given().pubkeys.len(),
        });
    }
    verify_branch(
        committee.root(),
        &current_sync_committee.branch,
        network.fork_of(slot).current_committee_gindex(),
        Fork::NEWEST.current_committee_gindex(),
        header.beacon.state_root,
    )
    .map_err(BootstrapError::Committee)?;
    Ok(VerifiedBootstrap {
        network: network.clone(),
        header: header.clone(),
        committee,
    })
}

/// Why a client cannot start from a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// The configuration's: the checkpoint is older than its committee may be believed.
    #[error(
        "the checkpoint (slot {slot}) is {} hours old, more than the {} that may be believed; take a fresh one",
        age.as_secs() / 3600,
        WEAK_SUBJECTIVITY_LIMIT.as_secs() / 3600
    )]
    TooOld {
        /// The checkpoint's slot.
        slot: u64,
        /// How old it is.
        age: Duration,
    },
    /// The configuration's, or the clock's: the checkpoint is not yet.
    #[error("the checkpoint (slot {slot}) lies in the future: is this clock right?")]
    Future {
        /// The checkpoint's slot.
        slot: u64,
    },

    /// The node's: this is another block.
    #[error("the bootstrap is of block {got}, the checkpoint is {expected}")]
    Checkpoint {
        /// The checkpoint.
        expected: B256,
        /// The root of the header that came.
        got: B256,
    },
    /// The node's: the header contradicts itself.
    #[error("the bootstrap's header: {0}")]
    Header(LightHeaderError),
    /// The node's: that many do not sign on our network.
    #[error("the bootstrap's committee has {got} keys, this network's have {expected}")]
    CommitteeSize {
        /// The preset's size.
        expected: usize,
        /// The committee's.
        got: usize,
    },
    /// The node's: the committee is not that of the checkpoint's state.
    #[error("the bootstrap's committee is not proven: {0}")]
    Committee(BranchError),
}
