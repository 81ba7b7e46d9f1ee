//! The keys a session holds at a time, by their MKI or their <From, To>.

use alloc::vec;
use alloc::vec::Vec;

use callseal_srtp_crypto::WipedBox;
use zeroize::Zeroize;

use super::fingerprint::Fingerprint;
use super::life::{KeyLifetime, Packets};
use super::range::IndexRange;
use super::session::{Drawn, Epoch, RtpKeys, SessionKeys};
use super::{MasterKey, Mki};
use crate::event::Event;
use crate::index::{PacketIndex, RtcpIndex};
use crate::policy::Policy;
use crate::profile::Profile;
use crate::transform::Transform;

/// One key for all packets, or any number of keys that packets tell apart by
/// MKIs equally long, or by their index.
#[derive(Debug)]
pub(crate) struct Keyring {
    naming: Naming,
    /// The place of the key that the caller has chosen, if choosing is his.
    chosen: usize,
    keys: Vec<Key>,
    /// Keys that were there once.
    former: Vec<FormerKey>,
    /// How many keys have an event that nobody has asked for yet.
    events: usize,
}

/// How a packet leads to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Naming {
    None,
    /// By an MKI of this many octets.
    Mki(usize),
    /// By its index.
    Range,
    /// The caller says it.
    Chosen,
}

/// A key and what packets find it by.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) mki: Mki,
    fingerprint: Fingerprint,
    range: IndexRange,
    /// Boxed, so that a ring that grows leaves no copy of it behind.
    session: WipedBox<SessionKeys>,
    /// Kept where session keys are derived more than once.
    master: Option<WipedBox<MasterKey>>,
    lifetime: KeyLifetime,
    used: Packets,
    /// Whether it has protected as many packets as it may.
    spent: bool,
    /// The packets of SRTP after which to look again whether a limit has been
    /// reached, so that a packet compares one number.
    rtp_check_at: u64,
    /// Whether the soft limit was reached, and whether that was told.
    warning: Warning,
}

/// What is remembered of a key that was taken away, in some 32 octets, in case
/// that it comes back: an index that was used with it may not be used again.
#[derive(Clone, Debug)]
struct FormerKey {
    fingerprint: Fingerprint,
    used: Packets,
}

impl FormerKey {
    fn of(key: &Key) -> Self {
        Self {
            fingerprint: key.fingerprint.clone(),
            used: key.used,
        }
    }
}

/// How a ring's keys are related to those of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kinship {
    /// None of them was there before: no index has been used with them.
    New,
    /// One was there just before, so that the replay list is its own too.
    Same,
    /// One was there before others: which indexes were used with it nobody
    /// knows, but that they are no newer than the newest.
    Returned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Warning {
    NotDue,
    Due,
    Given,
}

impl Keyring {
    /// A ring of one key, for packets without an MKI.
    pub(crate) fn unnamed(policy: &Policy, key: MasterKey) -> Self {
        let key = Key::new(policy, Mki::none(), IndexRange::ALL, key);
        Self::of_one(Naming::None, key)
    }

    /// A ring of one key so far, for packets with an MKI of this length.
    pub(crate) fn named(policy: &Policy, mki: Mki, key: MasterKey) -> Self {
        let naming = Naming::Mki(mki.as_bytes().len());
        Self::of_one(naming, Key::new(policy, mki, IndexRange::ALL, key))
    }

    /// A ring of one key so far, for packets with these indexes.
    pub(crate) fn ranged(policy: &Policy, range: IndexRange, key: MasterKey) -> Self {
        Self::of_one(Naming::Range, Key::new(policy, Mki::none(), range, key))
    }

    /// A ring of one key so far, for packets whose key the caller says.
    pub(crate) fn chosen(policy: &Policy, key: MasterKey) -> Self {
        let key = Key::new(policy, Mki::none(), IndexRange::ALL, key);
        Self::of_one(Naming::Chosen, key)
    }

