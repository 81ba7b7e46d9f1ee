//! From a captured frame to the UDP datagram in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use super::{ByteOrder, LinkType};

const UDP: u8 = 17;
const UDP_HEADER_LEN: usize = 8;
const IPV4_HEADER_LEN: usize = 20;
const IPV6_HEADER_LEN: usize = 40;

/// More tags or extension headers than anybody stacks.
const MAX_NESTING: usize = 8;

/// A UDP datagram inside a frame; all positions are offsets in the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Source address and port.
    pub from: SocketAddr,
    /// Destination address and port.
    pub to: SocketAddr,
    /// Where the IP header begins.
    pub ip_at: usize,
    /// Where the UDP header begins.
    pub udp_at: usize,
    /// The UDP payload.
    pub payload: Range<usize>,
}

/// Why a frame holds no UDP datagram that can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum NotUdp {
    /// Another protocol, such as ARP or TCP.
    #[error("not UDP")]
    OtherProtocol,
    /// A fragment of an IP packet; fragments are not put together.
    #[error("a fragment of an IP packet")]
    Fragment,
    /// The capture kept only the beginning of the frame.
    #[error("cut short by the capture's snap length")]
    CutShort,
    /// A header that contradicts itself.
    #[error("a malformed header")]
    Malformed,
    /// A link type that is not known here.
    #[error("link type {}", .0.0)]
    LinkType(LinkType),
}

/// Finds the UDP datagram in a frame: Ethernet with any VLAN tags, Linux cooked
/// (both versions), loopback and raw IP; IPv4 and IPv6.
///
/// # Errors
/// [`NotUdp`] where there is none.
pub fn udp_in(link_type: LinkType, frame: &[u8]) -> Result<Datagram, NotUdp> {
    let ip_at = match link_type {
        LinkType::ETHERNET => behind_tags(frame, u16_at(frame, 12)?, 14)?,
        LinkType::LINUX_SLL => behind_tags(frame, u16_at(frame, 14)?, 16)?,
        LinkType::LINUX_SLL2 => behind_tags(frame, u16_at(frame, 0)?, 20)?,
        LinkType::NULL | LinkType::LOOP => 4,
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => 0,
        // What some systems call raw IP.
        LinkType(12 | 14) => 0,
        other => return Err(NotUdp::LinkType(other)),
    };
    match frame.get(ip_at).ok_or(NotUdp::CutShort)? >> 4 {
        4 => udp_in_ipv4(frame, ip_at),
        6 => udp_in_ipv6(frame, ip_at),
        _ => Err(NotUdp::OtherProtocol),
    }
}

/// Where the IP header begins, given the link header's EtherType and where
/// that header ends.
fn behind_tags(frame: &[u8], mut ether_type: u16, mut at: usize) -> Result<usize, NotUdp> {
    for _ in 0..MAX_NESTING {
        match ether_type {
            0x0800 | 0x86dd => return Ok(at),
            // A VLAN tag: two octets, then the next EtherType.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                ether_type = u16_at(frame, at + 2)?;
                at += 4;
            }
            _ => return Err(NotUdp::OtherProtocol),
        }
    }
    Err(NotUdp::Malformed)
}

fn udp_in_ipv4(frame: &[u8], ip_at: usize) -> Result<Datagram, NotUdp> {
    let header = octets::<IPV4_HEADER_LEN>(frame, ip_at)?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    if header_len < IPV4_HEADER_LEN {
        return Err(NotUdp::Malformed);
    }
    if header[9] != UDP {
        return Err(NotUdp::OtherProtocol);
    }
    let fragment = ByteOrder::Big.u16(&header, 6);
    if fragment & 0x3fff != 0 {
        return Err(NotUdp::Fragment);
    }
    // A total length of zero is what segmentation offload leaves behind.
    let total_len = match usize::from(ByteOrder::Big.u16(&header, 2)) {
        0 => frame.len() - ip_at,
        total_len => total_len,
    };
    let source = Ipv4Addr::from(octets::<4>(frame, ip_at + 12)?);
    let destination = Ipv4Addr::from(octets::<4>(frame, ip_at + 16)?);
    let udp_at = ip_at + header_len;
    let end = ip_at + total_len;
    udp(frame, ip_at, udp_at, end, source.into(), destination.into())
}

fn udp_in_ipv6(frame: &[u8], ip_at: usize) -> Result<Datagram, NotUdp> {
    let header = octets::<IPV6_HEADER_LEN>(frame, ip_at)?;
    let source = Ipv6Addr::from(octets::<16>(frame, ip_at + 8)?);
    let destination = Ipv6Addr::from(octets::<16>(frame, ip_at + 24)?);
    let end = ip_at + IPV6_HEADER_LEN + usize::from(ByteOrder::Big.u16(&header, 4));
    let mut next = header[6];
    let mut at = ip_at + IPV6_HEADER_LEN;
    for _ in 0..MAX_NESTING {
        match next {
            UDP => return udp(frame, ip_at, at, end, source.into(), destination.into()),
            // Hop-by-hop, routing and destination options name their length
            // in units of eight octets, the first not counted.
            0 | 43 | 60 => {
                let [following, units] = octets::<2>(frame, at)?;
                next = following;
                at += (usize::from(units) + 1) * 8;
            }
            44 => {
                let extension = octets::<8>(frame, at)?;
                if ByteOrder::Big.u16(&extension, 2) & 0xfff9 != 0 {
                    return Err(NotUdp::Fragment);
                }
                next = extension[0];
                at += 8;
            }
            _ => return Err(NotUdp::OtherProtocol),
        }
    }
    Err(NotUdp::Malformed)
}

fn udp(
    frame: &[u8],
    ip_at: usize,
    udp_at: usize,
    ip_end: usize,
    source: IpAddr,
    destination: IpAddr,
) -> Result<Datagram, NotUdp> {
    let udp_len = usize::from(u16_at(frame, udp_at + 4)?);
    let end = udp_at + udp_len;
    if udp_len < UDP_HEADER_LEN || end > ip_end {
        return Err(NotUdp::Malformed);
    }
    if end > frame.len() {
        return Err(NotUdp::CutShort);
    }
    Ok(Datagram {
        from: SocketAddr::new(source, u16_at(frame, udp_at)?),
        to: SocketAddr::new(destination, u16_at(frame, udp_at + 2)?),
        ip_at,
        udp_at,
        payload: udp_at + UDP_HEADER_LEN..end,
    })
}

fn u16_at(frame: &[u8], at: usize) -> Result<u16, NotUdp> {
    octets::<2>(frame, at).map(u16::from_be_bytes)
}

fn octets<const N: usize>(frame: &[u8], at: usize) -> Result<[u8; N], NotUdp> {
    frame
        .get(at..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .ok_or(NotUdp::CutShort)
}
