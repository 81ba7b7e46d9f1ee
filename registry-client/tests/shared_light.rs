//! Several operators' registries over one light client: followed once, stopped together.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use alloy_primitives::B256;
use callseal_devchain::{Counted, DevBeacon, DevChain, DevRegistry};
use callseal_registry_client::light::{
    Beacon, BeaconHeader, Bootstrap, SharedClient, StateError, Store, SyncError, Synced, Update,
};
use callseal_registry_client::{
    EvidenceError, LiveError, LiveRegistries, LookUpError, Operator, Operators, OwnStapleError,
    Policy, RegistryConfig, StapleError, TransportError,
};

use crate::world::{World, compressed, key};

const NORTHERN: &str = "+8613800000001";
const SOUTHERN: &str = "+4420000000002";

/// Two operators, who have approved a subscriber each.
fn world() -> World<2> {
    World::new([&[NORTHERN], &[SOUTHERN]])
}

impl World<2> {
    /// A light client whose node says of what is final what it is told to.
    fn light_directed<F>(&self, finality: F) -> SharedClient<Directed>
    where
        F: FnMut(&mut Counted<DevBeacon>) -> Result<Update, TransportError> + Send + 'static,
    {
        self.light_by(Directed {
            beacon: self.counted(self.beacon.clone()),
            finality: Box::new(finality),
            is_silent: Arc::default(),
        })
    }

    fn operators(&self) -> Operators {
        let [north, south] = self.registries.each_ref().map(DevRegistry::config);
        operators(north, south)
    }

    fn live<B: Beacon>(&self, light: SharedClient<B>) -> LiveRegistries<B, Counted<DevChain>> {
        LiveRegistries::new(self.operators(), light, Policy::default(), || {
            vec![("node".to_owned(), self.counted(self.chain.clone()))]
        })
    }

    /// What the owner of a number hands over.
    fn staple(&self, number: &str, now: u64) -> Vec<u8> {
        let key = key(number);
        let own = self.live(self.light()).own_staple(number, &key, now);
        own.unwrap().octets
    }
}

fn operators(north: RegistryConfig, south: RegistryConfig) -> Operators {
    let operator = |name: &str, registry| Operator {
        name: name.into(),
        registry,
    };
    Operators::default()
        .with(operator("North", north), ["+86".parse().unwrap()], [])
        .unwrap()
        .with(operator("South", south), ["+44".parse().unwrap()], [])
        .unwrap()
}

#[test]
fn two_operators_are_read_by_one_client_and_the_network_is_followed_once() {
    let world = world();
    let now = world.beacon.now();
    let mut live = world.live(world.light());
    world.asked.reset();
    for number in [NORTHERN, SOUTHERN] {
        let found = live.look_up(number, now).unwrap();
        let place = usize::from(number == SOUTHERN);
        let [ours, other] = [place, 1 - place].map(|place| world.registries[place].config());
        assert!(found.answer.is_from(&ours) && !found.answer.is_from(&other));
        assert_eq!(found.answer.contract(), ours.contract);
        assert_eq!(found.answer.chain_id(), 31337);
        let record = found.answer.into_record().unwrap();
        assert_eq!(record.value().key, key(number));
        assert!(record.is_from(&ours));
        // Only the first question made the client follow the network.
        assert_eq!(found.synced.is_some(), number == NORTHERN);
    }
    assert_eq!(world.asked.of("finality_update"), 1);
    assert_eq!(world.asked.of("update"), 1);
    assert_eq!(world.asked.of("proof"), 2);
}

#[test]
fn an_update_verified_for_one_operator_is_not_verified_again_for_another() {
    let world = world();
    let now = world.beacon.now();
    let mut owners = world.live(world.light());
    let [northern, southern] = [NORTHERN, SOUTHERN].map(|number| {
        let key = key(number);
        owners.own_staple(number, &key, now).unwrap().octets
    });
    let mut verifier = world.live(world.light());
    verifier.sync(now).unwrap();
    world.asked.reset();
    for (number, staple) in [(NORTHERN, northern), (SOUTHERN, southern)] {
        let key = key(number);
        let answer = verifier.verify_staple(number, &key, &staple, now).unwrap();
        assert!(answer.is_about(number));
    }
    assert_eq!(world.asked.total(), 0);
}

