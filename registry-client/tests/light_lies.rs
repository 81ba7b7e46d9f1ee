//! A beacon node may change what it likes: every field of every object is held by something, in every fork.
#![cfg(feature = "json")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use std::slice;

use alloy_primitives::B256;
use callseal_devchain::{DevBeacon, DevChain};
use callseal_registry_client::light::{
    Beacon, BootstrapError, Fork, Network, Store, Update, UpdateError, json, verify_bootstrap,
    verify_update,
};
use callseal_testvectors::light_client::DEVNET;
use serde_json::{Value, json};

mod light;

/// A network's answers, as its nodes write them.
struct Answers {
    fork: Fork,
    network: Network,
    checkpoint: B256,
    now: u64,
    bootstrap: Value,
    /// One of each period from the checkpoint's on.
    updates: Vec<Value>,
    finality_update: Value,
}

impl Answers {
    /// Another client's network of Capella, and ours of every fork with an execution header.
    fn all() -> impl Iterator<Item = Self> {
        let forks = [Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Fulu];
        [Self::of_devnet()]
            .into_iter()
            .chain(forks.map(Self::of_fork))
    }

    fn of_devnet() -> Self {
        let value = |text| serde_json::from_str::<Value>(text).unwrap();
        let data = |answer: &Value| answer["data"].clone();
        Self {
            fork: Fork::Capella,
            network: light::network(),
            checkpoint: light::checkpoint(),
            now: light::now(),
            bootstrap: data(&value(DEVNET.bootstrap)),
            updates: (0..3)
                .map(|period| data(&value(DEVNET.updates[period])[0]))
                .collect(),
            finality_update: data(&value(DEVNET.finality_update)),
        }
    }

    fn of_fork(fork: Fork) -> Self {
        let mut beacon = DevBeacon::at_fork(&DevChain::new(1), fork).unwrap();
        let checkpoint = beacon.finalize();
        beacon.pass_periods(2);
        let data = |text: String| serde_json::from_str::<Value>(&text).unwrap()["data"].clone();
        let bootstrap = beacon.bootstrap(checkpoint).unwrap();
        let updates = [0, 1].map(|period| beacon.update(period).unwrap());
        let finality_update = beacon.finality_update().unwrap();
        Self {
            fork,
            network: beacon.network().clone(),
            checkpoint,
            now: beacon.now(),
            bootstrap: data(json::bootstrap_text(&bootstrap, fork)),
            updates: updates
                .map(|update| {
                    let list = json::updates_text(&[(update, fork)]);
                    serde_json::from_str::<Value>(&list).unwrap()[0]["data"].clone()
                })
                .into(),
            finality_update: data(json::finality_update_text(&finality_update, fork)),
        }
    }

    /// What `data` is as an answer in which it is one of this fork.
    fn answer(&self, data: &Value) -> Value {
        json!({ "version": self.fork.name(), "data": data })
    }

    fn verify_bootstrap(&self, data: &Value) -> Result<Store, BootstrapError> {
        let bootstrap = json::bootstrap(self.answer(data).to_string().as_bytes()).unwrap();
        verify_bootstrap(&self.network, self.checkpoint, &bootstrap, self.now).map(Store::new)
    }

    /// What such an answer says; `Err` where it is none.
    fn update(&self, data: &Value) -> Result<Update, json::JsonError> {
        let list = json!([self.answer(data)]).to_string();
        Ok(json::updates(list.as_bytes())?.remove(0))
    }

    /// The state after the first `count` updates.
    fn store(&self, count: usize) -> Store {
        let mut store = self.verify_bootstrap(&self.bootstrap).unwrap();
        for data in &self.updates[..count] {
            let update = self.update(data).unwrap();
            let verified = verify_update(&store, &update, self.now).unwrap();
            store.apply_update(verified);
        }
        store
    }
}

#[test]
fn no_field_of_a_bootstrap_can_be_another() {
    for answers in Answers::all() {
        let lies = lies(&answers.bootstrap);
        assert!(lies.len() > 2 * (32 + 1 + 5 + 5 + 15 + 4), "{}", lies.len());
        for (path, liar) in lies {
            let refusal = answers.verify_bootstrap(&liar).unwrap_err();
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
            assert!(is_named, "{} {path}: {refusal}", answers.fork);
        }
    }
}

#[test]
fn no_field_of_an_update_can_be_another() {
    for answers in Answers::all() {
        let store = answers.store(1);
        let lies = lies(&answers.updates[1]);
        let fields = 32 + 1 + 6 + 2 * 24 + 5 + 3;
        assert!(lies.len() > 2 * fields, "{}", lies.len());
        for (path, liar) in lies {
            let update = answers.update(&liar).unwrap();
            assert_refused(&store, answers.now, &path, &update);
        }
    }
}

#[test]
fn no_field_of_a_finality_update_can_be_another() {
    for answers in Answers::all() {
        let store = answers.store(answers.updates.len());
        for (path, liar) in lies(&answers.finality_update) {
            let answer = answers.answer(&liar).to_string();
            let update = json::finality_update(answer.as_bytes()).unwrap();
            assert_refused(&store, answers.now, &path, &update);
        }
    }
}