    /// Adds another key to choose.
    pub(crate) fn add_chosen(
        &mut self,
        policy: &Policy,
        key: MasterKey,
    ) -> Result<(), AddKeyError> {
        key.check_profile(policy.profile())?;
        self.push(Key::new(policy, Mki::none(), IndexRange::ALL, key));
        Ok(())
    }

    /// Has the next packets use the nth key.
    pub(crate) fn choose(&mut self, n: usize) -> Result<(), UnknownKey> {
        if self.naming != Naming::Chosen || n >= self.keys.len() {
            return Err(UnknownKey);
        }
        self.share_use(self.chosen, n);
        self.chosen = n;
        Ok(())
    }

    pub(crate) fn is_chosen(&self) -> bool {
        self.naming == Naming::Chosen
    }

    /// Takes the keys that the other ring has, or had, for used as often as
    /// there, remembers the others, and says how the keys are related.
    pub(crate) fn go_on_from(&mut self, other: &Self) -> Kinship {
        let mut kinship = Kinship::New;
        for place in 0..self.keys.len() {
            let key = FormerKey::of(&self.keys[place]);
            if let Some(used) = other.use_as_former(&key.fingerprint) {
                kinship = Kinship::Returned;
                self.use_at_least(place, used);
            }
            if let Some(used) = other.use_as_present(&key.fingerprint) {
                if kinship == Kinship::New {
                    kinship = Kinship::Same;
                }
                self.use_at_least(place, used);
            }
        }
        let former = other.former.iter().cloned();
        for key in former.chain(other.keys.iter().map(FormerKey::of)) {
            self.remember(key);
        }
        kinship
    }

    fn use_as_former(&self, fingerprint: &Fingerprint) -> Option<Packets> {
        let mut former = self.former.iter();
        let key = former.find(|key| key.fingerprint == *fingerprint)?;
        Some(key.used)
    }

    fn use_as_present(&self, fingerprint: &Fingerprint) -> Option<Packets> {
        let keys = self.keys.iter();
        let same = keys.filter(|key| key.fingerprint == *fingerprint);
        same.map(|key| key.used).reduce(Packets::at_least)
    }

    /// Remembers a key that is not here any more.
    fn remember(&mut self, key: FormerKey) {
        if self.use_as_present(&key.fingerprint).is_some() {
            return;
        }
        let mut former = self.former.iter_mut();
        match former.find(|known| known.fingerprint == key.fingerprint) {
            Some(known) => known.used = known.used.at_least(key.used),
            None => self.former.push(key),
        }
    }

    /// Adds a key, whose life goes on if it has begun.
    fn push(&mut self, key: Key) {
        let before = self.use_as_present(&key.fingerprint);
        let before = before.or_else(|| self.use_as_former(&key.fingerprint));
        self.former
            .retain(|former| former.fingerprint != key.fingerprint);
        self.keys.push(key);
        if let Some(used) = before {
            self.use_at_least(self.keys.len() - 1, used);
        }
    }

    /// To be called where the key in the place `to` is used from now on, after
    /// the one in `from`: under two names it has one life.
    pub(crate) fn share_use(&mut self, from: usize, to: usize) {
        if from != to && self.keys[from].fingerprint == self.keys[to].fingerprint {
            self.use_at_least(to, self.keys[from].used);
        }
    }

    fn of_one(naming: Naming, key: Key) -> Self {
        Self {
            naming,
            chosen: 0,
            keys: vec![key],
            former: Vec::new(),
            events: 0,
        }
    }

    /// What a table of streams is hashed with: nobody without the first key can
    /// choose SSRCs that meet in it.
    pub(crate) fn stream_hash_seed(&self) -> &[u8; 16] {
        self.keys[0].fingerprint.octets()
    }

    pub(crate) fn mki_len(&self) -> usize {
        match self.naming {
            Naming::Mki(len) => len,
            Naming::None | Naming::Range | Naming::Chosen => 0,
        }
    }

