//! Two histories that the same committee has signed, shown to a client in every order.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alloy_primitives::B256;
use callseal_devchain::{DevBeacon, DevChain};
use callseal_registry_client::light::{
    AnchorError, Beacon, BeaconHeader, Bootstrap, Fault, FaultCause, Fork, LightClient, Preset,
    StateError, Store, SyncError, Update, UpdateError,
};
use callseal_registry_client::{LiveError, LiveRegistry, Policy, RegistryConfig, TransportError};

const NUMBER: &str = "+8613800000001";

/// Two chains with one history so far, and one committee for both.
struct Twins {
    chains: [DevChain; 2],
    beacons: [DevBeacon; 2],
    checkpoint: B256,
}

impl Twins {
    fn new() -> Self {
        let chains = [DevChain::new(1), DevChain::new(1)];
        let beacons = chains
            .each_ref()
            .map(|chain| DevBeacon::new(chain).unwrap());
        let [checkpoint, same] = beacons.each_ref().map(DevBeacon::finalize);
        assert_eq!(checkpoint, same);
        Self {
            chains,
            beacons,
            checkpoint,
        }
    }

    /// From here on the two have different histories, the second's with as many blocks more.
    fn part(&self, more: usize) {
        self.chains[0].mine();
        let sender = self.chains[1].account(0);
        let init_code = [0x60, 0, 0x60, 0, 0xf3];
        self.chains[1].deploy(sender, init_code).unwrap();
        for _ in 0..more {
            self.chains[1].mine();
        }
        for beacon in &self.beacons {
            beacon.finalize();
        }
    }

    fn now(&self) -> u64 {
        self.beacons[0].now().max(self.beacons[1].now())
    }

    fn nodes(&self) -> Vec<Node> {
        let [one, two] = &self.beacons;
        vec![Node::new("one", one), Node::new("two", two)]
    }

    /// A client that has synced once.
    fn client<B: Beacon>(&self, nodes: Vec<B>) -> LightClient<B> {
        let network = self.beacons[0].network();
        let now = self.now();
        let (mut client, _) = LightClient::start(network, self.checkpoint, nodes, now).unwrap();
        client.sync(now).unwrap();
        client
    }
}

/// A beacon node that can be told otherwise.
#[derive(Clone, Debug)]
struct Node {
    name: &'static str,
    beacon: DevBeacon,
    update: fn(&mut Update),
    roots: Roots,
    has_headers: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Roots {
    Said,
    /// Another one in this slot.
    OtherIn(u64),
    /// None in this slot, though there is one.
    NoneIn(u64),
    Unsaid,
}

impl Node {
    fn new(name: &'static str, beacon: &DevBeacon) -> Self {
        Self {
            name,
            beacon: beacon.clone(),
            update: |_| {},
            roots: Roots::Said,
            has_headers: true,
        }
    }
}

impl Beacon for Node {
    fn name(&self) -> String {
        self.name.into()
    }

    fn bootstrap(&mut self, block_root: B256) -> Result<Bootstrap, TransportError> {
        self.beacon.bootstrap(block_root)
    }

    fn update(&mut self, period: u64) -> Result<Update, TransportError> {
        let mut update = self.beacon.update(period)?;
        (self.update)(&mut update);
        Ok(update)
    }

    fn finality_update(&mut self) -> Result<Update, TransportError> {
        let mut update = self.beacon.finality_update()?;
        (self.update)(&mut update);
        Ok(update)
    }

    fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
        match self.roots {
            Roots::Unsaid => Err(TransportError::Refused {
                node: self.name.into(),
                message: "it does not say".into(),
            }),
            Roots::NoneIn(none) if none == slot => Ok(None),
            Roots::OtherIn(other) if other == slot => Ok(Some(B256::repeat_byte(0x0b))),
            Roots::NoneIn(_) | Roots::OtherIn(_) | Roots::Said => self.beacon.block_root(slot),
        }
    }

    fn block_header(&mut self, block_root: B256) -> Result<BeaconHeader, TransportError> {
        match self.has_headers {
            true => self.beacon.block_header(block_root),
            false => Err(TransportError::Refused {
                node: self.name.into(),
                message: "it does not say".into(),
            }),
        }
    }
}

/// The two that disagree.
fn nodes_of(refusal: &SyncError) -> [&str; 2] {
    match refusal {
        SyncError::Disagreement { nodes, .. } => nodes.each_ref().map(String::as_str),
        other => panic!("{other}"),
    }
}

