//! What a run found, as it is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::instructions::Costs;
use crate::load::Operation;
use crate::machine::Machine;

/// A whole run. Everything in the tables is made of this.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The day of the run.
    pub date: String,
    /// Where it was.
    pub machine: Machine,
    /// The peers by name, with their versions.
    pub peers: BTreeMap<String, String>,
    /// The duels.
    pub duels: Vec<Outcome>,
    /// Medians of criterion's groups, in nanoseconds, by their names.
    pub criterion: BTreeMap<String, f64>,
    /// Proofs that a look-up carries, in octets, by the number of subscribers.
    #[serde(default)]
    pub proof_lens: BTreeMap<usize, usize>,
    /// What a look-up takes, by the number of subscribers.
    #[serde(default)]
    pub growth: Vec<Growth>,
    /// Octets, by what takes them.
    #[serde(default)]
    pub memory: BTreeMap<String, Memory>,
    /// Whole calls in virtual time.
    pub calls: Vec<CallSetUp>,
    /// The C interface, beside libsrtp's own.
    #[serde(default)]
    pub drop_in: DropIn,
    /// What instructions cost.
    #[serde(default)]
    pub costs: Costs,
    /// Phones that enrol at an operator's service.
    #[serde(default)]
    pub enrolments: Enrolments,
}

/// What `eims/examples/enrolments` found, which may have been another day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Enrolments {
    /// The day.
    #[serde(default)]
    pub date: String,
    /// The processor.
    #[serde(default)]
    pub processor: String,
    /// Looks at the service's memory on the way.
    pub looks: Vec<Look>,
    /// What the parts of one take in real time.
    pub parts: Vec<Part>,
}

/// What so many enrolments have left, and what those since the look before took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// So many.
    pub enrolments: u64,
    /// Octets on the heap, of all threads.
    pub heap_len: i64,
    /// What the process has in memory, in units of 1,024 octets.
    pub resident_kib: u64,
    /// What is on the disk, in units of 1,024 octets.
    pub records_kib: u64,
    /// What phone and service computed for one enrolment, in milliseconds.
    pub computation_ms: f64,
}

/// A part of an enrolment, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What it is called.
    pub name: String,
    /// The median.
    pub median_ms: f64,
    /// Below which 99 of 100 are.
    pub most_ms: f64,
}

/// What a look-up takes in a generated registry.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// How many subscribers it has.
    pub subscribers: usize,
    /// Nodes on the longest way from the storage's root to a word.
    pub depth: usize,
    /// The proof of the contract's account, in octets; it is the chain's, not the registry's.
    pub account_proof_len: usize,
    /// All proofs of a look-up, in octets.
    pub proof_len: usize,
    /// The whole evidence that a phone hands over, in octets.
    pub staple_len: usize,
    /// Verifying account and words, in nanoseconds.
    pub verify_ns: f64,
    /// Words in the contract's storage.
    pub slots: usize,
    /// What one enrolment costs: the claim and its approval.
    pub gas: u64,
}

/// A run of [`Question::DropIn`], which may have been another day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DropIn {
    /// The day.
    pub date: String,
    /// The processor.
    pub processor: String,
    /// The duels.
    pub duels: Vec<Outcome>,
}

/// What this project is called behind libsrtp's C interface.
pub const DROP_IN: &str = "libsrtp2.so.1";

/// What a session takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Octets before its first packet.
    pub session: i64,
    /// Octets that each stream adds.
    pub stream: i64,
}

/// What a duel was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Question {
    /// Packets of one stream.
    Packets,
    /// Streams of one session, more and more of them.
    Streams,
    /// Sessions of one stream each, more and more of them.
    Sessions,
    /// RustCrypto without any instruction that has to be detected.
    Portable,
    /// This project and libsrtp behind the same C functions.
    DropIn,
}

/// One duel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What it was about.
    pub question: Question,
    /// What was done with the packets.
    pub operation: Operation,
    /// The profile's name.
    pub profile: String,
    /// Octets behind the header.
    pub payload_len: usize,
    /// How it came out.
    #[serde(flatten)]
    pub standing: Standing,
}

