//! Fixtures of another project's light client: the state that it starts from, and what was sent to it then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256, FixedBytes, U256, hex};
use callseal_registry_client::light::{
    Activation, Fork, KeyOctets, LightHeader, Network, NetworkTerms, Preset, Store, SyncCommittee,
    UpdateError, json, verify_update,
};
use callseal_registry_client::{VerifiedAccount, verify_account, verify_slots};
use serde_json::{Value, json};

use super::{json_files, nodes, text, value};

/// What held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) updates: usize,
    pub(crate) proofs: usize,
    /// Updates whose message says that another committee signs than the one that we know by ourselves, which has
    /// to have signed all the same: what a relayer says is not believed.
    pub(crate) misnamed: usize,
}

/// A fixture, whether its messages were opened before or come as they were sent.
pub(crate) struct Fixture {
    pub(crate) path: PathBuf,
    client: Value,
    consensus: Value,
    messages: Vec<Message>,
}

/// One message to the client.
#[derive(Debug, Default, PartialEq)]
struct Message {
    update: Option<Value>,
    proofs: Vec<Value>,
}

/// All fixtures in a folder and below it; there is nothing else in it.
pub(crate) fn fixtures(folder: &Path) -> Vec<Fixture> {
    json_files(folder).into_iter().map(Fixture::read).collect()
}

impl Fixture {
    fn read(path: PathBuf) -> Self {
        let fixture = value(&path);
        let steps = fixture["steps"].as_array();
        let steps = steps.unwrap_or_else(|| panic!("{}: no steps", path.display()));
        let (initial, messages) = match fixture.get("initial_state") {
            Some(initial) => (initial.clone(), steps.iter().flat_map(opened).collect()),
            None => {
                let initial = steps.iter().find(|step| step["name"] == "initial_state");
                let initial = initial.unwrap_or_else(|| panic!("{}: no start", path.display()));
                let sent = steps.iter().flat_map(|step| sent(&step["data"]));
                (initial["data"].clone(), sent.collect())
            }
        };
        Self {
            path,
            client: initial["client_state"].clone(),
            consensus: initial["consensus_state"].clone(),
            messages,
        }
    }

    /// The contract whose storage is proven.
    pub(crate) fn contract(&self) -> Address {
        text(&self.client["ibc_contract_address"]).parse().unwrap()
    }

