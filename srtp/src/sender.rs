//! The sending half of a session: its keys, its streams, and what can be set.

use alloc::vec::Vec;

use crate::counters::{LiveCounters, StreamCounters};
use crate::cryptex::NotCryptex;
use crate::event::Event;
use crate::index::{PacketIndex, RtcpIndex};
use crate::keys::{
    AddKeyError, IndexRange, Keyring, MasterKey, Mki, RemoveKeyError, UnknownMki, UnknownRange,
};
use crate::packet::Malformed;
use crate::policy::{Policy, SetUpError};
use crate::replay::Stale;
use crate::retired::{Retired, RetiredStreams};
use crate::stream::SenderStream;
use crate::streams::{Place, SsrcHash, StreamTable};
use crate::trailer::{RtpTrailer, Trailer};
use crate::transform::TooLong;

/// Protects the RTP and RTCP packets of one direction of a session.
///
/// ```
/// use callseal_srtp::{MasterKey, Mki, Policy, Profile, Sender};
///
/// let profile = Profile::AesCm128HmacSha1_80;
/// let key = MasterKey::new(profile, &[0x11; 16], &[0x22; 14])?;
/// let mut sender = Sender::with_mki(Policy::new(profile), Mki::new(&[0])?, key)?;
///
/// // A new key comes into use without a packet lost: indexes and ROC go on.
/// let next = MasterKey::new(profile, &[0x33; 16], &[0x44; 14])?;
/// sender.add_key(Mki::new(&[1])?, next)?;
/// sender.switch_to(&Mki::new(&[1])?)?;
/// sender.remove_key(&Mki::new(&[0])?)?;
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sender {
    pub(crate) policy: Policy,
    pub(crate) rtp_trailer: RtpTrailer,
    pub(crate) rtcp_trailer: Trailer,
    pub(crate) streams: StreamTable<SenderStream>,
    pub(crate) retired: RetiredStreams,
    pub(crate) keys: Keyring,
    /// The place of the key that packets are protected with.
    pub(crate) current: usize,
    /// For the keystream of a header extension.
    pub(crate) scratch: Vec<u8>,
    /// Whether it uses no index that a snapshot does not reserve.
    pub(crate) reserving: bool,
}

impl Sender {
    /// A sender whose packets carry no MKI and have this key for life.
    ///
    /// # Errors
    ///
    /// [`SetUpError`] where the policy is out of bounds or the key is another
    /// profile's.
    pub fn new(policy: Policy, key: MasterKey) -> Result<Self, SetUpError> {
        policy.check(&key)?;
        let keys = Keyring::unnamed(&policy, key);
        Ok(Self::with_keys(policy, keys))
    }

    /// A sender whose packets name their key by an MKI, beginning with this one.
    ///
    /// # Errors
    ///
    /// [`SetUpError`] where the policy is out of bounds or the key is another
    /// profile's.
    pub fn with_mki(policy: Policy, mki: Mki, key: MasterKey) -> Result<Self, SetUpError> {
        policy.check(&key)?;
        let keys = Keyring::named(&policy, mki, key);
        Ok(Self::with_keys(policy, keys))
    }

    /// A sender whose packets find their key by their index, beginning with
    /// this one (RFC 3711 §8.1.1): for a session of one stream, since SRTP's
    /// indexes are counted for each stream. SRTCP uses the key of the newest
    /// SRTP packet of its SSRC.
    ///
    /// # Errors
    ///
    /// [`SetUpError`] where the policy is out of bounds or the key is another
    /// profile's.
    pub fn with_range(
        policy: Policy,
        range: IndexRange,
        key: MasterKey,
    ) -> Result<Self, SetUpError> {
        policy.check(&key)?;
        let keys = Keyring::ranged(&policy, range, key);
        Ok(Self::with_keys(policy, keys))
    }

    pub(crate) fn with_keys(policy: Policy, keys: Keyring) -> Self {
        let mki_len = keys.mki_len();
        let hash = SsrcHash::new(keys.stream_hash_seed());
        Self {
            rtp_trailer: RtpTrailer::new(&policy, mki_len),
            rtcp_trailer: policy.rtcp_trailer(mki_len),
            streams: StreamTable::new(policy.max_streams(), hash.clone()),
            retired: RetiredStreams::new(hash),
            policy,
            keys,
            current: 0,
            scratch: Vec::new(),
            reserving: false,
        }
    }