    /// Step 6 of a received packet: the place of the key that it names, or
    /// that its index leads to.
    #[inline]
    pub(crate) fn place_for_received(
        &self,
        mki: &[u8],
        index: Option<PacketIndex>,
    ) -> Option<usize> {
        match self.naming {
            // The one key that such a session has for life.
            Naming::None => Some(0),
            Naming::Chosen => Some(self.chosen),
            Naming::Mki(_) => {
                let mut keys = self.keys.iter();
                keys.position(|key| key.mki.as_bytes() == mki)
            }
            Naming::Range => self.place_for(index),
        }
    }

    /// Step 6 of a packet to send: `current`, or where its index leads.
    #[inline]
    pub(crate) fn place_to_send(
        &self,
        current: usize,
        index: Option<PacketIndex>,
    ) -> Option<usize> {
        match self.naming {
            Naming::Range => self.place_for(index),
            Naming::Chosen => Some(self.chosen),
            Naming::None | Naming::Mki(_) => Some(current),
        }
    }

    /// The place of the key for `index`, which for SRTCP is the newest one of
    /// the stream's SRTP; before the first one, it is the key that begins first
    /// (RFC 3711 §8.1.1).
    fn place_for(&self, index: Option<PacketIndex>) -> Option<usize> {
        let mut keys = self.keys.iter();
        match index {
            Some(index) => keys.position(|key| key.range.contains(index)),
            None => {
                let first = keys.enumerate().min_by_key(|(_, key)| key.range.from());
                first.map(|(place, _)| place)
            }
        }
    }

    pub(crate) fn is_ranged(&self) -> bool {
        self.naming == Naming::Range
    }

    #[inline]
    pub(crate) fn at(&self, place: usize) -> &Key {
        &self.keys[place]
    }

    pub(crate) fn place_of(&self, mki: &Mki) -> Option<usize> {
        let mut keys = self.keys.iter();
        let named = matches!(self.naming, Naming::Mki(_));
        named.then(|| keys.position(|key| key.mki == *mki))?
    }

    pub(crate) fn place_of_range(&self, range: IndexRange) -> Option<usize> {
        let mut keys = self.keys.iter();
        let ranged = self.naming == Naming::Range;
        ranged.then(|| keys.position(|key| key.range == range))?
    }

    pub(crate) fn add(
        &mut self,
        policy: &Policy,
        mki: Mki,
        key: MasterKey,
    ) -> Result<(), AddKeyError> {
        key.check_profile(policy.profile())?;
        let len = mki.as_bytes().len();
        let Naming::Mki(expected) = self.naming else {
            return Err(AddKeyError::NoMki);
        };
        if len != expected {
            return Err(AddKeyError::MkiLen { expected, len });
        }
        if self.place_of(&mki).is_some() {
            return Err(AddKeyError::MkiTaken);
        }
        self.push(Key::new(policy, mki, IndexRange::ALL, key));
        Ok(())
    }

    pub(crate) fn add_range(
        &mut self,
        policy: &Policy,
        range: IndexRange,
        key: MasterKey,
    ) -> Result<(), AddKeyError> {
        key.check_profile(policy.profile())?;
        if self.naming != Naming::Range {
            return Err(AddKeyError::NoRange);
        }
        if self.keys.iter().any(|key| key.range.overlaps(range)) {
            return Err(AddKeyError::RangeTaken);
        }
        self.push(Key::new(policy, Mki::none(), range, key));
        Ok(())
    }

    /// Drops the key in this place; the keys behind it move up by one.
    pub(crate) fn remove(&mut self, place: usize) {
        let removed = self.keys.remove(place);
        if removed.warning == Warning::Due {
            self.events -= 1;
        }
        self.remember(FormerKey::of(&removed));
    }

    /// How many packets each key has been used for, in the order of their
    /// addition.
    pub(crate) fn uses(&self) -> impl Iterator<Item = (&[u8], Packets)> {
        let keys = self.keys.iter();
        keys.map(|key| (key.mki.as_bytes(), key.used))
    }

    /// Takes the key in this place for used at least so often.
    pub(crate) fn use_at_least(&mut self, place: usize, used: Packets) {
        let key = &mut self.keys[place];
        key.used = key.used.at_least(used);
        self.events += usize::from(key.check_limits());
    }

