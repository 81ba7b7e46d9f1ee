//! Why an answer of the registry holds, step by step.

use std::time::{Duration, UNIX_EPOCH};

use alloy_primitives::{Address, B256};
use callseal_registry_client::light::{Beacon, Signed, Store, Synced};
use callseal_registry_client::{Answer, Found, LiveRegistry, Record, Status, Transport};
use callseal_sts::Number;
use serde::Serialize;

use crate::commands::light::{Beginning, BegunFrom};
use crate::proof_sizes::{ProofSize, ProofSizes};

/// All the steps, as programs read them; [`lines`](Self::lines) says the same to people.
#[derive(Debug, Serialize)]
pub(crate) struct Evidence {
    number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
    #[serde(flatten)]
    light: LightEvidence,
    finalized_slot: u64,
    finalized_root: B256,
    age_seconds: u64,
    period: u64,
    block_number: u64,
    block_hash: B256,
    state_root: B256,
    contract: Address,
    code_hash: B256,
    account_proof: Option<ProofSize>,
    slot_proofs: Vec<SlotProof>,
    record: Option<ShownRecord>,
    #[serde(flatten)]
    claims: Claims,
}

/// What was asked, and what came beside the answer.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) number: &'a Number,
    /// Empty where it has no name.
    pub(crate) operator: &'a str,
    pub(crate) proofs: Option<ProofSizes>,
    pub(crate) claims: Claims,
}

/// How the light client came to its newest final block.
#[derive(Debug, Serialize)]
pub(crate) struct LightEvidence {
    network: String,
    begun: ShownBeginning,
    updates: usize,
    signatures: Vec<Signature>,
    faults: Vec<String>,
}

/// What waits for the operator's approval.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Claims {
    /// Whose claims were looked for, where not everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    claimant: Option<Address>,
    /// `None` where nobody has looked, or they are not known.
    claims: Option<Vec<ShownClaim>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims_unknown: Option<String>,
}

#[derive(Debug, Serialize)]
struct ShownBeginning {
    from: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compared_with_slot: Option<u64>,
    root: B256,
    slot: u64,
    period: u64,
    time: u64,
}

#[derive(Debug, Serialize)]
struct Signature {
    slot: u64,
    participants: usize,
    committee_size: usize,
    finalized_slot: Option<u64>,
    committee_of: Option<u64>,
}

#[derive(Debug, Serialize)]
struct SlotProof {
    slot: B256,
    #[serde(flatten)]
    size: ProofSize,
}

#[derive(Debug, Serialize)]
struct ShownRecord {
    key: String,
    status: &'static str,
    revision: u32,
    valid_since: u64,
    holder: Address,
    successor: Option<ShownSuccessor>,
}

/// What the operator alone has approved to take the record's place.
#[derive(Debug, Serialize)]
struct ShownSuccessor {
    key: String,
    revision: u32,
    valid_since: u64,
    holder: Address,
}

#[derive(Debug, Serialize)]
struct ShownClaim {
    status: &'static str,
    holder: Address,
    since: u64,
    key: String,
}

impl Evidence {
    pub(crate) fn new<B: Beacon, T: Transport>(
        asked: Asked<'_>,
        live: &LiveRegistry<B, T>,
        beginning: &Beginning,
        found: &Found,
        now: u64,
    ) -> Self {
        let Asked {
            number,
            operator,
            proofs,
            claims,
        } = asked;
        let store = live.light().store();
        let answer = &found.answer;
        let mut light = LightEvidence::new(&store, beginning, found.synced.as_ref());
        light
            .faults
            .extend(found.faults.iter().map(ToString::to_string));
        let (account_proof, slots) = proofs.map(|proofs| (proofs.account, proofs.slots)).unzip();
        let slot_proofs = slots.into_iter().flatten();
        Self {
            number: number.to_string(),
            operator: (!operator.is_empty()).then(|| operator.to_owned()),
            light,
            finalized_slot: store.finalized_slot(),
            finalized_root: store.finalized().beacon.root(),
            age_seconds: answer.age(now).as_secs(),
            period: store.period(),
            block_number: answer.block_number(),
            block_hash: answer.block_hash(),
            state_root: answer.state_root(),
            contract: answer.contract(),
            code_hash: live.config().code_hash,
            account_proof,
            slot_proofs: slot_proofs
                .map(|(slot, size)| SlotProof { slot, size })
                .collect(),
            record: match answer.value() {
                Answer::Absent => None,
                Answer::Record(record) => Some(ShownRecord::new(record, answer.timestamp())),
            },
            claims,
        }
    }

