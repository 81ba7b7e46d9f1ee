//! What SRTP reads of a packet: where its payload begins, and whose it is.

/// The parts of an RTP header that SRTP needs (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RtpHeader {
    pub(crate) ssrc: u32,
    pub(crate) seq: u16,
    /// The CSRCs, in octets.
    pub(crate) csrc_len: usize,
    pub(crate) extension: Option<Extension>,
    /// The fixed header, the CSRCs and the extension: where the payload begins.
    pub(crate) len: usize,
}

/// A header extension (RFC 3550 §5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    /// The field "defined by profile", which says what the body is made of.
    pub(crate) defined_by_profile: u16,
    /// The body behind the first word, in octets.
    pub(crate) body_len: usize,
}

impl RtpHeader {
    /// The fixed header alone, in octets.
    pub(crate) const FIXED_LEN: usize = 12;

    /// The extension's first word, in octets.
    pub(crate) const EXTENSION_WORD_LEN: usize = 4;

    /// Reads the header of `packet`, which is without any trailer.
    #[inline]
    pub(crate) fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let fixed = fixed_header::<{ Self::FIXED_LEN }>(packet)?;
        let csrc_len = usize::from(fixed[0] & 0x0f) * 4;
        let has_extension = fixed[0] & 0x10 != 0;

        // At most 12 + 15 * 4 + 4 + 65,535 * 4 octets: no sum overflows.
        let mut len = Self::FIXED_LEN + csrc_len;
        let mut extension = None;
        if has_extension {
            let word = packet.get(len..).and_then(<[u8]>::first_chunk::<4>);
            let Some(&[profile_0, profile_1, words @ ..]) = word else {
                return Err(too_short(packet, len + Self::EXTENSION_WORD_LEN));
            };
            let body_len = usize::from(u16::from_be_bytes(words)) * 4;
            len += Self::EXTENSION_WORD_LEN + body_len;
            extension = Some(Extension {
                defined_by_profile: u16::from_be_bytes([profile_0, profile_1]),
                body_len,
            });
        }
        if packet.len() < len {
            return Err(too_short(packet, len));
        }

        let [_, _, seq_0, seq_1, _, _, _, _, ssrc @ ..] = *fixed;
        Ok(Self {
            ssrc: u32::from_be_bytes(ssrc),
            seq: u16::from_be_bytes([seq_0, seq_1]),
            csrc_len,
            extension,
            len,
        })
    }

    /// The sequence number of `packet`, which may not be one.
    #[inline]
    pub(crate) fn seq_of(packet: &[u8]) -> u16 {
        match packet {
            [_, _, seq_0, seq_1, ..] => u16::from_be_bytes([*seq_0, *seq_1]),
            _ => 0,
        }
    }

    /// The SSRC of `packet`, which may not be one.
    #[inline]
    pub(crate) fn ssrc_of(packet: &[u8]) -> u32 {
        match packet {
            [_, _, _, _, _, _, _, _, a, b, c, d, ..] => u32::from_be_bytes([*a, *b, *c, *d]),
            _ => 0,
        }
    }

    /// Where the extension's first word stands, or would stand.
    pub(crate) fn extension_start(&self) -> usize {
        Self::FIXED_LEN + self.csrc_len
    }
}

/// The parts of an RTCP header that SRTP needs (RFC 3550 §6.4.1): the first of
/// a compound packet speaks for all of it (RFC 3711 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RtcpHeader {
    pub(crate) ssrc: u32,
}

impl RtcpHeader {
    /// What of a compound packet is never encrypted, in octets.
    pub(crate) const LEN: usize = 8;

    /// Reads the header of `packet`, which is without any trailer.
    pub(crate) fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let [_, _, _, _, ssrc @ ..] = *fixed_header::<{ Self::LEN }>(packet)?;
        let ssrc = u32::from_be_bytes(ssrc);
        Ok(Self { ssrc })
    }
}

