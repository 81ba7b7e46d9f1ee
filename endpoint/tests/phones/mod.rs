//! Two phones, an operator's registry and the network between them, all in
//! virtual time.

// Each test file uses its own part of this.
#![allow(dead_code)]

use core::net::SocketAddr;
use core::time::Duration;

use callseal_devchain::{DevChain, Subscriber, TestRegistry};
use callseal_endpoint::{
    Answering, Config, EndReason, Event, Leg, Pins, Port, Received, Remote, Secured,
};
use callseal_registry_client::{LookUpError, Registry, Transport};
use callseal_sts::{IdentityKey, Number, Random};
use callseal_testkit::{Conditions, Link, Pair, Peer, SplitMix64};

pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// Steps that no test comes near unless it runs in circles.
pub const MANY: usize = 2_000_000;

/// A phone: a leg, its registry reader, and what has happened.
pub struct Phone {
    pub leg: Leg,
    pub number: Number,
    pub address: SocketAddr,
    pub registry: Reader,
    /// How long the node takes to answer.
    pub node_latency: Duration,
    /// Look-ups under way: when they are answered.
    look_ups: Vec<(Duration, Number)>,
    pub events: Vec<Event>,
    pub heard: Vec<Vec<u8>>,
}

/// A registry reader that may be out of order.
pub struct Reader {
    pub registry: Registry<DevChain>,
    pub down: bool,
}

pub struct SeededRandom(pub SplitMix64);

impl Random for SeededRandom {
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}
