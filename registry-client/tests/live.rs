//! From a checkpoint to a record: several nodes, some of which fail, lie, lag or contradict each other.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

mod world;

use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use callseal_devchain::{Counted, DevBeacon, DevChain, Tally};
use callseal_registry_client::light::{
    AnchorError, Beacon, BeaconHeader, Bootstrap, BootstrapError, FaultCause, Fork, LightClient,
    SignatureError, Store, SyncError, Update, UpdateError, WEAK_SUBJECTIVITY_LIMIT,
    verify_bootstrap,
};
use callseal_registry_client::{
    Answer, Asked, LiveError, LiveRegistry, LookUpError, Nodes, NodesError, Policy, RawProof,
    Transport, TransportError, Verified,
};

use crate::world::World;

const NUMBER: &str = "+8613800000001";
const STRANGER: &str = "+8613899999999";

/// One operator, who has approved one subscriber.
fn world() -> World<1> {
    World::new([&[NUMBER]])
}

impl World<1> {
    fn client<B: Beacon>(&self, beacons: Vec<B>) -> LightClient<B> {
        let network = self.beacon.network();
        let (client, synced) =
            LightClient::start(network, self.checkpoint, beacons, self.beacon.now()).unwrap();
        assert_eq!(synced.faults, []);
        client
    }

    fn live<B: Beacon, T: Transport>(&self, beacons: Vec<B>, nodes: Vec<T>) -> LiveRegistry<B, T> {
        let nodes = nodes.into_iter().enumerate();
        let named = nodes.map(|(index, node)| (format!("node {index}"), node));
        LiveRegistry::new(
            self.registries[0].config(),
            self.client(beacons),
            named,
            Policy::default(),
        )
    }
}

#[test]
fn every_fork_with_an_execution_header_is_followed_over_committees_that_change() {
    for fork in [Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Fulu] {
        let chain = DevChain::new(1);
        let beacon = DevBeacon::at_fork(&chain, fork).unwrap();
        let checkpoint = beacon.finalize();
        beacon.pass_periods(3);
        let now = beacon.now();
        let (mut client, _) =
            LightClient::start(beacon.network(), checkpoint, vec![beacon.clone()], now).unwrap();
        let synced = client.sync(now).unwrap();
        assert_eq!(synced.faults, [], "{fork}");
        let store = client.store();
        assert_eq!(
            store.period(),
            beacon.network().period_of(store.attested_slot())
        );
        assert_eq!(store.period(), 3, "{fork}");
        let anchor = store.anchor(now, Duration::from_secs(60)).unwrap();
        assert_eq!(
            Some(anchor.block_hash()),
            beacon.finalized_block(),
            "{fork}"
        );
        // Nothing new is no fault.
        assert_eq!(client.sync(now).unwrap().updates, 0);
    }
}

#[test]
fn gloas_is_refused_by_name() {
    let chain = DevChain::new(1);
    let beacon = DevBeacon::at_fork(&chain, Fork::Gloas).unwrap();
    let checkpoint = beacon.finalize();
    let refusal = LightClient::start(
        beacon.network(),
        checkpoint,
        vec![beacon.clone()],
        beacon.now(),
    )
    .unwrap_err();
    assert!(refusal.to_string().contains("the fork gloas"), "{refusal}");
}

#[test]
fn headers_before_capella_name_no_execution_block() {
    let chain = DevChain::new(1);
    let beacon = DevBeacon::at_fork(&chain, Fork::Bellatrix).unwrap();
    let checkpoint = beacon.finalize();
    beacon.pass_periods(1);
    let now = beacon.now();
    let (mut client, _) =
        LightClient::start(beacon.network(), checkpoint, vec![beacon.clone()], now).unwrap();
    assert!(client.sync(now).unwrap().faults.is_empty());
    let store = client.store();
    let slot = store.finalized_slot();
    assert_eq!(beacon.network().period_of(slot), 1);
    let fork = Fork::Bellatrix;
    assert_eq!(
        store.anchor(now, Duration::from_secs(60)),
        Err(AnchorError::NoExecution { slot, fork })
    );
}

