//! All streams of a session, found by their SSRC.

use alloc::vec::Vec;
use core::fmt;
use core::hash::{BuildHasher, Hasher};

use hashbrown::HashMap;

/// A bounded table of streams. A look-up costs the same however many there are.
pub(crate) struct StreamTable<S> {
    slots: HashMap<u32, u32, SsrcHash>,
    streams: Vec<S>,
    /// Whose stream is in each slot.
    ssrcs: Vec<u32>,
    /// The stream that was settled last, which the next packet is often of.
    last: Option<(u32, u32)>,
    max_streams: usize,
}

impl<S> StreamTable<S> {
    /// An empty table for up to `max_streams`, which allocates nothing yet.
    pub(crate) fn new(max_streams: usize, hash: SsrcHash) -> Self {
        Self {
            slots: HashMap::with_hasher(hash),
            streams: Vec::new(),
            ssrcs: Vec::new(),
            last: None,
            // There are no more SSRCs than slots.
            max_streams: max_streams.min(u32::MAX as usize),
        }
    }

    /// Step 3: where the stream of `ssrc` is, or would be. `None` where it is
    /// unknown and the table full.
    #[inline]
    pub(crate) fn place(&self, ssrc: u32) -> Option<Place> {
        if let Some((last, slot)) = self.last
            && last == ssrc
        {
            return Some(Place::Known { ssrc, slot });
        }
        match self.slots.get(&ssrc) {
            Some(&slot) => Some(Place::Known { ssrc, slot }),
            None if self.streams.len() < self.max_streams => Some(Place::Provisional(ssrc)),
            None => None,
        }
    }

    /// The same for a place that was found before, since when streams may have
    /// come, and none has gone.
    #[inline]
    pub(crate) fn place_again(&self, place: Place) -> Option<Place> {
        match place {
            Place::Known { .. } => Some(place),
            Place::Provisional(ssrc) => self.place(ssrc),
        }
    }

    /// The stream at `place`; `None` where it is provisional.
    #[inline]
    pub(crate) fn at(&self, place: Place) -> Option<&S> {
        match place {
            Place::Known { slot, .. } => self.streams.get(slot as usize),
            Place::Provisional(_) => None,
        }
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, place: Place) -> Option<&mut S> {
        match place {
            Place::Known { slot, .. } => self.streams.get_mut(slot as usize),
            Place::Provisional(_) => None,
        }
    }

    /// The stream at `place`, taken into the table now where it was
    /// provisional: for a packet that authenticated, or this end's own will.
    #[inline]
    pub(crate) fn settle(&mut self, place: Place, new: impl FnOnce() -> S) -> &mut S {
        let (ssrc, slot) = match place {
            Place::Known { ssrc, slot } => (ssrc, slot),
            Place::Provisional(ssrc) => (ssrc, self.take_in(ssrc, new)),
        };
        self.last = Some((ssrc, slot));
        &mut self.streams[slot as usize]
    }

    #[cold]
    fn take_in(&mut self, ssrc: u32, new: impl FnOnce() -> S) -> u32 {
        let next = self.streams.len() as u32;
        let slot = *self.slots.entry(ssrc).or_insert(next);
        if slot == next {
            self.streams.push(new());
            self.ssrcs.push(ssrc);
        }
        slot
    }

    /// Takes a stream out. The last one comes into its slot.
    pub(crate) fn remove(&mut self, ssrc: u32) -> Option<S> {
        let slot = self.slots.remove(&ssrc)?;
        self.last = None;
        let at = slot as usize;
        self.ssrcs.swap_remove(at);
        if let Some(moved) = self.ssrcs.get(at) {
            self.slots.insert(*moved, slot);
        }
        Some(self.streams.swap_remove(at))
    }

    pub(crate) fn get(&self, ssrc: u32) -> Option<&S> {
        let slot = self.slots.get(&ssrc)?;
        self.streams.get(*slot as usize)
    }

    /// Every stream, and another bound for their number. One that is passed
    /// already stays.
    pub(crate) fn rebound(&mut self, max_streams: usize) -> impl Iterator<Item = &mut S> {
        self.max_streams = max_streams.min(u32::MAX as usize);
        self.streams.iter_mut()
    }

    pub(crate) fn get_mut(&mut self, ssrc: u32) -> Option<&mut S> {
        let slot = self.slots.get(&ssrc)?;
        self.streams.get_mut(*slot as usize)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &S)> + '_ {
        self.ssrcs.iter().copied().zip(&self.streams)
    }

    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    /// How many more streams there is room for.
    pub(crate) fn room(&self) -> usize {
        self.max_streams.saturating_sub(self.streams.len())
    }

    pub(crate) fn ssrcs(&self) -> impl Iterator<Item = u32> + '_ {
        self.ssrcs.iter().copied()
    }
}

