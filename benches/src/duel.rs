//! Contenders that take turns.

use std::time::{Duration, Instant};

use crate::contender::Contender;
use crate::load::Load;
use crate::packets::{PASS, Packets};
use crate::report::{Ratio, Row, Standing};
use crate::source::Source;

/// How long a duel takes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Rounds; each contender has one turn in each.
    pub rounds: usize,
    /// How long a turn is, on the clock.
    pub turn: Duration,
    /// The most streams or sessions in turn.
    pub max_crowd: usize,
}

impl Pace {
    /// What published figures are measured with.
    pub const FULL: Self = Self {
        rounds: 61,
        turn: Duration::from_micros(200),
        max_crowd: usize::MAX,
    };

    /// Just enough to see that everything runs.
    pub const SMOKE: Self = Self {
        rounds: 1,
        turn: Duration::ZERO,
        max_crowd: 100,
    };
}

/// One contender under one load.
pub struct Entry {
    load: Load,
    contender: Box<dyn Contender>,
    source: Source,
    passes: usize,
    /// Nanoseconds a packet, by round.
    times: Vec<f64>,
}

/// Contenders that are measured round by round: each has a short turn, then the
/// next, then all again, so that whatever else the machine does hits all of
/// them alike. A ratio of two is the median of the rounds' ratios.
#[derive(Default)]
pub struct Duel {
    entries: Vec<Entry>,
}

impl Duel {
    /// Adds a contender, lets it meet all streams, and checks that what it
    /// makes of the first packets is right, octet for octet.
    ///
    /// # Panics
    ///
    /// Where it is not.
    pub fn add(&mut self, load: Load, contender: Box<dyn Contender>) {
        self.entries.push(Entry::new(load, contender));
    }

    /// Whether nobody has come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Measures; `tick` is called after each round.
    ///
    /// # Panics
    ///
    /// Where a contender refuses a packet or makes something wrong of it.
    pub fn run(&mut self, pace: Pace, mut tick: impl FnMut()) -> Standing {
        let max_len = self.entries.iter().map(|entry| entry.load.protected_len());
        let mut packets = Packets::new(max_len.max().unwrap_or(0));
        for entry in &mut self.entries {
            entry.times.clear();
            entry.find_passes(pace.turn, &mut packets);
        }
        for round in 0..pace.rounds {
            // Nobody always follows the same one.
            let count = self.entries.len();
            for turn in 0..count {
                let entry = &mut self.entries[(turn * stride(count) + round) % count];
                entry.take_turn(&mut packets);
            }
            tick();
        }
        self.standing(pace.rounds)
    }

    /// How long one contender alone takes for so many passes: for criterion,
    /// which has rounds of its own.
    ///
    /// # Panics
    ///
    /// Where it refuses a packet or makes something wrong of it.
    pub fn time_passes(&mut self, passes: u64) -> Duration {
        let mut elapsed = Duration::ZERO;
        for entry in &mut self.entries {
            let mut packets = Packets::new(entry.load.protected_len());
            elapsed += (0..passes)
                .map(|_| entry.pass(&mut packets))
                .sum::<Duration>();
        }
        elapsed
    }

    fn standing(&self, rounds: usize) -> Standing {
        let rows: Vec<Row> = self.entries.iter().map(Entry::row).collect();
        let mut ratios = Vec::new();
        for (ours, entry) in self.entries.iter().enumerate() {
            for (other, against) in self.entries.iter().enumerate() {
                if ours == other || !rows[ours].is_ours() {
                    continue;
                }
                let meant = match rows[other].is_ours() {
                    // Ours against ours only where the streams differ.
                    true => rows[other].is_same_but_streams(&rows[ours]),
                    false => rows[other].streams == rows[ours].streams,
                };
                if !meant {
                    continue;
                }
                let by_round = entry.times.iter().zip(&against.times);
                let mut by_round: Vec<f64> = by_round.map(|(ours, other)| other / ours).collect();
                let ratio = quantile(&mut by_round, 0.5);
                ratios.push(Ratio {
                    ours,
                    other,
                    ratio: rounded(ratio, 1_000.0),
                });
            }
        }
        Standing {
            rounds,
            rows,
            ratios,
        }
    }
}

/// Where every packet takes a walk over all streams, a few passes have seen them
/// all.
const LONGEST_APPROACH: Duration = Duration::from_millis(50);

/// A step that visits all of `count` places and is not one, where there is one.
fn stride(count: usize) -> usize {
    let shares =
        |step: usize| (2..=step).any(|n| step.is_multiple_of(n) && count.is_multiple_of(n));
    (2..count).find(|&step| !shares(step)).unwrap_or(1)
}

