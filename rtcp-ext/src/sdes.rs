//! Source descriptions (RFC 3550 §6.5).

use nom::Parser;
use nom::bytes::complete::take;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u32};

use crate::malformed::{Malformed, Parsed, malformed, part};

/// SDES: what sources say about themselves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sdes<'a> {
    /// One chunk a source.
    pub chunks: Chunks<'a>,
}

/// The chunks of an SDES packet; equal to others that say the same.
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a> {
    count: u8,
    octets: &'a [u8],
}

/// What one source says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Chunk<'a> {
    /// The source.
    pub ssrc: u32,
    /// What it says.
    pub items: Items<'a>,
}

/// The items of a chunk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Items<'a> {
    // Whole items, without the null that ends them.
    octets: &'a [u8],
}

/// One item. Texts are UTF-8 by the RFC; nothing checks that here, and
/// nothing that is shown to a person may rely on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SdesItem<'a> {
    /// Canonical name, which stays when the SSRC changes (§6.5.1).
    Cname(&'a [u8]),
    /// User name (§6.5.2).
    Name(&'a [u8]),
    /// Electronic mail address (§6.5.3).
    Email(&'a [u8]),
    /// Phone number (§6.5.4).
    Phone(&'a [u8]),
    /// Geographic location (§6.5.5).
    Loc(&'a [u8]),
    /// Name of the application (§6.5.6).
    Tool(&'a [u8]),
    /// Passing notice (§6.5.7).
    Note(&'a [u8]),
    /// Private extension (§6.5.8).
    Priv {
        /// Whose extension.
        prefix: &'a [u8],
        /// What it says.
        value: &'a [u8],
    },
    /// An item registered later.
    Other {
        /// The item type, 9–255.
        kind: u8,
        /// What it says.
        text: &'a [u8],
    },
}

impl<'a> Sdes<'a> {
    /// The canonical name of `ssrc`, if the packet tells it.
    pub fn cname_of(&self, ssrc: u32) -> Option<&'a [u8]> {
        self.chunks
            .iter()
            .filter(|chunk| chunk.ssrc == ssrc)
            .find_map(|chunk| chunk.items.cname())
    }

    pub(crate) fn parse(count: u8, body: &'a [u8]) -> Parsed<'a, Self> {
        let mut rest = body;
        for _ in 0..count {
            (rest, _) = Chunk::parse(rest)?;
        }
        if !rest.is_empty() {
            return malformed(rest, Malformed::Trailing { len: rest.len() });
        }
        let chunks = Chunks {
            count,
            octets: body,
        };
        Ok((&[], Self { chunks }))
    }
}

impl<'a> Chunks<'a> {
    /// The chunks, in order.
    pub fn iter(&self) -> impl Iterator<Item = Chunk<'a>> + use<'a> {
        let mut rest = self.octets;
        (0..self.count).map_while(move |_| {
            let chunk;
            (rest, chunk) = Chunk::parse(rest).ok()?;
            Some(chunk)
        })
    }

    /// How many chunks.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there is no chunk.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl PartialEq for Chunks<'_> {
    fn eq(&self, other: &Self) -> bool {
        // What fills a chunk up to its boundary may have any value.
        self.iter().eq(other.iter())
    }
}

impl Eq for Chunks<'_> {}

impl<'a> Chunk<'a> {
    /// A chunk begins and ends on a multiple of four octets, of the packet
    /// and so of itself.
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (items, ssrc) = part("SDES chunk's SSRC", be_u32).parse(input)?;
        let mut rest = items;
        while part("end of SDES items", be_u8).parse(rest)?.1 != 0 {
            (rest, _) = SdesItem::parse(rest)?;
        }
        let items_len = items.len() - rest.len();
        // At least one null, then up to the boundary.
        let ended_len = (items_len + 1).next_multiple_of(4);
        let (rest, _) = part("end of SDES items", take(ended_len)).parse(items)?;
        let items = Items {
            octets: &items[..items_len],
        };
        Ok((rest, Self { ssrc, items }))
    }

    pub(crate) fn write<'i>(
        ssrc: u32,
        items: impl IntoIterator<Item = SdesItem<'i>>,
        out: &mut Vec<u8>,
    ) -> Result<(), TextTooLong> {
        let start = out.len();
        out.extend(ssrc.to_be_bytes());
        for item in items {
            item.write(out)?;
        }
        let len = out.len() - start;
        out.resize(start + (len + 1).next_multiple_of(4), 0);
        Ok(())
    }
}

impl<'a> Items<'a> {
    /// The items, in order.
    pub fn iter(&self) -> impl Iterator<Item = SdesItem<'a>> + use<'a> {
        let mut rest = self.octets;
        core::iter::from_fn(move || {
            let item;
            (rest, item) = SdesItem::parse(rest).ok()?;
            Some(item)
        })
    }

    /// The first canonical name among them.
    pub fn cname(&self) -> Option<&'a [u8]> {
        self.iter().find_map(|item| match item {
            SdesItem::Cname(name) => Some(name),
            _ => None,
        })
    }
}

/// The octets of an item's text, in vain.
#[derive(Debug)]
pub(crate) struct TextTooLong {
    pub(crate) len: usize,
}

impl<'a> SdesItem<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, (kind, text)) = part("SDES item", (be_u8, length_data(be_u8))).parse(input)?;
        let item = match kind {
            1 => Self::Cname(text),
            2 => Self::Name(text),
            3 => Self::Email(text),
            4 => Self::Phone(text),
            5 => Self::Loc(text),
            6 => Self::Tool(text),
            7 => Self::Note(text),
            PRIV => match text.split_first() {
                Some((&len, text)) if usize::from(len) <= text.len() => {
                    let (prefix, value) = text.split_at(usize::from(len));
                    Self::Priv { prefix, value }
                }
                _ => return malformed(input, Malformed::PrivPrefix),
            },
            kind => Self::Other { kind, text },
        };
        Ok((rest, item))
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), TextTooLong> {
        let (kind, text) = match *self {
            Self::Cname(text) => (1, text),
            Self::Name(text) => (2, text),
            Self::Email(text) => (3, text),
            Self::Phone(text) => (4, text),
            Self::Loc(text) => (5, text),
            Self::Tool(text) => (6, text),
            Self::Note(text) => (7, text),
            Self::Priv { prefix, value } => {
                let len = prefix.len().saturating_add(value.len()).saturating_add(1);
                let item_len = u8::try_from(len).map_err(|_| TextTooLong { len })?;
                // Shorter than the item, so it fits an octet too.
                out.extend([PRIV, item_len, prefix.len() as u8]);
                out.extend(prefix);
                out.extend(value);
                return Ok(());
            }
            Self::Other { kind, text } => (kind, text),
        };
        let len = u8::try_from(text.len()).map_err(|_| TextTooLong { len: text.len() })?;
        out.extend([kind, len]);
        out.extend(text);
        Ok(())
    }
}

const PRIV: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Packet, SizeRule, parse};

    fn sdes_of(count: u8, body: &[u8]) -> Vec<u8> {
        let words = u8::try_from(body.len() / 4).unwrap();
        let mut datagram = vec![0x80 | count, 202, 0, words];
        datagram.extend(body);
        datagram
    }

    fn fault(count: u8, body: &[u8]) -> String {
        parse(&sdes_of(count, body), SizeRule::ReducedSize)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn reads_two_chunks_of_every_item() {
        let mut body = vec![0, 0, 0, 1];
        for kind in 1..=7 {
            body.extend([kind, 1, b'a' + kind]);
        }
        body.extend([8, 4, 1, b'p', b'v', b'w', 200, 0, 0, 0, 0]);
        assert_eq!(body.len() % 4, 0);
        body.extend([0, 0, 0, 2, 0, 0, 0, 0]);
        let datagram = sdes_of(2, &body);
        let compound = parse(&datagram, SizeRule::ReducedSize).unwrap();
        let Some(Packet::Sdes(sdes)) = compound.iter().next() else {
            panic!("{compound:?}");
        };
        let chunks: Vec<_> = sdes.chunks.iter().collect();
        assert_eq!(sdes.chunks.len(), 2);
        assert_eq!((chunks[0].ssrc, chunks[1].ssrc), (1, 2));
        assert_eq!(chunks[1].items.iter().count(), 0);
        assert_eq!(
            chunks[0].items.iter().collect::<Vec<_>>(),
            [
                SdesItem::Cname(b"b"),
                SdesItem::Name(b"c"),
                SdesItem::Email(b"d"),
                SdesItem::Phone(b"e"),
                SdesItem::Loc(b"f"),
                SdesItem::Tool(b"g"),
                SdesItem::Note(b"h"),
                SdesItem::Priv {
                    prefix: b"p",
                    value: b"vw"
                },
                SdesItem::Other {
                    kind: 200,
                    text: b""
                },
            ]
        );
        assert_eq!(compound.cname_of(1), Some(&b"b"[..]));
        assert_eq!(compound.cname_of(2), None);
    }

    #[test]
    fn every_number_of_nulls_ends_a_chunk_on_the_boundary() {
        for len in 0..9_u8 {
            let mut body = vec![0, 0, 0, 1, 1, len];
            body.extend(vec![b'x'; usize::from(len)]);
            body.resize((body.len() + 1).next_multiple_of(4), 0);
            let datagram = sdes_of(1, &body);
            let compound = parse(&datagram, SizeRule::ReducedSize).unwrap();
            assert_eq!(
                compound.cname_of(1).map(<[u8]>::len),
                Some(usize::from(len))
            );
        }
    }

    #[test]
    fn faults_are_named_with_their_place() {
        assert_eq!(fault(1, &[0, 0]), "octet 4: SDES chunk's SSRC cut short");
        assert_eq!(
            fault(1, &[0, 0, 0, 1, 1, 2, b'a', b'b']),
            "octet 12: end of SDES items cut short"
        );
        assert_eq!(
            fault(1, &[0, 0, 0, 1, 1, 3, b'a', b'b']),
            "octet 10: SDES item cut short"
        );
        assert_eq!(
            fault(1, &[0, 0, 0, 1, 8, 2, 2, b'a', 0, 0, 0, 0]),
            "octet 8: the prefix of a PRIV item is longer than the item"
        );
        assert_eq!(
            fault(1, &[0, 0, 0, 1, 8, 0, 0, 0]),
            "octet 8: the prefix of a PRIV item is longer than the item"
        );
        assert_eq!(
            fault(0, &[0, 0, 0, 1, 0, 0, 0, 0]),
            "octet 4: 8 octets after the last part of the packet"
        );
        assert_eq!(
            fault(2, &[0, 0, 0, 1, 0, 0, 0, 0]),
            "octet 12: SDES chunk's SSRC cut short"
        );
    }
}