/// South vouches for a key of its own for North's number, and its bearer hands over what proves that.
#[test]
fn a_staple_proven_at_another_operators_contract_is_refused_for_the_same_number() {
    let world = world();
    let mallory = [0x66; 32];
    world.approve(1, NORTHERN, &mallory);
    world.beacon.finalize();
    let now = world.beacon.now();
    let mallorys = compressed(&mallory);
    // For whom all numbers are South's, it is proven.
    let souths = world.registries[1].config();
    let mut give_all_to_south = LiveRegistries::new(
        Operators::only(Operator {
            name: "South".into(),
            registry: souths,
        }),
        world.light(),
        Policy::default(),
        || vec![("node".to_owned(), world.chain.clone())],
    );
    let staple = give_all_to_south
        .own_staple(NORTHERN, &mallorys, now)
        .unwrap();

    let mut phone = world.live(world.light());
    phone.sync(now).unwrap();
    let refused = phone.verify_staple(NORTHERN, &mallorys, &staple.octets, now);
    let is_refused = matches!(
        &refused,
        Err(StapleError::Evidence(EvidenceError::LookUp(LookUpError::Account { contract, .. })))
            if *contract == world.registries[0].config().contract
    );
    assert!(is_refused, "{refused:?}");
    // The look-up that follows finds North's own subscriber.
    let found = phone.look_up_stapled(NORTHERN, &mallorys, &staple.octets, now);
    let found = found.unwrap();
    assert!(matches!(found.staple, Some(Err(_))));
    let record = found.answer.into_record().unwrap();
    assert_eq!(record.value().key, key(NORTHERN));
}

#[test]
fn numbers_of_no_operator_and_of_other_chains_are_refused_by_name_and_nobody_is_asked() {
    let world = world();
    let now = world.beacon.now();
    let [north, south] = world.registries.each_ref().map(DevRegistry::config);
    let elsewhere = RegistryConfig {
        chain_id: 7,
        ..south
    };
    let mut live = LiveRegistries::new(
        operators(north, elsewhere),
        world.light(),
        Policy::default(),
        || vec![("node".to_owned(), world.counted(world.chain.clone()))],
    );
    world.asked.reset();
    let key = key(SOUTHERN);
    let no_node = LookUpError::NoNode {
        operator: "South".into(),
        chain_id: 7,
    };
    for (number, expected) in [(SOUTHERN, no_node), ("+33123", LookUpError::NoOperator)] {
        let refused = live.look_up(number, now).unwrap_err();
        assert_eq!(refused, LiveError::Registry(expected.clone()));
        let refused = live.verify_staple(number, &key, &[2; 40], now).unwrap_err();
        let expected_of_staple = StapleError::Evidence(EvidenceError::LookUp(expected.clone()));
        assert_eq!(refused, expected_of_staple);
        let refused = live.own_staple(number, &key, now).unwrap_err();
        assert_eq!(refused, OwnStapleError::Live(LiveError::Registry(expected)));
    }
    assert!(matches!(live.look_up("44", now), Err(LiveError::Number(_))));
    assert_eq!(world.asked.total(), 0);
}

/// Two histories of one chain, signed by one committee; on both, the same two registries.
struct Twins {
    worlds: [World<2>; 2],
}

impl Twins {
    fn new() -> Self {
        let worlds = [world(), world()];
        assert_eq!(worlds[0].checkpoint, worlds[1].checkpoint);
        Self { worlds }
    }

    /// From here on they have different final blocks, the second's so many slots later.
    fn part(&self, later: usize) {
        let [one, other] = &self.worlds;
        one.chain.mine();
        let sender = other.chain.account(0);
        other
            .chain
            .deploy(sender, [0x60, 0, 0x60, 0, 0xf3])
            .unwrap();
        for _ in 0..later {
            other.chain.mine();
        }
        for world in &self.worlds {
            world.beacon.finalize();
        }
    }

    /// What is final in the first history next comes after the second's final block, in whose slot it has nothing.
    fn pass_by(&self) {
        let [one, other] = &self.worlds;
        one.chain.mine();
        one.beacon.finalize();
        assert!(one.beacon.now() > other.beacon.now());
    }

    /// What a subscriber of the second history hands over.
    fn forged(&self, number: &str) -> Vec<u8> {
        let [_, other] = &self.worlds;
        other.staple(number, other.beacon.now())
    }
}

