//! What it was measured on.

use std::fs;
use std::process::Command;

use callseal_srtp::Backend;
use serde::{Deserialize, Serialize};

/// The machine and what was built on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// What the processor calls itself.
    pub processor: String,
    /// Family and model, which say more.
    pub model: String,
    /// Of its instructions, those that matter here.
    pub instructions: Vec<String>,
    /// Its logical processors; one is used.
    pub processors: usize,
    /// The operating system.
    pub system: String,
    /// The compiler.
    pub rustc: String,
    /// This project's backends, the fastest first.
    pub backends: Vec<String>,
}

/// Flags of /proc/cpuinfo that a backend or a peer may ask for.
const INSTRUCTIONS: [&str; 9] = [
    "aes",
    "pclmulqdq",
    "sha_ni",
    "avx2",
    "vaes",
    "vpclmulqdq",
    "avx512f",
    "avx512bw",
    "avx512vl",
];

impl Machine {
    /// This one. What it does not tell is left empty.
    #[must_use]
    pub fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = cpuinfo.lines().find(|line| {
                line.split(':')
                    .next()
                    .is_some_and(|head| head.trim() == name)
            });
            let value = line.and_then(|line| line.split_once(':'));
            value
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let flags = field("flags");
        let has = |name: &&str| flags.split(' ').any(|flag| flag == *name);
        let instructions = INSTRUCTIONS.iter().copied().filter(has);
        let processor = match field("model name") {
            name if name.is_empty() => std::env::consts::ARCH.to_owned(),
            name => name,
        };
        let model = format!("family {}, model {}", field("cpu family"), field("model"));
        Self {
            processor,
            model,
            instructions: instructions.map(str::to_owned).collect(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            system: output("uname", &["-srm"]),
            rustc: output("rustc", &["--version"]),
            backends: Backend::available()
                .map(|backend| backend.name().to_owned())
                .collect(),
        }
    }
}

/// A command's first line, or nothing.
fn output(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}
