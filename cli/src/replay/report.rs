//! What a replay found, for people and for programs.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::{Failure, Protocol, Replay, Stream, StreamId, Totals};
use crate::keys_file::Ssrc;
use crate::table::{Align, Table};

/// A finished replay and the file it was of.
///
/// `Display` is for people; [`Report::json_lines`] for programs.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    replay: &'a Replay,
    file: &'a Path,
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
    /// The report of `replay`, which is at its file's end.
    pub fn new(replay: &'a Replay, file: &'a Path) -> Self {
        Self { replay, file }
    }

    /// What the replay as a whole says.
    pub fn verdict(&self) -> Verdict {
        let totals = self.replay.totals();
        match totals {
            Totals { packets: 0, .. } => Verdict::NothingProtected,
            Totals { verified: 0, .. } => Verdict::NoneVerified,
            Totals {
                failed: 0,
                replayed: 0,
                ..
            } => Verdict::AllVerified,
            _ => Verdict::SomeFailed,
        }
    }

    /// One JSON object for each stream, and one for the whole.
    ///
    /// # Errors
    /// None for these values; serde's signature has one.
    pub fn json_lines(&self) -> serde_json::Result<Vec<String>> {
        let mut lines = Vec::new();
        for (id, stream) in self.replay.tally().streams() {
            lines.push(serde_json::to_string(&self.stream_line(id, stream))?);
        }
        lines.push(serde_json::to_string(&self.summary_line())?);
        Ok(lines)
    }

    fn stream_line(&self, id: &StreamId, stream: &Stream) -> StreamLine<'a> {
        let is_rtp = id.protocol == Protocol::Rtp;
        StreamLine {
            kind: "stream",
            sender: id.sender.map(|sender| self.replay.ring().name(sender)),
            protocol: name_of(id.protocol),
            ssrc: id.ssrc.map(Ssrc),
            from: stream.from.to_string(),
            to: stream.to.to_string(),
            profile: id
                .sender
                .and_then(|sender| self.replay.ring().profile(sender))
                .map(|profile| profile.name()),
            payload_type: stream.payload_type,
            packets: stream.packets,
            bytes: stream.octets,
            verified: stream.verified,
            failed: stream.failed,
            replayed: stream.replayed,
            lost: is_rtp.then(|| stream.lost()),
            reordered: stream.reordered,
            roc: stream.roc().filter(|_| is_rtp),
            jitter_ms: stream.jitter_ms(),
        }
    }

    fn summary_line(&self) -> SummaryLine {
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
            handshake: totals.handshake,
            clear_rtcp: totals.clear_rtcp,
            other_udp: totals.other_udp,
            not_udp: totals.not_udp,
            failures: self
                .replay
                .failures()
                .iter()
                .map(|failure| FailureLine {
                    packet: failure.number,
                    offset: failure.offset,
                    from: failure.from.to_string(),
                    protocol: name_of(failure.protocol),
                    ssrc: Ssrc(failure.ssrc),
                    sequence_number: failure.sequence_number,
                    reason: failure.refused.to_string(),
                })
                .collect(),
        }
    }

    fn streams_table(&self) -> Table<12> {
        let mut table = Table::new([
            ("sender", Align::Left),
            ("stream", Align::Left),
            ("SSRC", Align::Left),
            ("packets", Align::Right),
            ("bytes", Align::Right),
            ("verified", Align::Right),
            ("failed", Align::Right),
            ("replayed", Align::Right),
            ("lost", Align::Right),
            ("reordered", Align::Right),
            ("ROC", Align::Right),
            ("jitter", Align::Right),
        ]);
        for (id, stream) in self.replay.tally().streams() {
            let is_rtp = id.protocol == Protocol::Rtp;
            let rtp_only = |text: String| if is_rtp { text } else { "-".into() };
            table.row([
                match id.sender {
                    Some(sender) => self.replay.ring().name(sender).to_owned(),
                    None => format!("a stranger, {}", stream.from),
                },
                self.encoding(id, stream),
                id.ssrc
                    .map_or("others".into(), |ssrc| Ssrc(ssrc).to_string()),
                stream.packets.to_string(),
                stream.octets.to_string(),
                stream.verified.to_string(),
                stream.failed.to_string(),
                stream.replayed.to_string(),
                rtp_only(stream.lost().to_string()),
                stream.reordered.to_string(),
                rtp_only(stream.roc().map_or("-".into(), |roc| roc.to_string())),
                rtp_only(
                    stream
                        .jitter_ms()
                        .map_or("-".into(), |jitter| format!("{jitter:.2} ms")),
                ),
            ]);
        }
        table
    }

    /// Names the streams of which no packet was opened, where others were: a
    /// wrong key of one direction would else hide among many failures.
    fn write_hopeless_streams(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdict() != Verdict::SomeFailed {
            return Ok(());
        }
        for (id, stream) in self.replay.tally().streams() {
            if let (Some(sender), Some(ssrc), 0) = (id.sender, id.ssrc, stream.verified) {
                let name = self.replay.ring().name(sender);
                let packets = stream.packets;
                writeln!(
                    f,
                    "{name}, {}: 0 of {packets} verified: the key, the profile or the ROC is wrong\n",
                    Ssrc(ssrc)
                )?;
            }
        }
        Ok(())
    }

    fn encoding(&self, id: &StreamId, stream: &Stream) -> String {
        match (id.protocol, stream.payload_type) {
            (Protocol::Rtcp, _) => "RTCP".into(),
            (Protocol::Rtp, Some(payload_type)) => match self.replay.encoding(payload_type) {
                Some(encoding) => encoding.to_owned(),
                None => format!("RTP, type {payload_type}"),
            },
            (Protocol::Rtp, None) => "RTP".into(),
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = self.replay.totals();
        if totals.packets > 0 {
            writeln!(f, "{}", self.streams_table())?;
        }
        self.write_hopeless_streams(f)?;
        for failure in self.replay.failures() {
            writeln!(f, "{failure}")?;
        }
        let shown = self.replay.failures().len() as u64;
        let refused = totals.failed + totals.replayed;
        if refused > shown {
            writeln!(f, "... and {} more", refused - shown)?;
        }
        if refused > 0 {
            writeln!(f)?;
        }
        writeln!(
            f,
            "also: {} of the handshake, {} of RTCP in clear, {} of other UDP, {} not UDP",
            totals.handshake, totals.clear_rtcp, totals.other_udp, totals.not_udp
        )?;
        let Totals {
            packets, verified, ..
        } = totals;
        match self.verdict() {
            Verdict::AllVerified => writeln!(f, "{verified} of {packets} packets verified"),
            Verdict::SomeFailed => writeln!(
                f,
                "{verified} of {packets} packets verified; {} failed, {} replayed",
                totals.failed, totals.replayed
            ),
            Verdict::NoneVerified => {
                writeln!(
                    f,
                    "0 of {packets} packets verified: the key, the profile or the ROC is wrong"
                )
            }
            Verdict::NothingProtected => {
                writeln!(f, "no SRTP or SRTCP packet among {} frames", totals.frames)
            }
        }
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
        let ssrc = Ssrc(self.ssrc);
        write!(f, "packet {number} at offset {offset}: ")?;
        match self.sequence_number {
            Some(sequence_number) => write!(f, "RTP {sequence_number} of {ssrc}")?,
            None => write!(f, "RTCP of {ssrc}")?,
        }
        write!(f, " from {from}: {refused}")
    }
}

fn name_of(protocol: Protocol) -> &'static str {
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
    profile: Option<&'static str>,
    payload_type: Option<u8>,
    packets: u64,
    bytes: u64,
    verified: u64,
    failed: u64,
    replayed: u64,
    lost: Option<i32>,
    reordered: u64,
    roc: Option<u32>,
    jitter_ms: Option<f64>,
}

#[derive(Serialize)]
struct SummaryLine {
    kind: &'static str,
    file: String,
    verdict: &'static str,
    frames: u64,
    packets: u64,
    verified: u64,
    failed: u64,
    replayed: u64,
    handshake: u64,
    clear_rtcp: u64,
    other_udp: u64,
    not_udp: u64,
    failures: Vec<FailureLine>,
}

#[derive(Serialize)]
struct FailureLine {
    packet: u64,
    offset: u64,
    from: String,
    protocol: &'static str,
    ssrc: Ssrc,
    sequence_number: Option<u16>,
    reason: String,
}
