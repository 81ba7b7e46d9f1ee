//! What a capture's frames are, all together.

use super::destinations::Destinations;
use super::{Protocol, Tally};
use crate::capture::NotUdp;

/// The counts of a capture's frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All frames.
    pub frames: u64,
    /// SRTP and SRTCP packets, opened or not.
    pub packets: u64,
    /// Those that authenticated.
    pub verified: u64,
    /// Those that did not, or could not be tried.
    pub failed: u64,
    /// Of these, datagrams on a stream's way that are no packets.
    pub damaged: u64,
    /// Those with an index received before, or behind the replay window.
    pub replayed: u64,
    /// Packets that the capture holds a second time, taken at another
    /// interface; not among the others.
    pub copies: u64,
    /// Datagrams of the handshake, in clear RTCP.
    pub handshake: u64,
    /// Other RTCP in clear.
    pub clear_rtcp: u64,
    /// STUN and TURN.
    pub stun: u64,
    /// DTLS.
    pub dtls: u64,
    /// ZRTP.
    pub zrtp: u64,
    /// SIP over UDP.
    pub sip: u64,
    /// Datagrams that keep a port open.
    pub keep_alive: u64,
    /// Datagrams of ports or SSRCs that were not asked for.
    pub left_out: u64,
    /// Other UDP.
    pub other_udp: u64,
    /// Fragments of IP packets, which are not put together.
    pub fragments: u64,
    /// Frames cut short before the payload of a datagram.
    pub cut_frames: u64,
    /// Frames without a UDP datagram.
    pub not_udp: u64,
}

impl Totals {
    pub(super) fn count_not_udp(&mut self, reason: NotUdp) {
        match reason {
            NotUdp::Fragment => self.fragments += 1,
            NotUdp::CutShort => self.cut_frames += 1,
            _ => self.not_udp += 1,
        }
    }

    /// Decides which streams are media, and sums them up. With `is_told`
    /// somebody has said so of all.
    pub(super) fn settle(&mut self, tally: &mut Tally, destinations: &Destinations, is_told: bool) {
        let mut any = false;
        for stream in tally.all_mut() {
            let looks_like_it = match stream.id.protocol {
                Protocol::Rtp => stream.packets >= 2 && stream.plausible * 2 >= stream.packets,
                Protocol::Rtcp => stream.plausible > 0,
            };
            stream.is_media = is_told
                || stream.verified > 0
                || stream.is_named
                || looks_like_it
                || destinations.is_proven(stream.to);
            any |= stream.is_media;
        }
        if !any {
            // Nothing better is there to try the keys on.
            for stream in tally.all_mut() {
                stream.is_media = true;
            }
        }
        let unrelated = tally.all().iter().filter(|stream| !stream.is_media);
        let unrelated: u64 = unrelated.map(|stream| stream.packets).sum();
        self.other_udp = unrelated + destinations.unrelated();
        self.damaged = destinations.damaged();
        self.verified = tally.total(|stream| stream.verified);
        self.failed = tally.total(|stream| stream.failed) + self.damaged;
        self.replayed = tally.total(|stream| stream.replayed);
        self.copies = tally.total(|stream| stream.copies);
        self.packets = self.verified + self.failed + self.replayed;
    }
}
