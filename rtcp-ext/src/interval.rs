//! When to send RTCP (RFC 3550 §6.2, §6.3, Appendix A.7).

use core::time::Duration;

/// The time to the next report (RFC 3550 §6.3.1, A.7).
///
/// `average_len` is the average length of RTCP datagrams, those of UDP and
/// IP included, in octets. `minimum` is half of what it is for the first
/// report. `random` is 32 evenly distributed bits, which spread the result
/// over 0.5 to 1.5 of the deterministic interval before e − 3/2 divides it.
///
/// Without any bandwidth there is no next report: [`Duration::MAX`].
///
/// ```
/// use core::time::Duration;
/// use callseal_rtcp_ext::{Bandwidth, Population, rtcp_interval};
///
/// // Two parties, both sending, 64 kbit/s: the minimum of five seconds
/// // rules; the middle of the spread is 5 s / (e − 3/2).
/// let population = Population { members: 2, senders: 2, we_send: true };
/// let interval = rtcp_interval(
///     population,
///     Bandwidth::of_session(8_000),
///     120.0,
///     Duration::from_secs(5),
///     1 << 31,
/// );
/// assert_eq!(interval.as_millis(), 4_104);
/// ```
pub fn rtcp_interval(
    population: Population,
    bandwidth: Bandwidth,
    average_len: f64,
    minimum: Duration,
    random: u32,
) -> Duration {
    let deterministic = deterministic_interval(population, bandwidth, average_len, minimum);
    if deterministic == Duration::MAX {
        return deterministic;
    }
    let spread = f64::from(random) / (f64::from(u32::MAX) + 1.0) + 0.5;
    scaled(deterministic, spread / COMPENSATION)
}

/// Who takes part in a session, ourselves included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Population {
    /// Everybody known.
    pub members: u32,
    /// Those that have sent RTP of late (RFC 3550 §6.3.5, §6.3.8).
    pub senders: u32,
    /// Whether we are one of those.
    pub we_send: bool,
}

/// What RTCP may use, in octets a second, headers of UDP and IP included.
///
/// While the senders' share of the members is not above their share of the
/// bandwidth, that share is reserved for them (RFC 3550 §6.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bandwidth {
    /// For those who send: `b=RS` of RFC 3556, in octets.
    pub senders: u32,
    /// For those who only receive: `b=RR` of RFC 3556, in octets.
    pub receivers: u32,
}

/// When one participant sends its reports, and when its BYE
/// (RFC 3550 §6.3.2–6.3.8).
///
/// Call [`due`](Self::due) when the time of
/// [`poll_timeout`](Self::poll_timeout) has come; it decides again with the
/// population as it is then (timer reconsideration). Every RTCP datagram
/// that comes or goes is told by its length, so that the average follows.
/// Each `random` is 32 evenly distributed bits, drawn for the call.
///
/// ```
/// use core::time::Duration;
/// use callseal_rtcp_ext::{Bandwidth, Due, Population, Schedule};
///
/// let mut schedule = Schedule::new(
///     Duration::ZERO,
///     Bandwidth::of_session(8_000),
///     Duration::from_secs(5),
///     120,
///     1 << 31,
/// );
/// schedule.set_population(
///     Duration::from_millis(20),
///     Population { members: 2, senders: 1, we_send: false },
/// );
/// let first = schedule.poll_timeout().unwrap();
/// assert_eq!(first.as_millis(), 2_052, "half the minimum before the first report");
/// assert_eq!(schedule.due(first, 1 << 31), Due::Report);
/// schedule.sent(first, 120, 1 << 31);
/// assert_eq!((schedule.poll_timeout().unwrap() - first).as_millis(), 4_104);
/// ```
#[derive(Clone, Debug)]
pub struct Schedule {
    bandwidth: Bandwidth,
    minimum: Duration,
    population: Population,
    // Those known when `next` was last computed: `pmembers`.
    members_before: u32,
    last: Duration,
    next: Duration,
    average_len: f64,
    initial: bool,
    leaving: bool,
}

/// What is to be done at a moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Due {
    /// Nothing before the time of [`Schedule::poll_timeout`].
    Nothing,
    /// Send a report, then call [`Schedule::sent`].
    Report,
    /// Send the BYE; the schedule has ended.
    Bye,
}

impl Bandwidth {
    /// Five hundredths of a session's bandwidth in octets a second, a
    /// quarter of them for senders (RFC 3550 §6.2).
    pub const fn of_session(octets_per_second: u32) -> Self {
        Self {
            senders: octets_per_second / 80,
            receivers: (octets_per_second / 80).saturating_mul(3),
        }
    }
}

