//! The artifact's storage layout is the one that readers prove slots by.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use alloy_primitives::{Address, B256, U256, keccak256};
use callseal_registry_client::layout::{
    client_slots, operator_slots, pending_slots, previous_operator_slots, successor_slots,
};
use serde_json::Value;

fn layout() -> Value {
    let artifact = include_str!("../../contracts/artifacts/Registry.json");
    let mut artifact: Value = serde_json::from_str(artifact).unwrap();
    artifact["storageLayout"].take()
}

/// Where a variable of the contract begins.
fn slot_of(layout: &Value, label: &str) -> U256 {
    let storage = layout["storage"].as_array().unwrap();
    let variable = storage
        .iter()
        .find(|variable| variable["label"] == label)
        .unwrap();
    assert_eq!(variable["offset"], 0);
    variable["slot"].as_str().unwrap().parse().unwrap()
}

/// Slot, offset from the least significant octet, and length of a struct's members.
fn members(layout: &Value, name: &str) -> Vec<(String, u64, u64, u64)> {
    let layout_type = |name: &str| &layout["types"][name];
    let members = &layout_type(&format!("t_struct({name})_storage"))["members"];
    let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    let member = |member: &Value| {
        let len = number(&layout_type(member["type"].as_str().unwrap())["numberOfBytes"]);
        let label = member["label"].as_str().unwrap().to_owned();
        (
            label,
            number(&member["slot"]),
            member["offset"].as_u64().unwrap(),
            len,
        )
    };
    members.as_array().unwrap().iter().map(member).collect()
}

#[test]
fn the_variables_are_where_readers_look() {
    let layout = layout();
    let word = |number: U256| B256::from(number);
    let entry = |key: B256, mapping: B256| keccak256([key, mapping].concat());
    let next = |slot: B256| word(U256::from_be_bytes(slot.0) + U256::ONE);
    let (number, sender) = (keccak256("tel:+8613800000001"), Address::repeat_byte(0x11));

    let base = entry(number, word(slot_of(&layout, "_clients")));
    assert_eq!(client_slots(number), [base, next(base)]);
    let base = entry(number, word(slot_of(&layout, "_pending")));
    let base = entry(sender.into_word(), base);
    assert_eq!(pending_slots(number, sender), [base, next(base)]);
    let base = entry(number, word(slot_of(&layout, "_successors")));
    assert_eq!(successor_slots(number), [base, next(base)]);
    let base = word(slot_of(&layout, "_operator"));
    assert_eq!(operator_slots(), [base, next(base), next(next(base))]);
    let base = word(slot_of(&layout, "_previousOperator"));
    let until = word(slot_of(&layout, "_previousOperatorUntil"));
    let slots = [base, next(base), next(next(base)), until];
    assert_eq!(previous_operator_slots(), slots);
}

#[test]
fn a_record_is_three_slots_packed_as_readers_unpack_it() {
    let member = |label: &str, slot, offset, len| (label.to_owned(), slot, offset, len);
    assert_eq!(
        members(&layout(), "Client"),
        [
            member("keyX", 0, 0, 32),
            member("holder", 1, 0, 20),
            member("validSince", 1, 20, 6),
            member("revision", 1, 26, 4),
            member("keyPrefix", 1, 30, 1),
            member("status", 1, 31, 1),
            member("tokenHash", 2, 0, 32),
        ]
    );
    assert_eq!(
        members(&layout(), "Operator"),
        [
            member("signingKeyX", 0, 0, 32),
            member("account", 1, 0, 20),
            member("validSince", 1, 20, 6),
            member("revision", 1, 26, 4),
            member("signingKeyPrefix", 1, 30, 1),
            member("sealingKey", 2, 0, 32),
        ]
    );
}
