//! Two phones, an operator's registry and the network between them, all in
//! virtual time.

#![allow(dead_code, reason = "each test file uses its own part of this")]

use core::net::SocketAddr;
use core::time::Duration;

use alloy_primitives::B256;
use callseal_devchain::{
    Claim, DevChain, DevRegistry, Operator, prove_possession, uncompressed_key,
};
use callseal_endpoint::{
    Answering, Config, EndReason, Event, Leg, Port, Received, Remote, Secured,
};
use callseal_registry_client::{Registries, Registry, RegistryConfig, number_hash};
use callseal_sts::{Identity, IdentityKey, Number, Random};
use callseal_testkit::{Conditions, Link, Pair, Peer, SplitMix64};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Steps that no test comes near unless it runs in circles.
pub(crate) const MANY: usize = 2_000_000;

pub(crate) const ALICE: &str = "+8613800000001";
pub(crate) const BOB: &str = "+8613800000002";
pub(crate) const CAROL: &str = "+8613800000003";

/// Whose secret is whose; the test's own choice.
pub(crate) fn secret(number: &str) -> [u8; 32] {
    let last = number.as_bytes()[number.len() - 1];
    [last; 32]
}

/// An operator with a registry, on a chain of its own.
pub(crate) struct World {
    pub(crate) chain: DevChain,
    pub(crate) registry: DevRegistry,
}

impl World {
    /// Alice and Bob are registered and approved.
    pub(crate) fn new() -> Self {
        let world = Self::empty();
        for number in [ALICE, BOB] {
            world.approve(number, &secret(number));
        }
        world
    }

    pub(crate) fn empty() -> Self {
        Self::on_chain(31_337)
    }

    /// The same on a chain with this id.
    pub(crate) fn on_chain(chain_id: u64) -> Self {
        let chain = DevChain::new(chain_id);
        let operator = Operator {
            account: chain.account(0),
            signing_key: uncompressed_key(&[0x77; 32]).unwrap(),
            sealing_key: [0; 32],
        };
        let registry = DevRegistry::deploy(&chain, chain.account(0), &operator).unwrap();
        Self { chain, registry }
    }

    /// Adds a record that nobody has approved.
    pub(crate) fn claim(&self, number: &str, secret: &[u8; 32]) -> Claim {
        let sender = self.chain.account(1);
        let number_hash = number_hash(number).unwrap();
        let digest = self
            .registry
            .proof_of_possession_digest(number_hash, sender);
        let claim = Claim {
            number_hash,
            key: uncompressed_key(secret).unwrap(),
            token_hash: B256::repeat_byte(1),
            proof_of_possession: prove_possession(secret, digest).unwrap(),
        };
        self.registry.add_client(sender, &claim).unwrap();
        claim
    }

    pub(crate) fn approve(&self, number: &str, secret: &[u8; 32]) {
        let claim = self.claim(number, secret);
        let sender = self.chain.account(1);
        let record_hash = claim.record_hash(sender);
        self.registry
            .approve_client(
                self.chain.account(0),
                claim.number_hash,
                sender,
                record_hash,
            )
            .unwrap();
    }

    /// A reader that trusts the newest block.
    pub(crate) fn reader(&self) -> Registry<DevChain> {
        Registry::new(
            self.registry.config(),
            self.chain.head(),
            self.chain.clone(),
        )
    }

    /// A reader whose every look-up fails: it looks for another contract.
    pub(crate) fn broken_reader(&self) -> Registry<DevChain> {
        let config = RegistryConfig {
            contract: self.chain.account(5),
            ..self.registry.config()
        };
        Registry::new(config, self.chain.head(), self.chain.clone())
    }

    pub(crate) fn phone(&self, number: &str, address: &str, answering: Answering) -> Phone {
        Phone::new(config(number, answering), address, self.reader(), number)
    }

    /// Alice and Bob over `link`; Alice calls when told to.
    pub(crate) fn pair(&self, link: Link) -> Pair<Phone, Phone> {
        Pair::new(
            link,
            self.phone(ALICE, A, Answering::Nobody),
            self.phone(BOB, B, Answering::Anyone),
        )
    }
}

pub(crate) const A: &str = "192.0.2.1:40000";
pub(crate) const B: &str = "192.0.2.2:50000";

pub(crate) fn config(number: &str, answering: Answering) -> Config {
    let key = IdentityKey::from_bytes(secret(number)).unwrap();
    Config::new(Number::parse(number).unwrap(), key)
        .mux(true)
        .answering(answering)
}

/// The number with the key that the registry has.
pub(crate) fn identity(number: &str) -> Identity {
    let key = IdentityKey::from_bytes(secret(number)).unwrap().public();
    Identity {
        number: Number::parse(number).unwrap(),
        key,
    }
}

pub(crate) fn number(number: &str) -> Number {
    Number::parse(number).unwrap()
}

pub(crate) fn link(seed: u64) -> Link {
    Link::new(seed, Conditions::perfect().delay(40 * MS))
}

/// A fifth lost, reordered and duplicated packets besides.
pub(crate) fn bad_link(seed: u64) -> Link {
    let conditions = Conditions::perfect()
        .delay(40 * MS)
        .jitter(10 * MS)
        .loss(0.2)
        .duplication(0.1)
        .reorder(0.1, 60 * MS);
    Link::new(seed, conditions)
}

pub(crate) struct SeededRandom(pub(crate) SplitMix64);

