//! How much an enrolment costs, and whether the service's memory grows with
//! them: `cargo run --release -p callseal-eims --features service --example
//! enrolments [HOW MANY] [--json]`.
//!
//! Phone and service are in this one process, over TCP on this host: the
//! agreement, TLS, the requests, and the records in a file, each change synced.
//! Only the chain is a [stand-in](stand_in). A second goes by for each
//! enrolment, by the clock of both.

mod stand_in;

use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

use callseal_eims::service::Store;
use callseal_eims::{Approval, Fund};
use callseal_testkit::{Allocations, CountingAllocator};
use stand_in::{Operator, Seeded, Service};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const POLL: Duration = Duration::from_millis(2);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mut enrolments, mut is_json) = (10_000, false);
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "--json" => is_json = true,
            word => enrolments = word.parse()?,
        }
    }
    let operator = Operator::new()?;
    let records = tempfile()?;
    let store = Store::open(&records.0, operator.id)?;
    let service = Service::start(operator, store, POLL).await?;

    let mut stdout = std::io::stdout().lock();
    if !is_json {
        writeln!(
            stdout,
            "enrolments  heap, octets  resident, KiB  records, KiB  CPU of one, ms"
        )?;
    }
    let mut random = Seeded::new(2);
    let mut took = Took::with_room_for(enrolments as usize);
    let mut looks = Vec::with_capacity(enrolments as usize / 10 + 2);
    let (mut cpu_before, mut before) = (cpu_time()?, 0);
    for index in 1..=enrolments {
        service.wait(1);
        took.enrolment(&service, index, &mut random).await?;
        if index == 1_000.min(enrolments) || index % (enrolments / 10).max(1) == 0 {
            let cpu = cpu_time()?;
            let one = (cpu - cpu_before) / (index - before).max(1);
            let look = Look {
                enrolments: index,
                heap_len: Allocations::live_len_of_all_threads(),
                resident_kib: resident_kib()?,
                records_kib: std::fs::metadata(&records.0)?.len() / 1_024,
                computation_ms: one.as_secs_f64() * 1e3,
            };
            if !is_json {
                look.say(&mut stdout)?;
            }
            looks.push(look);
            (cpu_before, before) = (cpu, index);
        }
    }
    let parts = took.parts();
    if is_json {
        let looks: Vec<_> = looks.iter().map(Look::to_json).collect();
        let parts: Vec<_> = parts.iter().map(Part::to_json).collect();
        let all = serde_json::json!({ "looks": looks, "parts": parts });
        writeln!(stdout, "{all}")?;
    } else {
        writeln!(stdout)?;
        parts.iter().try_for_each(|part| part.say(&mut stdout))?;
    }
    service.stop().await
}

/// What so many enrolments have left, and what those since the look before took.
struct Look {
    enrolments: u32,
    heap_len: i64,
    resident_kib: u64,
    records_kib: u64,
    /// Of all threads, for one enrolment.
    computation_ms: f64,
}

impl Look {
    fn say(&self, stdout: &mut dyn std::io::Write) -> std::io::Result<()> {
        writeln!(
            stdout,
            "{:>10}  {:>12}  {:>13}  {:>12}  {:>14.2}",
            self.enrolments,
            self.heap_len,
            self.resident_kib,
            self.records_kib,
            self.computation_ms,
        )
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "enrolments": self.enrolments,
            "heap_len": self.heap_len,
            "resident_kib": self.resident_kib,
            "records_kib": self.records_kib,
            "computation_ms": self.computation_ms,
        })
    }
}

/// What a part of an enrolment takes, in real time.
struct Part {
    name: &'static str,
    median_ms: f64,
    /// Below which 99 of 100 are.
    most_ms: f64,
}

impl Part {
    fn say(&self, stdout: &mut dyn std::io::Write) -> std::io::Result<()> {
        writeln!(
            stdout,
            "{:<32} median {:>7.2} ms, 99 of 100 below {:>7.2} ms",
            self.name, self.median_ms, self.most_ms
        )
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.name,
            "median_ms": self.median_ms,
            "most_ms": self.most_ms,
        })
    }
}

/// How long each part took, in real time, of every enrolment.
struct Took {
    connected: Vec<Duration>,
    funded: Vec<Duration>,
    claimed: Vec<Duration>,
    whole: Vec<Duration>,
}

impl Took {
    /// All of its memory, so that none of what grows meanwhile is ours.
    fn with_room_for(enrolments: usize) -> Self {
        let room = || Vec::with_capacity(enrolments);
        Self {
            connected: room(),
            funded: room(),
            claimed: room(),
            whole: room(),
        }
    }

    async fn enrolment(
        &mut self,
        service: &Service,
        index: u32,
        random: &mut Seeded,
    ) -> Result<(), Box<dyn Error>> {
        let phone = service.subscriber(index, random)?;
        let began = Instant::now();
        let mut client = service.connect(&phone, random).await?;
        self.connected.push(began.elapsed());
        let at = Instant::now();
        let claim = service.claim_of(&phone);
        self.claimed.push(at.elapsed());
        let at = Instant::now();
        let number = phone.number;
        let mut status = client.fund(Fund { number, claim }).await?;
        self.funded.push(at.elapsed());
        service.send(&claim);
        while !matches!(status.approval, Approval::Settled(_)) {
            tokio::time::sleep(POLL).await;
            status = client.status().await?;
        }
        client.close().await;
        self.whole.push(began.elapsed());
        Ok(())
    }

    fn parts(mut self) -> [Part; 4] {
        [
            ("agreement and TLS", &mut self.connected),
            ("claim told, and its answer", &mut self.funded),
            ("claim signed", &mut self.claimed),
            ("whole, with the waits for polls", &mut self.whole),
        ]
        .map(|(name, times)| {
            times.sort_unstable();
            let at = |part: usize| times.get(times.len() * part / 100).copied();
            let ms = |part| at(part).unwrap_or_default().as_secs_f64() * 1e3;
            Part {
                name,
                median_ms: ms(50),
                most_ms: ms(99),
            }
        })
    }
}

/// A file in this machine's folder for such, removed in the end.
struct Temporary(std::path::PathBuf);

fn tempfile() -> std::io::Result<Temporary> {
    let name = format!("callseal-enrolments-{}.redb", std::process::id());
    Ok(Temporary(std::env::temp_dir().join(name)))
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What this process has computed, all threads together (proc(5)).
fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    /// Linux counts in hundredths of a second here, whatever its clock.
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat
        .rsplit_once(')')
        .ok_or("no such file as proc(5) says")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| -> Result<u32, Box<dyn Error>> {
        Ok(fields.get(index).ok_or("too few fields")?.parse()?)
    };
    Ok(TICK * (ticks(11)? + ticks(12)?))
}

/// What this process has in memory, in units of 1,024 octets.
fn resident_kib() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let word = line.and_then(|line| line.split_whitespace().next());
    Ok(word.ok_or("no VmRSS")?.parse()?)
}
