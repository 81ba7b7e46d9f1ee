//! Sender and receiver reports (RFC 3550 §6.4).

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{be_i24, be_u8, be_u32, be_u64};

use crate::malformed::{Parsed, part};
use crate::{NtpShort, NtpTime};

/// SR: what a source has sent, and how it receives others (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SenderReport<'a> {
    /// The reporting source.
    pub ssrc: u32,
    /// What it has sent.
    pub info: SenderInfo,
    /// How it receives others.
    pub blocks: ReportBlocks<'a>,
    /// Profile-specific octets after the blocks; a multiple of four.
    pub extension: &'a [u8],
}

/// RR: how a source receives others (RFC 3550 §6.4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReceiverReport<'a> {
    /// The reporting source.
    pub ssrc: u32,
    /// How it receives others.
    pub blocks: ReportBlocks<'a>,
    /// Profile-specific octets after the blocks; a multiple of four.
    pub extension: &'a [u8],
}

/// What a source has sent since it began.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SenderInfo {
    /// When the report was sent, by the sender's wall clock.
    pub ntp_timestamp: NtpTime,
    /// The same moment on the RTP clock.
    pub rtp_timestamp: u32,
    /// RTP packets sent, modulo 2^32.
    pub packet_count: u32,
    /// Octets of payload sent, without headers and padding, modulo 2^32.
    pub octet_count: u32,
}

/// How one source is received.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ReportBlock {
    /// The source reported on.
    pub ssrc: u32,
    /// The share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; negative where there were more
    /// duplicates than losses. The field has 24 bits: what does not fit is
    /// written as the nearest that does.
    pub cumulative_lost: i32,
    /// The highest sequence number, with its cycles in the upper half.
    pub extended_highest_sequence: u32,
    /// Interarrival jitter, in units of the RTP clock.
    pub jitter: u32,
    /// The middle of the last sender report's NTP timestamp; 0 where none
    /// has come yet.
    pub last_sr: NtpShort,
    /// The time since that report came.
    pub delay_since_last_sr: NtpShort,
}

/// The report blocks of a report.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ReportBlocks<'a> {
    // Whole blocks.
    octets: &'a [u8],
}

impl<'a> SenderReport<'a> {
    pub(crate) fn parse(count: u8, body: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, ssrc) = part("report's SSRC", be_u32).parse(body)?;
        let (rest, info) = part("sender info", SenderInfo::parse).parse(rest)?;
        let (extension, blocks) = ReportBlocks::parse(count, rest)?;
        let report = Self {
            ssrc,
            info,
            blocks,
            extension,
        };
        Ok((&[], report))
    }
}

impl<'a> ReceiverReport<'a> {
    pub(crate) fn parse(count: u8, body: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, ssrc) = part("report's SSRC", be_u32).parse(body)?;
        let (extension, blocks) = ReportBlocks::parse(count, rest)?;
        let report = Self {
            ssrc,
            blocks,
            extension,
        };
        Ok((&[], report))
    }
}

impl SenderInfo {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        (be_u64, be_u32, be_u32, be_u32)
            .map(
                |(ntp_timestamp, rtp_timestamp, packet_count, octet_count)| Self {
                    ntp_timestamp: NtpTime::from_bits(ntp_timestamp),
                    rtp_timestamp,
                    packet_count,
                    octet_count,
                },
            )
            .parse(input)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.ntp_timestamp.to_bits().to_be_bytes());
        out.extend(self.rtp_timestamp.to_be_bytes());
        out.extend(self.packet_count.to_be_bytes());
        out.extend(self.octet_count.to_be_bytes());
    }
}

impl ReportBlock {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        (be_u32, be_u8, be_i24, be_u32, be_u32, be_u32, be_u32)
            .map(
                |(
                    ssrc,
                    fraction_lost,
                    cumulative_lost,
                    extended_highest_sequence,
                    jitter,
                    last_sr,
                    delay_since_last_sr,
                )| Self {
                    ssrc,
                    fraction_lost,
                    cumulative_lost,
                    extended_highest_sequence,
                    jitter,
                    last_sr: NtpShort::from_bits(last_sr),
                    delay_since_last_sr: NtpShort::from_bits(delay_since_last_sr),
                },
            )
            .parse(input)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let lost = self.cumulative_lost.clamp(LOST_RANGE.0, LOST_RANGE.1);
        out.extend(self.ssrc.to_be_bytes());
        out.push(self.fraction_lost);
        out.extend(&lost.to_be_bytes()[1..]);
        out.extend(self.extended_highest_sequence.to_be_bytes());
        out.extend(self.jitter.to_be_bytes());
        out.extend(self.last_sr.to_bits().to_be_bytes());
        out.extend(self.delay_since_last_sr.to_bits().to_be_bytes());
    }
}

