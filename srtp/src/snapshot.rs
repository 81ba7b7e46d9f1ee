//! A session's state, to be kept outside of it: over a restart, a move to
//! another machine, a hold.
//!
//! Keys are not part of it. A session is set up with them as it was at first,
//! and is then given its state.

use alloc::vec::Vec;

use crate::index::{PacketIndex, RtcpIndex};
use crate::keys::{Keyring, Packets};
use crate::receiver::Receiver;
use crate::replay::Window;
use crate::retired::Retired;
use crate::sender::Sender;
use crate::stream::{ReceiverStream, Reserved, SenderStream};

/// How many indexes a [`SenderSnapshot`] reserves for each stream: what the
/// sender may use before it has to have stored another one.
///
/// A restored sender skips what was reserved. Receivers can follow a jump of up
/// to 2^15 packets of SRTP (RFC 3711 §3.3.1), so that more than
/// [`MAX_RTP_PACKETS`](Self::MAX_RTP_PACKETS) are never reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reservation {
    /// Packets of SRTP.
    pub rtp_packets: u16,
    /// Packets of SRTCP.
    pub rtcp_packets: u16,
}

impl Reservation {
    /// The most packets of SRTP that are reserved.
    pub const MAX_RTP_PACKETS: u16 = 1 << 14;
}

impl Default for Reservation {
    /// 4,096 packets of SRTP, 80 seconds of speech, and 64 of SRTCP.
    fn default() -> Self {
        Self {
            rtp_packets: 4_096,
            rtcp_packets: 64,
        }
    }
}

/// Where each stream of a [`Sender`] goes on after a restore. It is not secret,
/// but who can change it can have keystream used twice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SenderSnapshot {
    streams: Vec<SenderPosition>,
    keys: Vec<KeyUse>,
}

/// Both ends of a stream's reservation are its first indexes after it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct SenderPosition {
    ssrc: u32,
    rtp_end: u64,
    rtcp_end: u64,
    /// The ROC that was set, and that no packet has been sent with.
    #[cfg_attr(feature = "serde", serde(default))]
    set_roc: Option<u32>,
    /// The stream was removed, and has no state but these.
    #[cfg_attr(feature = "serde", serde(default))]
    removed: bool,
}

impl SenderPosition {
    fn retired(&self) -> Retired {
        Retired {
            rtp_end: self.rtp_end,
            is_free: false,
            next_rtcp: rtcp_index(self.rtcp_end),
        }
    }
}

/// What a [`Receiver`] knows of each stream. It is not secret, but who can
/// change it can have packets taken twice, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReceiverSnapshot {
    streams: Vec<ReceiverPosition>,
    keys: Vec<KeyUse>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct ReceiverPosition {
    ssrc: u32,
    set_roc: Option<u32>,
    rtp: Option<Received>,
    rtcp: Option<Received>,
}

impl ReceiverPosition {
    fn of(ssrc: u32, stream: &ReceiverStream) -> Self {
        let received = |window: &Window| {
            let used = window.used();
            window.newest().map(|newest| Received { newest, used })
        };
        Self {
            ssrc,
            set_roc: stream.rtp.pending_roc(),
            rtp: received(&stream.rtp.window),
            rtcp: received(&stream.rest.rtcp),
        }
    }
}

/// The newest index, and which of those before it have been used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Received {
    newest: u64,
    used: Vec<u64>,
}

/// How many packets a key has been used for, or may have been.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct KeyUse {
    mki: Vec<u8>,
    rtp: u64,
    rtcp: u64,
}