#[test]
fn headers_before_capella_with_an_execution_block_are_refused() {
    let chain = DevChain::new(1);
    let beacon = DevBeacon::at_fork(&chain, Fork::Bellatrix).unwrap();
    let checkpoint = beacon.finalize();
    let now = beacon.now();
    let mut bootstrap = beacon.clone().bootstrap(checkpoint).unwrap();
    assert!(verify_bootstrap(beacon.network(), checkpoint, &bootstrap, now).is_ok());
    bootstrap.header.execution.block_hash = chain.head();
    let refusal = verify_bootstrap(beacon.network(), checkpoint, &bootstrap, now).unwrap_err();
    assert!(refusal.to_string().contains("does not have"), "{refusal}");
}

#[test]
fn a_look_up_names_its_block_its_slot_and_its_age() {
    let world = world();
    let mut live = world.live(vec![world.beacon.clone()], vec![world.chain.clone()]);
    let now = world.beacon.now();
    let found = live.look_up(NUMBER, now).unwrap();
    assert!(!found.was_kept && found.faults.is_empty());
    assert_eq!(
        Some(found.answer.block_hash()),
        world.beacon.finalized_block()
    );
    let slot = found.answer.slot().unwrap();
    assert_eq!(
        world.beacon.network().time_of(slot),
        found.answer.timestamp()
    );
    // The slot that attests it, and the one that holds the signature.
    assert_eq!(found.answer.age(now), Duration::from_secs(24));
    let record = found.answer.into_record().unwrap();
    assert!(record.is_in_force());
    assert_eq!(record.slot(), Some(slot));

    let found = live.look_up(STRANGER, now).unwrap();
    assert_eq!(*found.answer.value(), Answer::Absent);
    assert!(matches!(
        live.look_up("nonsense", now),
        Err(LiveError::Number(_))
    ));
}

#[test]
fn answers_are_kept_while_they_are_young_and_no_longer() {
    let world = world();
    let mut live = world.live(vec![world.beacon.clone()], vec![world.chain.clone()]);
    let now = world.beacon.now();
    let first = live.look_up(NUMBER, now).unwrap();
    let kept = live.look_up(NUMBER, now + 60).unwrap();
    assert!(kept.was_kept);
    assert_eq!(kept.answer, first.answer);

    world.beacon.pass_periods(3);
    let later = world.beacon.now();
    let renewed = live.look_up(NUMBER, later).unwrap();
    assert!(!renewed.was_kept);
    assert!(renewed.answer.block_number() > first.answer.block_number());
    assert!(renewed.synced.unwrap().updates >= 2);
}

#[test]
fn without_finality_the_answer_is_an_error_after_an_hour() {
    let world = world();
    let mut live = world.live(vec![world.beacon.clone()], vec![world.chain.clone()]);
    let now = world.beacon.now();
    let made = live.look_up(NUMBER, now).unwrap().answer.timestamp();
    // Older than half an hour it is asked for again, and the same block serves.
    let again = live.look_up(NUMBER, made + 3_000).unwrap();
    assert!(!again.was_kept);
    let refusal = live.look_up(NUMBER, made + 3_601).unwrap_err();
    assert!(
        matches!(
            refusal,
            LiveError::Anchor(AnchorError::Stale { .. }) | LiveError::Sync(_)
        ),
        "{refusal}"
    );
}

/// A beacon node that does otherwise.
#[derive(Debug)]
struct Odd {
    name: &'static str,
    honest: DevBeacon,
    bootstrap: fn(&mut Bootstrap),
    update: fn(&mut Update),
    is_dead: bool,
    says_roots: bool,
}

impl Odd {
    fn new(name: &'static str, honest: &DevBeacon) -> Self {
        Self {
            name,
            honest: honest.clone(),
            bootstrap: |_| {},
            update: |_| {},
            is_dead: false,
            says_roots: true,
        }
    }

    fn alive(&self) -> Result<(), TransportError> {
        match self.is_dead {
            true => Err(TransportError::Unreachable {
                node: self.name.into(),
                cause: "it is dead".into(),
            }),
            false => Ok(()),
        }
    }
}

impl Beacon for Odd {
    fn name(&self) -> String {
        self.name.into()
    }

    fn bootstrap(&mut self, block_root: B256) -> Result<Bootstrap, TransportError> {
        self.alive()?;
        let mut bootstrap = self.honest.bootstrap(block_root)?;
        (self.bootstrap)(&mut bootstrap);
        Ok(bootstrap)
    }

    fn update(&mut self, period: u64) -> Result<Update, TransportError> {
        self.alive()?;
        let mut update = self.honest.update(period)?;
        (self.update)(&mut update);
        Ok(update)
    }

