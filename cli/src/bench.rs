//! A quick measurement of SRTP on this machine.

use std::fmt;
use std::time::Duration;

use callseal_benches::plot::{Plot, Series};
use callseal_benches::{Callseal, Duel, Load, Machine, Mode, Operation, PAYLOAD_LENS, Pace};
use callseal_srtp::{Backend, Profile};
use serde::Serialize;

use crate::table::{Align, Table};

/// Tags of 32 bits cost what those of 80 do.
const PROFILES: [Profile; 4] = [
    Profile::AesCm128HmacSha1_80,
    Profile::AesCm256HmacSha1_80,
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
];

const BATCH: usize = 64;

/// What is measured, on one backend.
///
/// ```
/// use callseal::bench::{Bench, Report};
/// use callseal_srtp::Backend;
/// use std::time::Duration;
///
/// let bench = Bench::new(Backend::Soft);
/// let figures = bench.run(Duration::from_millis(1), || {});
/// assert!(figures.iter().all(|figure| figure.ns_per_packet > 0.0));
/// println!("{}", Report::new(&bench, figures));
/// ```
#[derive(Clone, Debug)]
pub struct Bench {
    backend: Backend,
    loads: Vec<Load>,
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// `protect` or `unprotect`.
    pub operation: Operation,
    /// As RFC 4568 names it.
    pub profile: &'static str,
    /// Octets behind the header.
    pub payload_len: usize,
    /// Packets given at a time; 0 where they come by single calls.
    pub batch: usize,
    /// The median.
    pub ns_per_packet: f64,
    /// On this one core.
    pub packets_per_second: f64,
    /// Of payload, on this one core.
    pub gbit_per_second: f64,
}

impl Bench {
    /// Every profile and size, both ways.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        let mut loads = Vec::new();
        for profile in PROFILES {
            for operation in Operation::RTP {
                let load = |payload_len| Load::new(operation, profile, payload_len);
                loads.extend(PAYLOAD_LENS.map(load));
            }
        }
        Self { backend, loads }
    }

    /// How often [`run`](Self::run) ticks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.loads.len()
    }

    /// Whether there is nothing to measure.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.loads.is_empty()
    }

    /// Measures for about so long.
    pub fn run(&self, time: Duration, mut tick: impl FnMut()) -> Vec<Figure> {
        let pace = pace(time, self.loads.len());
        let mut figures = Vec::new();
        for &load in &self.loads {
            let mut duel = Duel::default();
            for mode in [Mode::Single, Mode::Batch(BATCH)] {
                duel.add(load, Box::new(Callseal::new(load, self.backend, mode)));
            }
            let standing = duel.run(pace, || {});
            for row in standing.rows {
                let packets_per_second = 1e9 / row.ns.max(f64::MIN_POSITIVE);
                figures.push(Figure {
                    operation: load.operation,
                    profile: load.profile.name(),
                    payload_len: load.payload_len,
                    batch: row.batch,
                    ns_per_packet: row.ns,
                    packets_per_second: packets_per_second.round(),
                    gbit_per_second: packets_per_second * (8 * load.payload_len) as f64 / 1e9,
                });
            }
            tick();
        }
        figures
    }
}

/// Two contenders take turns, and about as much time as they need is spent on
/// making and checking their packets.
fn pace(time: Duration, loads: usize) -> Pace {
    let rounds = 15;
    let turns = (4 * rounds * loads.max(1)) as u32;
    Pace {
        rounds,
        turn: time / turns,
        max_crowd: usize::MAX,
    }
}

/// The figures, with what they were measured on.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    format: &'static str,
    version: u32,
    machine: Machine,
    backend: &'static str,
    /// In the order of profile, operation, size and batch.
    pub figures: Vec<Figure>,
}

impl Report {
    /// A report on what `bench` gave.
    #[must_use]
    pub fn new(bench: &Bench, figures: Vec<Figure>) -> Self {
        Self {
            format: "callseal bench",
            version: 1,
            machine: Machine::here(),
            backend: bench.backend.name(),
            figures,
        }
    }

    /// The throughput by size, as SVG.
    #[must_use]
    pub fn plot(&self) -> String {
        let mut series: Vec<Series> = Vec::new();
        let protecting = |figure: &&Figure| figure.operation == Operation::Protect;
        for figure in self.figures.iter().filter(protecting) {
            let name = format!("{}, {}", short(figure.profile), given(figure.batch));
            let gbit = Some(figure.gbit_per_second);
            match series.iter_mut().find(|series| series.name == name) {
                Some(series) => series.values.push(gbit),
                None => series.push(Series {
                    name,
                    values: vec![gbit],
                }),
            }
        }
        Plot {
            title: format!("SRTP on {} ({})", self.machine.processor, self.backend),
            across: "octets of payload".into(),
            up: "Gbit/s of payload protected on one core; more is faster".into(),
            places: PAYLOAD_LENS.map(|len| len.to_string()).into(),
            series,
        }
        .bars()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine {
            processor,
            model,
            backends,
            ..
        } = &self.machine;
        writeln!(f, "processor   {processor} ({model}), one core")?;
        writeln!(
            f,
            "backends    {}; measured: {}",
            backends.join(", "),
            self.backend
        )?;
        writeln!(f)?;
        let mut table = Table::new([
            ("profile", Align::Left),
            ("", Align::Left),
            ("payload", Align::Right),
            ("single ns", Align::Right),
            ("Gbit/s", Align::Right),
            ("batch of 64 ns", Align::Right),
            ("Gbit/s", Align::Right),
        ]);
        for pair in self.figures.chunks(2) {
            let [single, batch] = pair else { continue };
            table.row([
                single.profile.into(),
                single.operation.to_string(),
                single.payload_len.to_string(),
                format!("{:.1}", single.ns_per_packet),
                format!("{:.2}", single.gbit_per_second),
                format!("{:.1}", batch.ns_per_packet),
                format!("{:.2}", batch.gbit_per_second),
            ]);
        }
        write!(f, "{table}")?;
        writeln!(f)?;
        writeln!(
            f,
            "Nanoseconds a packet and Gbit/s of payload; headers and tags come on top."
        )
    }
}

fn given(batch: usize) -> String {
    match batch {
        0 => "single".into(),
        batch => format!("batch of {batch}"),
    }
}

/// Without what the four profiles have in common.
fn short(profile: &str) -> &str {
    profile
        .trim_end_matches("_HMAC_SHA1_80")
        .trim_start_matches("AEAD_")
}
