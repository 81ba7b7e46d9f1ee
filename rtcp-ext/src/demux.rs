//! RTP and RTCP on one port (RFC 5761).

use core::ops::RangeInclusive;

/// Whether a datagram on a port shared by RTP and RTCP is RTCP: version 2
/// and a second octet of 192–223 (RFC 5761 §4).
///
/// Holds for SRTP and SRTCP too, which leave these two octets in clear. On
/// such a port RTP must not use the payload types that
/// [`is_payload_type_reserved`] names.
///
/// ```
/// use callseal_rtcp_ext::is_rtcp;
///
/// assert!(is_rtcp(&[0x80, 200, 0, 6]));
/// assert!(!is_rtcp(&[0x80, 0, 0, 6]), "RTP, PCMU");
/// assert!(!is_rtcp(&[0x80, 0x80 | 96, 0, 6]), "RTP, marked, dynamic type 96");
/// assert!(!is_rtcp(&[0x00, 200, 0, 6]), "STUN has version 0");
/// ```
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, second, ..]
        if first >> 6 == crate::compound::VERSION && RTCP_TYPES.contains(second))
}

/// Whether an RTP payload type is taken for RTCP where both share a port:
/// 64–95 (RFC 5761 §4).
///
/// ```
/// use callseal_rtcp_ext::is_payload_type_reserved;
///
/// assert!(is_payload_type_reserved(72));
/// assert!(!is_payload_type_reserved(96));
/// ```
pub const fn is_payload_type_reserved(payload_type: u8) -> bool {
    matches!(payload_type, 64..=95)
}

pub(crate) const RTCP_TYPES: RangeInclusive<u8> = 192..=223;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_reserved_payload_types_look_like_rtcp_when_marked() {
        for payload_type in 0..=127 {
            let marked = is_rtcp(&[0x80, 0x80 | payload_type]);
            assert_eq!(marked, is_payload_type_reserved(payload_type));
            assert!(!is_rtcp(&[0x80, payload_type]));
        }
    }

    #[test]
    fn shorter_than_two_octets_is_not_rtcp() {
        assert!(!is_rtcp(&[]));
        assert!(!is_rtcp(&[0x80]));
    }
}