impl Random for SeededRandom {
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

/// A phone: a leg, its registry reader, and what has happened.
pub(crate) struct Phone {
    pub(crate) leg: Leg,
    pub(crate) address: SocketAddr,
    pub(crate) registry: Registries<DevChain>,
    /// How long the node takes to answer.
    pub(crate) node_latency: Duration,
    look_ups: Vec<(Duration, Number)>,
    pub(crate) events: Vec<Event>,
    pub(crate) heard: Vec<Vec<u8>>,
    /// RTP packets to send: when, and what.
    pub(crate) to_say: Vec<(Duration, Vec<u8>)>,
}

impl Phone {
    pub(crate) fn new(
        config: Config,
        address: &str,
        registry: impl Into<Registries<DevChain>>,
        seed: &str,
    ) -> Self {
        let seed = seed.bytes().fold(7, |seed: u64, octet| {
            seed.wrapping_mul(31).wrapping_add(octet.into())
        });
        let random = Box::new(SeededRandom(SplitMix64::new(seed)));
        Self {
            leg: Leg::new(Duration::ZERO, config, random).unwrap(),
            address: address.parse().unwrap(),
            registry: registry.into(),
            node_latency: 20 * MS,
            look_ups: Vec::new(),
            events: Vec::new(),
            heard: Vec::new(),
            to_say: Vec::new(),
        }
    }

    /// Calls another phone, over one port.
    pub(crate) fn call(&mut self, now: Duration, callee: &str, address: &str) {
        let remote = Remote::muxed(address.parse().unwrap());
        self.leg.call(now, remote, number(callee)).unwrap();
        self.take_events(now);
    }

    /// Queues `count` packets, one in 20 ms from `from` on.
    pub(crate) fn say(&mut self, from: Duration, ssrc: u32, count: u16) {
        for place in 0..count {
            let at = from + 20 * MS * u32::from(place);
            self.to_say.push((at, rtp(ssrc, 65_500, place)));
        }
    }

    pub(crate) fn secured(&self) -> Vec<Secured> {
        let secured = |event: &'_ Event| match event {
            Event::Secured(secured) => Some(secured.as_ref().clone()),
            _ => None,
        };
        self.events.iter().filter_map(secured).collect()
    }

    pub(crate) fn ended(&self) -> Option<&EndReason> {
        self.events.iter().find_map(|event| match event {
            Event::Ended(reason) => Some(reason),
            _ => None,
        })
    }

    /// Failures of handshakes, as text.
    pub(crate) fn failures(&self) -> Vec<String> {
        let failure = |event: &Event| match event {
            Event::HandshakeFailed { why, .. } => Some(why.to_string()),
            _ => None,
        };
        self.events.iter().filter_map(failure).collect()
    }

    /// A datagram from anywhere.
    pub(crate) fn handle(&mut self, now: Duration, from: SocketAddr, bytes: Vec<u8>) {
        self.handle_datagram(now, from, bytes);
    }

    /// Takes what the leg tells.
    pub(crate) fn poll_events(&mut self, now: Duration) {
        self.take_events(now);
    }

    fn take_events(&mut self, now: Duration) {
        while let Some(event) = self.leg.poll_event() {
            if let Event::LookUp { number } = event {
                self.look_ups.push((now + self.node_latency, number));
            }
            self.events.push(event);
        }
    }
}

/// The packet at `place` of a stream that starts at `first`: payload and
/// timestamp follow from the place.
pub(crate) fn rtp(ssrc: u32, first: u16, place: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(first.wrapping_add(place).to_be_bytes());
    packet.extend((160 * u32::from(place)).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(
        SplitMix64::new(place.into())
            .next_u64()
            .to_be_bytes()
            .repeat(20),
    );
    packet
}

impl Peer for Phone {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn handle_datagram(&mut self, now: Duration, from: SocketAddr, mut bytes: Vec<u8>) {
        let received = self.leg.handle_datagram(now, Port::Rtp, from, &mut bytes);
        if let Received::Rtp(packet) = received {
            let packet = packet.to_vec();
            self.heard.push(packet);
        }
        self.take_events(now);
    }

    fn poll_transmit(&mut self, now: Duration) -> Option<(SocketAddr, Vec<u8>)> {
        while let Some(place) = self.to_say.iter().position(|(at, _)| *at <= now) {
            let (_, packet) = self.to_say.remove(place);
            // What comes before the keys is not sent at all.
            let _ = self.leg.send_rtp(now, packet);
        }
        self.take_events(now);
        let transmit = self.leg.poll_transmit()?;
        Some((transmit.to, transmit.bytes))
    }

    fn poll_timeout(&self) -> Option<Duration> {
        let look_up = self.look_ups.iter().map(|(at, _)| *at).min();
        let say = self.to_say.iter().map(|(at, _)| *at).min();
        [self.leg.poll_timeout(), look_up, say]
            .into_iter()
            .flatten()
            .min()
    }

    fn handle_timeout(&mut self, now: Duration) {
        while let Some(place) = self.look_ups.iter().position(|(at, _)| *at <= now) {
            let (_, number) = self.look_ups.remove(place);
            let asked = self.registry.look_up(number.as_str());
            let answer = asked.map(|asked| asked.answer);
            self.leg.look_up_done(now, &number, answer);
            self.take_events(now);
        }
        self.leg.handle_timeout(now);
        self.take_events(now);
    }
}
