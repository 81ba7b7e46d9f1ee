//! A provider of alloy's as a node: another client's block and proofs, and what can go wrong.
#![cfg(feature = "alloy")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use core::time::Duration;

use alloy_primitives::{Address, B256};
use alloy_provider::mock::Asserter;
use alloy_provider::{Provider, ProviderBuilder};
use callseal_registry_client::{
    AlloyTransport, Transport, TransportError, verify_account, verify_header, verify_slots,
};
use callseal_testvectors::trie::{DEVNET_BLOCK, DEVNET_PROOF};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A node with these answers, in order, and what runs it.
fn node(answers: &[Value]) -> (AlloyTransport<impl Provider + use<>>, Runtime) {
    let asserter = Asserter::new();
    for answer in answers {
        asserter.push_success(answer);
    }
    let provider = ProviderBuilder::new().connect_mocked_client(asserter);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let node = AlloyTransport::new("ours", provider, runtime.handle().clone());
    (node.time_limit(Duration::from_secs(300)), runtime)
}

fn result(text: &str) -> Value {
    let answer: Value = serde_json::from_str(text).unwrap();
    answer["result"].clone()
}

#[test]
fn another_clients_block_and_proofs_are_asked_for_and_verified() {
    let (block, proof) = (result(DEVNET_BLOCK), result(DEVNET_PROOF));
    let (mut node, _runtime) = node(&[block.clone(), proof.clone(), json!("0x539")]);
    let hash: B256 = block["hash"].as_str().unwrap().parse().unwrap();
    let header = verify_header(hash, &node.header(hash).unwrap()).unwrap();
    let contract: Address = proof["address"].as_str().unwrap().parse().unwrap();
    let slots: Vec<B256> = proof["storageProof"]
        .as_array()
        .unwrap()
        .iter()
        .map(|slot| slot["key"].as_str().unwrap().parse().unwrap())
        .collect();
    let raw = node.proof(contract, &slots, hash).unwrap();
    let account = verify_account(header.state_root(), contract, &raw.account).unwrap();
    let words = verify_slots(&account.unwrap(), &slots, &raw.slots).unwrap();
    assert!(words.iter().all(|word| !word.is_zero()));
    assert_eq!(node.chain_id(), Ok(Some(1337)));
}

#[test]
fn what_a_provider_does_not_have_or_refuses_is_said() {
    let (mut absent, _runtime) = node(&[Value::Null]);
    let hash = B256::repeat_byte(7);
    assert!(matches!(
        absent.header(hash),
        Err(TransportError::UnknownBlock { node, block_hash }) if node == "ours" && block_hash == hash
    ));

    let asserter = Asserter::new();
    asserter.push_failure_msg("no\u{1b}[2Jproofs");
    let provider = ProviderBuilder::new().connect_mocked_client(asserter);
    let runtime = Runtime::new().unwrap();
    let mut refusing = AlloyTransport::new("ours", provider, runtime.handle().clone());
    let refused = refusing.proof(Address::ZERO, &[], hash);
    assert!(matches!(
        refused,
        Err(TransportError::Refused { message, .. }) if message == "no\u{fffd}[2Jproofs"
    ));
    // Nobody is connected any more.
    assert!(refusing.chain_id().is_err());

    let (mut nonsense, _runtime) = node(&[json!({ "number": "many" })]);
    assert!(matches!(
        nonsense.header(hash),
        Err(TransportError::Nonsense { .. })
    ));
}
