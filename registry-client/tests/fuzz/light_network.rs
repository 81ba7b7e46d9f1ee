//! Any text as a network's constants, and what a node of another sends judged on it.

use std::sync::OnceLock;

use alloy_primitives::B256;
use callseal_registry_client::light::{
    Bootstrap, Network, Store, Update, json, verify_bootstrap, verify_update,
};
use callseal_testvectors::light_client::DEVNET;

/// `data` is a file of constants; those that are taken have no slot that cannot be reckoned with.
pub fn light_network(data: &[u8]) {
    let Ok(terms) = json::network(data) else {
        return;
    };
    let Ok(network) = Network::new(terms.clone()) else {
        return;
    };
    let written = serde_json::to_vec(&terms).expect("JSON takes all");
    assert_eq!(json::network(&written), Ok(terms));

    let last = network.slot_at(u64::MAX);
    let mut fork = network.fork_of(0);
    for slot in [0, 1, 63, 64, 186, 8_192, 1 << 32, last, u64::MAX] {
        let time = network.time_of(slot);
        if time < u64::MAX {
            assert_eq!(network.slot_at(time), slot);
        }
        let _ = network.signing_root(B256::ZERO, slot);
        let _ = network.period_of(slot);
    }
    for slot in [1, 186, 1 << 20, 1 << 40, u64::MAX] {
        assert!(fork <= network.fork_of(slot), "no fork goes back");
        fork = network.fork_of(slot);
    }

    let (bootstrap, updates) = sent();
    let checkpoint = bootstrap.header.beacon.root();
    let times = [0, network.time_of(186), network.time_of(200), u64::MAX];
    for now in times {
        let Ok(verified) = verify_bootstrap(&network, checkpoint, bootstrap, now) else {
            continue;
        };
        let store = Store::new(verified);
        for update in updates {
            let _ = verify_update(&store, update, now);
        }
        let kept = Store::from_state(network.clone(), &store.to_state(), now);
        assert!(kept.is_ok_and(|kept| kept.to_state() == store.to_state()));
    }
}

/// What a node of the loopback network sends.
fn sent() -> &'static (Bootstrap, Vec<Update>) {
    static SENT: OnceLock<(Bootstrap, Vec<Update>)> = OnceLock::new();
    SENT.get_or_init(|| {
        let bootstrap = json::bootstrap(DEVNET.bootstrap.as_bytes()).expect("a bootstrap");
        let mut updates = json::updates(DEVNET.updates[0].as_bytes()).expect("updates");
        updates.push(json::finality_update(DEVNET.finality_update.as_bytes()).expect("an update"));
        (bootstrap, updates)
    })
}
