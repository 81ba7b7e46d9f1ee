//! Networks that go through forks: headers, branches and signatures on both sides of the border.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use core::time::Duration;

use alloy_primitives::B256;
use callseal_devchain::{DevBeacon, DevChain};
use callseal_registry_client::light::ssz::{self, Shape};
use callseal_registry_client::light::{
    Beacon, BranchError, Fork, LightClient, LightHeaderError, Preset, SignatureError, Store,
    Update, UpdateError, verify_bootstrap, verify_update,
};

/// What a light client notices of a fork is different in each of them: the execution header's fields, the branches'
/// depth, the version alone.
const BORDERS: [(Fork, Fork); 3] = [
    (Fork::Capella, Fork::Deneb),
    (Fork::Deneb, Fork::Electra),
    (Fork::Electra, Fork::Fulu),
];
/// The epoch in which the later fork comes into force, and its first slot.
const EPOCH: u64 = 4;
const BORDER: u64 = 32;

/// A network at a border, and a client that has seen its checkpoint.
struct AtBorder {
    beacon: DevBeacon,
    checkpoint: B256,
    store: Store,
}

impl AtBorder {
    /// A network that goes from one fork to the next in `epoch`.
    fn new(from: Fork, to: Fork, epoch: u64) -> Self {
        Self::over([(from, 0), (to, epoch)])
    }

    fn over(forks: impl IntoIterator<Item = (Fork, u64)>) -> Self {
        let beacon = DevBeacon::with_forks(&DevChain::new(1), Preset::Minimal, forks).unwrap();
        let checkpoint = beacon.finalize();
        let bootstrap = beacon.clone().bootstrap(checkpoint).unwrap();
        let verified = verify_bootstrap(beacon.network(), checkpoint, &bootstrap, beacon.now());
        let store = Store::new(verified.unwrap());
        assert!(store.finalized_slot() + 8 < BORDER);
        Self {
            beacon,
            checkpoint,
            store,
        }
    }

    /// The update that shows `slot` to be final, attested in the next slot and signed in the one after it.
    fn update(&self, slot: u64) -> Update {
        self.beacon.pass_to(self.beacon.network().time_of(slot + 2));
        let update = self.beacon.clone().update(0).unwrap();
        let finalized = update.finalized_header.as_ref().unwrap();
        assert_eq!(finalized.value.beacon.slot, slot);
        assert_eq!(update.attested_header.beacon.slot, slot + 1);
        assert_eq!(update.signature_slot, slot + 2);
        update
    }

    /// The newest update once more.
    fn update_again(&self) -> Update {
        self.beacon.clone().update(0).unwrap()
    }

    fn refusal(&self, update: &Update) -> UpdateError {
        let now = self.beacon.network().time_of(update.signature_slot);
        verify_update(&self.store, update, now).unwrap_err()
    }

    fn assert_follows(&self, update: &Update) {
        let mut store = self.store.clone();
        let now = self.beacon.network().time_of(update.signature_slot);
        let applied = store.apply_update(verify_update(&store, update, now).unwrap());
        assert!(applied.finalized && applied.attested && applied.committee);
        let finalized = update.finalized_header.as_ref().unwrap();
        assert_eq!(*store.finalized(), finalized.value);
        let anchor = store.anchor(now, Duration::from_secs(60)).unwrap();
        assert_eq!(anchor.block_hash(), finalized.value.execution.block_hash);
    }
}

#[test]
fn a_border_is_crossed_wherever_it_falls_between_finality_and_signature() {
    for (from, to) in BORDERS {
        // The signature is the new fork's first; what is attested is; what is final is; the old fork's last is final
        // for ones that come much later.
        for slot in [BORDER - 2, BORDER - 1, BORDER, BORDER + 9] {
            let at = AtBorder::new(from, to, EPOCH);
            let network = at.beacon.network().clone();
            let update = at.update(slot);
            let forks = [slot, slot + 1, slot + 2].map(|slot| network.fork_of(slot));
            let expected = [slot, slot + 1, slot + 2].map(|slot| match slot < BORDER {
                true => from,
                false => to,
            });
            assert_eq!(forks, expected);
            at.assert_follows(&update);

            // And by a client that asks a node for it.
            let (start, nodes) = (at.beacon.now(), vec![at.beacon.clone()]);
            let (mut client, _) =
                LightClient::start(&network, at.checkpoint, nodes, start).unwrap();
            assert_eq!(client.sync(start).unwrap().faults, []);
            assert_eq!(client.store().finalized_slot(), slot);
            assert_eq!(client.store().attested_slot(), slot + 1);
        }
    }
}

