//! What one SSRC's packets leave behind.

use callseal_srtp_crypto::WipedBox;

use crate::counters::{CounterBook, LiveCounters, Passed, StreamCounters};
use crate::index::{Estimate, PacketIndex, Progress, RtcpIndex};
use crate::keys::Kinship;
use crate::policy::Policy;
use crate::replay::{Candidate, Stale, Window};
use crate::streams::OfSsrc;
use crate::transform::{Authenticated, Sealed};

/// One SSRC at a receiver: one line of the cache with all that packets of SRTP
/// read and write, and the rest elsewhere.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct ReceiverStream {
    ssrc: u32,
    passed: Passed,
    pub(crate) rtp: RtpTrack,
    pub(crate) rest: WipedBox<ReceiverRest>,
}

/// What of a [`ReceiverStream`] SRTP's packets do not look at.
#[derive(Debug)]
pub(crate) struct ReceiverRest {
    pub(crate) counters: CounterBook,
    pub(crate) rtcp: Window,
}

impl ReceiverStream {
    pub(crate) fn new(ssrc: u32, policy: &Policy) -> Self {
        Self {
            ssrc,
            passed: Passed::default(),
            rtp: RtpTrack::new(policy),
            rest: WipedBox::new(ReceiverRest {
                counters: CounterBook::default(),
                rtcp: Window::new(policy.rtcp_window()),
            }),
        }
    }

    /// Step 8 for SRTP: the only place where a received packet moves the
    /// index and enters the replay list.
    #[inline]
    pub(crate) fn commit_rtp(&mut self, candidate: Candidate, _: Authenticated, len: usize) {
        self.rtp.record(candidate);
        let Self {
            passed, rtp, rest, ..
        } = self;
        passed.count(len, rtp, &mut rest.counters);
    }

    /// Step 8 for SRTCP.
    #[inline]
    pub(crate) fn commit_rtcp(&mut self, candidate: Candidate, _: Authenticated, len: usize) {
        let ReceiverRest { counters, rtcp } = &mut *self.rest;
        rtcp.record(candidate);
        counters.rtcp().count(len, rtcp.newest());
    }

    pub(crate) fn counters(&self) -> StreamCounters {
        self.rest.counters.read(&self.passed, &self.rtp)
    }

    pub(crate) fn live_counters(&self) -> LiveCounters {
        self.rest.counters.live(&self.passed, &self.rtp)
    }
}

impl OfSsrc for ReceiverStream {
    #[inline(always)]
    fn ssrc(&self) -> u32 {
        self.ssrc
    }
}

/// One SSRC at a sender: one line of the cache with all that packets of SRTP
/// read and write, and the rest elsewhere.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct SenderStream {
    ssrc: u32,
    passed: Passed,
    pub(crate) rtp: RtpTrack,
    pub(crate) rest: WipedBox<SenderRest>,
}

/// What of a [`SenderStream`] SRTP's packets do not look at, but for those of a
/// sender that keeps snapshots.
#[derive(Debug)]
pub(crate) struct SenderRest {
    counters: CounterBook,
    pub(crate) reserved: Reserved,
    /// The index of the next SRTCP packet; `None` after the last.
    pub(crate) next_rtcp: Option<RtcpIndex>,
}

impl SenderStream {
    pub(crate) fn new(ssrc: u32, policy: &Policy) -> Self {
        Self {
            ssrc,
            passed: Passed::default(),
            rtp: RtpTrack::new(policy),
            rest: WipedBox::new(SenderRest {
                counters: CounterBook::default(),
                reserved: Reserved::default(),
                next_rtcp: Some(policy.first_rtcp_index()),
            }),
        }
    }

    /// Records a packet that was sealed; `candidate` is `None` where the
    /// policy let an index be used again.
    #[inline(always)]
    pub(crate) fn commit_rtp(&mut self, candidate: Option<Candidate>, _: Sealed, len: usize) {
        match candidate {
            Some(candidate) => self.rtp.record(candidate),
            // A ROC that was set was for this packet.
            None => self.rtp.take_roc_back(),
        }
        let Self {
            passed, rtp, rest, ..
        } = self;
        passed.count(len, rtp, &mut rest.counters);
    }

    #[inline]
    pub(crate) fn commit_rtcp(&mut self, index: RtcpIndex, _: Sealed, len: usize) {
        let SenderRest {
            counters,
            next_rtcp,
            ..
        } = &mut *self.rest;
        *next_rtcp = index.next();
        counters.rtcp().count(len, Some(index.get().into()));
    }

    pub(crate) fn counters(&self) -> StreamCounters {
        self.rest.counters.read(&self.passed, &self.rtp)
    }

    pub(crate) fn live_counters(&self) -> LiveCounters {
        self.rest.counters.live(&self.passed, &self.rtp)
    }

    /// To be called before the track moves without a packet.
    pub(crate) fn keep_counters(&mut self) {
        let Self {
            passed, rtp, rest, ..
        } = self;
        passed.carry(rtp, &mut rest.counters);
    }
}

