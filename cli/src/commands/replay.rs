//! `callseal replay`: captures, opened again with their keys.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::capture_files::{CaptureFiles, file_stem};
use crate::commands::{EXIT_FAILED, EXIT_UNUSABLE};
use crate::interrupt::Interrupt;
use crate::key_arguments::{KeyArguments, parse_ssrc};
use crate::output_file::Existing;
use crate::replay::{Filter, Finished, Seen, Task, Verdict, packet_json, packet_line, replay_file};

/// Authenticates and decrypts captures again
///
/// Reads pcap and pcapng (Ethernet with VLAN tags, Linux cooked, loopback, raw
/// IP; IPv4 and IPv6; both byte orders), finds the SRTP and SRTCP packets in
/// it, opens them, and says for each stream how many authenticated, failed,
/// came twice, were lost or came late. Without a key, it looks for SDES in the
/// capture's own SIP. STUN, DTLS, ZRTP, handshakes and RTCP in clear are
/// recognised and counted apart.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The profiles:
  AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32, AES_192_CM_HMAC_SHA1_80, AES_192_CM_HMAC_SHA1_32,
  AES_256_CM_HMAC_SHA1_80, AES_256_CM_HMAC_SHA1_32, F8_128_HMAC_SHA1_80, AEAD_AES_128_GCM,
  AEAD_AES_256_GCM, AEAD_AES_128_GCM_8, AEAD_AES_256_GCM_8, NULL_HMAC_SHA1_80, NULL_HMAC_SHA1_32;
  with _FULL where SRTCP's tag is as short as SRTP's (ffmpeg's _32: AES_CM_128_HMAC_SHA1_32_FULL)

The file of keys is JSON:
  { \"format\": \"callseal keys\", \"version\": 1,
    \"keys\": [ { \"sender\": \"alice\",                      who sends under this key (optional)
                \"from\": [\"127.0.0.1:40000\"],            its addresses (optional: any)
                \"to\": [\"127.0.0.1:50000\"],              where they go (optional: anywhere)
                \"ssrcs\": [\"abcd1234\"],                  its SSRCs (optional: any)
                \"profile\": \"AES_CM_128_HMAC_SHA1_80\",   as RFC 4568 names it
                \"rtcp_profile\": \"…\",                    SRTCP's (optional: the same)
                \"master_key\": \"HEX\", \"master_salt\": \"HEX\",
                \"mki\": \"01\",                            in every packet (optional: none)
                \"roc\": 1,                               or { \"abcd1234\": 1 } (optional: 0)
                \"replay_window\": 128 } ],               (optional: 1024)
    \"payload_types\": { \"96\": \"AMR-WB/16000\" } }         for clock rates (optional)
Keys on a command line are seen by others on the same machine; a file's are not.

Examples:
  callseal replay call.pcapng     # with the keys in the capture's own SIP
  callseal replay callseal-demo/call.pcapng --keys callseal-demo/keys.json
  callseal replay call.pcap --sdes 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…'
  callseal replay call.pcap --profile AEAD_AES_128_GCM --key HEX --salt HEX \\
      --roc 1
  callseal replay call.pcap --keys keys.json --write plain.pcap --wav heard
  callseal replay captures --keys keys --jobs 8 --json | jq .verified

Exit codes:
  0  every packet authenticated
  1  some did not, or none, or the capture ends in the middle of one
  2  the capture or the keys are unusable, or nothing in it is protected
  of several captures, the worst")]
pub struct Arguments {
    /// Captures, pcap or pcapng, and folders of them; - is standard input
    #[arg(value_name = "FILE", required = true)]
    captures: Vec<PathBuf>,

    #[command(flatten)]
    keys: KeyArguments,

    /// Looks at UDP from and to this port only, and takes all on it that could be for SRTP; may be
    /// repeated
    #[arg(long, value_name = "PORT")]
    port: Vec<u16>,

    /// Looks at this SSRC only; may be repeated
    #[arg(long, value_name = "0xSSRC", value_parser = parse_ssrc)]
    ssrc: Vec<u32>,

    /// Writes every packet that authenticated, in clear and with its link layer; pcapng where the
    /// name ends so, else pcap; of several captures, a folder
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,

    /// Writes a WAV file for each stream of PCMU or PCMA into this folder
    #[arg(long, value_name = "DIR")]
    wav: Option<PathBuf>,

    /// Replaces the files of --write and --wav if they exist
    #[arg(long)]
    force: bool,

    /// Also prints a line for each packet, with its verdict
    #[arg(long)]
    packets: bool,

    /// Works on this many captures at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    jobs: u16,

    /// Prints a line of JSON for each stream, and one for the whole; of several captures, one for
    /// each
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What is unusable, by name.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let files = CaptureFiles::find(&arguments.captures)?;
    let interrupt = Interrupt::watch(Vec::new())?;
    let bar = progress_bar(files.octets);
    let go_on = |read: u64| {
        bar.inc(read);
        !interrupt.has_come()
    };
    let code = match files.is_one {
        true => one(arguments, &files.paths, &go_on, &bar)?,
        false => several(arguments, &files.paths, &go_on, &bar)?,
    };
    Ok(code.into())
}

/// One capture, told in full.
fn one(
    arguments: &Arguments,
    paths: &[PathBuf],
    go_on: &dyn Fn(u64) -> bool,
    bar: &ProgressBar,
) -> Result<u8> {
    let [path] = paths else {
        bail!("no capture");
    };
    let mut packet_line = |seen: &Seen<'_>| {
        let line = match arguments.json {
            true => packet_json(seen),
            false => packet_line(seen),
        };
        writeln!(std::io::stdout(), "{line}")
    };
    let finished = replay_file(Task {
        write: arguments.write.clone(),
        packet_lines: arguments.packets.then_some(&mut packet_line),
        ..arguments.task(path, go_on)
    })?;
    bar.finish_and_clear();
    for warning in &finished.warnings {
        let _ = writeln!(std::io::stderr(), "{}: {warning}", path.display());
    }
    let mut stdout = std::io::stdout().lock();
    let report = finished.report();
    match arguments.json {
        true => {
            for line in report.json_lines()? {
                writeln!(stdout, "{line}")?;
            }
        }
        false => write!(stdout, "{report}")?,
    }
    let code = exit_code(report.verdict());
    match finished.fault {
        // What stood before the fault has been shown; nothing is written.
        Some(error) => Err(error).with_context(|| path.display().to_string()),
        None => Ok(code),
    }
}

/// Several captures, a line for each, in their order.
fn several(
    arguments: &Arguments,
    paths: &[PathBuf],
    go_on: &(dyn Fn(u64) -> bool + Sync),
    bar: &ProgressBar,
) -> Result<u8> {
    if arguments.packets {
        bail!("--packets is for one capture");
    }
    if let Some(folder) = &arguments.write {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut worst = 0;
    std::thread::scope(|scope| -> Result<()> {
        for _ in 0..usize::from(arguments.jobs).min(paths.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = paths.get(number) else { break };
                    let told = arguments.one_of_several(path, go_on);
                    if sender.send((number, told)).is_err() || !go_on(0) {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        for (number, told) in receiver {
            waiting.insert(number, told);
            while let Some((line, code)) = waiting.remove(&due) {
                worst = worst.max(code);
                due += 1;
                bar.suspend(|| writeln!(std::io::stdout(), "{line}"))?;
            }
        }
        match due < paths.len() {
            true => bail!("interrupted"),
            false => Ok(()),
        }
    })?;
    bar.finish_and_clear();
    Ok(worst)
}

impl Arguments {
    fn task<'a>(&'a self, path: &'a Path, progress: &'a dyn Fn(u64) -> bool) -> Task<'a> {
        Task {
            path,
            keys: &self.keys,
            filter: Filter {
                ports: self.port.clone(),
                ssrcs: self.ssrc.clone(),
            },
            write: None,
            wav: self.wav.clone(),
            prefix: String::new(),
            existing: match self.force {
                true => Existing::Replace,
                false => Existing::Keep,
            },
            packet_lines: None,
            progress,
        }
    }

    /// The line about a capture, and its exit code.
    fn one_of_several(&self, path: &Path, go_on: &dyn Fn(u64) -> bool) -> (String, u8) {
        let stem = file_stem(path);
        let write = self.write.as_ref().map(|folder| {
            let name = path.file_name().unwrap_or(path.as_os_str());
            folder.join(name)
        });
        let task = Task {
            write,
            prefix: format!("{stem}-"),
            ..self.task(path, go_on)
        };
        match replay_file(task) {
            Ok(finished) => self.line(path, &finished),
            Err(error) => (self.error_line(path, &format!("{error:#}")), EXIT_UNUSABLE),
        }
    }

    fn line(&self, path: &Path, finished: &Finished) -> (String, u8) {
        let report = finished.report();
        if let Some(error) = &finished.fault {
            return (self.error_line(path, &error.to_string()), EXIT_UNUSABLE);
        }
        let line = match self.json {
            true => report
                .json_line()
                .unwrap_or_else(|error| self.error_line(path, &error.to_string())),
            false => {
                let whole = report.to_string();
                let last = whole.lines().last().unwrap_or("");
                format!("{}: {last}", path.display())
            }
        };
        (line, exit_code(report.verdict()))
    }

    fn error_line(&self, path: &Path, error: &str) -> String {
        match self.json {
            true => serde_json::json!({
                "kind": "error",
                "file": path.display().to_string(),
                "error": error,
            })
            .to_string(),
            false => format!("{}: error: {error}", path.display()),
        }
    }
}

fn exit_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::AllVerified => 0,
        Verdict::SomeFailed | Verdict::NoneVerified => EXIT_FAILED,
        Verdict::NothingProtected => EXIT_UNUSABLE,
    }
}

/// A bar over the files' octets, on a terminal.
fn progress_bar(octets: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() || octets == 0 {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}");
    let bar = ProgressBar::new(octets);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
