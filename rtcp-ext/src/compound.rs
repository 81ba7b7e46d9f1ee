//! A datagram of RTCP packets.

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};

use crate::malformed::{Malformed, ParseError, Parsed, malformed, part, unwrap_fault};
use crate::{App, Bye, ReceiverReport, Sdes, SenderReport};

/// Reads a datagram as RTCP, all of it: version, lengths, padding, and every
/// packet's own structure (RFC 3550 A.2, which see for what may be trusted).
///
/// Types that this crate does not know come out as [`Packet::Unknown`].
/// Nothing is copied; the packets borrow from `datagram`, which is plaintext:
/// SRTCP is removed before.
///
/// # Errors
///
/// [`ParseError`] says what is wrong at which octet.
///
/// ```
/// use callseal_rtcp_ext::{Builder, Packet, SizeRule, parse};
///
/// let datagram = Builder::receiver_report(7, &[], "LPvhGs9EtQ1yzJnV")?.finish();
/// let compound = parse(&datagram, SizeRule::Compound)?;
/// assert_eq!(compound.iter().count(), 2);
/// assert_eq!(compound.cname_of(7), Some(&b"LPvhGs9EtQ1yzJnV"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse(datagram: &[u8], rule: SizeRule) -> Result<Compound<'_>, ParseError> {
    validate(datagram, rule).map_err(|error| unwrap_fault(error).within(datagram))?;
    Ok(Compound { datagram })
}

/// Which datagrams are accepted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SizeRule {
    /// Compound packets, which begin with a sender or receiver report
    /// (RFC 3550 §6.1).
    #[default]
    Compound,
    /// Any RTCP packet first, for sessions that have agreed on reduced-size
    /// RTCP (RFC 5506 §3.4.2).
    ReducedSize,
}

/// A datagram that [`parse`] has read: its packets, one after another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Compound<'a> {
    // Every packet of it has been parsed once without fault.
    datagram: &'a [u8],
}

/// One packet of a datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Packet<'a> {
    /// SR, type 200 (RFC 3550 §6.4.1).
    SenderReport(SenderReport<'a>),
    /// RR, type 201 (RFC 3550 §6.4.2).
    ReceiverReport(ReceiverReport<'a>),
    /// SDES, type 202 (RFC 3550 §6.5).
    Sdes(Sdes<'a>),
    /// BYE, type 203 (RFC 3550 §6.6).
    Bye(Bye<'a>),
    /// APP, type 204 (RFC 3550 §6.7).
    App(App<'a>),
    /// Any other type.
    Unknown(Unknown<'a>),
}

/// A packet of a type that this crate does not know, as it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unknown<'a> {
    /// The packet type.
    pub packet_type: u8,
    /// The five bits after version and padding: 0–31.
    pub count: u8,
    /// Everything after the first four octets but padding; a multiple of
    /// four octets.
    pub body: &'a [u8],
}

/// The packets of a [`Compound`], in order.
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Compound<'a> {
    /// The packets, in order.
    pub fn iter(&self) -> Packets<'a> {
        Packets {
            rest: self.datagram,
        }
    }

    /// The canonical name that the datagram gives `ssrc`. A sender owes it
    /// in every compound packet (RFC 3550 §6.1); many leave it out.
    pub fn cname_of(&self, ssrc: u32) -> Option<&'a [u8]> {
        self.iter().find_map(|packet| match packet {
            Packet::Sdes(sdes) => sdes.cname_of(ssrc),
            _ => None,
        })
    }

    /// The datagram's octets.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.datagram
    }
}

impl<'a> IntoIterator for &Compound<'a> {
    type Item = Packet<'a>;
    type IntoIter = Packets<'a>;

    fn into_iter(self) -> Packets<'a> {
        self.iter()
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        Some(self.next_and_whether_padded()?.0)
    }
}

impl<'a> Packets<'a> {
    /// The next packet, and whether its padding bit is set.
    pub(crate) fn next_and_whether_padded(&mut self) -> Option<(Packet<'a>, bool)> {
        let padded = self.rest.first()? & PADDING_BIT != 0;
        // `parse` has seen no fault here; the end is the only way out.
        let (rest, packet) = packet(self.rest).ok()?;
        self.rest = rest;
        Some((packet, padded))
    }
}

