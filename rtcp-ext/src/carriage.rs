//! Handshake messages as datagrams.

use crate::{App, BuildError, Builder, COOKIE_LEN, Fragment, HANDSHAKE_NAME, MAX_MESSAGE_LEN};

/// The longest datagram of a handshake, in octets of UDP payload: a whole
/// fragment with a cookie, under a CNAME of 16 characters. It leaves room
/// for IPv6 and tunnels below any path's 1,280 octets.
pub const MAX_DATAGRAM_LEN: usize = 1_096;

/// A handshake message as datagrams to send in this order, each a valid
/// compound packet in clear: an empty receiver report, SDES with the CNAME,
/// and one APP packet (RFC 3550 §6.1).
///
/// `message_tag` is the same for every repetition of one message and
/// different for different messages. `cname` is the call's
/// [`random_cname`](crate::random_cname). All three packets name `ssrc`.
///
/// # Errors
///
/// [`CarriageError::MessageLen`] for a message that is empty or above
/// [`MAX_MESSAGE_LEN`]; [`CarriageError::DatagramLen`] where a datagram
/// would exceed `max_datagram_len` (16 characters of CNAME keep to
/// [`MAX_DATAGRAM_LEN`]); [`CarriageError::Cname`] for a name that SDES does
/// not carry.
///
/// ```
/// use callseal_rtcp_ext::{MAX_DATAGRAM_LEN, handshake_datagrams};
///
/// let message = [0; 3_000];
/// let datagrams =
///     handshake_datagrams(&message, 0x1234, None, 7, "LPvhGs9EtQ1yzJnV", MAX_DATAGRAM_LEN)?;
/// let lengths: Vec<_> = datagrams.iter().map(Vec::len).collect();
/// assert_eq!(lengths, [1_080, 1_080, 1_008]);
/// # Ok::<(), callseal_rtcp_ext::CarriageError>(())
/// ```
pub fn handshake_datagrams(
    message: &[u8],
    message_tag: u32,
    cookie: Option<[u8; COOKIE_LEN]>,
    ssrc: u32,
    cname: &str,
    max_datagram_len: usize,
) -> Result<Vec<Vec<u8>>, CarriageError> {
    if !(1..=MAX_MESSAGE_LEN).contains(&message.len()) {
        return Err(CarriageError::MessageLen { len: message.len() });
    }
    let head = Builder::receiver_report(ssrc, &[], cname)?;
    Fragment::cut(message, message_tag, cookie)
        .map(|fragment| {
            let (subtype, data) = fragment.to_app_data();
            let app = App {
                subtype,
                ssrc,
                name: HANDSHAKE_NAME,
                data: &data,
            };
            let datagram = head.clone().app(&app)?.finish();
            if datagram.len() > max_datagram_len {
                return Err(CarriageError::DatagramLen {
                    len: datagram.len(),
                    max: max_datagram_len,
                });
            }
            Ok(datagram)
        })
        .collect()
}

/// Why a message cannot be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CarriageError {
    /// The message is empty or longer than [`MAX_MESSAGE_LEN`].
    #[error("a handshake message of {len} octets; 1 to {MAX_MESSAGE_LEN} can be carried")]
    MessageLen {
        /// The message's length.
        len: usize,
    },
    /// A datagram would be longer than allowed.
    #[error("a datagram of {len} octets where {max} are allowed")]
    DatagramLen {
        /// The datagram's length.
        len: usize,
        /// The length allowed.
        max: usize,
    },
    /// The CNAME is empty or too long.
    #[error("the CNAME: {0}")]
    Cname(#[from] BuildError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Packet, SizeRule, parse, random_cname};

    const CNAME: &str = "LPvhGs9EtQ1yzJnV";

    #[test]
    fn a_small_message_is_one_datagram_of_known_octets() {
        let datagrams = handshake_datagrams(
            b"M1...",
            0xa1b2_c3d4,
            None,
            0x0102_0304,
            CNAME,
            MAX_DATAGRAM_LEN,
        );
        let expected = [
            &[0x80, 201, 0, 1, 1, 2, 3, 4][..],
            &[0x81, 202, 0, 6, 1, 2, 3, 4, 1, 16],
            CNAME.as_bytes(),
            &[0, 0],
            &[0x80, 204, 0, 6, 1, 2, 3, 4],
            b"CSTS",
            &[0xa1, 0xb2, 0xc3, 0xd4, 0, 1, 0, 5],
            b"M1...\0\0\0",
        ]
        .concat();
        assert_eq!(datagrams, Ok(vec![expected]));
    }

    #[test]
    fn every_datagram_keeps_the_budget_and_is_a_valid_compound_packet() {
        let cname = random_cname([0x5a; 12]);
        let message: Vec<u8> = (0..MAX_MESSAGE_LEN).map(|i| (i % 251) as u8).collect();
        for len in [1, 1_023, 1_024, 1_025, 5_000, MAX_MESSAGE_LEN] {
            for cookie in [None, Some([0xcc; 16])] {
                let message = &message[..len];
                let datagrams =
                    handshake_datagrams(message, 1, cookie, 7, &cname, MAX_DATAGRAM_LEN).unwrap();
                assert_eq!(datagrams.len(), len.div_ceil(1_024));
                let mut seen = Vec::new();
                for datagram in &datagrams {
                    assert!(datagram.len() <= MAX_DATAGRAM_LEN);
                    let compound = parse(datagram, SizeRule::Compound).unwrap();
                    assert_eq!(compound.cname_of(7), Some(cname.as_bytes()));
                    assert!(matches!(
                        compound.iter().collect::<Vec<_>>()[..],
                        [Packet::ReceiverReport(_), Packet::Sdes(_), Packet::App(_)]
                    ));
                    let fragment = Fragment::find(&compound).unwrap().unwrap();
                    assert_eq!(fragment.cookie, cookie);
                    seen.extend_from_slice(fragment.bytes);
                }
                assert_eq!(seen, message);
            }
        }
    }

    #[test]
    fn the_budget_is_reached_exactly() {
        let send = |cookie, max| handshake_datagrams(&[0; 2_048], 1, cookie, 7, CNAME, max);
        assert!(send(Some([0; 16]), 1_096).is_ok());
        assert_eq!(
            send(Some([0; 16]), 1_095),
            Err(CarriageError::DatagramLen {
                len: 1_096,
                max: 1_095
            })
        );
        assert!(send(None, 1_080).is_ok());
    }

    #[test]
    fn what_cannot_be_carried_is_refused() {
        let send = |message: &[u8], cname| handshake_datagrams(message, 1, None, 7, cname, 2_000);
        assert_eq!(send(&[], CNAME), Err(CarriageError::MessageLen { len: 0 }));
        assert_eq!(
            send(&[0; 20_481], CNAME),
            Err(CarriageError::MessageLen { len: 20_481 })
        );
        assert_eq!(
            send(&[0], ""),
            Err(CarriageError::Cname(BuildError::EmptyCname))
        );
    }
}
