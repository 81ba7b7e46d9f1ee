//! What a capture's packets add up to, stream by stream.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use callseal_rtcp_ext::Reception;

use super::{Opened, Protocol};
use crate::rtp::RtpView;

/// Streams that never authenticated are counted one by one up to this many:
/// a forger can name four billion SSRCs.
const MAX_UNVERIFIED_STREAMS: usize = 1_024;

/// Which stream a packet is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    /// Whose key is right for it; `None` for a stranger's packets.
    pub sender: Option<usize>,
    /// RTP or RTCP.
    pub protocol: Protocol,
    /// The SSRC; `None` for the rest of a flood of forged ones.
    pub ssrc: Option<u32>,
}

/// The counts of one stream.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Where its first packet came from.
    pub from: SocketAddr,
    /// Where its first packet went to.
    pub to: SocketAddr,
    /// All its packets.
    pub packets: u64,
    /// Those that authenticated.
    pub verified: u64,
    /// Those that did not, or could not be tried.
    pub failed: u64,
    /// Those with an index received before, or behind the replay window.
    pub replayed: u64,
    /// Octets of payload of the verified ones (of RTCP: of whole packets).
    pub octets: u64,
    /// The payload type of the latest verified one.
    pub payload_type: Option<u8>,
    /// Verified ones that came behind a later one.
    pub reordered: u64,
    /// The highest index that authenticated.
    pub newest_index: Option<u64>,
    clock_rate: Option<u32>,
    reception: Option<Reception>,
}

/// All streams of a capture.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    streams: BTreeMap<StreamId, Stream>,
    unverified: usize,
}

/// What is counted of one packet.
#[derive(Debug)]
pub struct Counted<'a> {
    /// RTP or RTCP.
    pub protocol: Protocol,
    /// The SSRC in its header.
    pub ssrc: u32,
    /// Source address.
    pub from: SocketAddr,
    /// Destination address.
    pub to: SocketAddr,
    /// When it was captured.
    pub at: Duration,
    /// What became of it.
    pub opened: Opened,
    /// The packet in clear, where it was opened.
    pub plain: &'a [u8],
    /// The clock of its payload type in hertz, where that is known.
    pub clock_rate: Option<u32>,
}

impl Tally {
    /// Counts a packet.
    pub fn count(&mut self, packet: &Counted<'_>) {
        let id = self.id_for(packet);
        let stream = self.streams.entry(id).or_insert_with(|| {
            self.unverified += 1;
            Stream::new(packet.from, packet.to)
        });
        if stream.verified == 0 && packet.opened.outcome.is_ok() {
            self.unverified = self.unverified.saturating_sub(1);
        }
        stream.count(packet);
    }

    /// The streams, those of one sender together, strangers last.
    pub fn streams(&self) -> impl Iterator<Item = (&StreamId, &Stream)> {
        let known = |(id, _): &(&StreamId, &Stream)| id.sender.is_some();
        let strangers = self.streams.iter().filter(move |stream| !known(stream));
        self.streams.iter().filter(known).chain(strangers)
    }

    /// The sum of one count over all streams.
    pub fn total(&self, count: impl Fn(&Stream) -> u64) -> u64 {
        self.streams.values().map(count).sum()
    }

    fn id_for(&self, packet: &Counted<'_>) -> StreamId {
        let id = StreamId {
            sender: packet.opened.sender,
            protocol: packet.protocol,
            ssrc: Some(packet.ssrc),
        };
        let is_flood = packet.opened.outcome.is_err()
            && self.unverified >= MAX_UNVERIFIED_STREAMS
            && !self.streams.contains_key(&id);
        match is_flood {
            true => StreamId { ssrc: None, ..id },
            false => id,
        }
    }
}

impl Stream {
    fn new(from: SocketAddr, to: SocketAddr) -> Self {
        Self {
            from,
            to,
            packets: 0,
            verified: 0,
            failed: 0,
            replayed: 0,
            octets: 0,
            payload_type: None,
            reordered: 0,
            newest_index: None,
            clock_rate: None,
            reception: None,
        }
    }

    /// Packets expected and not received (RFC 3550 A.3); RTP only.
    pub fn lost(&self) -> i32 {
        self.reception
            .as_ref()
            .map_or(0, |reception| reception.sequence().cumulative_lost())
    }

    /// Interarrival jitter in milliseconds (RFC 3550 A.8), where the clock of
    /// the payload type is known.
    pub fn jitter_ms(&self) -> Option<f64> {
        let clock_rate = self.clock_rate?;
        let units = self.reception.as_ref()?.jitter();
        Some(f64::from(units) * 1_000.0 / f64::from(clock_rate))
    }

    /// The rollover counter of the newest packet; RTP only.
    pub fn roc(&self) -> Option<u32> {
        let newest = self.newest_index?;
        u32::try_from(newest >> 16).ok()
    }

    fn count(&mut self, packet: &Counted<'_>) {
        self.packets += 1;
        let plain = match packet.opened.outcome {
            Ok(plain) => plain,
            Err(refused) => {
                match refused.is_replay() {
                    true => self.replayed += 1,
                    false => self.failed += 1,
                }
                return;
            }
        };
        self.verified += 1;
        match self.newest_index {
            Some(newest) if plain.index < newest => self.reordered += 1,
            _ => self.newest_index = Some(plain.index),
        }
        match packet.protocol {
            Protocol::Rtcp => self.octets += packet.plain.len() as u64,
            Protocol::Rtp => self.count_rtp(packet),
        }
    }

    fn count_rtp(&mut self, packet: &Counted<'_>) {
        // SRTP has authenticated it; its own header may still be nonsense.
        let Some(rtp) = RtpView::parse(packet.plain) else {
            return;
        };
        self.octets += rtp.payload.len() as u64;
        self.payload_type = Some(rtp.payload_type);
        self.clock_rate = self.clock_rate.or(packet.clock_rate);
        let clock_rate = packet.clock_rate.unwrap_or(8_000);
        self.reception
            .get_or_insert_with(|| {
                Reception::authenticated(rtp.ssrc, clock_rate, rtp.sequence_number)
            })
            .rtp(packet.at, rtp.sequence_number, rtp.timestamp);
    }
}
