//! What a peer hands over, read and judged.

use core::time::Duration;
use std::sync::OnceLock;

use alloy_primitives::Address;
use callseal_registry_client::light::{
    Activation, Fork, Network, NetworkTerms, Preset, Store, json, verify_bootstrap,
};
use callseal_registry_client::{Evidence, MAX_EVIDENCE_LEN, RegistryConfig, layout};
use callseal_testvectors::light_client::DEVNET;

/// `data` is a staple. Whatever is read is written again as it was, and proves nothing: on this network there is no
/// registry.
pub fn staple(data: &[u8]) {
    let (store, now) = known();
    let network = store.network();
    let Ok(evidence) = Evidence::decode(data, network) else {
        return;
    };
    assert!(data.len() <= MAX_EVIDENCE_LEN);
    assert_eq!(evidence.encode(network).ok().as_deref(), Some(data));
    let config = RegistryConfig {
        contract: Address::repeat_byte(0x42),
        code_hash: layout::CODE_HASH,
        chain_id: network.chain_id(),
    };
    let hour = Duration::from_secs(3_600);
    let proven = evidence.verify(store, config, "+8613800000001", *now, hour);
    assert!(proven.is_err());
}

/// What a phone on a real network of another client knows.
fn known() -> &'static (Store, u64) {
    static KNOWN: OnceLock<(Store, u64)> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let genesis: serde_json::Value = serde_json::from_str(DEVNET.genesis).expect("it is JSON");
        let genesis = &genesis["data"];
        let text = |field: &str| genesis[field].as_str().expect("it is text");
        let network = Network::new(NetworkTerms {
            name: "devnet".into(),
            preset: Preset::Minimal,
            chain_id: 1337,
            genesis_time: text("genesis_time").parse().expect("it is a number"),
            genesis_validators_root: text("genesis_validators_root")
                .parse()
                .expect("it is a root"),
            seconds_per_slot: 3,
            forks: vec![Activation {
                fork: Fork::Capella,
                epoch: 0,
                version: [3, 0, 0, 1],
            }],
        })
        .expect("a network");
        let now = network.time_of(186);
        let bootstrap = json::bootstrap(DEVNET.bootstrap.as_bytes()).expect("it is one");
        let checkpoint = bootstrap.header.beacon.root();
        let verified = verify_bootstrap(&network, checkpoint, &bootstrap, now);
        (Store::new(verified.expect("an honest network")), now)
    })
}
