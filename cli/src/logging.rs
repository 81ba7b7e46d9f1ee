//! Logs on standard error; standard output belongs to results.

use std::io::IsTerminal;

use callseal_srtp::Backend;
use tracing_subscriber::EnvFilter;

/// Begins logging: warnings only, with `-v` what happens, with `-vv` and
/// `-vvv` also why.
///
/// Keys are of types that show nothing of themselves, so no level shows them.
pub fn start(verbosity: u8) {
    let level = match verbosity {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    // Only our own crates: what others log is not ours to vouch for.
    let filter = EnvFilter::new(format!("off,callseal={level}"));
    // Fails only where a subscriber is set already, and then there are logs.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .try_init();
}

/// Says which of the machine's instructions gave wrong answers, so that slower
/// ones are used in their place.
pub fn warn_of_wrong_instructions() {
    for name in Backend::distrusted() {
        tracing::warn!(
            "this machine's {name} gives wrong answers, and is not used: replace the machine"
        );
    }
}
