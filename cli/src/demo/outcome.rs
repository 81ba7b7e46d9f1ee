//! Whether all was as it should be.

use serde::Serialize;

use super::call::Call;
use super::enrolments::Told as Enrolment;
use super::folder::Folder;
use super::liar::Told;
use super::{ALICE, BOB, NAMES};
use crate::keys_file::Ssrc;
use crate::speech::AMR_WB_PAYLOAD_TYPE;

/// What came out, for programs; and whether all is well.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) ok: bool,
    pub(super) folder: String,
    set_up_ms: Option<f64>,
    sas: Option<String>,
    suite: Option<String>,
    pub(super) directions: Vec<Direction>,
    /// What nodes were asked by both phones together, before the call and during it.
    nodes_asked_before: u64,
    nodes_asked_during: u64,
    /// With `--full`: how the phones were enrolled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) enrolments: Vec<Enrolment>,
    lies_told: usize,
    lies_caught: usize,
    pub(super) problems: Vec<String>,
}

/// What one side heard of the other.
#[derive(Debug, Serialize)]
pub(super) struct Direction {
    pub(super) sender: &'static str,
    pub(super) receiver: &'static str,
    pub(super) streams: Vec<Stream>,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) lost: i64,
    pub(super) replayed: u64,
    pub(super) rejected: u64,
    /// Of the sender's packets; a stranger's are counted apart.
    ignored: u64,
    differences: u64,
    missing: u64,
    pub(super) forged: u64,
    pub(super) forged_refused: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Stream {
    pub(super) ssrc: Ssrc,
    pub(super) codec: &'static str,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) lost: i32,
    pub(super) jitter_ms: f64,
    payload_sha256: String,
}

impl Outcome {
    /// Judges the call and what went before it.
    pub(crate) fn of(call: &Call, lies: &[Told], folder: &Folder) -> Self {
        let mut problems = Vec::new();
        if call.is_interrupted {
            problems.push("interrupted".to_owned());
        }
        for (side, record) in call.records.iter().enumerate() {
            if let Some(error) = record.error() {
                problems.push(format!("{}: {error}", NAMES[side]));
            }
        }
        let secured = [ALICE, BOB].map(|side| call.records[side].secured.as_ref());
        if let [Some(alice), Some(bob)] = secured
            && (alice.sas != bob.sas || alice.epoch != bob.epoch)
        {
            problems.push("the two sides have different secrets".to_owned());
        }
        let lies_caught = lies.iter().filter(|(_, caught)| caught.is_some()).count();
        let [nodes_asked_before, nodes_asked_during] = call.asked;
        if nodes_asked_during > 0 {
            problems.push("a node was asked about a number while somebody called".to_owned());
        }
        if lies_caught < lies.len() {
            problems.push("a lie about the registry was believed".to_owned());
        }
        let directions: Vec<Direction> = [(ALICE, BOB), (BOB, ALICE)]
            .into_iter()
            .map(|(sender, receiver)| Direction::of(call, sender, receiver))
            .collect();
        for (direction, receiver) in directions.iter().zip([BOB, ALICE]) {
            let who = direction.receiver;
            problems.extend(call.listeners[receiver].words().iter().cloned());
            if direction.missing > 0 {
                problems.push(format!("{who} did not hear {} packets", direction.missing));
            }
            if direction.forged == 0 {
                problems.push(format!("nothing was forged towards {who}"));
            }
            if direction.forged_refused != direction.forged {
                problems.push(format!(
                    "of {} forged packets {who} refused {}",
                    direction.forged, direction.forged_refused
                ));
            }
            if direction.replayed + direction.rejected + direction.ignored > 0 {
                problems.push(format!("{who} refused genuine packets"));
            }
        }
        Self {
            ok: problems.is_empty(),
            folder: folder.path.display().to_string(),
            set_up_ms: call.set_up_time().map(|time| time.as_secs_f64() * 1_000.0),
            sas: secured[ALICE].map(|secured| secured.sas.to_string()),
            suite: secured[ALICE].map(|secured| secured.suite.media_profile().to_owned()),
            directions,
            nodes_asked_before,
            nodes_asked_during,
            enrolments: Vec::new(),
            lies_told: lies.len(),
            lies_caught,
            problems,
        }
    }
}

impl Direction {
    fn of(call: &Call, sender: usize, receiver: usize) -> Self {
        let record = &call.records[receiver];
        let (statistics, strangers) = (&record.statistics, &record.strangers);
        let mut streams = Vec::new();
        for (ssrc, heard) in record.heard.streams() {
            let counted = statistics
                .received
                .iter()
                .find(|counted| counted.ssrc == ssrc);
            let (codec, clock_rate) = match heard.payload_type {
                AMR_WB_PAYLOAD_TYPE => ("AMR-WB", 16_000.0),
                _ => ("PCMU", 8_000.0),
            };
            streams.push(Stream {
                ssrc: Ssrc(ssrc),
                codec,
                packets: counted.map_or(0, |counted| counted.packets),
                bytes: counted.map_or(0, |counted| counted.octets),
                lost: counted.map_or(0, |counted| counted.lost),
                jitter_ms: counted.map_or(0.0, |counted| {
                    f64::from(counted.jitter) * 1_000.0 / clock_rate
                }),
                payload_sha256: hex::encode(heard.payload_sha256()),
            });
        }
        let listener = &call.listeners[receiver];
        Self {
            sender: NAMES[sender],
            receiver: NAMES[receiver],
            packets: streams.iter().map(|stream| stream.packets).sum(),
            bytes: streams.iter().map(|stream| stream.bytes).sum(),
            lost: streams.iter().map(|stream| i64::from(stream.lost)).sum(),
            replayed: statistics.replayed.saturating_sub(strangers.replayed),
            rejected: statistics.rejected.saturating_sub(strangers.rejected),
            ignored: statistics.ignored.saturating_sub(strangers.ignored),
            differences: listener.differences(),
            missing: listener.missing(),
            forged: call.injected[receiver].len() as u64,
            forged_refused: strangers.rejected + strangers.replayed + strangers.ignored,
            streams,
        }
    }
}
