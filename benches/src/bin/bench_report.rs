//! Measures this project beside its peers, and writes what came out into
//! BENCHMARKING.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use callseal_benches::report::{
    BLOCKS, CallSetUp, DropIn, Enrolments, Memory, Outcome, Planned, Results, block, fill_in, plots,
};
use callseal_benches::{Costs, Machine, Pace, versions};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

/// Measures callseal beside its peers and fills in BENCHMARKING.md and its
/// plots; without an option, all of it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Measures nothing: says whether tables and plots are those of the results in the repository
    #[arg(long, conflicts_with_all = ["render", "smoke", "only"])]
    check: bool,

    /// Measures nothing: makes tables and plots of the results in the repository
    #[arg(long, conflicts_with_all = ["smoke", "only"])]
    render: bool,

    /// One short turn for each contender, to see that all of them run and agree; writes nothing
    #[arg(long, conflicts_with = "only")]
    smoke: bool,

    /// Measures the duels alone, and leaves the other results as they are
    #[arg(long, conflicts_with_all = ["check", "render", "smoke", "only"])]
    duels: bool,

    /// Measures the registry and the light client alone, and leaves the other results as they are
    #[arg(long, conflicts_with_all = ["check", "render", "smoke", "only", "duels"])]
    registry: bool,

    /// Measures the C interface beside libsrtp's own, and leaves the other results as they are
    #[arg(long, conflicts_with_all = ["check", "render", "smoke", "duels", "only"])]
    capi: bool,

    /// Measures what needs no clock, memory and calls in virtual time, and leaves the other results as they are
    #[arg(long, conflicts_with_all = ["check", "render", "smoke", "only", "duels", "registry"])]
    counted: bool,

    /// Measures what instructions cost, and leaves the other results as they are
    #[arg(long, conflicts_with_all = ["check", "render", "smoke", "only", "duels", "registry", "capi", "counted"])]
    costs: bool,

    /// Enrols 10,000 phones at an operator's service, and leaves the other results as they are
    #[arg(long, conflicts_with_all = ["check", "render", "smoke", "only", "duels", "registry", "capi", "counted", "costs"])]
    enrolments: bool,

    /// Prints the duels whose names contain this; writes nothing
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,

    /// The duels of a build without detected instructions, to this file
    #[arg(long, value_name = "FILE", hide = true)]
    portable: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.check {
        return check();
    }
    if arguments.render {
        write_page(&read_results()?)?;
    } else if arguments.smoke {
        let mut planned = Planned::all();
        planned.extend(Planned::portable());
        if drop_in_is_there() {
            planned.extend(Planned::drop_in());
        }
        let duels = run(&planned, Pace::SMOKE);
        let contenders: usize = duels.iter().map(|duel| duel.standing.rows.len()).sum();
        println!(
            "{} duels of {contenders} contenders ran and agreed",
            duels.len()
        );
    } else if let Some(text) = &arguments.only {
        let mut planned = Planned::all();
        if drop_in_is_there() {
            planned.extend(Planned::drop_in());
        }
        planned.retain(|planned| planned.name().contains(text));
        ensure!(!planned.is_empty(), "no duel has {text} in its name");
        for planned in planned {
            print(&planned.name(), &planned.run(Pace::FULL));
        }
    } else if arguments.capi {
        measure_drop_in()?;
    } else if let Some(path) = &arguments.portable {
        let duels = run(&Planned::portable(), Pace::FULL);
        fs::write(path, serde_json::to_string(&duels)?)?;
    } else if arguments.registry {
        let mut results = read_results()?;
        registry(&mut results)?;
        write(&results)?;
    } else if arguments.costs {
        let before = read_results()?;
        write(&Results {
            costs: costs()?,
            ..before
        })?;
    } else if arguments.enrolments {
        let before = read_results()?;
        write(&Results {
            enrolments: enrolments()?,
            ..before
        })?;
    } else if arguments.counted {
        let before = read_results()?;
        write(&Results {
            memory: memory()?,
            calls: calls()?,
            ..before
        })?;
    } else {
        measure(arguments.duels)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The duels, and unless they are all that is asked for, what else is in the
/// tables; written as soon as it is there.
fn measure(duels_only: bool) -> Result<()> {
    let before = match duels_only {
        true => read_results()?,
        false => Results::default(),
    };
    let mut results = Results {
        date: today()?,
        machine: Machine::here(),
        peers: versions(),
        duels: run(&Planned::all(), Pace::FULL),
        costs: costs()?,
        ..before
    };
    write(&results)?;
    results.duels.extend(portable()?);
    if !duels_only {
        criterion(&mut results, &["handshake", "set_up"])?;
        registry(&mut results)?;
        results.memory = memory()?;
        results.calls = calls()?;
        results.enrolments = enrolments()?;
    }
    if drop_in_is_there() {
        results.drop_in = drop_in()?;
    }
    write(&results)?;
    if let Some(bar) = block("bar", &results) {
        println!("{bar}");
    }
    Ok(())
}

/// The C interface alone.
fn measure_drop_in() -> Result<()> {
    ensure!(
        drop_in_is_there(),
        "CALLSEAL_CAPI has to name libsrtp2.so.1; scripts/bench-capi.sh builds it and says where it is"
    );
    let mut results = read_results()?;
    results.drop_in = drop_in()?;
    results.peers.extend(versions());
    write(&results)?;
    if let Some(table) = block("capi", &results) {
        println!("{table}");
    }
    Ok(())
}

fn drop_in() -> Result<DropIn> {
    Ok(DropIn {
        date: today()?,
        processor: Machine::here().processor,
        duels: run(&Planned::drop_in(), Pace::FULL),
    })
}

fn costs() -> Result<Costs> {
    Ok(Costs::here(today()?, Machine::here().processor))
}

fn drop_in_is_there() -> bool {
    cfg!(feature = "libsrtp") && std::env::var_os("CALLSEAL_CAPI").is_some()
}

fn today() -> Result<String> {
    first_line(Command::new("date").args(["-u", "+%-d %B %Y"]))
}

fn write(results: &Results) -> Result<()> {
    fs::write(results_path(), results.to_json()?)?;
    write_page(results)
}

/// The duels one after another, with a bar on a terminal.
fn run(planned: &[Planned], pace: Pace) -> Vec<Outcome> {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
    let bar = ProgressBar::new(planned.len() as u64);
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let outcomes = planned.iter().map(|planned| {
        bar.set_message(planned.name());
        let outcome = planned.run(pace);
        bar.inc(1);
        outcome
    });
    let outcomes = outcomes.collect();
    bar.finish_and_clear();
    outcomes
}

fn print(name: &str, outcome: &Outcome) {
    println!("{name}");
    for row in &outcome.standing.rows {
        let against = outcome
            .standing
            .against(&row.contender, row.batch, |other| {
                other.is_libsrtp_openssl() && other.streams == row.streams
            });
        let least = against.map(|(_, ratio)| ratio).min_by(f64::total_cmp);
        let ratio = least.map(|ratio| format!("{ratio:8.2} x libsrtp"));
        println!(
            "  {:22} {:>3} {:>7} streams {:9.1} ns [{:.1} {:.1}] {}",
            row.contender,
            row.batch,
            row.streams,
            row.ns,
            row.low_ns,
            row.high_ns,
            ratio.unwrap_or_default()
        );
    }
}

/// A child's duels, since what an instruction's detection compiles to is fixed
/// when a crate is built.
fn portable() -> Result<Vec<Outcome>> {
    let target = root().join("target/portable");
    let path = target.join("duels.json");
    fs::create_dir_all(&target)?;
    let flags = [
        r#"--cfg aes_backend="soft""#,
        r#"--cfg polyval_backend="soft""#,
        r#"--cfg sha1_backend="soft""#,
    ];
    let status = cargo()
        .args([
            "run",
            "--quiet",
            "--release",
            "--package",
            "callseal-benches",
        ])
        .args([
            "--features",
            "rtc-srtp",
            "--bin",
            "bench-report",
            "--target-dir",
        ])
        .arg(&target)
        .arg("--")
        .arg("--portable")
        .arg(&path)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            flags
                .join(" ")
                .replace("--cfg ", "--cfg\x1f")
                .replace(" --cfg", "\x1f--cfg"),
        )
        .status()
        .context("cannot build without detected instructions")?;
    ensure!(
        status.success(),
        "the build without detected instructions did not run"
    );
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

/// The registry's group, and how it grows.
fn registry(results: &mut Results) -> Result<()> {
    criterion(results, &["registry"])?;
    let text = bench("growth")?;
    let lines = text.lines().filter(|line| line.starts_with('{'));
    results.growth = lines
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect::<Result<_>>()?;
    Ok(())
}

/// Criterion's medians of groups that are in tables.
fn criterion(results: &mut Results, groups: &[&str]) -> Result<()> {
    let home = root().join("target/bench-report");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let output = cargo_bench()
        .args(groups.iter().flat_map(|group| ["--bench", *group]))
        .env("CRITERION_HOME", &home)
        .output()?;
    ensure!(output.status.success(), "criterion's groups did not run");
    read_medians(&home, &mut results.criterion)?;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let octets = line.strip_prefix("registry/proof_len/");
        let octets = octets.and_then(|line| line.trim_end_matches(" octets").split_once(": "));
        if let Some((subscribers, octets)) = octets {
            results
                .proof_lens
                .insert(subscribers.parse()?, octets.parse()?);
        }
    }
    Ok(())
}

