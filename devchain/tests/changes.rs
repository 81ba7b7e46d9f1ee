//! What becomes of an approved record and of the operator's keys: the contract's rules, on its own bytecode.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, keccak256};
use callseal_devchain::{
    DevChain, DevRegistry, Operator, OperatorKeysChange, RegistryError, RegistryEvent, Rotation,
    prove_possession, uncompressed_key,
};
use callseal_registry_client::{Answer, Record, Registry, Status};
use proptest::prelude::*;

use crate::enrolled::{Subscriber, registry};

mod enrolled;

const TWO_DAYS: u64 = 48 * 3_600;
const THIRTY_DAYS: u64 = 30 * 24 * 3_600;

/// What Alice's holder signs to get the key of `new`.
fn rotation(registry: &DevRegistry, old: &Subscriber, new: &Subscriber, revision: u32) -> Rotation {
    let number_hash = old.number_hash();
    let key = uncompressed_key(&new.identity).unwrap();
    let digest = registry.rotation_digest(number_hash, revision, &key);
    Rotation {
        number_hash,
        key,
        holder_signature: prove_possession(&old.identity, digest).unwrap(),
        proof_of_possession: new.claim(registry).proof_of_possession,
    }
}

fn revocation(registry: &DevRegistry, subscriber: &Subscriber, revision: u32) -> [u8; 65] {
    let digest = registry.revocation_digest(subscriber.number_hash(), revision);
    prove_possession(&subscriber.identity, digest).unwrap()
}

fn with_identity(subscriber: &Subscriber, octet: u8) -> Subscriber {
    Subscriber {
        identity: [octet; 32],
        ..subscriber.clone()
    }
}

/// The operator approves `claimant`'s claim of a number that has a record.
fn replace(chain: &DevChain, registry: &DevRegistry, claimant: &Subscriber) {
    claimant.enrol(chain, registry);
}

fn wait(chain: &DevChain, seconds: u64) {
    chain
        .set_next_timestamp(chain.head_timestamp() + seconds)
        .unwrap();
    chain.mine();
}

fn compressed(subscriber: &Subscriber, registry: &DevRegistry) -> [u8; 33] {
    subscriber.claim(registry).compressed_key()
}

/// What a reader proves about a number at the newest block.
fn read(chain: &DevChain, registry: &DevRegistry, number: &str) -> Option<Record> {
    let mut reader = Registry::new(registry.config(), chain.head(), chain.clone());
    match reader.look_up(number).unwrap().into_value() {
        Answer::Record(record) => Some(record),
        Answer::Absent => None,
    }
}

#[test]
fn a_holder_replaces_its_key_at_once() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    alice.enrol(&chain, &registry);
    // Both parities of y, so that the contract's square root is tried for both.
    for (revision, octets) in [(1, [0, 0x21]), (2, [0x21, 0x22]), (3, [0x22, 0x23])] {
        let old = match octets[0] {
            0 => alice.clone(),
            octet => with_identity(&alice, octet),
        };
        let new = with_identity(&alice, octets[1]);
        let rotation = rotation(&registry, &old, &new, revision);
        let done = registry.rotate_client(alice.wallet, &rotation).unwrap();
        let key = compressed(&new, &registry);
        assert_eq!(
            registry.events(&done),
            [RegistryEvent::ClientRotated {
                number_hash: alice.number_hash(),
                holder: alice.wallet,
                key,
                revision: revision + 1,
            }]
        );
        let record = read(&chain, &registry, &alice.number).unwrap();
        assert_eq!((record.key, record.revision), (key, revision + 1));
        assert_eq!(record.status, Status::Approved);
        assert_eq!(record.valid_since, chain.head_timestamp());
        assert!(record.is_in_force(chain.head_timestamp()));
    }
}

