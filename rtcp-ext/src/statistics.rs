//! What a receiver counts (RFC 3550, Appendices A.1, A.3 and A.8).

use crate::report::LOST_RANGE;

/// The sequence numbers of one source: validation, the extended highest
/// number, and loss (RFC 3550 A.1, A.3).
///
/// Feed it every packet of the source in the order of arrival.
///
/// ```
/// use callseal_rtcp_ext::{Arrival, Sequence};
///
/// let mut sequence = Sequence::authenticated(65_534);
/// for number in [65_534, 65_535, 1] {
///     assert_eq!(sequence.update(number), Arrival::Counted);
/// }
/// assert_eq!(sequence.extended_highest(), 0x1_0001);
/// assert_eq!(sequence.cumulative_lost(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Sequence {
    highest: u16,
    // 2^16 for each cycle.
    cycles: u32,
    base: u32,
    // The number after one that jumped: if it comes, the source has begun
    // anew.
    expected_after_jump: Option<u16>,
    probation: u8,
    received: u32,
    expected_prior: u32,
    received_prior: u32,
}

/// What a sequence number is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arrival {
    /// One of the source's packets; it counts.
    Counted,
    /// The source is not yet valid: too few packets in sequence.
    Probation,
    /// Far off the source's sequence; it does not count unless the next one
    /// follows it.
    Jumped,
}

impl Sequence {
    /// A source whose packets are not authenticated, and which is valid
    /// after two packets in sequence. `first` is the first number seen; its
    /// packet still goes through [`update`](Self::update).
    pub fn unauthenticated(first: u16) -> Self {
        Self {
            // So that the first packet is in sequence.
            highest: first.wrapping_sub(1),
            probation: MIN_SEQUENTIAL,
            ..Self::authenticated(first)
        }
    }

    /// A source whose packets are authenticated, and which is valid at once.
    /// `first` is the first number seen; its packet still goes through
    /// [`update`](Self::update).
    pub fn authenticated(first: u16) -> Self {
        Self {
            highest: first,
            cycles: 0,
            base: u32::from(first),
            expected_after_jump: None,
            probation: 0,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
        }
    }

    /// Takes the number of a packet that has arrived.
    pub fn update(&mut self, number: u16) -> Arrival {
        if self.probation > 0 {
            return self.prove(number);
        }
        let ahead = number.wrapping_sub(self.highest);
        if ahead < MAX_DROPOUT {
            if number < self.highest {
                self.cycles = self.cycles.wrapping_add(CYCLE);
            }
            self.highest = number;
        } else if u32::from(ahead) <= CYCLE - MAX_MISORDER {
            if self.expected_after_jump != Some(number) {
                self.expected_after_jump = Some(number.wrapping_add(1));
                return Arrival::Jumped;
            }
            // Two in sequence: the source has begun anew without telling.
            *self = Self::authenticated(number);
        }
        self.received = self.received.wrapping_add(1);
        Arrival::Counted
    }

    /// Whether the source has left its probation.
    pub fn is_valid(&self) -> bool {
        self.probation == 0
    }

    /// The highest number received, with its cycles in the upper half.
    pub fn extended_highest(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.highest))
    }

    /// Packets received, duplicates and late ones included.
    pub fn received(&self) -> u32 {
        self.received
    }

    /// Packets that should have been received.
    pub fn expected(&self) -> u32 {
        if self.probation > 0 {
            return 0;
        }
        self.extended_highest()
            .wrapping_sub(self.base)
            .wrapping_add(1)
    }

    /// Packets lost since the beginning, as a report block has it: in 24
    /// bits, negative where there were more duplicates than losses.
    pub fn cumulative_lost(&self) -> i32 {
        let lost = i64::from(self.expected()) - i64::from(self.received);
        // Bounded to 24 bits before it is narrowed.
        lost.clamp(i64::from(LOST_RANGE.0), i64::from(LOST_RANGE.1)) as i32
    }

    /// The share lost since this was last asked, in 1/256, as a report block
    /// has it; 0 where duplicates outweigh losses. Ask once a report.
    pub fn take_fraction_lost(&mut self) -> u8 {
        let expected = self.expected().wrapping_sub(self.expected_prior);
        let received = self.received.wrapping_sub(self.received_prior);
        self.expected_prior = self.expected();
        self.received_prior = self.received;
        let lost = u64::from(expected.saturating_sub(received));
        match (lost << 8).checked_div(u64::from(expected)) {
            // All lost would be 256/256.
            Some(fraction) => fraction.min(255) as u8,
            None => 0,
        }
    }

    fn prove(&mut self, number: u16) -> Arrival {
        if number == self.highest.wrapping_add(1) {
            self.probation -= 1;
            self.highest = number;
            if self.probation == 0 {
                *self = Self::authenticated(number);
                self.received = 1;
                return Arrival::Counted;
            }
        } else {
            self.probation = MIN_SEQUENTIAL - 1;
            self.highest = number;
        }
        Arrival::Probation
    }
}