    /// The place of the nth key, where it has this MKI.
    pub(crate) fn place_if(&self, n: usize, mki: &[u8]) -> Option<usize> {
        match self.naming {
            Naming::Mki(_) => self.keys.iter().position(|key| key.mki.as_bytes() == mki),
            Naming::None | Naming::Range | Naming::Chosen => (n < self.keys.len()).then_some(n),
        }
    }

    /// Step 8: counts a packet of SRTP under its key, and keeps the session
    /// keys that were derived for it.
    #[inline]
    pub(crate) fn commit_rtp(&mut self, place: usize, fresh: Option<WipedBox<Epoch<RtpKeys>>>) {
        let key = &mut self.keys[place];
        if let Some(epoch) = fresh {
            key.session.rtp.keep(epoch);
        }
        key.used.rtp += 1;
        if key.used.rtp >= key.rtp_check_at {
            self.events += usize::from(key.check_limits());
        }
    }

    /// Step 8 for SRTCP.
    #[inline]
    pub(crate) fn commit_rtcp(&mut self, place: usize, fresh: Option<WipedBox<Epoch<Transform>>>) {
        let key = &mut self.keys[place];
        if let Some(epoch) = fresh {
            key.session.rtcp.keep(epoch);
        }
        key.used.rtcp += 1;
        self.events += usize::from(key.check_limits());
    }

    /// How many packets it takes at least until the next event.
    pub(crate) fn packets_before_event(&self) -> u64 {
        let keys = self.keys.iter();
        let left = keys.map(Key::packets_before_warning);
        left.min().unwrap_or(u64::MAX)
    }

    #[inline]
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        if self.events == 0 {
            return None;
        }
        self.next_event()
    }

    #[cold]
    fn next_event(&mut self) -> Option<Event> {
        let mut keys = self.keys.iter_mut();
        let key = keys.find(|key| key.warning == Warning::Due)?;
        key.warning = Warning::Given;
        self.events -= 1;
        Some(Event::KeyLifeLow {
            mki: matches!(self.naming, Naming::Mki(_)).then(|| key.mki.clone()),
            rtp_packets: key.used.rtp,
            rtcp_packets: key.used.rtcp,
        })
    }
}

impl Key {
    fn new(policy: &Policy, mki: Mki, range: IndexRange, key: MasterKey) -> Self {
        let key = Self::derived(policy, mki, range, key);
        wipe_stack();
        key
    }

    /// In a frame of its own, which [`wipe_stack`] reaches.
    #[inline(never)]
    fn derived(policy: &Policy, mki: Mki, range: IndexRange, key: MasterKey) -> Self {
        let session = WipedBox::new(SessionKeys::derive(&key, policy));
        let derives_again = policy.key_derivation_rate().get() != 0;
        let lifetime = policy.key_lifetime();
        Self {
            mki,
            fingerprint: Fingerprint::of(policy.backend(), &key),
            range,
            session,
            lifetime: key.lifetime.map_or(lifetime, |own| own.and(lifetime)),
            master: derives_again.then(|| WipedBox::new(key)),
            used: Packets::default(),
            spent: false,
            rtp_check_at: 0,
            warning: Warning::NotDue,
        }
    }

    /// The session keys for a packet of SRTP with this index, where they are
    /// held already.
    #[inline]
    pub(crate) fn held_rtp(&self, policy: &Policy, index: PacketIndex) -> Option<&RtpKeys> {
        let r = policy.key_derivation_rate().r(index);
        self.session.rtp.at(r)
    }

    /// The session keys for a packet of SRTCP with this index, where they are
    /// held already.
    #[inline]
    pub(crate) fn held_rtcp(&self, policy: &Policy, index: RtcpIndex) -> Option<&Transform> {
        let r = policy.key_derivation_rate().r(index.into());
        self.session.rtcp.at(r)
    }

