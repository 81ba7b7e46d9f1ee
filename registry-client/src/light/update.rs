//! What a committee has signed, checked.

use core::time::Duration;

use alloy_primitives::B256;

use crate::light::bootstrap::WEAK_SUBJECTIVITY_LIMIT;
use crate::light::branch::{BranchError, verify_branch};
use crate::light::committee::{Committee, SignatureError};
use crate::light::fork::Fork;
use crate::light::header::{LightHeader, LightHeaderError};
use crate::light::network::Network;
use crate::light::objects::{Update, WithBranch};
use crate::light::store::Store;

/// An update that was verified against one store's state.
#[derive(Clone, Debug)]
pub struct VerifiedUpdate {
    /// Names the state that this was verified against.
    pub(crate) base: B256,
    pub(crate) attested: LightHeader,
    pub(crate) finalized: Option<LightHeader>,
    /// The committee of the period after the attested header's.
    pub(crate) next: Option<Committee>,
    participants: usize,
}

impl VerifiedUpdate {
    /// How many of the committee signed.
    #[must_use]
    pub fn participants(&self) -> usize {
        self.participants
    }

    /// The slot that was signed.
    #[must_use]
    pub fn attested_slot(&self) -> u64 {
        self.attested.beacon.slot
    }

    /// The newest slot that it shows to be final.
    #[must_use]
    pub fn finalized_slot(&self) -> Option<u64> {
        Some(self.finalized.as_ref()?.beacon.slot)
    }
}

/// Checks an update against what a store knows, at `now` (Unix time in seconds).
///
/// At least two thirds of the committee have to have signed; there are no forced updates. The signature, which
/// costs most, is looked at last.
///
/// # Errors
///
/// [`UpdateError`] names what is wrong.
pub fn verify_update(
    store: &Store,
    update: &Update,
    now: u64,
) -> Result<VerifiedUpdate, UpdateError> {
    check(store, update, now, Wanted::News)
}

/// The same for an update that may be older than what is known.
pub(crate) fn prove_update(
    store: &Store,
    update: &Update,
    now: u64,
) -> Result<VerifiedUpdate, UpdateError> {
    check(store, update, now, Wanted::Truth)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// What is known is not looked at again.
    News,
    /// Whatever is signed.
    Truth,
}

fn check(
    store: &Store,
    update: &Update,
    now: u64,
    wanted: Wanted,
) -> Result<VerifiedUpdate, UpdateError> {
    let network = store.network();
    store_is_believable(store, now)?;
    let participants = enough_participants(network, update)?;
    let attested = &update.attested_header;
    attested.verify(network).map_err(UpdateError::Attested)?;
    in_order(network, update, now)?;
    let signers = signing_committee(store, update)?;

    let finalized = finalized(network, update)?;
    let next = next_committee(store, update)?;
    let contradiction = finalized.filter(|header| store.contradicts(header));
    let changed = next
        .as_ref()
        .and_then(|next| changed_committee(store, attested.beacon.slot, next));
    let is_news = contradiction.is_some()
        || changed.is_some()
        || attested.beacon.slot > store.attested_slot()
        || finalized.is_some_and(|header| header.beacon.slot > store.finalized_slot())
        || store.lacks_next_of(attested, finalized, next.as_ref());
    if wanted == Wanted::News && !is_news {
        return Err(UpdateError::NothingNew);
    }

    let signing_root = network.signing_root(attested.beacon.root(), update.signature_slot);
    signers
        .verify(&update.sync_aggregate, signing_root)
        .map_err(UpdateError::Signature)?;
    if let Some(header) = contradiction {
        return Err(UpdateError::Contradiction {
            slot: header.beacon.slot,
        });
    }
    if let Some(changed) = changed {
        return Err(changed);
    }
    Ok(VerifiedUpdate {
        base: store.name(),
        attested: attested.clone(),
        finalized: finalized.cloned(),
        next,
        participants,
    })
}

