//! What a capture's packets add up to, stream by stream.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use callseal_rtcp_ext::Reception;

use super::{Failure, Plain, Protocol, Refused};
use crate::rtp::RtpView;

/// Streams that never authenticated are counted one by one up to this many:
/// a forger can name four billion SSRCs.
const MAX_UNVERIFIED_STREAMS: usize = 1_024;

/// Failures of a stream that are kept for the report, the first ones.
const MAX_FAILURES: usize = 10;

/// Packets of a stream that are kept until one of it authenticates, to find
/// out with what they would, and streams of which they are kept.
const MAX_SAMPLES: usize = 8;
const MAX_SAMPLED_STREAMS: usize = 64;

/// The clock that jitter is computed with where none is known.
const USUAL_CLOCK_RATE: u32 = 8_000;

/// Which stream a packet is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// What it is.
    pub id: StreamId,
    /// Where its first packet came from.
    pub from: SocketAddr,
    /// Where its first packet went to.
    pub to: SocketAddr,
    /// All its packets, but for copies.
    pub packets: u64,
    /// Those that authenticated.
    pub verified: u64,
    /// Those that did not, or could not be tried.
    pub failed: u64,
    /// Those with an index received before, or behind the replay window.
    pub replayed: u64,
    /// Those that the capture holds a second time, taken at another interface.
    pub copies: u64,
    /// Octets of payload of the verified ones (of RTCP: of whole packets).
    pub octets: u64,
    /// The payload type of the latest verified one.
    pub payload_type: Option<u8>,
    /// Verified ones that came behind a later one.
    pub reordered: u64,
    /// The highest index that authenticated.
    pub newest_index: Option<u64>,
    /// The first packets that were not opened.
    pub(super) failures: Vec<Failure>,
    /// The first packets, as long as none has authenticated.
    pub(super) samples: Vec<Vec<u8>>,
    /// Whether it is taken for SRTP at all; settled at the end.
    pub(super) is_media: bool,
    /// Packets whose sequence number follows the one before, or whose RTCP
    /// header makes sense.
    pub(super) plausible: u64,
    /// Whether a key names it, by an address or its SSRC.
    pub(super) is_named: bool,
    vantage: Vantage,
    last_sequence_number: Option<u16>,
    oldest_index: u64,
    clock: Option<(u8, Option<u32>)>,
    clock_rate: Option<u32>,
    reception: Option<Reception>,
}

/// Where on a host a frame was captured: an interface, and a direction.
pub(super) type Vantage = (u32, u16);

/// All streams of a capture.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    streams: Vec<Stream>,
    places: HashMap<StreamId, usize>,
    unverified: usize,
    sampled: usize,
}

/// What is counted of one packet.
#[derive(Debug)]
pub(super) struct Counted<'a> {
    pub(super) id: StreamId,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) at: Duration,
    pub(super) vantage: Vantage,
    pub(super) outcome: Result<Plain, Refused>,
    /// The packet: in clear where it was opened, else as it was captured.
    pub(super) packet: &'a [u8],
    /// Whether it is known to be media, by an address or an SSRC.
    pub(super) is_named: bool,
}

impl Tally {
    /// The place of the stream that a packet is counted under.
    pub(super) fn place(&mut self, packet: &Counted<'_>) -> usize {
        let mut id = packet.id;
        if let Some(&place) = self.places.get(&id) {
            return place;
        }
        if packet.outcome.is_err() && self.unverified >= MAX_UNVERIFIED_STREAMS {
            id.ssrc = None;
            if let Some(&place) = self.places.get(&id) {
                return place;
            }
        }
        self.unverified += 1;
        self.places.insert(id, self.streams.len());
        self.streams.push(Stream::new(id, packet));
        self.streams.len() - 1
    }

    /// Counts a packet in its place; `clock_rate` gives that of a payload
    /// type.
    pub(super) fn count(
        &mut self,
        place: usize,
        packet: &Counted<'_>,
        clock_rate: impl FnOnce(u8) -> Option<u32>,
    ) {
        let Some(stream) = self.streams.get_mut(place) else {
            return;
        };
        if packet.outcome.is_ok() && stream.verified == 0 {
            self.unverified = self.unverified.saturating_sub(1);
            if !stream.samples.is_empty() {
                self.sampled -= 1;
                stream.samples = Vec::new();
            }
        }
        if packet.outcome.is_err() && stream.verified == 0 && stream.id.ssrc.is_some() {
            let is_first = stream.samples.is_empty();
            let has_room = stream.samples.len() < MAX_SAMPLES
                && (!is_first || self.sampled < MAX_SAMPLED_STREAMS)
                && !matches!(packet.outcome, Err(Refused::CutShort { .. }));
            if has_room {
                self.sampled += usize::from(is_first);
                stream.samples.push(packet.packet.to_vec());
            }
        }
        stream.count(packet, clock_rate);
    }

    /// Keeps a failure for the report, unless its stream has enough of them.
    pub(super) fn keep_failure(&mut self, place: usize, failure: impl FnOnce() -> Failure) {
        if let Some(stream) = self.streams.get_mut(place)
            && stream.failures.len() < MAX_FAILURES
        {
            stream.failures.push(failure());
        }
    }

