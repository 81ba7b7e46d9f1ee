//! NTP's two time formats, and the round trip (RFC 3550 §4, §6.4.1).

use core::time::Duration;

/// Wall-clock time as sender reports carry it: 32 bits of seconds since 1900
/// and 32 bits of fraction (RFC 3550 §4). It wraps in 2036; only differences
/// of nearby times mean anything.
///
/// ```
/// use core::time::Duration;
/// use callseal_rtcp_ext::NtpTime;
///
/// let time = NtpTime::from_unix(Duration::new(0, 500_000_000));
/// assert_eq!((time.seconds(), time.fraction()), (2_208_988_800, 1 << 31));
/// assert_eq!(time.middle().to_bits(), (2_208_988_800_u32 << 16) | 0x8000);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NtpTime(u64);

/// The middle 32 bits of an [`NtpTime`]: 16 bits of seconds and 16 of
/// fraction. A moment for LSR, a length of time for DLSR.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct NtpShort(u32);

/// The round trip that a report block lets its receiver compute:
/// A − LSR − DLSR (RFC 3550 §6.4.1), to 1/65536 s.
///
/// `arrival` is the middle of the wall-clock time at which the report
/// arrived; the other two are the block's. `None` where the peer has had no
/// sender report yet (LSR is 0), or where the difference is negative: the
/// report is old, reordered, or wrong.
///
/// ```
/// use core::time::Duration;
/// use callseal_rtcp_ext::{NtpShort, round_trip};
///
/// // RFC 3550, figure 2.
/// let arrival = NtpShort::from_bits(0xb710_8000);
/// let last_sr = NtpShort::from_bits(0xb705_2000);
/// let delay_since_last_sr = NtpShort::from_bits(0x0005_4000);
/// assert_eq!(
///     round_trip(arrival, last_sr, delay_since_last_sr),
///     Some(Duration::from_millis(6_125)),
/// );
/// ```
pub fn round_trip(
    arrival: NtpShort,
    last_sr: NtpShort,
    delay_since_last_sr: NtpShort,
) -> Option<Duration> {
    if last_sr.0 == 0 {
        return None;
    }
    let difference = arrival
        .0
        .wrapping_sub(last_sr.0)
        .wrapping_sub(delay_since_last_sr.0);
    // The upper half of the circle is the past.
    (difference < 1 << 31).then(|| NtpShort(difference).to_duration())
}

impl NtpTime {
    /// The time with these 64 bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// All 64 bits, as on the wire.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The time this long after the Unix epoch.
    pub fn from_unix(since_epoch: Duration) -> Self {
        // Seconds modulo 2^32 are what the format holds.
        let seconds = since_epoch.as_secs().wrapping_add(UNIX_EPOCH) << 32;
        Self(seconds | fraction(since_epoch, 32))
    }

    /// Seconds since 1900, modulo 2^32.
    pub const fn seconds(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The fraction of a second, in 2^-32 s.
    pub const fn fraction(self) -> u32 {
        self.0 as u32
    }

    /// The middle 32 bits, as LSR carries them.
    pub const fn middle(self) -> NtpShort {
        NtpShort((self.0 >> 16) as u32)
    }
}

impl NtpShort {
    /// The time with these 32 bits.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// All 32 bits, as on the wire.
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// A length of time, for DLSR; what is longer than 18 hours becomes the
    /// greatest there is.
    pub fn from_duration(length: Duration) -> Self {
        match u16::try_from(length.as_secs()) {
            Ok(seconds) => Self((u32::from(seconds) << 16) | fraction(length, 16) as u32),
            Err(_) => Self(u32::MAX),
        }
    }

    /// The length of time.
    pub fn to_duration(self) -> Duration {
        let nanos = (u64::from(self.0) * NANOS_PER_SECOND) >> 16;
        Duration::from_nanos(nanos)
    }
}

/// From 1900 to 1970, in seconds.
const UNIX_EPOCH: u64 = 2_208_988_800;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The part of `time` below a second, in 2^-bits s.
fn fraction(time: Duration, bits: u32) -> u64 {
    (u64::from(time.subsec_nanos()) << bits) / NANOS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_era_wraps_in_2036() {
        let last = NtpTime::from_unix(Duration::from_secs((1 << 32) - 1 - UNIX_EPOCH));
        let first = NtpTime::from_unix(Duration::from_secs((1 << 32) - UNIX_EPOCH));
        assert_eq!((last.seconds(), first.seconds()), (u32::MAX, 0));
    }

    #[test]
    fn no_sender_report_gives_no_round_trip() {
        let arrival = NtpShort::from_bits(0xb710_8000);
        assert_eq!(
            round_trip(arrival, NtpShort::default(), NtpShort::default()),
            None
        );
    }

    #[test]
    fn a_delay_longer_than_the_time_passed_gives_no_round_trip() {
        let (arrival, last_sr) = (NtpShort(0x0001_0000), NtpShort(0x0000_8000));
        assert_eq!(round_trip(arrival, last_sr, NtpShort(0x8001)), None);
        assert_eq!(
            round_trip(arrival, last_sr, NtpShort(0x8000)),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn half_the_circle_is_the_longest_round_trip() {
        let lsr = NtpShort(1);
        let longest = NtpShort(1 + 0x7fff_ffff);
        let found = round_trip(longest, lsr, NtpShort(0));
        assert_eq!(found, Some(NtpShort(0x7fff_ffff).to_duration()));
        assert_eq!(
            round_trip(NtpShort(1 + 0x8000_0000), lsr, NtpShort(0)),
            None
        );
    }

    #[test]
    fn a_delay_too_long_for_the_field_saturates() {
        assert_eq!(
            NtpShort::from_duration(Duration::from_secs(65_536)),
            NtpShort(u32::MAX)
        );
        assert_eq!(
            NtpShort::from_duration(Duration::from_secs(65_535)),
            NtpShort(0xffff_0000)
        );
    }

    proptest! {
        #[test]
        fn a_round_trip_comes_out_as_it_went_in(
            sent in 1_600_000_000_u64..4_000_000_000,
            nanos in 0..1_000_000_000_u32,
            there in 0..5_000_u64,
            held in 0..60_000_u64,
            back in 0..5_000_u64,
        ) {
            let sent = Duration::new(sent, nanos);
            let [there, held, back] = [there, held, back].map(Duration::from_millis);
            let lsr = NtpTime::from_unix(sent).middle();
            prop_assume!(lsr != NtpShort::default());
            let arrival = NtpTime::from_unix(sent + there + held + back).middle();
            let round_trip = round_trip(arrival, lsr, NtpShort::from_duration(held));
            // Three values were each cut to 1/65536 s.
            let tick = Duration::from_nanos(15_259);
            match round_trip {
                Some(found) => prop_assert!(found.abs_diff(there + back) <= 3 * tick),
                None => prop_assert!(there + back <= 3 * tick),
            }
        }

        #[test]
        fn a_length_of_time_survives_the_short_format(millis in 0..65_536_000_u64) {
            let length = Duration::from_millis(millis);
            let back = NtpShort::from_duration(length).to_duration();
            prop_assert!(length - back <= Duration::from_nanos(15_259));
        }
    }
}