    /// The policy it was made with.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The most octets that protecting a packet, RTP or RTCP, adds to it.
    #[must_use]
    pub fn max_trailer_len(&self) -> usize {
        self.rtp_trailer.max_len().max(self.rtcp_trailer.len())
    }

    /// Adds a key, which is not used before [`switch_to`](Self::switch_to).
    ///
    /// # Errors
    ///
    /// [`AddKeyError`]: another profile, an MKI of another length or one that
    /// is taken, or a session without MKIs. The sender is as before.
    pub fn add_key(&mut self, mki: Mki, key: MasterKey) -> Result<(), AddKeyError> {
        self.keys.add(&self.policy, mki, key)
    }

    /// Protects from now on with the key of this MKI. ROC and SRTCP index go
    /// on (RFC 3711 §3.3.1 and §3.4).
    ///
    /// # Errors
    ///
    /// [`UnknownMki`] where no key has it; the current key stays.
    pub fn switch_to(&mut self, mki: &Mki) -> Result<(), UnknownMki> {
        let place = self.keys.place_of(mki).ok_or(UnknownMki)?;
        self.keys.share_use(self.current, place);
        self.current = place;
        Ok(())
    }

    /// Forgets a key, whose memory is wiped.
    ///
    /// # Errors
    ///
    /// [`RemoveKeyError`] where no key has this MKI, or packets are protected
    /// with it.
    pub fn remove_key(&mut self, mki: &Mki) -> Result<(), RemoveKeyError> {
        let place = self.keys.place_of(mki).ok_or(RemoveKeyError::Unknown)?;
        if place == self.current {
            return Err(RemoveKeyError::InUse);
        }
        self.keys.remove(place);
        if place < self.current {
            self.current -= 1;
        }
        Ok(())
    }

    /// Adds a key for the packets with these indexes.
    ///
    /// # Errors
    ///
    /// [`AddKeyError`]: another profile, indexes that another key is for, or a
    /// session that was not begun with a range. The sender is as before.
    pub fn add_range(&mut self, range: IndexRange, key: MasterKey) -> Result<(), AddKeyError> {
        self.keys.add_range(&self.policy, range, key)
    }

    /// Forgets the key that was added with exactly this range.
    ///
    /// # Errors
    ///
    /// [`UnknownRange`] where there is none.
    pub fn remove_range(&mut self, range: IndexRange) -> Result<(), UnknownRange> {
        let place = self.keys.place_of_range(range).ok_or(UnknownRange)?;
        self.keys.remove(place);
        Ok(())
    }