/// Interarrival jitter of one source (RFC 3550 §6.4.1, A.8), in units of its
/// RTP clock.
///
/// ```
/// use callseal_rtcp_ext::Jitter;
///
/// let mut jitter = Jitter::new();
/// jitter.update(1_000, 0);
/// jitter.update(1_160, 160);
/// assert_eq!(jitter.value(), 0, "twenty milliseconds apart, sent and received");
/// jitter.update(1_480, 320);
/// assert_eq!(jitter.value(), 10, "a sixteenth of the 160 that it came late");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Jitter {
    transit: Option<u32>,
    // Sixteen times the estimate, so that rounding does not bias it.
    scaled: u32,
}

impl Jitter {
    /// Nothing measured yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a packet: when it arrived, in units of the RTP clock since any
    /// epoch (see [`arrival_units`](Self::arrival_units)), and its RTP
    /// timestamp.
    pub fn update(&mut self, arrival: u32, timestamp: u32) {
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(last) = self.transit.replace(transit) {
            // The shorter way round the circle.
            let difference = u64::from((transit.wrapping_sub(last) as i32).unsigned_abs());
            let scaled = u64::from(self.scaled);
            let next = scaled + difference - ((scaled + 8) >> 4);
            self.scaled = u32::try_from(next).unwrap_or(u32::MAX);
        }
    }

    /// The estimate, as a report block has it.
    pub fn value(&self) -> u32 {
        self.scaled >> 4
    }

    /// A moment in units of an RTP clock of `clock_rate` hertz, modulo 2^32.
    pub fn arrival_units(now: core::time::Duration, clock_rate: u32) -> u32 {
        let rate = u64::from(clock_rate);
        let within_second = u64::from(now.subsec_nanos()) * rate / 1_000_000_000;
        // Modulo 2^32 is what RTP timestamps are.
        now.as_secs().wrapping_mul(rate).wrapping_add(within_second) as u32
    }
}

const CYCLE: u32 = 1 << 16;

/// As far ahead as this is a jump, not loss.
const MAX_DROPOUT: u16 = 3_000;

/// As far behind as this is a jump, not reordering.
const MAX_MISORDER: u32 = 100;