impl<S: fmt::Debug> fmt::Debug for StreamTable<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams = self.iter();
        f.debug_map().entries(streams).finish()
    }
}

/// Where a packet's stream is: in the table, or outside of it until one of its
/// packets has authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Known { ssrc: u32, slot: u32 },
    Provisional(u32),
}

/// Hashes an SSRC to the upper half of `a * ssrc + b` mod 2^64.
///
/// With `a` and `b` random this is strongly universal (Dietzfelbinger, 1996):
/// any two SSRCs collide as seldom as random numbers would. `a` and `b` come
/// from the session's master key, so that nobody outside of the session can
/// choose SSRCs that collide; a peer who holds the key can have no more
/// streams than the policy lets it.
#[derive(Clone)]
pub(crate) struct SsrcHash {
    a: u64,
    b: u64,
}

impl SsrcHash {
    pub(crate) fn new(seed: &[u8; 16]) -> Self {
        let [a, b] = [0, 8].map(|at| {
            let half = seed[at..at + 8].iter();
            half.fold(0, |word, &octet| word << 8 | u64::from(octet))
        });
        Self { a, b }
    }
}

impl BuildHasher for SsrcHash {
    type Hasher = SsrcHasher;

    #[inline]
    fn build_hasher(&self) -> SsrcHasher {
        SsrcHasher {
            hash: self.clone(),
            state: 0,
        }
    }
}

pub(crate) struct SsrcHasher {
    hash: SsrcHash,
    state: u32,
}

impl Hasher for SsrcHasher {
    #[inline]
    fn write_u32(&mut self, ssrc: u32) {
        let SsrcHash { a, b } = self.hash;
        let sum = a.wrapping_mul(u64::from(ssrc ^ self.state)).wrapping_add(b);
        self.state = (sum >> 32) as u32;
    }

    fn write(&mut self, octets: &[u8]) {
        for &octet in octets {
            self.write_u32(u32::from(octet));
        }
    }

    /// The same 32 bits twice: the map takes its bucket from the lower end
    /// and its tag from the upper one.
    #[inline]
    fn finish(&self) -> u64 {
        u64::from(self.state) << 32 | u64::from(self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(max_streams: usize) -> StreamTable<u32> {
        StreamTable::new(max_streams, SsrcHash::new(&[0x9d; 16]))
    }

    #[test]
    fn a_provisional_stream_leaves_nothing_behind() {
        let table = table(10);
        for ssrc in 0..1_000 {
            let place = table.place(ssrc).unwrap();
            assert_eq!(place, Place::Provisional(ssrc));
            assert_eq!(table.at(place), None);
        }
        assert_eq!((table.slots.capacity(), table.streams.capacity()), (0, 0));
    }

    #[test]
    fn a_settled_stream_is_found_again() {
        let mut table = table(3_000);
        for ssrc in (0..3_000u32).map(|n| n.wrapping_mul(0x0101_0101)) {
            let place = table.place(ssrc).unwrap();
            *table.settle(place, || 0) = ssrc;
        }
        for ssrc in (0..3_000u32).map(|n| n.wrapping_mul(0x0101_0101)) {
            assert_eq!(table.get(ssrc), Some(&ssrc));
        }
        assert_eq!(table.ssrcs().count(), 3_000);
    }

    #[test]
    fn a_full_table_takes_no_other_stream() {
        let mut table = table(2);
        for ssrc in [7, 8] {
            let place = table.place(ssrc).unwrap();
            table.settle(place, || ssrc);
        }
        assert_eq!(table.place(9), None);
        assert_eq!(table.place(8), Some(Place::Known { ssrc: 8, slot: 1 }));
    }

    #[test]
    fn a_removed_stream_leaves_the_others_where_they_are_found() {
        for removed in 0..5u32 {
            let mut table = table(5);
            for ssrc in 0..5 {
                let place = table.place(ssrc).unwrap();
                table.settle(place, || ssrc);
            }
            assert_eq!(table.remove(removed), Some(removed));
            assert_eq!(table.remove(removed), None);
            assert_eq!(table.place(removed), Some(Place::Provisional(removed)));
            for ssrc in (0..5).filter(|&ssrc| ssrc != removed) {
                assert_eq!(table.get(ssrc), Some(&ssrc));
            }
            assert_eq!((table.len(), table.room()), (4, 1));
            assert!(table.iter().all(|(ssrc, stream)| ssrc == *stream));
        }
    }

    #[test]
    fn a_stream_settled_twice_is_one_stream() {
        let mut table = table(2);
        let place = table.place(5).unwrap();
        *table.settle(place, || 0) += 1;
        *table.settle(place, || 0) += 1;
        assert_eq!(table.get(5), Some(&2));
        assert_eq!(table.ssrcs().count(), 1);
    }
}