pub(crate) mod packet_type {
    pub(crate) const SR: u8 = 200;
    pub(crate) const RR: u8 = 201;
    pub(crate) const SDES: u8 = 202;
    pub(crate) const BYE: u8 = 203;
    pub(crate) const APP: u8 = 204;
}

pub(crate) const VERSION: u8 = 2;
pub(crate) const PADDING_BIT: u8 = 0x20;

struct Header<'a> {
    padded: bool,
    count: u8,
    packet_type: u8,
    body: &'a [u8],
}

fn validate(datagram: &[u8], rule: SizeRule) -> Result<(), nom::Err<crate::malformed::Fault<'_>>> {
    if datagram.is_empty() {
        return malformed(datagram, Malformed::Empty).map(|(_, ())| ());
    }
    let (_, first) = header(datagram)?;
    let found = first.packet_type;
    let fault = match rule {
        SizeRule::Compound if !matches!(found, packet_type::SR | packet_type::RR) => {
            Some(Malformed::NoReportFirst { found })
        }
        SizeRule::Compound if first.padded => Some(Malformed::FirstPadded),
        SizeRule::ReducedSize if !crate::demux::RTCP_TYPES.contains(&found) => {
            Some(Malformed::NotRtcp { found })
        }
        _ => None,
    };
    if let Some(what) = fault {
        return malformed(datagram, what).map(|(_, ())| ());
    }
    let mut rest = datagram;
    while !rest.is_empty() {
        (rest, _) = packet(rest)?;
    }
    Ok(())
}

fn packet(input: &[u8]) -> Parsed<'_, Packet<'_>> {
    let (rest, header) = header(input)?;
    let body = if header.padded {
        if !rest.is_empty() {
            return malformed(input, Malformed::PaddedBeforeLast);
        }
        let (_, body) = without_padding(header.body)?;
        body
    } else {
        header.body
    };
    let (_, packet) = match header.packet_type {
        packet_type::SR => SenderReport::parse(header.count, body).map(wrap(Packet::SenderReport)),
        packet_type::RR => {
            ReceiverReport::parse(header.count, body).map(wrap(Packet::ReceiverReport))
        }
        packet_type::SDES => Sdes::parse(header.count, body).map(wrap(Packet::Sdes)),
        packet_type::BYE => Bye::parse(header.count, body).map(wrap(Packet::Bye)),
        packet_type::APP => App::parse(header.count, body).map(wrap(Packet::App)),
        packet_type => Ok((
            &body[body.len()..],
            Packet::Unknown(Unknown {
                packet_type,
                count: header.count,
                body,
            }),
        )),
    }?;
    Ok((rest, packet))
}

fn header(input: &[u8]) -> Parsed<'_, Header<'_>> {
    let (rest, (first, packet_type, words)) =
        part("packet header", (be_u8, be_u8, be_u16)).parse(input)?;
    let found = first >> 6;
    if found != VERSION {
        return malformed(input, Malformed::Version { found });
    }
    let (rest, body) = part("packet", take(usize::from(words) * 4)).parse(rest)?;
    let header = Header {
        padded: first & PADDING_BIT != 0,
        count: first & 0x1f,
        packet_type,
        body,
    };
    Ok((rest, header))
}

fn without_padding(body: &[u8]) -> Parsed<'_, &[u8]> {
    let len = body.last().copied().unwrap_or_default();
    let kept = body.len().checked_sub(usize::from(len));
    match kept {
        Some(kept) if len > 0 && len.is_multiple_of(4) => Ok((&body[kept..], &body[..kept])),
        _ => malformed(
            &body[body.len().saturating_sub(1)..],
            Malformed::Padding {
                len,
                body_len: body.len(),
            },
        ),
    }
}

