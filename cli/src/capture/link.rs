//! From a captured frame to the UDP datagram in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use super::{ByteOrder, LinkType};

const TCP: u8 = 6;
const UDP: u8 = 17;
const TCP_HEADER_LEN: usize = 20;
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
    /// The UDP payload, as far as it was captured.
    pub payload: Range<usize>,
    /// Octets of the payload that the capture did not keep.
    pub missing_len: usize,
}

/// A TCP segment inside a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Source address and port.
    pub from: SocketAddr,
    /// Destination address and port.
    pub to: SocketAddr,
    /// The number of the payload's first octet.
    pub sequence_number: u32,
    /// Where in the frame the payload lies.
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
/// [`NotUdp`] where there is none, or the capture kept only a part of it.
pub fn udp_in(link_type: LinkType, frame: &[u8]) -> Result<Datagram, NotUdp> {
    let datagram = cut_udp_in(link_type, frame)?;
    match datagram.missing_len {
        0 => Ok(datagram),
        _ => Err(NotUdp::CutShort),
    }
}

/// As [`udp_in`], and takes a datagram of which the capture kept the headers
/// only, or a part of the payload.
///
/// # Errors
/// [`NotUdp`] where there is none.
pub fn cut_udp_in(link_type: LinkType, frame: &[u8]) -> Result<Datagram, NotUdp> {
    udp(frame, &packet_in(link_type, frame)?)
}

/// The TCP segment in a frame; what the capture did not keep of it is not
/// there.
pub fn tcp_in(link_type: LinkType, frame: &[u8]) -> Option<Segment> {
    let packet = packet_in(link_type, frame).ok()?;
    if packet.protocol != TCP {
        return None;
    }
    let header = octets::<TCP_HEADER_LEN>(frame, packet.at).ok()?;
    let payload_at = packet.at + usize::from(header[12] >> 4) * 4;
    let end = packet.end.min(frame.len());
    if payload_at < packet.at + TCP_HEADER_LEN || payload_at > end {
        return None;
    }
    Some(Segment {
        from: SocketAddr::new(packet.source, ByteOrder::Big.u16(&header, 0)),
        to: SocketAddr::new(packet.destination, ByteOrder::Big.u16(&header, 2)),
        sequence_number: ByteOrder::Big.u32(&header, 4),
        payload: payload_at..end,
    })
}

fn packet_in(link_type: LinkType, frame: &[u8]) -> Result<IpPacket, NotUdp> {
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
        4 => packet_in_ipv4(frame, ip_at),
        6 => packet_in_ipv6(frame, ip_at),
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

/// What an IP header says about the packet behind it; positions are offsets in
/// the frame.
struct IpPacket {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    ip_at: usize,
    /// Where the header of the transport begins.
    at: usize,
    end: usize,
}

fn packet_in_ipv4(frame: &[u8], ip_at: usize) -> Result<IpPacket, NotUdp> {
    let header = octets::<IPV4_HEADER_LEN>(frame, ip_at)?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    if header_len < IPV4_HEADER_LEN {
        return Err(NotUdp::Malformed);
    }
    let protocol = header[9];
    if !matches!(protocol, UDP | TCP) {
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
    Ok(IpPacket {
        source: source.into(),
        destination: destination.into(),
        protocol,
        ip_at,
        at: ip_at + header_len,
        end: ip_at + total_len,
    })
}

fn packet_in_ipv6(frame: &[u8], ip_at: usize) -> Result<IpPacket, NotUdp> {
    let header = octets::<IPV6_HEADER_LEN>(frame, ip_at)?;
    let source = Ipv6Addr::from(octets::<16>(frame, ip_at + 8)?);
    let destination = Ipv6Addr::from(octets::<16>(frame, ip_at + 24)?);
    let end = ip_at + IPV6_HEADER_LEN + usize::from(ByteOrder::Big.u16(&header, 4));
    let mut next = header[6];
    let mut at = ip_at + IPV6_HEADER_LEN;
    for _ in 0..MAX_NESTING {
        match next {
            UDP | TCP => {
                return Ok(IpPacket {
                    source: source.into(),
                    destination: destination.into(),
                    protocol: next,
                    ip_at,
                    at,
                    end,
                });
            }
            // Hop-by-hop, routing and destination options name their length
            // in units of eight octets, the first not counted.
            0 | 43 | 60 => {
                let [following, units] = octets::<2>(frame, at)?;
                next = following;
                at += (usize::from(units) + 1) * 8;
            }
            // The authentication header counts in units of four, the first
            // two not counted.
            51 => {
                let [following, units] = octets::<2>(frame, at)?;
                next = following;
                at += (usize::from(units) + 2) * 4;
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

fn udp(frame: &[u8], packet: &IpPacket) -> Result<Datagram, NotUdp> {
    if packet.protocol != UDP {
        return Err(NotUdp::OtherProtocol);
    }
    let udp_at = packet.at;
    let udp_len = usize::from(u16_at(frame, udp_at + 4)?);
    let end = udp_at + udp_len;
    if udp_len < UDP_HEADER_LEN || end > packet.end {
        return Err(NotUdp::Malformed);
    }
    let payload_at = udp_at + UDP_HEADER_LEN;
    if payload_at > frame.len() {
        return Err(NotUdp::CutShort);
    }
    let captured_end = end.min(frame.len());
    Ok(Datagram {
        from: SocketAddr::new(packet.source, u16_at(frame, udp_at)?),
        to: SocketAddr::new(packet.destination, u16_at(frame, udp_at + 2)?),
        ip_at: packet.ip_at,
        udp_at,
        payload: payload_at..captured_end,
        missing_len: end - captured_end,
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