#[test]
fn a_disagreement_shown_to_one_registry_stops_all_and_outlasts_a_restart() {
    let twins = Twins::new();
    let [world, _] = &twins.worlds;
    twins.part(0);
    let now = world.beacon.now();
    let light = world.light();
    // What a file would hold.
    let file = Arc::new(Mutex::new(Vec::new()));
    let keeper = Arc::clone(&file);
    light.kept_by(move |store| {
        *keeper.lock().unwrap() = store.to_state();
        None
    });
    let [mut one, mut other] = [world.live(light.clone()), world.live(light.clone())];
    assert!(other.look_up(NORTHERN, now).unwrap().synced.is_some());
    assert!(other.look_up(SOUTHERN, now).is_ok());
    let key = key(SOUTHERN);
    assert!(other.own_staple(SOUTHERN, &key, now).is_ok());

    // A forged staple, with the same slot as the final block that is known: South's registry is shown it.
    let forged = twins.forged(SOUTHERN);
    let refused = one.verify_staple(SOUTHERN, &key, &forged, now);
    assert!(
        matches!(
            refused,
            Err(StapleError::Evidence(EvidenceError::Update(_)))
        ),
        "{refused:?}"
    );
    world.asked.reset();
    // Kept answers serve no more, neither North's nor another reader's.
    for live in [&mut one, &mut other] {
        for number in [NORTHERN, SOUTHERN] {
            let refused = live.look_up(number, now).unwrap_err();
            let is_stopped = matches!(
                &refused,
                LiveError::Sync(SyncError::Disagreement { nodes, .. })
                    if nodes[1].contains(SOUTHERN)
            );
            assert!(is_stopped, "{refused}");
        }
        assert!(live.own_staple(SOUTHERN, &key, now).is_err());
        assert!(live.sync(now).is_err());
    }
    assert_eq!(world.asked.total(), 0);
    let kept = Store::from_state(world.beacon.network().clone(), &file.lock().unwrap(), now);
    assert!(matches!(kept, Err(StateError::Contested { .. })));
}

#[test]
fn a_forged_staple_that_comes_first_is_found_when_the_network_is_followed() {
    let twins = Twins::new();
    let [world, _] = &twins.worlds;
    let mut live = world.live(world.light());
    live.sync(world.beacon.now()).unwrap();
    twins.part(0);
    let now = world.beacon.now();
    let forged = twins.forged(SOUTHERN);
    let key = key(SOUTHERN);
    // Nothing is known that it contradicts.
    assert!(live.verify_staple(SOUTHERN, &key, &forged, now).is_ok());
    let refused = live.sync(now).unwrap_err();
    assert!(
        matches!(refused, SyncError::Disagreement { .. }),
        "{refused}"
    );
    assert!(live.look_up(SOUTHERN, now).is_err());
}

/// Who forges a history chooses its slots.
#[test]
fn a_forged_staple_in_a_slot_of_its_own_is_found_when_the_network_is_followed() {
    let twins = Twins::new();
    let [world, other] = &twins.worlds;
    let mut live = world.live(world.light());
    live.sync(world.beacon.now()).unwrap();
    twins.part(1);
    let forged = twins.forged(SOUTHERN);
    let now = other.beacon.now();
    let key = key(SOUTHERN);
    assert!(live.verify_staple(SOUTHERN, &key, &forged, now).is_ok());
    // The nodes are not that far yet.
    live.sync(now).unwrap();
    twins.pass_by();
    let now = world.beacon.now();
    assert_found(live.sync(now));
    assert!(live.look_up(SOUTHERN, now).is_err());
}

#[test]
fn what_peers_show_is_asked_about_once_and_an_honest_one_stops_nobody() {
    let world = world();
    let mut live = world.live(world.light());
    live.sync(world.beacon.now()).unwrap();
    world.beacon.finalize();
    let key = key(SOUTHERN);
    let now = world.beacon.now();
    let staple = world.live(world.light()).own_staple(SOUTHERN, &key, now);
    let staple = staple.unwrap().octets;
    live.verify_staple(SOUTHERN, &key, &staple, now).unwrap();
    world.beacon.finalize();
    let now = world.beacon.now();
    world.asked.reset();
    // What is known, and what was shown; what the node has just shown itself needs no question.
    live.sync(now).unwrap();
    assert_eq!(world.asked.of("block_root"), 2);
    world.asked.reset();
    live.sync(now).unwrap();
    assert_eq!(world.asked.of("block_root"), 0);
    assert_eq!(world.asked.of("block_header"), 0);
}

