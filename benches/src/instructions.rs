//! What an instruction costs on this machine.
//!
//! A probe is a loop of one instruction: each waiting for the one before, which
//! tells its latency, or twelve that wait for nothing but themselves a pass ago,
//! which tells how often one can begin. The probes take turns, and of each the
//! least time counts, since whatever else the machine does only adds.

use std::hint::black_box;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// What was measured, in cycles of a clock that was measured with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// The day.
    pub date: String,
    /// The processor.
    pub processor: String,
    /// The clock: a multiplication of 64-bit integers that waits for the one
    /// before takes three cycles.
    pub ghz: f64,
    /// The instructions that the machine has.
    pub instructions: Vec<Cost>,
    /// What they add beside each other, which tells what they share.
    pub beside: Vec<Beside>,
    /// Nanoseconds for a line of the cache among ten thousand in an order of
    /// chance, where each says which is next.
    #[serde(default)]
    pub line_ns: f64,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Its mnemonic and its registers.
    pub name: String,
    /// Cycles until its result can be used.
    pub latency: Option<f64>,
    /// Cycles from one to the next that does not wait for it.
    pub every: Option<f64>,
}

/// An instruction where another one has filled the units that it runs on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// The one that is added.
    pub name: String,
    /// The one that is there.
    pub other: String,
    /// Cycles that one more of the former takes: none where the two share
    /// nothing.
    pub adds: f64,
}

impl Costs {
    /// Those of this machine; without any where it is not x86-64.
    #[must_use]
    pub fn here(date: String, processor: String) -> Self {
        let mut costs = measured();
        (costs.date, costs.processor) = (date, processor);
        costs.line_ns = line_ns();
        costs
    }

    /// An instruction's latency, where it is known.
    #[must_use]
    pub fn latency(&self, name: &str) -> Option<f64> {
        self.cost(name)?.latency
    }

    /// How often an instruction can begin, where it is known.
    #[must_use]
    pub fn every(&self, name: &str) -> Option<f64> {
        self.cost(name)?.every
    }

    /// Cycles that `name` adds where `other` is at work, where they are known.
    #[must_use]
    pub fn adds(&self, name: &str, other: &str) -> Option<f64> {
        let mut beside = self.beside.iter();
        let beside = beside.find(|beside| (&*beside.name, &*beside.other) == (name, other));
        beside.map(|beside| beside.adds)
    }

    fn cost(&self, name: &str) -> Option<&Cost> {
        self.instructions.iter().find(|cost| cost.name == name)
    }
}

/// As many as streams of the bar's crowd, and as large.
fn line_ns() -> f64 {
    const COUNT: usize = 10_000;

    #[repr(align(64))]
    #[derive(Clone)]
    struct Line(usize);

    // Sattolo's shuffle, which makes one circle of all.
    let mut lines: Vec<Line> = (0..COUNT).map(Line).collect();
    let mut chance = 1_u64;
    for last in (1..COUNT).rev() {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        lines.swap(last, (chance >> 33) as usize % last);
    }
    let mut least = f64::MAX;
    let mut at = 0;
    for _ in 0..WALKS {
        let begin = Instant::now();
        for _ in 0..COUNT {
            at = lines[at].0;
        }
        least = least.min(begin.elapsed().as_nanos() as f64 / COUNT as f64);
    }
    black_box(at);
    (least * 10.0).round() / 10.0
}

/// Over all lines; the first one brings them into the caches.
const WALKS: usize = 50;

#[cfg(not(target_arch = "x86_64"))]
fn measured() -> Costs {
    Costs::default()
}

#[cfg(target_arch = "x86_64")]
fn measured() -> Costs {
    use x86_64::{CLOCK, Kind, PROBES};

    let probes: Vec<_> = PROBES.iter().filter(|probe| (probe.is_there)()).collect();
    let mut least = vec![f64::MAX; probes.len()];
    let mut clock = f64::MAX;
    for _ in 0..ROUNDS {
        clock = clock.min(CLOCK.ns_a_group());
        for (least, probe) in least.iter_mut().zip(&probes) {
            *least = least.min(probe.ns_a_group());
        }
    }
    let ghz = 3.0 / clock;
    let rounded = |cycles: f64| (cycles * 100.0).round() / 100.0;
    let mut costs = Costs {
        ghz: rounded(ghz),
        ..Costs::default()
    };
    for (probe, ns) in probes.into_iter().zip(least) {
        let cycles = ns * ghz;
        let name = probe.name.to_owned();
        match probe.kind {
            Kind::Latency => costs.instructions.push(Cost {
                name,
                latency: Some(rounded(cycles)),
                every: None,
            }),
            Kind::Every => {
                let mut known = costs.instructions.iter_mut();
                if let Some(cost) = known.find(|cost| cost.name == name) {
                    cost.every = Some(rounded(cycles / 12.0));
                }
            }
            Kind::Beside { count, other } => {
                let alone = costs.every(other.0).unwrap_or(0.0) * other.1;
                costs.beside.push(Beside {
                    name,
                    other: other.0.to_owned(),
                    adds: rounded((cycles - alone).max(0.0) / count),
                });
            }
        }
    }
    costs
}

