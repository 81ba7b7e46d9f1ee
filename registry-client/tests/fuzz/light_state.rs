//! A light client's kept state, read.

use callseal_registry_client::light::{Activation, Fork, Network, NetworkTerms, Preset, Store};

/// `data` is a state without its checksum, which is added: damage would be found by that alone.
pub fn light_state(data: &[u8]) {
    let _ = Store::from_state(network(), data, 0);
    let state = [data, &ethereum_hashing::hash_fixed(data)].concat();
    if let Ok(store) = Store::from_state(network(), &state, 0) {
        // There is one way to write what was read.
        assert_eq!(store.to_state(), state);
    }
}

fn network() -> Network {
    Network::new(NetworkTerms {
        name: "fuzzed".into(),
        preset: Preset::Minimal,
        chain_id: 1,
        genesis_time: 0,
        genesis_validators_root: [7; 32].into(),
        seconds_per_slot: 3,
        forks: vec![Activation {
            fork: Fork::Altair,
            epoch: 0,
            version: [1, 0, 0, 1],
        }],
    })
    .expect("a network")
}
