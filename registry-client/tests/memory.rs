//! What a light client of the main network's sizes holds in memory.

use callseal_devchain::{DevBeacon, DevChain};
use callseal_registry_client::light::{Fork, LightClient, Preset, SharedClient};
use callseal_testkit::{Allocations, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Octets of a key that is unpacked: two coordinates of 48.
const UNPACKED_LEN: i64 = 96;

#[test]
fn a_synced_client_with_two_unpacked_committees_of_512_keys_fits_in_two_megabytes() {
    let chain = DevChain::new(1);
    let beacon = DevBeacon::with_preset(&chain, Fork::Fulu, Preset::Mainnet).unwrap();
    let checkpoint = beacon.finalize();
    beacon.pass_periods(1);
    beacon.finalize();
    let now = beacon.now();
    let beacons = vec![beacon.clone()];
    let (client, _) = LightClient::start(beacon.network(), checkpoint, beacons, now).unwrap();
    let client = SharedClient::from(client);
    client.sync(now).unwrap();
    client.sync(now).unwrap();
    let store = client.store();
    assert_eq!(store.period(), 1);
    assert!(store.next_committee().is_some());
    assert!(store.to_state().len() < 52_000);
    // The next committee is the current one a period later, and has signed then: its keys are unpacked for both.
    beacon.pass_periods(1);
    client.sync(beacon.now()).unwrap();
    assert_eq!(client.store().period(), 2);

    // Threads that unpack keys have ended: what they left is counted too.
    let before = Allocations::live_len_of_all_threads();
    drop((client, store));
    let held = before - Allocations::live_len_of_all_threads();
    println!("{held} octets");
    assert!(held > 2 * 512 * UNPACKED_LEN, "{held} octets");
    assert!(held < 2_000_000, "{held} octets");
}