/// In sequence before an unauthenticated source is valid.
const MIN_SEQUENTIAL: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use proptest::prelude::*;

    fn counted(first: u16, numbers: impl IntoIterator<Item = u16>) -> Sequence {
        let mut sequence = Sequence::authenticated(first);
        for number in numbers {
            assert_eq!(sequence.update(number), Arrival::Counted, "{number}");
        }
        sequence
    }

    #[test]
    fn an_unauthenticated_source_is_valid_after_two_in_sequence() {
        let mut sequence = Sequence::unauthenticated(10);
        assert_eq!(sequence.update(10), Arrival::Probation);
        assert_eq!(sequence.update(12), Arrival::Probation);
        assert!(!sequence.is_valid());
        assert_eq!(sequence.expected(), 0);
        assert_eq!(sequence.update(13), Arrival::Counted);
        assert!(sequence.is_valid());
        assert_eq!((sequence.received(), sequence.expected()), (1, 1));
    }

    #[test]
    fn out_of_order_at_a_wrap_loses_nothing() {
        let sequence = counted(65_533, [65_533, 65_535, 65_534, 1, 0, 2]);
        assert_eq!(sequence.extended_highest(), 0x1_0002);
        assert_eq!((sequence.expected(), sequence.received()), (6, 6));
        assert_eq!(sequence.cumulative_lost(), 0);
    }

    #[test]
    fn one_packet_far_off_changes_nothing() {
        for stray in [3_019, 40_000, 65_000] {
            let mut sequence = counted(10, 10..20);
            assert_eq!(sequence.update(stray), Arrival::Jumped);
            assert_eq!(sequence.update(20), Arrival::Counted);
            assert_eq!((sequence.expected(), sequence.received()), (11, 11));
        }
    }

    #[test]
    fn two_packets_in_sequence_far_off_begin_anew() {
        let mut sequence = counted(10, 10..20);
        assert_eq!(sequence.update(40_000), Arrival::Jumped);
        assert_eq!(sequence.update(40_001), Arrival::Counted);
        assert_eq!(sequence.extended_highest(), 40_001);
        assert_eq!((sequence.expected(), sequence.received()), (1, 1));
    }

    #[test]
    fn the_limits_of_dropout_and_misorder_are_exact() {
        let arrival = |number| counted(5_000, [5_000]).update(number);
        assert_eq!(arrival(5_000 + 2_999), Arrival::Counted);
        assert_eq!(arrival(5_000 + 3_000), Arrival::Jumped);
        assert_eq!(arrival(5_000 - 99), Arrival::Counted);
        assert_eq!(arrival(5_000 - 100), Arrival::Jumped);
    }

    #[test]
    fn duplicates_make_the_loss_negative_and_the_fraction_zero() {
        let mut sequence = counted(10, [10, 11, 11, 11]);
        assert_eq!(sequence.cumulative_lost(), -2);
        assert_eq!(sequence.take_fraction_lost(), 0);
    }

    #[test]
    fn the_fraction_is_of_the_time_since_the_last_report() {
        let mut sequence = counted(0, (0..100).filter(|number| number % 4 != 1));
        assert_eq!(sequence.take_fraction_lost(), 64);
        assert_eq!(sequence.take_fraction_lost(), 0, "nothing was expected");
        (100..200).for_each(|number| {
            sequence.update(number);
        });
        assert_eq!(sequence.take_fraction_lost(), 0);
        assert_eq!(sequence.cumulative_lost(), 25);
    }

    #[test]
    fn a_loss_above_24_bits_is_clamped() {
        let mut sequence = Sequence::authenticated(0);
        let mut number = 0_u16;
        for _ in 0..6_000 {
            sequence.update(number);
            number = number.wrapping_add(2_999);
        }
        assert!(sequence.expected() > 17_000_000);
        assert_eq!(sequence.cumulative_lost(), 0x7f_ffff);
        assert_eq!(sequence.take_fraction_lost(), 255);
    }

    #[test]
    fn jitter_follows_the_equation() {
        // J = J + (|D| − J)/16 in floating point, beside ours.
        let mut jitter = Jitter::new();
        let mut expected = 0.0_f64;
        let mut last = None;
        for number in 0..2_000_u32 {
            let late = (number * 7_919) % 320;
            let (arrival, timestamp) = (number * 160 + late, number * 160);
            jitter.update(arrival, timestamp);
            if let Some(last) = last.replace(late) {
                let difference = f64::from(late.abs_diff(last));
                expected += (difference - expected) / 16.0;
            }
        }
        assert!((f64::from(jitter.value()) - expected).abs() <= 1.0);
        assert!(expected > 50.0);
    }

    #[test]
    fn a_wrap_of_either_clock_is_no_jitter() {
        let mut jitter = Jitter::new();
        for number in 0..100_u32 {
            let since = number.wrapping_mul(160);
            let arrival = since.wrapping_add(u32::MAX - 3_000);
            jitter.update(arrival, since.wrapping_add(u32::MAX - 9_000));
        }
        assert_eq!(jitter.value(), 0);
    }

    #[test]
    fn moments_become_units_of_the_clock() {
        assert_eq!(Jitter::arrival_units(Duration::from_millis(20), 8_000), 160);
        let day = Duration::from_secs(86_400);
        let units = 86_400_u64 * 90_000;
        assert_eq!(Jitter::arrival_units(day, 90_000), units as u32);
    }

    proptest! {
        /// The model keeps every number in 64 bits and simply counts.
        #[test]
        fn counts_like_a_model_without_wraps(
            first: u16,
            steps in prop::collection::vec((1..40_u64, prop::bool::ANY, 0..60_u64), 1..300),
        ) {
            let start = u64::from(first);
            let mut sequence = Sequence::authenticated(first);
            sequence.update(first);
            let (mut highest, mut received) = (start, 1_u64);
            for (ahead, late, behind) in steps {
                let number = if late {
                    highest.saturating_sub(behind).max(start)
                } else {
                    highest + ahead
                };
                prop_assert_eq!(sequence.update(number as u16), Arrival::Counted);
                highest = highest.max(number);
                received += 1;
            }
            prop_assert_eq!(u64::from(sequence.extended_highest()), highest);
            prop_assert_eq!(u64::from(sequence.expected()), highest - start + 1);
            prop_assert_eq!(
                i64::from(sequence.cumulative_lost()),
                (highest - start + 1) as i64 - received as i64
            );
        }

        #[test]
        fn no_numbers_and_no_times_panic(
            numbers in prop::collection::vec(any::<(u16, u32, u32)>(), 0..200),
            authenticated: bool,
        ) {
            let mut sequence = if authenticated {
                Sequence::authenticated(7)
            } else {
                Sequence::unauthenticated(7)
            };
            let mut jitter = Jitter::new();
            for (number, arrival, timestamp) in numbers {
                sequence.update(number);
                jitter.update(arrival, timestamp);
                let lost = sequence.cumulative_lost();
                prop_assert!((LOST_RANGE.0..=LOST_RANGE.1).contains(&lost));
                sequence.take_fraction_lost();
            }
        }
    }
}