/// Why an update is refused. A store is left as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// Ours: what we know is too old for its committee to be believed.
    #[error(
        "the newest header known (slot {slot}) is {} hours old, more than the {} that may be believed; start again from a fresh checkpoint",
        age.as_secs() / 3600,
        WEAK_SUBJECTIVITY_LIMIT.as_secs() / 3600
    )]
    StoreTooOld {
        /// The newest final slot known.
        slot: u64,
        /// How old it is.
        age: Duration,
    },

    /// Ours: two histories are proven, so that neither is believed.
    #[error(
        "two different histories are proven (slot {slot}), so that nothing is believed; start again from a checkpoint newer than that slot"
    )]
    Contested {
        /// The slot.
        slot: u64,
    },

    /// The committee's: two thirds of it signed another final block than the one that is known.
    #[error("another block is proven to be final in slot {slot} than the one that is known")]
    Contradiction {
        /// The slot.
        slot: u64,
    },

    /// Nobody's: everything in it is known.
    #[error("it brings nothing new")]
    NothingNew,

    /// The node's: the bits are not one for each member.
    #[error("sync_committee_bits is {got} octets long, this network's are {expected}")]
    BitsLen {
        /// The preset's, in octets.
        expected: usize,
        /// What came, in octets.
        got: usize,
    },
    /// The node's: fewer than two thirds signed.
    #[error("sync_committee_bits: {got} of {of} have signed, two thirds are needed")]
    Participation {
        /// How many signed.
        got: usize,
        /// The committee's size.
        of: usize,
    },
    /// The node's: the attested header contradicts itself.
    #[error("attested_header: {0}")]
    Attested(LightHeaderError),
    /// The node's: the signature's slot is not yet.
    #[error("signature_slot {slot} lies in the future, it is slot {current}")]
    Future {
        /// The signature's slot.
        slot: u64,
        /// The slot that it is.
        current: u64,
    },
    /// The node's: what is final comes after what attests it, or that after its signature.
    #[error(
        "the slots are out of order: signature {signature}, attested {attested}, finalized {finalized}"
    )]
    Order {
        /// The signature's slot.
        signature: u64,
        /// The attested header's.
        attested: u64,
        /// The finalized header's, or 0.
        finalized: u64,
    },
    /// The node's: the signature is of a period whose committee is not known.
    #[error("signature_slot is in period {got}, the store is in period {store}")]
    Period {
        /// The signature's period.
        got: u64,
        /// The store's.
        store: u64,
    },
    /// The node's: the finalized header contradicts itself.
    #[error("finalized_header: {0}")]
    Finalized(LightHeaderError),
    /// The node's: slot 0 is final as nothing but zeros.
    #[error("finalized_header: genesis is final, and the header is not empty")]
    Genesis,
    /// The node's: the attested state does not hold the finalized header.
    #[error("finality_branch: {0}")]
    FinalityBranch(BranchError),
    /// The node's: that many do not sign on our network.
    #[error("next_sync_committee has {got} keys, this network's have {expected}")]
    CommitteeSize {
        /// The preset's size.
        expected: usize,
        /// The committee's.
        got: usize,
    },
    /// The committee's: two thirds of it signed another next committee than the one that is known.
    #[error("another next_sync_committee is proven, {got}; for the same period {known} is known")]
    CommitteeChanged {
        /// The slot that was signed.
        slot: u64,
        /// The root of the committee that is known.
        known: B256,
        /// The root of the one that came.
        got: B256,
    },
    /// The node's: the attested state does not hold the next committee.
    #[error("next_sync_committee_branch: {0}")]
    CommitteeBranch(BranchError),
    /// The node's: the committee has not signed.
    #[error("sync_committee_signature: {0}")]
    Signature(SignatureError),
}

pub(crate) fn store_is_believable(store: &Store, now: u64) -> Result<(), UpdateError> {
    if let Some(contested) = store.contested() {
        let slot = contested.slot;
        return Err(UpdateError::Contested { slot });
    }
    let slot = store.finalized_slot();
    let age = store.age(now);
    match age > WEAK_SUBJECTIVITY_LIMIT {
        true => Err(UpdateError::StoreTooOld { slot, age }),
        false => Ok(()),
    }
}