impl<'a> ReportBlocks<'a> {
    /// The blocks, in order.
    pub fn iter(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.octets
            .chunks_exact(BLOCK_LEN)
            .filter_map(|block| Some(ReportBlock::parse(block).ok()?.1))
    }

    /// The block about `ssrc`, if there is one.
    pub fn about(&self, ssrc: u32) -> Option<ReportBlock> {
        self.iter().find(|block| block.ssrc == ssrc)
    }

    /// How many blocks.
    pub fn len(&self) -> usize {
        self.octets.len() / BLOCK_LEN
    }

    /// Whether there is no block.
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    fn parse(count: u8, input: &'a [u8]) -> Parsed<'a, Self> {
        let len = usize::from(count) * BLOCK_LEN;
        part("report block", take(len))
            .map(|octets| Self { octets })
            .parse(input)
    }
}

const BLOCK_LEN: usize = 24;

/// What 24 bits hold.
pub(crate) const LOST_RANGE: (i32, i32) = (-0x80_0000, 0x7f_ffff);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Packet, SizeRule, parse};

    /// SR of 0x11223344 with one block and four octets of extension, by hand
    /// from the figure of RFC 3550 §6.4.1.
    const SR: [u8; 56] = [
        0x81, 200, 0, 13, 0x11, 0x22, 0x33, 0x44, // header, SSRC
        0xe0, 0, 0, 1, 0x80, 0, 0, 0, // NTP
        0, 0, 0x1f, 0x40, 0, 0, 0, 50, 0, 0, 0x1f, 0x40, // RTP, packets, octets
        0x55, 0x66, 0x77, 0x88, // block: SSRC
        64, 0xff, 0xff, 0xfe, // a quarter, minus two
        0, 1, 0, 2, 0, 0, 0, 9, // highest, jitter
        0xb7, 5, 0x20, 0, 0, 5, 0x40, 0, // LSR, DLSR
        1, 2, 3, 4, // extension
    ];

    #[test]
    fn reads_every_field_of_the_figure() {
        let compound = parse(&SR, SizeRule::Compound).unwrap();
        let Some(Packet::SenderReport(report)) = compound.iter().next() else {
            panic!("{compound:?}");
        };
        assert_eq!(report.ssrc, 0x1122_3344);
        assert_eq!(
            report.info,
            SenderInfo {
                ntp_timestamp: NtpTime::from_bits(0xe000_0001_8000_0000),
                rtp_timestamp: 8_000,
                packet_count: 50,
                octet_count: 8_000,
            }
        );
        assert_eq!(report.extension, [1, 2, 3, 4]);
        assert_eq!(report.blocks.len(), 1);
        assert_eq!(
            report.blocks.about(0x5566_7788),
            Some(ReportBlock {
                ssrc: 0x5566_7788,
                fraction_lost: 64,
                cumulative_lost: -2,
                extended_highest_sequence: 0x1_0002,
                jitter: 9,
                last_sr: NtpShort::from_bits(0xb705_2000),
                delay_since_last_sr: NtpShort::from_bits(0x0005_4000),
            })
        );
        assert_eq!(report.blocks.about(1), None);
    }

    #[test]
    fn more_blocks_announced_than_there_are_is_an_error() {
        let mut datagram = SR;
        for count in 2..=31 {
            datagram[0] = 0x80 | count;
            let error = parse(&datagram, SizeRule::Compound).unwrap_err();
            assert_eq!(error.to_string(), "octet 28: report block cut short");
        }
    }

    #[test]
    fn a_loss_that_does_not_fit_is_clamped() {
        for (given, written) in [
            (i32::MAX, 0x7f_ffff),
            (i32::MIN, -0x80_0000),
            (-1, -1),
            (0x7f_ffff, 0x7f_ffff),
        ] {
            let mut out = Vec::new();
            let block = ReportBlock {
                cumulative_lost: given,
                ..ReportBlock::default()
            };
            block.write(&mut out);
            let (_, read) = ReportBlock::parse(&out).unwrap();
            assert_eq!(read.cumulative_lost, written);
        }
    }
}