    fn finality_update(&mut self) -> Result<Update, TransportError> {
        self.alive()?;
        let mut update = self.honest.finality_update()?;
        (self.update)(&mut update);
        Ok(update)
    }

    fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
        self.alive()?;
        match self.says_roots {
            true => self.honest.block_root(slot),
            false => Ok(None),
        }
    }

    fn block_header(&mut self, block_root: B256) -> Result<BeaconHeader, TransportError> {
        self.alive()?;
        self.honest.block_header(block_root)
    }
}

#[test]
fn dead_and_lying_beacon_nodes_are_passed_over_and_named() {
    let world = world();
    world.beacon.pass_periods(2);
    let dead = Odd {
        is_dead: true,
        ..Odd::new("dead", &world.beacon)
    };
    let liar = Odd {
        bootstrap: |bootstrap| bootstrap.current_sync_committee.value.pubkeys.swap(0, 1),
        update: |update| update.sync_aggregate.sync_committee_bits[0] ^= 1,
        ..Odd::new("liar", &world.beacon)
    };
    let honest = Odd::new("honest", &world.beacon);
    let now = world.beacon.now();
    let network = world.beacon.network();
    let beacons = vec![dead, liar, honest];
    let (mut client, started) =
        LightClient::start(network, world.checkpoint, beacons, now).unwrap();
    let cause = |node: &str, faults: &[callseal_registry_client::light::Fault]| {
        let fault = faults.iter().find(|fault| fault.node == node);
        fault.map(|fault| fault.cause.clone())
    };
    assert!(matches!(
        cause("dead", &started.faults),
        Some(FaultCause::Transport(_))
    ));
    assert!(matches!(
        cause("liar", &started.faults),
        Some(FaultCause::Bootstrap(BootstrapError::Committee(_)))
    ));
    let synced = client.sync(now).unwrap();
    assert!(synced.updates >= 3);
    assert!(matches!(
        cause("dead", &synced.faults),
        Some(FaultCause::Transport(_))
    ));
    assert_eq!(
        cause("liar", &synced.faults),
        Some(FaultCause::Update(UpdateError::Signature(
            SignatureError::Wrong
        )))
    );
    assert_eq!(cause("honest", &synced.faults), None);
    assert_eq!(client.store().period(), 2);
}

#[test]
fn with_liars_alone_nothing_is_known() {
    let world = world();
    let liar = Odd {
        update: |update| update.attested_header.beacon.proposer_index ^= 1,
        ..Odd::new("liar", &world.beacon)
    };
    let now = world.beacon.now();
    let mut client = world.client(vec![liar]);
    let before = client.store().finalized_slot();
    let refusal = client.sync(now).unwrap_err();
    assert!(matches!(&refusal, SyncError::NoAnswer { faults } if faults[0].node == "liar"));
    assert_eq!(client.store().finalized_slot(), before);
}

/// Two chains with one history, and one committee for both.
fn twins() -> ([DevChain; 2], [DevBeacon; 2], B256) {
    let chains = [DevChain::new(1), DevChain::new(1)];
    let beacons = chains
        .each_ref()
        .map(|chain| DevBeacon::new(chain).unwrap());
    let [checkpoint, same] = beacons.each_ref().map(DevBeacon::finalize);
    assert_eq!(checkpoint, same);
    (chains, beacons, checkpoint)
}

/// From here on the two have different histories.
fn part(chains: &[DevChain; 2], beacons: &[DevBeacon; 2]) {
    chains[0].mine();
    let sender = chains[1].account(0);
    chains[1].deploy(sender, [0x60, 0, 0x60, 0, 0xf3]).unwrap();
    for beacon in beacons {
        beacon.finalize();
    }
    assert_eq!(beacons[0].now(), beacons[1].now());
}

#[test]
fn two_nodes_that_prove_different_histories_stop_everything() {
    let (chains, beacons, checkpoint) = twins();
    let odd = vec![Odd::new("one", &beacons[0]), Odd::new("two", &beacons[1])];
    let network = beacons[0].network();
    let now = beacons[0].now();
    let (mut client, _) = LightClient::start(network, checkpoint, odd, now).unwrap();
    client.sync(now).unwrap();
    let before = client.store().finalized_slot();
    part(&chains, &beacons);
    let refusal = client.sync(beacons[0].now()).unwrap_err();
    let nodes = ["one".to_owned(), "two".to_owned()];
    assert!(
        matches!(&refusal, SyncError::Disagreement { nodes: n, .. } if *n == nodes),
        "{refusal}"
    );
    assert_eq!(client.store().finalized_slot(), before);
}