impl Sender {
    /// Takes a snapshot that can be restored whatever happens after it, as
    /// long as the sender keeps to what it reserves; from the first one on it
    /// does, and refuses packets beyond with
    /// [`NotReserved`](crate::ProtectError::NotReserved).
    ///
    /// The first snapshot's reservation is open at once. That of each later one
    /// opens with [`confirm`](Self::confirm), which says that the snapshot has
    /// replaced the ones before it wherever a restore may look. So any snapshot
    /// that was not replaced in that way can be restored, once or many times,
    /// and no index is ever used twice; a snapshot that *was* replaced must not
    /// come back, and nothing in it can tell.
    ///
    /// ```
    /// use callseal_srtp::{MasterKey, Policy, Profile, ProtectError, Reservation, Sender};
    ///
    /// let profile = Profile::AesCm128HmacSha1_80;
    /// let new_sender = || -> Result<Sender, Box<dyn core::error::Error>> {
    ///     let key = MasterKey::new(profile, &[0x11; 16], &[0x22; 14])?;
    ///     Ok(Sender::new(Policy::new(profile), key)?)
    /// };
    /// let packet = |seq: u8| {
    ///     let mut buf = [0x80; 42];
    ///     buf[2..4].copy_from_slice(&[0, seq]);
    ///     buf
    /// };
    /// let mut sender = new_sender()?;
    /// sender.protect_rtp(&mut packet(1), 32)?;
    /// let stored = sender.snapshot(Reservation { rtp_packets: 10, rtcp_packets: 10 });
    /// sender.protect_rtp(&mut packet(2), 32)?;
    ///
    /// // The process ends here, and another one takes over.
    /// let mut sender = new_sender()?;
    /// sender.restore(&stored)?;
    /// let stored = sender.snapshot(Reservation::default());
    /// // … which replaces the first one on disk; then:
    /// sender.confirm(&stored);
    /// assert_eq!(sender.protect_rtp(&mut packet(11), 32), Err(ProtectError::TooOld));
    /// assert!(sender.protect_rtp(&mut packet(12), 32).is_ok());
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    #[must_use]
    pub fn snapshot(&mut self, reservation: Reservation) -> SenderSnapshot {
        let streams = self.streams.iter();
        let streams = streams.map(|(ssrc, stream)| SenderPosition {
            ssrc,
            // Never less than the sender may use already.
            rtp_end: rtp_end(stream, reservation).max(stream.rest.reserved.rtp_end),
            rtcp_end: rtcp_end(stream, reservation).max(stream.rest.reserved.rtcp_end),
            set_roc: stream.rtp.pending_roc(),
            removed: false,
        });
        let unused = self
            .streams
            .iter()
            .fold(Packets::default(), |sum, (_, stream)| {
                let rtp_end = rtp_end(stream, reservation).max(stream.rest.reserved.rtp_end);
                let rtcp_end = rtcp_end(stream, reservation).max(stream.rest.reserved.rtcp_end);
                let next_rtcp = end_of(stream.rest.next_rtcp);
                Packets {
                    rtp: sum.rtp + stream.rtp.free_before(rtp_end),
                    rtcp: sum.rtcp + rtcp_end.saturating_sub(next_rtcp),
                }
            });
        let retired = self.retired.iter();
        let retired = retired.map(|(ssrc, retired)| SenderPosition {
            ssrc,
            rtp_end: retired.rtp_end,
            rtcp_end: end_of(retired.next_rtcp),
            set_roc: None,
            removed: true,
        });
        let mut streams: Vec<_> = streams.chain(retired).collect();
        streams.sort_by_key(|position| position.ssrc);
        let keys = key_uses(&self.keys, |used| Packets {
            rtp: used.rtp + unused.rtp,
            rtcp: used.rtcp + unused.rtcp,
        });
        let snapshot = SenderSnapshot { streams, keys };
        if !self.reserving {
            self.reserving = true;
            self.confirm(&snapshot);
        }
        snapshot
    }

    /// Says that a snapshot is stored, in the place of all before it: the
    /// sender may use what it reserves.
    pub fn confirm(&mut self, snapshot: &SenderSnapshot) {
        for position in &snapshot.streams {
            if let Some(stream) = self.streams.get_mut(position.ssrc) {
                stream.rest.reserved = Reserved {
                    rtp_end: position.rtp_end,
                    rtcp_end: position.rtcp_end,
                };
            }
        }
    }

