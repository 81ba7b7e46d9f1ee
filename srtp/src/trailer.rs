//! What SRTP puts behind a payload, and where each part of it stands.

use core::ops::Range;

use crate::cryptex::Cryptex;
use crate::packet::{Malformed, RtpHeader};
use crate::policy::Policy;
use crate::roc_carrying::RocCarrying;

/// The lengths of what follows a payload, in octets.
///
/// ```text
/// SRTP         payload | MKI | ROC | tag          RFC 3711, figure 1; RFC 4771 §2
/// SRTCP        payload | E, index | MKI | tag     RFC 3711, figure 2
/// SRTP, AEAD   payload | tag | MKI | ROC          RFC 7714 §8.2
/// SRTCP, AEAD  payload | tag | E, index | MKI     RFC 7714 §9.2
/// ```
///
/// The ROC is there in packets that carry it (RFC 4771), and counts to the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// The tag is the cipher's own, and follows what is encrypted.
    aead: bool,
    /// SRTCP's E bit and index: 4, or 0 in SRTP.
    index_len: u8,
    mki_len: u8,
    /// A carried ROC: 4, or 0.
    roc_len: u8,
    tag_len: u8,
}

impl Trailer {
    /// SRTCP's E bit and index, in octets.
    const INDEX_LEN: u8 = 4;

    /// An MKI has at most 128 octets, and a tag 20.
    pub(crate) fn of_rtp(aead: bool, mki_len: usize, tag_len: usize) -> Self {
        Self {
            aead,
            index_len: 0,
            mki_len: mki_len as u8,
            roc_len: 0,
            tag_len: tag_len as u8,
        }
    }

    pub(crate) fn of_rtcp(aead: bool, mki_len: usize, tag_len: usize) -> Self {
        Self {
            index_len: Self::INDEX_LEN,
            ..Self::of_rtp(aead, mki_len, tag_len)
        }
    }

    /// The same with a ROC in the place of as many of the tag's octets
    /// (RFC 4771 §2).
    pub(crate) fn with_roc_in_tag(self) -> Self {
        Self {
            tag_len: self.tag_len.saturating_sub(RocCarrying::ROC_LEN),
            ..self.with_roc()
        }
    }

    /// The same with a ROC besides.
    pub(crate) fn with_roc(self) -> Self {
        Self {
            roc_len: RocCarrying::ROC_LEN,
            ..self
        }
    }

    /// The same without a tag, unless the tag is the cipher's own.
    pub(crate) fn without_hmac(self) -> Self {
        let tag_len = if self.aead { self.tag_len } else { 0 };
        Self { tag_len, ..self }
    }

    /// All of it, in octets.
    #[inline]
    pub(crate) fn len(self) -> usize {
        usize::from(self.index_len)
            + usize::from(self.mki_len)
            + usize::from(self.roc_len)
            + usize::from(self.tag_len)
    }

    /// The layout of the protected packet that a plain one of `len` octets
    /// becomes; `None` where no packet is so long.
    #[inline]
    pub(crate) fn behind(self, len: usize) -> Option<Layout> {
        let packet_len = len.checked_add(self.len())?;
        Some(self.layout(len, packet_len))
    }

    /// The layout of a protected packet of `len` octets.
    #[inline]
    pub(crate) fn within(self, len: usize) -> Result<Layout, Malformed> {
        let trailer_len = self.len();
        let payload_end = len.checked_sub(trailer_len);
        let payload_end = payload_end.ok_or(Malformed::NoTrailer { len, trailer_len })?;
        Ok(self.layout(payload_end, len))
    }

    #[inline]
    fn layout(self, payload_end: usize, len: usize) -> Layout {
        Layout {
            trailer: self,
            payload_end,
            len,
        }
    }
}

/// The trailers of a session's SRTP packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RtpTrailer {
    plain: Trailer,
    roc_carrying: Option<RocCarrying>,
    /// What Cryptex may put in before the payload, in octets.
    growth: usize,
    ordinary: bool,
}

