//! Why an answer of the registry holds, step by step.

use std::time::Duration;

use callseal_registry_client::light::{Beacon, Synced};
use callseal_registry_client::{Answer, Found, LiveRegistry, Record, Transport};
use callseal_sts::Number;
use serde_json::{Value, json};

/// The steps as a person reads them.
pub(crate) fn evidence_lines<B: Beacon, T: Transport>(
    number: &Number,
    live: &LiveRegistry<B, T>,
    begun_at: u64,
    started: &Synced,
    found: &Found,
    now: u64,
) -> Vec<String> {
    let store = live.light().store();
    let network = store.network();
    let execution = &store.finalized().execution;
    let answer = &found.answer;
    let mut lines = Vec::new();
    let faults = found.synced.iter().flat_map(|synced| &synced.faults);
    lines.extend(
        started
            .faults
            .iter()
            .chain(faults)
            .map(|fault| format!("passed over   {fault}")),
    );
    lines.extend(
        found
            .faults
            .iter()
            .map(|fault| format!("passed over   {fault}")),
    );
    lines.push(format!("network       {}", network.name()));
    lines.push(format!(
        "checkpoint    slot {begun_at}, period {}: trusted",
        network.period_of(begun_at)
    ));
    let updates = found.synced.as_ref().map_or(0, |synced| synced.updates);
    lines.push(format!(
        "committees    {updates} updates, each signed by at least two thirds, to period {}",
        store.period()
    ));
    lines.push(format!(
        "final         slot {}, {} old: {}",
        store.finalized_slot(),
        in_words(store.age(now)),
        store.finalized().beacon.root()
    ));
    lines.push(format!(
        "execution     block {}: {}",
        execution.block_number, execution.block_hash
    ));
    lines.push(format!(
        "contract      {}: its code is the registry's",
        answer.contract()
    ));
    match answer.value() {
        Answer::Absent => {
            lines.push(format!(
                "record        {number} has none, and that is proven"
            ));
        }
        Answer::Record(record) => {
            lines.push(format!(
                "record        {number}: {}",
                standing(record, answer.timestamp())
            ));
            lines.push(format!("key           {}", hex::encode(record.key)));
            lines.push(format!(
                "              revision {}, in force since {} (Unix time), held by {}",
                record.revision, record.valid_since, record.holder
            ));
        }
    }
    lines
}

/// The same for programs.
pub(crate) fn evidence_json<B: Beacon, T: Transport>(
    number: &Number,
    live: &LiveRegistry<B, T>,
    begun_at: u64,
    found: &Found,
    now: u64,
) -> Value {
    let store = live.light().store();
    let answer = &found.answer;
    let record = match answer.value() {
        Answer::Absent => Value::Null,
        Answer::Record(record) => json!({
            "key": hex::encode(record.key),
            "status": standing(record, answer.timestamp()),
            "revision": record.revision,
            "valid_since": record.valid_since,
            "holder": record.holder,
        }),
    };
    let faults = found.synced.iter().flat_map(|synced| &synced.faults);
    let faults = faults.map(ToString::to_string);
    let faults: Vec<_> = faults
        .chain(found.faults.iter().map(ToString::to_string))
        .collect();
    json!({
        "number": number.to_string(),
        "network": store.network().name(),
        "checkpoint_slot": begun_at,
        "updates": found.synced.as_ref().map_or(0, |synced| synced.updates),
        "finalized_slot": answer.slot(),
        "finalized_root": store.finalized().beacon.root(),
        "block_hash": answer.block_hash(),
        "block_number": answer.block_number(),
        "age_seconds": answer.age(now).as_secs(),
        "contract": answer.contract(),
        "record": record,
        "faults": faults,
    })
}

/// A duration as one says it.
pub(crate) fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn standing(record: &Record, time: u64) -> &'static str {
    match (record.is_in_force(time), record.status) {
        (true, _) => "approved",
        (false, callseal_registry_client::Status::Pending) => "pending",
        (false, callseal_registry_client::Status::Revoked) => "revoked",
        (false, _) => "not in force yet",
    }
}
