//! Authenticates and decrypts a capture again.
//!
//! ```
//! use std::collections::BTreeMap;
//! use callseal::capture::{CaptureReader, CaptureWriter, Format};
//! use callseal::keys_file::{KeysFile, MkiOctets, SenderKey};
//! use callseal::replay::{KeyRing, Replay};
//! use callseal::secret::Secret;
//!
//! let key = SenderKey {
//!     sender: "alice".into(),
//!     from: vec![],
//!     ssrcs: vec![],
//!     profile: "AES_CM_128_HMAC_SHA1_80".into(),
//!     master_key: Secret::new(vec![0; 16]),
//!     master_salt: Secret::new(vec![0; 14]),
//!     mki: MkiOctets::default(),
//! };
//! let keys = KeysFile::new(vec![key], BTreeMap::new());
//! let mut replay = Replay::new(KeyRing::new(&keys)?, keys);
//!
//! let capture = CaptureWriter::new(Format::Pcap, Vec::new())?.finish()?;
//! let mut reader = CaptureReader::new(&capture[..])?;
//! while let Some(frame) = reader.next_frame()? {
//!     replay.frame(&frame);
//! }
//! assert_eq!(replay.totals().frames, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod key_ring;
mod report;
mod tally;

use std::net::SocketAddr;

use callseal_rtcp_ext::{Fragment, SizeRule, is_rtcp, parse};

pub use key_ring::{KeyRing, KeyRingError, Opened, Plain, Protocol, Refused};
pub use report::{Report, Verdict};
pub use tally::{Counted, Stream, StreamId, Tally};

use crate::capture::{Datagram, Frame, udp_in};
use crate::keys_file::KeysFile;
use crate::rtp::RtpView;

/// Failures that are kept for the report, the first ones.
const MAX_FAILURES: usize = 10;

/// A capture being replayed: frames in, plaintext and counts out.
#[derive(Debug)]
pub struct Replay {
    ring: KeyRing,
    keys: KeysFile,
    clock_rates: Vec<Option<u32>>,
    tally: Tally,
    totals: Totals,
    failures: Vec<Failure>,
    packet: Vec<u8>,
}

/// What a capture's frames are, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All frames.
    pub frames: u64,
    /// SRTP and SRTCP packets, opened or not.
    pub packets: u64,
    /// Those that authenticated.
    pub verified: u64,
    /// Those that did not, or could not be tried.
    pub failed: u64,
    /// Those with an index received before, or behind the replay window.
    pub replayed: u64,
    /// Datagrams of the handshake, in clear RTCP.
    pub handshake: u64,
    /// Other RTCP in clear.
    pub clear_rtcp: u64,
    /// UDP that is neither RTP nor RTCP.
    pub other_udp: u64,
    /// Frames without a whole UDP datagram.
    pub not_udp: u64,
}

/// A packet that was not opened.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its number in the capture, from 1, as Wireshark counts.
    pub number: u64,
    /// Where its record begins in the file, in octets.
    pub offset: u64,
    /// RTP or RTCP.
    pub protocol: Protocol,
    /// Source address.
    pub from: SocketAddr,
    /// The SSRC in its header.
    pub ssrc: u32,
    /// The sequence number in its header; RTP only.
    pub sequence_number: Option<u16>,
    /// Why.
    pub refused: Refused,
}

/// A packet that was opened, and the datagram that it came in.
#[derive(Debug)]
pub struct Accepted<'a> {
    /// Where it lies in its frame.
    pub datagram: Datagram,
    /// RTP or RTCP.
    pub protocol: Protocol,
    /// The packet in clear.
    pub plain: &'a [u8],
}

impl Replay {
    /// Begins with no packet seen. `keys` also says the clock rates of
    /// payload types.
    pub fn new(ring: KeyRing, keys: KeysFile) -> Self {
        Self {
            ring,
            clock_rates: (0..128).map(|kind| keys.clock_rate(kind)).collect(),
            keys,
            tally: Tally::default(),
            totals: Totals::default(),
            failures: Vec::new(),
            packet: Vec::new(),
        }
    }