/// Why octets are no RTP or RTCP packet, or no protected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Shorter than its header.
    #[error("{len} octets where the header alone takes {needed}")]
    TooShort {
        /// The octets there are, without the trailer.
        len: usize,
        /// The octets the header takes, as far as it could be read.
        needed: usize,
    },
    /// Shorter than what SRTP adds to a packet.
    #[error("{len} octets where the trailer alone takes {trailer_len}")]
    NoTrailer {
        /// The octets there are.
        len: usize,
        /// The octets of MKI, tag and, in SRTCP, index.
        trailer_len: usize,
    },
    /// Not version 2.
    #[error("version {0} instead of 2")]
    Version(u8),
}

/// The first `LEN` octets, which say version 2.
fn fixed_header<const LEN: usize>(packet: &[u8]) -> Result<&[u8; LEN], Malformed> {
    let Some(fixed) = packet.first_chunk::<LEN>() else {
        return Err(too_short(packet, LEN));
    };
    match fixed[0] >> 6 {
        2 => Ok(fixed),
        version => Err(Malformed::Version(version)),
    }
}

fn too_short(packet: &[u8], needed: usize) -> Malformed {
    let len = packet.len();
    Malformed::TooShort { len, needed }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    /// An RTP packet with these header fields, cut or filled to `len` octets.
    fn packet(csrc_count: u8, extension_words: Option<u16>, len: usize) -> Vec<u8> {
        let mut packet = vec![0u8; 12 + usize::from(csrc_count) * 4];
        packet[0] = 0x80 | csrc_count;
        packet[2..4].copy_from_slice(&[0x12, 0x34]);
        packet[8..12].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
        if let Some(words) = extension_words {
            packet[0] |= 0x10;
            packet.extend_from_slice(&[0xbe, 0xde]);
            packet.extend_from_slice(&words.to_be_bytes());
        }
        packet.resize(len, 0xee);
        packet
    }

    #[test]
    fn cve_2015_6360_no_header_is_longer_than_its_packet() {
        // Every CSRC count × extension length × packet length.
        let extensions = [None, Some(0), Some(1), Some(2), Some(9), Some(u16::MAX)];
        for csrc_count in 0..=15u8 {
            for words in extensions {
                let extension_len = words.map_or(0, |words| 4 + usize::from(words) * 4);
                let header_len = 12 + usize::from(csrc_count) * 4 + extension_len;
                for len in (0..=130).chain([header_len - 1, header_len, header_len + 1]) {
                    let parsed = RtpHeader::parse(&packet(csrc_count, words, len));
                    if len < header_len {
                        assert!(matches!(parsed, Err(Malformed::TooShort { .. })));
                    } else {
                        assert_eq!(
                            parsed,
                            Ok(RtpHeader {
                                ssrc: 0xdead_beef,
                                seq: 0x1234,
                                len: header_len,
                                csrc_len: usize::from(csrc_count) * 4,
                                extension: words.map(|words| Extension {
                                    defined_by_profile: 0xbede,
                                    body_len: usize::from(words) * 4,
                                }),
                            })
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn only_version_2_is_read() {
        let mut octets = packet(0, None, 20);
        for version in [0, 1, 3] {
            octets[0] = version << 6;
            assert_eq!(RtpHeader::parse(&octets), Err(Malformed::Version(version)));
            assert_eq!(RtcpHeader::parse(&octets), Err(Malformed::Version(version)));
        }
    }

    #[test]
    fn an_rtcp_header_is_eight_octets() {
        let octets = [0x81, 200, 0, 1, 1, 2, 3, 4];
        assert_eq!(
            RtcpHeader::parse(&octets),
            Ok(RtcpHeader { ssrc: 0x0102_0304 })
        );
        for len in 0..8 {
            let error = Malformed::TooShort { len, needed: 8 };
            assert_eq!(RtcpHeader::parse(&octets[..len]), Err(error));
        }
    }
}