#[test]
fn a_node_that_proves_another_history_than_the_known_one_stops_everything() {
    let (chains, beacons, checkpoint) = twins();
    part(&chains, &beacons);
    let now = beacons[0].now();
    let network = beacons[0].network();
    let (mut client, _) =
        LightClient::start(network, checkpoint, vec![beacons[0].clone()], now).unwrap();
    client.sync(now).unwrap();
    let state = client.store().to_state();
    let store = Store::from_state(network.clone(), &state, now).unwrap();
    let mut client = LightClient::resume(store, vec![beacons[1].clone()]);
    let refusal = client.sync(now).unwrap_err();
    assert!(
        matches!(refusal, SyncError::Disagreement { .. }),
        "{refusal}"
    );
}

#[test]
fn a_checkpoint_that_another_node_does_not_have_is_reported() {
    let (one, other) = (DevChain::new(1), DevChain::new(1));
    other
        .deploy(other.account(0), [0x60, 0, 0x60, 0, 0xf3])
        .unwrap();
    one.mine();
    // As many blocks, so as many slots.
    let (beacon, fork) = (
        DevBeacon::new(&one).unwrap(),
        DevBeacon::new(&other).unwrap(),
    );
    let checkpoint = beacon.finalize();
    fork.finalize();
    let beacons = vec![Odd::new("one", &beacon), Odd::new("two", &fork)];
    let refusal =
        LightClient::start(beacon.network(), checkpoint, beacons, beacon.now()).unwrap_err();
    assert!(
        matches!(&refusal, SyncError::Checkpoint { node, .. } if node == "two"),
        "{refusal}"
    );
}

#[test]
fn a_phone_that_was_off_for_a_day_catches_up_from_its_kept_state() {
    let world = world();
    let mut client = world.client(vec![world.beacon.clone()]);
    client.sync(world.beacon.now()).unwrap();
    let state = client.store().to_state();
    let network = world.beacon.network();
    let day = 24 * 3600 / (12 * network.preset().slots_per_period());
    world.beacon.pass_periods(day + 1);
    let now = world.beacon.now();
    let store = Store::from_state(network.clone(), &state, now).unwrap();
    assert!(store.age(now) > Duration::from_secs(24 * 3600));
    let mut client = LightClient::resume(store, vec![world.beacon.clone()]);
    let synced = client.sync(now).unwrap();
    assert!(synced.updates as u64 > day);
    assert!(client.store().anchor(now, Duration::from_secs(60)).is_ok());
    let limit = WEAK_SUBJECTIVITY_LIMIT.as_secs();
    assert!(Store::from_state(network.clone(), &state, now + limit).is_err());
}

/// An execution node that does otherwise.
struct OddNode {
    honest: DevChain,
    proof: fn(&mut RawProof),
    header: fn(&mut Header),
    is_dead: bool,
}

impl OddNode {
    fn new(world: &World<1>) -> Self {
        Self {
            honest: world.chain.clone(),
            proof: |_| {},
            header: |_| {},
            is_dead: false,
        }
    }
}

impl Transport for OddNode {
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
        if self.is_dead {
            return Err(TransportError::Unreachable {
                node: "dead".into(),
                cause: "it is dead".into(),
            });
        }
        let mut header = self.honest.header(block_hash)?;
        (self.header)(&mut header);
        Ok(header)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        let mut proof = self.honest.proof(contract, slots, block_hash)?;
        (self.proof)(&mut proof);
        Ok(proof)
    }
}

#[test]
fn dead_and_lying_execution_nodes_are_passed_over_and_named() {
    let world = world();
    let dead = OddNode {
        is_dead: true,
        ..OddNode::new(&world)
    };
    let other_header = OddNode {
        header: |header| header.number += 1,
        ..OddNode::new(&world)
    };
    let absent = OddNode {
        proof: |proof| proof.slots.iter_mut().for_each(Vec::clear),
        ..OddNode::new(&world)
    };
    let nodes = vec![dead, other_header, absent, OddNode::new(&world)];
    let mut live = world.live(vec![world.beacon.clone()], nodes);
    let found = live.look_up(NUMBER, world.beacon.now()).unwrap();
    assert!(found.answer.clone().into_record().is_some());
    let causes: Vec<_> = found
        .faults
        .iter()
        .map(|fault| (fault.node.as_str(), &fault.cause))
        .collect();
    assert!(matches!(
        causes[..],
        [
            ("node 0", LookUpError::Transport(_)),
            ("node 1", LookUpError::Header(_)),
            ("node 2", LookUpError::Slots(_))
        ]
    ));
}