    /// The fixture of the same test in its other form.
    pub(crate) fn is_twin_of(&self, other: &Self) -> bool {
        let stem = |path: &Path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let stem = name.trim_end_matches(".json").trim_end_matches(".decoded");
            path.with_file_name(stem)
        };
        self.path != other.path && stem(&self.path) == stem(&other.path)
    }

    /// Whether both say the same.
    pub(crate) fn assert_same(&self, other: &Self) {
        assert_eq!(self.client, other.client);
        assert_eq!(self.consensus, other.consensus);
        assert_eq!(self.messages, other.messages, "{}", self.path.display());
    }

    /// Plays every message.
    pub(crate) fn play(&self) -> Held {
        let contract = self.contract();
        let mut store = self.trusted();
        // A message may start from an older state than the newest, which it names by its slot.
        let mut stores = BTreeMap::from([(store.finalized_slot(), store.clone())]);
        let mut proven: Vec<(LightHeader, Option<VerifiedAccount>)> = Vec::new();
        let mut held = Held::default();
        for (index, message) in self.messages.iter().enumerate() {
            let at = format!("{} message {index}", self.path.display());
            if let Some(message) = &message.update {
                let slot = message.get("trusted_slot").map(number);
                let named = slot.and_then(|slot| stores.get(&slot));
                if let Some(named) = named.filter(|_| !knows_signers(&store, message)) {
                    store = named.clone();
                }
                if !knows_signers(&store, message) {
                    println!("{at}: not the committee that we know");
                    held.misnamed += 1;
                }
                follow(&mut store, message, &at);
                stores.insert(store.finalized_slot(), store.clone());
                let account = message.get("account_update").map(|update| {
                    let state_root = store.finalized().execution.state_root;
                    account(state_root, contract, &update["account_proof"])
                        .unwrap_or_else(|| panic!("{at}: the account is not proven"))
                });
                proven.push((store.finalized().clone(), account));
                held.updates += 1;
            }
            for proof in &message.proofs {
                // A message says in which slot its proof holds; the newest that fits is it.
                let is_held = proven
                    .iter()
                    .rev()
                    .any(|(header, account)| is_held(header, *account, contract, proof));
                assert!(is_held, "{at}: no final header proves it");
                held.proofs += 1;
            }
        }
        held
    }

    /// The state that the fixture starts from, which it gives by its committees' hashes: the committees themselves
    /// come with the messages.
    fn trusted(&self) -> Store {
        let network = self.network();
        let mut known: Vec<SyncCommittee> = Vec::new();
        for message in self.messages.iter().filter_map(|it| it.update.as_ref()) {
            let active = message["active_sync_committee"].as_object().unwrap();
            known.extend(active.values().map(committee));
            let next = &message["consensus_update"]["next_sync_committee"];
            known.extend((!next.is_null()).then(|| committee(next)));
        }
        let named = |field: &str| {
            let name = &self.consensus[field];
            known.iter().find(|known| is_named(known, name)).cloned()
        };
        let mut header = LightHeader::default();
        header.beacon.slot = number(&self.consensus["slot"]);
        let unknown = SyncCommittee {
            pubkeys: vec![[0; size_of::<KeyOctets>()]; network.preset().committee_size()],
            aggregate_pubkey: [0; size_of::<KeyOctets>()],
        };
        let current = named("current_sync_committee").unwrap_or(unknown);
        Store::trusting(network, header, current, named("next_sync_committee"))
    }

    fn network(&self) -> Network {
        let client = &self.client;
        let forks = &client["fork_parameters"];
        let version = |value: &Value| {
            let octets: FixedBytes<4> = text(value).parse().unwrap();
            octets.0
        };
        let genesis = Activation {
            fork: Fork::Phase0,
            epoch: 0,
            version: version(&forks["genesis_fork_version"]),
        };
        let later = Fork::ALL.into_iter().skip(1).filter_map(|fork| {
            let active = forks.get(fork.name())?;
            Some(Activation {
                fork,
                epoch: active["epoch"].as_u64()?,
                version: version(&active["version"]),
            })
        });
        Network::new(NetworkTerms {
            name: "eureka".into(),
            preset: match number(&client["slots_per_epoch"]) {
                32 => Preset::Mainnet,
                _ => Preset::Minimal,
            },
            chain_id: number(&client["chain_id"]),
            genesis_time: number(&client["genesis_time"]),
            genesis_validators_root: text(&client["genesis_validators_root"]).parse().unwrap(),
            seconds_per_slot: number(&client["seconds_per_slot"]),
            forks: [genesis].into_iter().chain(later).collect(),
        })
        .unwrap()
    }
}

fn follow(store: &mut Store, message: &Value, at: &str) {
    let network = store.network();
    let attested = &message["consensus_update"]["attested_header"]["beacon"]["slot"];
    let fork = network.fork_of(number(attested));
    let envelope = json!({ "version": fork.name(), "data": message["consensus_update"] });
    let update = json::finality_update(envelope.to_string().as_bytes())
        .unwrap_or_else(|error| panic!("{at}: {error}"));
    let now = network.time_of(update.signature_slot);
    match verify_update(store, &update, now) {
        Ok(verified) => {
            store.apply_update(verified);
        }
        Err(UpdateError::NothingNew) => println!("{at}: known already"),
        Err(error) => panic!("{at}: {error}"),
    }
}

/// Whether the committee that a message says has signed is the one that we know by ourselves.
fn knows_signers(store: &Store, message: &Value) -> bool {
    let active = message["active_sync_committee"].as_object().unwrap();
    let (which, active) = active.iter().next().unwrap();
    let known = match which.as_str() {
        "Next" => store.next_committee(),
        _ => Some(store.current_committee()),
    };
    known == Some(&committee(active))
}

/// Whether a committee is the one of a summary: the hash of its keys and their sum, or the sum alone.
fn is_named(committee: &SyncCommittee, name: &Value) -> bool {
    let aggregate = FixedBytes(committee.aggregate_pubkey).to_string();
    let Some(keys) = name.get("pubkeys_hash") else {
        return name.as_str() == Some(&aggregate);
    };
    let keys: B256 = text(keys).parse().unwrap();
    let mut padded = [0; 64];
    padded[..committee.aggregate_pubkey.len()].copy_from_slice(&committee.aggregate_pubkey);
    let sum = ethereum_hashing::hash_fixed(&padded);
    let root = ethereum_hashing::hash32_concat(&keys.0, &sum);
    aggregate == text(&name["aggregate_pubkey"]) && committee.root() == B256::from(root)
}

