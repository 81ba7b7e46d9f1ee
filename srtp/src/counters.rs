//! What happened to the packets of a stream, for anybody to read at any time.

use alloc::sync::Arc;
#[cfg(target_has_atomic = "64")]
use core::sync::atomic::AtomicU64;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

#[cfg(not(target_has_atomic = "64"))]
use portable_atomic::AtomicU64;

use crate::receiver::UnprotectError;
use crate::stream::RtpTrack;

/// What happened to the packets of one SSRC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamCounters {
    /// SRTP.
    pub rtp: Counters,
    /// SRTCP.
    pub rtcp: Counters,
}

/// What happened to the packets of one SSRC and one of the two protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Packets sealed, or authenticated and opened.
    pub packets: u64,
    /// The octets of these, plain: header and payload.
    pub octets: u64,
    /// The index of the newest of these, 48 bits in SRTP and 31 in SRTCP;
    /// `None` before the first.
    pub newest_index: Option<u64>,
    /// Packets whose tag was wrong.
    pub auth_failures: u64,
    /// Packets whose index had been used.
    pub replayed: u64,
    /// Packets whose index lay behind the replay window.
    pub too_old: u64,
}

/// A stream's counters as they are at any moment, for another thread than the
/// one that works the session: to read them takes no lock, and costs the
/// session nothing.
///
/// Each number is exact; that they are read one after another, a packet may
/// come in between. They stay as they are once the stream is removed.
///
/// ```
/// use callseal_srtp::{MasterKey, Policy, Profile, Sender};
///
/// let profile = Profile::AesCm128HmacSha1_80;
/// let key = MasterKey::new(profile, &[0x11; 16], &[0x22; 14])?;
/// let mut sender = Sender::new(Policy::new(profile), key)?;
/// sender.protect_rtp(&mut [0x80; 42], 32)?;
///
/// let live = sender.live_counters(0x8080_8080).unwrap();
/// let monitor = std::thread::spawn(move || live.read().rtp.octets);
/// assert_eq!(monitor.join().unwrap(), 32);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LiveCounters(Arc<Tallies>);

impl LiveCounters {
    /// The counters now.
    #[must_use]
    pub fn read(&self) -> StreamCounters {
        self.0.read()
    }
}

/// What the newest packets of SRTP count, as long as it is little: a part of
/// the stream itself, so that a packet of one that has not been used for long
/// waits for no memory but that. It is carried over to the stream's
/// [`CounterBook`] now and then.
///
/// Octets in bits 0 to 15, packets in bits 16 to 30, and in bit 31 whether
/// somebody reads along, so that every packet is carried over at once.
#[derive(Debug, Default)]
pub(crate) struct Passed(AtomicU32);

impl Passed {
    const ONE_PACKET: u32 = 1 << 16;
    const IS_READ_ALONG: u32 = 1 << 31;
    /// With any of these bits a packet is carried over, since octets or packets
    /// might not have room for another one.
    const CARRIES: u32 = Self::IS_READ_ALONG | 1 << 30 | 1 << 15;

    /// Counts a packet with `len` octets, after which the stream is at `rtp`.
    #[inline]
    pub(crate) fn count(&mut self, len: usize, rtp: &RtpTrack, book: &mut CounterBook) {
        let held = self.0.get_mut();
        if *held & Self::CARRIES == 0 && len < 1 << 15 {
            *held += Self::ONE_PACKET + len as u32;
        } else {
            self.count_and_carry(len, rtp, book);
        }
    }

    #[cold]
    fn count_and_carry(&mut self, len: usize, rtp: &RtpTrack, book: &mut CounterBook) {
        book.passed.add(1, len as u64);
        self.carry(rtp, book);
    }

    /// Carries over what is held here.
    pub(crate) fn carry(&mut self, rtp: &RtpTrack, book: &mut CounterBook) {
        let (packets, octets) = self.held();
        book.passed.add(packets, octets);
        book.passed.keep_newest(rtp);
        let held = self.0.get_mut();
        *held &= Self::IS_READ_ALONG;
        if *held != 0 {
            book.tallies.rtp.set(book.passed);
        }
    }

    fn held(&self) -> (u64, u64) {
        let held = self.0.load(Relaxed) & !Self::IS_READ_ALONG;
        (u64::from(held >> 16), u64::from(held & 0xffff))
    }
}

/// Where a session writes a stream's counters, but for the newest ones.
#[derive(Debug, Default)]
pub(crate) struct CounterBook {
    /// What was carried over from the stream.
    passed: Totals,
    tallies: Arc<Tallies>,
}

impl CounterBook {
    /// Counts a packet of SRTP that was refused.
    pub(crate) fn refuse_rtp(&mut self, error: UnprotectError) {
        self.tallies.rtp.count_refused(error);
    }

    #[inline]
    pub(crate) fn rtcp(&mut self) -> &Tally {
        &self.tallies.rtcp
    }

    pub(crate) fn read(&self, passed: &Passed, rtp: &RtpTrack) -> StreamCounters {
        StreamCounters {
            rtp: self.tallies.rtp.read_with(self.with(passed, rtp)),
            ..self.tallies.read()
        }
    }

    pub(crate) fn live(&self, passed: &Passed, rtp: &RtpTrack) -> LiveCounters {
        self.tallies.rtp.set(self.with(passed, rtp));
        // The session sees it: it writes behind `&mut self`.
        let held = passed.0.load(Relaxed);
        passed.0.store(held | Passed::IS_READ_ALONG, Relaxed);
        LiveCounters(Arc::clone(&self.tallies))
    }

