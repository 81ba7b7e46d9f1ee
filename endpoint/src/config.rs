//! What a leg is told before it starts.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use callseal_sts::{IdentityKey, Number, Suite};

use crate::Pins;

/// Which of a leg's two local sockets a datagram came in by, or goes out by.
///
/// With [`Config::mux`] everything uses `Rtp` (RFC 5761).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Port {
    /// The socket for RTP, or for both.
    Rtp,
    /// The socket for RTCP.
    Rtcp,
}

/// Where the peer receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Remote {
    /// Its RTP address.
    pub rtp: SocketAddr,
    /// Its RTCP address; the same as [`rtp`](Self::rtp) with RFC 5761.
    pub rtcp: SocketAddr,
}

impl Remote {
    /// RTP and RTCP at one address (RFC 5761).
    pub const fn muxed(address: SocketAddr) -> Self {
        Self {
            rtp: address,
            rtcp: address,
        }
    }

    /// RTP at `address`, RTCP at the next higher port (RFC 3550 §11).
    /// `None` where there is no higher port.
    pub const fn pair(address: SocketAddr) -> Option<Self> {
        let Some(port) = address.port().checked_add(1) else {
            return None;
        };
        let mut rtcp = address;
        rtcp.set_port(port);
        Some(Self { rtp: address, rtcp })
    }
}

/// Whose calls a leg answers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Answering {
    /// Anyone for whom the registry vouches.
    Anyone,
    /// This number alone, known from signalling; its look-up starts while
    /// the first flight is under way.
    Only(Number),
    /// Nobody: the leg only calls.
    #[default]
    Nobody,
}

/// A leg's identity and policies.
///
/// ```
/// use callseal_endpoint::{Answering, Config};
/// use callseal_sts::{IdentityKey, Number};
///
/// let key = IdentityKey::from_bytes([7; 32])?;
/// let config = Config::new(Number::parse("+8613800000001")?, key)
///     .mux(true)
///     .answering(Answering::Anyone);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Config {
    pub(crate) number: Number,
    pub(crate) key: IdentityKey,
    pub(crate) suites: Vec<Suite>,
    pub(crate) mux: bool,
    pub(crate) answering: Answering,
    pub(crate) takes_staples: bool,
    pub(crate) pins: Pins,
    pub(crate) silence_limit: Duration,
    pub(crate) session_bandwidth: u32,
    pub(crate) clock_rates: BTreeMap<u8, u32>,
}

impl Config {
    /// A leg for the subscriber `number`, whose registered identity key is
    /// `key`: both of the suites there are, RTP and RTCP on two ports,
    /// answering nobody.
    pub fn new(number: Number, key: IdentityKey) -> Self {
        Self {
            number,
            key,
            suites: vec![
                Suite::X25519AesCm128HmacSha1_80,
                Suite::X25519AesCm128HmacSha1_32,
            ],
            mux: false,
            answering: Answering::Nobody,
            takes_staples: false,
            pins: Pins::default(),
            silence_limit: Duration::from_secs(30),
            session_bandwidth: 8_000,
            clock_rates: BTreeMap::new(),
        }
    }

    /// The suites offered and accepted, in order of preference.
    #[must_use]
    pub fn suites(mut self, suites: Vec<Suite>) -> Self {
        self.suites = suites;
        self
    }

    /// Whether RTP and RTCP share one port (RFC 5761). Payload types 64 to
    /// 95 are then refused.
    #[must_use]
    pub fn mux(mut self, mux: bool) -> Self {
        self.mux = mux;
        self
    }

    /// Whose calls are answered.
    #[must_use]
    pub fn answering(mut self, answering: Answering) -> Self {
        self.answering = answering;
        self
    }

    /// Whether the other side is asked to hand over what proves its record, so
    /// that no node need be asked when somebody calls; see
    /// [`Event::LookUpStapled`](crate::Event::LookUpStapled). No look-up is
    /// then begun before the other side has shown itself.
    #[must_use]
    pub fn taking_staples(mut self, takes: bool) -> Self {
        self.takes_staples = takes;
        self
    }

    /// The keys seen before.
    #[must_use]
    pub fn pins(mut self, pins: Pins) -> Self {
        self.pins = pins;
        self
    }

    /// How long a secured call may hear nothing authentic before it ends;
    /// 30 s unless set.
    #[must_use]
    pub fn silence_limit(mut self, limit: Duration) -> Self {
        self.silence_limit = limit;
        self
    }

    /// The session bandwidth of RFC 3550 §6.2 in octets a second, of which
    /// RTCP takes 5 %; 8,000 (64 kbit/s) unless set.
    #[must_use]
    pub fn session_bandwidth(mut self, octets_per_second: u32) -> Self {
        self.session_bandwidth = octets_per_second;
        self
    }

    /// The RTP clock of a payload type in hertz, for jitter and sender
    /// reports; 8,000 for every payload type unless set.
    #[must_use]
    pub fn clock_rate(mut self, payload_type: u8, hertz: u32) -> Self {
        self.clock_rates.insert(payload_type, hertz);
        self
    }
}
