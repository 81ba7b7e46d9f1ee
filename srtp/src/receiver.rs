//! The receiving half of a session: its keys, its streams, and what can be set.

use alloc::vec::Vec;

use crate::counters::{LiveCounters, StreamCounters};
use crate::cryptex::NotCryptex;
use crate::event::Event;
use crate::index::PacketIndex;
use crate::keys::{AddKeyError, IndexRange, Keyring, MasterKey, Mki, UnknownMki, UnknownRange};
use crate::packet::Malformed;
use crate::policy::{Policy, SetUpError};
use crate::replay::Stale;
use crate::sender::SetRocError;
use crate::stream::ReceiverStream;
use crate::streams::{SsrcHash, StreamTable};
use crate::trailer::{Layout, RtpTrailer, Trailer};
use crate::transform::OpenError;

/// Authenticates and opens the SRTP and SRTCP packets of one direction of a
/// session.
///
/// ```
/// use callseal_srtp::{MasterKey, Policy, Profile, Receiver, UnprotectError};
///
/// let profile = Profile::AesCm128HmacSha1_80;
/// let key = MasterKey::new(profile, &[0x11; 16], &[0x22; 14])?;
/// let mut receiver = Receiver::new(Policy::new(profile), key)?;
///
/// let mut forged = [0x80; 60];
/// let refused = receiver.unprotect_rtp(&mut forged, 60);
/// assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
/// assert_eq!(forged, [0x80; 60]);
/// assert_eq!(receiver.ssrcs().count(), 0);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Receiver {
    pub(crate) policy: Policy,
    pub(crate) rtp_trailer: RtpTrailer,
    pub(crate) rtcp_trailer: Trailer,
    pub(crate) streams: StreamTable<ReceiverStream>,
    pub(crate) keys: Keyring,
    /// For the keystream of a header extension.
    pub(crate) scratch: Vec<u8>,
}

impl Receiver {
    /// A receiver of packets that carry no MKI and have this key for life.
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

    /// A receiver of packets that name their key by an MKI as long as this one.
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

    /// A receiver whose packets find their key by their index, beginning with
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
            streams: StreamTable::new(policy.max_streams(), hash),
            policy,
            keys,
            scratch: Vec::new(),
        }
    }

    /// The policy it was made with.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The most octets that a protected packet, RTP or RTCP, is longer than
    /// the plain one.
    #[must_use]
    pub fn max_trailer_len(&self) -> usize {
        self.rtp_trailer.max_len().max(self.rtcp_trailer.len())
    }

    /// Adds a key, which packets may name from now on.
    ///
    /// # Errors
    ///
    /// [`AddKeyError`]: another profile, an MKI of another length or one that
    /// is taken, or a session without MKIs. The receiver is as before.
    pub fn add_key(&mut self, mki: Mki, key: MasterKey) -> Result<(), AddKeyError> {
        self.keys.add(&self.policy, mki, key)
    }

    /// Forgets a key, whose memory is wiped. Packets that name it are refused
    /// from now on; after the last key, all packets are.
    ///
    /// # Errors
    ///
    /// [`UnknownMki`] where no key has this MKI.
    pub fn remove_key(&mut self, mki: &Mki) -> Result<(), UnknownMki> {
        let place = self.keys.place_of(mki).ok_or(UnknownMki)?;
        self.keys.remove(place);
        Ok(())
    }

    /// Adds a key for the packets with these indexes.
    ///
    /// # Errors
    ///
    /// [`AddKeyError`]: another profile, indexes that another key is for, or a
    /// session that was not begun with a range. The receiver is as before.
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

    /// How many packets it authenticates at least before there is a next thing to be
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

    /// Sets the rollover counter of the next packet of `ssrc` that
    /// authenticates, known or not: a receiver that joins late is told it
    /// (RFC 3711 §3.3.1).
    ///
    /// With the counter that the stream has already, the next packet may be
    /// 2^15 and more ahead, and what was received stays received. An earlier one
    /// begins the replay list anew with that packet, so that later ones
    /// which were received before would be taken again.
    ///
    /// # Errors
    ///
    /// [`SetRocError::TooManyStreams`] where there is no room for another.
    pub fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), SetRocError> {
        let place = self
            .streams
            .place(ssrc)
            .ok_or(SetRocError::TooManyStreams)?;
        let stream = self
            .streams
            .settle(place, |ssrc| ReceiverStream::new(ssrc, &self.policy));
        stream.rtp.set_roc(roc);
        Ok(())
    }

    /// The newest index that authenticated for `ssrc`.
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

    pub(crate) fn no_key_found(&self) -> UnprotectError {
        match self.keys.is_ranged() {
            true => UnprotectError::NoKey,
            false => UnprotectError::UnknownMki,
        }
    }

    /// Frees the state of `ssrc` and its place among the policy's
    /// [`max_streams`](Policy::max_streams); what happened to its packets, or
    /// `None` where there is no such stream.
    ///
    /// The replay list goes with it: as long as their keys are held, packets
    /// that were received before are taken once more if somebody repeats them,
    /// and the first one begins the stream anew at ROC 0. Remove a stream that
    /// has ended, with its keys where it can be.
    pub fn remove_stream(&mut self, ssrc: u32) -> Option<StreamCounters> {
        let stream = self.streams.remove(ssrc)?;
        Some(stream.counters())
    }

    /// What happened to the packets of `ssrc`.
    #[must_use]
    pub fn counters(&self, ssrc: u32) -> Option<StreamCounters> {
        self.streams.get(ssrc).map(|stream| stream.counters())
    }

    /// The counters of `ssrc` for another thread, which reads them while this
    /// one opens packets.
    #[must_use]
    pub fn live_counters(&self, ssrc: u32) -> Option<LiveCounters> {
        self.streams.get(ssrc).map(|stream| stream.live_counters())
    }

    /// The SSRCs of which a packet has authenticated, or whose ROC was set, in
    /// no order.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + '_ {
        self.streams.ssrcs()
    }

    /// How many SSRCs have state.
    #[must_use]
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }
}