fn wrap<'a, T>(
    variant: impl Fn(T) -> Packet<'a>,
) -> impl Fn((&'a [u8], T)) -> (&'a [u8], Packet<'a>) {
    move |(rest, value)| (rest, variant(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RR: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 7];
    const BYE: [u8; 8] = [0x81, 203, 0, 1, 0, 0, 0, 7];

    fn fault(datagram: &[u8], rule: SizeRule) -> (usize, Malformed) {
        let error = parse(datagram, rule).unwrap_err();
        (error.offset, error.what)
    }

    fn with(mut datagram: Vec<u8>, changes: &[(usize, u8)]) -> Vec<u8> {
        for &(offset, value) in changes {
            datagram[offset] = value;
        }
        datagram
    }

    #[test]
    fn a_compound_packet_begins_with_a_report() {
        let datagram = [BYE, RR].concat();
        assert_eq!(
            fault(&datagram, SizeRule::Compound),
            (0, Malformed::NoReportFirst { found: 203 })
        );
        assert!(parse(&datagram, SizeRule::ReducedSize).is_ok());
    }

    #[test]
    fn reduced_size_still_asks_for_rtcp() {
        let datagram = with(RR.to_vec(), &[(1, 191)]);
        assert_eq!(
            fault(&datagram, SizeRule::ReducedSize),
            (0, Malformed::NotRtcp { found: 191 })
        );
    }

    #[test]
    fn lengths_must_add_up() {
        let datagram = [RR, BYE].concat();
        for len in 0..datagram.len() {
            let result = parse(&datagram[..len], SizeRule::Compound);
            assert_eq!(result.is_ok(), len == 8, "{len} octets");
        }
        assert_eq!(
            fault(&datagram[..7], SizeRule::Compound),
            (4, Malformed::Short { part: "packet" })
        );
        assert_eq!(
            fault(&datagram[..10], SizeRule::Compound),
            (
                10,
                Malformed::Short {
                    part: "packet header"
                }
            )
        );
        assert_eq!(fault(&[], SizeRule::Compound), (0, Malformed::Empty));
    }

    #[test]
    fn every_packet_must_be_version_2() {
        let datagram = with([RR, BYE].concat(), &[(8, 0x41)]);
        assert_eq!(
            fault(&datagram, SizeRule::Compound),
            (8, Malformed::Version { found: 1 })
        );
    }

    #[test]
    fn padding_belongs_to_the_last_packet_only() {
        let first = with([RR, BYE].concat(), &[(0, 0xa0)]);
        assert_eq!(
            fault(&first, SizeRule::Compound),
            (0, Malformed::FirstPadded)
        );
        assert_eq!(
            fault(&first, SizeRule::ReducedSize),
            (0, Malformed::PaddedBeforeLast)
        );
        let middle = with([RR, BYE, BYE].concat(), &[(8, 0xa1)]);
        assert_eq!(
            fault(&middle, SizeRule::Compound),
            (8, Malformed::PaddedBeforeLast)
        );
    }

    #[test]
    fn padding_is_counted_and_removed() {
        let padded = |count: u8| {
            let mut datagram = RR.to_vec();
            datagram.extend([0xa1, 203, 0, 3, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, count]);
            datagram
        };
        let good = padded(8);
        let packets: Vec<_> = parse(&good, SizeRule::Compound).unwrap().iter().collect();
        let Packet::Bye(bye) = packets[1] else {
            panic!("{packets:?}");
        };
        assert_eq!(bye.sources.iter().collect::<Vec<_>>(), [7]);
        assert_eq!(bye.reason, None);
        for count in [0, 1, 2, 3, 5, 16, 252, 255] {
            assert_eq!(
                fault(&padded(count), SizeRule::Compound),
                (
                    23,
                    Malformed::Padding {
                        len: count,
                        body_len: 12
                    }
                )
            );
        }
        // The source itself would be padding.
        assert_eq!(
            fault(&padded(12), SizeRule::Compound),
            (12, Malformed::Short { part: "BYE source" })
        );
    }

    #[test]
    fn a_padded_packet_without_a_body_is_refused() {
        assert_eq!(
            fault(
                &[RR.as_slice(), &[0xa0, 203, 0, 0]].concat(),
                SizeRule::Compound
            ),
            (
                12,
                Malformed::Padding {
                    len: 0,
                    body_len: 0
                }
            )
        );
    }

    #[test]
    fn unknown_types_pass_through() {
        let mut datagram = RR.to_vec();
        datagram.extend([0x9f, 207, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
        let packet = parse(&datagram, SizeRule::Compound).unwrap().iter().nth(1);
        assert_eq!(
            packet,
            Some(Packet::Unknown(Unknown {
                packet_type: 207,
                count: 31,
                body: &[1, 2, 3, 4, 5, 6, 7, 8]
            }))
        );
    }
}
