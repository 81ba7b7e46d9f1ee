//! What a light client of the main network's sizes holds in memory.

use callseal_devchain::{DevBeacon, DevChain};
use callseal_registry_client::light::{Fork, LightClient, Preset, SharedClient};
use callseal_testkit::{Allocations, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn a_synced_client_with_two_committees_of_512_keys_fits_in_two_megabytes() {
    let chain = DevChain::new(1);
    let beacon = DevBeacon::with_preset(&chain, Fork::Fulu, Preset::Mainnet).unwrap();
    let checkpoint = beacon.finalize();
    beacon.pass_periods(1);
    beacon.finalize();
    let now = beacon.now();
    let (client, seen) = Allocations::during(|| {
        let beacons = vec![beacon.clone()];
        let (client, _) = LightClient::start(beacon.network(), checkpoint, beacons, now).unwrap();
        let client = SharedClient::from(client);
        client.sync(now).unwrap();
        client.sync(now).unwrap();
        client
    });
    assert_eq!(client.store().period(), 1);
    assert!(client.store().next_committee().is_some());
    println!("{} octets", seen.live_len());
    assert!(seen.live_len() < 2_000_000, "{} octets", seen.live_len());
    assert!(client.store().to_state().len() < 52_000);
}