/// A packet that authenticated: its plain length, and what is sure about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unprotected<Index = PacketIndex> {
    /// The octets of the plain packet, from the buffer's beginning.
    pub len: usize,
    /// Whose packet it is.
    pub ssrc: u32,
    /// Its index: a [`PacketIndex`] in SRTP, an [`RtcpIndex`](crate::RtcpIndex)
    /// in SRTCP.
    pub index: Index,
    mki_start: usize,
    mki_end: usize,
}

impl<Index> Unprotected<Index> {
    pub(crate) fn new(ssrc: u32, index: Index, layout: &Layout) -> Self {
        let mki = layout.mki();
        if mki.is_empty() {
            return Self::without_mki(ssrc, index, layout.payload_end);
        }
        Self {
            len: layout.payload_end,
            ssrc,
            index,
            mki_start: mki.start,
            mki_end: mki.end,
        }
    }

    /// The same of a packet that has none.
    #[inline(always)]
    pub(crate) fn without_mki(ssrc: u32, index: Index, len: usize) -> Self {
        Self {
            len,
            ssrc,
            index,
            mki_start: len,
            mki_end: len,
        }
    }

    /// The MKI of the key that authenticated the packet, where it still stands
    /// in the packet's buffer: behind the payload. `None` where packets carry
    /// none, or in a shorter buffer.
    #[must_use]
    pub fn mki<'buf>(&self, buf: &'buf [u8]) -> Option<&'buf [u8]> {
        let mki = buf.get(self.mki_start..self.mki_end)?;
        (!mki.is_empty()).then_some(mki)
    }
}

/// Why a packet was refused. The buffer is as it was, and so is all state
/// but the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnprotectError {
    /// The caller's: the packet is said to be longer than its buffer.
    #[error("a packet of {len} octets in a buffer of {buffer_len}")]
    BeyondBuffer {
        /// What the caller said, in octets.
        len: usize,
        /// The octets of the buffer.
        buffer_len: usize,
    },
    /// Another SSRC than the ones the policy has room for.
    #[error("the policy allows no further stream")]
    TooManyStreams,
    /// The octets are no SRTP or SRTCP packet.
    #[error("not a packet: {0}")]
    Malformed(#[from] Malformed),
    /// The packet's CSRCs or header extension are in clear where the policy
    /// requires Cryptex.
    #[error("the packet does not use Cryptex")]
    NotCryptex,
    /// More payload than one packet has keystream for, 2^20 octets
    /// (RFC 3711 §4.1.1).
    #[error("the payload is longer than a packet's keystream")]
    TooLong,
    /// The sequence number leads beyond the last index of the stream.
    #[error("the stream has used its last index")]
    IndexExhausted,
    /// A packet with this index was received.
    #[error("the packet is a replay")]
    Replayed,
    /// The index lies behind the replay window.
    #[error("the packet is too old")]
    TooOld,
    /// The E bit says otherwise than the policy whether SRTCP is encrypted.
    #[error("the E bit is not the policy's")]
    EncryptFlag,
    /// No key has the packet's MKI.
    #[error("no key has the packet's MKI")]
    UnknownMki,
    /// No key is for the packet's index.
    #[error("no key is for the packet's index")]
    NoKey,
    /// The packet's key has opened as many packets as its lifetime lets it.
    #[error("the key's lifetime has ended")]
    KeySpent,
    /// The tag is wrong.
    #[error("authentication failed")]
    AuthenticationFailed,
}

impl From<Stale> for UnprotectError {
    fn from(stale: Stale) -> Self {
        match stale {
            Stale::Replayed => Self::Replayed,
            Stale::TooOld => Self::TooOld,
        }
    }
}

impl From<OpenError> for UnprotectError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::TooLong => Self::TooLong,
            OpenError::AuthenticationFailed => Self::AuthenticationFailed,
        }
    }
}

impl From<NotCryptex> for UnprotectError {
    fn from(_: NotCryptex) -> Self {
        Self::NotCryptex
    }
}
