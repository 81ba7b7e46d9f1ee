//! All streams of a session, found by their SSRC.

use alloc::vec::Vec;
use core::fmt;
use core::hash::{BuildHasher, Hasher};
use core::mem;

use zeroize::Zeroize;

/// A bounded table of streams. A look-up costs the same however many there are.
///
/// The streams stand in the hash table itself, each in the slot that its SSRC
/// hashes to or in one behind it, so that the memory a packet's stream is in is
/// waited for once.
pub(crate) struct StreamTable<S> {
    /// None, or a power of two of them, a quarter of which is free.
    slots: Vec<Option<S>>,
    len: usize,
    /// The stream that was settled last, which the next packet is often of.
    last: Option<Place>,
    hash: SsrcHash,
    max_streams: usize,
}

/// What stands in a [`StreamTable`].
pub(crate) trait OfSsrc {
    fn ssrc(&self) -> u32;
}

/// Whether the stream of `ssrc` is in a slot.
#[inline(always)]
fn is_of<S: OfSsrc>(slot: &Option<S>, ssrc: u32) -> bool {
    slot.as_ref().is_some_and(|stream| stream.ssrc() == ssrc)
}

impl<S: OfSsrc> StreamTable<S> {
    /// An empty table for up to `max_streams`, which allocates nothing yet.
    pub(crate) fn new(max_streams: usize, hash: SsrcHash) -> Self {
        Self {
            slots: Vec::new(),
            len: 0,
            last: None,
            hash,
            max_streams: Self::bound(max_streams),
        }
    }

    /// Slots are counted in 32 bits, and there are at most three times as many
    /// as streams.
    fn bound(max_streams: usize) -> usize {
        max_streams.min(1 << 30)
    }

    /// Step 3: where the stream of `ssrc` is, or would be. `None` where it is
    /// unknown and the table full.
    #[inline]
    pub(crate) fn place(&self, ssrc: u32) -> Option<Place> {
        if let Some(last) = self.last
            && last.ssrc() == ssrc
        {
            return Some(last);
        }
        match self.find(ssrc) {
            Some(slot) => Some(Place::known(ssrc, slot as u32)),
            None if self.len < self.max_streams => Some(Place::provisional(ssrc)),
            None => None,
        }
    }

    /// The same for a place that was found before, since when streams may have
    /// come, and none has gone.
    #[inline]
    pub(crate) fn place_again(&self, place: Place) -> Option<Place> {
        match place.is_provisional() {
            true => self.place(place.ssrc()),
            false => Some(place),
        }
    }

    /// The stream at `place`; `None` where it is provisional.
    #[inline]
    pub(crate) fn at(&self, place: Place) -> Option<&S> {
        self.slots[self.slot_at(place)?].as_ref()
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, place: Place) -> Option<&mut S> {
        let slot = self.slot_at(place)?;
        self.slots[slot].as_mut()
    }

    /// The same for a packet that is likely to change it.
    #[inline]
    pub(crate) fn settle_known(&mut self, place: Place) -> Option<&mut S> {
        let slot = self.slot_at(place)?;
        self.last = Some(Place::known(place.ssrc(), slot as u32));
        self.slots[slot].as_mut()
    }

    /// The stream at `place`, taken into the table now where it was
    /// provisional: for a packet that authenticated, or this end's own will.
    #[inline(always)]
    pub(crate) fn settle(&mut self, place: Place, new: impl FnOnce(u32) -> S) -> &mut S {
        let slot = match self.slot_at(place) {
            Some(slot) => slot,
            None => self.take_in(place.ssrc(), new),
        };
        self.last = Some(Place::known(place.ssrc(), slot as u32));
        match &mut self.slots[slot] {
            Some(stream) => stream,
            None => unreachable!("a slot that was found has a stream"),
        }
    }

