//! What the tests of the built command share.
#![allow(
    dead_code,
    reason = "each test binary uses its own part of what is shared"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

pub(crate) mod anvil;
pub(crate) mod devnet;
pub(crate) mod log;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod operator;
pub(crate) mod phones;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Ends what hangs; nothing that goes well takes as long, on any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// The built command, without an environment that it could be led astray by.
pub(crate) fn callseal() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callseal"));
    command
        .env_remove("HTTP_PROXY")
        .env_remove("HTTPS_PROXY")
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// What a finished command left.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().expect("not killed by a signal"),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// Fails unless the command ended with this code.
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// The lines of JSON on standard output.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The only line of JSON on standard output.
    pub(crate) fn json(&self) -> Value {
        let mut lines = self.json_lines();
        assert_eq!(lines.len(), 1, "{}", self.stdout);
        lines.remove(0)
    }
}

/// Runs the command with these arguments.
pub(crate) fn run(arguments: &[&str]) -> Done {
    Done::of(&callseal().args(arguments).output().unwrap())
}

/// Looks again and again until it is so, which it has to stay.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "still not so: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for a process's own end.
pub(crate) fn await_end(child: &mut Child) -> ExitStatus {
    let mut status = None;
    until("the process has ended", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap()
}

/// Has a process end as Ctrl-C does.
pub(crate) fn interrupt(child: &Child) {
    let id = child.id().to_string();
    let done = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(done.success());
}

/// A new, empty folder for a test.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A file of the repository.
pub(crate) fn of_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
