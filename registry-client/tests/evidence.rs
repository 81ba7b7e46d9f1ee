//! A record handed over with its evidence: no node is asked.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

mod world;

use core::time::Duration;

use alloy_primitives::B256;
use callseal_devchain::{DevBeacon, DevChain};
use callseal_registry_client::light::{Beacon, LightClient, Store};
use callseal_registry_client::{
    Answer, Evidence, EvidenceError, MAX_EVIDENCE_LEN, RawProof, RegistryConfig, Transport, layout,
    number_hash,
};
use proptest::prelude::*;

use crate::world::{approve, deploy};

const NUMBER: &str = "+8613800000001";
const HOUR: Duration = Duration::from_secs(3600);

struct Scene {
    chain: DevChain,
    beacon: DevBeacon,
    config: RegistryConfig,
    evidence: Evidence,
    /// What the verifier knows: an older final header, and both committees.
    store: Store,
    checkpoint: B256,
}

fn scene() -> Scene {
    let mut chain = DevChain::new(31337);
    let beacon = DevBeacon::new(&chain).unwrap();
    let checkpoint = beacon.finalize();
    let [operator, wallet] = [0, 1].map(|index| chain.account(index));
    let registry = deploy(&chain, operator);
    let claim = approve(&registry, operator, wallet, NUMBER, &[7; 32]);
    let store = synced(&beacon, checkpoint);
    beacon.finalize();

    let config = registry.config();
    let block = beacon.finalized_block().unwrap();
    let evidence = Evidence {
        finality_update: beacon.clone().finality_update().unwrap(),
        header: chain.header(block).unwrap(),
        proof: chain
            .proof(
                config.contract,
                &layout::number_slots(claim.number_hash),
                block,
            )
            .unwrap(),
    };
    Scene {
        chain,
        beacon,
        config,
        evidence,
        store,
        checkpoint,
    }
}

fn synced(beacon: &DevBeacon, checkpoint: B256) -> Store {
    let now = beacon.now();
    let beacons = vec![beacon.clone()];
    let (mut client, _) = LightClient::start(beacon.network(), checkpoint, beacons, now).unwrap();
    client.sync(now).unwrap();
    client.store().clone()
}

impl Scene {
    fn verify(
        &self,
        evidence: Evidence,
        store: &Store,
        now: u64,
    ) -> Result<callseal_registry_client::Verified<Answer>, EvidenceError> {
        evidence.verify(store, self.config, NUMBER, now, HOUR)
    }
}

#[test]
fn evidence_proves_a_record_to_whoever_knows_the_committees() {
    let scene = scene();
    let network = scene.beacon.network();
    let octets = scene.evidence.encode(network).unwrap();
    println!("{} octets", octets.len());
    assert!(octets.len() <= MAX_EVIDENCE_LEN);
    let evidence = Evidence::decode(&octets, network).unwrap();
    assert_eq!(evidence, scene.evidence);

    let now = scene.beacon.now();
    let answer = scene.verify(evidence.clone(), &scene.store, now).unwrap();
    assert!(answer.is_about(NUMBER));
    assert!(answer.slot().is_some());
    assert!(answer.into_record().unwrap().is_in_force());

    // The verifier's own header, and a newer one.
    let same = synced(&scene.beacon, scene.checkpoint);
    assert!(scene.verify(evidence.clone(), &same, now).is_ok());
    scene.beacon.finalize();
    let newer = synced(&scene.beacon, scene.checkpoint);
    assert!(newer.finalized_slot() > same.finalized_slot());
    assert!(scene.verify(evidence, &newer, now).is_ok());
}

#[test]
fn evidence_of_another_number_is_no_evidence() {
    let scene = scene();
    let now = scene.beacon.now();
    let refusal =
        scene
            .evidence
            .clone()
            .verify(&scene.store, scene.config, "+8613800000002", now, HOUR);
    assert!(matches!(refusal, Err(EvidenceError::LookUp(_))));
}

#[test]
fn old_evidence_is_refused() {
    let scene = scene();
    let late = scene.beacon.now() + 3600;
    let refusal = scene.verify(scene.evidence.clone(), &scene.store, late);
    assert!(matches!(refusal, Err(EvidenceError::Anchor(_))));
}

