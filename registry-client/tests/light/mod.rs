//! A loopback network of another client, as the light client knows it.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]
#![allow(dead_code, reason = "each test file uses what it needs")]

use alloy_primitives::B256;
use callseal_registry_client::light::{
    Activation, Bootstrap, Fork, Network, NetworkTerms, Preset, Store, Update, json,
    verify_bootstrap,
};
use callseal_testvectors::light_client::DEVNET;
use serde_json::Value;

/// The slot after the finality update's.
pub(crate) const LAST_SLOT: u64 = 186;

pub(crate) fn network() -> Network {
    let genesis: Value = serde_json::from_str(DEVNET.genesis).unwrap();
    let genesis = &genesis["data"];
    Network::new(NetworkTerms {
        name: "devnet".into(),
        preset: Preset::Minimal,
        chain_id: 1337,
        genesis_time: genesis["genesis_time"].as_str().unwrap().parse().unwrap(),
        genesis_validators_root: genesis["genesis_validators_root"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap(),
        seconds_per_slot: 3,
        forks: vec![Activation {
            fork: Fork::Capella,
            epoch: 0,
            version: [3, 0, 0, 1],
        }],
    })
    .unwrap()
}

pub(crate) fn bootstrap() -> Bootstrap {
    json::bootstrap(DEVNET.bootstrap.as_bytes()).unwrap()
}

pub(crate) fn checkpoint() -> B256 {
    bootstrap().header.beacon.root()
}

pub(crate) fn update(period: usize) -> Update {
    let mut updates = json::updates(DEVNET.updates[period].as_bytes()).unwrap();
    assert_eq!(updates.len(), 1);
    updates.remove(0)
}

pub(crate) fn finality_update() -> Update {
    json::finality_update(DEVNET.finality_update.as_bytes()).unwrap()
}

/// When all of the network's data had been made.
pub(crate) fn now() -> u64 {
    network().time_of(LAST_SLOT)
}

/// At the checkpoint.
pub(crate) fn store() -> Store {
    Store::new(verify_bootstrap(&network(), checkpoint(), &bootstrap(), now()).unwrap())
}
