//! What a node says beside the proofs is read by nobody: whatever it says there moves nothing.
#![cfg(feature = "json")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use alloy_primitives::B256;
use callseal_registry_client::{json_rpc, verify_header};
use callseal_testvectors::trie::{DEVNET_BLOCK, DEVNET_PROOF};
use serde_json::{Value, json};

/// What a block's answer has beside its header.
const BESIDE_A_HEADER: [&str; 6] = [
    "hash",
    "size",
    "totalDifficulty",
    "transactions",
    "uncles",
    "withdrawals",
];

/// An answer with something else in the place of one field, in every way in which it could be there.
fn lies(honest: &Value, pointer: &str) -> Vec<Value> {
    let said = honest.pointer(pointer).unwrap();
    let other = match said.as_str() {
        Some(text) => {
            let (start, last) = text.split_at(text.len() - 1);
            json!(format!("{start}{}", if last == "1" { "2" } else { "1" }))
        }
        None => json!([B256::ZERO]),
    };
    let mut values = vec![other, Value::Null, json!([]), json!({ "a": 1 })];
    values.extend(["0xbad", "", "0x", "latest"].map(Value::from));
    let mut liars: Vec<_> = values
        .into_iter()
        .map(|value| {
            let mut liar = honest.clone();
            *liar.pointer_mut(pointer).unwrap() = value;
            liar
        })
        .collect();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let mut without = honest.clone();
    let parent = without.pointer_mut(parent).unwrap();
    parent.as_object_mut().unwrap().remove(name).unwrap();
    liars.push(without);
    liars
}

#[test]
fn what_a_proof_says_about_itself_moves_nothing() {
    let honest: Value = serde_json::from_str(DEVNET_PROOF).unwrap();
    let read = |answer: &Value| json_rpc::proof(answer.to_string().as_bytes(), 1);
    let proof = read(&honest).unwrap();
    let said = ["address", "balance", "codeHash", "nonce", "storageHash"];
    let mut pointers: Vec<_> = said.iter().map(|name| format!("/result/{name}")).collect();
    for slot in 0..honest["result"]["storageProof"].as_array().unwrap().len() {
        let said = ["key", "value"];
        pointers.extend(said.map(|name| format!("/result/storageProof/{slot}/{name}")));
    }
    // With what is proven that is all there is.
    let slots = honest["result"]["storageProof"].as_array().unwrap();
    let fields = honest["result"].as_object().unwrap().len() - 2;
    let of_slots: usize = slots
        .iter()
        .map(|slot| slot.as_object().unwrap().len() - 1)
        .sum();
    assert_eq!(pointers.len(), fields + of_slots);
    for pointer in pointers {
        for liar in lies(&honest, &pointer) {
            let answer = read(&liar).unwrap_or_else(|error| panic!("{pointer}: {error}"));
            assert_eq!(answer, proof, "{pointer}");
        }
    }
}

#[test]
fn a_block_is_worth_what_its_header_hashes_to() {
    let honest: Value = serde_json::from_str(DEVNET_BLOCK).unwrap();
    let read = |answer: &Value| json_rpc::header(answer.to_string().as_bytes(), 1);
    let hash: B256 = honest["result"]["hash"].as_str().unwrap().parse().unwrap();
    let header = read(&honest).unwrap().unwrap();
    assert!(verify_header(hash, &header).is_ok());
    let mut unread = Vec::new();
    for name in honest["result"].as_object().unwrap().keys() {
        let pointer = format!("/result/{name}");
        let is_beside = BESIDE_A_HEADER.contains(&name.as_str());
        if is_beside {
            unread.push(name.clone());
        }
        let mut refused = 0;
        for liar in lies(&honest, &pointer) {
            match read(&liar) {
                Ok(Some(found)) if is_beside => assert_eq!(found, header, "{name}"),
                // Nought is written in many ways.
                Ok(Some(found)) => {
                    let is_refused = verify_header(hash, &found).is_err();
                    assert!(is_refused != (found == header), "{name}");
                    refused += usize::from(is_refused);
                }
                Err(_) if !is_beside => refused += 1,
                other => panic!("{name}: {other:?}"),
            }
        }
        assert_eq!(refused == 0, is_beside, "{name}");
    }
    unread.sort();
    assert_eq!(unread, BESIDE_A_HEADER);
}
