//! The RTP header (RFC 3550 §5.1), read from a packet in clear.

use std::ops::Range;

/// What an RTP header says, and where the payload lies in the packet.
///
/// ```
/// use callseal::rtp::RtpView;
///
/// let mut packet = vec![0x80, 0x80 | 96, 0, 7, 0, 0, 0, 160, 0xab, 0xcd, 0x12, 0x34];
/// packet.extend(b"speech");
/// let rtp = RtpView::parse(&packet).expect("RTP of version 2");
/// assert_eq!((rtp.payload_type, rtp.marker, rtp.sequence_number), (96, true, 7));
/// assert_eq!(&packet[rtp.payload], b"speech");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpView {
    /// Payload type, 0–127.
    pub payload_type: u8,
    /// The marker bit.
    pub marker: bool,
    /// Sequence number.
    pub sequence_number: u16,
    /// Timestamp, in units of the payload type's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// The payload without padding.
    pub payload: Range<usize>,
}

impl RtpView {
    /// Reads a packet; `None` where it is not RTP of version 2, or its
    /// header does not fit into it.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let fixed = packet.first_chunk::<12>()?;
        if !Self::is_version_2(packet) {
            return None;
        }
        let csrc_count = usize::from(fixed[0] & 0x0f);
        let mut payload_at = 12 + csrc_count * 4;
        if fixed[0] & 0x10 != 0 {
            let extension = packet.get(payload_at..)?.first_chunk::<4>()?;
            let words = usize::from(u16::from_be_bytes([extension[2], extension[3]]));
            payload_at += 4 + words * 4;
        }
        let padding_len = match fixed[0] & 0x20 {
            0 => 0,
            _ => usize::from(*packet.last()?),
        };
        let payload_end = packet.len().checked_sub(padding_len)?;
        if payload_at > payload_end {
            return None;
        }
        Some(Self {
            payload_type: fixed[1] & 0x7f,
            marker: fixed[1] & 0x80 != 0,
            sequence_number: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            payload: payload_at..payload_end,
        })
    }
}

impl RtpView {
    /// Whether a datagram begins as RTP of version 2 does, protected or not.
    pub fn is_version_2(datagram: &[u8]) -> bool {
        datagram.first().is_some_and(|first| first >> 6 == 2)
    }
}

/// The clock rate in hertz of a payload type that has a fixed one (RFC 3551
/// table 4 and 5, audio), or `None`.
pub fn static_clock_rate(payload_type: u8) -> Option<u32> {
    match payload_type {
        0 | 3 | 4 | 5 | 7 | 8 | 9 | 12 | 13 | 15 | 18 => Some(8_000),
        6 => Some(16_000),
        10 | 11 => Some(44_100),
        16 => Some(11_025),
        17 => Some(22_050),
        14 | 25 | 26 | 28 | 31..=34 => Some(90_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn csrcs_extension_and_padding_are_no_payload() {
        let mut packet = vec![0xb2, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        packet.extend([9; 8]);
        packet.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        packet.extend(b"payload\0\0\x03");
        let rtp = RtpView::parse(&packet).unwrap();
        assert_eq!(&packet[rtp.payload], b"payload");
    }

    #[test]
    fn more_padding_than_payload_is_no_rtp() {
        let packet = [0xa0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 3];
        assert_eq!(RtpView::parse(&packet), None);
    }

    proptest! {
        #[test]
        fn a_payload_lies_inside_its_packet(packet in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(rtp) = RtpView::parse(&packet) {
                prop_assert!(packet.get(rtp.payload).is_some());
            }
        }
    }
}