#[test]
fn histories_whose_final_blocks_are_in_different_slots_stop_everything() {
    for is_reversed in [false, true] {
        let twins = Twins::new();
        let mut nodes = twins.nodes();
        if is_reversed {
            nodes.reverse();
        }
        let mut client = twins.client(nodes);
        let before = client.store().finalized().clone();
        twins.part(1);
        let refusal = client.sync(twins.now()).unwrap_err();
        let mut named = nodes_of(&refusal);
        named.sort_unstable();
        assert_eq!(named, ["one", "two"]);
        assert_eq!(*client.store().finalized(), before, "nothing was taken in");
    }
}

#[test]
fn a_disagreement_lasts_over_later_blocks_and_over_a_restart() {
    let twins = Twins::new();
    let mut client = twins.client(twins.nodes());
    twins.part(0);
    let first = client.sync(twins.now()).unwrap_err();
    nodes_of(&first);
    // One history goes on, and the other one's node with it.
    twins.beacons[1].finalize();
    let now = twins.now();
    assert_eq!(client.sync(now).unwrap_err(), first);
    let anchor = client.store().anchor(now, Duration::from_secs(3_600));
    assert!(matches!(anchor, Err(AnchorError::Contested { .. })));

    let network = twins.beacons[1].network();
    let slot = client.store().contested().unwrap().slot;
    let kept = client.store().to_state();
    let refusal = Store::from_state(network.clone(), &kept, now).unwrap_err();
    assert_eq!(refusal, StateError::Contested { slot });
    for text in [refusal.to_string(), first.to_string()] {
        assert!(
            text.contains("start again from a checkpoint newer"),
            "{text}"
        );
    }
    for len in 0..kept.len() {
        assert!(Store::from_state(network.clone(), &kept[..len], now).is_err());
    }
    let resumed = LightClient::resume(client.store().clone(), vec![twins.beacons[1].clone()]);
    let mut resumed = resumed;
    assert_eq!(resumed.sync(now).unwrap_err(), first);
}

#[test]
fn kept_answers_serve_no_more_once_histories_disagree() {
    let twins = Twins::new();
    let client = twins.client(twins.nodes());
    let config = RegistryConfig {
        contract: twins.chains[0].account(7),
        code_hash: B256::ZERO,
        chain_id: 1,
    };
    let nodes = [("node".to_owned(), twins.chains[0].clone())];
    let mut live = LiveRegistry::new(config, client, nodes, Policy::default());
    live.sync(twins.now()).unwrap();
    twins.part(1);
    let now = twins.now();
    assert!(matches!(
        live.sync(now),
        Err(SyncError::Disagreement { .. })
    ));
    for _ in 0..2 {
        let refusal = live.look_up(NUMBER, now).unwrap_err();
        let is_stopped = matches!(refusal, LiveError::Sync(SyncError::Disagreement { .. }));
        assert!(is_stopped, "{refusal}");
    }
}