    /// Puts a sender that was set up anew, with the same keys in the same
    /// order, behind everything that the snapshot reserves. It then refuses all
    /// packets until another snapshot is taken and [confirmed](Self::confirm).
    ///
    /// The counters begin anew, and so does the choice of the key.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]; the sender is as before.
    pub fn restore(&mut self, snapshot: &SenderSnapshot) -> Result<(), RestoreError> {
        for position in &snapshot.streams {
            let ends_exist = position.rtp_end <= RTP_END && position.rtcp_end <= RTCP_END;
            if !ends_exist {
                return Err(RestoreError::Invalid);
            }
        }
        let needs_none = |position: &SenderPosition| {
            position.removed || self.streams.get(position.ssrc).is_some()
        };
        let positions = snapshot.streams.iter();
        let positions = positions.map(|position| (position.ssrc, !needs_none(position)));
        check_room(positions, self.streams.room())?;

        for position in &snapshot.streams {
            if position.removed && self.streams.get(position.ssrc).is_none() {
                self.retired.keep_later(position.ssrc, position.retired());
                continue;
            }
            // The room has been checked.
            let Some(place) = self.place(position.ssrc) else {
                continue;
            };
            let policy = &self.policy;
            let stream = self
                .streams
                .settle(place, |ssrc| SenderStream::new(ssrc, policy));
            let newest = stream.rtp.newest().map_or(0, |newest| newest.get() + 1);
            stream.keep_counters();
            stream.rtp.begin_at(position.rtp_end.max(newest));
            if let Some(roc) = position.set_roc.filter(|&roc| roc >= stream.rtp.roc()) {
                stream.rtp.set_roc(roc);
            }
            let next = end_of(stream.rest.next_rtcp);
            stream.rest.next_rtcp = rtcp_index(position.rtcp_end.max(next));
            stream.rest.reserved = Reserved::default();
        }
        restore_key_uses(&mut self.keys, &snapshot.keys);
        self.reserving = true;
        Ok(())
    }

    /// Begins a stream at an index: no packet of `ssrc` before it will be
    /// protected. In a sender that keeps snapshots this is how a stream that
    /// has sent no SRTP, or none with the ROC that was [set](Self::set_roc),
    /// comes into the next one, since nothing is reserved for a stream whose
    /// next sequence number may be any.
    ///
    /// # Errors
    ///
    /// [`StartError`] where the stream has begun, or its ROC was set to a later
    /// one, or there is no room for another.
    pub fn start_stream(&mut self, ssrc: u32, first: PacketIndex) -> Result<(), StartError> {
        let place = self.place(ssrc).ok_or(StartError::TooManyStreams)?;
        let policy = &self.policy;
        let stream = self
            .streams
            .settle(place, |ssrc| SenderStream::new(ssrc, policy));
        stream.keep_counters();
        match stream.rtp.start_at(first) {
            true => Ok(()),
            false => Err(StartError::Begun),
        }
    }
}

impl Receiver {
    /// Takes a snapshot of all streams: their newest indexes, and which of
    /// those before have been received.
    ///
    /// What is received after it is not in it. A receiver that is restored
    /// takes such packets again: all that were sent since, if somebody repeats
    /// them. The younger the snapshot, the less there is to repeat; a new key
    /// ends it (RFC 3711 §3.3.2 has nothing better).
    #[must_use]
    pub fn snapshot(&self) -> ReceiverSnapshot {
        let streams = self.streams.iter();
        let streams = streams.map(|(ssrc, stream)| ReceiverPosition::of(ssrc, stream));
        let mut streams: Vec<_> = streams.collect();
        streams.sort_by_key(|position| position.ssrc);
        ReceiverSnapshot {
            streams,
            keys: key_uses(&self.keys, |used| used),
        }
    }

    /// The same of one stream alone, to have another receiver take it over;
    /// `None` where there is none of `ssrc`.
    #[must_use]
    pub fn snapshot_of(&self, ssrc: u32) -> Option<ReceiverSnapshot> {
        let stream = self.streams.get(ssrc)?;
        Some(ReceiverSnapshot {
            streams: [ReceiverPosition::of(ssrc, stream)].into(),
            keys: Vec::new(),
        })
    }