/// How often each probe has its turn.
#[cfg(target_arch = "x86_64")]
const ROUNDS: usize = 400;

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::arch::asm;
    use std::time::Instant;

    use Kind::{Every, Latency};

    /// One loop.
    pub(super) struct Probe {
        pub(super) name: &'static str,
        pub(super) kind: Kind,
        /// Whether the processor has the instructions.
        pub(super) is_there: fn() -> bool,
        /// Takes so many passes of [`GROUPS`] groups.
        pass: fn(u64),
    }

    /// What a probe tells.
    #[derive(Clone, Copy)]
    pub(super) enum Kind {
        /// A group is one instruction.
        Latency,
        /// A group is twelve of it.
        Every,
        /// A group is so many of it, and so many of another.
        Beside {
            count: f64,
            other: (&'static str, f64),
        },
    }

    /// Groups in a pass, so that the loop itself is hidden behind them.
    const GROUPS: u64 = 8;

    /// Enough that the clock's own cost does not show: some tens of microseconds.
    const PASSES: u64 = 2_000;

    impl Probe {
        pub(super) fn ns_a_group(&self) -> f64 {
            let begin = Instant::now();
            (self.pass)(PASSES);
            begin.elapsed().as_nanos() as f64 / (PASSES * GROUPS) as f64
        }
    }

    macro_rules! probe {
        ($name:literal, $kind:expr, [$($feature:tt)*], $group:expr, $end:literal) => {
            Probe {
                name: $name,
                kind: $kind,
                is_there: || true $(&& std::arch::is_x86_feature_detected!($feature))*,
                pass: |passes| {
                    // SAFETY: the instructions were looked for, and touch
                    // registers alone, all of which are given up here.
                    unsafe {
                        asm!(
                            "2:", ".rept 8", $group, ".endr", "dec {passes}", "jnz 2b", $end,
                            passes = inout(reg) passes => _, inout("rax") 3_u64 => _,
                            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                            out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                            out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                            options(nomem, nostack),
                        );
                    }
                },
            }
        };
    }

    /// Each of twelve registers waits for its own last result alone.
    macro_rules! twelve {
        ($each:literal) => {
            concat!(".irp r,0,1,2,3,4,5,6,7,8,9,10,11\n", $each, "\n.endr")
        };
    }

    macro_rules! legacy {
        ($name:literal, $kind:expr, $features:tt, $group:expr) => {
            probe!($name, $kind, $features, $group, "")
        };
    }

    macro_rules! wide {
        ($name:literal, $kind:expr, $features:tt, $group:expr) => {
            probe!($name, $kind, $features, $group, "vzeroupper")
        };
    }

    /// Three cycles on every processor of the last fifteen years.
    pub(super) const CLOCK: Probe = legacy!("imul", Latency, [], "imul rax, rax");

    pub(super) const PROBES: [Probe; 27] = [
        legacy!("sha1rnds4", Latency, ["sha"], "sha1rnds4 xmm0, xmm15, 1"),
        legacy!(
            "sha1rnds4",
            Every,
            ["sha"],
            twelve!("sha1rnds4 xmm\\r, xmm15, 1")
        ),
        legacy!("aesenc xmm", Latency, ["aes"], "aesenc xmm0, xmm15"),
        legacy!(
            "aesenc xmm",
            Every,
            ["aes"],
            twelve!("aesenc xmm\\r, xmm15")
        ),
        wide!("vaesenc zmm", Latency, ["vaes" "avx512f"], "vaesenc zmm0, zmm0, zmm15"),
        wide!("vaesenc zmm", Every, ["vaes" "avx512f"], twelve!("vaesenc zmm\\r, zmm\\r, zmm15")),
        legacy!(
            "pclmulqdq xmm",
            Latency,
            ["pclmulqdq"],
            "pclmulqdq xmm0, xmm15, 0"
        ),
        legacy!(
            "pclmulqdq xmm",
            Every,
            ["pclmulqdq"],
            twelve!("pclmulqdq xmm\\r, xmm15, 0")
        ),
        wide!("vpclmulqdq zmm", Latency, ["vpclmulqdq" "avx512f"], "vpclmulqdq zmm0, zmm0, zmm15, 0"),
        wide!("vpclmulqdq zmm", Every, ["vpclmulqdq" "avx512f"], twelve!("vpclmulqdq zmm\\r, zmm\\r, zmm15, 0")),
        wide!("vprold zmm", Latency, ["avx512f"], "vprold zmm0, zmm0, 5"),
        wide!(
            "vprold zmm",
            Every,
            ["avx512f"],
            twelve!("vprold zmm\\r, zmm\\r, 5")
        ),
        wide!(
            "vpshufb zmm",
            Latency,
            ["avx512bw"],
            "vpshufb zmm0, zmm0, zmm15"
        ),
        wide!(
            "vpshufb zmm",
            Every,
            ["avx512bw"],
            twelve!("vpshufb zmm\\r, zmm\\r, zmm15")
        ),
        wide!(
            "vpaddd zmm",
            Latency,
            ["avx512f"],
            "vpaddd zmm0, zmm0, zmm15"
        ),
        wide!(
            "vpaddd zmm",
            Every,
            ["avx512f"],
            twelve!("vpaddd zmm\\r, zmm\\r, zmm15")
        ),
        wide!(
            "vpternlogd zmm",
            Latency,
            ["avx512f"],
            "vpternlogd zmm0, zmm14, zmm15, 0x96"
        ),
        wide!(
            "vpternlogd zmm",
            Every,
            ["avx512f"],
            twelve!("vpternlogd zmm\\r, zmm14, zmm15, 0x96")
        ),
        wide!("vpaddd ymm", Latency, ["avx2"], "vpaddd ymm0, ymm0, ymm15"),
        wide!(
            "vpaddd ymm",
            Every,
            ["avx2"],
            twelve!("vpaddd ymm\\r, ymm\\r, ymm15")
        ),
        wide!("vpslld ymm", Latency, ["avx2"], "vpslld ymm0, ymm0, 5"),
        wide!(
            "vpslld ymm",
            Every,
            ["avx2"],
            twelve!("vpslld ymm\\r, ymm\\r, 5")
        ),
        wide!(
            "vpclmulqdq zmm", beside(1.0, ("vaesenc zmm", 2.0)), ["vaes" "vpclmulqdq" "avx512f"],
            "vaesenc zmm0, zmm14, zmm15\nvpclmulqdq zmm1, zmm14, zmm15, 0\nvaesenc zmm2, zmm14, zmm15"
        ),
        wide!(
            "pclmulqdq xmm", beside(1.0, ("aesenc xmm", 4.0)), ["aes" "pclmulqdq" "avx"],
            ".irp r,0,1,2,3\nvaesenc xmm\\r, xmm14, xmm15\n.endr\nvpclmulqdq xmm4, xmm14, xmm15, 0"
        ),
        wide!(
            "vaesenc zmm", beside(1.0, ("vpaddd zmm", 2.0)), ["vaes" "avx512f"],
            "vaesenc zmm0, zmm14, zmm15\nvpaddd zmm1, zmm14, zmm15\nvpaddd zmm2, zmm14, zmm15"
        ),
        wide!(
            "aesenc xmm", beside(1.0, ("vpaddd ymm", 4.0)), ["aes" "avx2"],
            "vaesenc xmm0, xmm14, xmm15\n.irp r,1,2,3,4\nvpaddd ymm\\r, ymm14, ymm15\n.endr"
        ),
        legacy!(
            "aesenc xmm", beside(6.0, ("sha1rnds4", 6.0)), ["sha" "aes"],
            ".irp r,0,1,2,3,4,5\nsha1rnds4 xmm\\r, xmm15, 1\n.endr\n.irp r,6,7,8,9,10,11\naesenc xmm\\r, xmm15\n.endr"
        ),
    ];

    const fn beside(count: f64, other: (&'static str, f64)) -> Kind {
        Kind::Beside { count, other }
    }
}