#[test]
fn a_key_is_replaced_by_nobody_but_holder_and_key_together() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    alice.enrol(&chain, &registry);
    let before = registry.client(alice.number_hash()).unwrap();
    let new = with_identity(&alice, 0x21);
    let good = rotation(&registry, &alice, &new, 1);

    // The thief of the identity key has not the wallet.
    let thief = chain.account(5);
    let refused = registry.rotate_client(thief, &good);
    assert_eq!(refused, Err(RegistryError::NotHolder { caller: thief }));
    // The operator is not the holder either.
    let operator = chain.account(0);
    let refused = registry.rotate_client(operator, &good);
    assert_eq!(refused, Err(RegistryError::NotHolder { caller: operator }));
    // The thief of the wallet has not the identity key.
    let forged = Rotation {
        holder_signature: rotation(&registry, &new, &new, 1).holder_signature,
        ..good
    };
    let refused = registry.rotate_client(alice.wallet, &forged);
    assert_eq!(refused, Err(RegistryError::BadHolderSignature));
    // Somebody else's key cannot be put in place.
    let stolen = Rotation {
        proof_of_possession: alice.claim(&registry).proof_of_possession,
        ..good
    };
    let refused = registry.rotate_client(alice.wallet, &stolen);
    assert_eq!(refused, Err(RegistryError::BadProofOfPossession));
    // A signature counts for one revision,
    let early = rotation(&registry, &alice, &new, 2);
    let refused = registry.rotate_client(alice.wallet, &early);
    assert_eq!(refused, Err(RegistryError::BadHolderSignature));
    // and the key has to be another.
    let same = rotation(&registry, &alice, &alice, 1);
    let refused = registry.rotate_client(alice.wallet, &same);
    let number_hash = alice.number_hash();
    assert_eq!(refused, Err(RegistryError::SameKey { number_hash }));
    assert_eq!(registry.client(number_hash).unwrap(), before);

    registry.rotate_client(alice.wallet, &good).unwrap();
    let refused = registry.rotate_client(alice.wallet, &good);
    assert_eq!(refused, Err(RegistryError::BadHolderSignature));
}

#[test]
fn a_holder_or_the_operator_revokes_at_once() {
    for by_operator in [false, true] {
        let (chain, registry) = registry();
        let alice = Subscriber::new(&chain, 1);
        let claim = alice.enrol(&chain, &registry);
        let number_hash = claim.number_hash;
        let by = if by_operator {
            chain.account(0)
        } else {
            alice.wallet
        };
        let revoke = || match by_operator {
            true => registry.revoke_by_operator(by, number_hash),
            false => registry.revoke_client(by, number_hash, &revocation(&registry, &alice, 1)),
        };
        let done = revoke().unwrap();
        let event = RegistryEvent::ClientRevoked {
            number_hash,
            by,
            revision: 2,
        };
        assert_eq!(registry.events(&done), [event]);
        let record = read(&chain, &registry, &alice.number).unwrap();
        assert_eq!((record.status, record.revision), (Status::Revoked, 2));
        assert_eq!(record.key, claim.compressed_key());
        assert!(!record.is_in_force(chain.head_timestamp()));
        // It stays so: neither of them has a record to speak for any more.
        assert_eq!(revoke(), Err(RegistryError::NotInForce { number_hash }));
        let rotation = rotation(&registry, &alice, &with_identity(&alice, 0x21), 2);
        let refused = registry.rotate_client(alice.wallet, &rotation);
        assert_eq!(refused, Err(RegistryError::NotInForce { number_hash }));
    }
}

#[test]
fn a_record_is_revoked_by_nobody_else() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let number_hash = alice.enrol(&chain, &registry).number_hash;
    let good = revocation(&registry, &alice, 1);
    let caller = chain.account(5);
    let refused = registry.revoke_client(caller, number_hash, &good);
    assert_eq!(refused, Err(RegistryError::NotHolder { caller }));
    let refused = registry.revoke_by_operator(caller, number_hash);
    assert_eq!(refused, Err(RegistryError::NotOperator { caller }));
    for bad in [
        revocation(&registry, &with_identity(&alice, 0x66), 1),
        revocation(&registry, &alice, 2),
    ] {
        let refused = registry.revoke_client(alice.wallet, number_hash, &bad);
        assert_eq!(refused, Err(RegistryError::BadHolderSignature));
    }
    let other = Subscriber::new(&chain, 2).number_hash();
    let refused = registry.revoke_by_operator(chain.account(0), other);
    let number_hash = other;
    assert_eq!(refused, Err(RegistryError::NotInForce { number_hash }));
    assert!(read(&chain, &registry, &alice.number).is_some());
}