#[test]
fn every_field_of_the_forks_own_is_lied_about() {
    for answers in Answers::all().skip(1) {
        let paths: Vec<_> = lies(&answers.updates[1])
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        // Where the fork has none, nought stands for them, and has to.
        for field in ["blob_gas_used", "excess_blob_gas"] {
            for header in ["attested_header", "finalized_header"] {
                let path = format!("/{header}/execution/{field}");
                assert!(paths.contains(&path), "{path}");
            }
        }
        let depth = |branch: &str| answers.updates[1][branch].as_array().unwrap().len();
        let deeper = usize::from(answers.fork >= Fork::Electra);
        assert_eq!(depth("finality_branch"), 6 + deeper);
        assert_eq!(depth("next_sync_committee_branch"), 5 + deeper);
    }
}

/// What is done to a branch's nodes.
type Lie = fn(&mut Vec<Value>);

#[test]
fn no_branch_has_another_length() {
    for answers in Answers::all() {
        let lies: [(&str, Lie); 5] = [
            ("nothing", Vec::clear),
            ("its end cut off", |nodes| drop(nodes.pop())),
            ("its start cut off", |nodes| drop(nodes.remove(0))),
            ("one too many", |nodes| {
                nodes.push(json!(B256::with_last_byte(1)))
            }),
            ("two zeros before it", |nodes| {
                nodes.splice(0..0, vec![json!(B256::ZERO); 2]);
            }),
        ];
        let store = answers.store(1);
        let now = answers.now;
        for (what, lie) in lies {
            let at = format!("{}, {what}", answers.fork);
            let branch = |data: &Value, name: &str| {
                let mut liar = data.clone();
                lie(liar[name].as_array_mut().unwrap());
                liar
            };
            let liar = branch(&answers.bootstrap, "current_sync_committee_branch");
            let refusal = answers.verify_bootstrap(&liar).unwrap_err();
            assert!(
                matches!(refusal, BootstrapError::Committee(_)),
                "{at}: {refusal}"
            );
            let update = answers.update(&branch(&answers.updates[1], "finality_branch"));
            let refusal = verify_update(&store, &update.unwrap(), now).unwrap_err();
            assert!(
                matches!(refusal, UpdateError::FinalityBranch(_)),
                "{at}: {refusal}"
            );
            let update = answers.update(&branch(&answers.updates[1], "next_sync_committee_branch"));
            let refusal = verify_update(&store, &update.unwrap(), now).unwrap_err();
            assert!(
                matches!(refusal, UpdateError::CommitteeBranch(_)),
                "{at}: {refusal}"
            );
            for header in ["attested_header", "finalized_header"] {
                let mut liar = answers.updates[1].clone();
                let nodes = &mut liar[header]["execution_branch"];
                lie(nodes.as_array_mut().unwrap());
                assert!(answers.update(&liar).is_err(), "{at}: {header}");
            }
        }
        // One zero before it is what Electra's containers make of an older branch.
        let mut padded = answers.updates[1].clone();
        let nodes = padded["finality_branch"].as_array_mut().unwrap();
        nodes.insert(0, json!(B256::ZERO));
        let result = verify_update(&store, &answers.update(&padded).unwrap(), now);
        assert_eq!(result.is_ok(), answers.fork < Fork::Electra);
    }
}

#[test]
fn the_name_of_a_fork_in_an_answer_moves_nothing() {
    for answers in Answers::all() {
        let store = answers.store(1);
        let honest = answers.update(&answers.updates[1]).unwrap();
        let versions = Fork::ALL.map(|fork| json!(fork.name()));
        let others = [Value::Null, json!("eip9999"), json!("")];
        for version in versions.into_iter().chain(others) {
            let list = json!([{ "version": version, "data": answers.updates[1] }]);
            let read = json::updates(list.to_string().as_bytes());
            let is_followed = match &version {
                Value::String(name) => Fork::from_name(name).is_some_and(Fork::is_supported),
                // Old servers leave it out.
                _ => true,
            };
            match read {
                Ok(updates) if is_followed => assert_eq!(updates, slice::from_ref(&honest)),
                Err(json::JsonError::Fork(_)) if !is_followed => {}
                other => panic!("{version}: {other:?}"),
            }
        }
        assert!(verify_update(&store, &honest, answers.now).is_ok());
    }
}

/// The refusal names what was changed, or what holds it.
fn assert_refused(store: &Store, now: u64, path: &str, update: &Update) {
    use UpdateError::{
        Attested, CommitteeBranch, FinalityBranch, Finalized, Future, Order, Participation, Period,
        Signature,
    };

    let result = verify_update(store, update, now);
    let mut parts = path.split('/').skip(1);
    let (field, part) = (parts.next().unwrap(), parts.next());
    if field == "signature_slot" {
        // The signature does not cover it: it counts by its period, its fork, and its place in time.
        let period = |slot| store.network().period_of(slot);
        let attested = update.attested_header.beacon.slot;
        let is_plausible = update.signature_slot > attested
            && update.signature_slot <= store.network().slot_at(now)
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
