//! Whether the nodes that are asked have one history.

use core::time::Duration;

use crate::light::ancestry::{Kinship, kinship};
use crate::light::beacon::Beacon;
use crate::light::client::{Fault, FaultCause, SyncError};
use crate::light::header::{BeaconHeader, LightHeader};
use crate::light::history::Final;
use crate::light::network::Network;
use crate::light::objects::Update;
use crate::light::store::Store;
use crate::light::update::VerifiedUpdate;

/// What errors call our own store.
pub(crate) const KNOWN: &str = "what is known from before";

/// A node that was asked for what is final.
#[derive(Debug)]
pub(crate) enum Witness {
    /// It did not answer, and is not asked again in this round.
    Silent,
    /// It proves nothing to us, and may still say which blocks it has.
    Unproven,
    /// It has the signatures of the committee that we know.
    Proven(Box<(VerifiedUpdate, Update)>),
}

impl Witness {
    fn finalized(&self) -> Option<&LightHeader> {
        match self {
            Self::Proven(proven) => proven.0.finalized.as_ref(),
            Self::Silent | Self::Unproven => None,
        }
    }

    fn finalized_slot(&self) -> u64 {
        self.finalized().map_or(0, |header| header.beacon.slot)
    }
}

/// Compares what proven updates say of the same slot or period.
pub(crate) fn compare_updates<'a>(
    network: &Network,
    proven: impl Iterator<Item = (String, &'a VerifiedUpdate)> + Clone,
) -> Result<(), SyncError> {
    for (at, (node, one)) in proven.clone().enumerate() {
        for (other_node, other) in proven.clone().skip(at + 1) {
            if let Some(slot) = contradicts(network, one, other) {
                let nodes = [node, other_node];
                return Err(SyncError::Disagreement { slot, nodes });
            }
        }
    }
    Ok(())
}

/// Asks every node for its block in the slot of everything that is proven to be final, the store's own header
/// included. Gives the node, by its place, whose update is the newest that no other one holds back.
///
/// A node holds back what it cannot say to be in its history, or says not to be, as long as its own newest final
/// block is young: it may lag, or the block may be forged in a slot that is empty. Then the others go on with what
/// it has. One that does not have what is known already is not followed.
pub(crate) fn newest_agreed<B: Beacon>(
    store: &Store,
    beacons: &mut [B],
    witnesses: &[Witness],
    now: u64,
    faults: &mut Vec<Fault>,
) -> Result<Option<usize>, SyncError> {
    let known = &store.finalized().beacon;
    let suspects = confirm(store, KNOWN, known, beacons, witnesses, faults)?.suspects;
    let mut asked: Vec<BeaconHeader> = vec![store.finalized().beacon];
    let mut order: Vec<usize> = (0..witnesses.len()).collect();
    order.retain(|at| !suspects.contains(at));
    order.sort_by_key(|at| {
        let attested = match &witnesses[*at] {
            Witness::Proven(proven) => proven.0.attested_slot(),
            Witness::Silent | Witness::Unproven => 0,
        };
        core::cmp::Reverse((witnesses[*at].finalized_slot(), attested))
    });
    let mut agreed = None;
    for at in order {
        let Some(header) = witnesses[at].finalized().map(|header| header.beacon) else {
            continue;
        };
        if asked.contains(&header) {
            let is_known = header == store.finalized().beacon;
            agreed = agreed.or(is_known.then_some(at));
            continue;
        }
        asked.push(header);
        let name = beacons[at].name();
        let doubts = confirm(store, &name, &header, beacons, witnesses, faults)?;
        let mut is_held_back = false;
        for other in doubts.unsaid.into_iter().chain(doubts.suspects) {
            is_held_back |= holds_back(store, &mut beacons[other], &witnesses[other], now);
        }
        if !is_held_back && header.slot > store.finalized_slot() {
            agreed = agreed.or(Some(at));
        }
    }
    Ok(agreed)
}

/// Asks every node for its block in the slot of everything that others have shown to be final, and that is no newer
/// than what the nodes have. Gives what one of them, at least, has answered about: where all are silent, they are asked
/// again.
pub(crate) fn compare_shown<B: Beacon>(
    store: &Store,
    shown: &[Final],
    beacons: &mut [B],
    witnesses: &[Witness],
    faults: &mut Vec<Fault>,
) -> Result<Vec<BeaconHeader>, SyncError> {
    let newest = witnesses.iter().map(Witness::finalized_slot).max();
    let mut asked = Vec::new();
    let is_comparable = |shown: &&Final| Some(shown.header.slot) <= newest;
    for Final {
        header, shown_by, ..
    } in shown.iter().filter(is_comparable)
    {
        let doubts = confirm(store, shown_by, header, beacons, witnesses, faults)?;
        if doubts.is_answered {
            asked.push(*header);
        }
    }
    Ok(asked)
}

