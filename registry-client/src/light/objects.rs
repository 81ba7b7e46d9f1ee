//! What beacon nodes serve to light clients, as it came: nothing here is verified.

use alloy_primitives::B256;

use crate::light::committee::{SyncAggregate, SyncCommittee};
use crate::light::header::LightHeader;

/// `LightClientBootstrap`: where a client starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// The header of the checkpoint's block.
    pub header: LightHeader,
    /// The committee of its period.
    pub current_sync_committee: WithBranch<SyncCommittee>,
}

/// `LightClientUpdate`, or `LightClientFinalityUpdate` where it brings no committee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The header that the committee signed.
    pub attested_header: LightHeader,
    /// The committee of the period after the attested header's.
    pub next_sync_committee: Option<WithBranch<SyncCommittee>>,
    /// The newest header that was final for the attested one.
    pub finalized_header: Option<WithBranch<LightHeader>>,
    /// Who signed, and the signature.
    pub sync_aggregate: SyncAggregate,
    /// The slot of the block that the signature stands in.
    pub signature_slot: u64,
}

/// Something, and the branch that proves it in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithBranch<T> {
    /// The thing.
    pub value: T,
    /// The nodes beside the way up to the root, lowest first; an older fork's may be padded at the front.
    pub branch: Vec<B256>,
}

/// An object's optional part: there is none where everything is zero, as the specification has it.
pub(crate) fn present<T>(value: T, branch: Vec<B256>, is_blank: bool) -> Option<WithBranch<T>> {
    let is_absent = is_blank && branch.iter().all(|node| node.is_zero());
    (!is_absent).then_some(WithBranch { value, branch })
}
