//! A beacon node may change what it likes: every field of every object is held by something.
#![cfg(feature = "json")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use callseal_registry_client::light::{
    BootstrapError, Store, UpdateError, json, verify_bootstrap, verify_update,
};
use callseal_testvectors::light_client::DEVNET;
use serde_json::Value;

use crate::light::{checkpoint, network, now, store, update};

mod light;

/// Every text in a JSON value, by its path, and what it could be instead.
fn lies(value: &Value) -> Vec<(String, Value)> {
    let mut lies = Vec::new();
    let mut paths = Vec::new();
    collect(value, String::new(), &mut paths);
    for path in paths {
        let text = value.pointer(&path).unwrap().as_str().unwrap();
        for other in others(text) {
            let mut liar = value.clone();
            *liar.pointer_mut(&path).unwrap() = other.into();
            lies.push((path.clone(), liar));
        }
    }
    lies
}

fn collect(value: &Value, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                collect(field, format!("{path}/{name}"), paths);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{path}/{index}"), paths);
            }
        }
        Value::String(_) => paths.push(path),
        other => panic!("{path}: the API writes nothing but texts, not {other}"),
    }
}

fn others(text: &str) -> Vec<String> {
    let Some(digits) = text.strip_prefix("0x") else {
        let number: u64 = text.parse().unwrap();
        return vec![
            (number + 1).to_string(),
            number
                .saturating_sub(1)
                .max(u64::from(number == 0))
                .to_string(),
            u64::MAX.to_string(),
        ];
    };
    if digits.is_empty() {
        return vec!["0x00".into()];
    }
    let flipped = |at: usize| {
        let mut digits: Vec<char> = digits.chars().collect();
        let digit = digits[at].to_digit(16).unwrap() ^ 1;
        digits[at] = char::from_digit(digit, 16).unwrap();
        format!("0x{}", String::from_iter(digits))
    };
    vec![flipped(0), flipped(digits.len() - 1)]
}

#[test]
fn no_field_of_a_bootstrap_can_be_another() {
    let honest: Value = serde_json::from_str(DEVNET.bootstrap).unwrap();
    let lies = lies(&honest["data"]);
    assert!(lies.len() > 2 * (32 + 1 + 5 + 5 + 15 + 4), "{}", lies.len());
    for (path, liar) in lies {
        let text = serde_json::json!({ "data": liar }).to_string();
        let bootstrap = json::bootstrap(text.as_bytes()).unwrap();
        let refusal = verify_bootstrap(&network(), checkpoint(), &bootstrap, now()).unwrap_err();
        let is_named = match path.split('/').nth(1).unwrap() {
            "current_sync_committee" | "current_sync_committee_branch" => {
                matches!(refusal, BootstrapError::Committee(_))
            }
            "header" if path.starts_with("/header/beacon") => {
                matches!(refusal, BootstrapError::Checkpoint { .. })
            }
            "header" => matches!(refusal, BootstrapError::Header(_)),
            other => panic!("a field {other} that nothing holds"),
        };
        assert!(is_named, "{path}: {refusal}");
    }
}

#[test]
fn no_field_of_an_update_can_be_another() {
    let honest: Value = serde_json::from_str(DEVNET.updates[1]).unwrap();
    let mut store = store();
    let first = verify_update(&store, &update(0), now()).unwrap();
    store.apply_update(first);
    let lies = lies(&honest[0]["data"]);
    assert!(
        lies.len() > 2 * (32 + 1 + 6 + 2 * 24 + 5 + 3),
        "{}",
        lies.len()
    );
    for (path, liar) in lies {
        let text = serde_json::json!([{ "data": liar }]).to_string();
        let update = json::updates(text.as_bytes()).unwrap().remove(0);
        refused(&store, &path, &update);
    }
}

#[test]
fn no_field_of_a_finality_update_can_be_another() {
    let honest: Value = serde_json::from_str(DEVNET.finality_update).unwrap();
    let mut store = store();
    for period in 0..3 {
        let verified = verify_update(&store, &update(period), now()).unwrap();
        store.apply_update(verified);
    }
    for (path, liar) in lies(&honest["data"]) {
        let text = serde_json::json!({ "data": liar }).to_string();
        let update = json::finality_update(text.as_bytes()).unwrap();
        refused(&store, &path, &update);
    }
}

/// The refusal names what was changed, or what holds it.
fn refused(store: &Store, path: &str, update: &callseal_registry_client::light::Update) {
    use UpdateError::{
        Attested, CommitteeBranch, FinalityBranch, Finalized, Future, Order, Participation, Period,
        Signature,
    };

    let result = verify_update(store, update, now());
    let mut parts = path.split('/').skip(1);
    let (field, part) = (parts.next().unwrap(), parts.next());
    if field == "signature_slot" {
        // The signature does not cover it: it counts by its period, its fork, and its place in time.
        let period = |slot| store.network().period_of(slot);
        let attested = update.attested_header.beacon.slot;
        let is_plausible = update.signature_slot > attested
            && update.signature_slot <= store.network().slot_at(now())
            && period(update.signature_slot) == period(attested);
        match result {
            Ok(_) => assert!(is_plausible, "{path}"),
            Err(error) => assert!(
                !is_plausible && matches!(error, Future { .. } | Order { .. } | Period { .. }),
                "{path}: {error}"
            ),
        }
        return;
    }
    let refusal = result.expect_err(path);
    let is_named = match (field, part) {
        ("attested_header", Some("beacon")) => matches!(
            refusal,
            Signature(_)
                | Attested(_)
                | FinalityBranch(_)
                | CommitteeBranch(_)
                | Order { .. }
                | Period { .. }
        ),
        ("attested_header", _) => matches!(refusal, Attested(_)),
        ("finalized_header", Some("beacon")) => {
            matches!(refusal, FinalityBranch(_) | Finalized(_) | Order { .. })
        }
        ("finalized_header", _) => matches!(refusal, Finalized(_)),
        ("finality_branch", _) => matches!(refusal, FinalityBranch(_)),
        ("next_sync_committee" | "next_sync_committee_branch", _) => {
            matches!(refusal, CommitteeBranch(_))
        }
        ("sync_aggregate", Some("sync_committee_bits")) => {
            matches!(refusal, Signature(_) | Participation { .. })
        }
        ("sync_aggregate", _) => matches!(refusal, Signature(_)),
        other => panic!("a field {other:?} that nothing holds"),
    };
    assert!(is_named, "{path}: {refusal}");
}