    #[cold]
    fn take_in(&mut self, ssrc: u32, new: impl FnOnce(u32) -> S) -> usize {
        let known = self.find(ssrc);
        let slot = known.unwrap_or_else(|| self.slot_for(ssrc));
        self.slots[slot].get_or_insert_with(|| new(ssrc));
        slot
    }

    /// Makes room for `ssrc`, which is unknown, and tells its slot.
    fn slot_for(&mut self, ssrc: u32) -> usize {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        self.len += 1;
        self.free_slot(ssrc)
    }

    fn grow(&mut self) {
        let count = (2 * self.slots.len()).max(2);
        let mut slots = Vec::with_capacity(count);
        slots.resize_with(count, || None);
        let mut smaller = mem::replace(&mut self.slots, slots);
        for taken in smaller.drain(..).flatten() {
            let slot = self.free_slot(taken.ssrc());
            self.slots[slot] = Some(taken);
        }
        wipe(smaller);
    }

    /// The first free slot for `ssrc`; there is one.
    fn free_slot(&self, ssrc: u32) -> usize {
        let mut slot = self.home(ssrc);
        while self.slots[slot].is_some() {
            slot = self.behind(slot);
        }
        slot
    }

    /// Takes a stream out. Those that others had pushed on come closer to where
    /// they are looked for first.
    pub(crate) fn remove(&mut self, ssrc: u32) -> Option<S> {
        let mut free = self.find(ssrc)?;
        let removed = self.slots[free].take();
        self.last = None;
        self.len -= 1;
        let mask = self.slots.len() - 1;
        let mut slot = self.behind(free);
        while let Some(stream) = &self.slots[slot] {
            let pushed = slot.wrapping_sub(self.home(stream.ssrc())) & mask;
            if pushed >= slot.wrapping_sub(free) & mask {
                self.slots.swap(free, slot);
                free = slot;
            }
            slot = self.behind(slot);
        }
        removed
    }

    pub(crate) fn get(&self, ssrc: u32) -> Option<&S> {
        self.slots[self.find(ssrc)?].as_ref()
    }

    /// Every stream, and another bound for their number. One that is passed
    /// already stays.
    pub(crate) fn rebound(&mut self, max_streams: usize) -> impl Iterator<Item = &mut S> {
        self.max_streams = Self::bound(max_streams);
        let slots = self.slots.iter_mut();
        slots.flatten()
    }

    pub(crate) fn get_mut(&mut self, ssrc: u32) -> Option<&mut S> {
        let slot = self.find(ssrc)?;
        self.slots[slot].as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &S)> + '_ {
        let streams = self.slots.iter().flatten();
        streams.map(|stream| (stream.ssrc(), stream))
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many more streams there is room for.
    pub(crate) fn room(&self) -> usize {
        self.max_streams.saturating_sub(self.len)
    }

    pub(crate) fn ssrcs(&self) -> impl Iterator<Item = u32> + '_ {
        self.iter().map(|(ssrc, _)| ssrc)
    }

    /// The slot of a stream that is known; it may have moved since.
    #[inline]
    fn slot_at(&self, place: Place) -> Option<usize> {
        let (ssrc, slot) = (place.ssrc(), place.slot() as usize);
        match self.slots.get(slot) {
            Some(found) if is_of(found, ssrc) => Some(slot),
            _ if place.is_provisional() => None,
            _ => self.find(ssrc),
        }
    }

    #[inline]
    fn find(&self, ssrc: u32) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let home = self.home(ssrc);
        let next = self.behind(home);
        // Both are asked at once: to find out from the first one that it is the
        // second would be to wait for memory twice.
        let at_home = is_of(self.slots.get(home)?, ssrc);
        if at_home | is_of(self.slots.get(next)?, ssrc) {
            return Some(if at_home { home } else { next });
        }
        self.find_behind(home, ssrc)
    }

    #[inline(never)]
    fn find_behind(&self, home: usize, ssrc: u32) -> Option<usize> {
        let mut slot = home;
        // A quarter of the slots is free, which ends every search.
        while self.slots[slot].is_some() {
            if is_of(&self.slots[slot], ssrc) {
                return Some(slot);
            }
            slot = self.behind(slot);
        }
        None
    }

    /// The slot that `ssrc` is looked for in first.
    #[inline]
    fn home(&self, ssrc: u32) -> usize {
        self.hash.of(ssrc) as usize & (self.slots.len() - 1)
    }

    #[inline]
    fn behind(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }
}

