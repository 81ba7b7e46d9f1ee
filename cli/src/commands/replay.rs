//! `callseal replay`: a capture, opened again with its keys.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::capture::{CaptureReader, CaptureWriter, Format, with_udp_payload};
use crate::commands::{EXIT_FAILED, EXIT_UNUSABLE};
use crate::interrupt::Interrupt;
use crate::keys_file::KeysFile;
use crate::output_file::{Existing, OutputFile, Privacy};
use crate::replay::{KeyRing, Replay, Report, Verdict};

/// Authenticates and decrypts a capture again
///
/// Reads pcap and pcapng (Ethernet with VLAN tags, Linux cooked, loopback, raw
/// IP; IPv4 and IPv6; both byte orders), finds the SRTP and SRTCP packets in
/// it, opens them, and says for each stream how many authenticated, failed,
/// came twice, were lost or came late. Handshake packets and RTCP in clear are
/// recognised and counted apart.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file of keys is JSON:
  { \"format\": \"callseal keys\", \"version\": 1,
    \"keys\": [ { \"sender\": \"alice\",                      who sends under this key (optional)
                \"from\": [\"127.0.0.1:40000\"],            its addresses (optional: any)
                \"ssrcs\": [\"abcd1234\"],                  its SSRCs (optional: any)
                \"profile\": \"AES_CM_128_HMAC_SHA1_80\",   as RFC 4568 names it
                \"master_key\": \"HEX\", \"master_salt\": \"HEX\",
                \"mki\": \"01\" } ],                        in every packet (optional: none)
    \"payload_types\": { \"96\": \"AMR-WB/16000\" } }         for clock rates (optional)

Examples:
  callseal replay callseal-demo/call.pcapng --keys callseal-demo/keys.json
  callseal replay call.pcap --keys keys.json --write plain.pcap
  callseal replay call.pcap --keys keys.json --json | jq .verified

Exit codes:
  0  every packet authenticated
  1  some did not, or none
  2  the capture or the keys are unusable, or nothing in it is protected")]
pub struct Arguments {
    /// The capture, pcap or pcapng
    #[arg(value_name = "FILE")]
    capture: PathBuf,

    /// The keys of the call
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,

    /// Writes every packet that authenticated, in clear and with its link layer; pcapng where the
    /// name ends so, else pcap
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,

    /// Replaces the file of --write if it exists
    #[arg(long, requires = "write")]
    force: bool,

    /// Prints a line of JSON for each stream, and one for the whole
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What is unusable, by name.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let keys = KeysFile::read(&arguments.keys)?;
    let ring = KeyRing::new(&keys)
        .with_context(|| format!("cannot use the keys in {}", arguments.keys.display()))?;
    let in_capture = || arguments.capture.display().to_string();
    let file = File::open(&arguments.capture)
        .with_context(|| format!("cannot open the capture {}", in_capture()))?;
    let progress = progress_bar(&file);
    let mut reader = CaptureReader::new(file).with_context(in_capture)?;
    let mut output = match &arguments.write {
        Some(path) => Some(Output::create(path, arguments.force)?),
        None => None,
    };

    let mut replay = Replay::new(ring, keys);
    let interrupt = Interrupt::watch(Vec::new())?;
    let cut_off = loop {
        let frame = match reader.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        if frame.number.is_multiple_of(4_096) {
            progress.set_position(frame.offset);
            if interrupt.has_come() {
                bail!("interrupted at packet {}; nothing is written", frame.number);
            }
        }
        let accepted = replay.frame(&frame);
        if let (Some(output), Some(accepted)) = (&mut output, accepted) {
            let plain = with_udp_payload(
                frame.link_type,
                frame.bytes,
                &accepted.datagram,
                accepted.plain,
            )?;
            output
                .writer
                .write(frame.link_type, frame.at, &plain)
                .with_context(|| format!("cannot write {}", output.path.display()))?;
        }
    };
    progress.finish_and_clear();

    let report = Report::new(&replay, &arguments.capture);
    let mut stdout = std::io::stdout().lock();
    match arguments.json {
        true => {
            for line in report.json_lines()? {
                writeln!(stdout, "{line}")?;
            }
        }
        false => write!(stdout, "{report}")?,
    }
    if let Some(error) = cut_off {
        // What stood before the fault has been shown; nothing is written.
        return Err(error).with_context(in_capture);
    }
    if let Some(output) = output {
        output.complete()?;
    }
    Ok(match report.verdict() {
        Verdict::AllVerified => ExitCode::SUCCESS,
        Verdict::SomeFailed | Verdict::NoneVerified => EXIT_FAILED.into(),
        Verdict::NothingProtected => EXIT_UNUSABLE.into(),
    })
}

/// The file of `--write`.
struct Output {
    writer: CaptureWriter<OutputFile>,
    path: PathBuf,
}

impl Output {
    fn create(path: &Path, force: bool) -> Result<Self> {
        let existing = match force {
            true => Existing::Replace,
            false => Existing::Keep,
        };
        // Speech in clear is for the one who decrypted it.
        let file = OutputFile::create(path, Privacy::Owner, existing)?;
        let writer = CaptureWriter::new(Format::of_name(path), file)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            writer,
            path: path.to_owned(),
        })
    }

    fn complete(self) -> Result<()> {
        let file = self
            .writer
            .finish()
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(file.complete()?)
    }
}

/// A bar over the file's octets, on a terminal.
fn progress_bar(file: &File) -> ProgressBar {
    match file.metadata() {
        Ok(metadata) if std::io::stderr().is_terminal() => {
            let style = ProgressStyle::with_template(
                "{bar:40} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}",
            );
            let bar = ProgressBar::new(metadata.len());
            match style {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        }
        _ => ProgressBar::hidden(),
    }
}
