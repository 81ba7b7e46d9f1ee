//! Which packets a master key is for, where no MKI says it.

use core::fmt;

use crate::index::PacketIndex;

/// The <From, To> of a master key (RFC 3711 §8.1.1): the SRTP indexes, ends
/// included, that it is used for.
///
/// ```
/// use callseal_srtp::{IndexRange, PacketIndex};
///
/// let (from, to) = (PacketIndex::ZERO, PacketIndex::from_parts(0, 0xffff));
/// let range = IndexRange::new(from, to).unwrap();
/// assert_eq!((range.from(), range.to()), (from, to));
/// assert_eq!(IndexRange::new(to, from), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IndexRange {
    from: PacketIndex,
    to: PacketIndex,
}

impl IndexRange {
    /// All indexes.
    pub const ALL: Self = Self {
        from: PacketIndex::ZERO,
        to: PacketIndex::MAX,
    };

    /// The indexes from `from` to `to`, both included; `None` where `to` comes
    /// before `from`.
    #[must_use]
    pub fn new(from: PacketIndex, to: PacketIndex) -> Option<Self> {
        (from <= to).then_some(Self { from, to })
    }

    /// The first index.
    #[must_use]
    pub fn from(self) -> PacketIndex {
        self.from
    }

    /// The last index.
    #[must_use]
    pub fn to(self) -> PacketIndex {
        self.to
    }

    pub(crate) fn contains(self, index: PacketIndex) -> bool {
        (self.from..=self.to).contains(&index)
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }
}

impl fmt::Display for IndexRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}
