//! What happened to the packets of a stream, for anybody to read at any time.

use alloc::sync::Arc;
#[cfg(target_has_atomic = "64")]
use core::sync::atomic::AtomicU64;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[cfg(not(target_has_atomic = "64"))]
use portable_atomic::AtomicU64;

use crate::receiver::UnprotectError;

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

/// Where a session writes a stream's counters.
///
/// What every packet of SRTP counts stands in the stream itself, so that one
/// that has not been used for long costs no memory but its own. Once somebody
/// else reads along, it is written to where he reads as well.
#[derive(Debug, Default)]
pub(crate) struct CounterBook {
    rtp: Passed,
    is_read_along: AtomicBool,
    tallies: Arc<Tallies>,
}

impl CounterBook {
    /// Counts a packet of SRTP with `len` octets; `newest` is the newest index
    /// there is with it.
    #[inline]
    pub(crate) fn count_rtp(&mut self, len: usize, newest: Option<u64>) {
        self.rtp.packets = self.rtp.packets.wrapping_add(1);
        self.rtp.octets = self.rtp.octets.wrapping_add(len as u64);
        self.rtp.newest_end = newest.map_or(0, |newest| newest + 1);
        if *self.is_read_along.get_mut() {
            self.tallies.rtp.set(self.rtp);
        }
    }

    /// Counts a packet of SRTP that was refused.
    pub(crate) fn refuse_rtp(&mut self, error: UnprotectError) {
        self.tallies.rtp.count_refused(error);
    }

    #[inline]
    pub(crate) fn rtcp(&mut self) -> &Tally {
        &self.tallies.rtcp
    }

    pub(crate) fn read(&self) -> StreamCounters {
        StreamCounters {
            rtp: self.tallies.rtp.read_with(self.rtp),
            ..self.tallies.read()
        }
    }

    pub(crate) fn live(&self) -> LiveCounters {
        self.tallies.rtp.set(self.rtp);
        // The session sees it: it writes behind `&mut self`.
        self.is_read_along.store(true, Relaxed);
        LiveCounters(Arc::clone(&self.tallies))
    }
}

/// What the packets that were not refused count.
#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    packets: u64,
    octets: u64,
    /// One more than the newest index; 0 before the first.
    newest_end: u64,
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

    fn set(&self, passed: Passed) {
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
        self.read_with(Passed {
            packets: self.packets.get(),
            octets: self.octets.get(),
            newest_end: self.newest_end.get(),
        })
    }

    fn read_with(&self, passed: Passed) -> Counters {
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