    /// All of SRTP's packets that were not refused.
    fn with(&self, passed: &Passed, rtp: &RtpTrack) -> Totals {
        let mut totals = self.passed;
        let (packets, octets) = passed.held();
        totals.add(packets, octets);
        totals.keep_newest(rtp);
        totals
    }
}

/// What the packets that were not refused count.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    packets: u64,
    octets: u64,
    /// One more than the newest index; 0 before the first.
    newest_end: u64,
}

impl Totals {
    fn add(&mut self, packets: u64, octets: u64) {
        self.packets = self.packets.wrapping_add(packets);
        self.octets = self.octets.wrapping_add(octets);
    }

    /// The newest index is the track's, unless that was left alone or taken
    /// over from another session.
    fn keep_newest(&mut self, rtp: &RtpTrack) {
        if let (1.., Some(newest)) = (self.packets, rtp.newest_of_packets()) {
            self.newest_end = newest + 1;
        }
    }
}

#[derive(Debug, Default)]
struct Tallies {
    rtp: Tally,
    rtcp: Tally,
}

impl Tallies {
    fn read(&self) -> StreamCounters {
        StreamCounters {
            rtp: self.rtp.read(),
            rtcp: self.rtcp.read(),
        }
    }
}

/// The counters of one protocol. Only the one session that has the stream
/// writes them, behind its `&mut self`.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    packets: Count,
    octets: Count,
    /// One more than the newest index; 0 before the first.
    newest_end: Count,
    auth_failures: Count,
    replayed: Count,
    too_old: Count,
}

impl Tally {
    /// Counts a packet of `len` octets; `newest` is the newest index there is
    /// with it.
    #[inline]
    pub(crate) fn count(&self, len: usize, newest: Option<u64>) {
        self.packets.add(1);
        self.octets.add(len as u64);
        self.newest_end.set(newest.map_or(0, |newest| newest + 1));
    }

    fn set(&self, passed: Totals) {
        self.packets.set(passed.packets);
        self.octets.set(passed.octets);
        self.newest_end.set(passed.newest_end);
    }

    pub(crate) fn count_refused(&self, error: UnprotectError) {
        match error {
            UnprotectError::AuthenticationFailed => self.auth_failures.add(1),
            UnprotectError::Replayed => self.replayed.add(1),
            UnprotectError::TooOld => self.too_old.add(1),
            _ => {}
        }
    }

    fn read(&self) -> Counters {
        self.read_with(Totals {
            packets: self.packets.get(),
            octets: self.octets.get(),
            newest_end: self.newest_end.get(),
        })
    }

    fn read_with(&self, passed: Totals) -> Counters {
        Counters {
            packets: passed.packets,
            octets: passed.octets,
            newest_index: passed.newest_end.checked_sub(1),
            auth_failures: self.auth_failures.get(),
            replayed: self.replayed.get(),
            too_old: self.too_old.get(),
        }
    }
}

/// A number with one writer and any readers.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    /// With one writer nothing can be lost between the load and the store,
    /// which together cost no more than those of a plain number.
    #[inline]
    fn add(&self, more: u64) {
        self.0
            .store(self.0.load(Relaxed).wrapping_add(more), Relaxed);
    }

    #[inline]
    fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Estimate, PacketIndex};
    use crate::policy::Policy;
    use crate::profile::Profile;
    use crate::stream::SenderStream;
    use crate::transform::Sealed;

    #[test]
    fn what_is_carried_over_is_counted_once() {
        let policy = Policy::new(Profile::AesCm128HmacSha1_80);
        for len in [0, 1, 12, 172, 0x7fff, 0x8000, 0xffff, 1 << 20] {
            for reads_along_at in [0, 1, 2, 500, 40_000] {
                let mut stream = SenderStream::new(7, &policy);
                let mut live = None;
                for n in 0..40_000 {
                    if n == reads_along_at {
                        live = Some(stream.live_counters());
                    }
                    let index = PacketIndex::new(n).unwrap();
                    let estimate = Estimate::of_index(index, false);
                    let candidate = stream.rtp.window.check(estimate).ok();
                    stream.commit_rtp(candidate, Sealed::for_tests(), len);
                    if n % 997 == 0 || n + 1 == reads_along_at {
                        let counted = stream.counters();
                        let expected = Counters {
                            packets: n + 1,
                            octets: (n + 1) * len as u64,
                            newest_index: Some(n),
                            ..Counters::default()
                        };
                        assert_eq!(counted.rtp, expected);
                        if let Some(live) = &live {
                            assert_eq!(live.read(), counted);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn an_index_that_was_left_alone_is_no_packets() {
        let policy = Policy::new(Profile::AesCm128HmacSha1_80);
        let mut stream = SenderStream::new(7, &policy);
        stream.rtp.begin_at(100);
        assert_eq!(stream.counters().rtp, Counters::default());

        let index = PacketIndex::new(100).unwrap();
        let candidate = stream.rtp.check_near(index);
        stream.commit_rtp(candidate, Sealed::for_tests(), 12);
        assert_eq!(stream.counters().rtp.newest_index, Some(100));

        stream.keep_counters();
        stream.rtp.begin_at(1_000);
        assert_eq!(stream.counters().rtp.newest_index, Some(100));
        assert_eq!(stream.counters().rtp.packets, 1);
    }
}
