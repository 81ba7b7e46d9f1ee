//! Authenticates and decrypts a capture again.
//!
//! ```
//! use callseal::capture::{CaptureReader, CaptureWriter, Format};
//! use callseal::replay::{KeyRing, KeySet, Replay, Suite};
//!
//! let suite: Suite = "AES_CM_128_HMAC_SHA1_80".parse()?;
//! let set = KeySet::new(suite, &[0; 16], &[0; 14])?;
//! let mut replay = Replay::new(KeyRing::new(vec![set]));
//!
//! let capture = CaptureWriter::new(Format::Pcap, Vec::new())?.finish()?;
//! let mut reader = CaptureReader::new(&capture[..])?;
//! let mut ignore = |_: &callseal::replay::Seen<'_>| Ok(());
//! while let Some(frame) = reader.next_frame()? {
//!     replay.frame(&frame, &mut ignore)?;
//! }
//! replay.finish(&mut ignore)?;
//! assert_eq!(replay.totals().frames, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod destinations;
mod group;
mod hypotheses;
mod key_ring;
mod key_set;
mod kind;
mod outputs;
mod report;
mod routes;
mod suite;
mod tally;
mod totals;
mod whole_file;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use callseal_rtcp_ext::{Fragment, SizeRule, parse};

pub use hypotheses::{Hint, changed, hints};
pub use key_ring::{KeyRing, KeyRingError, Plain, Protocol, Refused};
pub use key_set::{KeySet, KeySetError, PayloadTypes, Rocs};
pub use kind::{Kind, protocol_of};
pub use report::{Report, Verdict};
pub use suite::{Suite, UnknownSuite};
pub use tally::{Stream, StreamId, Tally};
pub use totals::Totals;
pub use whole_file::{Finished, Task, packet_json, packet_line, replay_file};

use crate::capture::{Datagram, Frame, LinkType, cut_udp_in};
use destinations::Destinations;
use group::{Group, Place};
use routes::{Proven, Routes, Way};
use tally::{Counted, Vantage};

/// A capture being replayed: frames in, plaintext and counts out.
///
/// What is given back comes in the order of the capture, and later than it
/// went in: packets are opened in groups.
#[derive(Debug)]
pub struct Replay {
    ring: KeyRing,
    filter: Filter,
    routes: Routes,
    group: Group,
    destinations: Destinations,
    tally: Tally,
    totals: Totals,
    single: Vec<u8>,
}

/// What is looked at, where somebody says so.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// UDP ports, of the source or the destination; empty for all.
    pub ports: Vec<u16>,
    /// SSRCs; empty for all.
    pub ssrcs: Vec<u32>,
}

/// A packet that was not opened.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its number in the capture, from 1, as Wireshark counts.
    pub number: u64,
    /// Where its record begins in the file, in octets.
    pub offset: u64,
    /// RTP or RTCP; `None` where it is neither.
    pub protocol: Option<Protocol>,
    /// Source address.
    pub from: SocketAddr,
    /// The SSRC in its header.
    pub ssrc: Option<u32>,
    /// The sequence number in its header; RTP only.
    pub sequence_number: Option<u16>,
    /// Why.
    pub refused: Refused,
}

/// A packet that was tried, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Its number in the capture, from 1, as Wireshark counts.
    pub number: u64,
    /// Where its record begins in the file, in octets.
    pub offset: u64,
    /// Time of capture since the Unix epoch.
    pub at: Duration,
    /// What the frame begins with.
    pub link_type: LinkType,
    /// The frame, in which the packet in clear stands where it was opened.
    pub frame: &'a [u8],
    /// Where in the frame the packet as it was protected stands.
    pub datagram: &'a Datagram,
    /// RTP or RTCP; `None` where it is neither.
    pub protocol: Option<Protocol>,
    /// The SSRC in its header.
    pub ssrc: Option<u32>,
    /// The set of keys that opened it.
    pub sender: Option<usize>,
    /// Its plain length and index, or why there are none.
    pub outcome: Result<Plain, Refused>,
    /// Whether the outcome counts: what is no media for sure is only counted
    /// once the rest of the capture is known.
    pub is_media: bool,
}

/// What is done with packets as they come out.
pub type Sink<'a> = dyn FnMut(&Seen<'_>) -> io::Result<()> + 'a;

impl Replay {
    /// Begins with no packet seen, and looks at all.
    pub fn new(ring: KeyRing) -> Self {
        Self::with_filter(ring, Filter::default())
    }

