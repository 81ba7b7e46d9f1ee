//! Frames made here: synthetic ones around a datagram, and captured ones whose
//! payload has been exchanged.

use std::net::{IpAddr, SocketAddr};

use super::{Datagram, LinkType, udp_in};

const UDP: u8 = 17;
const UDP_HEADER_LEN: usize = 8;
const HOP_LIMIT: u8 = 64;

/// Why a frame could not be composed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// More octets than one IP packet takes.
    #[error("{0} octets do not fit into one UDP datagram")]
    TooLong(usize),
    /// Source and destination are not of the same family.
    #[error("an IPv4 and an IPv6 address in one datagram")]
    MixedFamilies,
    /// The frame to be changed is not the one that was described.
    #[error("the frame does not hold the datagram described")]
    NotThatFrame,
}

/// An Ethernet frame around one UDP datagram, with right lengths and checksums.
///
/// The hardware addresses are locally administered ones made from the IP
/// addresses.
///
/// # Errors
/// [`ComposeError`] where the payload is too long or the addresses are of two
/// families.
pub fn udp_frame(
    from: SocketAddr,
    to: SocketAddr,
    payload: &[u8],
) -> Result<Vec<u8>, ComposeError> {
    let udp_len = payload.len() + UDP_HEADER_LEN;
    let udp_len_field = u16::try_from(udp_len).map_err(|_| ComposeError::TooLong(payload.len()))?;
    let mut frame = Vec::with_capacity(14 + 40 + udp_len);
    frame.extend(hardware_address(to.ip()));
    frame.extend(hardware_address(from.ip()));
    let ip_at = 14;
    match (from.ip(), to.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let total_len =
                u16::try_from(udp_len + 20).map_err(|_| ComposeError::TooLong(payload.len()))?;
            frame.extend([0x08, 0x00]);
            frame.extend([0x45, 0]);
            frame.extend(total_len.to_be_bytes());
            // Identification 0, "don't fragment", offset 0.
            frame.extend([0, 0, 0x40, 0, HOP_LIMIT, UDP, 0, 0]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            frame.extend([0x86, 0xdd]);
            frame.extend([0x60, 0, 0, 0]);
            frame.extend(udp_len_field.to_be_bytes());
            frame.extend([UDP, HOP_LIMIT]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
        }
        _ => return Err(ComposeError::MixedFamilies),
    }
    let udp_at = frame.len();
    frame.extend(from.port().to_be_bytes());
    frame.extend(to.port().to_be_bytes());
    frame.extend(udp_len_field.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    set_checksums(&mut frame, ip_at, udp_at, from.ip(), to.ip());
    Ok(frame)
}

/// The same frame with another UDP payload: link layer, addresses and options
/// stay, lengths and checksums follow, what stood behind the datagram is gone.
///
/// # Errors
/// [`ComposeError`] where the payload is too long, or `datagram` is not what
/// [`udp_in`] finds in `frame`.
pub fn with_udp_payload(
    link_type: LinkType,
    frame: &[u8],
    datagram: &Datagram,
    payload: &[u8],
) -> Result<Vec<u8>, ComposeError> {
    if udp_in(link_type, frame).as_ref() != Ok(datagram) {
        return Err(ComposeError::NotThatFrame);
    }
    let Datagram { ip_at, udp_at, .. } = *datagram;
    let too_long = |_| ComposeError::TooLong(payload.len());
    let udp_len = u16::try_from(payload.len() + UDP_HEADER_LEN).map_err(too_long)?;
    let mut changed = frame[..udp_at + UDP_HEADER_LEN].to_vec();
    changed.extend(payload);
    let ip_len = changed.len() - ip_at;
    match datagram.from.ip() {
        IpAddr::V4(_) => {
            let total_len = u16::try_from(ip_len).map_err(too_long)?;
            changed[ip_at + 2..ip_at + 4].copy_from_slice(&total_len.to_be_bytes());
        }
        IpAddr::V6(_) => {
            let payload_len = u16::try_from(ip_len - 40).map_err(too_long)?;
            changed[ip_at + 4..ip_at + 6].copy_from_slice(&payload_len.to_be_bytes());
        }
    }
    changed[udp_at + 4..udp_at + 6].copy_from_slice(&udp_len.to_be_bytes());
    let (source, destination) = (datagram.from.ip(), datagram.to.ip());
    set_checksums(&mut changed, ip_at, udp_at, source, destination);
    Ok(changed)
}

/// Fills in the IPv4 header checksum and the UDP checksum of a frame that ends
/// with its datagram.
fn set_checksums(
    frame: &mut [u8],
    ip_at: usize,
    udp_at: usize,
    source: IpAddr,
    destination: IpAddr,
) {
    let mut pseudo_header = Vec::with_capacity(40);
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            frame[ip_at + 10..ip_at + 12].fill(0);
            let header_len = usize::from(frame[ip_at] & 0x0f) * 4;
            let sum = internet_checksum(&[&frame[ip_at..ip_at + header_len]]);
            frame[ip_at + 10..ip_at + 12].copy_from_slice(&sum.to_be_bytes());
            pseudo_header.extend(source.octets());
            pseudo_header.extend(destination.octets());
        }
        (source, destination) => {
            for address in [source, destination] {
                if let IpAddr::V6(address) = address {
                    pseudo_header.extend(address.octets());
                }
            }
        }
    }
    let udp_len = u16::try_from(frame.len() - udp_at).unwrap_or(u16::MAX);
    pseudo_header.extend([0, UDP]);
    pseudo_header.extend(udp_len.to_be_bytes());
    frame[udp_at + 6..udp_at + 8].fill(0);
    // Zero would say "no checksum" (RFC 768), so it is sent as all ones.
    let sum = match internet_checksum(&[&pseudo_header, &frame[udp_at..]]) {
        0 => 0xffff,
        sum => sum,
    };
    frame[udp_at + 6..udp_at + 8].copy_from_slice(&sum.to_be_bytes());
}

/// RFC 1071; every part but the last is of even length.
fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u64;
    for part in parts {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u64::from(u16::from_be_bytes([pair[0], low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn hardware_address(address: IpAddr) -> [u8; 6] {
    let [a, b, c, d] = match address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(address) => {
            let octets = address.octets();
            [octets[12], octets[13], octets[14], octets[15]]
        }
    };
    [0x02, 0x00, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        let example = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(internet_checksum(&[&example]), !0xddf2);
        assert_eq!(internet_checksum(&[&[0x45]]), !0x4500);
    }

    #[test]
    fn too_long_a_payload_is_refused() {
        let from = "127.0.0.1:1".parse().unwrap();
        assert_eq!(
            udp_frame(from, from, &[0; 65_508]),
            Err(ComposeError::TooLong(65_508))
        );
        assert!(udp_frame(from, from, &[0; 65_507]).is_ok());
    }

    #[test]
    fn two_families_do_not_share_a_datagram() {
        let four = "127.0.0.1:1".parse().unwrap();
        let six = "[::1]:1".parse().unwrap();
        assert_eq!(udp_frame(four, six, b""), Err(ComposeError::MixedFamilies));
    }
}
