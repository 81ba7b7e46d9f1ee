//! What a replay found, for people and for programs.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::{Failure, Hint, Protocol, Replay, Stream, Totals};
use crate::keys_file::Ssrc;
use crate::table::{Align, Table};

/// Failures that are shown, the first ones.
const MAX_FAILURES: usize = 10;

/// A finished replay and the file it was of.
///
/// `Display` is for people; [`Report::json_lines`] for programs.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    replay: &'a Replay,
    file: &'a Path,
    hints: &'a [Hint],
    cut_short: Option<&'a str>,
}

/// What the replay as a whole says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every packet authenticated.
    AllVerified,
    /// Some did not.
    SomeFailed,
    /// None did: not the packets are wrong, but the keys.
    NoneVerified,
    /// There was nothing to try the keys on.
    NothingProtected,
}

impl<'a> Report<'a> {
    /// The report of `replay`, which is finished.
    pub fn new(replay: &'a Replay, file: &'a Path) -> Self {
        Self {
            replay,
            file,
            hints: &[],
            cut_short: None,
        }
    }

    /// The same with what would open the streams that did not open.
    #[must_use]
    pub fn with_hints(self, hints: &'a [Hint]) -> Self {
        Self { hints, ..self }
    }

    /// The same with how the file ended too early, where it did.
    #[must_use]
    pub fn with_cut_short(self, cut_short: Option<&'a str>) -> Self {
        Self { cut_short, ..self }
    }

    /// What the replay as a whole says.
    pub fn verdict(&self) -> Verdict {
        match self.replay.totals() {
            Totals { packets: 0, .. } => Verdict::NothingProtected,
            Totals { verified: 0, .. } => Verdict::NoneVerified,
            Totals {
                failed: 0,
                replayed: 0,
                ..
            } if self.cut_short.is_none() => Verdict::AllVerified,
            _ => Verdict::SomeFailed,
        }
    }

    /// One JSON object for each stream, and one for the whole.
    ///
    /// # Errors
    /// None for these values; serde's signature has one.
    pub fn json_lines(&self) -> serde_json::Result<Vec<String>> {
        let mut lines = Vec::new();
        for stream in self.replay.tally().streams() {
            lines.push(serde_json::to_string(&self.stream_line(stream))?);
        }
        lines.push(serde_json::to_string(&self.summary_line(None))?);
        Ok(lines)
    }

    /// One JSON object for the whole with the streams in it.
    ///
    /// # Errors
    /// None for these values; serde's signature has one.
    pub fn json_line(&self) -> serde_json::Result<String> {
        let streams = self.replay.tally().streams();
        let streams = streams.map(|stream| self.stream_line(stream)).collect();
        serde_json::to_string(&self.summary_line(Some(streams)))
    }