#[test]
fn old_branches_are_followed_in_newer_forks_containers() {
    let depth = |update: &Update| update.finalized_header.as_ref().unwrap().branch.len();
    for (from, to) in BORDERS {
        for slot in [BORDER - 2, BORDER - 1] {
            let at = AtBorder::new(from, to, EPOCH);
            let update = at.update(slot);
            let attested = at.beacon.network().fork_of(slot + 1);
            let bootstrap = at.beacon.clone().bootstrap(at.checkpoint).unwrap();
            for fork in Fork::ALL.into_iter().filter(|fork| fork.is_supported()) {
                if fork < attested {
                    continue;
                }
                let preset = Preset::Minimal;
                let shape = Shape { fork, preset };
                let octets = ssz::update_octets(&update, shape);
                let upgraded = ssz::update(&octets, shape).unwrap();
                let is_padded = attested < Fork::Electra && fork >= Fork::Electra;
                assert_eq!(depth(&upgraded), depth(&update) + usize::from(is_padded));
                at.assert_follows(&upgraded);

                let octets = ssz::bootstrap_octets(&bootstrap, shape);
                let upgraded = ssz::bootstrap(&octets, shape).unwrap();
                let now = at.beacon.now();
                verify_bootstrap(at.beacon.network(), at.checkpoint, &upgraded, now).unwrap();
            }
        }
    }
}

#[test]
fn one_client_is_led_through_all_forks_and_may_rest_at_any() {
    let forks = [
        (Fork::Capella, 0),
        (Fork::Deneb, 10),
        (Fork::Electra, 20),
        (Fork::Fulu, 31),
    ];
    let at = AtBorder::over(forks);
    let network = at.beacon.network();
    let mut state = at.store.to_state();
    let mut seen = Vec::new();
    for epoch in 2..40 {
        at.beacon.pass_to(network.time_of(8 * epoch + 2));
        let now = at.beacon.now();
        // What was kept under one fork's rules is taken up again under another's.
        let store = Store::from_state(network.clone(), &state, now).unwrap();
        let mut client = LightClient::resume(store, vec![at.beacon.clone()]);
        assert_eq!(client.sync(now).unwrap().faults, [], "epoch {epoch}");
        let store = client.store();
        let anchor = store.anchor(now, Duration::from_secs(600)).unwrap();
        assert_eq!(Some(anchor.block_hash()), at.beacon.finalized_block());
        state = store.to_state();
        seen.push(network.fork_of(store.finalized_slot()));
    }
    seen.dedup();
    assert_eq!(seen, forks.map(|(fork, _)| fork));
}

#[test]
fn a_signature_counts_under_the_version_of_the_slot_before_it() {
    let honest = || AtBorder::new(Fork::Electra, Fork::Fulu, EPOCH);
    // Nothing but the version is another in Fulu: one network that comes to it early, one that never does.
    let early = || AtBorder::new(Fork::Electra, Fork::Fulu, EPOCH - 1);
    let never = || AtBorder::over([(Fork::Electra, 0)]);
    let wrong = UpdateError::Signature(SignatureError::Wrong);
    for slot in BORDER - 4..BORDER + 4 {
        let (honest, early, never) = (honest(), early(), never());
        assert_eq!(honest.checkpoint, early.checkpoint);
        assert_eq!(honest.checkpoint, never.checkpoint);
        honest.assert_follows(&honest.update(slot));
        // The one signed in the border's first slot is still signed as those before it.
        let is_old = slot + 2 <= BORDER;
        let (old, new) = (never.update(slot), early.update(slot));
        if is_old {
            honest.assert_follows(&old);
            assert_eq!(honest.refusal(&new), wrong, "slot {slot}");
        } else {
            honest.assert_follows(&new);
            assert_eq!(honest.refusal(&old), wrong, "slot {slot}");
        }
        early.assert_follows(&new);
        never.assert_follows(&old);
    }
}