/// The contract's account as a proof has it; `None` where it is another state's.
fn account(state_root: B256, contract: Address, proof: &Value) -> Option<VerifiedAccount> {
    let account = verify_account(state_root, contract, &nodes(&proof["proof"])).ok()??;
    let said = text(&proof["storage_root"]);
    assert_eq!(account.storage_root().to_string(), said);
    Some(account)
}

/// Whether a word of storage is what a message says, in the state of `header`.
fn is_held(
    header: &LightHeader,
    known: Option<VerifiedAccount>,
    contract: Address,
    proof: &Value,
) -> bool {
    let (account, slot) = match proof.get("account_proof") {
        Some(its) => {
            let account = account(header.execution.state_root, contract, its);
            (account, &proof["storage_proof"])
        }
        None => (known, proof),
    };
    let Some(account) = account else {
        return false;
    };
    let key: B256 = text(&slot["key"]).parse().unwrap();
    let Ok(words) = verify_slots(&account, &[key], &[nodes(&slot["proof"])]) else {
        return false;
    };
    // Where nothing is, nothing is said, or nought.
    let value: U256 = slot["value"].as_str().unwrap_or("0x0").parse().unwrap();
    words == [B256::from(value)]
}

/// A step's messages, opened before.
fn opened(step: &Value) -> Vec<Message> {
    let read = |message: &Value| {
        let mut opened = Message::default();
        for (name, field) in message.as_object().unwrap() {
            match field {
                Value::Object(_) => opened.take(field.clone()),
                Value::String(text) if name.ends_with("_hex") => {
                    json_in(&hex::decode(text).unwrap())
                        .into_iter()
                        .for_each(|json| opened.take(json));
                }
                _ => {}
            }
        }
        opened
    };
    step["msgs"].as_array().unwrap().iter().map(read).collect()
}

/// A step's messages as they were sent: `TxBody` of Cosmos SDK, its `Any` messages in field 1, their octets in
/// field 2.
fn sent(step: &Value) -> Vec<Message> {
    let step = step.as_object().unwrap().iter();
    let bodies = step.filter(|(name, _)| name.contains("tx_body"));
    let bodies = bodies.map(|(_, body)| hex::decode(text(body)).unwrap());
    let mut messages = Vec::new();
    for body in bodies {
        for (_, message) in fields(&body).expect("TxBody").iter().filter(|it| it.0 == 1) {
            let any = fields(message).expect("Any");
            let octets = any.iter().find(|it| it.0 == 2).map_or(&[][..], |it| it.1);
            let mut sent = Message::default();
            for (_, field) in fields(octets).expect("a message") {
                json_in(field).into_iter().for_each(|json| sent.take(json));
            }
            messages.push(sent);
        }
    }
    messages
}

impl Message {
    fn take(&mut self, json: Value) {
        if json.get("consensus_update").is_some() {
            self.update = Some(json);
        } else if json.get("storage_proof").is_some() || json.get("proof").is_some() {
            self.proofs.push(json);
        }
    }
}

/// The JSON object that octets are, or that a field of theirs is, however deep.
fn json_in(octets: &[u8]) -> Option<Value> {
    if octets.first() == Some(&b'{') {
        return serde_json::from_slice(octets).ok();
    }
    fields(octets)?
        .into_iter()
        .find_map(|(_, field)| json_in(field))
}

/// A protobuf message's fields that have a length, by number; `None` where octets are no such message.
fn fields(mut octets: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut fields = Vec::new();
    while !octets.is_empty() {
        let tag = varint(&mut octets)?;
        let len = match tag & 7 {
            0 => {
                varint(&mut octets)?;
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut octets)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (field, rest) = octets.split_at_checked(len)?;
        octets = rest;
        if tag & 7 == 2 {
            fields.push((tag >> 3, field));
        }
    }
    Some(fields)
}

fn varint(octets: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = octets.split_first()?;
        *octets = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn committee(value: &Value) -> SyncCommittee {
    serde_json::from_value(value.clone()).unwrap()
}

/// A number, in quotes or without.
fn number(value: &Value) -> u64 {
    match value.as_u64() {
        Some(number) => number,
        None => text(value).parse().unwrap(),
    }
}