    fn stream_line(&self, stream: &Stream) -> StreamLine<'a> {
        let is_rtp = stream.id.protocol == Protocol::Rtp;
        StreamLine {
            kind: "stream",
            sender: stream.id.sender.map(|sender| self.name(sender)),
            protocol: name_of(stream.id.protocol),
            ssrc: stream.id.ssrc.map(Ssrc),
            from: stream.from.to_string(),
            to: stream.to.to_string(),
            profile: self.profile(stream),
            payload_type: stream.payload_type,
            packets: stream.packets,
            bytes: stream.octets,
            verified: stream.verified,
            failed: stream.failed,
            replayed: stream.replayed,
            copies: stream.copies,
            lost: is_rtp.then(|| stream.lost()),
            reordered: stream.reordered,
            roc: stream.roc(),
            jitter_ms: stream.jitter_ms(),
            verified_with: self.hint_of(stream).map(|hint| hint.to_string()),
        }
    }

    fn summary_line(&self, streams: Option<Vec<StreamLine<'a>>>) -> SummaryLine<'a> {
        let totals = self.replay.totals();
        SummaryLine {
            kind: "summary",
            file: self.file.display().to_string(),
            verdict: match self.verdict() {
                Verdict::AllVerified => "all verified",
                Verdict::SomeFailed => "some failed",
                Verdict::NoneVerified => "none verified",
                Verdict::NothingProtected => "nothing protected",
            },
            frames: totals.frames,
            packets: totals.packets,
            verified: totals.verified,
            failed: totals.failed,
            replayed: totals.replayed,
            copies: totals.copies,
            handshake: totals.handshake,
            clear_rtcp: totals.clear_rtcp,
            stun: totals.stun,
            dtls: totals.dtls,
            zrtp: totals.zrtp,
            sip: totals.sip,
            keep_alive: totals.keep_alive,
            left_out: totals.left_out,
            other_udp: totals.other_udp,
            fragments: totals.fragments,
            cut_frames: totals.cut_frames,
            not_udp: totals.not_udp,
            cut_short: self.cut_short,
            hints: self
                .hints
                .iter()
                .map(|hint| HintLine {
                    protocol: name_of(hint.stream.protocol),
                    ssrc: hint.stream.ssrc.map(Ssrc),
                    packets: hint.packets,
                    with: hint.to_string(),
                    verified: hint.verified,
                })
                .collect(),
            failures: self
                .replay
                .failures()
                .into_iter()
                .take(MAX_FAILURES)
                .map(|failure| FailureLine {
                    packet: failure.number,
                    offset: failure.offset,
                    from: failure.from.to_string(),
                    protocol: failure.protocol.map(name_of),
                    ssrc: failure.ssrc.map(Ssrc),
                    sequence_number: failure.sequence_number,
                    reason: failure.refused.to_string(),
                })
                .collect(),
            streams,
        }
    }

    fn streams_table(&self) -> Table<12> {
        let mut table = Table::new([
            ("sender", Align::Left),
            ("stream", Align::Left),
            ("SSRC", Align::Left),
            ("profile", Align::Left),
            ("packets", Align::Right),
            ("verified", Align::Right),
            ("failed", Align::Right),
            ("replayed", Align::Right),
            ("lost", Align::Right),
            ("reordered", Align::Right),
            ("ROC", Align::Right),
            ("jitter", Align::Right),
        ]);
        for stream in self.replay.tally().streams() {
            let is_rtp = stream.id.protocol == Protocol::Rtp;
            let rtp_only = |text: String| if is_rtp { text } else { "-".into() };
            let jitter = stream.jitter_ms();
            table.row([
                match stream.id.sender {
                    Some(sender) => self.name(sender).to_owned(),
                    None => format!("a stranger, {}", stream.from),
                },
                self.encoding(stream),
                ssrc_text(stream),
                self.profile(stream).unwrap_or_else(|| "-".into()),
                stream.packets.to_string(),
                stream.verified.to_string(),
                stream.failed.to_string(),
                stream.replayed.to_string(),
                rtp_only(stream.lost().to_string()),
                stream.reordered.to_string(),
                stream.roc().map_or("-".into(), |roc| roc.to_string()),
                rtp_only(jitter.map_or("-".into(), |jitter| format!("{jitter:.2} ms"))),
            ]);
        }
        table
    }

    /// Names the streams of which no packet was opened, where others were: a
    /// wrong key of one direction would else hide among many failures.
    fn write_hopeless_streams(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_one_of_many = self.verdict() == Verdict::SomeFailed || self.hints.len() > 1;
        if !is_one_of_many {
            return Ok(());
        }
        let mut any = false;
        for stream in self.replay.tally().streams() {
            let hint = self.hint_of(stream);
            if stream.verified > 0 || (stream.id.sender.is_none() && hint.is_none()) {
                continue;
            }
            let Stream { packets, id, .. } = stream;
            let name = match id.sender {
                Some(sender) => self.name(sender).to_owned(),
                None => stream.from.to_string(),
            };
            let protocol = name_of(id.protocol).to_uppercase();
            let ssrc = ssrc_text(stream);
            write!(
                f,
                "{name}, {protocol} of {ssrc}: 0 of {packets} verified: key, profile or ROC is wrong"
            )?;
            write_hint(f, hint)?;
            any = true;
        }
        match any {
            true => writeln!(f),
            false => Ok(()),
        }
    }

    fn hint_of(&self, stream: &Stream) -> Option<&'a Hint> {
        self.hints.iter().find(|hint| hint.stream == stream.id)
    }

    fn name(&self, sender: usize) -> &'a str {
        let set = self.replay.ring().set(sender);
        set.map_or("", |set| &set.name)
    }

    fn profile(&self, stream: &Stream) -> Option<String> {
        let set = self.replay.ring().set(stream.id.sender?)?;
        Some(match stream.id.protocol {
            Protocol::Rtp => set.suite().profile.to_string(),
            Protocol::Rtcp => set.rtcp_suite().to_string(),
        })
    }

    fn encoding(&self, stream: &Stream) -> String {
        let set = stream.id.sender.and_then(|set| self.replay.ring().set(set));
        match (stream.id.protocol, stream.payload_type) {
            (Protocol::Rtcp, _) => "RTCP".into(),
            (Protocol::Rtp, Some(payload_type)) => {
                let stated = set.and_then(|set| set.encoding(payload_type));
                match stated.or_else(|| static_encoding(payload_type)) {
                    Some(encoding) => encoding.to_owned(),
                    None => format!("RTP, type {payload_type}"),
                }
            }
            (Protocol::Rtp, None) => "RTP".into(),
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = self.replay.totals();
        if self.replay.tally().streams().next().is_some() {
            writeln!(f, "{}", self.streams_table())?;
        }
        self.write_hopeless_streams(f)?;
        let failures = self.replay.failures();
        let shown = failures.len().min(MAX_FAILURES);
        for failure in &failures[..shown] {
            writeln!(f, "{failure}")?;
        }
        let refused = totals.failed + totals.replayed;
        if refused > shown as u64 {
            writeln!(f, "... and {} more", refused - shown as u64)?;
        }
        if refused > 0 {
            writeln!(f)?;
        }
        match totals.to_string() {
            also if also.is_empty() => {}
            also => writeln!(f, "also: {also}")?,
        }
        if let Some(cut_short) = self.cut_short {
            writeln!(f, "{cut_short}")?;
        }
        let Totals {
            packets, verified, ..
        } = totals;
        match self.verdict() {
            Verdict::AllVerified => writeln!(f, "{verified} of {packets} verified"),
            Verdict::SomeFailed => writeln!(
                f,
                "{verified} of {packets} verified; {} failed, {} replayed",
                totals.failed, totals.replayed
            ),
            Verdict::NoneVerified => {
                write!(f, "0 of {packets} verified: key, profile or ROC is wrong")?;
                match self.hints {
                    [hint] => write_hint(f, Some(hint)),
                    _ => writeln!(f),
                }
            }
            Verdict::NothingProtected => {
                writeln!(f, "no SRTP or SRTCP packet among {} frames", totals.frames)
            }
        }
    }
}

