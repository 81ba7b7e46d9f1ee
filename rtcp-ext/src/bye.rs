//! Goodbyes (RFC 3550 §6.6).

use nom::Parser;
use nom::bytes::complete::take;
use nom::multi::length_data;
use nom::number::complete::be_u8;

use crate::malformed::{Malformed, Parsed, malformed, part};

/// BYE: these sources leave. Forgeable like any RTCP in clear; only an
/// authenticated one may end a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bye<'a> {
    /// Who leaves.
    pub sources: Sources<'a>,
    /// Why, as UTF-8 by the RFC, unchecked.
    pub reason: Option<&'a [u8]>,
}

/// The sources of a BYE packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sources<'a> {
    // Whole SSRCs.
    octets: &'a [u8],
}

impl<'a> Bye<'a> {
    pub(crate) fn parse(count: u8, body: &'a [u8]) -> Parsed<'a, Self> {
        let len = usize::from(count) * SSRC_LEN;
        let (rest, octets) = part("BYE source", take(len)).parse(body)?;
        let sources = Sources { octets };
        if rest.is_empty() {
            let reason = None;
            return Ok((rest, Self { sources, reason }));
        }
        let (after, reason) = part("BYE reason", length_data(be_u8)).parse(rest)?;
        // What fills up to the boundary is less than a word.
        if after.len() >= 4 {
            return malformed(after, Malformed::Trailing { len: after.len() });
        }
        let reason = Some(reason);
        Ok((&[], Self { sources, reason }))
    }

    /// Writes what follows the header; `reason` is at most 255 octets.
    pub(crate) fn write(
        sources: impl IntoIterator<Item = u32>,
        reason: Option<(u8, &[u8])>,
        out: &mut Vec<u8>,
    ) {
        for ssrc in sources {
            out.extend(ssrc.to_be_bytes());
        }
        if let Some((len, text)) = reason {
            out.push(len);
            out.extend(text);
            out.resize(out.len().next_multiple_of(4), 0);
        }
    }
}

impl<'a> Sources<'a> {
    /// The SSRCs, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.octets
            .as_chunks()
            .0
            .iter()
            .map(|ssrc| u32::from_be_bytes(*ssrc))
    }

    /// Whether `ssrc` is among them.
    pub fn contains(&self, ssrc: u32) -> bool {
        self.iter().any(|source| source == ssrc)
    }
}

const SSRC_LEN: usize = 4;

#[cfg(test)]
mod tests {
    use crate::{Packet, SizeRule, parse};

    fn bye(datagram: &[u8]) -> Result<(Vec<u32>, Option<&[u8]>), String> {
        let compound = parse(datagram, SizeRule::ReducedSize).map_err(|error| error.to_string())?;
        match compound.iter().next() {
            Some(Packet::Bye(bye)) => Ok((bye.sources.iter().collect(), bye.reason)),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn reads_sources_and_reason() {
        let datagram = [
            0x82, 203, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 5, b'a', b'd', b'i', b'e', b'u', 0, 0,
        ];
        assert_eq!(bye(&datagram), Ok((vec![1, 2], Some(&b"adieu"[..]))));
        assert_eq!(bye(&[0x80, 203, 0, 0]), Ok((vec![], None)));
        assert_eq!(
            bye(&[0x81, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0]),
            Ok((vec![1], Some(&b""[..])))
        );
    }

    #[test]
    fn faults_are_named_with_their_place() {
        assert_eq!(
            bye(&[0x82, 203, 0, 1, 0, 0, 0, 1]),
            Err("octet 4: BYE source cut short".to_owned())
        );
        assert_eq!(
            bye(&[0x81, 203, 0, 2, 0, 0, 0, 1, 4, b'a', b'b', b'c']),
            Err("octet 9: BYE reason cut short".to_owned())
        );
        assert_eq!(
            bye(&[0x81, 203, 0, 3, 0, 0, 0, 1, 3, b'a', b'b', b'c', 0, 0, 0, 0]),
            Err("octet 12: 4 octets after the last part of the packet".to_owned())
        );
    }
}