    /// Whether the key has protected as many packets as it may.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.spent
    }

    /// The session keys for a packet of SRTP with this index.
    #[inline(always)]
    pub(crate) fn rtp(&self, policy: &Policy, index: PacketIndex) -> Drawn<'_, RtpKeys> {
        let r = policy.key_derivation_rate().r(index);
        match (self.session.rtp.at(r), &self.master) {
            (None, Some(master)) => {
                let fresh = Epoch::derived(r, || RtpKeys::derive(master, policy, r));
                wipe_stack();
                Drawn::Fresh(fresh)
            }
            (Some(keys), _) => Drawn::Held(keys),
            (None, None) => unreachable!("without a rate r is always 0"),
        }
    }

    /// The session keys for a packet of SRTCP with this index.
    #[inline]
    pub(crate) fn rtcp(&self, policy: &Policy, index: RtcpIndex) -> Drawn<'_, Transform> {
        let r = policy.key_derivation_rate().r(index.into());
        match (self.session.rtcp.at(r), &self.master) {
            (None, Some(master)) => {
                let fresh = Epoch::derived(r, || Transform::of_rtcp(master, policy, r));
                wipe_stack();
                Drawn::Fresh(fresh)
            }
            (Some(keys), _) => Drawn::Held(keys),
            (None, None) => unreachable!("without a rate r is always 0"),
        }
    }

    fn packets_before_warning(&self) -> u64 {
        let KeyLifetime { soft, .. } = self.lifetime;
        let rtp = soft.rtp.saturating_sub(self.used.rtp);
        let rtcp = soft.rtcp.saturating_sub(self.used.rtcp);
        match self.warning {
            Warning::NotDue => rtp.min(rtcp),
            Warning::Due => 0,
            Warning::Given => u64::MAX,
        }
    }

    /// To be asked when packets were counted: whether the soft limit has now
    /// been reached. There is one of SRTP and one of SRTCP, and either will do.
    #[cold]
    fn check_limits(&mut self) -> bool {
        let KeyLifetime { hard, soft } = self.lifetime;
        self.spent = self.used.has_reached(hard);
        let warns = self.warning == Warning::NotDue && self.used.has_reached(soft);
        if warns {
            self.warning = Warning::Due;
        }
        let limits = [soft.rtp, hard.rtp].into_iter();
        let ahead = limits.filter(|&limit| limit > self.used.rtp);
        self.rtp_check_at = ahead.min().unwrap_or(0);
        warns
    }
}

/// Overwrites what the calls before this one have left on the stack: keys are
/// moved about there while they are derived. More than their frames take.
#[inline(never)]
fn wipe_stack() {
    let mut frame = [0_u64; 2_048];
    frame.zeroize();
    core::hint::black_box(&frame);
}

/// Why a session does not take a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddKeyError {
    /// The key is for another profile than the session's.
    #[error("a key for {profile} where the session uses {expected}")]
    WrongProfile {
        /// The session's.
        expected: Profile,
        /// The key's.
        profile: Profile,
    },
    /// The session was begun without an MKI, and nothing could tell two keys apart.
    #[error("the session's packets carry no MKI")]
    NoMki,
    /// An MKI's length is fixed for a session's life (RFC 3711 §3.2.1).
    #[error("an MKI of {len} octets where the session's have {expected}")]
    MkiLen {
        /// The session's, in octets.
        expected: usize,
        /// This one's, in octets.
        len: usize,
    },
    /// A key of the session has this MKI.
    #[error("the MKI is another key's")]
    MkiTaken,
    /// The session was not begun with a range of indexes.
    #[error("the session's keys are not told apart by indexes")]
    NoRange,
    /// A key of the session is for some of these indexes.
    #[error("some of the indexes are another key's")]
    RangeTaken,
}

/// No key of the session has this MKI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key has this MKI")]
pub struct UnknownMki;

/// The session has no key of this number, or its keys are not the caller's to
/// choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key has this number")]
pub struct UnknownKey;

/// No key of the session has this range of indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key has this range of indexes")]
pub struct UnknownRange;

/// Why a key stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveKeyError {
    /// No key of the session has this MKI.
    #[error("no key has this MKI")]
    Unknown,
    /// The sender protects packets with it; switch to another one first.
    #[error("the key is in use")]
    InUse,
}