    /// Gives a receiver that was set up anew, with the same keys in the same
    /// order, what it knew. The windows' sizes may be others.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]; the receiver is as before.
    pub fn restore(&mut self, snapshot: &ReceiverSnapshot) -> Result<(), RestoreError> {
        for position in &snapshot.streams {
            let rtp = position.rtp.as_ref().map_or(0, |rtp| rtp.newest);
            let rtcp = position.rtcp.as_ref().map_or(0, |rtcp| rtcp.newest);
            if rtp >= RTP_END || rtcp >= RTCP_END {
                return Err(RestoreError::Invalid);
            }
            if self.streams.get(position.ssrc).is_some() {
                return Err(RestoreError::Begun {
                    ssrc: position.ssrc,
                });
            }
        }
        let positions = snapshot.streams.iter();
        let positions = positions.map(|position| (position.ssrc, true));
        check_room(positions, self.streams.room())?;

        for position in &snapshot.streams {
            // The room has been checked.
            let Some(place) = self.streams.place(position.ssrc) else {
                continue;
            };
            let policy = &self.policy;
            let stream = self
                .streams
                .settle(place, |ssrc| ReceiverStream::new(ssrc, policy));
            if let Some(rtp) = &position.rtp {
                stream.rtp.window.restore(rtp.newest, &rtp.used);
            }
            if let Some(rtcp) = &position.rtcp {
                stream.rest.rtcp.restore(rtcp.newest, &rtcp.used);
            }
            if let Some(roc) = position.set_roc {
                stream.rtp.set_roc(roc);
            }
        }
        restore_key_uses(&mut self.keys, &snapshot.keys);
        Ok(())
    }
}

/// Why a snapshot was not restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The snapshot holds an index that there is not, or a stream twice.
    #[error("the snapshot is damaged")]
    Invalid,
    /// More streams than the policy has room for.
    #[error("the policy allows no further stream")]
    TooManyStreams,
    /// The receiver has received packets of a stream already.
    #[error("the stream {ssrc:#010x} has begun")]
    Begun {
        /// Whose.
        ssrc: u32,
    },
}

/// Why a stream did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It has begun.
    #[error("the stream has begun")]
    Begun,
    /// Another SSRC than the ones the policy has room for.
    #[error("the policy allows no further stream")]
    TooManyStreams,
}

/// One beyond the last index of SRTP.
const RTP_END: u64 = PacketIndex::MAX.get() + 1;

/// One beyond the last index of SRTCP.
const RTCP_END: u64 = RtcpIndex::MAX.get() as u64 + 1;

fn rtp_end(stream: &SenderStream, reservation: Reservation) -> u64 {
    let packets = reservation.rtp_packets.min(Reservation::MAX_RTP_PACKETS);
    let used_end = |newest: PacketIndex| newest.get() + 1;
    match stream.rtp.goes_on_at() {
        Some(next) => (next + u64::from(packets)).min(RTP_END),
        // To reserve all that may come would be to skip it all at a restore,
        // where no receiver follows.
        None => stream.rtp.newest().map_or(0, used_end),
    }
}

fn rtcp_end(stream: &SenderStream, reservation: Reservation) -> u64 {
    let next = end_of(stream.rest.next_rtcp);
    (next + u64::from(reservation.rtcp_packets)).min(RTCP_END)
}

/// The index after the last one used.
fn end_of(next_rtcp: Option<RtcpIndex>) -> u64 {
    next_rtcp.map_or(RTCP_END, |next| next.get().into())
}

fn rtcp_index(index: u64) -> Option<RtcpIndex> {
    u32::try_from(index).ok().and_then(RtcpIndex::new)
}

/// Whether the SSRCs are in order and each there once, and those that need a
/// place among the streams have room.
fn check_room(
    positions: impl Iterator<Item = (u32, bool)>,
    room: usize,
) -> Result<(), RestoreError> {
    let mut last = None;
    let mut new = 0;
    for (ssrc, needs_place) in positions {
        if last >= Some(ssrc) {
            return Err(RestoreError::Invalid);
        }
        last = Some(ssrc);
        new += usize::from(needs_place);
    }
    if new > room {
        return Err(RestoreError::TooManyStreams);
    }
    Ok(())
}

fn key_uses(keys: &Keyring, count: impl Fn(Packets) -> Packets) -> Vec<KeyUse> {
    let uses = keys.uses().map(|(mki, used)| {
        let Packets { rtp, rtcp } = count(used);
        let mki = mki.to_vec();
        KeyUse { mki, rtp, rtcp }
    });
    uses.collect()
}

fn restore_key_uses(keys: &mut Keyring, uses: &[KeyUse]) {
    for (n, key_use) in uses.iter().enumerate() {
        if let Some(place) = keys.place_if(n, &key_use.mki) {
            let KeyUse { rtp, rtcp, .. } = *key_use;
            keys.use_at_least(place, Packets { rtp, rtcp });
        }
    }
}
