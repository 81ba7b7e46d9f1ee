//! Reading the registry's own storage by proof.

use std::thread;

use alloy_primitives::{Address, B256};
use callseal_devchain::DevChain;
use callseal_registry_client::{
    Answer, LookUpError, MAX_CLAIMS, Registry, RegistryConfig, Status, Transport, TransportError,
    verify_account, verify_header,
};

use crate::enrolled::{CHAIN_ID, Subscriber, deploy, operator, registry};

mod enrolled;

#[test]
fn an_approved_record_is_proven_as_the_contract_has_it() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let claim = alice.enrol(&chain, &registry);
    let mut reader = Registry::new(registry.config(), chain.head(), chain.clone());
    let answer = reader.look_up(&alice.number).unwrap();
    assert_eq!(answer.block_hash(), chain.head());
    assert_eq!(answer.block_number(), chain.head_number());
    assert_eq!(answer.timestamp(), chain.head_timestamp());

    let record = answer.into_record().unwrap();
    assert!(record.is_in_force());
    let (record, by_call) = (
        record.value(),
        registry.client(claim.number_hash).unwrap().unwrap(),
    );
    assert_eq!(record.key, claim.compressed_key());
    assert_eq!(record.status, Status::Approved);
    assert_eq!(record.key, by_call.key);
    assert_eq!(record.holder, by_call.holder);
    assert_eq!(record.revision, by_call.revision);
    assert_eq!(record.valid_since, by_call.valid_since);
}

#[test]
fn an_absence_is_proven_and_so_is_an_approval_that_is_missing() {
    let (chain, registry) = registry();
    let (alice, bob) = (Subscriber::new(&chain, 1), Subscriber::new(&chain, 2));
    let look_up = |number: &str| {
        let mut reader = Registry::new(registry.config(), chain.head(), chain.clone());
        reader.look_up(number).unwrap().into_value()
    };
    // In a registry of nobody, and beside somebody.
    assert_eq!(look_up(&alice.number), Answer::Absent);
    bob.enrol(&chain, &registry);
    assert_eq!(look_up(&alice.number), Answer::Absent);
    // A claim is no record.
    registry
        .add_client(alice.wallet, &alice.claim(&registry))
        .unwrap();
    assert_eq!(look_up(&alice.number), Answer::Absent);
}

#[test]
fn a_claim_is_proven_until_it_is_approved() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let claim = alice.claim(&registry);
    registry.add_client(alice.wallet, &claim).unwrap();
    let look_up = |sender| {
        let mut reader = Registry::new(registry.config(), chain.head(), chain.clone());
        reader
            .look_up_claim(&alice.number, sender)
            .unwrap()
            .into_record()
    };
    let pending = look_up(alice.wallet).unwrap();
    assert_eq!(pending.value().status, Status::Pending);
    assert_eq!(pending.value().key, claim.compressed_key());
    assert_eq!(pending.value().holder, alice.wallet);
    assert!(!pending.is_in_force());
    assert_eq!(look_up(chain.account(7)), None);

    let record_hash = claim.record_hash(alice.wallet);
    registry
        .approve_client(
            chain.account(0),
            claim.number_hash,
            alice.wallet,
            record_hash,
        )
        .unwrap();
    assert_eq!(look_up(alice.wallet), None);
}

#[test]
fn all_claims_of_a_number_are_proven_among_those_of_others() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let claims_of = |number: &str| {
        let mut reader = Registry::new(registry.config(), chain.head(), chain.clone());
        let claims = reader.look_up_claims(number).unwrap();
        assert!(claims.is_about(number));
        let mut senders: Vec<_> = claims.value().iter().map(|claim| claim.holder).collect();
        senders.sort();
        senders
    };
    assert!(claims_of(&alice.number).is_empty());
    // More than are asked for at once, and another wallet's of the same number behind them.
    let mut wallets = vec![alice.wallet];
    registry
        .add_client(alice.wallet, &alice.claim(&registry))
        .unwrap();
    for index in 2..80 {
        let other = Subscriber::new(&chain, index);
        registry
            .add_client(other.wallet, &other.claim(&registry))
            .unwrap();
    }
    let rival = Subscriber {
        wallet: chain.account(5),
        ..Subscriber::new(&chain, 1)
    };
    registry
        .add_client(rival.wallet, &rival.claim(&registry))
        .unwrap();
    wallets.push(rival.wallet);
    wallets.sort();
    assert_eq!(claims_of(&alice.number), wallets);
    // What is dropped leaves the list.
    let number_hash = alice.claim(&registry).number_hash;
    registry
        .drop_client(alice.wallet, number_hash, alice.wallet)
        .unwrap();
    assert_eq!(claims_of(&alice.number), [rival.wallet]);
}

#[test]
fn a_list_of_claims_that_is_too_long_is_said_to_be_so() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let claims: Vec<_> = (0..=MAX_CLAIMS)
        .map(|index| {
            let other = Subscriber::new(&chain, 1_000 + index);
            (other.wallet, other.claim(&registry))
        })
        .collect();
    registry
        .add_clients(claims.iter().map(|(wallet, claim)| (*wallet, claim)))
        .unwrap();
    let mut reader = Registry::new(registry.config(), chain.head(), chain.clone());
    let refusal = reader.look_up_claims(&alice.number).unwrap_err();
    let count = alloy_primitives::U256::from(MAX_CLAIMS + 1);
    assert_eq!(refusal, LookUpError::TooManyClaims { count });
}

