//! One capture from its beginning to its end: keys found, packets opened,
//! outputs written, a report made.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::outputs::Outputs;
use super::report::name_of;
use super::{Filter, Hint, KeyRing, KeySet, Refused, Replay, Report, Seen, changed, hints};
use crate::capture::{CaptureError, CaptureReader};
use crate::key_arguments::KeyArguments;
use crate::keys_file::Ssrc;
use crate::output_file::Existing;
use crate::sip::SdesFinder;

/// Frames after which somebody is told how far it is.
const FRAMES_A_STEP: u64 = 4_096;

/// What is to be done with a capture.
pub struct Task<'a> {
    /// The capture; `-` is standard input.
    pub path: &'a Path,
    /// Where its keys come from.
    pub keys: &'a KeyArguments,
    /// What is looked at.
    pub filter: Filter,
    /// The file of packets in clear.
    pub write: Option<PathBuf>,
    /// The folder of recordings.
    pub wav: Option<PathBuf>,
    /// What the names of recordings begin with.
    pub prefix: String,
    /// What happens to files that are there.
    pub existing: Existing,
    /// Takes a line for each packet, where one is wanted.
    pub packet_lines: Option<&'a mut super::Sink<'a>>,
    /// Told of octets that have been read; says whether to go on.
    pub progress: &'a dyn Fn(u64) -> bool,
}

/// A capture that was read to its end, or as far as it goes.
#[derive(Debug)]
pub struct Finished {
    replay: Replay,
    path: PathBuf,
    hints: Vec<Hint>,
    cut_short: Option<String>,
    /// What a person should know besides.
    pub warnings: Vec<String>,
    /// Why reading could not go on, where the rest of the file is unusable.
    pub fault: Option<CaptureError>,
}

impl Finished {
    /// What was found.
    pub fn report(&self) -> Report<'_> {
        Report::new(&self.replay, &self.path)
            .with_hints(&self.hints)
            .with_cut_short(self.cut_short.as_deref())
    }
}

/// Replays a whole capture.
///
/// # Errors
/// What is unusable: the file, its keys, or an output's name. A file that is
/// damaged on the way is no error here; it is told in [`Finished::fault`], and
/// nothing is written then.
pub fn replay_file(mut task: Task<'_>) -> Result<Finished> {
    let path = task.path;
    let mut warnings = Vec::new();
    let sets = match task.keys.sets_for(path)? {
        Some(sets) => sets,
        None => task.keys.adjusted(sets_of_sip(&task, &mut warnings)?)?,
    };
    let mut reader = open(path)?;
    let mut outputs = Outputs::create(
        task.write.as_deref(),
        task.wav.as_deref(),
        &task.prefix,
        task.existing,
    )?;
    let mut replay = Replay::with_filter(KeyRing::new(sets), task.filter.clone());
    let mut packet_lines = task.packet_lines.take();
    let mut sink = |seen: &Seen<'_>| {
        if let Some(line) = &mut packet_lines {
            line(seen)?;
        }
        outputs.take(seen)
    };
    let fault = run(&mut reader, &mut replay, &mut sink, task.progress)?;
    let (fault, cut_short) = match fault {
        Some(error) if error.is_cut_short() && replay.totals().frames > 0 => {
            (None, Some(format!("{}: {error}", path.display())))
        }
        fault => (fault, None),
    };
    let mut found = Vec::new();
    if fault.is_none() {
        outputs.complete()?;
        found = hints(&replay);
        if !found.is_empty() && is_file(path) {
            count_with(&mut found, &replay, &task)?;
        }
    }
    Ok(Finished {
        replay,
        path: path.to_owned(),
        hints: found,
        cut_short,
        warnings,
        fault,
    })
}

/// A line about a packet for people.
pub fn packet_line(seen: &Seen<'_>) -> String {
    let what = match (seen.protocol, seen.ssrc.map(Ssrc)) {
        (Some(protocol), Some(ssrc)) => format!("{} of {ssrc}", name_of(protocol).to_uppercase()),
        _ => "a datagram".to_owned(),
    };
    let Seen { number, offset, .. } = seen;
    let from = seen.datagram.from;
    match seen.outcome {
        Ok(plain) => format!(
            "packet {number} at offset {offset}: {what} from {from}: verified, index {}",
            plain.index
        ),
        Err(refused) => {
            format!("packet {number} at offset {offset}: {what} from {from}: {refused}")
        }
    }
}