#[test]
fn a_forged_staple_is_compared_with_older_final_blocks_than_the_newest() {
    let twins = Twins::new();
    let [world, _] = &twins.worlds;
    let mut live = world.live(world.light());
    twins.part(0);
    live.sync(world.beacon.now()).unwrap();
    let forged = twins.forged(SOUTHERN);
    world.beacon.finalize();
    let now = world.beacon.now();
    live.sync(now).unwrap();
    let key = key(SOUTHERN);
    let refused = live.verify_staple(SOUTHERN, &key, &forged, now);
    assert!(refused.is_err());
    assert!(live.light().store().contested().is_some());
}

#[test]
fn that_another_process_knows_of_two_histories_stops_this_one() {
    let world = world();
    let light = world.light();
    let mut live = world.live(light.clone());
    light.kept_by(|store| (store.finalized_slot() > 9).then_some(9));
    let refused = live.look_up(NORTHERN, world.beacon.now()).unwrap_err();
    let is_stopped = matches!(
        &refused,
        LiveError::Sync(SyncError::Disagreement { slot: 9, .. })
    );
    assert!(is_stopped, "{refused}");
}

/// A beacon node that gives what it is told to when it is asked what is final.
struct Directed {
    beacon: Counted<DevBeacon>,
    finality: Finality,
    /// Whether it keeps to itself which blocks it has.
    is_silent: Arc<AtomicBool>,
}

type Finality = Box<dyn FnMut(&mut Counted<DevBeacon>) -> Result<Update, TransportError> + Send>;

impl Beacon for Directed {
    fn name(&self) -> String {
        "directed".into()
    }

    fn bootstrap(&mut self, block_root: B256) -> Result<Bootstrap, TransportError> {
        self.beacon.bootstrap(block_root)
    }

    fn update(&mut self, period: u64) -> Result<Update, TransportError> {
        self.beacon.update(period)
    }

    fn finality_update(&mut self) -> Result<Update, TransportError> {
        (self.finality)(&mut self.beacon)
    }

    fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
        match self.is_silent.load(Ordering::Relaxed) {
            false => self.beacon.block_root(slot),
            true => Err(TransportError::Unreachable {
                node: self.name(),
                cause: "it does not say".into(),
            }),
        }
    }

    fn block_header(&mut self, block_root: B256) -> Result<BeaconHeader, TransportError> {
        self.beacon.block_header(block_root)
    }
}

/// How somebody else waits for a node to be asked what is final, and has it answer.
struct Gate {
    begun: Receiver<()>,
    go: Sender<()>,
}

/// A light client whose node does not say what is final before it is let go.
fn slow_light(world: &World<2>) -> (SharedClient<Directed>, Gate) {
    let (has_begun, begun) = channel();
    let (go, is_let_go) = channel();
    let light = world.light_directed(move |beacon| {
        has_begun.send(()).unwrap();
        is_let_go.recv().unwrap();
        beacon.finality_update()
    });
    (light, Gate { begun, go })
}

#[test]
fn of_two_that_ask_at_once_one_follows_the_network_and_nobody_waits_to_read_what_is_known() {
    let world = world();
    let (light, gate) = slow_light(&world);
    let now = world.beacon.now();
    let [mut one, mut other, mut third] = [(); 3].map(|()| world.live(light.clone()));
    let staple = world.staple(SOUTHERN, now);
    world.asked.reset();
    thread::scope(|scope| {
        let one = scope.spawn(move || one.look_up(NORTHERN, now).unwrap());
        gate.begun.recv().unwrap();
        let other = scope.spawn(move || other.look_up(SOUTHERN, now).unwrap());
        // The node keeps them waiting; what needs no node does not wait.
        let key = key(SOUTHERN);
        assert!(light.store().contested().is_none());
        third.verify_staple(SOUTHERN, &key, &staple, now).unwrap();
        // Whether the second has begun to wait by now or not, it asks nobody about finality again.
        gate.go.send(()).unwrap();
        assert!(one.join().unwrap().answer.into_record().is_some());
        drop(gate.go);
        assert!(other.join().unwrap().answer.into_record().is_some());
    });
    assert_eq!(world.asked.of("finality_update"), 1);
}

