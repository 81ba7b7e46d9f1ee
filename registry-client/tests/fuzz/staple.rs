//! What a peer hands over, read and judged.

use core::time::Duration;
use std::sync::OnceLock;

use alloy_primitives::B256;
use callseal_devchain::{
    Claim, DevBeacon, DevChain, DevRegistry, Operator, prove_possession, uncompressed_key,
};
use callseal_registry_client::light::{Beacon, LightClient, Store};
use callseal_registry_client::{
    Answer, Evidence, MAX_EVIDENCE_LEN, RegistryConfig, Transport, Verified, layout, number_hash,
};

const NUMBER: &str = "+8613800000001";
const HOUR: Duration = Duration::from_secs(3_600);

/// `data` is a staple. Whatever is read is written again as it was, and none is believed but the honest ones.
///
/// Gives whether it was believed.
pub fn staple(data: &[u8]) -> bool {
    let world = world();
    let network = world.store.network();
    let Ok(evidence) = Evidence::decode(data, network) else {
        return false;
    };
    assert!(data.len() <= MAX_EVIDENCE_LEN);
    assert_eq!(evidence.encode(network).ok().as_deref(), Some(data));
    match evidence.verify(&world.store, world.config, NUMBER, world.now, HOUR) {
        Ok(answer) => {
            assert_eq!(answer, world.answer);
            // Nor does anything stand in it that nobody looked at.
            assert!(world.staples.iter().any(|honest| honest == data));
            true
        }
        Err(_) => false,
    }
}

/// A registry with one record, and a phone that knows the network's committees and an older block.
struct World {
    store: Store,
    config: RegistryConfig,
    now: u64,
    /// What the number's own subscriber hands over: whole, and without what says that there is no successor.
    staples: [Vec<u8>; 2],
    answer: Verified<Answer>,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| made().expect("the embedded chain does as it is told"))
}

/// The same octets in every run: nothing here is random.
fn made() -> Result<World, Box<dyn core::error::Error>> {
    let mut chain = DevChain::new(31337);
    let mut beacon = DevBeacon::new(&chain)?;
    let checkpoint = beacon.finalize();
    let (registry, number_hash) = registered(&chain)?;
    let (network, beacons) = (beacon.network(), vec![beacon.clone()]);
    let (mut client, _) = LightClient::start(network, checkpoint, beacons, beacon.now())?;
    client.sync(beacon.now())?;
    let store = client.store().clone();

    beacon.finalize();
    let block = beacon.finalized_block().ok_or("nothing is final")?;
    let config = registry.config();
    let evidence = Evidence {
        finality_update: beacon.finality_update()?,
        header: chain.header(block)?,
        proof: chain.proof(config.contract, &layout::number_slots(number_hash), block)?,
    };
    let mut shorter = evidence.clone();
    shorter.proof.slots.remove(2);
    let now = beacon.now();
    Ok(World {
        staples: [
            evidence.encode(store.network())?,
            shorter.encode(store.network())?,
        ],
        answer: evidence.verify(&store, config, NUMBER, now, HOUR)?,
        store,
        config,
        now,
    })
}

fn registered(chain: &DevChain) -> Result<(DevRegistry, B256), Box<dyn core::error::Error>> {
    let [account, wallet] = [0, 1].map(|index| chain.account(index));
    let operator = Operator {
        account,
        signing_key: uncompressed_key(&[1; 32])?,
        sealing_key: [0; 32],
    };
    let registry = DevRegistry::deploy(chain, account, &operator)?;
    let secret = [7; 32];
    let number_hash = number_hash(NUMBER)?;
    let digest = registry.proof_of_possession_digest(number_hash, wallet);
    let claim = Claim {
        number_hash,
        key: uncompressed_key(&secret)?,
        token_hash: B256::ZERO,
        proof_of_possession: prove_possession(&secret, digest)?,
    };
    registry.add_client(wallet, &claim)?;
    registry.approve_client(account, number_hash, wallet, claim.record_hash(wallet))?;
    Ok((registry, number_hash))
}
