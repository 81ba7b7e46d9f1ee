//! What a command does while it waits for others, on a command line and on a terminal.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use crate::commands::phone::seconds;
use crate::interrupt::Interrupt;

/// How long is waited, and how.
#[derive(Debug, clap::Args)]
pub struct WaitingArguments {
    /// Stops after so many seconds; the same command goes on later
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1800")]
    wait: Duration,

    /// How soon it looks again where it waits
    #[arg(
        long,
        value_name = "MILLISECONDS",
        default_value_t = 1_500,
        value_parser = clap::value_parser!(u64).range(10..)
    )]
    poll: u64,
}

/// What a person sees meanwhile, on a terminal only; and when it is enough.
pub(crate) struct Waiting {
    bar: ProgressBar,
    ends: Instant,
    interrupt: Interrupt,
    /// What was said last of what goes wrong.
    warned: String,
}

impl WaitingArguments {
    pub(crate) fn look_again(&self) -> Duration {
        Duration::from_millis(self.poll)
    }

    /// Begins to wait, and to take notice of Ctrl-C.
    pub(crate) fn begin(&self, is_quiet: bool) -> Result<Waiting> {
        let bar = match is_quiet || !std::io::stderr().is_terminal() {
            true => ProgressBar::hidden(),
            false => ProgressBar::new_spinner(),
        };
        // Cut off where the terminal ends.
        let bar = match ProgressStyle::with_template("{spinner} {elapsed:>4}  {wide_msg}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        bar.enable_steady_tick(Duration::from_millis(120));
        Ok(Waiting {
            bar,
            ends: Instant::now() + self.wait,
            interrupt: Interrupt::watch(Vec::new())?,
            warned: String::new(),
        })
    }
}

impl Waiting {
    /// Says that something is done.
    pub(crate) fn says(&mut self, line: String) {
        self.bar.println(line);
        self.bar.set_message("");
        self.warned.clear();
    }

    pub(crate) fn waits_for(&mut self, for_what: &str) {
        self.bar.set_message(format!("waits for {for_what}"));
        self.warned.clear();
    }

    /// Warns of what goes wrong, once as long as nothing else does.
    pub(crate) fn tries_again(&mut self, error: &impl ToString) {
        let error = error.to_string();
        if error != self.warned {
            self.bar.suspend(|| tracing::warn!("{error}; tried again"));
            self.warned.clone_from(&error);
        }
        self.bar.set_message(format!("tries again: {error}"));
    }

    /// Whether the time is up, or somebody wants it to end.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.ends || self.interrupt.has_come()
    }

    /// Leaves the terminal as it was.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
