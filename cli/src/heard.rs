//! What was heard: the payloads of each stream, in order.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::rtp::RtpView;
use crate::wav::Recording;

/// Packets kept back to put late ones in their place. What comes later still
/// is counted and not hashed.
const REORDER_DEPTH: usize = 1_024;

/// SSRCs that are told apart.
const MAX_STREAMS: usize = 64;

/// The streams that were heard.
#[derive(Debug, Default)]
pub struct Heard {
    streams: BTreeMap<u32, HeardStream>,
    keeps_sound: bool,
}

/// One stream's payloads, in the order of their sequence numbers.
#[derive(Debug, Default)]
pub struct HeardStream {
    /// Packets that were hashed or wait to be.
    pub packets: u64,
    /// Packets that came too late for their place.
    pub too_late: u64,
    /// The payload type of the latest packet.
    pub payload_type: u8,
    /// What a person can hear of it.
    pub recording: Recording,
    newest: Option<i64>,
    hashed_up_to: Option<i64>,
    waiting: BTreeMap<i64, Vec<u8>>,
    hash: Sha256,
}

impl Heard {
    /// Nothing heard yet. With `keeps_sound`, PCMU and PCMA are kept for a
    /// WAV file; without, memory does not grow with the call.
    pub fn new(keeps_sound: bool) -> Self {
        Self {
            streams: BTreeMap::new(),
            keeps_sound,
        }
    }

    /// Takes an authenticated RTP packet in clear.
    pub fn take(&mut self, packet: &[u8]) {
        let Some(rtp) = RtpView::parse(packet) else {
            return;
        };
        if self.streams.len() >= MAX_STREAMS && !self.streams.contains_key(&rtp.ssrc) {
            return;
        }
        let stream = self.streams.entry(rtp.ssrc).or_default();
        if self.keeps_sound {
            stream.recording.add(packet);
        }
        stream.take(&rtp, packet);
    }

    /// The streams by their SSRCs.
    pub fn streams(&self) -> impl Iterator<Item = (u32, &HeardStream)> {
        self.streams.iter().map(|(ssrc, stream)| (*ssrc, stream))
    }

    /// All packets heard.
    pub fn packets(&self) -> u64 {
        self.streams.values().map(|stream| stream.packets).sum()
    }
}

impl HeardStream {
    /// SHA-256 over all payloads, in the order of their sequence numbers.
    pub fn payload_sha256(&self) -> [u8; 32] {
        let mut hash = self.hash.clone();
        for payload in self.waiting.values() {
            hash.update(payload);
        }
        hash.finalize().into()
    }

    fn take(&mut self, rtp: &RtpView, packet: &[u8]) {
        let sequence = match self.newest {
            // The shorter way round the circle of sequence numbers.
            Some(newest) => {
                let step = rtp.sequence_number.wrapping_sub(newest as u16);
                newest + i64::from(step.cast_signed())
            }
            None => i64::from(rtp.sequence_number),
        };
        if self.hashed_up_to.is_some_and(|up_to| sequence <= up_to) {
            self.too_late += 1;
            return;
        }
        self.newest = self.newest.max(Some(sequence));
        self.packets += 1;
        self.payload_type = rtp.payload_type;
        self.waiting
            .insert(sequence, packet[rtp.payload.clone()].to_vec());
        if self.waiting.len() > REORDER_DEPTH
            && let Some((sequence, payload)) = self.waiting.pop_first()
        {
            self.hash.update(&payload);
            self.hashed_up_to = Some(sequence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence_number: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, 0];
        packet.extend(sequence_number.to_be_bytes());
        packet.extend([0, 0, 0, 0, 0, 0, 0, 7]);
        packet.extend(payload);
        packet
    }

    fn hash_of(numbers: impl IntoIterator<Item = u16>) -> (u64, [u8; 32]) {
        let mut heard = Heard::new(false);
        for number in numbers {
            heard.take(&packet(number, &number.to_be_bytes()));
        }
        let (_, stream) = heard.streams().next().unwrap();
        (stream.packets, stream.payload_sha256())
    }

    #[test]
    fn the_hash_follows_the_sequence_and_not_the_arrival() {
        let in_order = hash_of((65_000..=65_535).chain(0..2_000));
        let swapped = hash_of(
            (65_000..=65_535)
                .chain(0..2_000)
                .map(|number| match number {
                    65_535 => 3,
                    3 => 65_535,
                    number => number,
                }),
        );
        assert_eq!(in_order, swapped);
        let expected: Vec<u8> = (65_000..=65_535)
            .chain(0..2_000)
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(in_order.1[..], Sha256::digest(expected)[..]);
    }

    #[test]
    fn a_packet_that_comes_too_late_is_counted_and_not_hashed() {
        let mut heard = Heard::new(false);
        for number in (1..2_000).chain([0]) {
            heard.take(&packet(number, b"x"));
        }
        let (_, stream) = heard.streams().next().unwrap();
        assert_eq!((stream.packets, stream.too_late), (1_999, 1));
    }

    #[test]
    fn the_number_of_streams_is_bounded() {
        let mut heard = Heard::new(true);
        for ssrc in 0..1_000_u32 {
            let mut packet = packet(1, b"x");
            packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
            heard.take(&packet);
        }
        assert_eq!(heard.streams().count(), MAX_STREAMS);
    }
}