/// Nodes, by their places, that do not confirm a header.
#[derive(Debug, Default)]
struct Doubts {
    /// They cannot say.
    unsaid: Vec<usize>,
    /// They say otherwise, which may be so, and is not proven.
    suspects: Vec<usize>,
    /// Whether anybody has said which block is in the slot.
    is_answered: bool,
}

/// Asks all nodes but those that have proven this very header. Where one has another block, the headers of the blocks
/// between decide: what they prove stops everything, and a word alone makes none but its speaker suspect.
fn confirm<B: Beacon>(
    store: &Store,
    shown_by: &str,
    header: &BeaconHeader,
    beacons: &mut [B],
    witnesses: &[Witness],
    faults: &mut Vec<Fault>,
) -> Result<Doubts, SyncError> {
    let (slot, known) = (header.slot, header.root());
    let mut doubts = Doubts::default();
    for (at, witness) in witnesses.iter().enumerate() {
        let own = witness.finalized().map(|own| own.beacon);
        if own == Some(*header) {
            doubts.is_answered = true;
            continue;
        }
        if matches!(witness, Witness::Silent) {
            continue;
        }
        let got = beacons[at].block_root(slot);
        let is_other = match got {
            Ok(Some(got)) => got != known,
            Ok(None) => is_surely_kept(store.network(), slot, witness.finalized_slot()),
            Err(_) => false,
        };
        doubts.is_answered |= is_other || matches!(got, Ok(Some(_)));
        let node = beacons[at].name();
        if is_other {
            let kinship = own.map_or(Kinship::Unproven, |own| kinship(header, &own, beacons, at));
            match kinship {
                Kinship::Apart => {
                    let nodes = [shown_by.into(), node];
                    return Err(SyncError::Disagreement { slot, nodes });
                }
                Kinship::Unproven => doubts.suspects.push(at),
                // It lies, and its own final block shows it.
                Kinship::SameHistory => {}
            }
            let got = got.ok().flatten();
            let cause = FaultCause::OtherBlock { slot, known, got };
            faults.push(Fault { node, cause });
            continue;
        }
        // What is wrong with the others was told already.
        if matches!(got, Ok(None) | Err(_)) && matches!(witness, Witness::Proven(_)) {
            doubts.unsaid.push(at);
            let cause = FaultCause::Unsaid { slot };
            faults.push(Fault { node, cause });
        }
    }
    Ok(doubts)
}

/// Whether a node that cannot say could have contradicted: its own finality is young, and it knows its own blocks.
fn holds_back<B: Beacon>(store: &Store, beacon: &mut B, witness: &Witness, now: u64) -> bool {
    let Some(own) = witness.finalized().map(|own| own.beacon) else {
        return false;
    };
    let made = store.network().time_of(own.slot);
    let is_young = Duration::from_secs(now.saturating_sub(made)) <= YOUNG;
    is_young && matches!(beacon.block_root(own.slot), Ok(Some(root)) if root == own.root())
}

/// Whether a node with that finality that has no block in `slot` says that there is none. Nodes that were started
/// from a checkpoint do not have what is older.
fn is_surely_kept(network: &Network, slot: u64, finalized_slot: u64) -> bool {
    let since = network
        .time_of(finalized_slot)
        .checked_sub(network.time_of(slot));
    since.is_some_and(|since| finalized_slot >= slot && Duration::from_secs(since) <= KEPT)
}

/// Blocks become final after 13 to 20 minutes; a node that is later than this lags. Whoever holds back what is newer
/// has something final himself that is younger than this, and that is followed: so it leaves nobody with a block that
/// execution nodes do not prove any more. They do so for the last 128 blocks, which take 1,536 seconds or more.
const YOUNG: Duration = Duration::from_secs(1_440);
/// How far back every node has its blocks.
const KEPT: Duration = Duration::from_secs(3_600);

/// The slot in which two proven updates have different final blocks, or after which they have different committees.
fn contradicts(network: &Network, one: &VerifiedUpdate, other: &VerifiedUpdate) -> Option<u64> {
    if let (Some(one), Some(other)) = (&one.finalized, &other.finalized)
        && one.beacon.slot == other.beacon.slot
        && one.beacon != other.beacon
    {
        return Some(one.beacon.slot);
    }
    let period = |update: &VerifiedUpdate| network.period_of(update.attested_slot());
    match (&one.next, &other.next) {
        (Some(next), Some(other_next))
            if period(one) == period(other) && next.root() != other_next.root() =>
        {
            Some(one.attested_slot().max(other.attested_slot()))
        }
        _ => None,
    }
}
