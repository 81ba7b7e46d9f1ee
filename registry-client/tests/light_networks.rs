//! Other networks' data, from a folder that is not part of the repository, and may be another of the same layout.
#![cfg(feature = "json")]

use core::time::Duration;
use std::collections::BTreeMap;

use alloy_primitives::{B256, address, b256, hex, keccak256};
use callseal_registry_client::light::{AnchorError, Fork, Network, Store, verify_update};
use callseal_testvectors::trie::{Trie, walk};
use serde_json::Value;

use crate::networks::{datachainlab, eureka, execution, folder, helios, json_files, value};

mod networks;

#[test]
#[ignore = "needs CALLSEAL_ETHEREUM_DATA, a folder with helios's test data"]
fn the_main_network_is_followed_from_a_checkpoint_over_all_that_is_there() {
    let followed = helios::follow(&folder("helios/ethereum/testdata"));
    let store = &followed.store;
    let network = store.network();
    println!(
        "{} from {}: {} updates, {} of them optimistic, {} blocks, slot {} final",
        network.name(),
        followed.checkpoint,
        followed.applied,
        followed.optimistic,
        followed.blocks,
        store.finalized_slot()
    );
    assert!(followed.applied > 0);
    let hour = Duration::from_secs(3600);
    let slot = store.finalized_slot();
    match (store.anchor(followed.now, hour), network.fork_of(slot)) {
        (Ok(anchor), fork) if fork >= Fork::Capella => {
            assert_eq!(anchor.block_hash(), store.finalized().execution.block_hash);
        }
        (refused, fork) => assert_eq!(refused, Err(AnchorError::NoExecution { slot, fork })),
    }

    // The folder that is known: in August 2023, by Capella's rules, over six periods.
    let known = b256!("5afc212a7924789b2bc86acad3ab3a6ffb1f6e97253ea50bee7f4f51422c9275");
    if followed.checkpoint == known {
        assert_eq!(
            (network.name(), network.fork_of(slot)),
            ("mainnet", Fork::Capella)
        );
        let slots = (store.finalized_slot(), store.attested_slot());
        assert_eq!(slots, (7_109_344, 7_109_431));
        assert_eq!((followed.applied, followed.optimistic), (6 + 2, 1));
        assert_eq!(store.period(), 867);
        assert!(followed.blocks >= 2);
    }
}

#[test]
#[ignore = "needs CALLSEAL_ETHEREUM_DATA, a folder with helios's test data"]
fn main_network_blocks_prove_every_account_and_word_that_is_there() {
    let data = folder("helios/tests/testdata");
    let held = execution::prove(&data);
    assert!(!held.blocks.is_empty() && !held.accounts.is_empty());

    let known = b256!("92dabfa3f61ff1c349d12f5fd0dd4c99760a0a41b77dee8f0a80f83efdcb307a");
    if held.blocks[0].block_hash() == known {
        assert_eq!(held.blocks[0].number(), 21_925_176);
        let deposit = address!("00000000219ab540356cbb839cbe05303d7705fa");
        let miner = address!("4838b106fce9647bdf1e7877bf73ce8b0bad5f97");
        let times = |whose| held.accounts.iter().filter(|it| **it == whose).count();
        // What the folder has had for longest, and what came to it later.
        assert!(times(deposit) >= 3 && held.words >= 3);
        if data.join("rpc/block_miner_proof.json").is_file() {
            assert_eq!(times(miner), 2);
        }
    }
}

#[test]
#[ignore = "needs CALLSEAL_ETHEREUM_DATA, a folder with eureka's fixtures"]
fn loopback_networks_are_followed_over_their_committees_down_to_storage() {
    let fixtures = eureka::fixtures(&folder("eureka"));
    let known = [
        address!("1d95d544586eacb63b6154e9e45122b32ded11aa"),
        address!("736f0899d8aa93fcefd939a9c1dbdba72147dc56"),
    ];
    for fixture in &fixtures {
        let held = fixture.play();
        println!("{}: {held:?}", fixture.path.display());
        assert!(held.updates > 0, "{}", fixture.path.display());
        if known.contains(&fixture.contract()) {
            assert_eq!((held.updates, held.proofs, held.misnamed), (3, 2, 0));
        }
        for twin in fixtures.iter().filter(|other| fixture.is_twin_of(other)) {
            fixture.assert_same(twin);
        }
    }
}

