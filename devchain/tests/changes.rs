//! What becomes of an approved record and of the operator's keys: the contract's rules, on its own bytecode.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use alloy_primitives::{Address, B256, U256, keccak256};
use callseal_devchain::{
    DevChain, DevRegistry, Genesis, GenesisAccount, Operator, OperatorKeysChange, RegistryError,
    RegistryEvent, Rotation, prove_possession, uncompressed_key,
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

/// What may happen to one number with two wallets, each with three keys, and to an operator of three accounts.
#[derive(Clone, Copy, Debug)]
enum Step {
    Approve {
        wallet: usize,
        key: u8,
        by: usize,
    },
    Rotate {
        wallet: usize,
        from: u8,
        to: u8,
    },
    Revoke {
        wallet: usize,
        key: u8,
    },
    RevokeByOperator {
        by: usize,
    },
    Drop {
        wallet: usize,
    },
    DropByOperator {
        by: usize,
    },
    HandOver {
        by: usize,
        to: usize,
        /// In hours.
        overlap: u64,
    },
    Wait {
        hours: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (wallet, key) = (|| 1_usize..3, || 1_u8..4);
    // Most of what an operator does is done by the one that it is.
    let by = || prop_oneof![3 => Just(0_usize), 2 => Just(1), 1 => Just(2)];
    let overlap = prop_oneof![Just(0_u64), 1_u64..100, 719_u64..722];
    prop_oneof![
        4 => (wallet(), key(), by()).prop_map(|(wallet, key, by)| Step::Approve { wallet, key, by }),
        3 => (wallet(), key(), key()).prop_map(|(wallet, from, to)| Step::Rotate { wallet, from, to }),
        1 => (wallet(), key()).prop_map(|(wallet, key)| Step::Revoke { wallet, key }),
        1 => by().prop_map(|by| Step::RevokeByOperator { by }),
        1 => wallet().prop_map(|wallet| Step::Drop { wallet }),
        2 => by().prop_map(|by| Step::DropByOperator { by }),
        2 => (by(), 1_usize..3, overlap).prop_map(|(by, to, overlap)| Step::HandOver { by, to, overlap }),
        3 => (1_u64..40).prop_map(|hours| Step::Wait { hours }),
    ]
}

/// The rules once more, without storage, signatures or a chain.
struct Model {
    record: Option<(usize, u8, u32, bool)>,
    /// With when it comes into force.
    successor: Option<(usize, u8, u64)>,
    operator: usize,
    operator_revision: u32,
    /// The account before it, and until when it goes on.
    previous: Option<(usize, u64)>,
}

impl Model {
    fn new() -> Self {
        Self {
            record: None,
            successor: None,
            operator: 0,
            operator_revision: 1,
            previous: None,
        }
    }

    fn settle(&mut self, now: u64) {
        if let Some((wallet, key, due)) = self.successor
            && due <= now
        {
            let revision = self.record.map_or(0, |(_, _, revision, _)| revision);
            self.record = Some((wallet, key, revision + 1, true));
            self.successor = None;
        }
    }

    fn is_operator(&self, by: usize, now: u64) -> bool {
        let is_previous = |(account, until)| account == by && now < until;
        by == self.operator || self.previous.is_some_and(is_previous)
    }

    /// Takes a step at `now`, the time of its block, and says whether it is allowed.
    fn take(&mut self, step: Step, now: u64) -> bool {
        self.settle(now);
        match (step, self.record) {
            (Step::Wait { .. }, _) => true,
            (Step::Approve { by, .. } | Step::RevokeByOperator { by }, _)
                if !self.is_operator(by, now) =>
            {
                false
            }
            (Step::Approve { wallet, key, .. }, None) => {
                self.record = Some((wallet, key, 1, true));
                true
            }
            (Step::Approve { wallet, key, .. }, Some(_)) => {
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
            (Step::RevokeByOperator { .. }, Some((holder, key, revision, true))) => {
                self.record = Some((holder, key, revision + 1, false));
                true
            }
            (Step::Drop { wallet }, Some((holder, _, _, true)))
                if wallet == holder && self.successor.is_some() =>
            {
                self.successor = None;
                true
            }
            // Whatever has become of the record itself.
            (Step::DropByOperator { by }, _)
                if self.is_operator(by, now) && self.successor.is_some() =>
            {
                self.successor = None;
                true
            }
            // Only the present one hands over, and for thirty days at most.
            (Step::HandOver { by, to, overlap }, _)
                if by == self.operator && overlap * 3_600 <= THIRTY_DAYS =>
            {
                self.previous = Some((self.operator, now + overlap * 3_600));
                self.operator = to;
                self.operator_revision += 1;
                true
            }
            _ => false,
        }
    }
}

/// One number in a registry whose operator changes, and who may speak for either.
struct History {
    chain: DevChain,
    registry: DevRegistry,
    number_hash: B256,
}

impl History {
    fn new() -> Self {
        let rich = GenesisAccount {
            balance: U256::from(10_u64.pow(18)),
            ..GenesisAccount::default()
        };
        let genesis = (1..3).fold(Genesis::new(enrolled::CHAIN_ID), |genesis, index| {
            let account = new_operator(&operator_secret(index)).account;
            genesis.with_account(account, rich.clone())
        });
        let chain = DevChain::from_genesis(genesis);
        let registry = enrolled::deploy(&chain);
        let number_hash = Subscriber::new(&chain, 1).number_hash();
        Self {
            chain,
            registry,
            number_hash,
        }
    }

    fn subscriber(&self, wallet: usize, key: u8) -> Subscriber {
        Subscriber {
            identity: [key; 32],
            wallet: self.chain.account(wallet),
            ..Subscriber::new(&self.chain, 1)
        }
    }

    fn operator(&self, index: usize) -> Address {
        match index {
            0 => self.chain.account(0),
            _ => new_operator(&operator_secret(index)).account,
        }
    }

    /// Does it on the chain, and says whether it was allowed.
    fn take(&self, step: Step, operator_revision: u32) -> bool {
        let (registry, number_hash) = (&self.registry, self.number_hash);
        let client = registry.client(number_hash).unwrap();
        let revision = client.map_or(0, |client| client.revision);
        match step {
            Step::Wait { hours } => {
                wait(&self.chain, hours * 3_600);
                true
            }
            Step::Approve { wallet, key, by } => {
                let sender = self.subscriber(wallet, key);
                let claim = sender.claim(registry);
                let record_hash = claim.record_hash(sender.wallet);
                registry.add_client(sender.wallet, &claim).unwrap();
                let by = self.operator(by);
                let done = registry.approve_client(by, number_hash, sender.wallet, record_hash);
                if done.is_err() {
                    let taken_back =
                        registry.drop_client(sender.wallet, number_hash, sender.wallet);
                    taken_back.unwrap();
                }
                done.is_ok()
            }
            Step::Rotate { wallet, from, to } => {
                let (old, new) = (self.subscriber(wallet, from), self.subscriber(wallet, to));
                let rotation = rotation(registry, &old, &new, revision);
                registry.rotate_client(old.wallet, &rotation).is_ok()
            }
            Step::Revoke { wallet, key } => {
                let holder = self.subscriber(wallet, key);
                let signature = revocation(registry, &holder, revision);
                let done = registry.revoke_client(holder.wallet, number_hash, &signature);
                done.is_ok()
            }
            Step::RevokeByOperator { by } => {
                let done = registry.revoke_by_operator(self.operator(by), number_hash);
                done.is_ok()
            }
            Step::Drop { wallet } => {
                let done = registry.drop_successor(self.chain.account(wallet), number_hash);
                done.is_ok()
            }
            Step::DropByOperator { by } => {
                let done = registry.drop_successor(self.operator(by), number_hash);
                done.is_ok()
            }
            Step::HandOver { by, to, overlap } => {
                let secret = operator_secret(to);
                let operator = new_operator(&secret);
                let digest = registry.operator_keys_digest(&operator, operator_revision + 1);
                let change = OperatorKeysChange {
                    operator,
                    overlap: overlap * 3_600,
                    account_signature: prove_possession(&secret, digest).unwrap(),
                };
                let done = registry.rotate_operator_keys(self.operator(by), &change);
                done.is_ok()
            }
        }
    }

    /// That readers and the contract's own views say what the rules do.
    fn assert_is(&self, model: &Model) -> Result<(), TestCaseError> {
        let key = |key: u8| compressed(&self.subscriber(1, key), &self.registry);
        let wallet = |wallet: usize| self.chain.account(wallet);
        let record = read(&self.chain, &self.registry, &self.subscriber(1, 1).number);
        let found = record.as_ref().map(|record| {
            let in_force = record.status == Status::Approved;
            (record.holder, record.key, record.revision, in_force)
        });
        let expected = model.record.map(|(holder, its, revision, in_force)| {
            (wallet(holder), key(its), revision, in_force)
        });
        prop_assert_eq!(found, expected);
        let found = record
            .and_then(|record| record.successor)
            .map(|next| (next.holder, next.key, next.valid_since));
        let expected = model.successor;
        let expected = expected.map(|(holder, its, due)| (wallet(holder), key(its), due));
        prop_assert_eq!(found, expected);
        let client = self.registry.client(self.number_hash).unwrap();
        let said = client.map(|client| (client.key, client.revision));
        let expected = model
            .record
            .map(|(_, its, revision, _)| (key(its), revision));
        prop_assert_eq!(said, expected);

        let (chain, config) = (self.chain.clone(), self.registry.config());
        let mut reader = Registry::new(config, chain.head(), chain.clone());
        let keys = reader.operator_keys().unwrap().into_value();
        let expected = (self.operator(model.operator), model.operator_revision);
        prop_assert_eq!((keys.account, keys.revision), expected);
        let found = reader.previous_operator_keys().unwrap().into_value();
        let found = found.map(|previous| (previous.keys.account, previous.valid_until));
        let expected = model.previous;
        let expected = expected.map(|(account, until)| (self.operator(account), until));
        prop_assert_eq!(found, expected);
        Ok(())
    }
}

fn operator_secret(index: usize) -> [u8; 32] {
    [0x70 + index as u8; 32]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_history_of_changes_leaves_what_the_rules_say(
        steps in prop::collection::vec(step(), 1..32)
    ) {
        let history = History::new();
        let mut model = Model::new();
        for step in steps {
            let done = history.take(step, model.operator_revision);
            let now = history.chain.head_timestamp();
            prop_assert_eq!(done, model.take(step, now), "{:?}", step);
            model.settle(now);
            history.assert_is(&model)?;
        }
    }
}
