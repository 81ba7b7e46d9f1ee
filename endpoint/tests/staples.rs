//! Calls in which each side hands over what proves its record: no node learns
//! who calls whom.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod phones;

use alloy_primitives::B256;
use callseal_devchain::{Counted, DevBeacon, DevChain, Tally};
use callseal_endpoint::{Answering, Event, Leg, Port, Remote, Secured, Step};
use callseal_registry_client::light::LightClient;
use callseal_registry_client::{LiveRegistry, Policy, StapleError, TransportError};
use callseal_sts::messages::MessageKind;
use callseal_sts::{IdentityKey, MAX_STAPLE_LEN, Staple};
use callseal_testkit::{Conditions, Link, Pair, Peer, SplitMix64};
use core::net::SocketAddr;
use core::time::Duration;
use phones::{
    A, ALICE, B, BOB, CAROL, MANY, MS, SECOND, SeededRandom, World, bad_link, config, link, number,
    secret,
};

/// A registry, the committees that sign its chain, and how often a node was
/// asked anything.
struct Network {
    world: World,
    beacon: DevBeacon,
    checkpoint: B256,
    asked: Tally,
}

type Live = LiveRegistry<Counted<DevBeacon>, Counted<DevChain>>;

/// A phone with a light client.
struct Phone {
    leg: Leg,
    address: SocketAddr,
    live: Live,
    unix_time: u64,
    events: Vec<Event>,
    verdicts: Vec<Option<Result<(), StapleError>>>,
    longest_datagram: usize,
}

impl Network {
    fn new() -> Self {
        let world = World::new();
        let beacon = DevBeacon::new(&world.chain).unwrap();
        let checkpoint = beacon.finalize();
        beacon.finalize();
        Self {
            world,
            beacon,
            checkpoint,
            asked: Tally::default(),
        }
    }

    fn live(&self) -> Live {
        let beacons = vec![self.counted(self.beacon.clone())];
        let (network, now) = (self.beacon.network(), self.beacon.now());
        let (light, _) = LightClient::start(network, self.checkpoint, beacons, now).unwrap();
        let nodes = [("node".to_owned(), self.counted(self.world.chain.clone()))];
        let config = self.world.registry.config();
        let mut live = LiveRegistry::new(config, light, nodes, Policy::default());
        live.sync(now).unwrap();
        live
    }

    fn counted<N>(&self, node: N) -> Counted<N> {
        Counted::new(node, &self.asked)
    }

    /// What the owner of a number would hand over, if it had the right key.
    fn staple(&self, of: &str) -> Staple {
        let key = *IdentityKey::from_bytes(secret(of))
            .unwrap()
            .public()
            .as_bytes();
        let own = self.live().own_staple(of, &key, self.beacon.now());
        Staple::new(&own.unwrap().octets).unwrap()
    }

    /// A phone that is up to date, and hands over `staple`.
    fn phone(
        &self,
        of: &str,
        address: &str,
        answering: Answering,
        staple: Option<Staple>,
    ) -> Phone {
        let config = config(of, answering).taking_staples(true);
        let random = SeededRandom(SplitMix64::new(secret(of)[0].into()));
        let mut leg = Leg::new(Duration::ZERO, config, Box::new(random)).unwrap();
        leg.set_staple(staple);
        Phone {
            leg,
            address: address.parse().unwrap(),
            live: self.live(),
            unix_time: self.beacon.now(),
            events: Vec::new(),
            verdicts: Vec::new(),
            longest_datagram: 0,
        }
    }

    /// Alice calls Bob, each handing over what it is given.
    fn call(&self, link: Link, staples: [Option<Staple>; 2]) -> Pair<Phone, Phone> {
        let [alices, bobs] = staples;
        let mut pair = Pair::new(
            link,
            self.phone(ALICE, A, Answering::Nobody, alices),
            self.phone(BOB, B, Answering::Only(number(ALICE)), bobs),
        );
        self.asked.reset();
        let remote = Remote::muxed(B.parse().unwrap());
        pair.a.leg.call(pair.now, remote, number(BOB)).unwrap();
        pair.a.take_events(pair.now);
        pair.run_to(9 * SECOND, MANY).unwrap();
        pair
    }

    fn asked(&self) -> u64 {
        self.asked.total()
    }
}

#[test]
fn a_call_is_secured_and_no_node_is_asked() {
    let network = Network::new();
    let staples = [ALICE, BOB].map(|of| Some(network.staple(of)));
    let pair = network.call(link(1), staples);
    for phone in [&pair.a, &pair.b] {
        assert!(phone.secured().is_some());
        assert_eq!(phone.verdicts, [Some(Ok(()))]);
        assert!(phone.steps().contains(&Step::StapleReceived));
        assert!(!phone.steps().contains(&Step::LookUpStarted));
        assert!(phone.longest_datagram <= 1_096);
    }
    assert_eq!(network.asked(), 0);
    // The callee hands nothing over before the caller has shown its address.
    let steps = pair.a.steps();
    let at = |step| steps.iter().position(|taken| *taken == step).unwrap();
    let challenge = at(Step::Accepted(MessageKind::Challenge));
    assert!(challenge < at(Step::Accepted(MessageKind::M2)));
}

