//! Somebody on the network who injects packets into the call.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use callseal_rtcp_ext::Builder;

/// A packet to be injected, and what the forger hopes for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgery {
    /// In words.
    pub what: &'static str,
    /// Whether it goes to the RTCP port.
    pub is_rtcp: bool,
    /// The datagram.
    pub bytes: Vec<u8>,
}

/// Makes forgeries out of a genuine SRTP and a genuine SRTCP packet that were
/// seen on the wire.
pub fn forgeries(srtp: &[u8], srtcp: Option<&[u8]>) -> Vec<Forgery> {
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = srtp.to_vec();
        change(&mut bytes);
        bytes
    };
    let later = |by: u16| {
        move |bytes: &mut Vec<u8>| {
            if let Some([high, low]) = bytes.get_mut(2..4) {
                [*high, *low] = u16::from_be_bytes([*high, *low])
                    .wrapping_add(by)
                    .to_be_bytes();
            }
        }
    };
    let flip = |at: usize| {
        move |bytes: &mut Vec<u8>| {
            if let Some(octet) = bytes.get_mut(at) {
                *octet ^= 1;
            }
        }
    };
    let rtp = |what, bytes| Forgery {
        what,
        is_rtcp: false,
        bytes,
    };
    let mut forgeries = vec![
        rtp("a genuine packet, once more", srtp.to_vec()),
        rtp("the same, a bit of the speech flipped", changed(&flip(20))),
        rtp("the same as a later packet", changed(&later(500))),
        rtp("the same under another SSRC", changed(&flip(11))),
        rtp(
            "the same cut short by an octet",
            changed(&|bytes| {
                bytes.pop();
            }),
        ),
        rtp("speech in clear", {
            let mut clear = vec![0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
            clear.extend([0x55; 160]);
            clear
        }),
    ];
    let rtcp = |what, bytes| Forgery {
        what,
        is_rtcp: true,
        bytes,
    };
    let ssrc = srtp
        .get(8..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |octets| u32::from_be_bytes(*octets));
    let bye = Builder::receiver_report(ssrc, &[], "forger")
        .and_then(|builder| builder.bye(&[ssrc], Some("good-bye")));
    if let Ok(bye) = bye {
        forgeries.push(rtcp("a BYE in clear", bye.finish()));
    }
    if let Some(srtcp) = srtcp {
        forgeries.push(rtcp("a genuine RTCP packet, once more", srtcp.to_vec()));
    }
    forgeries
}

/// Injects forgeries from a socket of the forger's own.
///
/// # Errors
/// What the system says.
pub fn inject(
    socket: &UdpSocket,
    forgeries: &[Forgery],
    rtp: SocketAddr,
    rtcp: SocketAddr,
) -> io::Result<()> {
    for forgery in forgeries {
        let to = match forgery.is_rtcp {
            true => rtcp,
            false => rtp,
        };
        socket.send_to(&forgery.bytes, to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_replay_is_what_was_on_the_wire() {
        let srtp = [0x80; 60];
        let forgeries = forgeries(&srtp, None);
        assert_eq!(forgeries.len(), 7);
        let same = forgeries.iter().filter(|forgery| forgery.bytes == srtp);
        assert_eq!(same.count(), 1);
    }
}
