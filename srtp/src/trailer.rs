//! What SRTP puts behind a payload, and where each part of it stands.

use core::ops::Range;

use crate::packet::Malformed;

/// The lengths of what follows a payload, in octets.
///
/// ```text
/// SRTP   payload | MKI | tag                  RFC 3711, figure 1
/// SRTCP  payload | E, index | MKI | tag       RFC 3711, figure 2
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// SRTCP's E bit and index: 4, or 0 in SRTP.
    index_len: usize,
    mki_len: usize,
    tag_len: usize,
}

impl Trailer {
    pub(crate) fn of_rtp(mki_len: usize, tag_len: usize) -> Self {
        let index_len = 0;
        Self {
            index_len,
            mki_len,
            tag_len,
        }
    }

    pub(crate) fn of_rtcp(mki_len: usize, tag_len: usize) -> Self {
        let index_len = 4;
        Self {
            index_len,
            mki_len,
            tag_len,
        }
    }

    /// All of it, in octets.
    pub(crate) fn len(self) -> usize {
        self.index_len + self.mki_len + self.tag_len
    }

    /// The layout of the protected packet that a plain one of `len` octets
    /// becomes; `None` where no packet is so long.
    pub(crate) fn behind(self, len: usize) -> Option<Layout> {
        let packet_len = len.checked_add(self.len())?;
        let payload_end = len;
        Some(self.layout(payload_end, packet_len))
    }

    /// The layout of a protected packet of `len` octets.
    pub(crate) fn within(self, len: usize) -> Result<Layout, Malformed> {
        let trailer_len = self.len();
        let payload_end = len.checked_sub(trailer_len);
        let payload_end = payload_end.ok_or(Malformed::NoTrailer { len, trailer_len })?;
        Ok(self.layout(payload_end, len))
    }

    fn layout(self, payload_end: usize, len: usize) -> Layout {
        let mki_start = payload_end + self.index_len;
        let tag_start = mki_start + self.mki_len;
        Layout {
            payload_end,
            mki_start,
            tag_start,
            len,
        }
    }
}

/// Where each part of a protected packet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Where header and payload end: the length of the plain packet.
    pub(crate) payload_end: usize,
    mki_start: usize,
    tag_start: usize,
    /// The length of the protected packet.
    pub(crate) len: usize,
}

impl Layout {
    /// The Authenticated Portion: all before MKI and tag.
    pub(crate) fn authenticated(&self) -> Range<usize> {
        0..self.mki_start
    }

    /// SRTCP's E bit and index; empty in SRTP.
    pub(crate) fn index(&self) -> Range<usize> {
        self.payload_end..self.mki_start
    }

    pub(crate) fn mki(&self) -> Range<usize> {
        self.mki_start..self.tag_start
    }

    pub(crate) fn tag(&self) -> Range<usize> {
        self.tag_start..self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_of_a_packet_is_the_same_from_either_end() {
        for trailer in [Trailer::of_rtp(3, 10), Trailer::of_rtcp(0, 4)] {
            let behind = trailer.behind(100).unwrap();
            assert_eq!(behind.len, 100 + trailer.len());
            assert_eq!(trailer.within(behind.len), Ok(behind));
        }
    }

    #[test]
    fn the_parts_follow_each_other_without_a_gap() {
        let layout = Trailer::of_rtcp(2, 10).behind(20).unwrap();
        assert_eq!(layout.authenticated(), 0..24);
        assert_eq!(layout.index(), 20..24);
        assert_eq!(layout.mki(), 24..26);
        assert_eq!(layout.tag(), 26..36);
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let trailer = Trailer::of_rtp(0, 10);
        assert!(trailer.within(9).is_err());
        assert_eq!(trailer.behind(usize::MAX - 9), None);
        assert!(trailer.within(10).is_ok());
    }
}
