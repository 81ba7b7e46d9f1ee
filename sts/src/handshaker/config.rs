//! What a handshaker is told once.

use std::sync::Arc;

use crate::suite::Suites;
use crate::{IdentityKey, LocalIdentity, Number};

/// How a [`Handshaker`](super::Handshaker) behaves.
///
/// ```
/// use callseal_sts::{Config, IdentityKey, Number};
///
/// let key = IdentityKey::from_bytes([1; 32]).expect("in range");
/// let number = Number::parse("+8613800000001").expect("E.164");
/// let bob = Number::parse("+8613800000002").expect("E.164");
///
/// // SIP has said that Bob is at the other end: nobody else is taken.
/// let config = Config::new(number, key).with_expected_peer(bob);
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) own: Arc<LocalIdentity>,
    pub(super) suites: Suites,
    pub(super) expected: Option<Number>,
    pub(super) answers: bool,
    pub(super) takes_staples: bool,
    pub(super) limits: Limits,
}

/// How much strangers may make a [`Handshaker`](super::Handshaker) do
/// (PROTOCOL.md §7).
///
/// ```
/// # use callseal_sts::Limits;
/// let strict = Limits::default().challenge_from(0);
/// # let _ = strict;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub(super) sessions: usize,
    pub(super) sessions_per_ip: usize,
    pub(super) challenge_from: usize,
    pub(super) m1_per_second: u32,
}

impl Config {
    /// A phone that offers and accepts every suite, answers calls and expects
    /// nobody in particular.
    pub fn new(number: Number, key: IdentityKey) -> Self {
        Self {
            own: Arc::new(LocalIdentity::new(number, key)),
            suites: Suites::default(),
            expected: None,
            answers: true,
            takes_staples: false,
            limits: Limits::default(),
        }
    }

    /// Offers and accepts these suites only, in this order of preference.
    pub fn with_suites(mut self, suites: Suites) -> Self {
        self.suites = suites;
        self
    }

    /// Takes nobody else, whoever calls.
    pub fn with_expected_peer(mut self, number: Number) -> Self {
        self.expected = Some(number);
        self
    }

    /// Whether incoming calls are answered at all; a phone that does not
    /// shows its identity to nobody but whom it calls.
    pub fn answering(mut self, answers: bool) -> Self {
        self.answers = answers;
        self
    }

    /// Whether the other side is asked to hand over what shows that its key is
    /// its number's; it may then come with
    /// [`Event::PeerPresented`](super::Event::PeerPresented).
    pub fn taking_staples(mut self, takes: bool) -> Self {
        self.takes_staples = takes;
        self
    }

    /// Bounds what strangers can cause.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl Limits {
    /// At most this many unfinished incoming handshakes; 256 by default.
    pub fn sessions(mut self, count: usize) -> Self {
        self.sessions = count;
        self
    }

    /// At most this many of them from one IP address (an IPv6 address counts
    /// by its first 64 bits), and four times as many in 45 s with those that
    /// have finished; 8 by default.
    pub fn sessions_per_ip(mut self, count: usize) -> Self {
        self.sessions_per_ip = count;
        self
    }

    /// Asks for cookies from this many half-open handshakes on; 16 by
    /// default, 0 asks always.
    pub fn challenge_from(mut self, count: usize) -> Self {
        self.challenge_from = count;
        self
    }

    /// Asks for cookies when more first messages than this come in a second;
    /// 50 by default.
    pub fn m1_per_second(mut self, count: u32) -> Self {
        self.m1_per_second = count;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 256,
            sessions_per_ip: 8,
            challenge_from: 16,
            m1_per_second: 50,
        }
    }
}
