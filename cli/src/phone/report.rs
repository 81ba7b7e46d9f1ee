//! What came of a call, for people and for programs.

use std::fmt;

use callseal_endpoint::Known;
use callseal_sts::{Number, Role};
use serde::Serialize;

use crate::heard::{Heard, HeardStream};
use crate::keys_file::Ssrc;
use crate::rtp::static_clock_rate;
use crate::session::CallRecord;
use crate::speech::AMR_WB_PAYLOAD_TYPE;
use crate::table::{Align, Table};

/// A finished call. `Display` is for people, `Serialize` for programs.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    role: &'static str,
    established: bool,
    number: String,
    peer_number: Option<String>,
    peer_key: Option<String>,
    /// Whether the peer's key was known from an earlier call.
    known: Option<&'static str>,
    /// What proved the peer's record: what it handed over, or a node that was asked.
    record_from: Option<&'static str>,
    /// Why what it handed over did not count.
    staple_refused: Option<String>,
    sas: Option<String>,
    suite: Option<u16>,
    profile: Option<&'static str>,
    epoch: Option<u8>,
    /// How often the keys were renewed.
    renewals: u64,
    packets_sent: u64,
    packets_received: u64,
    /// Packets whose tag was wrong.
    auth_failures: u64,
    replayed: u64,
    ignored: u64,
    /// How many of these three were sent by neither side.
    from_strangers: u64,
    lost: i64,
    round_trip_ms: Option<f64>,
    /// Over the payloads in their order, where just one stream was received.
    payload_sha256: Option<String>,
    /// The same of the stream sent, where it was just one.
    sent_payload_sha256: Option<String>,
    sent: Vec<Stream>,
    received: Vec<Stream>,
    ended: Option<String>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Stream {
    ssrc: Ssrc,
    payload_type: u8,
    packets: u64,
    lost: Option<i32>,
    jitter_ms: Option<f64>,
    payload_sha256: String,
}

impl Report {
    pub(super) fn new(role: Role, number: Number, record: &CallRecord) -> Self {
        let secured = record.secured.as_ref();
        let statistics = &record.statistics;
        let sent = streams(&record.said, record, false);
        let received = streams(&record.heard, record, true);
        let only = |streams: &[Stream]| match streams {
            [one] => Some(one.payload_sha256.clone()),
            _ => None,
        };
        Self {
            role: match role {
                Role::Caller => "caller",
                Role::Callee => "callee",
            },
            established: secured.is_some(),
            number: number.to_string(),
            peer_number: secured.map(|secured| secured.peer.number.to_string()),
            peer_key: secured.map(|secured| secured.peer.key.to_string()),
            record_from: (!record.look_ups.is_empty()).then_some(match record.staple {
                Some(Ok(())) => "peer",
                Some(Err(_)) | None => "node",
            }),
            staple_refused: match &record.staple {
                Some(Err(why)) => Some(why.to_string()),
                _ => None,
            },
            known: secured.map(|secured| match secured.known {
                Known::FirstContact => "first contact",
                Known::SameKey => "same key",
                Known::ChangedKey => "changed key",
            }),
            sas: secured.map(|secured| secured.sas.to_string()),
            suite: secured.map(|secured| secured.suite.id()),
            profile: secured.map(|secured| secured.suite.media_profile()),
            epoch: secured.map(|secured| secured.epoch),
            renewals: record.renewals,
            packets_sent: record.sent,
            packets_received: record.heard.packets(),
            auth_failures: statistics.rejected,
            replayed: statistics.replayed,
            ignored: statistics.ignored,
            from_strangers: record.strangers.packets,
            lost: statistics
                .received
                .iter()
                .map(|stream| i64::from(stream.lost))
                .sum(),
            round_trip_ms: statistics
                .round_trip
                .map(|time| time.as_secs_f64() * 1_000.0),
            payload_sha256: only(&received),
            sent_payload_sha256: only(&sent),
            sent,
            received,
            ended: record.ended.as_ref().map(ToString::to_string),
            error: record.error(),
        }
    }

    /// Whether the call was secured and ended as calls do.
    pub(super) fn is_well(&self) -> bool {
        self.established && self.error.is_none()
    }
}

fn streams(heard: &Heard, record: &CallRecord, is_received: bool) -> Vec<Stream> {
    let of = |(ssrc, stream): (u32, &HeardStream)| {
        let counted = record
            .statistics
            .received
            .iter()
            .find(|counted| is_received && counted.ssrc == ssrc);
        Stream {
            ssrc: Ssrc(ssrc),
            payload_type: stream.payload_type,
            packets: stream.packets,
            lost: counted.map(|counted| counted.lost),
            jitter_ms: counted.and_then(|counted| {
                let clock_rate = clock_rate(stream.payload_type)?;
                Some(f64::from(counted.jitter) * 1_000.0 / f64::from(clock_rate))
            }),
            payload_sha256: hex::encode(stream.payload_sha256()),
        }
    };
    heard.streams().map(of).collect()
}

fn clock_rate(payload_type: u8) -> Option<u32> {
    match payload_type {
        AMR_WB_PAYLOAD_TYPE => Some(16_000),
        other => static_clock_rate(other),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(peer), Some(known), Some(profile), Some(epoch)) =
            (&self.peer_number, self.known, self.profile, self.epoch)
        {
            let renewals = match self.renewals {
                0 => String::new(),
                1 => ", keys renewed once".to_owned(),
                times => format!(", keys renewed {times} times"),
            };
            writeln!(
                f,
                "with {peer} ({known}), {profile}, epoch {epoch}{renewals}\n"
            )?;
            let mut table = Table::new([
                ("", Align::Left),
                ("SSRC", Align::Left),
                ("type", Align::Right),
                ("packets", Align::Right),
                ("lost", Align::Right),
                ("jitter", Align::Right),
            ]);
            let sent = self.sent.iter().map(|stream| ("sent", stream));
            let received = self.received.iter().map(|stream| ("heard", stream));
            for (way, stream) in sent.chain(received) {
                let shown = |count: Option<String>| count.unwrap_or_default();
                table.row([
                    way.to_owned(),
                    stream.ssrc.to_string(),
                    stream.payload_type.to_string(),
                    stream.packets.to_string(),
                    shown(stream.lost.map(|lost| lost.to_string())),
                    shown(stream.jitter_ms.map(|jitter| format!("{jitter:.2} ms"))),
                ]);
            }
            writeln!(f, "{table}")?;
            writeln!(
                f,
                "refused: {} with a wrong tag, {} replayed, {} of no use",
                self.auth_failures, self.replayed, self.ignored
            )?;
        }
        if let (Some(ended), None) = (&self.ended, &self.error) {
            writeln!(f, "{ended}")?;
        }
        match &self.error {
            Some(error) if self.established => writeln!(f, "broke off: {error}"),
            Some(error) => writeln!(f, "not secured: {error}"),
            None => Ok(()),
        }
    }
}