    /// Begins with no packet seen, and looks at some.
    pub fn with_filter(ring: KeyRing, filter: Filter) -> Self {
        Self {
            ring,
            filter,
            routes: Routes::default(),
            group: Group::default(),
            destinations: Destinations::default(),
            tally: Tally::default(),
            totals: Totals::default(),
            single: Vec::new(),
        }
    }

    /// Takes the capture's next frame.
    ///
    /// # Errors
    /// What `sink` says.
    pub fn frame(&mut self, frame: &Frame<'_>, sink: &mut Sink<'_>) -> io::Result<()> {
        self.totals.frames += 1;
        let datagram = match cut_udp_in(frame.link_type, frame.bytes) {
            Ok(datagram) if self.filter.takes(&datagram) => datagram,
            Ok(_) => {
                self.totals.left_out += 1;
                return Ok(());
            }
            Err(reason) => {
                self.totals.count_not_udp(reason);
                return Ok(());
            }
        };
        let octets = &frame.bytes[datagram.payload.clone()];
        match Kind::of(octets) {
            Kind::Media(_, ssrc) if !self.filter.takes_ssrc(ssrc) => self.totals.left_out += 1,
            Kind::Media(protocol, ssrc) => {
                return self.media(frame, datagram, protocol, ssrc, sink);
            }
            Kind::KeepAlive => self.totals.keep_alive += 1,
            Kind::Stun => self.totals.stun += 1,
            Kind::Dtls => self.totals.dtls += 1,
            Kind::Zrtp => self.totals.zrtp += 1,
            Kind::Sip => self.totals.sip += 1,
            Kind::Other => return self.other(frame, &datagram, sink),
        }
        Ok(())
    }

    /// Gives back what still waits, and settles what the packets were.
    ///
    /// # Errors
    /// What `sink` says.
    pub fn finish(&mut self, sink: &mut Sink<'_>) -> io::Result<()> {
        self.flush(sink)?;
        self.totals.settle(
            &mut self.tally,
            &self.destinations,
            !self.filter.ports.is_empty(),
        );
        Ok(())
    }

    /// The counts of all frames; those of packets are settled by
    /// [`finish`](Self::finish).
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The streams and what is counted of each.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The first packets that were not opened, by their number.
    pub fn failures(&self) -> Vec<&Failure> {
        let streams = self.tally.streams().flat_map(|stream| &stream.failures);
        let mut failures: Vec<_> = streams.chain(self.destinations.failures()).collect();
        failures.sort_by_key(|failure| failure.number);
        failures
    }

    /// The keys in use.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// RTP or RTCP: into the group where its keys are known, else by itself.
    fn media(
        &mut self,
        frame: &Frame<'_>,
        datagram: Datagram,
        protocol: Protocol,
        ssrc: u32,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        if self.routes.is_full() {
            self.flush(sink)?;
            self.routes.clear();
        }
        let way = Way {
            from: datagram.from,
            to: datagram.to,
            ssrc,
            protocol,
        };
        let (route, known) = self.routes.of(way, &self.ring);
        if let (Protocol::Rtp, Some(proven), 0) = (protocol, known.proven, datagram.missing_len)
            && let Some(receiver) = self.ring.receiver_of(proven.set)
        {
            let place = Place {
                ssrc,
                route,
                set: proven.set,
                receiver,
            };
            if !self.group.admits(&place) {
                self.flush(sink)?;
            }
            self.group.push(frame, datagram, place);
            return Ok(());
        }
        self.flush(sink)?;
        self.single(frame, &datagram, route, way, sink)
    }

    /// A packet by itself: whatever came before has been opened.
    fn single(
        &mut self,
        frame: &Frame<'_>,
        datagram: &Datagram,
        route: usize,
        way: Way,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        let protected = &frame.bytes[datagram.payload.clone()];
        if way.protocol == Protocol::Rtcp && datagram.missing_len == 0 && is_handshake(protected) {
            self.totals.handshake += 1;
            return Ok(());
        }
        self.single.clear();
        self.single.extend_from_slice(frame.bytes);
        let mut octets = std::mem::take(&mut self.single);
        let packet = &mut octets[datagram.payload.clone()];
        let (sender, outcome) = match datagram.missing_len {
            0 => self.open(route, way, packet),
            missing_len => {
                let kept_len = packet.len();
                let len = kept_len + missing_len;
                (None, Err(Refused::CutShort { kept_len, len }))
            }
        };
        if outcome.is_err() && way.protocol == Protocol::Rtcp && is_clear_rtcp(protected) {
            self.totals.clear_rtcp += 1;
            self.single = octets;
            return Ok(());
        }
        let origin = Origin {
            number: frame.number,
            offset: frame.offset,
            at: frame.at,
            link_type: frame.link_type,
            interface: frame.interface,
        };
        let done = self.settle(
            origin,
            datagram,
            &octets,
            route,
            way,
            (sender, outcome),
            sink,
        );
        self.single = octets;
        done
    }

