//! Other networks' data, from a folder that is not part of the repository, and may be another of the same layout.
#![cfg(feature = "json")]

use core::time::Duration;

use alloy_primitives::{B256, address, b256};
use callseal_registry_client::light::{AnchorError, Fork, Network, Store, verify_update};

use crate::networks::{datachainlab, eureka, execution, folder, helios, json_files, value};

mod networks;

#[test]
#[ignore = "needs CALLSEAL_ETHEREUM_DATA, a folder with helios's test data"]
fn the_main_network_is_followed_from_a_checkpoint_over_all_that_is_there() {
    let network = Network::mainnet();
    let followed = helios::follow(&folder("helios/ethereum/testdata"), &network);
    let store = &followed.store;
    println!(
        "{}: {} updates, {} of them optimistic, {} blocks, slot {} final",
        followed.checkpoint,
        followed.applied,
        followed.optimistic,
        followed.blocks,
        store.finalized_slot()
    );
    assert!(followed.applied > 0);
    let hour = Duration::from_secs(3600);
    let anchor = store.anchor(followed.now, hour).unwrap();
    assert_eq!(anchor.block_hash(), store.finalized().execution.block_hash);

    // The folder that is known: in August 2023, by Capella's rules, over six periods.
    let known = b256!("5afc212a7924789b2bc86acad3ab3a6ffb1f6e97253ea50bee7f4f51422c9275");
    if followed.checkpoint == known {
        assert_eq!(network.fork_of(store.finalized_slot()), Fork::Capella);
        let slots = (store.finalized_slot(), store.attested_slot());
        assert_eq!(slots, (7_109_344, 7_109_431));
        assert_eq!((followed.applied, followed.optimistic), (6 + 2, 1));
        assert_eq!((store.period(), followed.blocks), (867, 2));
    }
}

#[test]
#[ignore = "needs CALLSEAL_ETHEREUM_DATA, a folder with helios's test data"]
fn main_network_blocks_prove_every_account_and_word_that_is_there() {
    let held = execution::prove(&folder("helios/tests/testdata"));
    assert!(!held.blocks.is_empty() && !held.accounts.is_empty());

    let known = b256!("92dabfa3f61ff1c349d12f5fd0dd4c99760a0a41b77dee8f0a80f83efdcb307a");
    if held.blocks[0].block_hash() == known {
        assert_eq!(held.blocks[0].number(), 21_925_176);
        let deposit = address!("00000000219ab540356cbb839cbe05303d7705fa");
        let miner = address!("4838b106fce9647bdf1e7877bf73ce8b0bad5f97");
        let times = |whose| held.accounts.iter().filter(|it| **it == whose).count();
        assert_eq!((times(deposit), times(miner)), (3, 2));
        assert_eq!(held.words, 3);
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
