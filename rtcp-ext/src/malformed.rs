//! What is wrong with a datagram, and where.

use core::fmt;

use nom::error::{ErrorKind, ParseError as NomError};
use nom::{IResult, Parser};

/// Why a datagram is no RTCP.
///
/// ```
/// use callseal_rtcp_ext::{Malformed, SizeRule, parse};
///
/// let error = parse(&[0x81, 201, 0, 1, 0, 0, 0, 7], SizeRule::Compound).unwrap_err();
/// assert_eq!((error.offset, error.what), (8, Malformed::Short { part: "report block" }));
/// assert_eq!(error.to_string(), "octet 8: report block cut short");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParseError {
    /// Where in the datagram, in octets from its start.
    pub offset: usize,
    /// What is wrong there.
    pub what: Malformed,
}

/// What can be wrong with a datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// There is no packet at all.
    #[error("an empty datagram")]
    Empty,
    /// The version is not 2.
    #[error("version {found}, not 2")]
    Version {
        /// The version found.
        found: u8,
    },
    /// A compound packet begins with something other than a report
    /// (RFC 3550 §6.1).
    #[error("a compound packet begins with type {found}, not with a report")]
    NoReportFirst {
        /// The packet type found.
        found: u8,
    },
    /// The first packet's type is none of RTCP's (RFC 5761 §4).
    #[error("packet type {found} is none of RTCP's")]
    NotRtcp {
        /// The packet type found.
        found: u8,
    },
    /// The first packet of a compound packet is padded (RFC 3550 A.2).
    #[error("the first packet of a compound packet is padded")]
    FirstPadded,
    /// A packet that is not the last is padded (RFC 3550 §6.4.1).
    #[error("a packet before the last is padded")]
    PaddedBeforeLast,
    /// The count of padding octets is zero, no multiple of four, or more
    /// than there are.
    #[error("{len} octets of padding in a packet with {body_len} after its header")]
    Padding {
        /// The count found.
        len: u8,
        /// Octets in the packet after its first four.
        body_len: usize,
    },
    /// A part ends before all of it is there.
    #[error("{part} cut short")]
    Short {
        /// The part.
        part: &'static str,
    },
    /// Octets follow the last part of a packet.
    #[error("{len} octets after the last part of the packet")]
    Trailing {
        /// How many.
        len: usize,
    },
    /// The prefix of a PRIV item is longer than the item.
    #[error("the prefix of a PRIV item is longer than the item")]
    PrivPrefix,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "octet {}: {}", self.offset, self.what)
    }
}

impl core::error::Error for ParseError {}

/// A parser's failure before it is known where its input began.
#[derive(Debug)]
pub(crate) struct Fault<'a> {
    rest: &'a [u8],
    what: Malformed,
}

pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, Fault<'a>>;

impl Fault<'_> {
    /// Says where in `datagram`, of which every parser's input is a part.
    pub(crate) fn within(self, datagram: &[u8]) -> ParseError {
        let offset = self
            .rest
            .as_ptr()
            .addr()
            .saturating_sub(datagram.as_ptr().addr());
        ParseError {
            offset: offset.min(datagram.len()),
            what: self.what,
        }
    }
}

impl<'a> NomError<&'a [u8]> for Fault<'a> {
    fn from_error_kind(rest: &'a [u8], _: ErrorKind) -> Self {
        // Of nom's own parsers only those are used that fail for want of
        // octets; `part` puts the name in.
        Self {
            rest,
            what: Malformed::Short { part: "packet" },
        }
    }

    fn append(_: &'a [u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// Names what `parser` reads, for the case that it is cut short.
pub(crate) fn part<'a, P>(
    name: &'static str,
    mut parser: P,
) -> impl FnMut(&'a [u8]) -> Parsed<'a, P::Output>
where
    P: Parser<&'a [u8], Error = Fault<'a>>,
{
    move |input| {
        // The datagram is all there is: nothing to wait for.
        parser.parse_complete(input).map_err(|error| {
            error.map(|fault| Fault {
                what: match fault.what {
                    Malformed::Short { .. } => Malformed::Short { part: name },
                    other => other,
                },
                ..fault
            })
        })
    }
}

pub(crate) fn malformed<T>(rest: &[u8], what: Malformed) -> Parsed<'_, T> {
    Err(nom::Err::Failure(Fault { rest, what }))
}

pub(crate) fn unwrap_fault(error: nom::Err<Fault<'_>>) -> Fault<'_> {
    match error {
        nom::Err::Error(fault) | nom::Err::Failure(fault) => fault,
        // Only nom's streaming parsers ask for more.
        nom::Err::Incomplete(_) => Fault {
            rest: &[],
            what: Malformed::Short { part: "packet" },
        },
    }
}