    /// The steps as a person reads them.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = self.light.lines();
        if let Some(operator) = &self.operator {
            lines.insert(0, format!("operator      {operator}"));
        }
        lines.push(format!(
            "final         slot {}, {} old, period {}: {}",
            self.finalized_slot,
            in_words(Duration::from_secs(self.age_seconds)),
            self.period,
            self.finalized_root
        ));
        lines.push(format!(
            "execution     block {}: {}",
            self.block_number, self.block_hash
        ));
        lines.push(format!("state         root {}", self.state_root));
        lines.push(format!(
            "contract      {}: its code is the registry's, {}",
            self.contract, self.code_hash
        ));
        if let Some(size) = self.account_proof {
            lines.push(format!("account       proven, nodes: {size}"));
        }
        for SlotProof { slot, size } in &self.slot_proofs {
            lines.push(format!("slot          {slot}: proven, nodes: {size}"));
        }
        match &self.record {
            None => lines.push(format!(
                "record        {} has none, and that is proven",
                self.number
            )),
            Some(record) => lines.extend(record.lines(&self.number)),
        }
        lines.extend(self.claims.lines());
        lines
    }
}

impl LightEvidence {
    pub(crate) fn new(store: &Store, beginning: &Beginning, synced: Option<&Synced>) -> Self {
        let faults = synced.iter().flat_map(|synced| &synced.faults);
        let faults = beginning.faults.iter().chain(faults);
        Self {
            network: store.network().name().to_owned(),
            begun: ShownBeginning::new(beginning),
            updates: synced.map_or(0, |synced| synced.updates),
            signatures: synced
                .iter()
                .flat_map(|synced| &synced.signed)
                .map(Signature::new)
                .collect(),
            faults: faults.map(ToString::to_string).collect(),
        }
    }

    /// The steps as a person reads them.
    pub(crate) fn lines(&self) -> Vec<String> {
        let faults = self.faults.iter();
        let mut lines: Vec<_> = faults
            .map(|fault| format!("passed over   {fault}"))
            .collect();
        lines.push(format!("network       {}", self.network));
        lines.extend(self.begun.lines());
        lines.push(format!("updates       {} verified", self.updates));
        lines.extend(self.signatures.iter().map(Signature::line));
        lines
    }
}

impl ShownBeginning {
    fn new(beginning: &Beginning) -> Self {
        let (from, file, compared_with_slot) = match &beginning.from {
            BegunFrom::Checkpoint { compared_with } => (CHECKPOINT, None, *compared_with),
            BegunFrom::Kept(file) => ("kept state", Some(file.display().to_string()), None),
        };
        Self {
            from,
            file,
            compared_with_slot,
            root: beginning.root,
            slot: beginning.slot,
            period: beginning.period,
            time: beginning.time,
        }
    }

    fn lines(&self) -> Vec<String> {
        let Self {
            from,
            root,
            slot,
            period,
            ..
        } = self;
        let (label, why) = match (*from, &self.file) {
            (CHECKPOINT, _) => ("checkpoint ", "trusted".to_owned()),
            (_, file) => {
                let file = file.as_deref().unwrap_or_default();
                (
                    "resumed    ",
                    format!("verified before, and kept in {file}"),
                )
            }
        };
        let date = date(self.time);
        let mut lines = vec![
            format!("{label}   {root}: {why}"),
            format!("              slot {slot}, period {period}, {date}"),
        ];
        lines.extend(self.compared_with_slot.map(|kept| {
            format!("              agrees with what this phone had verified itself (slot {kept})")
        }));
        lines
    }
}

impl Signature {
    fn new(signed: &Signed) -> Self {
        Self {
            slot: signed.attested_slot,
            participants: signed.participants,
            committee_size: signed.committee_size,
            finalized_slot: signed.finalized_slot,
            committee_of: signed.committee_of,
        }
    }