#[test]
fn no_slot_has_the_execution_header_of_another_forks() {
    let honest = || AtBorder::new(Fork::Capella, Fork::Deneb, EPOCH);
    let other = UpdateError::Attested(LightHeaderError::Execution(BranchError::Root));
    // Deneb's two fields before their time: nought is hashed in, so that the root is another.
    let (at, early) = (
        honest(),
        AtBorder::new(Fork::Capella, Fork::Deneb, EPOCH - 1),
    );
    assert_eq!(at.refusal(&early.update(BORDER - 2)), other);
    // Without them after it.
    let (at, never) = (honest(), AtBorder::over([(Fork::Capella, 0)]));
    assert_eq!(at.refusal(&never.update(BORDER - 1)), other);
    let (at, never) = (honest(), AtBorder::over([(Fork::Capella, 0)]));
    assert_eq!(at.refusal(&never.update(BORDER)), other);

    // The header that is final has its own fork's, whatever the one is that attests it.
    let at = honest();
    let mut update = at.update(BORDER - 1);
    update.attested_header.execution.blob_gas_used ^= 1;
    assert_eq!(at.refusal(&update), other);
    update.attested_header.execution.blob_gas_used ^= 1;
    let finalized = update.finalized_header.as_mut().unwrap();
    finalized.value.execution.excess_blob_gas = 1;
    assert_eq!(
        at.refusal(&update),
        UpdateError::Finalized(LightHeaderError::Premature {
            field: "blob gas",
            fork: Fork::Capella
        })
    );
}

#[test]
fn no_slots_state_has_the_fields_where_another_forks_has_them() {
    let honest = || AtBorder::new(Fork::Deneb, Fork::Electra, EPOCH);
    let length = |expected, got| UpdateError::FinalityBranch(BranchError::Length { expected, got });
    // Deneb's branch in Electra's state, whose fields lie a level deeper.
    for slot in [BORDER - 1, BORDER] {
        let (at, never) = (honest(), AtBorder::over([(Fork::Deneb, 0)]));
        assert_eq!(at.refusal(&never.update(slot)), length(7, 6));
    }
    // Electra's branch in Deneb's state: padding, it is not.
    let at = honest();
    let early = AtBorder::new(Fork::Deneb, Fork::Electra, EPOCH - 1);
    let mut update = early.update(BORDER - 2);
    let root = UpdateError::FinalityBranch(BranchError::Root);
    assert_eq!(at.refusal(&update), root);
    let branch = &mut update.finalized_header.as_mut().unwrap().branch;
    branch[0] = B256::with_last_byte(1);
    let padding = UpdateError::FinalityBranch(BranchError::Padding);
    assert_eq!(at.refusal(&update), padding);

    // Padded beyond what any container has room for, on both sides.
    for (slot, zeros, depth) in [(BORDER - 2, 2, 6), (BORDER - 1, 1, 7), (BORDER, 3, 7)] {
        let at = honest();
        let mut update = at.update(slot);
        let branch = &mut update.finalized_header.as_mut().unwrap().branch;
        branch.splice(0..0, vec![B256::ZERO; zeros]);
        assert_eq!(at.refusal(&update), length(depth, depth + zeros));
        let mut update = at.update_again();
        let branch = &mut update.next_sync_committee.as_mut().unwrap().branch;
        branch.splice(0..0, vec![B256::ZERO; zeros]);
        let (expected, got) = (depth - 1, depth - 1 + zeros);
        assert_eq!(
            at.refusal(&update),
            UpdateError::CommitteeBranch(BranchError::Length { expected, got })
        );
    }
}
