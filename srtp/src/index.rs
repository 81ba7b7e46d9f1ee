//! The indexes that every packet has, and how a sequence number leads to one.

use core::fmt;

/// The index of an SRTP packet: 2^16 * ROC + SEQ, 48 bits (RFC 3711 §3.3.1).
///
/// ```
/// use callseal_srtp::PacketIndex;
///
/// let index = PacketIndex::from_parts(1, 2);
/// assert_eq!(index.get(), 0x1_0002);
/// assert_eq!((index.roc(), index.seq()), (1, 2));
/// assert_eq!(PacketIndex::new(1 << 48), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketIndex(u64);

impl PacketIndex {
    /// The first index there is.
    pub const ZERO: Self = Self(0);

    /// The last packet ever: ROC 2^32 − 1, SEQ 0xFFFF.
    pub const MAX: Self = Self((1 << 48) - 1);

    /// An index from its 48 bits; `None` where there are more.
    #[must_use]
    #[inline]
    pub fn new(index: u64) -> Option<Self> {
        (index <= Self::MAX.0).then_some(Self(index))
    }

    /// An index from its rollover counter and sequence number.
    #[must_use]
    #[inline]
    pub fn from_parts(roc: u32, seq: u16) -> Self {
        Self(u64::from(roc) << 16 | u64::from(seq))
    }

    /// All 48 bits.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The rollover counter.
    #[must_use]
    #[inline]
    pub fn roc(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// The sequence number.
    #[must_use]
    #[inline]
    pub fn seq(self) -> u16 {
        self.0 as u16
    }

    pub(crate) fn divided_by_power_of_two(self, exponent: u8) -> Self {
        Self(self.0 >> exponent)
    }
}

impl From<RtcpIndex> for PacketIndex {
    /// The 31 bits where SRTP has its 48: what key derivation takes in
    /// (RFC 3711 §4.3.2).
    fn from(index: RtcpIndex) -> Self {
        Self(u64::from(index.0))
    }
}

impl fmt::Display for PacketIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The index of an SRTCP packet, 31 bits, which the packet carries (RFC 3711 §3.4).
///
/// ```
/// use callseal_srtp::RtcpIndex;
///
/// assert_eq!(RtcpIndex::ZERO.next().map(RtcpIndex::get), Some(1));
/// assert_eq!(RtcpIndex::MAX.next(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RtcpIndex(u32);

impl RtcpIndex {
    /// The first index a sender uses.
    pub const ZERO: Self = Self(0);

    /// The last one.
    pub const MAX: Self = Self(0x7fff_ffff);

    /// An index from its 31 bits; `None` where there are more.
    #[must_use]
    pub fn new(index: u32) -> Option<Self> {
        (index <= Self::MAX.0).then_some(Self(index))
    }

    /// The index in the lower 31 bits of `word`.
    pub(crate) fn of_low_bits(word: u32) -> Self {
        Self(word & Self::MAX.0)
    }

    /// The index of the packet after; `None` after the last.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::new(self.0 + 1)
    }

    /// All 31 bits.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RtcpIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The index that a packet is taken to have, before anybody has checked
/// whether it was used and whether the packet is genuine.
#[derive(Debug)]
pub(crate) struct Estimate {
    index: u64,
    /// The ROC was set back by hand, so that the index is not to be compared
    /// with the ones before.
    restarts: bool,
}

impl Estimate {
    /// The index of an SRTP packet with this `seq`, in a stream that has
    /// `progress`; `None` where it would pass the last index.
    #[inline]
    pub(crate) fn of_rtp(progress: Progress, seq: u16) -> Option<(Self, PacketIndex)> {
        let index = match progress {
            Progress {
                set_roc: Some(roc), ..
            } => PacketIndex::from_parts(roc, seq),
            Progress {
                newest: Some(newest),
                ..
            } => PacketIndex(closest::<16, 32>(newest.0, u64::from(seq))?),
            Progress { .. } => PacketIndex::from_parts(0, seq),
        };
        let goes_back =
            |newest: PacketIndex| progress.set_roc.is_some_and(|roc| roc < newest.roc());
        let estimate = Self {
            index: index.0,
            restarts: progress.newest.is_some_and(goes_back),
        };
        Some((estimate, index))
    }

    /// The index of an SRTP packet that says its ROC itself, or is tried with
    /// another one than it seems to have.
    #[inline]
    pub(crate) fn of_index(index: PacketIndex, restarts: bool) -> Self {
        Self {
            index: index.0,
            restarts,
        }
    }

    /// The index that an SRTCP packet says it has.
    #[inline]
    pub(crate) fn of_rtcp(index: RtcpIndex) -> Self {
        Self {
            index: u64::from(index.0),
            restarts: false,
        }
    }

    #[inline]
    pub(crate) fn index(&self) -> u64 {
        self.index
    }

    #[inline]
    pub(crate) fn restarts(&self) -> bool {
        self.restarts
    }
}

/// How far an SRTP stream has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// 2^16 * ROC + s_l; `None` before the first packet.
    pub(crate) newest: Option<PacketIndex>,
    /// The ROC that was set by hand for the next packet.
    pub(crate) set_roc: Option<u32>,
}

