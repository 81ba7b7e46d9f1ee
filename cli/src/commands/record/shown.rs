//! The own record as its owner is shown it.

use callseal_registry_client::{Answer, Record, Status, Verified};
use callseal_sts::{IdentityKey, Number};
use serde_json::{Value, json};

use crate::enrol::wrapped;
use crate::own_record::Concern;
use crate::phone_keys::PhoneKeys;

/// What is proven of the own number, beside the keys that the phone has.
pub(super) struct OwnRecordShown<'a> {
    pub(super) number: &'a Number,
    pub(super) keys: &'a PhoneKeys,
    pub(super) answer: &'a Verified<Answer>,
}

impl OwnRecordShown<'_> {
    /// Whether it is ours, in force, and about to stay so.
    pub(super) fn is_well(&self) -> bool {
        let record = self.answer.clone().into_record();
        let is_ours_in_force = record.is_some_and(|record| {
            record.is_in_force() && record.value().holder == self.keys.address()
        });
        is_ours_in_force && self.concern().is_none()
    }

    /// For a program.
    pub(super) fn json(&self) -> Value {
        let Self {
            number,
            keys,
            answer,
        } = self;
        let block = json!({
            "number": answer.block_number(), "hash": answer.block_hash(), "timestamp": answer.timestamp(),
        });
        let Some(record) = self.record() else {
            return json!({ "number": number.to_string(), "status": "absent", "block": block });
        };
        let successor = record.successor.as_ref().map(|successor| {
            json!({
                "key": hex::encode(successor.key),
                "holder": successor.holder,
                "revision": successor.revision,
                "valid_since": successor.valid_since,
                "in_seconds": successor.valid_since.saturating_sub(answer.timestamp()),
            })
        });
        json!({
            "number": number.to_string(),
            "status": status(record, answer.timestamp()),
            "key": hex::encode(record.key),
            "key_is_ours": self.whose_key(record).is_some(),
            "holder": record.holder,
            "holder_is_ours": record.holder == keys.address(),
            "valid_since": record.valid_since,
            "revision": record.revision,
            "successor": successor,
            "concern": self.concern().map(|concern| concern.to_string()),
            "block": block,
        })
    }

    /// For a person.
    pub(super) fn lines(&self) -> Vec<String> {
        let Self {
            number,
            keys,
            answer,
        } = self;
        let proven_by = format!(
            "proven by     block {} {}",
            answer.block_number(),
            answer.block_hash()
        );
        let Some(record) = self.record() else {
            return vec![
                format!("number        {number}"),
                "status        there is no record; `callseal enrol` makes one".to_owned(),
                proven_by,
            ];
        };
        let key = self.whose_key(record).unwrap_or("not in this key file");
        let holder = match record.holder == keys.address() {
            true => "our wallet",
            false => "not our wallet",
        };
        let mut lines = vec![
            format!("number        {number}"),
            format!(
                "status        {} since Unix time {}, revision {}",
                status(record, answer.timestamp()),
                record.valid_since,
                record.revision
            ),
            format!("key           {} ({key})", hex::encode(record.key)),
            format!("holder        {} ({holder})", record.holder),
        ];
        if let Some(concern) = self.concern() {
            lines.push(wrapped(&format!("warning       {concern}")));
        }
        lines.push(proven_by);
        lines
    }

    /// What the owner has to know; a key that waits in the key file is no other's.
    fn concern(&self) -> Option<Concern> {
        let next = self.keys.next_identity.as_ref().map(|next| next.public());
        let is_next = |record: &Record| next.is_some_and(|next| record.key == *next.as_bytes());
        let key = match self.record().is_some_and(is_next) {
            true => next?,
            false => self.keys.identity.public(),
        };
        Concern::of(self.answer, &key)
    }

    fn whose_key(&self, record: &Record) -> Option<&'static str> {
        let is = |key: &IdentityKey| record.key == *key.public().as_bytes();
        if is(&self.keys.identity) {
            return Some("ours");
        }
        let next = self.keys.next_identity.as_ref().filter(|next| is(next));
        next.map(|_| "our new one; `callseal record rotate` finishes the change")
    }

    fn record(&self) -> Option<&Record> {
        match self.answer.value() {
            Answer::Record(record) => Some(record),
            Answer::Absent => None,
        }
    }
}

fn status(record: &Record, time: u64) -> &'static str {
    match record.status {
        Status::Revoked => "revoked",
        _ if record.is_in_force(time) => "in force",
        _ => "not in force",
    }
}