#[test]
fn evidence_signed_by_committees_that_are_not_known_is_refused() {
    let mut scene = scene();
    scene.beacon.pass_periods(3);
    let block = scene.beacon.finalized_block().unwrap();
    let slots = layout::number_slots(number_hash(NUMBER).unwrap());
    scene.evidence = Evidence {
        finality_update: scene.beacon.clone().finality_update().unwrap(),
        header: scene.chain.header(block).unwrap(),
        proof: scene
            .chain
            .proof(scene.config.contract, &slots, block)
            .unwrap(),
    };
    let refusal = scene.verify(scene.evidence.clone(), &scene.store, scene.beacon.now());
    assert!(matches!(refusal, Err(EvidenceError::Update(_))));
}

#[test]
fn no_octet_of_evidence_can_be_another() {
    let scene = scene();
    let network = scene.beacon.network();
    let now = scene.beacon.now();
    let octets = scene.evidence.encode(network).unwrap();
    // Even whoever knows the final header already looks at everything.
    let store = synced(&scene.beacon, scene.checkpoint);
    assert!(scene.verify(scene.evidence.clone(), &store, now).is_ok());
    for at in 0..octets.len() {
        let mut lie = octets.clone();
        lie[at] ^= 1 << (at % 8);
        assert!(Evidence::decode(&octets[..at], network).is_err());
        let Ok(evidence) = Evidence::decode(&lie, network) else {
            continue;
        };
        assert!(scene.verify(evidence, &store, now).is_err(), "octet {at}");
    }
}

#[test]
fn what_says_that_there_is_no_successor_may_be_left_out() {
    let scene = scene();
    let now = scene.beacon.now();
    let mut shorter = scene.evidence.clone();
    shorter.proof.slots.remove(2);
    let whole = scene.verify(scene.evidence.clone(), &scene.store, now);
    assert_eq!(scene.verify(shorter.clone(), &scene.store, now), whole);
    // Any other may not.
    for place in [0, 1, 3] {
        let mut lie = scene.evidence.clone();
        lie.proof.slots.remove(place);
        // Two proofs that something is absent may be the same: then it is true.
        let judged = scene.verify(lie, &scene.store, now);
        assert!(judged.is_err() || judged == whole, "{place}");
    }
    shorter.proof.slots.pop();
    assert!(scene.verify(shorter, &scene.store, now).is_err());
}

/// Proofs made of a few nodes, so that some begin alike.
fn proofs() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    let nodes = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..4);
    nodes.prop_flat_map(|nodes| {
        let proof = prop::collection::vec(prop::sample::select(nodes), 0..6);
        prop::collection::vec(proof, 1..6)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_fits_is_read_as_it_was_written(mut proofs in proofs(), at in any::<prop::sample::Index>()) {
        let scene = shared_scene();
        let network = scene.beacon.network();
        let account = proofs.remove(0);
        let mut evidence = scene.evidence.clone();
        evidence.proof = RawProof { account, slots: proofs };
        let octets = evidence.encode(network).unwrap();
        prop_assert_eq!(&Evidence::decode(&octets, network).unwrap(), &evidence);
        // No two forms of the same: what is read is written again as it came.
        let mut other = octets.clone();
        let at = at.index(other.len());
        other[at] = other[at].wrapping_add(1);
        if let Ok(read) = Evidence::decode(&other, network) {
            prop_assert_ne!(&read, &evidence);
            prop_assert_eq!(read.encode(network).unwrap(), other);
        }
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        let scene = shared_scene();
        let network = scene.beacon.network();
        prop_assert!(Evidence::decode(&octets, network).is_err());
    }
}

fn shared_scene() -> &'static Scene {
    static SCENE: std::sync::OnceLock<Scene> = std::sync::OnceLock::new();
    SCENE.get_or_init(scene)
}

#[test]
fn what_is_shared_over_and_over_does_not_grow_without_bound() {
    let scene = scene();
    let network = scene.beacon.network();
    let mut evidence = scene.evidence;
    // A node of two kilobytes that two hundred proofs begin with: three octets each on the way.
    evidence.proof.account = vec![vec![7; 2_000]];
    evidence.proof.slots = vec![evidence.proof.account.clone(); 200];
    let octets = evidence.encode(network).unwrap();
    assert!(octets.len() < 6_000);
    let refused = Evidence::decode(&octets, network);
    assert_eq!(refused, Err(EvidenceError::Malformed));
    // And what is too long is not written at all.
    evidence.proof.slots = vec![vec![vec![8; 9_000]], vec![vec![9; 9_000]]];
    assert!(matches!(
        evidence.encode(network),
        Err(EvidenceError::TooLong { .. })
    ));
}