impl Entry {
    fn new(load: Load, contender: Box<dyn Contender>) -> Self {
        let mut entry = Self {
            load,
            contender,
            source: Source::new(load),
            passes: 1,
            times: Vec::new(),
        };
        let mut packets = Packets::new(load.protected_len());
        entry.pass(&mut packets);
        if entry.contender.is_srtp() {
            let right = Source::first_pass(load);
            for (packet, right) in packets.all.iter().zip(&right.all) {
                let name = entry.contender.name();
                assert!(
                    packet.octets() == right.octets(),
                    "{name}: a wrong packet, {load:?}"
                );
            }
        }
        while !entry.source.is_settled() {
            entry.pass(&mut packets);
        }
        entry
    }

    /// One pass, whose making and checking the clock does not see.
    fn pass(&mut self, packets: &mut Packets) -> Duration {
        self.source.fill(packets);
        let begin = Instant::now();
        self.contender.run(packets);
        let elapsed = begin.elapsed();
        if self.contender.is_srtp() {
            self.contender.collect(packets);
            self.source.check(packets);
        }
        elapsed
    }

    fn find_passes(&mut self, turn: Duration, packets: &mut Packets) {
        self.pass(packets);
        let once = self.pass(packets).as_nanos().max(1);
        self.passes = (turn.as_nanos() / once).clamp(1, 1_000) as usize;
    }

    /// The first passes find the caches as another has left them, and count for
    /// nobody: one pass, and as many as it takes until every stream has had its
    /// turn. A server with thousands of streams has no other's memory between
    /// two packets of one of them but theirs.
    fn take_turn(&mut self, packets: &mut Packets) {
        let mut elapsed = Duration::ZERO;
        for _ in 0..self.load.streams.div_ceil(PASS) {
            elapsed += self.pass(packets);
            if elapsed > LONGEST_APPROACH {
                break;
            }
        }
        let elapsed: Duration = (0..self.passes).map(|_| self.pass(packets)).sum();
        let count = (self.passes * PASS) as f64;
        self.times.push(elapsed.as_nanos() as f64 / count);
    }

    fn row(&self) -> Row {
        let mut times = self.times.clone();
        let mut at = |part| rounded(quantile(&mut times, part), 100.0);
        Row {
            contender: self.contender.name(),
            batch: self.contender.batch(),
            is_srtp: self.contender.is_srtp(),
            streams: self.load.streams,
            sessions: self.load.sessions,
            ns: at(0.5),
            low_ns: at(0.25),
            high_ns: at(0.75),
        }
    }
}

/// The value that this part of all lie below; zero where there are none.
fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1) as f64 * part).round() as usize;
    values.get(at).copied().unwrap_or(0.0)
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callseal::{Callseal, Mode};
    use crate::contender::contenders;
    use crate::load::{Operation, PROFILES};
    use callseal_srtp::Backend;

    #[test]
    fn a_median_stands_in_the_middle() {
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(&mut [], 0.5), 0.0);
    }

    #[test]
    fn contenders_agree_and_are_set_against_the_others() {
        for (profile, opens) in [
            (PROFILES[0], false),
            (PROFILES[0], true),
            (PROFILES[5], false),
        ] {
            let operation = Operation::RTP[usize::from(opens)];
            let load = Load::new(operation, profile, 160).with_streams(3);
            let mut duel = Duel::default();
            for contender in contenders(load) {
                duel.add(load, contender);
            }
            let crowd = load.with_sessions(7);
            let ours = Callseal::new(crowd, Backend::Soft, Mode::Single);
            duel.add(crowd, Box::new(ours));
            let standing = duel.run(Pace::SMOKE, || {});
            assert!(standing.rows.iter().all(|row| row.ns > 0.0));
            let mut among_crowds = standing.against("soft", 0, |row| row.sessions == 7);
            assert!(among_crowds.next().is_some());
        }
    }

    #[test]
    #[should_panic(expected = "a packet's length")]
    fn a_contender_that_does_nothing_is_found_out() {
        struct Idle;
        impl Contender for Idle {
            fn name(&self) -> String {
                "idle".into()
            }
            fn batch(&self) -> usize {
                0
            }
            fn is_srtp(&self) -> bool {
                true
            }
            fn run(&mut self, _: &mut Packets) {}
        }
        let load = Load::new(Operation::Protect, PROFILES[0], 20);
        Duel::default().add(load, Box::new(Idle));
    }

    #[test]
    fn in_a_round_everybody_has_one_turn() {
        for count in 1..50 {
            let mut turns: Vec<_> = (0..count)
                .map(|turn| turn * stride(count) % count)
                .collect();
            turns.sort_unstable();
            assert_eq!(turns, (0..count).collect::<Vec<_>>());
        }
    }
}