#[test]
fn the_operators_keys_are_proven() {
    let (chain, registry) = registry();
    let operator = operator(&chain);
    let mut reader = Registry::new(registry.config(), chain.head(), chain.clone());
    let keys = reader.operator_keys().unwrap();
    let keys = keys.value();
    assert_eq!(keys.account, operator.account);
    assert_eq!(keys.signing_key[1..], operator.signing_key[..32]);
    assert_eq!(keys.signing_key[0], 2 + (operator.signing_key[63] & 1));
    assert_eq!(keys.sealing_key, Some(operator.sealing_key));
    assert_eq!(
        (keys.revision, keys.valid_since),
        (1, chain.head_timestamp())
    );
}

#[test]
fn each_kept_block_proves_what_was_true_then() {
    let (chain, registry) = registry();
    let subscribers: Vec<_> = (1..=9)
        .map(|index| Subscriber::new(&chain, index))
        .collect();
    let mut blocks = vec![chain.head()];
    for subscriber in &subscribers {
        subscriber.enrol(&chain, &registry);
        blocks.push(chain.head());
    }
    let mut reader = Registry::new(registry.config(), B256::ZERO, chain.clone());
    for (enrolled, block) in blocks.into_iter().enumerate() {
        reader.trust(block);
        assert_eq!(reader.trusted_block(), block);
        for (index, subscriber) in subscribers.iter().enumerate() {
            let answer = reader.look_up(&subscriber.number).unwrap();
            assert_eq!(answer.block_hash(), block);
            assert_eq!(answer.into_record().is_some(), index < enrolled);
        }
    }
}

#[test]
fn the_funded_accounts_are_in_the_first_state_root() {
    let mut chain = DevChain::new(CHAIN_ID);
    let header = chain.header(chain.head()).unwrap();
    let header = verify_header(chain.head(), &header).unwrap();
    assert_eq!(header.number(), 0);
    let ours = chain.account(4);
    let proof = chain.proof(ours, &[], header.block_hash()).unwrap();
    let account = verify_account(header.state_root(), ours, &proof.account)
        .unwrap()
        .unwrap();
    assert_eq!(account.balance(), chain.balance(ours));
    let nobody = Address::repeat_byte(0x99);
    let proof = chain.proof(nobody, &[], header.block_hash()).unwrap();
    assert_eq!(
        verify_account(header.state_root(), nobody, &proof.account),
        Ok(None)
    );
}

#[test]
fn a_configuration_for_something_else_is_refused_by_name() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    alice.enrol(&chain, &registry);
    let config = registry.config();
    let look_up = |config: RegistryConfig, block| {
        Registry::new(config, block, chain.clone())
            .look_up(&alice.number)
            .unwrap_err()
    };
    let head = chain.head();

    let wrong = RegistryConfig {
        chain_id: 1,
        ..config
    };
    assert_eq!(
        look_up(wrong, head),
        LookUpError::WrongChain {
            expected: 1,
            got: CHAIN_ID
        }
    );

    let contract = Address::repeat_byte(0x99);
    let wrong = RegistryConfig { contract, ..config };
    let block_number = chain.head_number();
    assert_eq!(
        look_up(wrong, head),
        LookUpError::NoContract {
            contract,
            block_number
        }
    );

    let contract = chain.account(3);
    let wrong = RegistryConfig { contract, ..config };
    let refusal = look_up(wrong, head);
    let is_wallet = matches!(refusal, LookUpError::CodeHash { contract: of, .. } if of == contract);
    assert!(is_wallet, "{refusal}");

    let wrong = RegistryConfig {
        code_hash: B256::ZERO,
        ..config
    };
    assert!(
        matches!(look_up(wrong, head), LookUpError::CodeHash { got, .. } if got == config.code_hash)
    );

    let block_hash = B256::repeat_byte(0x17);
    let unknown = TransportError::UnknownBlock {
        node: "the embedded chain".into(),
        block_hash,
    };
    assert_eq!(look_up(config, block_hash), LookUpError::Transport(unknown));

    let number = Registry::new(config, head, chain.clone()).look_up("call me");
    assert!(matches!(number, Err(LookUpError::Number(_))));
}

#[test]
fn a_registry_answers_for_itself_alone() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    alice.enrol(&chain, &registry);
    let other = deploy(&chain);
    let mut reader = Registry::new(other.config(), chain.head(), chain.clone());
    assert_eq!(
        reader.look_up(&alice.number).unwrap().into_value(),
        Answer::Absent
    );
}

#[test]
fn two_legs_look_each_other_up_at_the_same_time() {
    fn shareable<T: Clone + Send + Sync + 'static>(_: &T) {}

    let (chain, registry) = registry();
    let (alice, bob) = (Subscriber::new(&chain, 1), Subscriber::new(&chain, 2));
    for subscriber in [&alice, &bob] {
        subscriber.enrol(&chain, &registry);
    }
    shareable(&chain);
    let keys = thread::scope(|scope| {
        let legs = [&alice, &bob].map(|subscriber| {
            let mut reader = Registry::new(registry.config(), chain.head(), chain.clone());
            scope.spawn(move || {
                reader
                    .look_up(&subscriber.number)
                    .unwrap()
                    .into_record()
                    .unwrap()
            })
        });
        legs.map(|leg| leg.join().unwrap().into_value().key)
    });
    let expected = [&alice, &bob].map(|subscriber| subscriber.claim(&registry).compressed_key());
    assert_eq!(keys, expected);
}