    fn line(&self) -> String {
        let finalized = self.finalized_slot;
        let shown = [
            finalized.map(|slot| format!("slot {slot} is final")),
            self.committee_of
                .map(|period| format!("the committee of period {period}")),
        ];
        let shown: Vec<_> = shown.into_iter().flatten().collect();
        format!(
            "signed        slot {} by {} of {}: {}",
            self.slot,
            self.participants,
            self.committee_size,
            shown.join(", ")
        )
    }
}

impl ShownRecord {
    fn new(record: &Record, time: u64) -> Self {
        Self {
            key: hex::encode(record.key),
            status: standing(record, time),
            revision: record.revision,
            valid_since: record.valid_since,
            holder: record.holder,
            successor: record.successor.as_ref().map(|waiting| ShownSuccessor {
                key: hex::encode(waiting.key),
                revision: waiting.revision,
                valid_since: waiting.valid_since,
                holder: waiting.holder,
            }),
        }
    }

    fn lines(&self, number: &str) -> Vec<String> {
        let mut lines = vec![
            format!("record        {number}: {}", self.status),
            format!("key           {}", self.key),
            format!(
                "              revision {}, {} since {} (Unix time {}), held by {}",
                self.revision,
                match self.status {
                    REVOKED => "out of force",
                    _ => "in force",
                },
                date(self.valid_since),
                self.valid_since,
                self.holder
            ),
        ];
        if let Some(waiting) = &self.successor {
            lines.push(format!(
                "waiting       another key, which the operator has approved: it is in force from {} on (Unix time {})",
                date(waiting.valid_since),
                waiting.valid_since
            ));
            lines.push(format!("its key       {}", waiting.key));
            lines.push(format!(
                "              revision {}, held by {}",
                waiting.revision, waiting.holder
            ));
        }
        lines
    }
}

impl Claims {
    /// All that wait for the number, or those of one wallet.
    pub(crate) fn proven(claimant: Option<Address>, claims: &[Record]) -> Self {
        let claims = claims.iter().map(|claim| ShownClaim {
            status: "pending",
            holder: claim.holder,
            since: claim.valid_since,
            key: hex::encode(claim.key),
        });
        Self {
            claimant,
            claims: Some(claims.collect()),
            claims_unknown: None,
        }
    }

    /// Nobody could say, or more than anybody looks through.
    pub(crate) fn unknown(claimant: Option<Address>, why: String) -> Self {
        Self {
            claimant,
            claims: None,
            claims_unknown: Some(why),
        }
    }

    /// Whether it is proven that somebody waits.
    pub(crate) fn is_any(&self) -> bool {
        self.claims
            .as_ref()
            .is_some_and(|claims| !claims.is_empty())
    }

    fn lines(&self) -> Vec<String> {
        let of = self
            .claimant
            .map_or_else(String::new, |wallet| format!(" of {wallet}"));
        if let Some(why) = &self.claims_unknown {
            return vec![format!(
                "claims        whether any{of} waits is not known: {why}"
            )];
        }
        match self.claims.as_deref() {
            None => Vec::new(),
            Some([]) => vec![format!("claims        none{of} waits, and that is proven")],
            Some(claims) => claims.iter().flat_map(ShownClaim::lines).collect(),
        }
    }
}

impl ShownClaim {
    fn lines(&self) -> [String; 2] {
        [
            format!(
                "claim         {}: {} claims the number since {} (Unix time {}), and the operator has not approved it",
                self.status,
                self.holder,
                date(self.since),
                self.since
            ),
            format!("its key       {}", self.key),
        ]
    }
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

const REVOKED: &str = "revoked";
const CHECKPOINT: &str = "checkpoint";

/// The last second that has four digits for its year.
const LATEST: u64 = 253_402_300_799;

/// Unix time, in seconds, as a date.
fn date(time: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(time.min(LATEST));
    humantime::format_rfc3339_seconds(time).to_string()
}

fn standing(record: &Record, time: u64) -> &'static str {
    match (record.is_in_force(time), record.status) {
        (true, _) => "approved",
        (false, Status::Pending) => "pending",
        (false, Status::Revoked) => REVOKED,
        (false, _) => "not in force yet",
    }
}