/// How a duel's contenders came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// In how many rounds.
    pub rounds: usize,
    /// One a contender.
    pub rows: Vec<Row>,
    /// This project's contenders against the others.
    pub ratios: Vec<Ratio>,
}

/// One contender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// A backend's or a library's name.
    pub contender: String,
    /// Packets given at a time; 0 where they come by single calls.
    pub batch: usize,
    /// Whether it does the whole of SRTP.
    pub is_srtp: bool,
    /// Streams that took turns.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub streams: usize,
    /// Sessions that they were spread over.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub sessions: usize,
    /// Nanoseconds a packet, the median of the rounds.
    pub ns: f64,
    /// A quarter of the rounds was faster.
    pub low_ns: f64,
    /// A quarter of the rounds was slower.
    pub high_ns: f64,
}

fn one() -> usize {
    1
}

fn is_one(count: &usize) -> bool {
    *count == 1
}

/// One of this project's contenders against another one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "(usize, usize, f64)", into = "(usize, usize, f64)")]
pub struct Ratio {
    /// Which row is ours.
    pub ours: usize,
    /// Which row is the other.
    pub other: usize,
    /// The other's time over ours, the median of the rounds: so many times as
    /// fast are we.
    pub ratio: f64,
}

/// Calls under one network, as the bench `call_setup` prints them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallSetUp {
    /// The network's round trip.
    pub round_trip_ms: u128,
    /// The part of datagrams that it loses.
    pub loss: f64,
    /// When the callee has keys.
    pub callee_ms: u128,
    /// When the caller has keys.
    pub caller_ms: u128,
    /// The same for a caller that begins its look-up with M2.
    pub caller_serial_ms: u128,
    /// Datagrams sent.
    pub datagrams: u64,
    /// Octets in them.
    pub octets: u64,
}

impl From<(usize, usize, f64)> for Ratio {
    fn from((ours, other, ratio): (usize, usize, f64)) -> Self {
        Self { ours, other, ratio }
    }
}

impl From<Ratio> for (usize, usize, f64) {
    fn from(Ratio { ours, other, ratio }: Ratio) -> Self {
        (ours, other, ratio)
    }
}

impl Results {
    /// JSON with a line for each duel, so that versions of it can be compared.
    ///
    /// # Errors
    ///
    /// Where a figure is not a number.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let Self {
            date,
            machine,
            peers,
            duels,
            criterion,
            proof_lens,
            growth,
            memory,
            calls,
            drop_in,
            costs,
            enrolments,
        } = self;
        let lines = |values: Vec<String>| values.join(",\n");
        let duels = duels
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<_, _>>()?;
        let DropIn {
            date: drop_in_date,
            processor,
            duels: drop_in_duels,
        } = drop_in;
        let drop_in_duels = drop_in_duels
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<_, _>>()?;
        let calls = calls
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<_, _>>()?;
        Ok(format!(
            "{{\n\"date\":{},\n\"machine\":{},\n\"peers\":{},\n\"duels\":[\n{}\n],\n\"criterion\":{},\n\"proof_lens\":{},\n\"growth\":{},\n\"memory\":{},\n\"calls\":[\n{}\n],\n\"drop_in\":{{\"date\":{},\"processor\":{},\"duels\":[\n{}\n]}},\n\"costs\":{},\n\"enrolments\":{}\n}}\n",
            serde_json::to_string(date)?,
            serde_json::to_string(machine)?,
            serde_json::to_string(peers)?,
            lines(duels),
            serde_json::to_string(criterion)?,
            serde_json::to_string(proof_lens)?,
            serde_json::to_string(growth)?,
            serde_json::to_string(memory)?,
            lines(calls),
            serde_json::to_string(drop_in_date)?,
            serde_json::to_string(processor)?,
            lines(drop_in_duels),
            serde_json::to_string(costs)?,
            serde_json::to_string(enrolments)?,
        ))
    }

    /// The duel of one stream's packets.
    #[must_use]
    pub fn packets(
        &self,
        operation: Operation,
        profile: &str,
        payload_len: usize,
    ) -> Option<&Outcome> {
        self.duels.iter().find(|outcome| {
            outcome.question == Question::Packets
                && (outcome.operation, outcome.payload_len) == (operation, payload_len)
                && outcome.profile == profile
        })
    }

    /// The duels about something else.
    pub fn about(&self, question: Question) -> impl Iterator<Item = &Outcome> {
        self.duels
            .iter()
            .filter(move |outcome| outcome.question == question)
    }

    /// The fastest of this project's backends there.
    #[must_use]
    pub fn backend(&self) -> &str {
        self.machine.backends.first().map_or("soft", String::as_str)
    }
}

