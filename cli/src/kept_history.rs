//! Whether a checkpoint is of the history that this phone has verified itself.

use std::time::Duration;

use alloy_primitives::B256;
use callseal_registry_client::light::{
    Beacon, Fault, FaultCause, LightClient, Store, SyncError, UpdateError, verify_update,
};

/// Why a checkpoint is not believed beside what is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Difference {
    /// Another block is in the kept one's place.
    #[error(
        "in slot {slot} this phone has verified block {kept} to be final, and {whose} has {}",
        got.map_or_else(|| "no block there".into(), |got| format!("block {got}"))
    )]
    Block {
        slot: u64,
        kept: B256,
        whose: String,
        got: Option<B256>,
    },
    /// Others may sign.
    #[error("the checkpoint has another committee in period {period} than this phone has verified")]
    Committee { period: u64 },
    /// What leads on from the checkpoint is not signed by the committees that lead on from what is kept.
    #[error(
        "the final block that the checkpoint leads to (slot {slot}) does not follow from what this phone has verified: {cause}"
    )]
    Signature { slot: u64, cause: UpdateError },
    /// One way or the other, nothing newest was found.
    #[error("{what} leads to no final block by these nodes: {cause}")]
    NoWay {
        what: &'static str,
        cause: SyncError,
    },
    /// What is final now is older by the checkpoint's way, which was gone last.
    #[error(
        "the nodes have gone back behind what they had said to be final a moment before; try again"
    )]
    NotOneEnd,
    /// Nobody has spoken for the kept history.
    #[error(
        "none of the nodes says that it has block {kept} in slot {slot}, which this phone has verified to be final"
    )]
    Unsaid { slot: u64, kept: B256 },
}

/// Compares where a checkpoint begins with what is kept, young enough to be believed: the blocks and committees that
/// both have; the block that each node has in the kept one's slot; and whether what is final now follows from both.
///
/// The nodes are those of the checkpoint, so their word alone is not enough: whoever made up a history can name the
/// kept block too. He cannot sign for the kept committees.
///
/// Gives what nodes could not say.
///
/// # Errors
/// [`Difference`]; also where nothing can be said.
pub(crate) fn compare<B: Beacon + Clone>(
    kept: &Store,
    begun: &Store,
    nodes: &[B],
    now: u64,
) -> Result<Vec<Fault>, Difference> {
    blocks_and_committees(kept, begun)?;
    let faults = blocks_of_nodes(kept, &mut nodes.to_vec())?;
    let follow = |store: &Store, what| {
        let mut client = LightClient::resume(store.clone(), nodes.to_vec());
        let synced = client.sync(now);
        synced.map_err(|cause| Difference::NoWay { what, cause })?;
        Ok(client)
    };
    let of_kept = follow(kept, "what this phone has verified")?;
    let of_begun = follow(begun, "the checkpoint")?;
    blocks_and_committees(of_kept.store(), of_begun.store())?;
    let end = of_begun.store().finalized();
    if end == of_kept.store().finalized() {
        return Ok(faults);
    }
    let shown_by = of_begun.finality_update().ok_or(Difference::NotOneEnd)?;
    match verify_update(of_kept.store(), shown_by, now) {
        Ok(_) if end.beacon.slot > of_kept.store().finalized_slot() => Ok(faults),
        Ok(_) | Err(UpdateError::NothingNew) => Err(Difference::NotOneEnd),
        Err(cause) => Err(Difference::Signature {
            slot: end.beacon.slot,
            cause,
        }),
    }
}