    /// Every stream, to settle what it is.
    pub(super) fn all_mut(&mut self) -> &mut [Stream] {
        &mut self.streams
    }

    /// Every stream, media or not.
    pub(super) fn all(&self) -> &[Stream] {
        &self.streams
    }

    /// The streams, those of one sender together, strangers last.
    pub fn streams(&self) -> impl Iterator<Item = &Stream> {
        let mut streams: Vec<&Stream> = self.streams.iter().filter(|s| s.is_media).collect();
        streams.sort_by_key(|stream| (stream.id.sender.is_none(), stream.id));
        streams.into_iter()
    }

    /// The sum of one count over all streams.
    pub fn total(&self, count: impl Fn(&Stream) -> u64) -> u64 {
        self.streams().map(count).sum()
    }
}

impl Stream {
    fn new(id: StreamId, packet: &Counted<'_>) -> Self {
        Self {
            id,
            from: packet.from,
            to: packet.to,
            packets: 0,
            verified: 0,
            failed: 0,
            replayed: 0,
            copies: 0,
            octets: 0,
            payload_type: None,
            reordered: 0,
            newest_index: None,
            failures: Vec::new(),
            samples: Vec::new(),
            is_media: false,
            plausible: 0,
            is_named: false,
            vantage: packet.vantage,
            last_sequence_number: None,
            oldest_index: 0,
            clock: None,
            clock_rate: None,
            reception: None,
        }
    }

    /// Indexes between the first and the last packet of which none was
    /// received; RTP only. SRTP's indexes do not wrap.
    pub fn lost(&self) -> u64 {
        match (self.id.protocol, self.newest_index) {
            (Protocol::Rtp, Some(newest)) => {
                (newest - self.oldest_index + 1).saturating_sub(self.verified)
            }
            _ => 0,
        }
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
        match self.id.protocol {
            Protocol::Rtp => u32::try_from(self.newest_index? >> 16).ok(),
            Protocol::Rtcp => None,
        }
    }

    fn count(&mut self, packet: &Counted<'_>, clock_rate: impl FnOnce(u8) -> Option<u32>) {
        self.is_named |= packet.is_named;
        let plain = match packet.outcome {
            Ok(plain) => plain,
            Err(refused) => {
                self.count_refused(packet, refused);
                return;
            }
        };
        self.packets += 1;
        self.verified += 1;
        match self.newest_index {
            Some(newest) if plain.index < newest => {
                self.reordered += 1;
                self.oldest_index = self.oldest_index.min(plain.index);
            }
            Some(_) => self.newest_index = Some(plain.index),
            None => {
                self.vantage = packet.vantage;
                self.oldest_index = plain.index;
                self.newest_index = Some(plain.index);
            }
        }
        match self.id.protocol {
            Protocol::Rtcp => self.octets += packet.packet.len() as u64,
            Protocol::Rtp => self.count_rtp(packet, clock_rate),
        }
    }

    fn count_refused(&mut self, packet: &Counted<'_>, refused: Refused) {
        if refused.is_replay() && self.verified > 0 && packet.vantage != self.vantage {
            self.copies += 1;
            return;
        }
        self.packets += 1;
        match refused.is_replay() {
            true => self.replayed += 1,
            false => self.failed += 1,
        }
        if self.verified > 0 {
            return;
        }
        match (self.id.protocol, packet.packet) {
            (Protocol::Rtp, [_, _, high, low, ..]) => {
                let number = u16::from_be_bytes([*high, *low]);
                let step = self
                    .last_sequence_number
                    .replace(number)
                    .map(|last| number.wrapping_sub(last));
                self.plausible += u64::from(step.is_some_and(|step| (1..=16).contains(&step)));
            }
            (Protocol::Rtcp, octets) => {
                self.plausible += u64::from(super::kind::is_plausible_rtcp(octets));
            }
            _ => {}
        }
    }

    fn count_rtp(&mut self, packet: &Counted<'_>, clock_rate: impl FnOnce(u8) -> Option<u32>) {
        // SRTP has authenticated it; its own header may still be nonsense.
        let Some(rtp) = RtpView::parse(packet.packet) else {
            return;
        };
        self.octets += rtp.payload.len() as u64;
        self.payload_type = Some(rtp.payload_type);
        let clock_rate = match self.clock {
            Some((payload_type, rate)) if payload_type == rtp.payload_type => rate,
            _ => {
                let rate = clock_rate(rtp.payload_type);
                self.clock = Some((rtp.payload_type, rate));
                rate
            }
        };
        self.clock_rate = self.clock_rate.or(clock_rate);
        self.reception
            .get_or_insert_with(|| {
                let clock_rate = clock_rate.unwrap_or(USUAL_CLOCK_RATE);
                Reception::authenticated(rtp.ssrc, clock_rate, rtp.sequence_number)
            })
            .rtp(packet.at, rtp.sequence_number, rtp.timestamp);
    }
}