impl Schedule {
    /// A participant that joins now, alone as far as it knows.
    ///
    /// `minimum` is five seconds by the RFC's default; a session that has
    /// agreed on less passes less, such as 360 s divided by its bandwidth in
    /// kbit/s (RFC 3550 §6.2). `first_len` is the likely length of the first
    /// report with its UDP and IP headers, in octets.
    pub fn new(
        now: Duration,
        bandwidth: Bandwidth,
        minimum: Duration,
        first_len: usize,
        random: u32,
    ) -> Self {
        let mut schedule = Self {
            bandwidth,
            minimum,
            population: Population {
                members: 1,
                senders: 0,
                we_send: false,
            },
            members_before: 1,
            last: now,
            next: now,
            average_len: first_len as f64,
            initial: true,
            leaving: false,
        };
        schedule.next = now.saturating_add(schedule.interval(random));
        schedule
    }

    /// When [`due`](Self::due) wants to be called; `None` where RTCP has no
    /// bandwidth.
    pub fn poll_timeout(&self) -> Option<Duration> {
        (self.next < Duration::MAX).then_some(self.next)
    }

    /// Takes note of who takes part. Where members have left, the next
    /// report comes sooner (reverse reconsideration, §6.3.4), so that the
    /// others do not time us out.
    pub fn set_population(&mut self, now: Duration, population: Population) {
        if self.leaving {
            // Only BYEs count now: `bye_received`.
            return;
        }
        self.population = population;
        if population.members < self.members_before {
            let share = f64::from(population.members) / f64::from(self.members_before);
            self.next = now.saturating_add(scaled(self.next.saturating_sub(now), share));
            self.last = now.saturating_sub(scaled(now.saturating_sub(self.last), share));
            self.members_before = population.members;
        }
    }

    /// An RTCP datagram of this length, headers included, has come.
    pub fn received(&mut self, len: usize) {
        if !self.leaving {
            self.average(len);
        }
    }

    /// A BYE of this length, headers included, has come. Only who is leaving
    /// counts them (§6.3.7).
    pub fn bye_received(&mut self, len: usize) {
        if self.leaving {
            self.population.members = self.population.members.saturating_add(1);
            self.average(len);
        }
    }

    /// Decides at the time that has come. Where the population has grown,
    /// the decision may be to wait longer.
    pub fn due(&mut self, now: Duration, random: u32) -> Due {
        if now < self.next {
            return Due::Nothing;
        }
        let next = self.last.saturating_add(self.interval(random));
        self.members_before = self.population.members;
        if next > now {
            self.next = next;
            return Due::Nothing;
        }
        if self.leaving {
            self.next = Duration::MAX;
            return Due::Bye;
        }
        Due::Report
    }

    /// A report of this length, headers included, has been sent.
    pub fn sent(&mut self, now: Duration, len: usize, random: u32) {
        self.average(len);
        self.initial = false;
        self.last = now;
        // Drawn anew: the interval that let this report out was, by being
        // short enough, not evenly distributed (A.7).
        self.next = now.saturating_add(self.interval(random));
        self.members_before = self.population.members;
    }

    /// Leaves with a BYE of this length, headers included. In a small
    /// session it goes out at once; in one above 50 members it waits its
    /// turn among the other BYEs (§6.3.7). Who has sent nothing at all
    /// leaves without one and does not call this.
    pub fn leave(&mut self, now: Duration, bye_len: usize, random: u32) -> Due {
        if self.leaving {
            return self.due(now, random);
        }
        let crowded = self.population.members > BYE_AT_ONCE;
        self.leaving = true;
        self.next = Duration::MAX;
        if !crowded {
            return Due::Bye;
        }
        self.population = Population {
            members: 1,
            senders: 0,
            we_send: false,
        };
        self.members_before = 1;
        self.initial = true;
        self.average_len = bye_len as f64;
        self.last = now;
        self.next = now.saturating_add(self.interval(random));
        Due::Nothing
    }

    /// How long a member may be silent before it no longer counts: five
    /// intervals of a receiver, not spread, and never with a minimum below
    /// five seconds, since others may not use a lower one (§6.2, §6.3.5).
    pub fn member_timeout(&self) -> Duration {
        let receiver = Population {
            we_send: false,
            ..self.population
        };
        let minimum = self.minimum.max(FIXED_MINIMUM);
        deterministic_interval(receiver, self.bandwidth, self.average_len, minimum)
            .saturating_mul(5)
    }

    /// How long a sender may send no RTP before it counts as a receiver: two
    /// intervals as last computed (§6.3.5); for ourselves too (§6.3.8).
    pub fn sender_timeout(&self) -> Duration {
        self.next.saturating_sub(self.last).saturating_mul(2)
    }

    fn interval(&self, random: u32) -> Duration {
        let minimum = if self.initial {
            self.minimum / 2
        } else {
            self.minimum
        };
        rtcp_interval(
            self.population,
            self.bandwidth,
            self.average_len,
            minimum,
            random,
        )
    }