    /// Opens a group, and gives it back packet by packet.
    fn flush(&mut self, sink: &mut Sink<'_>) -> io::Result<()> {
        if self.group.is_empty() {
            return Ok(());
        }
        let mut group = std::mem::take(&mut self.group);
        let results = group.open(self.ring.receivers());
        for (number, outcome) in results.into_iter().enumerate() {
            let Some((waiting, frame)) = group.get_mut(number) else {
                break;
            };
            let way = Way {
                from: waiting.datagram.from,
                to: waiting.datagram.to,
                ssrc: waiting.ssrc,
                protocol: Protocol::Rtp,
            };
            let opened = match outcome {
                Ok(plain) => (Some(waiting.set), Ok(plain)),
                Err(refused) => {
                    let packet = &mut frame[waiting.datagram.payload.clone()];
                    self.open_with_others(waiting.route, way, packet, waiting.set, refused)
                }
            };
            let origin = Origin {
                number: waiting.number,
                offset: waiting.offset,
                at: waiting.at,
                link_type: waiting.link_type,
                interface: waiting.interface,
            };
            let (datagram, route) = (&waiting.datagram, waiting.route);
            self.settle(origin, datagram, frame, route, way, opened, sink)?;
        }
        group.clear();
        self.group = group;
        Ok(())
    }

    /// Opens a packet in place with the sets of its route, the proven one
    /// first.
    fn open(
        &mut self,
        route: usize,
        way: Way,
        packet: &mut [u8],
    ) -> (Option<usize>, Result<Plain, Refused>) {
        let proven = self.routes.at(route).and_then(|route| route.proven);
        let Some(Proven { set, .. }) = proven else {
            return self.open_with_others(route, way, packet, usize::MAX, Refused::NoKey);
        };
        match self.ring.open(set, way.protocol, way.ssrc, packet) {
            Ok(plain) => (Some(set), Ok(plain)),
            Err(refused) => self.open_with_others(route, way, packet, set, refused),
        }
    }

    /// Opens a packet in place that the set `tried` has refused. Of several
    /// refusals the one that says most is given: only a stream that has
    /// authenticated knows a replay.
    fn open_with_others(
        &mut self,
        route: usize,
        way: Way,
        packet: &mut [u8],
        tried: usize,
        refused: Refused,
    ) -> (Option<usize>, Result<Plain, Refused>) {
        let candidates = match self.routes.at(route) {
            Some(route) => route.candidates.clone(),
            None => return (None, Err(refused)),
        };
        // In the order of the candidates, whichever was tried first.
        let mut best = (None, Refused::NoKey);
        for &set in candidates.iter() {
            let outcome = match set == tried {
                true => Err(refused),
                false => self.ring.open(set, way.protocol, way.ssrc, packet),
            };
            match outcome {
                Ok(plain) => return (Some(set), Ok(plain)),
                Err(refused) => {
                    let says_more =
                        best.1 == Refused::NoKey || (refused.is_replay() && !best.1.is_replay());
                    if says_more {
                        best = (self.owner(set, way), refused);
                    }
                }
            }
        }
        (best.0, Err(best.1))
    }

    fn owner(&self, set: usize, way: Way) -> Option<usize> {
        self.ring.is_own(set, way.from).then_some(set)
    }