#[test]
fn what_the_operator_alone_replaces_waits_two_days_in_sight_of_everybody() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let first = alice.enrol(&chain, &registry);
    let heir = Subscriber {
        wallet: chain.account(7),
        ..with_identity(&alice, 0x21)
    };
    replace(&chain, &registry, &heir);
    let due = chain.head_timestamp() + TWO_DAYS;

    let record = read(&chain, &registry, &alice.number).unwrap();
    assert_eq!((record.key, record.revision), (first.compressed_key(), 1));
    let successor = record.successor.unwrap();
    assert_eq!(successor.key, compressed(&heir, &registry));
    assert_eq!((successor.holder, successor.revision), (heir.wallet, 2));
    assert_eq!(successor.valid_since, due);

    chain.set_next_timestamp(due - 1).unwrap();
    chain.mine();
    let record = read(&chain, &registry, &alice.number).unwrap();
    assert_eq!((record.key, record.revision), (first.compressed_key(), 1));
    chain.set_next_timestamp(due).unwrap();
    chain.mine();
    // Nobody sent anything: the time alone puts it in place, for readers and for the contract.
    let record = read(&chain, &registry, &alice.number).unwrap();
    assert_eq!(record.key, compressed(&heir, &registry));
    assert!(record.is_in_force(due));
    assert_eq!((record.revision, record.successor), (2, None));
    let client = registry.client(first.number_hash).unwrap().unwrap();
    assert_eq!((client.key, client.holder), (record.key, heir.wallet));
    assert_eq!(registry.successor(first.number_hash).unwrap(), None);
    // The old holder speaks for nothing any more, the new one does.
    let number_hash = first.number_hash;
    let refused =
        registry.revoke_client(alice.wallet, number_hash, &revocation(&registry, &alice, 2));
    let caller = alice.wallet;
    assert_eq!(refused, Err(RegistryError::NotHolder { caller }));
    registry
        .revoke_client(heir.wallet, number_hash, &revocation(&registry, &heir, 2))
        .unwrap();
}

#[test]
fn a_revocation_is_no_way_around_the_two_days() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let number_hash = alice.enrol(&chain, &registry).number_hash;
    registry
        .revoke_by_operator(chain.account(0), number_hash)
        .unwrap();
    let heir = with_identity(&alice, 0x21);
    replace(&chain, &registry, &heir);
    let record = read(&chain, &registry, &alice.number).unwrap();
    assert_eq!(record.status, Status::Revoked);
    assert_eq!(record.successor.unwrap().revision, 3);
    wait(&chain, TWO_DAYS);
    let record = read(&chain, &registry, &alice.number).unwrap();
    assert_eq!((record.status, record.revision), (Status::Approved, 3));
}

#[test]
fn a_holder_objects_to_a_successor() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let number_hash = alice.enrol(&chain, &registry).number_hash;
    let heir = Subscriber {
        wallet: chain.account(7),
        ..with_identity(&alice, 0x21)
    };
    for by in [alice.wallet, chain.account(0)] {
        let refused = registry.drop_successor(by, number_hash);
        assert_eq!(refused, Err(RegistryError::NoSuccessor { number_hash }));
        replace(&chain, &registry, &heir);
        for caller in [heir.wallet, chain.account(5)] {
            let refused = registry.drop_successor(caller, number_hash);
            assert_eq!(refused, Err(RegistryError::NotHolderNorOperator { caller }));
        }
        let done = registry.drop_successor(by, number_hash).unwrap();
        let event = RegistryEvent::SuccessorDropped { number_hash, by };
        assert_eq!(registry.events(&done), [event]);
        wait(&chain, TWO_DAYS);
        let record = read(&chain, &registry, &alice.number).unwrap();
        assert_eq!((record.revision, record.successor), (1, None));
    }
    // Once it is in force there is nothing to object to.
    replace(&chain, &registry, &heir);
    wait(&chain, TWO_DAYS);
    let refused = registry.drop_successor(alice.wallet, number_hash);
    assert_eq!(refused, Err(RegistryError::NoSuccessor { number_hash }));
}