impl Standing {
    /// The row of this contender with one stream, or the first.
    #[must_use]
    pub fn row(&self, contender: &str, batch: usize) -> Option<&Row> {
        let mut rows = self.rows.iter();
        rows.find(|row| row.contender == contender && row.batch == batch)
    }

    /// How many times as fast one of ours is as each of the others that `are`
    /// meant.
    pub fn against<'a>(
        &'a self,
        contender: &'a str,
        batch: usize,
        are: impl Fn(&Row) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a Row, f64)> + 'a {
        let ratios = self.ratios.iter();
        ratios.filter_map(move |ratio| {
            let (ours, other) = (self.rows.get(ratio.ours)?, self.rows.get(ratio.other)?);
            let meant = ours.contender == contender && ours.batch == batch && are(other);
            meant.then_some((other, ratio.ratio))
        })
    }
}

impl Row {
    /// Whether it is this project's SRTP.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        ["soft", "ni", "avx2", "avx512", DROP_IN].contains(&self.contender.as_str())
    }

    /// Whether it is libsrtp on OpenSSL.
    #[must_use]
    pub fn is_libsrtp_openssl(&self) -> bool {
        self.contender.starts_with("libsrtp-") && self.contender.ends_with("-openssl")
    }

    /// Whether it is the other one under another load.
    #[must_use]
    pub fn is_same_but_streams(&self, other: &Self) -> bool {
        (&self.contender, self.batch) == (&other.contender, other.batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::Cost;

    #[test]
    fn results_are_read_as_they_were_written() {
        let row = |contender: &str, streams| Row {
            contender: contender.into(),
            batch: 16,
            is_srtp: true,
            streams,
            sessions: 1,
            ns: 20.5,
            low_ns: 20.0,
            high_ns: 21.0,
        };
        let outcome = Outcome {
            question: Question::Packets,
            operation: Operation::Protect,
            profile: "AEAD_AES_128_GCM".into(),
            payload_len: 160,
            standing: Standing {
                rounds: 3,
                rows: vec![row("soft", 1), row("libsrtp-2.7-openssl", 100)],
                ratios: vec![Ratio {
                    ours: 0,
                    other: 1,
                    ratio: 9.5,
                }],
            },
        };
        let results = Results {
            date: "a day".into(),
            duels: vec![outcome.clone(), outcome.clone()],
            proof_lens: [(100, 2_575)].into(),
            drop_in: DropIn {
                date: "another".into(),
                processor: "a \"fast\" one".into(),
                duels: vec![outcome.clone()],
            },
            costs: Costs {
                ghz: 3.5,
                instructions: vec![Cost {
                    name: "vaesenc zmm".into(),
                    latency: Some(4.0),
                    every: None,
                }],
                ..Costs::default()
            },
            ..Results::default()
        };
        let json = results.to_json().unwrap();
        let read: Results = serde_json::from_str(&json).unwrap();
        assert_eq!(read, results);
        let standing = &read.duels[0].standing;
        let mut against = standing.against("soft", 16, Row::is_libsrtp_openssl);
        assert_eq!(against.next().unwrap().1, 9.5);
    }
}