fn write_hint(f: &mut fmt::Formatter<'_>, hint: Option<&Hint>) -> fmt::Result {
    match hint {
        Some(hint) => match hint.verified {
            Some(verified) => writeln!(f, "; with {hint}: {verified}"),
            None => writeln!(f, "; a sample of them verifies with {hint}"),
        },
        None => writeln!(f),
    }
}

impl fmt::Display for Totals {
    /// What there is besides SRTP and SRTCP; nothing where there is nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.handshake, "of the handshake"),
            (self.clear_rtcp, "of RTCP in clear"),
            (self.sip, "of SIP"),
            (self.stun, "of STUN"),
            (self.dtls, "of DTLS"),
            (self.zrtp, "of ZRTP"),
            (self.keep_alive, "to keep ports open"),
            (self.other_udp, "of other UDP"),
            (self.not_udp, "not UDP"),
            (self.left_out, "left out as asked"),
            (self.copies, "a second time from another interface"),
            (
                self.fragments,
                "fragments of IP packets, which are not put together",
            ),
            (
                self.cut_frames,
                "cut short before any payload by the snap length",
            ),
        ];
        let there = parts.iter().filter(|(count, _)| *count > 0);
        let there: Vec<String> = there
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        f.write_str(&there.join(", "))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            offset,
            from,
            refused,
            ..
        } = self;
        write!(f, "packet {number} at offset {offset}: ")?;
        match (self.ssrc.map(Ssrc), self.sequence_number) {
            (Some(ssrc), Some(sequence_number)) => write!(f, "RTP {sequence_number} of {ssrc}")?,
            (Some(ssrc), None) => write!(f, "RTCP of {ssrc}")?,
            (None, _) => write!(f, "a datagram")?,
        }
        write!(f, " from {from}: {refused}")
    }
}

fn ssrc_text(stream: &Stream) -> String {
    let ssrc = stream.id.ssrc;
    ssrc.map_or("others".into(), |ssrc| Ssrc(ssrc).to_string())
}

fn static_encoding(payload_type: u8) -> Option<&'static str> {
    match payload_type {
        0 => Some("PCMU"),
        3 => Some("GSM"),
        8 => Some("PCMA"),
        9 => Some("G722"),
        18 => Some("G729"),
        _ => None,
    }
}

/// RTP or RTCP in a line for programs.
pub(super) fn name_of(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Rtp => "rtp",
        Protocol::Rtcp => "rtcp",
    }
}

#[derive(Serialize)]
struct StreamLine<'a> {
    kind: &'static str,
    sender: Option<&'a str>,
    protocol: &'static str,
    ssrc: Option<Ssrc>,
    from: String,
    to: String,
    profile: Option<String>,
    payload_type: Option<u8>,
    packets: u64,
    bytes: u64,
    verified: u64,
    failed: u64,
    replayed: u64,
    copies: u64,
    lost: Option<u64>,
    reordered: u64,
    roc: Option<u32>,
    jitter_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_with: Option<String>,
}

#[derive(Serialize)]
struct SummaryLine<'a> {
    kind: &'static str,
    file: String,
    verdict: &'static str,
    frames: u64,
    packets: u64,
    verified: u64,
    failed: u64,
    replayed: u64,
    copies: u64,
    handshake: u64,
    clear_rtcp: u64,
    stun: u64,
    dtls: u64,
    zrtp: u64,
    sip: u64,
    keep_alive: u64,
    left_out: u64,
    other_udp: u64,
    fragments: u64,
    cut_frames: u64,
    not_udp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_short: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<HintLine>,
    failures: Vec<FailureLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    streams: Option<Vec<StreamLine<'a>>>,
}

#[derive(Serialize)]
struct HintLine {
    protocol: &'static str,
    ssrc: Option<Ssrc>,
    packets: u64,
    with: String,
    verified: Option<u64>,
}

#[derive(Serialize)]
struct FailureLine {
    packet: u64,
    offset: u64,
    from: String,
    protocol: Option<&'static str>,
    ssrc: Option<Ssrc>,
    sequence_number: Option<u16>,
    reason: String,
}