impl RtpTrailer {
    pub(crate) fn new(policy: &Policy, mki_len: usize) -> Self {
        Self {
            plain: policy.rtp_trailer(mki_len),
            roc_carrying: policy.roc_carrying(),
            ordinary: policy.rtp_is_ordinary() && mki_len == 0,
            growth: match policy.cryptex() {
                Cryptex::Off => 0,
                Cryptex::On | Cryptex::Required => RtpHeader::EXTENSION_WORD_LEN,
            },
        }
    }

    /// The trailer of the packet with this sequence number.
    #[inline]
    pub(crate) fn of(self, seq: u16) -> Trailer {
        match self.roc_carrying {
            Some(roc_carrying) => roc_carrying.trailer_of(seq, self.plain),
            None => self.plain,
        }
    }

    /// The length of the tag, in octets, where all of the session's packets are
    /// header, encrypted payload and tag; `None` where there may be more to a
    /// packet.
    #[inline]
    pub(crate) fn ordinary_tag_len(&self) -> Option<usize> {
        self.ordinary.then_some(usize::from(self.plain.tag_len))
    }

    /// The most octets that protecting adds to a packet.
    pub(crate) fn max_len(self) -> usize {
        let trailer_len = match self.roc_carrying {
            Some(roc_carrying) => roc_carrying.max_trailer_len(self.plain),
            None => self.plain.len(),
        };
        trailer_len + self.growth
    }
}

/// Where each part of a protected packet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    trailer: Trailer,
    /// Where header and payload end: the length of the plain packet.
    pub(crate) payload_end: usize,
    /// The length of the protected packet.
    pub(crate) len: usize,
}

impl Layout {
    /// The Authenticated Portion of RFC 3711: all before MKI and tag.
    #[inline]
    pub(crate) fn authenticated(&self) -> Range<usize> {
        0..self.payload_end + usize::from(self.trailer.index_len)
    }

    /// SRTCP's E bit and index; empty in SRTP.
    #[inline]
    pub(crate) fn index(&self) -> Range<usize> {
        let tag_before_len = match self.trailer.aead {
            true => self.trailer.tag_len,
            false => 0,
        };
        let start = self.payload_end + usize::from(tag_before_len);
        start..start + usize::from(self.trailer.index_len)
    }

    #[inline]
    pub(crate) fn mki(&self) -> Range<usize> {
        let start = self.index().end;
        start..start + usize::from(self.trailer.mki_len)
    }

    /// The ROC that the packet carries; empty where it carries none.
    #[inline]
    pub(crate) fn roc(&self) -> Range<usize> {
        let start = self.mki().end;
        start..start + usize::from(self.trailer.roc_len)
    }

    #[inline]
    pub(crate) fn tag(&self) -> Range<usize> {
        let start = match self.trailer.aead {
            true => self.payload_end,
            false => self.roc().end,
        };
        start..start + usize::from(self.trailer.tag_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_of_a_packet_is_the_same_from_either_end() {
        for trailer in [
            Trailer::of_rtp(false, 3, 10),
            Trailer::of_rtcp(false, 0, 4),
            Trailer::of_rtcp(true, 1, 16),
        ] {
            let behind = trailer.behind(100).unwrap();
            assert_eq!(behind.len, 100 + trailer.len());
            assert_eq!(trailer.within(behind.len), Ok(behind));
        }
    }

    #[test]
    fn the_parts_follow_each_other_without_a_gap() {
        let layout = Trailer::of_rtcp(false, 2, 10).behind(20).unwrap();
        assert_eq!(layout.authenticated(), 0..24);
        assert_eq!(layout.index(), 20..24);
        assert_eq!(layout.mki(), 24..26);
        assert_eq!(layout.tag(), 26..36);

        let layout = Trailer::of_rtcp(true, 2, 16).behind(20).unwrap();
        assert_eq!(layout.tag(), 20..36);
        assert_eq!(layout.index(), 36..40);
        assert_eq!(layout.mki(), 40..42);
        assert_eq!(layout.len, 42);
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let trailer = Trailer::of_rtp(false, 0, 10);
        assert!(trailer.within(9).is_err());
        assert_eq!(trailer.behind(usize::MAX - 9), None);
        assert!(trailer.within(10).is_ok());
    }
}