#[test]
fn a_holder_whose_record_is_revoked_objects_no_more() {
    // Else the thief of a phone could keep its owner from ever getting the number back.
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let number_hash = alice.enrol(&chain, &registry).number_hash;
    let operator = chain.account(0);
    replace(&chain, &registry, &with_identity(&alice, 0x21));
    registry.revoke_by_operator(operator, number_hash).unwrap();
    let refused = registry.drop_successor(alice.wallet, number_hash);
    let caller = alice.wallet;
    assert_eq!(refused, Err(RegistryError::NotHolderNorOperator { caller }));
    wait(&chain, TWO_DAYS);
    let record = read(&chain, &registry, &alice.number).unwrap();
    assert_eq!((record.status, record.revision), (Status::Approved, 3));
}

#[test]
fn a_holders_own_rotation_drops_the_successor() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let number_hash = alice.enrol(&chain, &registry).number_hash;
    replace(&chain, &registry, &with_identity(&alice, 0x21));
    let new = with_identity(&alice, 0x22);
    let done = registry
        .rotate_client(alice.wallet, &rotation(&registry, &alice, &new, 1))
        .unwrap();
    let by = alice.wallet;
    let dropped = RegistryEvent::SuccessorDropped { number_hash, by };
    assert!(registry.events(&done).contains(&dropped));
    wait(&chain, TWO_DAYS);
    let record = read(&chain, &registry, &alice.number).unwrap();
    assert_eq!(
        (record.key, record.revision),
        (compressed(&new, &registry), 2)
    );
}

/// Other keys for the operator, whose account's own key is `secret`.
fn new_operator(secret: &[u8; 32]) -> Operator {
    let key = uncompressed_key(secret).unwrap();
    Operator {
        account: Address::from_word(keccak256(key)),
        signing_key: uncompressed_key(&[0x52; 32]).unwrap(),
        sealing_key: [0x5f; 32],
    }
}

#[test]
fn the_operators_old_keys_go_on_for_the_overlap() {
    let (chain, registry) = registry();
    let old = chain.account(0);
    let alice = Subscriber::new(&chain, 1);
    let bob = Subscriber::new(&chain, 2);
    let operator = new_operator(&[0x77; 32]);
    let digest = registry.operator_keys_digest(&operator, 2);
    let change = OperatorKeysChange {
        operator,
        overlap: 3_600,
        account_signature: prove_possession(&[0x77; 32], digest).unwrap(),
    };
    let mut reader = Registry::new(registry.config(), chain.head(), chain.clone());
    assert_eq!(reader.previous_operator_keys().unwrap().into_value(), None);
    let before = reader.operator_keys().unwrap().into_value();

    let done = registry.rotate_operator_keys(old, &change).unwrap();
    let event = RegistryEvent::OperatorKeysSet {
        account: operator.account,
        revision: 2,
    };
    assert_eq!(registry.events(&done), [event]);
    let until = chain.head_timestamp() + 3_600;
    reader.trust(chain.head());
    let now = reader.operator_keys().unwrap().into_value();
    assert_eq!((now.account, now.revision), (operator.account, 2));
    assert_eq!(now.sealing_key, Some(operator.sealing_key));
    let previous = reader
        .previous_operator_keys()
        .unwrap()
        .into_value()
        .unwrap();
    assert_eq!((previous.keys, previous.valid_until), (before, until));

    // The old account still approves, and cannot change the keys.
    alice.enrol(&chain, &registry);
    let refused = registry.rotate_operator_keys(old, &change);
    assert_eq!(refused, Err(RegistryError::NotOperator { caller: old }));
    let claim = bob.claim(&registry);
    registry.add_client(bob.wallet, &claim).unwrap();
    chain.set_next_timestamp(until).unwrap();
    let record_hash = claim.record_hash(bob.wallet);
    let refused = registry.approve_client(old, claim.number_hash, bob.wallet, record_hash);
    assert_eq!(refused, Err(RegistryError::NotOperator { caller: old }));
}