/// What is in both stores has to be the same.
fn blocks_and_committees(kept: &Store, begun: &Store) -> Result<(), Difference> {
    let slot = kept.finalized_slot();
    if slot == begun.finalized_slot() && kept.finalized() != begun.finalized() {
        return Err(Difference::Block {
            slot,
            kept: kept.finalized().beacon.root(),
            whose: "the checkpoint".into(),
            got: Some(begun.finalized().beacon.root()),
        });
    }
    let committee_of = |store: &Store, period: u64| match period.checked_sub(store.period()) {
        Some(0) => Some(store.current_committee().clone()),
        Some(1) => store.next_committee().cloned(),
        _ => None,
    };
    let periods = [kept.period(), kept.period().saturating_add(1)];
    for period in periods {
        let both = committee_of(kept, period).zip(committee_of(begun, period));
        if both.is_some_and(|(kept, begun)| kept != begun) {
            return Err(Difference::Committee { period });
        }
    }
    Ok(())
}

/// No node has another block in the kept one's slot, and one at least says that it has the same.
fn blocks_of_nodes<B: Beacon>(kept: &Store, nodes: &mut [B]) -> Result<Vec<Fault>, Difference> {
    let (slot, known) = (kept.finalized_slot(), kept.finalized().beacon.root());
    let mut faults = Vec::new();
    let mut is_confirmed = false;
    for node in nodes {
        let said = node.block_root(slot);
        let cause = match said {
            Ok(Some(got)) if got == known => {
                is_confirmed = true;
                continue;
            }
            Ok(None) if !should_have(kept, node) => FaultCause::Unsaid { slot },
            Err(error) => FaultCause::Transport(error),
            Ok(got) => {
                return Err(Difference::Block {
                    slot,
                    kept: known,
                    whose: node.name(),
                    got,
                });
            }
        };
        let node = node.name();
        faults.push(Fault { node, cause });
    }
    match is_confirmed {
        true => Ok(faults),
        false => Err(Difference::Unsaid { slot, kept: known }),
    }
}

/// Whether a node that says that there is no block in the kept one's slot knows: one that was started not long ago
/// lacks what is older.
fn should_have<B: Beacon>(kept: &Store, node: &mut B) -> bool {
    let Ok(update) = node.finality_update() else {
        return false;
    };
    let newest = update
        .finalized_header
        .map(|newest| newest.value.beacon.slot);
    let network = kept.network();
    newest.is_some_and(|newest| {
        let since = network
            .time_of(newest)
            .checked_sub(network.time_of(kept.finalized_slot()));
        since.is_some_and(|since| Duration::from_secs(since) <= KEPT)
    })
}