#[test]
fn a_node_that_failed_or_lied_is_asked_once_and_not_with_every_question() {
    let world = world();
    let dead = OddNode {
        is_dead: true,
        ..OddNode::new(&world)
    };
    let liar = OddNode {
        header: |header| header.number += 1,
        ..OddNode::new(&world)
    };
    let tallies = [Tally::default(), Tally::default(), Tally::default()];
    let nodes = [dead, liar, OddNode::new(&world)];
    let nodes = nodes.into_iter().zip(&tallies);
    let nodes = nodes.map(|(node, tally)| Counted::new(node, tally));
    let named = nodes.enumerate();
    let named = named.map(|(index, node)| (format!("node {index}"), node));
    let mut nodes = Nodes::new(world.registries[0].config(), named);
    nodes.trust(world.chain.head());
    let asked = nodes.look_up(NUMBER).unwrap();
    assert!(asked.answer.into_record().is_some());
    assert_eq!(asked.faults.len(), 2, "{:?}", asked.faults);
    let so_far = [0, 1].map(|index: usize| tallies[index].total());
    assert!(so_far.iter().all(|questions| *questions > 0));
    for number in [NUMBER, STRANGER] {
        let asked = nodes.look_up(number).unwrap();
        assert_eq!(asked.faults, []);
    }
    nodes.operator_keys().unwrap();
    assert_eq!([0, 1].map(|index: usize| tallies[index].total()), so_far);
}

#[test]
fn a_node_that_fails_later_gives_way_to_one_that_failed_before() {
    let world = world();
    let dead = [Rc::new(Cell::new(true)), Rc::new(Cell::new(false))];
    let nodes = dead.iter().enumerate().map(|(index, is_dead)| {
        let name = format!("node {index}");
        let node = Mortal {
            name: name.clone(),
            honest: world.chain.clone(),
            is_dead: Rc::clone(is_dead),
        };
        (name, node)
    });
    let mut nodes = Nodes::new(world.registries[0].config(), nodes);
    nodes.trust(world.chain.head());
    let faulty = |asked: Asked<Verified<Answer>>| -> Vec<String> {
        let faults = asked.faults.into_iter();
        faults.map(|fault| fault.node).collect()
    };
    assert_eq!(faulty(nodes.look_up(NUMBER).unwrap()), ["node 0"]);
    dead[0].set(false);
    dead[1].set(true);
    assert_eq!(faulty(nodes.look_up(NUMBER).unwrap()), ["node 1"]);
    dead[0].set(true);
    let refusal = nodes.look_up(NUMBER).unwrap_err();
    let NodesError::NoAnswer { faults } = &refusal else {
        panic!("{refusal}");
    };
    assert_eq!(faults.len(), 2);
    // Each is named once.
    assert_eq!(
        refusal.to_string().matches("node 0").count(),
        1,
        "{refusal}"
    );
}

/// A node that dies and comes back.
struct Mortal {
    name: String,
    honest: DevChain,
    is_dead: Rc<Cell<bool>>,
}

impl Transport for Mortal {
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
        self.honest.header(block_hash)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        match self.is_dead.get() {
            false => self.honest.proof(contract, slots, block_hash),
            true => Err(TransportError::Unreachable {
                node: self.name.clone(),
                cause: "it is dead".into(),
            }),
        }
    }
}

#[test]
fn a_registry_that_is_proven_to_be_another_is_no_nodes_fault() {
    let world = world();
    let mut config = world.registries[0].config();
    config.code_hash = B256::repeat_byte(1);
    let nodes = [("a".to_owned(), world.chain.clone())];
    let client = world.client(vec![world.beacon.clone()]);
    let mut live = LiveRegistry::new(config, client, nodes, Policy::default());
    let refusal = live.look_up(NUMBER, world.beacon.now()).unwrap_err();
    assert!(matches!(
        refusal,
        LiveError::Registry(LookUpError::CodeHash { .. })
    ));
}