/// RFC 3711, appendix A, at any width: the index with these low bits that is
/// closest to `newest`, with the ROC before, the same, or the one after.
///
/// Two things the appendix leaves to modular arithmetic are decided here. No
/// ROC comes before the first: a packet that seems older has to be of ROC 0.
/// And none comes after the last, which is `None`.
fn closest<const SEQ_BITS: u32, const ROC_BITS: u32>(newest: u64, seq: u64) -> Option<u64> {
    let half = 1 << (SEQ_BITS - 1);
    let roc = newest >> SEQ_BITS;
    let s_l = newest & ((1 << SEQ_BITS) - 1);
    let v = if s_l < half {
        if seq > s_l + half {
            roc.saturating_sub(1)
        } else {
            roc
        }
    } else if s_l - half > seq {
        roc + 1
    } else {
        roc
    };
    (v < 1 << ROC_BITS).then_some(v << SEQ_BITS | seq)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(newest: PacketIndex, seq: u16) -> Option<PacketIndex> {
        let progress = Progress {
            newest: Some(newest),
            set_roc: None,
        };
        Estimate::of_rtp(progress, seq).map(|(_, index)| index)
    }

    #[test]
    fn at_a_small_width_every_estimate_is_the_closest_index_there_is() {
        // All 2^7 newest indexes × all 2^4 sequence numbers.
        const SEQS: u64 = 1 << 4;
        const END: u64 = 1 << 7;
        for newest in 0..END {
            for seq in 0..SEQS {
                let estimate = closest::<4, 3>(newest, seq);
                // One round beyond the end stands for what cannot be.
                let mut candidates = (0..END + SEQS).filter(|index| index % SEQS == seq);
                let nearest = candidates.clone().map(|index| index.abs_diff(newest)).min();
                match estimate {
                    Some(index) => {
                        assert!(index < END && index % SEQS == seq);
                        assert_eq!(Some(index.abs_diff(newest)), nearest, "{newest} {seq}");
                    }
                    None => {
                        let beyond = candidates.next_back().map(|index| index.abs_diff(newest));
                        assert_eq!(beyond, nearest, "{newest} {seq}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn at_full_width_no_index_of_a_number_is_closer_than_the_estimate(
            newest in prop_oneof![
                0..1u64 << 48,
                0..1u64 << 17,
                (1u64 << 48) - (1 << 17)..1u64 << 48,
            ],
            seq in any::<u16>(),
        ) {
            let newest = PacketIndex::new(newest).unwrap();
            let rocs = [newest.roc().checked_sub(1), Some(newest.roc()), newest.roc().checked_add(1)];
            let there = rocs.into_iter().flatten().map(|roc| PacketIndex::from_parts(roc, seq));
            let distance = |index: PacketIndex| index.get().abs_diff(newest.get());
            let nearest = there.map(distance).min().unwrap();
            match after(newest, seq) {
                Some(index) => {
                    prop_assert_eq!(index.seq(), seq);
                    prop_assert_eq!(distance(index), nearest);
                }
                // The one that is closer still would be beyond the last ROC.
                None => {
                    prop_assert_eq!(newest.roc(), u32::MAX);
                    prop_assert!((1u64 << 48 | u64::from(seq)) - newest.get() < nearest);
                }
            }
        }
    }

    #[test]
    fn a_tie_stays_in_the_current_roc() {
        // Both neighbours are 2^15 away; appendix A moves only beyond that.
        let newest = PacketIndex::from_parts(7, 0x1000);
        assert_eq!(
            after(newest, 0x9000),
            Some(PacketIndex::from_parts(7, 0x9000))
        );
        let newest = PacketIndex::from_parts(7, 0x9000);
        assert_eq!(
            after(newest, 0x1000),
            Some(PacketIndex::from_parts(7, 0x1000))
        );
    }

    #[test]
    fn a_wrap_and_a_late_packet_before_it_find_their_roc() {
        let before = PacketIndex::from_parts(4, 65_530);
        let wrapped = after(before, 0).unwrap();
        assert_eq!(wrapped, PacketIndex::from_parts(5, 0));
        assert_eq!(after(wrapped, 65_530), Some(before));
    }

    #[test]
    fn no_roc_comes_before_the_first_or_after_the_last() {
        assert_eq!(
            after(PacketIndex::ZERO, 0xffff),
            Some(PacketIndex::from_parts(0, 0xffff))
        );
        assert_eq!(after(PacketIndex::MAX, 0), None);
        assert_eq!(after(PacketIndex::MAX, 0x7ffe), None);
        assert_eq!(
            after(PacketIndex::MAX, 0xfffe),
            Some(PacketIndex::from_parts(u32::MAX, 0xfffe))
        );
    }

    #[test]
    fn a_new_stream_starts_at_roc_0_or_at_the_one_set() {
        let (_, index) = Estimate::of_rtp(Progress::default(), 65_535).unwrap();
        assert_eq!(index, PacketIndex::from_parts(0, 65_535));
        let set = Progress {
            set_roc: Some(9),
            newest: None,
        };
        let (_, index) = Estimate::of_rtp(set, 3).unwrap();
        assert_eq!(index, PacketIndex::from_parts(9, 3));
    }

    #[test]
    fn a_set_roc_begins_anew_only_where_it_is_earlier() {
        for (roc, restarts) in [(4, true), (5, false), (6, false)] {
            let set = Progress {
                set_roc: Some(roc),
                newest: Some(PacketIndex::from_parts(5, 0xff00)),
            };
            let (estimate, index) = Estimate::of_rtp(set, 3).unwrap();
            assert_eq!(index, PacketIndex::from_parts(roc, 3));
            assert_eq!(estimate.restarts(), restarts, "{roc}");
        }
    }
}
