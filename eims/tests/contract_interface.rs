//! The part of the contract's interface that is written down in this crate is
//! the compiled contract's.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use alloy_primitives::{Address, B256, keccak256};
use callseal_eims::{AccountKey, Claim, LoggedClaim, OperatorId, TokenHash, contract};
use serde_json::Value;

/// `name(type,…)` of an entry of the ABI, tuples flattened.
fn signature(entry: &Value) -> String {
    let types: Vec<_> = entry["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|input| input["type"].as_str().unwrap())
        .collect();
    format!("{}({})", entry["name"].as_str().unwrap(), types.join(","))
}

fn artifact() -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../contracts/artifacts/Registry.json"
    );
    let artifact: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    artifact["abi"].as_array().unwrap().clone()
}

fn hash_of(kind: &str, name: &str) -> B256 {
    let abi = artifact();
    let entry = abi
        .iter()
        .find(|entry| entry["type"] == kind && entry["name"] == name)
        .unwrap_or_else(|| panic!("the contract has no {kind} {name}"));
    keccak256(signature(entry))
}

#[test]
fn calls_and_events_have_the_selectors_of_the_compiled_contract() {
    let operator = OperatorId {
        chain_id: 1,
        contract: [0xaa; 20],
    };
    let key = AccountKey::from_bytes([7; 32]).unwrap();
    let number = "+8613800000001".parse().unwrap();
    let wallet = Address::repeat_byte(8);
    let claim = Claim::make(operator, number, wallet, &key, TokenHash([3; 32]));
    let calls = [
        ("addClient", claim.add_client()),
        ("approveClient", claim.as_logged().approve_client()),
        ("getPending", contract::ask_pending(B256::ZERO, wallet)),
        ("getClient", contract::ask_client(B256::ZERO)),
        ("getOperator", contract::ask_operator()),
        ("getPreviousOperator", contract::ask_previous_operator()),
        ("revokeByOperator", contract::revoke_by_operator(B256::ZERO)),
        ("dropSuccessor", contract::drop_successor(B256::ZERO)),
        (
            "revokeClient",
            contract::revoke_client(operator, B256::ZERO, 1, &key),
        ),
        (
            "rotateClient",
            contract::rotate_client(operator, B256::ZERO, wallet, 1, &key, &key),
        ),
        (
            "rotateOperatorKeys",
            contract::rotate_operator_keys(&key, &[1; 64], [2; 32], 5, B256::ZERO),
        ),
    ];
    for (name, data) in calls {
        assert_eq!(data[..4], hash_of("function", name)[..4], "{name}");
    }
    assert_eq!(LoggedClaim::TOPIC, hash_of("event", "ClientAdded"));
    for (name, arguments, words) in [
        ("NotOperator", 1, "not the registry's operator"),
        ("NotPending", 2, "pending"),
        ("RecordMismatch", 2, "checked"),
        ("NotInForce", 1, "in force"),
        ("NotHolder", 1, "not the record's holder"),
        ("NotHolderNorOperator", 1, "not the holder"),
        ("BadHolderSignature", 0, "has changed"),
        ("NoSuccessor", 1, "no successor"),
    ] {
        let mut data = hash_of("error", name)[..4].to_vec();
        data.resize(4 + 32 * arguments, 0);
        assert!(contract::refusal(&data).unwrap().contains(words), "{name}");
    }
}
