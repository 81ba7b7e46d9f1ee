//! Other networks' data, from a folder that is not part of the repository.
#![cfg(feature = "json")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256, U256, address, b256};
use callseal_registry_client::light::{
    Activation, Fork, KeyOctets, LightHeader, Network, NetworkTerms, Preset, Store, SyncCommittee,
    UpdateError, json, verify_bootstrap, verify_update,
};
use callseal_registry_client::{json_rpc, verify_account, verify_header, verify_slots};
use serde_json::{Value, json};

/// Where they lie.
const FOLDER: &str = "CALLSEAL_ETHEREUM_DATA";

fn read(path: &str) -> Vec<u8> {
    let folder = PathBuf::from(std::env::var(FOLDER).expect(FOLDER));
    let path = folder.join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
#[ignore = "needs CALLSEAL_ETHEREUM_DATA, a folder with helios's test data"]
fn the_main_networks_capella_is_followed_from_a_checkpoint_over_six_periods() {
    let network = Network::mainnet();
    let data = |name: &str| read(&format!("helios/ethereum/testdata/{name}.json"));
    let checkpoint = b256!("5afc212a7924789b2bc86acad3ab3a6ffb1f6e97253ea50bee7f4f51422c9275");
    let bootstrap = json::bootstrap(&data("bootstrap")).unwrap();
    let updates = json::updates(&data("updates")).unwrap();
    let finality = json::finality_update(&data("finality")).unwrap();
    let now = network.time_of(finality.signature_slot);

    let verified = verify_bootstrap(&network, checkpoint, &bootstrap, now).unwrap();
    let mut store = Store::new(verified);
    assert_eq!((store.finalized_slot(), store.period()), (7_069_376, 862));
    let mut applied = 0;
    for update in updates.iter().chain([&finality]) {
        match verify_update(&store, update, now) {
            Ok(verified) => {
                store.apply_update(verified);
                applied += 1;
            }
            Err(UpdateError::NothingNew) => {}
            Err(error) => panic!("slot {}: {error}", update.attested_header.beacon.slot),
        }
    }
    assert_eq!(applied, updates.len() + 1);
    assert_eq!(
        (store.finalized_slot(), store.attested_slot()),
        (7_109_344, 7_109_430)
    );
    let block: Value = serde_json::from_slice(&data("blocks/7109344")).unwrap();
    let payload = find(find(&block, "execution_payload").unwrap(), "block_hash").unwrap();
    let anchor = store.anchor(now, Duration::from_secs(3600)).unwrap();
    assert_eq!(anchor.block_hash().to_string(), text(payload));
}

#[test]
#[ignore = "needs CALLSEAL_ETHEREUM_DATA, a folder with helios's test data"]
fn a_main_network_block_proves_an_account_and_its_storage() {
    let result = |name: &str| {
        let value: Value =
            serde_json::from_slice(&read(&format!("helios/tests/testdata/rpc/{name}.json")))
                .unwrap();
        json!({ "jsonrpc": "2.0", "id": 1, "result": value }).to_string()
    };
    let block = result("block");
    let header = json_rpc::header(block.as_bytes(), 1).unwrap().unwrap();
    let named: Value = serde_json::from_str(&block).unwrap();
    let hash: B256 = named["result"]["hash"].as_str().unwrap().parse().unwrap();
    let header = verify_header(hash, &header).unwrap();
    assert_eq!(header.number(), 21_925_176);

    let text = result("proof");
    let deposit = address!("00000000219ab540356cbb839cbe05303d7705fa");
    let said: Value = serde_json::from_str(&text).unwrap();
    let said = &said["result"];
    let proof = json_rpc::proof(text.as_bytes(), 1).unwrap();
    let account = verify_account(header.state_root(), deposit, &proof.account)
        .unwrap()
        .unwrap();
    assert_eq!(
        account.storage_root().to_string(),
        said["storageHash"].as_str().unwrap()
    );
    let slot = &said["storageProof"][0];
    let number = |value: &Value| B256::from(value.as_str().unwrap().parse::<U256>().unwrap());
    let words = verify_slots(&account, &[number(&slot["key"])], &proof.slots).unwrap();
    assert_eq!(words, [number(&slot["value"])]);
    // Cut short, it proves nothing: neither presence nor absence.
    for len in 0..proof.account.len() {
        assert!(verify_account(header.state_root(), deposit, &proof.account[..len]).is_err());
    }
    assert!(verify_account(header.state_root(), Address::ZERO, &proof.account).is_err());
}

#[test]
#[ignore = "needs CALLSEAL_ETHEREUM_DATA, a folder with eureka's decoded fixtures"]
fn fulu_networks_are_followed_over_their_committees_down_to_storage() {
    let folder = PathBuf::from(std::env::var(FOLDER).expect(FOLDER)).join("eureka");
    let mut proofs = 0;
    let mut updates = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(".decoded.json") {
            let (u, p) = eureka(&path);
            println!("{}: {u} updates, {p} proofs", path.display());
            updates += u;
            proofs += p;
        }
    }
    assert!(updates > 0 && proofs > 0);
}

