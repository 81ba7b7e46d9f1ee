//! A datagram in the making.

use crate::bye::Bye;
use crate::compound::{PADDING_BIT, VERSION, packet_type};
use crate::sdes::{Chunk, TextTooLong};
use crate::{App, Packet, ReportBlock, SdesItem, SenderInfo, Unknown};

/// Writes a datagram of RTCP packets, one after another.
///
/// Begun with a report, it is a valid compound packet at every moment
/// (RFC 3550 §6.1): the report first, with as many receiver reports after it
/// as its blocks need, then the canonical name; whatever is added comes
/// behind, and a BYE is the end.
///
/// ```
/// use callseal_rtcp_ext::{App, Builder, SenderInfo};
///
/// let info = SenderInfo { packet_count: 50, octet_count: 8_000, ..SenderInfo::default() };
/// let datagram = Builder::sender_report(7, &info, &[], "LPvhGs9EtQ1yzJnV")?
///     .app(&App { subtype: 0, ssrc: 7, name: *b"PING", data: &[] })?
///     .finish();
/// assert_eq!(datagram.len(), 28 + 28 + 12);
/// # Ok::<(), callseal_rtcp_ext::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    octets: Vec<u8>,
    last_packet: usize,
    compound: bool,
    ended: bool,
}

/// Why a packet cannot be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A canonical name is never empty.
    #[error("an empty canonical name")]
    EmptyCname,
    /// A text's length is written in one octet.
    #[error("a text of {len} octets; at most 255 fit")]
    TextTooLong {
        /// The text's length; a PRIV item's with its prefix and that one's
        /// length.
        len: usize,
    },
    /// Five bits count a packet's parts.
    #[error("{count} where five bits count")]
    Count {
        /// How many, or the subtype.
        count: usize,
    },
    /// A packet is a multiple of four octets.
    #[error("{len} octets of data, no multiple of four")]
    Unaligned {
        /// The data's length.
        len: usize,
    },
    /// A packet's length is written in 16 bits, in words of four octets.
    #[error("a packet of {len} octets; at most 262144 fit")]
    PacketTooLong {
        /// The packet's length with its header.
        len: usize,
    },
    /// Nothing follows a BYE in a compound packet (RFC 3550 §6.1).
    #[error("a packet after a BYE")]
    AfterBye,
    /// Padding brings a datagram to a multiple of 4, 8, … 252 octets.
    #[error("padding to a multiple of {multiple} octets")]
    Padding {
        /// The multiple asked for.
        multiple: usize,
    },
}

impl Builder {
    /// Begins a compound packet with a sender report; blocks past the 31st
    /// go into receiver reports behind it (RFC 3550 §6.1).
    ///
    /// # Errors
    ///
    /// [`BuildError::EmptyCname`] or [`BuildError::TextTooLong`], both about
    /// `cname`.
    pub fn sender_report(
        ssrc: u32,
        info: &SenderInfo,
        blocks: &[ReportBlock],
        cname: &str,
    ) -> Result<Self, BuildError> {
        Self::compound(ssrc, Some(info), blocks, cname)
    }

    /// Begins a compound packet with a receiver report; blocks past the 31st
    /// go into more of them (RFC 3550 §6.1).
    ///
    /// # Errors
    ///
    /// [`BuildError::EmptyCname`] or [`BuildError::TextTooLong`], both about
    /// `cname`.
    ///
    /// ```
    /// use callseal_rtcp_ext::{BuildError, Builder};
    ///
    /// assert_eq!(Builder::receiver_report(7, &[], "").unwrap_err(), BuildError::EmptyCname);
    /// ```
    pub fn receiver_report(
        ssrc: u32,
        blocks: &[ReportBlock],
        cname: &str,
    ) -> Result<Self, BuildError> {
        Self::compound(ssrc, None, blocks, cname)
    }

    /// Begins a datagram without a report, for sessions that have agreed on
    /// reduced-size RTCP (RFC 5506). Only the packets themselves are
    /// checked, not their order.
    ///
    /// ```
    /// use callseal_rtcp_ext::Builder;
    ///
    /// let datagram = Builder::reduced_size().bye(&[7], None)?.finish();
    /// assert_eq!(datagram, [0x81, 203, 0, 1, 0, 0, 0, 7]);
    /// # Ok::<(), callseal_rtcp_ext::BuildError>(())
    /// ```
    pub fn reduced_size() -> Self {
        Self {
            octets: Vec::new(),
            last_packet: 0,
            compound: false,
            ended: false,
        }
    }