    fn average(&mut self, len: usize) {
        self.average_len += (len as f64 - self.average_len) / 16.0;
    }
}

/// The minimum where nothing else has been agreed.
const FIXED_MINIMUM: Duration = Duration::from_secs(5);

/// Above so many members a BYE waits.
const BYE_AT_ONCE: u32 = 50;

/// e − 3/2: reconsideration lets the average interval settle this much lower.
const COMPENSATION: f64 = core::f64::consts::E - 1.5;

fn deterministic_interval(
    population: Population,
    bandwidth: Bandwidth,
    average_len: f64,
    minimum: Duration,
) -> Duration {
    let Population {
        members,
        senders,
        we_send,
    } = population;
    let [members, senders] = [members, senders.min(members)].map(f64::from);
    let [for_senders, for_receivers] = [bandwidth.senders, bandwidth.receivers].map(f64::from);
    let all = for_senders + for_receivers;
    // senders/members ≤ for_senders/all, without dividing by zero.
    let (sharing, available) = if senders * all > members * for_senders {
        (members, all)
    } else if we_send {
        (senders, for_senders)
    } else {
        (members - senders, for_receivers)
    };
    if available <= 0.0 {
        return Duration::MAX;
    }
    let seconds = average_len * sharing / available;
    Duration::try_from_secs_f64(seconds)
        .unwrap_or(Duration::MAX)
        .max(minimum)
}