impl OfSsrc for SenderStream {
    #[inline(always)]
    fn ssrc(&self) -> u32 {
        self.ssrc
    }
}

/// The indexes that a sender which keeps snapshots may use: those below these.
/// A new stream has none, since no snapshot knows of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reserved {
    pub(crate) rtp_end: u64,
    pub(crate) rtcp_end: u64,
}

/// The index of one SSRC's SRTP packets, and which have been used.
#[derive(Clone, Debug)]
pub(crate) struct RtpTrack {
    pub(crate) window: Window,
    /// What came before was left to another session, used or not.
    floor: u64,
    next: Next,
}

/// What is known of the next packet, but for the newest index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    /// The ROC that it is measured against.
    Roc(u32),
    /// That it comes at the floor or behind it, and is the first one.
    First,
}

impl RtpTrack {
    fn new(policy: &Policy) -> Self {
        Self {
            window: Window::new(policy.rtp_window()),
            floor: 0,
            next: Next::Nothing,
        }
    }

    /// Leaves all indexes before `floor` alone for ever; at most 2^48.
    pub(crate) fn begin_at(&mut self, floor: u64) {
        self.floor = floor;
        self.next = Next::Nothing;
        if let Some(newest) = floor.checked_sub(1) {
            self.window.use_up_to(newest);
        }
    }

    /// The same, for a stream that sends there soon. Whether it may: it must
    /// not have sent any, but for what is behind a ROC that was set.
    pub(crate) fn start_at(&mut self, first: PacketIndex) -> bool {
        let may_start = match self.next {
            Next::Roc(roc) => {
                let newest = self.newest();
                roc <= first.roc() && newest.is_none_or(|newest| newest < first)
            }
            Next::Nothing => self.newest().is_none(),
            Next::First => false,
        };
        if may_start {
            self.begin_at(first.get());
            self.next = Next::First;
        }
        may_start
    }

    /// Leaves all indexes before `floor` alone for ever, and goes on from where
    /// it is if that is later.
    pub(crate) fn keep_behind(&mut self, floor: u64) {
        match self.newest() {
            Some(newest) if newest.get() >= floor => self.floor = self.floor.max(floor),
            _ => self.begin_at(floor),
        }
    }

    /// The index that the next packets follow on or come soon after; `None`
    /// where any sequence number may be the next.
    pub(crate) fn goes_on_at(&self) -> Option<u64> {
        match (self.next, self.newest()) {
            (Next::Roc(roc), Some(newest)) if roc == newest.roc() => Some(newest.get() + 1),
            (Next::Roc(_), _) | (Next::Nothing, None) => None,
            (Next::First, _) => Some(self.floor),
            (Next::Nothing, Some(newest)) => Some(newest.get() + 1),
        }
    }

    /// How many indexes before `end` a sender may still use: those that come,
    /// and those that it has left out.
    pub(crate) fn free_before(&self, end: u64) -> u64 {
        let next = self.newest().map_or(0, |newest| newest.get() + 1);
        end.saturating_sub(next.max(self.floor)) + self.window.free_from(self.floor)
    }

    /// Goes on under another policy, with keys that are related to those before
    /// as `kinship` says.
    pub(crate) fn rekey(&mut self, policy: &Policy, kinship: Kinship) {
        self.window.resize(policy.rtp_window());
        match kinship {
            Kinship::New => self.free_all(),
            Kinship::Same => {}
            Kinship::Returned => {
                if let Some(newest) = self.window.newest() {
                    self.window.use_up_to(newest);
                }
            }
        }
    }

    /// Takes no index for used, and goes on with the ROC. A stream that was to
    /// begin somewhere begins there.
    pub(crate) fn free_all(&mut self) {
        if self.next != Next::First {
            self.floor = 0;
            self.window.use_none();
        }
    }

    #[inline(always)]
    pub(crate) fn pending_roc(&self) -> Option<u32> {
        match self.next {
            Next::Roc(roc) => Some(roc),
            Next::Nothing | Next::First => None,
        }
    }

    /// Step 4, for a stream that is known or one that is not.
    #[inline]
    pub(crate) fn estimate(track: Option<&Self>, seq: u16) -> Option<(Estimate, PacketIndex)> {
        let progress = track.map_or_else(Progress::default, Self::progress);
        Estimate::of_rtp(progress, seq)
    }

    /// The indexes that a packet may have besides, where no packet has shown
    /// the stream's ROC yet: those of the ROC after the one it was estimated
    /// with, and of the one before.
    pub(crate) fn neighbours(
        track: Option<&Self>,
        estimated: PacketIndex,
    ) -> [Option<(Estimate, PacketIndex)>; 2] {
        if track.is_some_and(|track| track.newest().is_some() && track.pending_roc().is_none()) {
            return [None, None];
        }
        let newest = track.and_then(Self::newest);
        let (roc, seq) = (estimated.roc(), estimated.seq());
        [roc.checked_add(1), roc.checked_sub(1)].map(|roc| {
            let index = PacketIndex::from_parts(roc?, seq);
            // Only an earlier ROC than any seen begins the replay list anew: in
            // the stream's own, a packet that was received stays received.
            let restarts = newest.is_none_or(|newest| index.roc() < newest.roc());
            Some((Estimate::of_index(index, restarts), index))
        })
    }