    /// Adds a source description of one source.
    ///
    /// # Errors
    ///
    /// [`BuildError::TextTooLong`] or [`BuildError::AfterBye`].
    ///
    /// ```
    /// use callseal_rtcp_ext::{Builder, SdesItem};
    ///
    /// let datagram = Builder::receiver_report(7, &[], "LPvhGs9EtQ1yzJnV")?
    ///     .sdes(7, &[SdesItem::Tool(b"callseal")])?
    ///     .finish();
    /// # let _ = datagram;
    /// # Ok::<(), callseal_rtcp_ext::BuildError>(())
    /// ```
    pub fn sdes(self, ssrc: u32, items: &[SdesItem<'_>]) -> Result<Self, BuildError> {
        self.packet(1, packet_type::SDES, |out| {
            Ok(Chunk::write(ssrc, items.iter().copied(), out)?)
        })
    }

    /// Adds an application's packet.
    ///
    /// # Errors
    ///
    /// [`BuildError::Count`] if the subtype is above 31,
    /// [`BuildError::Unaligned`] or [`BuildError::PacketTooLong`] about the
    /// data, or [`BuildError::AfterBye`].
    pub fn app(self, app: &App<'_>) -> Result<Self, BuildError> {
        self.packet(usize::from(app.subtype), packet_type::APP, |out| {
            out.extend(app.ssrc.to_be_bytes());
            out.extend(app.name);
            out.extend(app.data);
            Ok(())
        })
    }

    /// Adds a packet of a type that this crate does not know.
    ///
    /// # Errors
    ///
    /// [`BuildError::Count`] if the count is above 31,
    /// [`BuildError::Unaligned`] or [`BuildError::PacketTooLong`] about the
    /// body, or [`BuildError::AfterBye`].
    pub fn unknown(self, packet: &Unknown<'_>) -> Result<Self, BuildError> {
        self.packet(usize::from(packet.count), packet.packet_type, |out| {
            out.extend(packet.body);
            Ok(())
        })
    }

    /// Adds a packet that another datagram brought, as a translator does.
    ///
    /// # Errors
    ///
    /// [`BuildError::AfterBye`]; a packet that [`parse`](crate::parse) has
    /// read has no other fault.
    pub fn parsed(self, packet: &Packet<'_>) -> Result<Self, BuildError> {
        match packet {
            Packet::SenderReport(report) => {
                self.packet(report.blocks.len(), packet_type::SR, |out| {
                    out.extend(report.ssrc.to_be_bytes());
                    report.info.write(out);
                    report.blocks.iter().for_each(|block| block.write(out));
                    out.extend(report.extension);
                    Ok(())
                })
            }
            Packet::ReceiverReport(report) => {
                self.packet(report.blocks.len(), packet_type::RR, |out| {
                    out.extend(report.ssrc.to_be_bytes());
                    report.blocks.iter().for_each(|block| block.write(out));
                    out.extend(report.extension);
                    Ok(())
                })
            }
            Packet::Sdes(sdes) => self.packet(sdes.chunks.len(), packet_type::SDES, |out| {
                for chunk in sdes.chunks.iter() {
                    Chunk::write(chunk.ssrc, chunk.items.iter(), out)?;
                }
                Ok(())
            }),
            Packet::Bye(bye) => {
                self.goodbye(bye.sources.iter().count(), bye.sources.iter(), bye.reason)
            }
            Packet::App(app) => self.app(app),
            Packet::Unknown(packet) => self.unknown(packet),
        }
    }

    /// Adds a BYE of these sources, the last packet.
    ///
    /// # Errors
    ///
    /// [`BuildError::Count`] if there are more than 31,
    /// [`BuildError::TextTooLong`] about the reason, or
    /// [`BuildError::AfterBye`].
    pub fn bye(self, sources: &[u32], reason: Option<&str>) -> Result<Self, BuildError> {
        self.goodbye(
            sources.len(),
            sources.iter().copied(),
            reason.map(str::as_bytes),
        )
    }

    /// The datagram's length so far, in octets.
    pub fn len(&self) -> usize {
        self.octets.len()
    }

    /// Whether there is no packet yet.
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// The datagram.
    pub fn finish(self) -> Vec<u8> {
        self.octets
    }

    /// The datagram, its last packet padded so that its length is a multiple
    /// of `multiple` octets (RFC 3550 §6.4.1).
    ///
    /// # Errors
    ///
    /// [`BuildError::Padding`] unless `multiple` is one of 4, 8, … 252;
    /// [`BuildError::PacketTooLong`] if the last packet has no room.
    ///
    /// ```
    /// use callseal_rtcp_ext::Builder;
    ///
    /// let builder = Builder::receiver_report(7, &[], "LPvhGs9EtQ1yzJnV")?;
    /// assert_eq!(builder.len(), 36);
    /// assert_eq!(builder.finish_padded(16)?.len(), 48);
    /// # Ok::<(), callseal_rtcp_ext::BuildError>(())
    /// ```
    pub fn finish_padded(mut self, multiple: usize) -> Result<Vec<u8>, BuildError> {
        let padding = match u8::try_from(multiple) {
            Ok(octets) if octets > 0 && octets.is_multiple_of(4) => {
                // Below `multiple`, which an octet holds.
                (self.octets.len().next_multiple_of(multiple) - self.octets.len()) as u8
            }
            _ => return Err(BuildError::Padding { multiple }),
        };
        if padding == 0 {
            return Ok(self.octets);
        }
        let padded_len = self.octets.len() + usize::from(padding);
        let words = words_of(padded_len - self.last_packet)?;
        self.octets.resize(padded_len - 1, 0);
        self.octets.push(padding);
        let header = &mut self.octets[self.last_packet..];
        header[0] |= PADDING_BIT;
        header[2..4].copy_from_slice(&words.to_be_bytes());
        Ok(self.octets)
    }

    fn compound(
        ssrc: u32,
        info: Option<&SenderInfo>,
        blocks: &[ReportBlock],
        cname: &str,
    ) -> Result<Self, BuildError> {
        if cname.is_empty() {
            return Err(BuildError::EmptyCname);
        }
        let (first, more) = blocks.split_at(blocks.len().min(MAX_COUNT));
        let packet_type = match info {
            Some(_) => packet_type::SR,
            None => packet_type::RR,
        };
        let mut builder = Self::reduced_size().packet(first.len(), packet_type, |out| {
            out.extend(ssrc.to_be_bytes());
            if let Some(info) = info {
                info.write(out);
            }
            first.iter().for_each(|block| block.write(out));
            Ok(())
        })?;
        builder.compound = true;
        for blocks in more.chunks(MAX_COUNT) {
            builder = builder.packet(blocks.len(), packet_type::RR, |out| {
                out.extend(ssrc.to_be_bytes());
                blocks.iter().for_each(|block| block.write(out));
                Ok(())
            })?;
        }
        builder.sdes(ssrc, &[SdesItem::Cname(cname.as_bytes())])
    }

    fn goodbye(
        self,
        count: usize,
        sources: impl Iterator<Item = u32>,
        reason: Option<&[u8]>,
    ) -> Result<Self, BuildError> {
        let reason = match reason {
            Some(text) => match u8::try_from(text.len()) {
                Ok(len) => Some((len, text)),
                Err(_) => return Err(BuildError::TextTooLong { len: text.len() }),
            },
            None => None,
        };
        let mut builder = self.packet(count, packet_type::BYE, |out| {
            Bye::write(sources, reason, out);
            Ok(())
        })?;
        builder.ended = builder.compound;
        Ok(builder)
    }

    fn packet(
        mut self,
        count: usize,
        packet_type: u8,
        body: impl FnOnce(&mut Vec<u8>) -> Result<(), BuildError>,
    ) -> Result<Self, BuildError> {
        if self.ended {
            return Err(BuildError::AfterBye);
        }
        if count > MAX_COUNT {
            return Err(BuildError::Count { count });
        }
        let start = self.octets.len();
        self.octets
            .extend([(VERSION << 6) | count as u8, packet_type, 0, 0]);
        body(&mut self.octets)?;
        let words = words_of(self.octets.len() - start)?;
        self.octets[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
        self.last_packet = start;
        Ok(self)
    }
}

impl From<TextTooLong> for BuildError {
    fn from(error: TextTooLong) -> Self {
        Self::TextTooLong { len: error.len }
    }
}

/// What five bits count.
const MAX_COUNT: usize = 31;

/// A packet's length as its header has it: in words of four octets, less one.
fn words_of(packet_len: usize) -> Result<u16, BuildError> {
    if !packet_len.is_multiple_of(4) {
        return Err(BuildError::Unaligned {
            len: packet_len - 4,
        });
    }
    u16::try_from(packet_len / 4 - 1).map_err(|_| BuildError::PacketTooLong { len: packet_len })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SizeRule, parse};

    const CNAME: &str = "LPvhGs9EtQ1yzJnV";

    fn receiver_report() -> Builder {
        Builder::receiver_report(7, &[], CNAME).unwrap()
    }

    #[test]
    fn a_report_brings_its_canonical_name() {
        let expected = [
            0x80, 201, 0, 1, 0, 0, 0, 7, // RR
            0x81, 202, 0, 6, 0, 0, 0, 7, 1, 16, // SDES, CNAME
            b'L', b'P', b'v', b'h', b'G', b's', b'9', b'E', // its text
            b't', b'Q', b'1', b'y', b'z', b'J', b'n', b'V', // …
            0, 0, // the end of the items
        ];
        assert_eq!(receiver_report().finish(), expected);
    }

    #[test]
    fn blocks_past_the_31st_go_into_more_receiver_reports() {
        for count in [0, 31, 32, 62, 63, 100] {
            let blocks: Vec<_> = (0..count)
                .map(|ssrc| ReportBlock {
                    ssrc,
                    ..ReportBlock::default()
                })
                .collect();
            let builder = Builder::sender_report(7, &SenderInfo::default(), &blocks, CNAME);
            let datagram = builder.unwrap().finish();
            let mut seen = Vec::new();
            let mut kinds = Vec::new();
            for packet in &parse(&datagram, SizeRule::Compound).unwrap() {
                match packet {
                    Packet::SenderReport(report) => {
                        kinds.push("SR");
                        seen.extend(report.blocks.iter());
                    }
                    Packet::ReceiverReport(report) => {
                        kinds.push("RR");
                        assert_eq!(report.ssrc, 7);
                        seen.extend(report.blocks.iter());
                    }
                    Packet::Sdes(_) => kinds.push("SDES"),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(seen, blocks);
            assert_eq!((kinds[0], kinds[kinds.len() - 1]), ("SR", "SDES"));
            assert_eq!(kinds.len(), 2 + (count as usize).max(1).div_ceil(31) - 1);
        }
    }

    #[test]
    fn nothing_follows_a_bye_in_a_compound_packet() {
        let ended = receiver_report().bye(&[7], None).unwrap();
        assert_eq!(ended.bye(&[8], None).unwrap_err(), BuildError::AfterBye);
        let reduced = Builder::reduced_size().bye(&[7], None).unwrap();
        assert!(reduced.bye(&[8], None).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let long = "x".repeat(256);
        assert_eq!(
            Builder::receiver_report(7, &[], &long).unwrap_err(),
            BuildError::TextTooLong { len: 256 }
        );
        assert!(Builder::receiver_report(7, &[], &long[1..]).is_ok());
        assert_eq!(
            receiver_report().bye(&[7], Some(&long)).unwrap_err(),
            BuildError::TextTooLong { len: 256 }
        );
        assert_eq!(
            receiver_report().bye(&[7; 32], None).unwrap_err(),
            BuildError::Count { count: 32 }
        );
        let private = SdesItem::Priv {
            prefix: &[b'p'; 127],
            value: &[b'v'; 128],
        };
        assert_eq!(
            receiver_report().sdes(7, &[private]).unwrap_err(),
            BuildError::TextTooLong { len: 256 }
        );
        let app = |subtype, data| {
            receiver_report()
                .app(&App {
                    subtype,
                    ssrc: 7,
                    name: *b"TEST",
                    data,
                })
                .map(Builder::finish)
        };
        assert_eq!(app(32, &[]), Err(BuildError::Count { count: 32 }));
        assert_eq!(app(0, &[1]), Err(BuildError::Unaligned { len: 9 }));
        assert!(app(31, &[0; 262_144 - 12]).is_ok());
        assert_eq!(
            app(31, &[0; 262_144 - 8]),
            Err(BuildError::PacketTooLong { len: 262_148 })
        );
    }

    #[test]
    fn padding_reaches_every_multiple_and_reads_back() {
        for multiple in (4..256).step_by(4) {
            let builder = receiver_report().bye(&[7], Some("so long")).unwrap();
            let plain = builder.clone().finish();
            let padded = builder.finish_padded(multiple).unwrap();
            assert!(padded.len().is_multiple_of(multiple));
            assert!(padded.len() - plain.len() < multiple);
            let packets = |datagram| {
                let compound = parse(datagram, SizeRule::Compound).unwrap();
                compound.iter().collect::<Vec<_>>()
            };
            assert_eq!(packets(&padded), packets(&plain));
        }
        for multiple in [0, 1, 6, 255, 256] {
            assert_eq!(
                receiver_report().finish_padded(multiple),
                Err(BuildError::Padding { multiple })
            );
        }
    }
}
