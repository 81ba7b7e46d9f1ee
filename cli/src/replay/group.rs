//! Packets that wait to be opened together.

use std::ops::Range;
use std::time::Duration;

use callseal_srtp::{BatchPacket, Receiver, unprotect_rtp_batch};

use super::{Plain, Refused};
use crate::capture::{Datagram, Frame, LinkType};

/// Packets of a group: a few times what is worked on side by side, and as many
/// as an octet counts.
const MAX_PACKETS: usize = 128;

/// SSRCs that a group tells apart, by a part of each.
const SSRC_SLOTS: usize = 16_384;

/// SRTP packets of ways whose keys are known, in the order of the capture.
///
/// A group gives exactly what its packets one by one would have given. For
/// that no SSRC stands in it under two sets: a packet that its set refuses is
/// tried with others afterwards, and must find them as it would have.
#[derive(Debug, Default)]
pub(super) struct Group {
    arena: Vec<u8>,
    packets: Vec<Waiting>,
    /// The number of the latest packet of a slot. What an earlier group left
    /// is told by the packet of that number, which is of another slot.
    latest: Vec<u8>,
}

/// A packet of a group.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) number: u64,
    pub(super) offset: u64,
    pub(super) at: Duration,
    pub(super) link_type: LinkType,
    pub(super) interface: u32,
    pub(super) datagram: Datagram,
    pub(super) ssrc: u32,
    /// The place of its way's route.
    pub(super) route: usize,
    /// The set that it is opened with.
    pub(super) set: usize,
    pub(super) receiver: usize,
    frame: Range<usize>,
}

/// Whose packet it is, and what opens it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) ssrc: u32,
    pub(super) route: usize,
    pub(super) set: usize,
    pub(super) receiver: usize,
}

impl Group {
    /// Whether a packet may join: there is room, and its SSRC is under no
    /// other set. Two SSRCs in one slot keep each other out, as if they were
    /// one.
    pub(super) fn admits(&self, place: &Place) -> bool {
        let latest = self.latest.get(slot(place.ssrc));
        let latest = latest.and_then(|&number| self.packets.get(usize::from(number)));
        self.packets.len() < MAX_PACKETS
            && match latest {
                Some(latest) if slot(latest.ssrc) == slot(place.ssrc) => {
                    latest.ssrc == place.ssrc && latest.set == place.set
                }
                _ => true,
            }
    }

    /// Appends a packet that is [admitted](Self::admits).
    pub(super) fn push(&mut self, frame: &Frame<'_>, datagram: Datagram, place: Place) {
        self.latest.resize(SSRC_SLOTS, 0);
        self.latest[slot(place.ssrc)] = self.packets.len() as u8;
        let begin = self.arena.len();
        self.arena.extend_from_slice(frame.bytes);
        self.packets.push(Waiting {
            number: frame.number,
            offset: frame.offset,
            at: frame.at,
            link_type: frame.link_type,
            interface: frame.interface,
            datagram,
            ssrc: place.ssrc,
            route: place.route,
            set: place.set,
            receiver: place.receiver,
            frame: begin..self.arena.len(),
        });
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Opens all, in place; the results are in the order of the packets.
    pub(super) fn open(&mut self, receivers: &mut [Receiver]) -> Vec<Result<Plain, Refused>> {
        let mut batch = Vec::with_capacity(self.packets.len());
        let mut rest = &mut self.arena[..];
        for waiting in &self.packets {
            let (frame, behind) = rest.split_at_mut(waiting.frame.len());
            rest = behind;
            let packet = &mut frame[waiting.datagram.payload.clone()];
            let len = packet.len();
            batch.push(BatchPacket::new(waiting.receiver, packet, len));
        }
        unprotect_rtp_batch(receivers, &mut batch);
        let opened = batch.into_iter().map(|packet| match packet.result {
            Some(Ok(plain)) => Ok(Plain {
                len: plain.len,
                index: plain.index.get(),
            }),
            Some(Err(error)) => Err(error.into()),
            None => Err(Refused::NoKey),
        });
        opened.collect()
    }

    /// The packet with this number in the group, and its frame.
    pub(super) fn get_mut(&mut self, number: usize) -> Option<(&Waiting, &mut [u8])> {
        let waiting = self.packets.get(number)?;
        Some((waiting, &mut self.arena[waiting.frame.clone()]))
    }

    /// Lets all go.
    pub(super) fn clear(&mut self) {
        self.arena.clear();
        self.packets.clear();
    }
}

fn slot(ssrc: u32) -> usize {
    (ssrc ^ (ssrc >> 16)) as usize % SSRC_SLOTS
}
