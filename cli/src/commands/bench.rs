//! `callseal bench`: how fast SRTP is on this machine.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use callseal_srtp::Backend;
use indicatif::{ProgressBar, ProgressStyle};

use crate::bench::{Bench, Report};
use crate::output_file::{Existing, OutputFile, Privacy};

/// How fast SRTP is on this machine, in a few seconds
///
/// Protects and opens packets of 20, 160, 480 and 1200 octets on one core, by
/// single calls and in batches of 64, and checks every one of them. Single
/// calls and batches take turns, so that whatever else the machine does hits
/// both alike; each figure is a median. What the project publishes, beside other
/// libraries, stands in BENCHMARKING.md.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callseal bench
  callseal bench --backend soft --seconds 10
  callseal bench --json | jq '.figures[] | select(.payload_len == 160)'
  callseal bench --plot speed.svg

Exit codes:
  0  it was measured
  2  an argument is unusable, or the file of --plot")]
pub struct Arguments {
    /// The instructions to run on; the fastest that this machine has, unless given
    #[arg(long, value_name = "NAME", value_parser = backend)]
    backend: Option<Backend>,

    /// How long to measure, in all
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = super::phone::seconds)]
    seconds: Duration,

    /// Prints one object of JSON
    #[arg(long)]
    json: bool,

    /// Draws the figures into this file
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,

    /// Replaces the file of --plot if it exists
    #[arg(long, requires = "plot")]
    force: bool,
}

/// Runs the command.
///
/// # Errors
/// Where the plot cannot be written, or figures cannot be printed.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if cfg!(debug_assertions) && std::io::stderr().is_terminal() {
        tracing::warn!(
            "this program was built for debugging, and is many times slower than with `--release`"
        );
    }
    let existing = match arguments.force {
        true => Existing::Replace,
        false => Existing::Keep,
    };
    let plot = match &arguments.plot {
        // The shell's own mistakes come out before seconds are spent.
        Some(path) => Some(OutputFile::create(path, Privacy::Umask, existing)?),
        None => None,
    };
    let bench = Bench::new(arguments.backend.unwrap_or_else(Backend::detected));
    let progress = progress_bar(bench.len());
    let figures = bench.run(arguments.seconds, || progress.inc(1));
    progress.finish_and_clear();

    let report = Report::new(&bench, figures);
    let mut stdout = std::io::stdout().lock();
    match arguments.json {
        true => writeln!(stdout, "{}", serde_json::to_string(&report)?)?,
        false => write!(stdout, "{report}")?,
    }
    if let Some(mut file) = plot {
        file.write_all(report.plot().as_bytes())?;
        file.complete()?;
    }
    if let Some(name) = Backend::distrusted().next() {
        bail!("this machine's {name} gives wrong answers, and was not used");
    }
    Ok(ExitCode::SUCCESS)
}

fn backend(name: &str) -> Result<Backend, String> {
    Backend::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Backend::available().map(Backend::name).collect();
        format!("this machine has {}", names.join(", "))
    })
}

/// A bar over the measurements, on a terminal.
fn progress_bar(count: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(count as u64);
    match ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