/// Plays a fixture; gives the updates and the proofs that held.
fn eureka(path: &Path) -> (usize, usize) {
    let fixture: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let client = &fixture["initial_state"]["client_state"];
    let consensus = &fixture["initial_state"]["consensus_state"];
    let network = eureka_network(client);
    let contract: Address = text(&client["ibc_contract_address"]).parse().unwrap();
    let mut store = None;
    let mut headers: Vec<LightHeader> = Vec::new();
    let (mut updates, mut proofs) = (0, 0);
    let steps = fixture["steps"].as_array().unwrap();
    for message in steps
        .iter()
        .flat_map(|step| step["msgs"].as_array().unwrap())
    {
        if let Some(message) = message.get("client_message") {
            let (which, active) = message["active_sync_committee"]
                .as_object()
                .unwrap()
                .iter()
                .next()
                .unwrap();
            let active = committee(active);
            let store =
                store.get_or_insert_with(|| trusted(&network, consensus, which, active.clone()));
            let known = match which.as_str() {
                "Next" => store.next_committee(),
                _ => Some(store.current_committee()),
            };
            assert_eq!(
                known,
                Some(&active),
                "the committee that we know by ourselves"
            );
            let envelope = json!({ "version": "fulu", "data": message["consensus_update"] });
            let update = json::finality_update(envelope.to_string().as_bytes()).unwrap();
            let now = network.time_of(update.signature_slot);
            let verified = verify_update(store, &update, now)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            store.apply_update(verified);
            headers.push(store.finalized().clone());
            updates += 1;
        }
        for proof in message.as_object().unwrap().values() {
            if proof.get("account_proof").is_none() {
                continue;
            }
            // A message says in which slot its proof holds; the newest that fits is it.
            let held = headers
                .iter()
                .rev()
                .find_map(|header| held(header.execution.state_root, contract, proof));
            held.expect("no final header proves it");
            proofs += 1;
        }
    }
    (updates, proofs)
}

fn held(state_root: B256, contract: Address, proof: &Value) -> Option<B256> {
    let nodes = |value: &Value| -> Vec<Vec<u8>> {
        let nodes = value["proof"].as_array().unwrap().iter();
        nodes
            .map(|node| alloy_primitives::hex::decode(node.as_str().unwrap()).unwrap())
            .collect()
    };
    let (account, slot) = (&proof["account_proof"], &proof["storage_proof"]);
    let proven = verify_account(state_root, contract, &nodes(account)).ok()??;
    assert_eq!(
        proven.storage_root().to_string(),
        text(&account["storage_root"])
    );
    let key: B256 = text(&slot["key"]).parse().unwrap();
    let words = verify_slots(&proven, &[key], &[nodes(slot)]).unwrap();
    let value = slot["value"]
        .as_str()
        .unwrap_or("0x0")
        .parse::<U256>()
        .unwrap();
    assert_eq!(words, [B256::from(value)]);
    Some(words[0])
}

/// The state that the fixture starts from, which it gives by committees' hashes alone.
fn trusted(network: &Network, consensus: &Value, which: &str, active: SyncCommittee) -> Store {
    let field = match which {
        "Next" => "next_sync_committee",
        _ => "current_sync_committee",
    };
    let aggregate = alloy_primitives::FixedBytes(active.aggregate_pubkey);
    assert_eq!(
        aggregate.to_string(),
        text(&consensus[field]["aggregate_pubkey"])
    );
    let mut header = LightHeader::default();
    header.beacon.slot = consensus["slot"].as_u64().unwrap();
    let unknown = SyncCommittee {
        pubkeys: vec![[0; size_of::<KeyOctets>()]; active.pubkeys.len()],
        aggregate_pubkey: [0; size_of::<KeyOctets>()],
    };
    match which {
        "Next" => Store::trusting(network.clone(), header, unknown, Some(active)),
        _ => Store::trusting(network.clone(), header, active, None),
    }
}

fn eureka_network(client: &Value) -> Network {
    let forks = &client["fork_parameters"];
    let version = |value: &Value| {
        let octets: alloy_primitives::FixedBytes<4> = text(value).parse().unwrap();
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
        preset: match client["sync_committee_size"].as_u64() {
            Some(512) => Preset::Mainnet,
            _ => Preset::Minimal,
        },
        chain_id: client["chain_id"].as_u64().unwrap(),
        genesis_time: client["genesis_time"].as_u64().unwrap(),
        genesis_validators_root: text(&client["genesis_validators_root"]).parse().unwrap(),
        seconds_per_slot: client["seconds_per_slot"].as_u64().unwrap(),
        forks: [genesis].into_iter().chain(later).collect(),
    })
    .unwrap()
}

fn committee(value: &Value) -> SyncCommittee {
    serde_json::from_value(value.clone()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => match fields.get(name) {
            Some(found) => Some(found),
            None => fields.values().find_map(|field| find(field, name)),
        },
        _ => None,
    }
}
