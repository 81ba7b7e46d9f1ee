//! The fields of an RTP header that statistics need.

/// An RTP packet's fixed header (RFC 3550 §5.1), read from plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RtpHeader {
    pub(crate) payload_type: u8,
    pub(crate) sequence_number: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Octets of payload, padding not counted.
    pub(crate) payload_len: usize,
}

impl RtpHeader {
    /// Reads the header of a whole packet; `None` where it is no RTP.
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        let (fixed, _) = packet.split_first_chunk::<12>()?;
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if first >> 6 != 2 {
            return None;
        }
        let mut header_len = 12_usize.checked_add(usize::from(first & 0x0f).checked_mul(4)?)?;
        if first & 0x10 != 0 {
            let (words, _) = packet
                .get(header_len.checked_add(2)?..)?
                .split_first_chunk::<2>()?;
            let extension_len = usize::from(u16::from_be_bytes(*words)).checked_mul(4)?;
            header_len = header_len.checked_add(4)?.checked_add(extension_len)?;
        }
        let rest_len = packet.len().checked_sub(header_len)?;
        let padding_len = if first & 0x20 != 0 {
            usize::from(*packet.last()?)
        } else {
            0
        };
        Some(Self {
            payload_type: second & 0x7f,
            sequence_number: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload_len: rest_len.checked_sub(padding_len)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn csrcs_extension_and_padding_are_not_payload() {
        let mut packet = vec![0b1011_0001, 0x80 | 96, 0x12, 0x34];
        packet.extend([0, 0, 0, 9, 0xab, 0xcd, 0x12, 0x34]);
        packet.extend([1; 4]);
        packet.extend([0xbe, 0xde, 0, 1, 5, 5, 5, 5]);
        packet.extend([7; 10]);
        packet.extend([0, 2]);
        let header = RtpHeader::read(&packet).unwrap();
        assert_eq!(header.payload_type, 96);
        assert_eq!(header.sequence_number, 0x1234);
        assert_eq!(header.timestamp, 9);
        assert_eq!(header.ssrc, 0xabcd_1234);
        assert_eq!(header.payload_len, 10);
    }

    proptest! {
        #[test]
        fn no_octets_make_reading_panic(packet: Vec<u8>) {
            if let Some(header) = RtpHeader::read(&packet) {
                prop_assert!(header.payload_len + 12 <= packet.len());
            }
        }
    }
}
