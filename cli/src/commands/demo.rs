//! `callseal demo`: a whole call on one machine, with nothing to install.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::commands::EXIT_FAILED;
use crate::demo::call::{Call, Terms};
use crate::demo::enrolments::Enrolments;
use crate::demo::folder::Folder;
use crate::demo::liar::tell_lies;
use crate::demo::outcome::Outcome;
use crate::demo::story::Story;
use crate::demo::subscribers::enrol;
use crate::demo::{BOB, NUMBERS};
use crate::speech::{Codec, Speaker, embedded};

/// A secure call on this machine: registry, two phones, real sockets, real speech
///
/// Runs a registry contract on an embedded Ethereum chain, enrols two
/// subscribers, opens two phones on UDP sockets of 127.0.0.1, lets each look
/// the other up with Merkle proofs, runs the handshake over RTCP, and sends
/// real speech both ways over SRTP, about 18 seconds of it. Meanwhile somebody
/// injects forged packets. In the end every payload is compared byte for byte.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What it leaves in its folder:
  call.pcapng               what a listener on the wire saw; Wireshark opens it
  call-and-forgeries.pcapng the same with the forger's packets in it
  keys.json                 the call's keys, for `callseal replay`
  alice-heard.wav           what each side heard (PCMU)
  bob-heard.wav

Examples:
  callseal demo                      # in real time
  callseal demo --fast --out /tmp/call
  callseal demo --full --fast        # two operators, two phones that enrol
  callseal replay /tmp/call/call.pcapng --keys /tmp/call/keys.json

Exit codes:
  0  every payload arrived byte for byte, every lie and every forgery was caught
  1  something differed
  2  it could not be run")]
pub struct Arguments {
    /// Sends as fast as it is heard, instead of in real time
    #[arg(long)]
    fast: bool,

    /// The folder for what is left; must be new or empty [default: callseal-demo, or the first of
    /// callseal-demo-2, -3, … that is free]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Replaces the files of an earlier call in --out
    #[arg(long, requires = "out")]
    force: bool,

    /// Sends only this codec; may be repeated [default: both, as two streams]
    #[arg(long, value_enum, value_name = "CODEC")]
    codec: Vec<Codec>,

    /// The whole of the published system: before the call, two operators with contracts and services of their
    /// own, and a phone that enrols itself at each
    #[arg(long)]
    full: bool,

    /// RTP and RTCP on one port (RFC 5761)
    #[arg(long)]
    mux: bool,

    /// Prints one line of JSON instead of the story
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Where a socket, a file or the embedded chain refuses.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let story = Story {
        is_told: !arguments.json,
    };
    let folder = Folder::open(arguments.out.as_deref(), arguments.force)?;
    let codecs = match arguments.codec.as_slice() {
        [] => vec![Codec::AmrWb, Codec::Pcmu],
        codecs => codecs.to_vec(),
    };
    let speech = [
        embedded(Speaker::Alice, &codecs)?,
        embedded(Speaker::Bob, &codecs)?,
    ];

    let (enrolled, enrolments) = match arguments.full {
        true => {
            let notes = tempfile::tempdir()?;
            let made = Enrolments::make(notes.path(), &mut |line| story.progress(line))
                .context("the phones cannot be enrolled")?;
            story.enrolments(&made.told, &made.enrolled);
            (made.enrolled, made.told)
        }
        false => {
            let enrolled = enrol(&NUMBERS).context("cannot set up the embedded registry")?;
            story.registry(&enrolled);
            (enrolled, Vec::new())
        }
    };
    let lies = tell_lies(&enrolled, NUMBERS[BOB]);
    story.lies(&lies);

    let terms = Terms {
        is_fast: arguments.fast,
        is_muxed: arguments.mux,
    };
    let call = Call::make(terms, &story, &folder, &enrolled, speech)?;
    story.set_up(&call);
    story.speech(&call);

    folder.keep(&call)?;
    let mut outcome = Outcome::of(&call, &lies, &folder);
    outcome.enrolments = enrolments;
    story.outcome(&outcome, &call);
    if arguments.json {
        let line = serde_json::to_string(&outcome)?;
        writeln!(std::io::stdout().lock(), "{line}")?;
    }
    Ok(match outcome.ok {
        true => ExitCode::SUCCESS,
        false => EXIT_FAILED.into(),
    })
}