fn scaled(time: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIDDLE: u32 = 1 << 31;
    const FIVE: Duration = Duration::from_secs(5);
    const MS: Duration = Duration::from_millis(1);

    fn population(members: u32, senders: u32, we_send: bool) -> Population {
        Population {
            members,
            senders,
            we_send,
        }
    }

    /// Appendix A.7, line by line, with `drand48()` given.
    fn appendix_a7(
        population: Population,
        mut rtcp_bw: f64,
        avg_rtcp_size: f64,
        initial: bool,
        drand48: f64,
    ) -> f64 {
        let (members, senders) = (f64::from(population.members), f64::from(population.senders));
        let rtcp_min_time = if initial { 2.5 } else { 5.0 };
        let mut n = members;
        if senders <= members * 0.25 {
            if population.we_send {
                rtcp_bw *= 0.25;
                n = senders;
            } else {
                rtcp_bw *= 0.75;
                n -= senders;
            }
        }
        let t = (avg_rtcp_size * n / rtcp_bw).max(rtcp_min_time);
        t * (drand48 + 0.5) / (core::f64::consts::E - 1.5)
    }

    fn joined(members: u32) -> Schedule {
        let mut schedule = Schedule::new(
            Duration::ZERO,
            Bandwidth::of_session(8_000),
            FIVE,
            100,
            MIDDLE,
        );
        schedule.set_population(Duration::ZERO, population(members, 1, false));
        schedule
    }

    proptest! {
        #[test]
        fn is_the_appendix(
            members in 1..100_000_u32,
            share in 0.0..1.0_f64,
            we_send: bool,
            session in 8_000..10_000_000_u32,
            average_len in 60.0..1_500.0_f64,
            initial: bool,
            random: u32,
        ) {
            // Whole octets for both shares, so that 25 % are exact.
            let session = session / 80 * 80;
            let senders = ((f64::from(members) * share) as u32).max(u32::from(we_send));
            let population = population(members, senders, we_send);
            let minimum = if initial { FIVE / 2 } else { FIVE };
            let ours = rtcp_interval(
                population,
                Bandwidth::of_session(session),
                average_len,
                minimum,
                random,
            );
            let expected = appendix_a7(
                population,
                f64::from(session) * 0.05,
                average_len,
                initial,
                f64::from(random) / 4_294_967_296.0,
            );
            prop_assert!((ours.as_secs_f64() - expected).abs() < 1e-6 * expected);
        }

        #[test]
        fn nothing_panics(
            members: u32,
            senders: u32,
            we_send: bool,
            bandwidth: (u32, u32),
            times in prop::collection::vec((any::<u64>(), any::<u32>(), 0..6_u8), 0..60),
        ) {
            let bandwidth = Bandwidth { senders: bandwidth.0, receivers: bandwidth.1 };
            let mut schedule = Schedule::new(Duration::MAX / 2, bandwidth, FIVE, 0, 7);
            for (nanos, random, action) in times {
                let now = Duration::from_nanos(nanos);
                match action {
                    0 => schedule.set_population(now, population(members, senders, we_send)),
                    1 => schedule.set_population(now, population(0, 0, we_send)),
                    2 => schedule.sent(now, usize::MAX, random),
                    3 => schedule.received(random as usize),
                    4 => { schedule.leave(now, 64, random); }
                    _ => { schedule.due(now, random); }
                }
                schedule.bye_received(64);
                schedule.member_timeout();
                schedule.sender_timeout();
            }
        }
    }

    #[test]
    fn a_session_without_rtcp_bandwidth_sends_none() {
        let off = Bandwidth {
            senders: 0,
            receivers: 0,
        };
        let schedule = Schedule::new(Duration::ZERO, off, FIVE, 100, MIDDLE);
        assert_eq!(schedule.poll_timeout(), None);
    }

    #[test]
    fn the_senders_share_lets_a_lone_sender_report_among_many() {
        let interval = |we_send| {
            rtcp_interval(
                population(1_001, 1, we_send),
                Bandwidth::of_session(8_000),
                100.0,
                FIVE,
                MIDDLE,
            )
        };
        assert!(interval(true) < 5 * FIVE / 4);
        assert!(interval(false) > 40 * FIVE);
    }

    #[test]
    fn a_crowd_that_has_appeared_makes_the_first_report_wait() {
        let mut schedule = joined(2);
        let first = schedule.poll_timeout().unwrap();
        schedule.set_population(first, population(2_000, 1, false));
        assert_eq!(schedule.due(first, MIDDLE), Due::Nothing);
        let later = schedule.poll_timeout().unwrap();
        assert!(later > 100 * first);
        assert_eq!(schedule.due(later, MIDDLE), Due::Report);
    }

    #[test]
    fn a_report_is_not_due_before_its_time() {
        let mut schedule = joined(2);
        let first = schedule.poll_timeout().unwrap();
        assert_eq!(schedule.due(first - MS, MIDDLE), Due::Nothing);
        assert_eq!(schedule.poll_timeout(), Some(first));
    }

    #[test]
    fn only_the_first_report_has_half_the_minimum() {
        let mut schedule = joined(2);
        let first = schedule.poll_timeout().unwrap();
        schedule.sent(first, 100, MIDDLE);
        let second = schedule.poll_timeout().unwrap() - first;
        assert!(second.abs_diff(2 * first) < MS);
    }

    #[test]
    fn when_half_leave_the_next_report_comes_in_half_the_time() {
        let mut schedule = joined(1_000);
        let first = schedule.poll_timeout().unwrap();
        schedule.due(first, MIDDLE);
        let next = schedule.poll_timeout().unwrap();
        let now = next / 2;
        schedule.set_population(now, population(500, 1, false));
        let sooner = schedule.poll_timeout().unwrap();
        assert!((sooner - now).abs_diff((next - now) / 2) < MS);
        // The interval as a whole has halved, its beginning moved as well.
        assert!(schedule.sender_timeout().abs_diff(next) < MS);
        assert_eq!(schedule.due(sooner, MIDDLE), Due::Report);
    }

    #[test]
    fn a_bye_goes_out_at_once_in_a_small_session() {
        let mut schedule = joined(50);
        assert_eq!(schedule.leave(MS, 60, MIDDLE), Due::Bye);
        assert_eq!(schedule.poll_timeout(), None);
    }

    #[test]
    fn a_bye_waits_its_turn_in_a_crowd_and_counts_only_byes() {
        let mut schedule = joined(51);
        assert_eq!(schedule.leave(MS, 60, MIDDLE), Due::Nothing);
        let turn = schedule.poll_timeout().unwrap();
        // Not delayed by what is not a BYE …
        schedule.received(100_000);
        schedule.set_population(MS, population(10_000, 1, false));
        assert_eq!(schedule.clone().due(turn, MIDDLE), Due::Bye);
        // … but by the others' BYEs.
        (0..5_000).for_each(|_| schedule.bye_received(60));
        assert_eq!(schedule.due(turn, MIDDLE), Due::Nothing);
        let turn = schedule.poll_timeout().unwrap();
        assert_eq!(schedule.due(turn, MIDDLE), Due::Bye);
        assert_eq!(schedule.poll_timeout(), None);
    }

    #[test]
    fn the_average_length_moves_by_a_sixteenth() {
        let mut schedule = joined(2);
        schedule.received(260);
        assert_eq!(schedule.average_len, 110.0);
        schedule.sent(MS, 110, MIDDLE);
        assert_eq!(schedule.average_len, 110.0);
    }

    #[test]
    fn a_member_times_out_after_five_intervals() {
        assert_eq!(joined(2).member_timeout(), 5 * FIVE);
        let bandwidth = Bandwidth::of_session(8_000);
        let hasty = Schedule::new(Duration::ZERO, bandwidth, 100 * MS, 100, MIDDLE);
        assert_eq!(hasty.member_timeout(), 5 * FIVE);
    }

    #[test]
    fn a_sender_times_out_after_two_intervals() {
        let mut schedule = joined(2);
        schedule.sent(FIVE, 100, MIDDLE);
        let interval = schedule.poll_timeout().unwrap() - FIVE;
        assert_eq!(schedule.sender_timeout(), 2 * interval);
    }
}