#[test]
fn the_operators_keys_are_handed_to_nobody_who_has_not_signed() {
    let (chain, registry) = registry();
    let old = chain.account(0);
    let operator = new_operator(&[0x77; 32]);
    let signed = |secret: &[u8; 32], revision| {
        let digest = registry.operator_keys_digest(&operator, revision);
        prove_possession(secret, digest).unwrap()
    };
    let change = |account_signature, overlap| OperatorKeysChange {
        operator,
        overlap,
        account_signature,
    };
    for bad in [signed(&[0x78; 32], 2), signed(&[0x77; 32], 1)] {
        let refused = registry.rotate_operator_keys(old, &change(bad, 0));
        assert_eq!(refused, Err(RegistryError::BadOperatorSignature));
    }
    let good = signed(&[0x77; 32], 2);
    let refused = registry.rotate_operator_keys(old, &change(good, THIRTY_DAYS + 1));
    assert!(matches!(refused, Err(RegistryError::OverlapTooLong { .. })));
    let caller = chain.account(3);
    let refused = registry.rotate_operator_keys(caller, &change(good, 0));
    assert_eq!(refused, Err(RegistryError::NotOperator { caller }));
    // Without an overlap the old account is out at once.
    registry
        .rotate_operator_keys(old, &change(good, 0))
        .unwrap();
    let refused = registry.revoke_by_operator(old, B256::ZERO);
    assert_eq!(refused, Err(RegistryError::NotOperator { caller: old }));
}

/// What may happen to one number with two wallets, each with three keys.
#[derive(Clone, Copy, Debug)]
enum Step {
    Approve { wallet: usize, key: u8 },
    Rotate { wallet: usize, from: u8, to: u8 },
    Revoke { wallet: usize, key: u8 },
    RevokeByOperator,
    Drop { wallet: usize },
    Wait { hours: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let (wallet, key) = (|| 1_usize..3, || 1_u8..4);
    prop_oneof![
        3 => (wallet(), key()).prop_map(|(wallet, key)| Step::Approve { wallet, key }),
        3 => (wallet(), key(), key()).prop_map(|(wallet, from, to)| Step::Rotate { wallet, from, to }),
        1 => (wallet(), key()).prop_map(|(wallet, key)| Step::Revoke { wallet, key }),
        1 => Just(Step::RevokeByOperator),
        1 => wallet().prop_map(|wallet| Step::Drop { wallet }),
        3 => (1_u64..40).prop_map(|hours| Step::Wait { hours }),
    ]
}

/// The rules once more, without storage, signatures or a chain.
#[derive(Default)]
struct Model {
    record: Option<(usize, u8, u32, bool)>,
    /// With when it comes into force.
    successor: Option<(usize, u8, u64)>,
}

impl Model {
    fn settle(&mut self, now: u64) {
        if let Some((wallet, key, due)) = self.successor
            && due <= now
        {
            let revision = self.record.map_or(0, |(_, _, revision, _)| revision);
            self.record = Some((wallet, key, revision + 1, true));
            self.successor = None;
        }
    }