/// No stream holds a key; but what is moved into a slot may bring along what
/// else stood where it was made.
fn wipe<S>(mut slots: Vec<Option<S>>) {
    slots.clear();
    slots.spare_capacity_mut().zeroize();
}

impl<S> Drop for StreamTable<S> {
    fn drop(&mut self) {
        wipe(mem::take(&mut self.slots));
    }
}

impl<S: OfSsrc + fmt::Debug> fmt::Debug for StreamTable<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams = self.iter();
        f.debug_map().entries(streams).finish()
    }
}

/// Where a packet's stream is: in the table, in the slot that it was found in,
/// or outside of it until one of its packets has authenticated.
///
/// One number, which stays in a register: the SSRC, and the slot or
/// [`OUTSIDE`](Self::OUTSIDE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    /// There are fewer slots.
    const OUTSIDE: u32 = u32::MAX;

    #[inline]
    fn known(ssrc: u32, slot: u32) -> Self {
        Self(u64::from(ssrc) << 32 | u64::from(slot))
    }

    #[inline]
    fn provisional(ssrc: u32) -> Self {
        Self::known(ssrc, Self::OUTSIDE)
    }

    #[inline]
    pub(crate) fn is_provisional(self) -> bool {
        self.slot() == Self::OUTSIDE
    }

    #[inline]
    pub(crate) fn ssrc(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline]
    fn slot(self) -> u32 {
        self.0 as u32
    }
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

    #[inline]
    fn of(&self, ssrc: u32) -> u32 {
        let sum = self.a.wrapping_mul(u64::from(ssrc)).wrapping_add(self.b);
        (sum >> 32) as u32
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
        self.state = self.hash.of(ssrc ^ self.state);
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
    use alloc::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::stream::{ReceiverStream, SenderStream};

    /// A stream that is a number.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Numbered {
        ssrc: u32,
        number: usize,
    }

    impl OfSsrc for Numbered {
        fn ssrc(&self) -> u32 {
            self.ssrc
        }
    }

    fn numbered(number: usize) -> impl FnOnce(u32) -> Numbered {
        move |ssrc| Numbered { ssrc, number }
    }

    fn table(max_streams: usize) -> StreamTable<Numbered> {
        StreamTable::new(max_streams, SsrcHash::new(&[0x9d; 16]))
    }

    #[test]
    fn a_provisional_stream_leaves_nothing_behind() {
        let table = table(10);
        for ssrc in 0..1_000 {
            let place = table.place(ssrc).unwrap();
            assert_eq!(place, Place::provisional(ssrc));
            assert_eq!(table.at(place), None);
        }
        assert_eq!(table.slots.capacity(), 0);
    }

    #[test]
    fn a_settled_stream_is_found_again() {
        let mut table = table(3_000);
        for ssrc in (0..3_000u32).map(|n| n.wrapping_mul(0x0101_0101)) {
            let place = table.place(ssrc).unwrap();
            table.settle(place, numbered(0)).number = ssrc as usize;
        }
        for ssrc in (0..3_000u32).map(|n| n.wrapping_mul(0x0101_0101)) {
            let found = table.get(ssrc).map(|stream| stream.number);
            assert_eq!(found, Some(ssrc as usize));
        }
        assert_eq!(table.ssrcs().count(), 3_000);
    }

    #[test]
    fn a_full_table_takes_no_other_stream() {
        let mut table = table(2);
        for ssrc in [7, 8] {
            let place = table.place(ssrc).unwrap();
            table.settle(place, numbered(ssrc as usize));
        }
        assert_eq!(table.place(9), None);
        let known = table.place(8).unwrap();
        assert_eq!(table.at(known).unwrap().number, 8);
    }

    #[test]
    fn a_removed_stream_leaves_the_others_where_they_are_found() {
        for removed in 0..5u32 {
            let mut table = table(5);
            for ssrc in 0..5 {
                let place = table.place(ssrc).unwrap();
                table.settle(place, numbered(ssrc as usize));
            }
            let stream = table.remove(removed).unwrap();
            assert_eq!((stream.ssrc, stream.number), (removed, removed as usize));
            assert_eq!(table.remove(removed), None);
            assert_eq!(table.place(removed), Some(Place::provisional(removed)));
            for ssrc in (0..5).filter(|&ssrc| ssrc != removed) {
                assert_eq!(table.get(ssrc).unwrap().ssrc, ssrc);
            }
            assert_eq!((table.len(), table.room()), (4, 1));
            assert!(table.iter().all(|(ssrc, stream)| ssrc == stream.ssrc));
        }
    }

    #[test]
    fn a_stream_settled_twice_is_one_stream() {
        let mut table = table(2);
        let place = table.place(5).unwrap();
        table.settle(place, numbered(0)).number += 1;
        table.settle(place, numbered(0)).number += 1;
        assert_eq!(table.get(5).unwrap().number, 2);
        assert_eq!(table.ssrcs().count(), 1);
    }

    #[test]
    fn a_place_is_good_when_its_stream_has_moved() {
        let mut table = table(1_000);
        let place = table.place(0).unwrap();
        table.settle(place, numbered(70));
        let place = table.place(0).unwrap();
        for ssrc in 1..1_000 {
            let other = table.place(ssrc).unwrap();
            table.settle(other, numbered(0));
        }
        assert_eq!(table.at(place).unwrap().number, 70);
        assert_eq!(table.at_mut(place).unwrap().number, 70);
        assert_eq!(table.settle(place, numbered(0)).number, 70);
    }

    #[test]
    fn a_stream_is_one_line_of_the_cache() {
        assert_eq!(
            (size_of::<SenderStream>(), align_of::<SenderStream>()),
            (64, 64)
        );
        assert_eq!(
            (size_of::<ReceiverStream>(), align_of::<ReceiverStream>()),
            (64, 64)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Few enough SSRCs that slots are crowded, and freed in the midst of
        /// others'.
        #[test]
        fn streams_that_come_and_go_are_those_of_a_map(
            seed in any::<[u8; 16]>(),
            steps in prop::collection::vec((any::<bool>(), 0u32..40), 1..300),
        ) {
            let mut table = StreamTable::new(30, SsrcHash::new(&seed));
            let mut map = BTreeMap::new();
            for (n, (comes, ssrc)) in steps.into_iter().enumerate() {
                if comes {
                    let place = table.place(ssrc);
                    prop_assert_eq!(place.is_some(), map.contains_key(&ssrc) || map.len() < 30);
                    if let Some(place) = place {
                        let stream = table.settle(place, numbered(n));
                        prop_assert_eq!(stream.number, *map.entry(ssrc).or_insert(n));
                    }
                } else {
                    let removed = table.remove(ssrc);
                    prop_assert_eq!(removed.map(|stream| stream.number), map.remove(&ssrc));
                }
                let streams = table.iter();
                let found: BTreeMap<_, _> =
                    streams.map(|(ssrc, stream)| (ssrc, stream.number)).collect();
                prop_assert_eq!(&found, &map);
                for ssrc in 0..40 {
                    let found = table.get(ssrc);
                    prop_assert_eq!(found.map(|stream| &stream.number), map.get(&ssrc));
                }
            }
        }
    }
}