/// Every `new` below a folder, which has a benchmark's name and its estimates.
fn read_medians(folder: &Path, medians: &mut BTreeMap<String, f64>) -> Result<()> {
    let estimates = folder.join("estimates.json");
    if folder.file_name().is_some_and(|name| name == "new") && estimates.exists() {
        let read = |name: &str| -> Result<serde_json::Value> {
            Ok(serde_json::from_str(&fs::read_to_string(
                folder.join(name),
            )?)?)
        };
        let (benchmark, estimates) = (read("benchmark.json")?, read("estimates.json")?);
        let name = benchmark["full_id"].as_str();
        let median = estimates["median"]["point_estimate"].as_f64();
        let (Some(name), Some(median)) = (name, median) else {
            bail!("{} is not criterion's", folder.display());
        };
        medians.insert(name.to_owned(), (median * 10.0).round() / 10.0);
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_medians(&path, medians)?;
        }
    }
    Ok(())
}

fn calls() -> Result<Vec<CallSetUp>> {
    let text = bench("call_setup")?;
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// In a build of its own, since the operator's service is no part of this one.
fn enrolments() -> Result<Enrolments> {
    let output = cargo()
        .args(["run", "--quiet", "--release", "--package", "callseal-eims"])
        .args(["--features", "service", "--example", "enrolments"])
        .args(["--", "--json"])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the enrolments did not run");
    let found: Enrolments = serde_json::from_slice(&output.stdout)?;
    Ok(Enrolments {
        date: today()?,
        processor: Machine::here().processor,
        ..found
    })
}

fn memory() -> Result<BTreeMap<String, Memory>> {
    let text = bench("memory")?;
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("memory/")?.split_once(": "));
    let mut all = BTreeMap::new();
    for (name, json) in lines {
        all.insert(name.replace('/', ", "), serde_json::from_str(json)?);
    }
    Ok(all)
}

