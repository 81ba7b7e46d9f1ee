//! Messages put together again.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::fragment::{FRAGMENT_LEN, FragmentError};
use crate::{Fragment, MAX_MESSAGE_LEN};

/// Collects fragments into messages within fixed bounds, whatever arrives.
///
/// Fragments belong together by source address and port, message tag, count
/// and total length. They may come in any order, more than once, and mixed
/// with those of other messages. Where two of the same index differ, the
/// first stays. A message of one fragment needs no collection and is never
/// refused.
///
/// # Who gets in when it is full
///
/// A collection reserves room for its whole message when it begins, so one
/// that is under way is never short of room for its next fragment. A
/// newcomer that finds no room displaces the oldest collection, by the time
/// it began: how much of it is there does not matter, or whoever sends two
/// fragments could lock out everyone who has sent one. But
///
/// - no collection is displaced before it is [`Limits::hold`] old. A peer
///   sends the fragments of a message in one go, so this is long enough for
///   it to complete however fast a flood is; the price is that beyond
///   [`Limits::max_messages`] per hold newcomers are refused, and have to
///   try again;
/// - a source that has reached a bound of its own displaces only itself;
/// - a *proven* source, one that has returned a cookie or is the peer of a
///   call under way ([`push_proven`](Self::push_proven)), displaces
///   unproven ones at any age, and is displaced by proven ones only. No
///   number of spoofed sources keeps it out or throws it out.
///
/// Whoever can read the traffic can spoil a collection by being first with a
/// wrong fragment; it then yields a message that does not authenticate, as
/// if the whole had been forged.
///
/// ```
/// use core::time::Duration;
/// use callseal_rtcp_ext::{Fragment, Limits, Reassembler};
///
/// let from = "192.0.2.1:5005".parse().unwrap();
/// let message = vec![7; 1_500];
/// let fragments: Vec<_> = Fragment::cut(&message, 0x1234, None).collect();
///
/// let mut reassembler = Reassembler::new(Limits::default());
/// assert_eq!(reassembler.push(Duration::ZERO, from, &fragments[1])?, None);
/// assert_eq!(reassembler.push(Duration::ZERO, from, &fragments[0])?, Some(message));
/// # Ok::<(), callseal_rtcp_ext::ReassemblyError>(())
/// ```
#[derive(Debug)]
pub struct Reassembler {
    limits: Limits,
    collections: BTreeMap<Key, Collection>,
    // The same collections, those to be displaced first first.
    by_age: BTreeMap<Age, Key>,
    begun: u64,
    reserved_len: usize,
}

/// Bounds of a [`Reassembler`]. Lengths are octets of messages; keeping one
/// costs some 300 octets besides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Messages under way in all.
    pub max_messages: usize,
    /// Messages under way from one source.
    pub max_messages_per_source: usize,
    /// Octets reserved in all.
    pub max_len: usize,
    /// Octets reserved for one source.
    pub max_len_per_source: usize,
    /// The longest message collected.
    pub max_message_len: usize,
    /// When a collection is dropped, counted from its first fragment.
    pub max_age: Duration,
    /// How old a collection is before a newcomer of its own standing may
    /// displace it.
    pub hold: Duration,
}

/// Why a fragment has been dropped. What had been collected before stays.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReassemblyError {
    /// The fragment's own fields do not fit each other.
    #[error(transparent)]
    Inconsistent(#[from] FragmentError),
    /// Longer than [`Limits::max_message_len`], or than a source may reserve.
    #[error("a message of {len} octets is longer than is collected")]
    MessageTooLong {
        /// The message's length.
        len: usize,
    },
    /// Differs from the fragment of the same index that came first.
    #[error("fragment {index} differs from the one that came first")]
    Conflict {
        /// The index.
        index: u8,
    },
    /// The source has as much under way as it may, none of it old enough to
    /// be displaced.
    #[error("the source has too much under way")]
    SourceFull,
    /// All sources together have as much under way as they may, none of it
    /// to be displaced.
    #[error("too much under way")]
    Full,
}