#[test]
fn a_disagreement_shown_while_the_network_is_followed_is_not_overwritten_by_what_is_found() {
    let twins = Twins::new();
    let [world, forger] = &twins.worlds;
    let (light, gate) = slow_light(world);
    let [mut one, mut other] = [(); 2].map(|()| world.live(light.clone()));
    twins.part(0);
    let now = world.beacon.now();
    let key = key(SOUTHERN);
    let [honest, forged] = [world, forger].map(|world| world.staple(SOUTHERN, now));
    thread::scope(|scope| {
        let looked_up = scope.spawn(move || one.look_up(NORTHERN, now));
        gate.begun.recv().unwrap();
        // Meanwhile two staples show two histories.
        let mut show = |staple| other.verify_staple(SOUTHERN, &key, staple, now);
        assert!(show(&honest).is_ok());
        assert!(show(&forged).is_err());
        gate.go.send(()).unwrap();
        let refused = looked_up.join().unwrap().unwrap_err();
        assert!(
            matches!(refused, LiveError::Sync(SyncError::Disagreement { .. })),
            "{refused}"
        );
    });
    assert!(light.store().contested().is_some());
}

/// The nodes have gone past the forged block by then, and nobody has asked them about it.
#[test]
fn a_forged_staple_shown_while_the_network_is_followed_is_found_when_it_is_next() {
    let twins = Twins::new();
    let [world, _] = &twins.worlds;
    let (light, gate) = slow_light(world);
    let mut phone = world.live(light.clone());
    twins.part(1);
    let forged = twins.forged(SOUTHERN);
    twins.pass_by();
    let now = world.beacon.now();
    thread::scope(|scope| {
        let synced = scope.spawn(|| light.sync(now));
        gate.begun.recv().unwrap();
        let key = key(SOUTHERN);
        let shown = phone.verify_staple(SOUTHERN, &key, &forged, now);
        assert!(shown.is_ok());
        gate.go.send(()).unwrap();
        synced.join().unwrap().unwrap();
    });
    gate.go.send(()).unwrap();
    assert_found(light.sync(now));
}

/// A node that lags cannot be asked about what is newer than what it has.
#[test]
fn a_forged_staple_is_compared_once_the_nodes_are_that_far_again() {
    let twins = Twins::new();
    let [world, _] = &twins.worlds;
    let older = Arc::new(Mutex::new(None));
    let light = world.light_directed({
        let older = Arc::clone(&older);
        move |beacon| match &*older.lock().unwrap() {
            Some(older) => Ok(Update::clone(older)),
            None => beacon.finality_update(),
        }
    });
    let lagging = world.beacon.clone().finality_update().unwrap();
    twins.part(1);
    let forged = twins.forged(SOUTHERN);
    twins.pass_by();
    let now = world.beacon.now();
    let mut phone = world.live(light.clone());
    phone.sync(now).unwrap();
    let key = key(SOUTHERN);
    let shown = phone.verify_staple(SOUTHERN, &key, &forged, now);
    assert!(shown.is_ok());
    *older.lock().unwrap() = Some(lagging);
    phone.sync(now).unwrap();
    *older.lock().unwrap() = None;
    assert_found(light.sync(now));
}

/// Silence is no answer.
#[test]
fn a_forged_staple_that_all_nodes_are_silent_about_is_compared_when_one_answers_again() {
    let twins = Twins::new();
    let [world, _] = &twins.worlds;
    let is_silent = Arc::new(AtomicBool::new(false));
    let light = world.light_by(Directed {
        beacon: world.counted(world.beacon.clone()),
        finality: Box::new(|beacon| beacon.finality_update()),
        is_silent: Arc::clone(&is_silent),
    });
    let mut phone = world.live(light.clone());
    phone.sync(world.beacon.now()).unwrap();
    twins.part(1);
    let forged = twins.forged(SOUTHERN);
    twins.pass_by();
    let now = world.beacon.now();
    let shown = phone.verify_staple(SOUTHERN, &key(SOUTHERN), &forged, now);
    assert!(shown.is_ok());
    is_silent.store(true, Ordering::Relaxed);
    phone.sync(now).unwrap();
    is_silent.store(false, Ordering::Relaxed);
    assert_found(light.sync(now));
}

/// What the forged staple's bearer has shown contradicts what the nodes have.
fn assert_found(synced: Result<Synced, SyncError>) {
    let is_found = matches!(
        &synced,
        Err(SyncError::Disagreement { nodes, .. }) if nodes[0].contains(SOUTHERN)
    );
    assert!(is_found, "{synced:?}");
}