    /// Takes the capture's next frame, and gives back what it held in clear,
    /// if it held an SRTP or SRTCP packet that authenticates.
    pub fn frame(&mut self, frame: &Frame<'_>) -> Option<Accepted<'_>> {
        self.totals.frames += 1;
        let Ok(datagram) = udp_in(frame.link_type, frame.bytes) else {
            self.totals.not_udp += 1;
            return None;
        };
        let protected = &frame.bytes[datagram.payload.clone()];
        let Some((protocol, ssrc)) = protocol_of(protected) else {
            self.totals.other_udp += 1;
            return None;
        };
        if protocol == Protocol::Rtcp && is_handshake(protected) {
            self.totals.handshake += 1;
            return None;
        }
        self.packet.clear();
        self.packet.extend_from_slice(protected);
        let from = datagram.from;
        let opened = self.ring.open(protocol, from, ssrc, &mut self.packet);
        if opened.outcome.is_err()
            && protocol == Protocol::Rtcp
            && parse(protected, SizeRule::Compound).is_ok()
        {
            self.totals.clear_rtcp += 1;
            return None;
        }
        self.totals.packets += 1;
        let plain_len = opened.outcome.map_or(0, |plain| plain.len);
        let plain = &self.packet[..plain_len];
        let payload_type = usize::from(protected[1] & 0x7f);
        self.tally.count(&Counted {
            protocol,
            ssrc,
            from,
            to: datagram.to,
            at: frame.at,
            opened,
            plain,
            clock_rate: self.clock_rates[payload_type],
        });
        match opened.outcome {
            Ok(_) => {
                self.totals.verified += 1;
                Some(Accepted {
                    datagram,
                    protocol,
                    plain,
                })
            }
            Err(refused) => {
                match refused.is_replay() {
                    true => self.totals.replayed += 1,
                    false => self.totals.failed += 1,
                }
                if self.failures.len() < MAX_FAILURES {
                    let sequence_number = u16::from_be_bytes([protected[2], protected[3]]);
                    self.failures.push(Failure {
                        number: frame.number,
                        offset: frame.offset,
                        protocol,
                        from,
                        ssrc,
                        sequence_number: (protocol == Protocol::Rtp).then_some(sequence_number),
                        refused,
                    });
                }
                None
            }
        }
    }

    /// The counts of all frames.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The streams and what is counted of each.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The first packets that were not opened, ten at most.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// The keys in use.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// What the keys' file says of a payload type.
    pub fn encoding(&self, payload_type: u8) -> Option<&str> {
        let stated = self.keys.payload_types.get(&payload_type)?;
        stated.split('/').next()
    }
}

/// Whether a datagram has the shape of SRTP or SRTCP (RFC 5761 §4), and the
/// SSRC in its header.
///
/// ```
/// use callseal::replay::{Protocol, protocol_of};
///
/// let rtp = [0x80, 0, 0, 7, 0, 0, 0, 160, 0xab, 0xcd, 0x12, 0x34];
/// assert_eq!(protocol_of(&rtp), Some((Protocol::Rtp, 0xabcd_1234)));
/// assert_eq!(protocol_of(b"SIP/2.0 200 OK"), None);
/// ```
pub fn protocol_of(datagram: &[u8]) -> Option<(Protocol, u32)> {
    const RTCP_HEADER_LEN: usize = 8;
    let ssrc_at = |at: usize| {
        let octets = datagram.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*octets))
    };
    match is_rtcp(datagram) {
        true if datagram.len() >= RTCP_HEADER_LEN => Some((Protocol::Rtcp, ssrc_at(4)?)),
        true => None,
        // The header is in clear, and padding not to be looked at.
        false if RtpView::is_version_2(datagram) => Some((Protocol::Rtp, ssrc_at(8)?)),
        false => None,
    }
}

/// Whether a datagram is RTCP in clear that carries the handshake.
pub fn is_handshake(datagram: &[u8]) -> bool {
    parse(datagram, SizeRule::Compound).is_ok_and(|compound| Fragment::find(&compound).is_some())
}

#[cfg(test)]
mod tests;