impl Reassembler {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            collections: BTreeMap::new(),
            by_age: BTreeMap::new(),
            begun: 0,
            reserved_len: 0,
        }
    }

    /// Takes a fragment from a source that may be spoofed, and returns the
    /// message if it is complete now.
    ///
    /// # Errors
    ///
    /// [`ReassemblyError`] if the fragment has been dropped.
    pub fn push(
        &mut self,
        now: Duration,
        from: SocketAddr,
        fragment: &Fragment<'_>,
    ) -> Result<Option<Vec<u8>>, ReassemblyError> {
        self.take(now, from, fragment, Standing::Unproven)
    }

    /// Takes a fragment from a source that has proven that it receives at
    /// its address, and returns the message if it is complete now.
    ///
    /// # Errors
    ///
    /// [`ReassemblyError`] if the fragment has been dropped.
    pub fn push_proven(
        &mut self,
        now: Duration,
        from: SocketAddr,
        fragment: &Fragment<'_>,
    ) -> Result<Option<Vec<u8>>, ReassemblyError> {
        self.take(now, from, fragment, Standing::Proven)
    }

    /// When the next collection is to be dropped by
    /// [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Duration> {
        Standing::ALL
            .into_iter()
            .filter_map(|standing| self.oldest(standing))
            .map(|(age, _)| age.began.saturating_add(self.limits.max_age))
            .min()
    }

    /// Drops the collections that are too old. Every push does so too; this
    /// is for when nothing comes.
    pub fn handle_timeout(&mut self, now: Duration) {
        for standing in Standing::ALL {
            while let Some((age, key)) = self.oldest(standing) {
                if now.saturating_sub(age.began) < self.limits.max_age {
                    break;
                }
                self.remove(&key);
            }
        }
    }

    /// Messages under way.
    pub fn len(&self) -> usize {
        self.collections.len()
    }

    /// Whether no message is under way.
    pub fn is_empty(&self) -> bool {
        self.collections.is_empty()
    }

    /// Octets reserved for the messages under way.
    pub fn reserved_len(&self) -> usize {
        self.reserved_len
    }

    fn take(
        &mut self,
        now: Duration,
        from: SocketAddr,
        fragment: &Fragment<'_>,
        standing: Standing,
    ) -> Result<Option<Vec<u8>>, ReassemblyError> {
        self.handle_timeout(now);
        fragment.check()?;
        if fragment.count == 1 {
            return Ok(Some(fragment.bytes.to_vec()));
        }
        let len = usize::from(fragment.total_len);
        if len > self.limits.max_message_len {
            return Err(ReassemblyError::MessageTooLong { len });
        }
        let key = Key {
            from,
            message_tag: fragment.message_tag,
            total_len: fragment.total_len,
        };
        match self.collections.get(&key).map(|collection| collection.age) {
            Some(age) if age.standing < standing => self.promote(key, age, standing),
            Some(_) => {}
            None => {
                self.make_room(now, &key, standing)?;
                self.begin(now, key, standing);
            }
        }
        let Some(collection) = self.collections.get_mut(&key) else {
            // It has just been found or begun.
            return Ok(None);
        };
        if !collection.put(fragment)? {
            return Ok(None);
        }
        Ok(self.remove(&key))
    }

    /// Displaces until a message like `key` fits, or changes nothing.
    fn make_room(
        &mut self,
        now: Duration,
        key: &Key,
        standing: Standing,
    ) -> Result<(), ReassemblyError> {
        let len = usize::from(key.total_len);
        if len > self.limits.max_len.min(self.limits.max_len_per_source) {
            return Err(ReassemblyError::MessageTooLong { len });
        }
        let own: Vec<(Age, Key)> = self.of_source(key.from);
        let own = room(
            own.iter().copied(),
            own.len(),
            own.iter().map(|(_, key)| usize::from(key.total_len)).sum(),
            self.limits.max_messages_per_source,
            self.limits.max_len_per_source,
            len,
            |age| self.may_displace(now, age, standing),
        )
        .ok_or(ReassemblyError::SourceFull)?;
        let own_len: usize = own.iter().map(|key| usize::from(key.total_len)).sum();
        let all = room(
            self.by_age
                .iter()
                .map(|(age, key)| (*age, *key))
                .filter(|(_, key)| !own.contains(key)),
            self.collections.len() - own.len(),
            self.reserved_len - own_len,
            self.limits.max_messages,
            self.limits.max_len,
            len,
            |age| self.may_displace(now, age, standing),
        )
        .ok_or(ReassemblyError::Full)?;
        for key in own.iter().chain(&all) {
            self.remove(key);
        }
        Ok(())
    }

    fn may_displace(&self, now: Duration, age: Age, newcomer: Standing) -> bool {
        age.standing < newcomer
            || age.standing == newcomer && now.saturating_sub(age.began) >= self.limits.hold
    }

    fn begin(&mut self, now: Duration, key: Key, standing: Standing) {
        let age = Age {
            standing,
            began: now,
            serial: self.begun,
        };
        self.begun += 1;
        self.reserved_len += usize::from(key.total_len);
        self.by_age.insert(age, key);
        self.collections.insert(key, Collection::new(age, &key));
    }

    fn promote(&mut self, key: Key, age: Age, standing: Standing) {
        let promoted = Age { standing, ..age };
        self.by_age.remove(&age);
        self.by_age.insert(promoted, key);
        if let Some(collection) = self.collections.get_mut(&key) {
            collection.age = promoted;
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Vec<u8>> {
        let collection = self.collections.remove(key)?;
        self.by_age.remove(&collection.age);
        self.reserved_len -= usize::from(key.total_len);
        Some(collection.message)
    }

    fn oldest(&self, standing: Standing) -> Option<(Age, Key)> {
        let first = Age {
            standing,
            began: Duration::ZERO,
            serial: 0,
        };
        self.by_age
            .range(first..)
            .next()
            .filter(|(age, _)| age.standing == standing)
            .map(|(age, key)| (*age, *key))
    }

    /// What a source has under way, in the order of displacement.
    fn of_source(&self, from: SocketAddr) -> Vec<(Age, Key)> {
        let first = Key {
            from,
            message_tag: 0,
            total_len: 0,
        };
        let last = Key {
            from,
            message_tag: u32::MAX,
            total_len: u16::MAX,
        };
        let mut own: Vec<_> = self
            .collections
            .range(first..=last)
            .map(|(key, collection)| (collection.age, *key))
            .collect();
        own.sort_unstable_by_key(|(age, _)| *age);
        own
    }
}

impl Default for Limits {
    /// For one call leg: 64 messages and 256 KiB in all, 4 and 40 KiB for a
    /// source, 10 seconds, a hold of 250 ms.
    fn default() -> Self {
        Self {
            max_messages: 64,
            max_messages_per_source: 4,
            max_len: 256 << 10,
            max_len_per_source: 40 << 10,
            max_message_len: MAX_MESSAGE_LEN,
            max_age: Duration::from_secs(10),
            hold: Duration::from_millis(250),
        }
    }
}

/// In the order of displacement.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Standing {
    Unproven,
    Proven,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Key {
    // First, so that a source's collections lie together.
    from: SocketAddr,
    message_tag: u32,
    // The count follows from it.
    total_len: u16,
}

/// The order of displacement.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Age {
    standing: Standing,
    began: Duration,
    // Tells apart what began at the same moment.
    serial: u64,
}