    /// The next thing to be told, once; to be asked until `None`.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.keys.poll_event()
    }

    /// How many packets it protects at least before there is a next thing to be
    /// told; 0 where there is one.
    #[must_use]
    pub fn packets_before_event(&self) -> u64 {
        self.keys.packets_before_event()
    }

    /// The rollover counter that the next packet of `ssrc` is measured
    /// against; `None` before the first one.
    #[must_use]
    pub fn roc(&self, ssrc: u32) -> Option<u32> {
        self.streams.get(ssrc).map(|stream| stream.rtp.roc())
    }

    /// Sets the rollover counter of the next packet of `ssrc`, known or not:
    /// to take a stream over, or to keep a receiver's pace. With the one that
    /// the stream has already, the packet may be 2^15 and more ahead.
    ///
    /// # Errors
    ///
    /// [`SetRocError::Backwards`] where the stream has come further, since an
    /// index used twice is keystream used twice;
    /// [`SetRocError::TooManyStreams`] where there is no room for another.
    pub fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), SetRocError> {
        let place = self.place(ssrc).ok_or(SetRocError::TooManyStreams)?;
        let stream = self.streams.at(place);
        if let Some(newest) = stream.and_then(|stream| stream.rtp.newest()) {
            let current = newest.roc();
            if roc < current {
                return Err(SetRocError::Backwards { current });
            }
        }
        let stream = self
            .streams
            .settle(place, |ssrc| SenderStream::new(ssrc, &self.policy));
        stream.rtp.set_roc(roc);
        Ok(())
    }

    /// The newest index protected for `ssrc`.
    #[must_use]
    pub fn newest_index(&self, ssrc: u32) -> Option<PacketIndex> {
        self.streams.get(ssrc)?.rtp.newest()
    }

    /// Takes back a ROC that was [set](Self::set_roc) and that no packet has
    /// shown: the next one is measured against the newest again.
    pub fn take_roc_back(&mut self, ssrc: u32) {
        if let Some(stream) = self.streams.get_mut(ssrc) {
            stream.rtp.take_roc_back();
        }
    }

    /// The index that the next SRTCP packet of `ssrc` will carry; `None` after
    /// the last one.
    #[must_use]
    pub fn next_rtcp_index(&self, ssrc: u32) -> Option<RtcpIndex> {
        if let Some(stream) = self.streams.get(ssrc) {
            return stream.rest.next_rtcp;
        }
        let first = Some(self.policy.first_rtcp_index());
        let retired = self.retired.get(ssrc);
        retired.map_or(first, |retired| retired.next_rtcp)
    }

    /// Sets the index that the next SRTCP packet of `ssrc`, known or not, will
    /// carry: to take a stream over.
    ///
    /// # Errors
    ///
    /// [`SetRtcpIndexError::Backwards`] where the stream has come further,
    /// since an index used twice is keystream used twice;
    /// [`SetRtcpIndexError::TooManyStreams`] where there is no room for another.
    pub fn set_next_rtcp_index(
        &mut self,
        ssrc: u32,
        index: RtcpIndex,
    ) -> Result<(), SetRtcpIndexError> {
        let place = self.place(ssrc);
        let place = place.ok_or(SetRtcpIndexError::TooManyStreams)?;
        if let Some(stream) = self.streams.at(place) {
            let next = stream.rest.next_rtcp;
            if next.is_none_or(|next| index < next) {
                return Err(SetRtcpIndexError::Backwards { next });
            }
        }
        let stream = self
            .streams
            .settle(place, |ssrc| SenderStream::new(ssrc, &self.policy));
        stream.rest.next_rtcp = Some(index);
        Ok(())
    }

    /// Frees the state of `ssrc` and its place among the policy's
    /// [`max_streams`](Policy::max_streams); what happened to its packets, or
    /// `None` where there is no such stream.
    ///
    /// The indexes that it has used are remembered, in some 24 octets, since
    /// keystream would be used twice if a stream of this SSRC began anew under
    /// the same keys. One that comes back goes on behind them: its sequence
    /// numbers as well, or [`set_roc`](Self::set_roc) to a later ROC. It is back
    /// with the first packet that is given for it, taken or refused.
    ///
    /// ```
    /// use callseal_srtp::{MasterKey, Policy, Profile, ProtectError, Sender};
    ///
    /// let profile = Profile::AesCm128HmacSha1_80;
    /// let key = MasterKey::new(profile, &[0x11; 16], &[0x22; 14])?;
    /// let mut sender = Sender::new(Policy::new(profile).with_max_streams(1), key)?;
    ///
    /// let ssrc = 0x8080_8080;
    /// sender.protect_rtp(&mut [0x80; 42], 32)?;
    /// assert_eq!(sender.remove_stream(ssrc).unwrap().rtp.packets, 1);
    /// assert_eq!(sender.ssrcs().count(), 0);
    ///
    /// assert_eq!(sender.protect_rtp(&mut [0x80; 42], 32), Err(ProtectError::TooOld));
    /// sender.set_roc(ssrc, 1)?;
    /// assert!(sender.protect_rtp(&mut [0x80; 42], 32).is_ok());
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn remove_stream(&mut self, ssrc: u32) -> Option<StreamCounters> {
        let stream = self.streams.remove(ssrc)?;
        self.retired.insert(ssrc, Retired::of(&stream));
        Some(stream.counters())
    }

    /// Forgets `ssrc` altogether, a stream or one that was removed, with the
    /// indexes that it has used; whether there was anything to forget.
    ///
    /// For the SSRC that will never be used again, or not under the keys of
    /// this sender. A stream that begins anew under the same keys repeats
    /// indexes, and whoever sees two packets of one index learns the
    /// difference of their payloads; in GCM he can then forge packets as well
    /// (RFC 3711 §9.1, RFC 7714 §11).
    pub fn forget_stream_and_its_indexes(&mut self, ssrc: u32) -> bool {
        let removed = self.streams.remove(ssrc).is_some();
        self.retired.remove(ssrc).is_some() || removed
    }

    /// What happened to the packets of `ssrc`.
    #[must_use]
    pub fn counters(&self, ssrc: u32) -> Option<StreamCounters> {
        self.streams.get(ssrc).map(|stream| stream.counters())
    }

    /// The counters of `ssrc` for another thread, which reads them while this
    /// one protects.
    #[must_use]
    pub fn live_counters(&self, ssrc: u32) -> Option<LiveCounters> {
        self.streams.get(ssrc).map(|stream| stream.live_counters())
    }

    /// The SSRCs that have state: those that packets were protected for, or
    /// whose ROC or index was set, without the removed ones; in no order.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + '_ {
        self.streams.ssrcs()
    }

    /// How many SSRCs have state.
    #[must_use]
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// Step 3: where the stream of `ssrc` is, or would be. One that was removed
    /// comes back, with the indexes it has used.
    #[inline]
    pub(crate) fn place(&mut self, ssrc: u32) -> Option<Place> {
        match self.streams.place(ssrc) {
            Some(place) if place.is_provisional() && !self.retired.is_empty() => {
                Some(self.bring_back(ssrc, place))
            }
            place => place,
        }
    }

    /// The same, where nothing may change: `None` besides for a stream that was
    /// removed.
    #[inline]
    pub(crate) fn place_in_batch(&self, ssrc: u32) -> Option<Place> {
        let place = self.streams.place(ssrc)?;
        let unknown = place.is_provisional();
        let was_removed = unknown && !self.retired.is_empty() && self.retired.get(ssrc).is_some();
        (!was_removed).then_some(place)
    }

    #[cold]
    fn bring_back(&mut self, ssrc: u32, place: Place) -> Place {
        if let Some(retired) = self.retired.remove(ssrc) {
            let new = |ssrc| SenderStream::new(ssrc, &self.policy);
            retired.continue_as(self.streams.settle(place, new));
        }
        self.streams.place_again(place).unwrap_or(place)
    }
}

