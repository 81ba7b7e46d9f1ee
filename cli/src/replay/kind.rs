//! What a datagram is, by its first octets (RFC 7983, RFC 5761).

use callseal_rtcp_ext::is_rtcp;

use super::Protocol;
use crate::rtp::RtpView;
use crate::sip::begins_as_sip;

/// What a datagram's first octets say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RTP or RTCP, protected or not, of this SSRC.
    Media(Protocol, u32),
    /// What keeps a port open: nothing, line ends or zeros (RFC 6263).
    KeepAlive,
    /// STUN (RFC 8489) or TURN's channels.
    Stun,
    /// DTLS.
    Dtls,
    /// ZRTP (RFC 6189).
    Zrtp,
    /// SIP (RFC 3261).
    Sip,
    /// Too short for RTP, or nothing of these.
    Other,
}

impl Kind {
    /// Looks at a datagram.
    ///
    /// ```
    /// use callseal::replay::{Kind, Protocol};
    ///
    /// let rtp = [0x80, 0, 0, 7, 0, 0, 0, 160, 0xab, 0xcd, 0x12, 0x34];
    /// assert_eq!(Kind::of(&rtp), Kind::Media(Protocol::Rtp, 0xabcd_1234));
    /// assert_eq!(Kind::of(b"\r\n\r\n"), Kind::KeepAlive);
    /// assert_eq!(Kind::of(b"SIP/2.0 200 OK"), Kind::Sip);
    /// assert_eq!(Kind::of(b"hello"), Kind::Other);
    /// ```
    pub fn of(datagram: &[u8]) -> Self {
        if let Some((protocol, ssrc)) = protocol_of(datagram) {
            return Self::Media(protocol, ssrc);
        }
        let is_filler = |octet: &u8| matches!(octet, 0 | b'\r' | b'\n');
        if datagram.len() <= 4 && datagram.iter().all(is_filler) {
            return Self::KeepAlive;
        }
        if begins_as_sip(datagram) {
            return Self::Sip;
        }
        match datagram {
            [0..=3, _, _, _, 0x21, 0x12, 0xa4, 0x42, ..] => Self::Stun,
            [0x10, _, _, _, b'Z', b'R', b'T', b'P', ..] => Self::Zrtp,
            [20..=63, 0xfe, ..] if datagram.len() >= 13 => Self::Dtls,
            [0x40..=0x4f, _, high, low, rest @ ..] => {
                let len = usize::from(u16::from_be_bytes([*high, *low]));
                match (len..len + 4).contains(&rest.len()) {
                    true => Self::Stun,
                    false => Self::Other,
                }
            }
            _ => Self::Other,
        }
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
    let ssrc_at = |at: usize| {
        let octets = datagram.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*octets))
    };
    match is_rtcp(datagram) {
        true => Some((Protocol::Rtcp, ssrc_at(4)?)),
        // The header is in clear, and padding not to be looked at.
        false if RtpView::is_version_2(datagram) => Some((Protocol::Rtp, ssrc_at(8)?)),
        false => None,
    }
}

/// Whether what has the shape of RTCP says so by its length field too, which
/// is in clear: the first packet does not pass the datagram's end.
pub(super) fn is_plausible_rtcp(datagram: &[u8]) -> bool {
    match datagram {
        [_, 200..=213, high, low, ..] => {
            let words = usize::from(u16::from_be_bytes([*high, *low]));
            (words + 1) * 4 <= datagram.len()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shares_a_port_with_rtp_is_told_apart() {
        let mut stun = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        stun.extend([7; 12]);
        assert_eq!(Kind::of(&stun), Kind::Stun);
        assert_eq!(Kind::of(&[0x40, 0, 0, 4, 1, 2, 3, 4]), Kind::Stun);
        assert_eq!(Kind::of(&[0x40, 0, 0, 9, 1, 2, 3, 4]), Kind::Other);
        let dtls = [22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Kind::of(&dtls), Kind::Dtls);
        let zrtp = [0x10, 0, 0, 1, b'Z', b'R', b'T', b'P', 0, 0, 0, 1];
        assert_eq!(Kind::of(&zrtp), Kind::Zrtp);
        for empty in [&b""[..], b"\r\n", b"\0", b"\0\0\0\0"] {
            assert_eq!(Kind::of(empty), Kind::KeepAlive);
        }
        assert_eq!(Kind::of(&[0x80]), Kind::Other);
        assert_eq!(Kind::of(&[0x80, 201, 0, 1, 0, 0]), Kind::Other);
    }
}