#[derive(Debug)]
struct Collection {
    age: Age,
    // One bit a fragment; a message has at most 20.
    missing: u32,
    message: Vec<u8>,
}

impl Standing {
    const ALL: [Self; 2] = [Self::Unproven, Self::Proven];
}

impl Collection {
    fn new(age: Age, key: &Key) -> Self {
        let len = usize::from(key.total_len);
        Self {
            age,
            missing: (1 << len.div_ceil(FRAGMENT_LEN)) - 1,
            message: vec![0; len],
        }
    }

    /// Whether the message is complete now; the fragment is consistent and
    /// of this message.
    fn put(&mut self, fragment: &Fragment<'_>) -> Result<bool, ReassemblyError> {
        let start = usize::from(fragment.index) * FRAGMENT_LEN;
        let Some(place) = self
            .message
            .get_mut(start..)
            .and_then(|rest| rest.get_mut(..fragment.bytes.len()))
        else {
            return Ok(false);
        };
        let bit = 1 << fragment.index;
        if self.missing & bit != 0 {
            place.copy_from_slice(fragment.bytes);
            self.missing &= !bit;
        } else if place != fragment.bytes {
            return Err(ReassemblyError::Conflict {
                index: fragment.index,
            });
        }
        Ok(self.missing == 0)
    }
}

/// Which of `candidates`, taken in order, must go so that one more message
/// of `len` octets stays within both bounds; `None` if those that may go are
/// not enough.
fn room(
    candidates: impl Iterator<Item = (Age, Key)>,
    mut messages: usize,
    mut reserved_len: usize,
    max_messages: usize,
    max_len: usize,
    len: usize,
    may_go: impl Fn(Age) -> bool,
) -> Option<Vec<Key>> {
    let mut going = Vec::new();
    // In the order of displacement: who follows one that stays, stays too.
    let mut candidates = candidates.take_while(|(age, _)| may_go(*age));
    while messages >= max_messages || reserved_len + len > max_len {
        let (_, key) = candidates.next()?;
        messages -= 1;
        reserved_len -= usize::from(key.total_len);
        going.push(key);
    }
    Some(going)
}
