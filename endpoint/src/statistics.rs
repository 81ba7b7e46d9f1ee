//! What a leg counted.

use core::time::Duration;

/// A leg's counters since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// What was sent, in the order of the SSRCs.
    pub sent: Vec<StreamSent>,
    /// What was received and authenticated, in the order of the SSRCs.
    pub received: Vec<StreamReceived>,
    /// Packets whose tag was wrong, RTP and RTCP.
    pub rejected: u64,
    /// Packets whose index was received before, or lies too far behind to
    /// tell. The index is looked at before the tag (RFC 3711 §3.3), so forged
    /// copies of received packets count here.
    pub replayed: u64,
    /// Packets that were none of the call's: unknown MKI, no RTP or RTCP,
    /// or before there were keys.
    pub ignored: u64,
    /// The last round trip that a report has shown.
    pub round_trip: Option<Duration>,
}

/// One stream that the leg sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamSent {
    /// Its SSRC.
    pub ssrc: u32,
    /// RTP packets.
    pub packets: u64,
    /// Octets of payload.
    pub octets: u64,
}

/// One stream that the leg receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamReceived {
    /// Its SSRC.
    pub ssrc: u32,
    /// RTP packets.
    pub packets: u64,
    /// Octets of payload.
    pub octets: u64,
    /// Expected and not received, by RFC 3550 A.3.
    pub lost: i32,
    /// Interarrival jitter in units of the stream's timestamp
    /// (RFC 3550 A.8).
    pub jitter: u32,
}