    /// Counts a packet, remembers what opened it, and hands it out.
    #[expect(clippy::too_many_arguments, reason = "the end of two ways into one")]
    fn settle(
        &mut self,
        origin: Origin,
        datagram: &Datagram,
        frame: &[u8],
        route: usize,
        way: Way,
        (sender, outcome): (Option<usize>, Result<Plain, Refused>),
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        let packet = &frame[datagram.payload.clone()];
        let packet = match outcome {
            Ok(plain) => &packet[..plain.len],
            Err(_) => packet,
        };
        let id = StreamId {
            sender,
            protocol: way.protocol,
            ssrc: Some(way.ssrc),
        };
        let counted = Counted {
            id,
            from: way.from,
            to: way.to,
            at: origin.at,
            vantage: vantage(&origin, frame),
            outcome,
            packet,
            is_named: sender.is_some_and(|set| self.ring.is_specific(set)),
        };
        let known = self.routes.at(route);
        let place = match known.as_ref().and_then(|known| known.proven) {
            Some(proven) if Some(proven.set) == sender => proven.stream,
            _ => self.tally.place(&counted),
        };
        if let (Ok(_), Some(set), Some(known)) = (outcome, sender, known) {
            let proven = Proven { set, stream: place };
            if known.proven.replace(proven).is_none() {
                self.destinations.prove(way.to);
            }
        }
        let set = sender.and_then(|set| self.ring.set(set));
        self.tally.count(place, &counted, |payload_type| match set {
            Some(set) => set.clock_rate(payload_type),
            None => crate::rtp::static_clock_rate(payload_type),
        });
        if let Err(refused) = outcome {
            self.tally.keep_failure(place, || Failure {
                number: origin.number,
                offset: origin.offset,
                protocol: Some(way.protocol),
                from: way.from,
                ssrc: Some(way.ssrc),
                sequence_number: sequence_number(way.protocol, packet),
                refused,
            });
        }
        sink(&Seen {
            number: origin.number,
            offset: origin.offset,
            at: origin.at,
            link_type: origin.link_type,
            frame,
            datagram,
            protocol: Some(way.protocol),
            ssrc: Some(way.ssrc),
            sender,
            outcome,
            is_media: true,
        })
    }

    /// What is neither media nor anything else that is known: damaged media
    /// where media has been proven to go, or somebody else's.
    fn other(
        &mut self,
        frame: &Frame<'_>,
        datagram: &Datagram,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        self.flush(sink)?;
        let len = datagram.payload.len() + datagram.missing_len;
        let refused = Refused::NotAPacket { len };
        let failure = Failure {
            number: frame.number,
            offset: frame.offset,
            protocol: None,
            from: datagram.from,
            ssrc: None,
            sequence_number: None,
            refused,
        };
        let is_media = self.destinations.count_odd(datagram.to, failure);
        sink(&Seen {
            number: frame.number,
            offset: frame.offset,
            at: frame.at,
            link_type: frame.link_type,
            frame: frame.bytes,
            datagram,
            protocol: None,
            ssrc: None,
            sender: None,
            outcome: Err(refused),
            is_media,
        })
    }
}

impl Filter {
    fn takes(&self, datagram: &Datagram) -> bool {
        self.ports.is_empty()
            || self.ports.contains(&datagram.from.port())
            || self.ports.contains(&datagram.to.port())
    }

    fn takes_ssrc(&self, ssrc: u32) -> bool {
        self.ssrcs.is_empty() || self.ssrcs.contains(&ssrc)
    }
}

/// Where in the capture a packet stands.
#[derive(Clone, Copy, Debug)]
struct Origin {
    number: u64,
    offset: u64,
    at: Duration,
    link_type: LinkType,
    interface: u32,
}

/// Interface and direction of a frame; cooked captures say them in its head.
fn vantage(origin: &Origin, frame: &[u8]) -> Vantage {
    let octet = |at: usize| frame.get(at).copied().unwrap_or(0);
    match origin.link_type {
        LinkType::LINUX_SLL => (origin.interface, u16::from_be_bytes([octet(0), octet(1)])),
        LinkType::LINUX_SLL2 => {
            let interface = u32::from_be_bytes([octet(4), octet(5), octet(6), octet(7)]);
            (interface, u16::from(octet(10)))
        }
        _ => (origin.interface, 0),
    }
}

fn sequence_number(protocol: Protocol, packet: &[u8]) -> Option<u16> {
    match (protocol, packet) {
        (Protocol::Rtp, [_, _, high, low, ..]) => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

/// Whether a datagram is RTCP in clear that carries the handshake.
pub fn is_handshake(datagram: &[u8]) -> bool {
    parse(datagram, SizeRule::Compound).is_ok_and(|compound| Fragment::find(&compound).is_some())
}

/// Whether a datagram is RTCP in clear: to its end a packet behind the other,
/// which SRTCP's trailer and cipher text are not.
fn is_clear_rtcp(datagram: &[u8]) -> bool {
    parse(datagram, SizeRule::ReducedSize).is_ok()
}

#[cfg(test)]
mod tests;