    /// Takes a step at `now`, the time of its block, and says whether it is allowed.
    fn take(&mut self, step: Step, now: u64) -> bool {
        self.settle(now);
        match (step, self.record) {
            (Step::Wait { .. }, _) => true,
            (Step::Approve { wallet, key }, None) => {
                self.record = Some((wallet, key, 1, true));
                true
            }
            (Step::Approve { wallet, key }, Some(_)) => {
                self.successor = Some((wallet, key, now + TWO_DAYS));
                true
            }
            (Step::Rotate { wallet, from, to }, Some((holder, key, revision, true)))
                if wallet == holder && from == key && to != key =>
            {
                self.record = Some((holder, to, revision + 1, true));
                self.successor = None;
                true
            }
            (Step::Revoke { wallet, key: by }, Some((holder, key, revision, true)))
                if wallet == holder && by == key =>
            {
                self.record = Some((holder, key, revision + 1, false));
                true
            }
            (Step::RevokeByOperator, Some((holder, key, revision, true))) => {
                self.record = Some((holder, key, revision + 1, false));
                true
            }
            (Step::Drop { wallet }, Some((holder, _, _, true)))
                if wallet == holder && self.successor.is_some() =>
            {
                self.successor = None;
                true
            }
            _ => false,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_history_of_changes_leaves_what_the_rules_say(
        steps in prop::collection::vec(step(), 1..24)
    ) {
        let (chain, registry) = registry();
        let subscriber = |wallet: usize, key: u8| Subscriber {
            identity: [key; 32],
            wallet: chain.account(wallet),
            ..Subscriber::new(&chain, 1)
        };
        let number_hash = subscriber(1, 1).number_hash();
        let mut keys = BTreeMap::new();
        for key in 1..4 {
            keys.insert(key, compressed(&subscriber(1, key), &registry));
        }
        let mut model = Model::default();
        for step in steps {
            let revision = registry
                .client(number_hash)
                .unwrap()
                .map_or(0, |client| client.revision);
            let done = match step {
                Step::Wait { hours } => {
                    wait(&chain, hours * 3_600);
                    true
                }
                Step::Approve { wallet, key } => {
                    subscriber(wallet, key).enrol(&chain, &registry);
                    true
                }
                Step::Rotate { wallet, from, to } => {
                    let (old, new) = (subscriber(wallet, from), subscriber(wallet, to));
                    let rotation = rotation(&registry, &old, &new, revision);
                    registry.rotate_client(old.wallet, &rotation).is_ok()
                }
                Step::Revoke { wallet, key } => {
                    let holder = subscriber(wallet, key);
                    let signature = revocation(&registry, &holder, revision);
                    registry
                        .revoke_client(holder.wallet, number_hash, &signature)
                        .is_ok()
                }
                Step::RevokeByOperator => registry
                    .revoke_by_operator(chain.account(0), number_hash)
                    .is_ok(),
                Step::Drop { wallet } => registry
                    .drop_successor(chain.account(wallet), number_hash)
                    .is_ok(),
            };
            let now = chain.head_timestamp();
            prop_assert_eq!(done, model.take(step, now), "{:?}", step);
            model.settle(now);

            let record = read(&chain, &registry, &subscriber(1, 1).number);
            let found = record.as_ref().map(|record| {
                let in_force = record.status == Status::Approved;
                (record.holder, record.key, record.revision, in_force)
            });
            let expected = model.record.map(|(wallet, key, revision, in_force)| {
                (chain.account(wallet), keys[&key], revision, in_force)
            });
            prop_assert_eq!(found, expected);
            let found = record
                .and_then(|record| record.successor)
                .map(|next| (next.holder, next.key, next.valid_since));
            let expected = model
                .successor
                .map(|(wallet, key, due)| (chain.account(wallet), keys[&key], due));
            prop_assert_eq!(found, expected);
            // The contract's own views say the same as the proofs.
            let client = registry.client(number_hash).unwrap();
            let said = client.map(|client| (client.key, client.revision));
            let expected = model.record.map(|(_, key, revision, _)| (keys[&key], revision));
            prop_assert_eq!(said, expected);
        }
    }
}
