//! Light-client objects in JSON and SSZ, read and judged.

use std::sync::OnceLock;

use callseal_registry_client::light::ssz::{self, Shape};
use callseal_registry_client::light::{
    Activation, Bootstrap, Fork, Network, NetworkTerms, Preset, Store, Update, json,
    verify_bootstrap, verify_update,
};
use callseal_testvectors::light_client::DEVNET;

/// `data` is what a node sends: JSON, or one octet that chooses the fork, then SSZ.
pub fn light_objects(data: &[u8]) {
    if let Ok(bootstrap) = json::bootstrap(data) {
        judge_bootstrap(&bootstrap);
    }
    if let Ok(header) = json::block_header(data) {
        let text = json::block_header_text(&header);
        assert_eq!(json::block_header(text.as_bytes()), Ok(header));
    }
    if let Ok(updates) = json::updates(data) {
        updates.iter().for_each(judge_update);
    }
    if let Ok(update) = json::finality_update(data) {
        judge_update(&update);
    }
    let Some((choice, octets)) = data.split_first() else {
        return;
    };
    let shape = Shape {
        fork: Fork::ALL[usize::from(*choice) % Fork::ALL.len()],
        preset: Preset::Minimal,
    };
    // Whatever is read is written again as it was.
    if let Ok(bootstrap) = ssz::bootstrap(octets, shape) {
        assert_eq!(ssz::bootstrap_octets(&bootstrap, shape), octets);
        judge_bootstrap(&bootstrap);
    }
    if let Ok(update) = ssz::update(octets, shape) {
        assert_eq!(ssz::update_octets(&update, shape), octets);
        judge_update(&update);
    }
    if let Ok(update) = ssz::finality_update(octets, shape) {
        assert_eq!(ssz::finality_update_octets(&update, shape), octets);
        judge_update(&update);
    }
}

fn judge_bootstrap(bootstrap: &Bootstrap) {
    let Known {
        network,
        bootstrap: honest,
        now,
        ..
    } = known();
    let checkpoint = honest.header.beacon.root();
    if verify_bootstrap(network, checkpoint, bootstrap, *now).is_ok() {
        assert_eq!(bootstrap.header, honest.header);
        let (ours, theirs) = (
            &honest.current_sync_committee,
            &bootstrap.current_sync_committee,
        );
        assert_eq!(ours.value, theirs.value);
    }
}

fn judge_update(update: &Update) {
    let Known {
        store, honest, now, ..
    } = known();
    if verify_update(store, update, *now).is_ok() {
        // The committee has signed one of these, and nothing else.
        let same = honest.iter().any(|honest| {
            let finalized = |update: &Update| Some(update.finalized_header.as_ref()?.value.clone());
            honest.attested_header == update.attested_header
                && finalized(update).is_none_or(|header| finalized(honest) == Some(header))
        });
        assert!(same, "something that nobody signed is believed");
    }
}

struct Known {
    network: Network,
    bootstrap: Bootstrap,
    store: Store,
    honest: Vec<Update>,
    now: u64,
}

/// The loopback network, at its checkpoint.
fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let genesis: serde_json::Value = serde_json::from_str(DEVNET.genesis).expect("JSON");
        let root = genesis["data"]["genesis_validators_root"]
            .as_str()
            .expect("a root");
        let network = Network::new(NetworkTerms {
            name: "devnet".into(),
            preset: Preset::Minimal,
            chain_id: 1337,
            genesis_time: 0,
            genesis_validators_root: root.parse().expect("a root"),
            seconds_per_slot: 3,
            forks: vec![Activation {
                fork: Fork::Capella,
                epoch: 0,
                version: [3, 0, 0, 1],
            }],
        })
        .expect("a network");
        let now = network.time_of(200);
        let bootstrap = json::bootstrap(DEVNET.bootstrap.as_bytes()).expect("a bootstrap");
        let checkpoint = bootstrap.header.beacon.root();
        let verified = verify_bootstrap(&network, checkpoint, &bootstrap, now).expect("honest");
        let mut honest = json::updates(DEVNET.updates[0].as_bytes()).expect("updates");
        honest.push(json::finality_update(DEVNET.finality_update.as_bytes()).expect("an update"));
        Known {
            network,
            bootstrap,
            store: Store::new(verified),
            honest,
            now,
        }
    })
}