#[test]
fn a_lagging_node_whose_final_block_the_others_have_is_no_contradiction() {
    let chain = DevChain::new(1);
    // Half an hour is to lie within a period.
    let beacon = DevBeacon::with_preset(&chain, Fork::Fulu, Preset::Mainnet).unwrap();
    let checkpoint = beacon.finalize();
    let old = beacon.clone().finality_update().unwrap();
    let now = beacon.now();
    beacon.finalize();
    let mut lagging = Lagging {
        beacon: beacon.clone(),
        finality: old,
        knows_newer: true,
    };
    let network = beacon.network();
    for knows_newer in [true, false] {
        lagging.knows_newer = knows_newer;
        let nodes: Vec<Box<dyn Beacon>> = vec![
            Box::new(lagging.clone()),
            Box::new(Node::new("two", &beacon)),
        ];
        let (mut client, _) = LightClient::start(network, checkpoint, nodes, now).unwrap();
        let synced = client.sync(beacon.now()).unwrap();
        let slot = client.store().finalized_slot();
        let newest = beacon.clone().finality_update().unwrap().finalized_header;
        let newest = newest.unwrap().value.beacon.slot;
        if knows_newer {
            assert_eq!((slot, synced.faults.len()), (newest, 0));
        } else {
            // What it cannot say to be in its history waits, and it is named.
            assert!(slot < newest);
            assert_eq!(synced.faults[0].node, "lagging");
            assert_eq!(synced.faults[0].cause, FaultCause::Unsaid { slot: newest });
            // What it has itself is followed as long as nodes prove things of it, 128 slots of 12 seconds, and some:
            // whoever is later keeps nobody waiting.
            let made = network.time_of(slot);
            for (age, expected) in [(1_440, slot), (1_441, newest)] {
                client.sync(made + age).unwrap();
                assert_eq!(client.store().finalized_slot(), expected);
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Lagging {
    beacon: DevBeacon,
    finality: Update,
    knows_newer: bool,
}

impl Beacon for Lagging {
    fn name(&self) -> String {
        "lagging".into()
    }

    fn bootstrap(&mut self, block_root: B256) -> Result<Bootstrap, TransportError> {
        self.beacon.bootstrap(block_root)
    }

    fn update(&mut self, period: u64) -> Result<Update, TransportError> {
        self.beacon.update(period)
    }

    fn finality_update(&mut self) -> Result<Update, TransportError> {
        Ok(self.finality.clone())
    }

    fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
        let own = self.finality.finalized_header.as_ref().unwrap();
        match self.knows_newer || slot <= own.value.beacon.slot {
            true => self.beacon.block_root(slot),
            false => Ok(None),
        }
    }

    fn block_header(&mut self, block_root: B256) -> Result<BeaconHeader, TransportError> {
        self.beacon.block_header(block_root)
    }
}

#[test]
fn a_node_that_does_not_say_its_blocks_is_no_agreement_and_holds_nothing_up() {
    let twins = Twins::new();
    let mut nodes = twins.nodes();
    nodes[0].roots = Roots::Unsaid;
    let mut client = twins.client(nodes);
    twins.beacons[1].finalize();
    let synced = client.sync(twins.now()).unwrap();
    assert_eq!(synced.updates, 1);
    let fault = synced.faults.iter().find(|fault| fault.node == "one");
    assert!(matches!(fault.unwrap().cause, FaultCause::Unsaid { .. }));
}

#[test]
fn a_checkpoint_that_a_node_cannot_confirm_is_told() {
    let twins = Twins::new();
    let mut nodes = twins.nodes();
    let network = twins.beacons[0].network();
    let verified = twins.beacons[0]
        .clone()
        .bootstrap(twins.checkpoint)
        .unwrap();
    let slot = verified.header.beacon.slot;
    nodes[1].roots = Roots::NoneIn(slot);
    let (_, synced) = LightClient::start(network, twins.checkpoint, nodes, twins.now()).unwrap();
    assert_eq!(synced.faults[0].node, "two");
    assert_eq!(synced.faults[0].cause, FaultCause::Unsaid { slot });
}

#[test]
fn a_node_that_proves_nothing_and_has_another_block_is_suspect_and_stops_nobody() {
    let twins = Twins::new();
    let mut nodes = twins.nodes();
    nodes[1].update = |update| update.sync_aggregate.sync_committee_bits[0] ^= 1;
    let network = twins.beacons[0].network();
    let now = twins.now();
    let (mut client, _) = LightClient::start(network, twins.checkpoint, nodes, now).unwrap();
    client.sync(now).unwrap();
    twins.part(0);
    let synced = client.sync(twins.now()).unwrap();
    assert_eq!(synced.updates, 1);
    assert!(other_blocks(&synced.faults).all(|node| node == "two"));
    assert!(other_blocks(&synced.faults).count() > 0);
    assert_eq!(client.store().contested(), None);
}

/// Who says, and does not prove, that another block is in a final one's slot.
fn other_blocks(faults: &[Fault]) -> impl Iterator<Item = &str> {
    let is_other = |fault: &&Fault| matches!(fault.cause, FaultCause::OtherBlock { .. });
    faults.iter().filter(is_other).map(|fault| &*fault.node)
}

#[test]
fn a_lie_about_a_block_stops_nothing_even_where_the_liars_own_finality_is_proven() {
    for has_headers in [true, false] {
        let twins = Twins::new();
        let [beacon, _] = &twins.beacons;
        let checkpoint_slot = slot_of(beacon);
        // It hands on what is rightly signed, an update late, and lies about one block.
        let late = beacon.clone().finality_update().unwrap();
        beacon.finalize();
        let newest = slot_of(beacon);
        for lied_about in [checkpoint_slot, newest] {
            let mut liar = Late {
                node: Node::new("liar", beacon),
                finality: late.clone(),
            };
            liar.node.roots = Roots::OtherIn(lied_about);
            liar.node.has_headers = has_headers;
            let honest = Node::new("honest", beacon);
            let mut nodes: Vec<Box<dyn Beacon>> = vec![Box::new(honest.clone())];
            let network = beacon.network();
            let now = twins.now();
            let start = |nodes| LightClient::start(network, twins.checkpoint, nodes, now);
            let (client, _) = start(vec![Box::new(honest) as Box<dyn Beacon>]).unwrap();
            nodes.push(Box::new(liar));
            let mut client = LightClient::resume(client.store().clone(), nodes);
            let synced = client.sync(now).unwrap();
            assert_eq!(client.store().contested(), None);
            let named: Vec<_> = other_blocks(&synced.faults).collect();
            match (lied_about == newest, has_headers) {
                // Its own final block is the known one.
                (false, _) => assert!(named.is_empty()),
                (true, _) => assert_eq!(named, ["liar"]),
            }
            // The honest node's headers show that it lies; where nobody gives any, what the liar has may be so.
            assert_eq!(client.store().finalized_slot(), newest, "{has_headers}");
        }
    }
}

#[test]
fn a_node_that_does_not_have_what_is_known_is_not_followed_and_said_so() {
    let twins = Twins::new();
    let [beacon, _] = &twins.beacons;
    let known = slot_of(beacon);
    let mut client = twins.client(vec![Node::new("one", beacon)]);
    beacon.finalize();
    beacon.finalize();
    let mut denier = Node::new("denier", beacon);
    denier.roots = Roots::OtherIn(known);
    denier.has_headers = false;
    client = LightClient::resume(client.store().clone(), vec![denier]);
    let synced = client.sync(twins.now()).unwrap();
    assert_eq!(other_blocks(&synced.faults).collect::<Vec<_>>(), ["denier"]);
    assert_eq!(
        client.store().finalized_slot(),
        known,
        "no step on its word"
    );
    assert_eq!(client.store().contested(), None);
    // Its headers show that it has the known block after all: it lied, and what it proves is as good as before.
    let mut liar = Node::new("liar", beacon);
    liar.roots = Roots::OtherIn(known);
    let mut client = LightClient::resume(client.store().clone(), vec![liar]);
    let synced = client.sync(twins.now()).unwrap();
    assert_eq!(other_blocks(&synced.faults).collect::<Vec<_>>(), ["liar"]);
    assert!(client.store().finalized_slot() > known);
}

fn slot_of(beacon: &DevBeacon) -> u64 {
    let finality = beacon.clone().finality_update().unwrap();
    finality.finalized_header.unwrap().value.beacon.slot
}

/// A node whose finality is not the newest.
#[derive(Clone, Debug)]
struct Late {
    node: Node,
    finality: Update,
}

impl Beacon for Late {
    fn name(&self) -> String {
        self.node.name()
    }

    fn bootstrap(&mut self, block_root: B256) -> Result<Bootstrap, TransportError> {
        self.node.bootstrap(block_root)
    }

    fn update(&mut self, period: u64) -> Result<Update, TransportError> {
        self.node.update(period)
    }

    fn finality_update(&mut self) -> Result<Update, TransportError> {
        Ok(self.finality.clone())
    }

    fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
        self.node.block_root(slot)
    }

    fn block_header(&mut self, block_root: B256) -> Result<BeaconHeader, TransportError> {
        self.node.block_header(block_root)
    }
}

/// A node whose answers take their time, by a clock that it moves on itself.
struct Slow {
    node: Late,
    clock: Arc<AtomicU64>,
    takes: u64,
    times_out: bool,
    headers: Arc<AtomicU64>,
}

impl Slow {
    fn takes_its_time(&self) {
        self.clock.fetch_add(self.takes, Ordering::Relaxed);
    }
}

impl Beacon for Slow {
    fn name(&self) -> String {
        self.node.name()
    }

    fn bootstrap(&mut self, block_root: B256) -> Result<Bootstrap, TransportError> {
        self.node.bootstrap(block_root)
    }

    fn update(&mut self, period: u64) -> Result<Update, TransportError> {
        self.node.update(period)
    }

    fn finality_update(&mut self) -> Result<Update, TransportError> {
        self.node.finality_update()
    }

    fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
        self.node.block_root(slot)
    }

    fn block_header(&mut self, block_root: B256) -> Result<BeaconHeader, TransportError> {
        self.headers.fetch_add(1, Ordering::Relaxed);
        self.takes_its_time();
        match self.times_out {
            true => Err(TransportError::TimedOut {
                node: self.name(),
                limit: Duration::from_secs(self.takes),
            }),
            false => self.node.block_header(block_root),
        }
    }
}

/// It says that it has another block, and takes ten seconds for each header that would show whether.
#[test]
fn a_slow_node_that_is_doubted_costs_one_time_out_or_half_a_minute_and_keeps_nobody_back() {
    for (times_out, takes, most) in [(true, 10, 1), (false, 9, 4)] {
        for has_honest in [true, false] {
            let twins = Twins::new();
            let [beacon, _] = &twins.beacons;
            let known = slot_of(beacon);
            let store = twins.client(vec![Node::new("one", beacon)]).store().clone();
            for _ in 0..12 {
                beacon.finalize();
            }
            let (clock, headers) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
            let mut slow = Slow {
                node: Late {
                    node: Node::new("slow", beacon),
                    finality: beacon.clone().finality_update().unwrap(),
                },
                clock: Arc::clone(&clock),
                takes,
                times_out,
                headers: Arc::clone(&headers),
            };
            slow.node.node.roots = Roots::OtherIn(known);
            let mut nodes: Vec<Box<dyn Beacon>> = vec![Box::new(slow)];
            if has_honest {
                nodes.push(Box::new(Node::new("honest", beacon)));
            }
            let elapsed = move || Duration::from_secs(clock.load(Ordering::Relaxed));
            let mut client = LightClient::resume(store, nodes).with_clock(elapsed);
            let synced = client.sync(twins.now()).unwrap();
            assert!(other_blocks(&synced.faults).all(|node| node == "slow"));
            let asked = headers.load(Ordering::Relaxed);
            match has_honest {
                true => assert_eq!(
                    (asked, client.store().finalized_slot()),
                    (0, slot_of(beacon))
                ),
                false => assert_eq!((asked, client.store().finalized_slot()), (most, known)),
            }
        }
    }
}

#[test]
fn a_store_too_old_is_no_nodes_fault() {
    let twins = Twins::new();
    let mut client = twins.client(twins.nodes());
    let refusal = client.sync(twins.now() + 8 * 24 * 3_600).unwrap_err();
    let is_ours = matches!(refusal, SyncError::Store(UpdateError::StoreTooOld { .. }));
    assert!(is_ours, "{refusal}");
}

#[test]
fn two_next_committees_that_are_both_proven_stop_everything() {
    for is_reversed in [false, true] {
        let twins = Twins::new();
        let now = twins.now();
        let network = twins.beacons[0].network();
        // Before the client has asked anybody for the next committee.
        twins.beacons[1].replace_next_committee(1);
        let mut nodes = twins.nodes();
        for beacon in &twins.beacons {
            beacon.finalize();
        }
        if is_reversed {
            nodes.reverse();
        }
        let (mut client, _) = LightClient::start(network, twins.checkpoint, nodes, now).unwrap();
        let refusal = client.sync(twins.now()).unwrap_err();
        nodes_of(&refusal);
        assert!(client.store().next_committee().is_none());
    }
}

#[test]
fn another_committee_than_the_known_one_is_a_disagreement_where_it_is_signed_and_a_lie_elsewhere() {
    let twins = Twins::new();
    let client = twins.client(vec![Node::new("one", &twins.beacons[0])]);
    assert!(client.store().next_committee().is_some());
    twins.beacons[1].replace_next_committee(1);
    twins.beacons[1].finalize();
    let update = twins.beacons[1].clone().update(0).unwrap();
    let now = twins.now();
    let verify = |update: &Update| {
        callseal_registry_client::light::verify_update(client.store(), update, now).unwrap_err()
    };
    assert!(matches!(
        verify(&update),
        UpdateError::CommitteeChanged { .. }
    ));
    let mut unsigned = update;
    unsigned.sync_aggregate.sync_committee_bits[0] ^= 1;
    assert!(matches!(verify(&unsigned), UpdateError::Signature(_)));
}

#[test]
fn no_answer_is_older_than_the_policy_allows_whatever_is_set_for_renewal() {
    let twins = Twins::new();
    let client = twins.client(twins.nodes());
    let config = RegistryConfig {
        contract: twins.chains[0].account(7),
        code_hash: B256::ZERO,
        chain_id: 1,
    };
    let nodes = [("node".to_owned(), twins.chains[0].clone())];
    let policy = Policy {
        max_age: Duration::from_secs(600),
        renew_age: Duration::from_secs(6_000),
    };
    let mut live = LiveRegistry::new(config, client, nodes, policy);
    live.sync(twins.now()).unwrap();
    let refusal = live.look_up(NUMBER, twins.now() + 700).unwrap_err();
    assert!(matches!(refusal, LiveError::Anchor(_)), "{refusal}");
}