    /// Step 5, for a stream that is known or one that is not.
    #[inline]
    pub(crate) fn check(track: Option<&Self>, estimate: Estimate) -> Result<Candidate, Stale> {
        match track {
            Some(track) if estimate.index() < track.floor => Err(Stale::TooOld),
            Some(track) => track.window.check(estimate),
            None => Ok(Candidate::first(estimate)),
        }
    }

    /// Step 4 in a stream that goes on: the index with this `seq` that is less
    /// than 2^15 from the newest, where there is one.
    #[inline(always)]
    pub(crate) fn near(&self, seq: u16) -> Option<PacketIndex> {
        let newest = self.newest()?;
        let distance = seq.wrapping_sub(newest.seq()).cast_signed();
        // What would be less than 0 has more than 48 bits.
        PacketIndex::new(newest.get().wrapping_add_signed(distance.into()))
    }

    /// Steps 4 and 5 with an index less than 2^15 from the newest, which is then
    /// the one that an estimate gives. `None` where it is further, where the
    /// ROC was set, or the index must not be used.
    #[inline(always)]
    pub(crate) fn check_near(&self, index: PacketIndex) -> Option<Candidate> {
        let newest = self.window.newest()?;
        let near = newest.abs_diff(index.get()) < 1 << 15;
        if !near || self.pending_roc().is_some() || index.get() < self.floor {
            return None;
        }
        self.window.check(Estimate::of_index(index, false)).ok()
    }

    #[inline]
    pub(crate) fn newest(&self) -> Option<PacketIndex> {
        self.window.newest().and_then(PacketIndex::new)
    }

    /// The newest index that a packet had, and was not merely left alone.
    pub(crate) fn newest_of_packets(&self) -> Option<u64> {
        self.window.newest().filter(|newest| *newest >= self.floor)
    }

    /// The ROC the next packet is measured against.
    pub(crate) fn roc(&self) -> u32 {
        match self.pending_roc() {
            Some(roc) => roc,
            None => self.newest().map_or(0, PacketIndex::roc),
        }
    }

    /// Sets the ROC of the next packet, however far it is from the newest one:
    /// also where it is the stream's own. Only an earlier one leaves the replay
    /// list behind.
    pub(crate) fn set_roc(&mut self, roc: u32) {
        self.next = Next::Roc(roc);
    }

    /// Goes on as if no ROC had been set.
    pub(crate) fn take_roc_back(&mut self) {
        if self.pending_roc().is_some() {
            self.next = Next::Nothing;
        }
    }

    #[inline]
    fn record(&mut self, candidate: Candidate) {
        self.next = Next::Nothing;
        self.window.record(candidate);
    }

    #[inline]
    fn progress(&self) -> Progress {
        Progress {
            newest: self.newest(),
            set_roc: self.pending_roc(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    /// What steps 4 and 5 make of every sequence number.
    fn agrees_at_every_seq(track: &RtpTrack) {
        for seq in 0..=u16::MAX {
            let estimated = RtpTrack::estimate(Some(track), seq);
            let admitted = estimated.and_then(|(estimate, index)| {
                let checked = RtpTrack::check(Some(track), estimate);
                checked.ok().map(|_| index)
            });
            let near = track.near(seq);
            let admitted_near = near.filter(|index| track.check_near(*index).is_some());
            if admitted_near.is_some() {
                assert_eq!(admitted_near, admitted, "{seq} in {track:?}");
            } else if let (Some(index), Some(newest)) = (admitted, track.newest()) {
                let far = index.get().abs_diff(newest.get()) >= 1 << 15;
                assert!(far || track.pending_roc().is_some(), "{seq} in {track:?}");
            }
        }
    }

    #[test]
    fn an_index_taken_for_near_is_the_one_that_an_estimate_gives() {
        let policy = Policy::new(Profile::AesCm128HmacSha1_80);
        let take = |track: &mut RtpTrack, index| {
            let index = PacketIndex::new(index).unwrap();
            track.record(Candidate::first(Estimate::of_index(index, false)));
        };
        for newest in [
            0,
            1,
            0x7fff,
            0x8000,
            0xffff,
            0x1_0000,
            0x1_8000,
            0x5_7fff,
            PacketIndex::MAX.get() - 0x8000,
            PacketIndex::MAX.get(),
        ] {
            let mut track = RtpTrack::new(&policy);
            agrees_at_every_seq(&track);
            for back in [40, 9, 1, 0] {
                take(&mut track, newest.saturating_sub(back));
            }
            agrees_at_every_seq(&track);
            track.set_roc(7);
            agrees_at_every_seq(&track);
        }
        let mut track = RtpTrack::new(&policy);
        track.begin_at(0x2_0010);
        agrees_at_every_seq(&track);
    }
}