#[test]
fn the_longest_staples_get_over_links_that_lose_and_reorder() {
    let network = Network::new();
    let longest = || Some(Staple::new(&[7; MAX_STAPLE_LEN]).unwrap());
    for seed in 0..8 {
        let pair = network.call(bad_link(seed), [longest(), longest()]);
        for phone in [&pair.a, &pair.b] {
            assert!(phone.secured().is_some(), "seed {seed}");
            // What they hold is no evidence, so a node was asked.
            assert!(matches!(phone.verdicts[0], Some(Err(_))));
        }
    }
    assert!(network.asked() > 0);
}

#[test]
fn real_staples_get_over_such_links_and_no_node_is_asked() {
    let network = Network::new();
    let staples = [ALICE, BOB].map(|of| Some(network.staple(of)));
    for seed in 20..30 {
        let pair = network.call(bad_link(seed), staples.clone());
        assert!(pair.a.secured().is_some() && pair.b.secured().is_some());
        assert_eq!(network.asked(), 0, "seed {seed}");
    }
}

#[test]
fn any_altered_octet_leads_to_a_look_up_and_the_call_is_still_secured() {
    let network = Network::new();
    let good = network.staple(BOB);
    let len = good.as_bytes().len();
    for at in [0, 1, 2, 300, len / 2, len - 1] {
        let mut octets = good.as_bytes().to_vec();
        octets[at] ^= 0x10;
        let altered = Staple::new(&octets).unwrap();
        let pair = network.call(link(1), [None, Some(altered)]);
        assert!(matches!(pair.a.verdicts[..], [Some(Err(_))]), "octet {at}");
        assert!(network.asked() > 0);
        assert!(pair.a.secured().is_some());
    }
}

#[test]
fn whoever_hands_over_anothers_staple_is_not_taken_for_him() {
    let network = Network::new();
    // Carol has no record, and says that she is Bob, with what Bob hands to everybody.
    let mut pair = Pair::new(
        Link::new(1, Conditions::perfect().delay(20 * MS)),
        network.phone(ALICE, A, Answering::Nobody, None),
        network.phone(CAROL, B, Answering::Anyone, Some(network.staple(BOB))),
    );
    let key = IdentityKey::from_bytes(secret(CAROL)).unwrap();
    let claims = callseal_endpoint::Config::new(number(BOB), key)
        .mux(true)
        .answering(Answering::Anyone)
        .taking_staples(true);
    let random = SeededRandom(SplitMix64::new(5));
    pair.b.leg = Leg::new(Duration::ZERO, claims, Box::new(random)).unwrap();
    pair.b.leg.set_staple(Some(network.staple(BOB)));
    let remote = Remote::muxed(B.parse().unwrap());
    pair.a.leg.call(pair.now, remote, number(BOB)).unwrap();
    pair.run_to(20 * SECOND, MANY).unwrap();
    assert_eq!(pair.a.verdicts[0], Some(Err(StapleError::AnotherKey)));
    assert!(pair.a.secured().is_none() && pair.b.secured().is_none());
}

#[test]
fn phones_with_and_without_them_call_each_other() {
    let network = Network::new();
    let staples = || [ALICE, BOB].map(|of| Some(network.staple(of)));
    for (place, missing) in [(0, 1), (1, 1)] {
        let mut staples = staples();
        staples[place] = None;
        let pair = network.call(link(3), staples);
        assert!(pair.a.secured().is_some() && pair.b.secured().is_some());
        let asked = [&pair.a, &pair.b].map(|phone| phone.verdicts[0].is_none());
        assert_eq!(asked.into_iter().filter(|asked| *asked).count(), missing);
    }
}

impl Phone {
    fn secured(&self) -> Option<&Secured> {
        self.events.iter().find_map(|event| match event {
            Event::Secured(secured) => Some(&**secured),
            _ => None,
        })
    }

    fn steps(&self) -> Vec<Step> {
        let step = |event: &Event| match event {
            Event::Step { step, .. } => Some(*step),
            _ => None,
        };
        self.events.iter().filter_map(step).collect()
    }

    /// Answers at once: what takes time here is the network between the two.
    fn take_events(&mut self, now: Duration) {
        while let Some(event) = self.leg.poll_event() {
            let (of, found) = match &event {
                Event::LookUp { number } => {
                    (*number, self.live.look_up(number.as_str(), self.unix_time))
                }
                Event::LookUpStapled {
                    number,
                    key,
                    staple,
                } => {
                    let (key, staple) = (key.as_bytes(), staple.as_bytes());
                    let number = *number;
                    let found =
                        self.live
                            .look_up_stapled(number.as_str(), key, staple, self.unix_time);
                    (number, found)
                }
                _ => {
                    self.events.push(event);
                    continue;
                }
            };
            let found = found.unwrap();
            self.verdicts.push(found.staple.clone());
            self.leg
                .look_up_done(now, &of, Ok::<_, TransportError>(found.answer));
        }
    }
}

impl Peer for Phone {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn handle_datagram(&mut self, now: Duration, from: SocketAddr, mut bytes: Vec<u8>) {
        self.longest_datagram = bytes.len().max(self.longest_datagram);
        self.leg.handle_datagram(now, Port::Rtp, from, &mut bytes);
        self.take_events(now);
    }

    fn poll_transmit(&mut self, _: Duration) -> Option<(SocketAddr, Vec<u8>)> {
        let transmit = self.leg.poll_transmit()?;
        Some((transmit.to, transmit.bytes))
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.leg.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Duration) {
        self.leg.handle_timeout(now);
        self.take_events(now);
    }
}