#[test]
#[ignore = "needs CALLSEAL_ETHEREUM_DATA, a folder with datachainlab's test data"]
fn a_bellatrix_network_is_followed_and_names_no_execution_block() {
    let Some(data) = datachainlab::folder("light-client-verifier/data/bellatrix") else {
        return;
    };
    let (store, updates) = datachainlab::follow(&data);
    println!("{updates} updates, slot {} final", store.finalized_slot());
    let slot = store.finalized_slot();
    let now = store.network().time_of(slot);
    let fork = Fork::Bellatrix;
    assert_eq!(
        store.anchor(now, Duration::from_secs(3600)),
        Err(AnchorError::NoExecution { slot, fork })
    );
}

#[test]
#[ignore = "needs CALLSEAL_ETHEREUM_DATA, a folder with datachainlab's test data"]
fn main_network_committees_have_signed_from_before_headers_named_execution_blocks() {
    let Some(data) = datachainlab::folder("consensus/data") else {
        return;
    };
    let network = Network::mainnet();
    let files = json_files(&data).into_iter();
    let files = files.filter(|path| path.to_string_lossy().contains("light_client_update"));
    for path in files {
        let update = datachainlab::update(&value(&path));
        let attested = update.attested_header.beacon;
        let signed = data.join(format!("mainnet_signing_root_slot_{}.json", attested.slot));
        let root = network.signing_root(attested.root(), update.signature_slot);
        assert_eq!(root, datachainlab::read::<B256>(&value(&signed)));

        let period = network.period_of(update.signature_slot);
        let signers = data.join(format!("mainnet_sync_committee_period_{period}.json"));
        let mut start = update.finalized_header.clone().unwrap().value;
        start.beacon.slot -= 1;
        let signers = datachainlab::read(&value(&signers));
        let mut store = Store::trusting(network.clone(), start, signers, None);
        let now = network.time_of(update.signature_slot);
        let verified = verify_update(&store, &update, now).unwrap();
        let applied = store.apply_update(verified);
        assert!(applied.finalized && applied.committee && applied.attested);
        println!("{}: {root} signed", path.display());
    }
}

#[test]
#[ignore = "needs CALLSEAL_ETHEREUM_DATA, a folder with ethereum/tests' TrieTests"]
fn the_second_walkers_tries_have_the_official_roots() {
    let data = folder("ethereum-tests/TrieTests");
    if !data.is_dir() {
        println!("{}: not there", data.display());
        return;
    }
    let octets = |value: &Value| match value.as_str() {
        Some(text) if text.starts_with("0x") => hex::decode(text).unwrap(),
        Some(text) => text.as_bytes().to_vec(),
        // Nothing: what was there goes.
        None => Vec::new(),
    };
    let mut tries = 0;
    for path in json_files(&data) {
        for (name, test) in value(&path).as_object().unwrap() {
            let Some(root) = test.get("root") else {
                println!("{}: {name} is about no root", path.display());
                continue;
            };
            let pairs: Vec<_> = match &test["in"] {
                Value::Array(pairs) => pairs
                    .iter()
                    .map(|pair| (octets(&pair[0]), octets(&pair[1])))
                    .collect(),
                pairs => pairs
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(key, value)| (octets(&key.as_str().into()), octets(value)))
                    .collect(),
            };
            let is_hashed = path.to_string_lossy().to_lowercase().contains("secure");
            let trie = match is_hashed {
                true => Trie::of_hashed(pairs.clone()),
                false => Trie::of(pairs.clone()),
            };
            assert_eq!(
                B256::from(trie.root()),
                datachainlab::read::<B256>(root),
                "{name}"
            );
            let meant: BTreeMap<_, _> = pairs.into_iter().collect();
            for (key, value) in meant {
                let key = match is_hashed {
                    true => keccak256(&key).to_vec(),
                    false => key,
                };
                let expected = Some(value).filter(|value| !value.is_empty());
                assert_eq!(
                    walk(trie.root(), &key, &trie.prove(&key)),
                    Ok(expected),
                    "{name}"
                );
            }
            tries += 1;
        }
    }
    println!("{tries} tries");
    assert!(tries > 0);
}