/// What a bench without criterion prints.
fn bench(name: &str) -> Result<String> {
    let output = cargo_bench()
        .args(["--bench", name])
        .args(["--", "--json"])
        .output()?;
    ensure!(output.status.success(), "the bench {name} did not run");
    Ok(String::from_utf8(output.stdout)?)
}

/// Says what differs.
fn check() -> Result<ExitCode> {
    let results = read_results()?;
    let mut stale = Vec::new();
    for (path, right) in generated(&results)? {
        if fs::read_to_string(&path).ok().as_deref() != Some(&right) {
            stale.push(path);
        }
    }
    for path in &stale {
        let path = path.strip_prefix(root()).unwrap_or(path);
        println!(
            "{} is not what the results give; run bench-report --render",
            path.display()
        );
    }
    Ok(match stale.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn write_page(results: &Results) -> Result<()> {
    fs::create_dir_all(root().join(PLOTS))?;
    for (path, content) in generated(results)? {
        fs::write(&path, content).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

const PLOTS: &str = "benches/plots";

/// Every file that is made of the results, and what is to be in it.
fn generated(results: &Results) -> Result<Vec<(PathBuf, String)>> {
    let mut all = Vec::new();
    let mut places = String::new();
    for page in ["README.md", "BENCHMARKING.md"] {
        let path = root().join(page);
        let text = fs::read_to_string(&path).with_context(|| page.to_owned())?;
        let filled =
            fill_in(&text, |name| block(name, results)).with_context(|| page.to_owned())?;
        places.push_str(&text);
        all.push((path, filled));
    }
    for name in BLOCKS {
        let marker = format!("<!-- bench: {name} -->");
        ensure!(places.contains(&marker), "no page has a place for {name}");
    }
    for (name, svg) in plots(results) {
        all.push((root().join(PLOTS).join(name), svg));
    }
    Ok(all)
}

fn read_results() -> Result<Results> {
    let path = results_path();
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

fn results_path() -> PathBuf {
    root().join("benches/results.json")
}

/// The workspace's.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// `cargo bench` with the peers that are in this build.
fn cargo_bench() -> Command {
    let peers = [
        ("aws-lc", cfg!(feature = "aws-lc")),
        ("ipsec-mb", cfg!(feature = "ipsec-mb")),
        ("libsrtp", cfg!(feature = "libsrtp")),
        ("libsrtp-openssl", cfg!(feature = "libsrtp-openssl")),
        ("rtc-srtp", cfg!(feature = "rtc-srtp")),
    ];
    let peers: Vec<&str> = peers
        .into_iter()
        .filter_map(|(name, is)| is.then_some(name))
        .collect();
    let mut cargo = cargo();
    cargo.args([
        "bench",
        "--quiet",
        "--package",
        "callseal-benches",
        "--features",
    ]);
    cargo.arg(peers.join(","));
    cargo.stderr(Stdio::inherit());
    cargo
}

fn first_line(command: &mut Command) -> Result<String> {
    let output = String::from_utf8(command.output()?.stdout)?;
    Ok(output.lines().next().unwrap_or_default().to_owned())
}