/// How far back every node has its blocks.
const KEPT: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;
    use callseal_devchain::{DevBeacon, DevChain, Genesis, GenesisAccount};
    use callseal_registry_client::TransportError;
    use callseal_registry_client::light::{Bootstrap, Update};

    use super::*;

    /// A network whose blocks are unlike those of another `name`, and whose committees and times are the same.
    fn network(name: u8) -> (DevChain, DevBeacon) {
        let account = Address::repeat_byte(name);
        let genesis = Genesis::new(31_337).with_account(account, GenesisAccount::default());
        let chain = DevChain::from_genesis(genesis);
        let beacon = DevBeacon::new(&chain).unwrap();
        (chain, beacon)
    }

    fn begun_at(beacon: &DevBeacon, checkpoint: B256) -> Store {
        let beacons = vec![beacon.clone()];
        let started = LightClient::start(beacon.network(), checkpoint, beacons, beacon.now());
        started.unwrap().0.store().clone()
    }

    fn compared(kept: &Store, begun: &Store, node: &DevBeacon) -> Result<Vec<Fault>, Difference> {
        compare(kept, begun, core::slice::from_ref(node), node.now())
    }

    #[test]
    fn a_checkpoint_of_the_same_history_agrees_older_and_newer() {
        let (_, beacon) = network(1);
        let older = beacon.finalize();
        let kept = begun_at(&beacon, beacon.finalize());
        let newer = beacon.finalize();
        for checkpoint in [older, newer] {
            assert_eq!(
                compared(&kept, &begun_at(&beacon, checkpoint), &beacon),
                Ok(Vec::new())
            );
        }
        // And in a later committee's time.
        beacon.pass_periods(3);
        let newest = beacon.finalize();
        for checkpoint in [older, newest] {
            assert_eq!(
                compared(&kept, &begun_at(&beacon, checkpoint), &beacon),
                Ok(Vec::new())
            );
        }
    }

    #[test]
    fn a_checkpoint_in_the_kept_blocks_slot_has_to_be_that_block() {
        let [(_, ours), (_, other)] = [network(1), network(2)];
        let kept = begun_at(&ours, ours.finalize());
        let begun = begun_at(&other, other.finalize());
        assert_eq!(kept.finalized_slot(), begun.finalized_slot());
        // Whoever is asked: it is seen before.
        for node in [&ours, &other] {
            let refused = compared(&kept, &begun, node);
            let is_seen = matches!(&refused, Err(Difference::Block { whose, .. }) if whose == "the checkpoint");
            assert!(is_seen, "{refused:?}");
        }
    }

    #[test]
    fn nodes_of_the_checkpoint_have_to_have_the_kept_block() {
        let [(_, ours), (_, other), (shifted_chain, shifted)] =
            [network(1), network(2), network(3)];
        let kept = begun_at(&ours, ours.finalize());
        let slot = kept.finalized_slot();
        let other_root = other.finalize();
        let begun = begun_at(&other, other.finalize());
        let refused = compared(&kept, &begun, &other);
        let is_seen = matches!(
            &refused,
            Err(Difference::Block { slot: at, got: Some(got), .. }) if (*at, *got) == (slot, other_root)
        );
        assert!(is_seen, "{refused:?}");
        // A history with nothing in that slot.
        shifted_chain.mine();
        let begun = begun_at(&shifted, shifted.finalize());
        assert!(begun.finalized_slot() > slot);
        let refused = compared(&kept, &begun, &shifted);
        let is_seen = matches!(&refused, Err(Difference::Block { got: None, .. }));
        assert!(is_seen, "{refused:?}");
        // One that is not there yet: nobody speaks for ours.
        let (_, behind) = network(4);
        let begun = begun_at(&behind, behind.finalize());
        for _ in 0..3 {
            ours.finalize();
        }
        let kept = begun_at(&ours, ours.finalize());
        let refused = compared(&kept, &begun, &behind);
        let is_seen = matches!(refused, Err(Difference::Unsaid { .. }));
        assert!(is_seen, "{refused:?}");
    }

    /// A node with a history of its own, which says of one slot what it is asked to say.
    #[derive(Clone)]
    struct Flatterer {
        node: DevBeacon,
        says: (u64, B256),
    }

    impl Beacon for Flatterer {
        fn name(&self) -> String {
            "the flatterer".into()
        }

        fn bootstrap(&mut self, root: B256) -> Result<Bootstrap, TransportError> {
            self.node.bootstrap(root)
        }

        fn update(&mut self, period: u64) -> Result<Update, TransportError> {
            self.node.update(period)
        }

        fn finality_update(&mut self) -> Result<Update, TransportError> {
            self.node.finality_update()
        }

        fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
            match self.says {
                (said, root) if said == slot => Ok(Some(root)),
                _ => self.node.block_root(slot),
            }
        }
    }

    #[test]
    fn whoever_names_the_kept_block_cannot_sign_for_its_committees() {
        let [(_, ours), (_, forged)] = [network(1), network(2)];
        let kept = begun_at(&ours, ours.finalize());
        let says = (kept.finalized_slot(), kept.finalized().beacon.root());
        // A committee of his own, at once and later.
        for period in [0, 2] {
            forged.replace_next_committee(period);
            forged.pass_periods(period);
            forged.finalize();
            let begun = begun_at(&forged, forged.finalize());
            let node = Flatterer {
                node: forged.clone(),
                says,
            };
            let refused = compare(&kept, &begun, &[node], forged.now());
            let expected = match period {
                0 => matches!(refused, Err(Difference::Committee { period: 0 })),
                _ => matches!(refused, Err(Difference::NoWay { .. })),
            };
            assert!(expected, "{refused:?}");
        }
    }
}
