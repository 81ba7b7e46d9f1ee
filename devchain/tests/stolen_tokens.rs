//! What a token is worth to those whose it is not: its hash stands in the
//! claim, for everybody to see and to copy.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

mod enrolled;

use callseal_devchain::{DevChain, RegistryError};
use callseal_registry_client::{Record, Registry, RegistryConfig};
use enrolled::{Subscriber, registry};

fn record(chain: &DevChain, config: RegistryConfig, number: &str) -> Record {
    let mut reader = Registry::new(config, chain.head(), chain.clone());
    let found = reader.look_up(number).unwrap().into_record();
    found.unwrap().into_value()
}

#[test]
fn a_stranger_who_claims_first_with_a_copied_token_hash_is_never_approved() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    // He has seen Alice's claim on its way: her number and her token's hash, and offers a higher fee.
    let mallory = Subscriber {
        number: alice.number.clone(),
        token_hash: alice.token_hash,
        ..Subscriber::new(&chain, 2)
    };
    let (claim, copied) = (alice.claim(&registry), mallory.claim(&registry));
    registry.add_client(mallory.wallet, &copied).unwrap();

    // The operator approves what Alice's phone has told it, whoever's claim is there.
    let told = claim.record_hash(alice.wallet);
    let operator = chain.account(0);
    let approve = |sender| registry.approve_client(operator, claim.number_hash, sender, told);
    let refused = approve(mallory.wallet).unwrap_err();
    assert!(
        matches!(refused, RegistryError::RecordMismatch { .. }),
        "{refused:?}"
    );
    // Her key is of no use to him: he cannot sign with it.
    let with_her_key = callseal_devchain::Claim {
        key: claim.key,
        ..copied
    };
    registry
        .add_client(mallory.wallet, &with_her_key)
        .unwrap_err();

    registry.add_client(alice.wallet, &claim).unwrap();
    approve(mallory.wallet).unwrap_err();
    approve(alice.wallet).unwrap();
    let record = record(&chain, registry.config(), &alice.number);
    assert_eq!(
        (record.key, record.holder, record.successor),
        (claim.compressed_key(), alice.wallet, None)
    );
}

#[test]
fn a_compromised_token_overwrites_no_approved_record() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let claim = alice.enrol(&chain, &registry);
    // He has the token itself, and a wallet and a key of his own.
    let thief = Subscriber {
        number: alice.number.clone(),
        token_hash: alice.token_hash,
        ..Subscriber::new(&chain, 2)
    };
    let his = thief.claim(&registry);
    registry.add_client(thief.wallet, &his).unwrap();
    let read = || record(&chain, registry.config(), &alice.number);
    assert_eq!(read().key, claim.compressed_key());

    // Were the operator to approve it all the same, it would wait two days in sight of everybody, and Alice objects.
    let his_record = his.record_hash(thief.wallet);
    registry
        .approve_client(chain.account(0), his.number_hash, thief.wallet, his_record)
        .unwrap();
    let seen = read();
    assert_eq!(seen.key, claim.compressed_key());
    assert_eq!(seen.successor.unwrap().key, his.compressed_key());
    registry
        .drop_successor(alice.wallet, claim.number_hash)
        .unwrap();
    assert_eq!(read().successor, None);
}