/// Why a packet was not protected. It is as it was; only the octets behind it
/// may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// The buffer ends before the packet, or before its trailer would.
    #[error("a buffer of {buffer_len} octets where {needed} are needed")]
    NoRoom {
        /// The octets of the buffer.
        buffer_len: usize,
        /// The octets of the packet with its trailer.
        needed: usize,
    },
    /// The octets are no RTP or RTCP packet.
    #[error("not a packet: {0}")]
    Malformed(#[from] Malformed),
    /// Cryptex cannot be used for the packet's header extension, which is not
    /// of RFC 8285, and the policy requires it; or the extension is marked as
    /// encrypted already.
    #[error("Cryptex cannot be used for the header extension")]
    NotCryptex,
    /// More payload than one packet has keystream for, 2^20 octets
    /// (RFC 3711 §4.1.1).
    #[error("the payload is longer than a packet's keystream")]
    TooLong,
    /// A packet with this sequence number was protected, and the policy allows
    /// no repetition.
    #[error("the sequence number has been used")]
    Replayed,
    /// The sequence number lies behind the window in which used ones are told
    /// from unused ones.
    #[error("the sequence number is too old")]
    TooOld,
    /// Another SSRC than the ones the policy has room for.
    #[error("the policy allows no further stream")]
    TooManyStreams,
    /// The stream has used its last index: 2^48 packets of RTP or 2^31 of RTCP.
    #[error("the stream has used its last index")]
    IndexExhausted,
    /// The sender keeps snapshots, and none that is stored reserves the
    /// packet's index: take one, store it, and confirm it.
    #[error("no snapshot reserves the packet's index")]
    NotReserved,
    /// No key is for the packet's index.
    #[error("no key is for the packet's index")]
    NoKey,
    /// The key has protected as many packets as its lifetime lets it.
    #[error("the key's lifetime has ended")]
    KeySpent,
}

impl From<Stale> for ProtectError {
    fn from(stale: Stale) -> Self {
        match stale {
            Stale::Replayed => Self::Replayed,
            Stale::TooOld => Self::TooOld,
        }
    }
}

impl From<TooLong> for ProtectError {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}

impl From<NotCryptex> for ProtectError {
    fn from(_: NotCryptex) -> Self {
        Self::NotCryptex
    }
}

/// Why a rollover counter was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetRocError {
    /// A sender's ROC never goes back.
    #[error("the stream has come to ROC {current}")]
    Backwards {
        /// Where the stream is.
        current: u32,
    },
    /// Another SSRC than the ones the policy has room for.
    #[error("the policy allows no further stream")]
    TooManyStreams,
}

/// Why the index of the next SRTCP packet was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetRtcpIndexError {
    /// A sender's index never goes back.
    #[error("the stream has come further")]
    Backwards {
        /// Where the stream is; `None` after its last index.
        next: Option<RtcpIndex>,
    },
    /// Another SSRC than the ones the policy has room for.
    #[error("the policy allows no further stream")]
    TooManyStreams,
}