fn enough_participants(network: &Network, update: &Update) -> Result<usize, UpdateError> {
    let of = network.preset().committee_size();
    let bits_len = update.sync_aggregate.sync_committee_bits.len();
    if bits_len != of / 8 {
        return Err(UpdateError::BitsLen {
            expected: of / 8,
            got: bits_len,
        });
    }
    let got = update.sync_aggregate.participants();
    match got * 3 >= of * 2 {
        true => Ok(got),
        false => Err(UpdateError::Participation { got, of }),
    }
}

fn in_order(network: &Network, update: &Update, now: u64) -> Result<(), UpdateError> {
    let (signature, attested) = (update.signature_slot, update.attested_header.beacon.slot);
    let finalized = update.finalized_header.as_ref();
    let finalized = finalized.map_or(0, |finalized| finalized.value.beacon.slot);
    let current = network.slot_at(now);
    if signature > current {
        return Err(UpdateError::Future {
            slot: signature,
            current,
        });
    }
    match signature > attested && attested >= finalized {
        true => Ok(()),
        false => Err(UpdateError::Order {
            signature,
            attested,
            finalized,
        }),
    }
}

fn signing_committee<'a>(store: &'a Store, update: &Update) -> Result<&'a Committee, UpdateError> {
    let got = store.network().period_of(update.signature_slot);
    let store_period = store.period();
    let committee = match got.checked_sub(store_period) {
        Some(0) => Some(&store.current),
        Some(1) => store.next.as_ref(),
        _ => None,
    };
    committee.ok_or(UpdateError::Period {
        got,
        store: store_period,
    })
}

fn finalized<'a>(
    network: &Network,
    update: &'a Update,
) -> Result<Option<&'a LightHeader>, UpdateError> {
    let Some(WithBranch { value, branch }) = &update.finalized_header else {
        return Ok(None);
    };
    let attested = &update.attested_header.beacon;
    let leaf = match value.beacon.slot {
        0 if *value == LightHeader::default() => B256::ZERO,
        0 => return Err(UpdateError::Genesis),
        _ => {
            value.verify(network).map_err(UpdateError::Finalized)?;
            value.beacon.root()
        }
    };
    let gindex = network.fork_of(attested.slot).finalized_root_gindex();
    let newest = Fork::NEWEST.finalized_root_gindex();
    verify_branch(leaf, branch, gindex, newest, attested.state_root)
        .map_err(UpdateError::FinalityBranch)?;
    // Genesis is final from the start: that says nothing.
    Ok((!leaf.is_zero()).then_some(value))
}

fn next_committee(store: &Store, update: &Update) -> Result<Option<Committee>, UpdateError> {
    let Some(WithBranch { value, branch }) = &update.next_sync_committee else {
        return Ok(None);
    };
    let network = store.network();
    let attested = &update.attested_header.beacon;
    let committee = Committee::new(value.clone());
    if !committee.has_size_of(network.preset()) {
        return Err(UpdateError::CommitteeSize {
            expected: network.preset().committee_size(),
            got: committee.given().pubkeys.len(),
        });
    }
    let gindex = network.fork_of(attested.slot).next_committee_gindex();
    let newest = Fork::NEWEST.next_committee_gindex();
    verify_branch(
        committee.root(),
        branch,
        gindex,
        newest,
        attested.state_root,
    )
    .map_err(UpdateError::CommitteeBranch)?;
    Ok(Some(committee))
}

/// Whether another committee is known of the period that a proven one is of.
fn changed_committee(store: &Store, slot: u64, next: &Committee) -> Option<UpdateError> {
    let known = match store.network().period_of(slot) {
        period if period == store.period() => store.next.as_ref(),
        period if period + 1 == store.period() => Some(&store.current),
        _ => None,
    };
    let known = known.filter(|known| known.root() != next.root())?;
    Some(UpdateError::CommitteeChanged {
        slot,
        known: known.root(),
        got: next.root(),
    })
}