/// A line about a packet for programs.
pub fn packet_json(seen: &Seen<'_>) -> String {
    let verdict = match seen.outcome {
        Ok(_) => "verified",
        Err(refused) if refused.is_replay() => "replayed",
        Err(_) if seen.is_media => "failed",
        Err(_) => "not media",
    };
    let plain = seen.outcome.ok();
    serde_json::json!({
        "kind": "packet",
        "packet": seen.number,
        "offset": seen.offset,
        "protocol": seen.protocol.map(name_of),
        "ssrc": seen.ssrc.map(Ssrc),
        "from": seen.datagram.from.to_string(),
        "to": seen.datagram.to.to_string(),
        "verdict": verdict,
        "reason": seen.outcome.err().map(|refused: Refused| refused.to_string()),
        "index": plain.map(|plain| plain.index),
        "len": plain.map(|plain| plain.len),
    })
    .to_string()
}

/// Reads to the end; gives back what ended the reading before.
fn run(
    reader: &mut CaptureReader<Box<dyn Read>>,
    replay: &mut Replay,
    sink: &mut super::Sink<'_>,
    progress: &dyn Fn(u64) -> bool,
) -> Result<Option<CaptureError>> {
    let mut told = 0;
    let fault = loop {
        let frame = match reader.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        if frame.number.is_multiple_of(FRAMES_A_STEP) {
            if !progress(frame.offset - told) {
                bail!("interrupted at packet {}; nothing is written", frame.number);
            }
            told = frame.offset;
        }
        replay.frame(&frame, sink)?;
    };
    replay.finish(sink)?;
    progress(reader.offset() - told);
    Ok(fault)
}

/// The keys that the capture's own SIP names.
fn sets_of_sip(task: &Task<'_>, warnings: &mut Vec<String>) -> Result<Vec<KeySet>> {
    let path = task.path;
    if path != Path::new("-") && !path.exists() {
        bail!("cannot open {}: there is no such file", path.display());
    }
    if !is_file(path) {
        bail!(
            "no keys: give --keys, --key with --salt, or --sdes; \
             SIP is looked through in files only, which can be read twice"
        );
    }
    let mut reader = open(path)?;
    let mut finder = SdesFinder::default();
    // A fault is told by the replay itself, with what stands before it.
    while let Ok(Some(frame)) = reader.next_frame() {
        if frame.number.is_multiple_of(FRAMES_A_STEP) && !(task.progress)(0) {
            bail!("interrupted at packet {}; nothing is written", frame.number);
        }
        finder.frame(&frame);
    }
    for unreadable in finder.unreadable() {
        warnings.push(unreadable.to_string());
    }
    if finder.is_empty() {
        let about_sip = match finder.messages() {
            0 => "no SIP over UDP or TCP in it".to_owned(),
            messages => format!("{messages} SIP messages in it, and no a=crypto that can be used"),
        };
        let unreadable = match warnings.first() {
            Some(first) => format!(" ({first})"),
            None => String::new(),
        };
        bail!(
            "no keys for {}: {about_sip}{unreadable}; give --keys, --key with --salt, or --sdes",
            path.display()
        );
    }
    Ok(finder.into_sets())
}

/// Counts for each hint what verifies with it, in a second run.
fn count_with(found: &mut [Hint], replay: &Replay, task: &Task<'_>) -> Result<()> {
    let ring = KeyRing::new(changed(replay.ring(), found));
    let mut again = Replay::with_filter(ring, task.filter.clone());
    let mut reader = open(task.path)?;
    run(&mut reader, &mut again, &mut |_| Ok(()), &|_| {
        (task.progress)(0)
    })?;
    for hint in found {
        let same = again.tally().streams().filter(|stream| {
            stream.id.protocol == hint.stream.protocol && stream.id.ssrc == hint.stream.ssrc
        });
        hint.verified = Some(same.map(|stream| stream.verified).sum());
    }
    Ok(())
}

fn open(path: &Path) -> Result<CaptureReader<Box<dyn Read>>> {
    let named = || path.display().to_string();
    let source: Box<dyn Read> = match is_standard_input(path) {
        true => Box::new(io::stdin()),
        false => Box::new(
            File::open(path).with_context(|| format!("cannot open the capture {}", named()))?,
        ),
    };
    CaptureReader::new(source).with_context(named)
}

/// Whether a path can be opened again, from its beginning.
fn is_file(path: &Path) -> bool {
    !is_standard_input(path) && path.is_file()
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}
