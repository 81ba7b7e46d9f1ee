//! The floors this project holds itself to, and what was measured.

use crate::load::Operation;
use crate::report::results::{DROP_IN, Question, Results, Row};

/// One floor.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    /// What is measured.
    pub what: String,
    /// Where that stands in the results.
    pub place: Place,
    /// What it is measured by.
    pub by: &'static str,
    /// The least or most that is to be.
    pub required: Required,
    /// What was found; `None` where it was not measured.
    pub measured: Option<f64>,
}

/// One of this project's contenders in one duel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the duel was about.
    pub question: Question,
    /// What was done with the packets.
    pub operation: Operation,
    /// The profile's name.
    pub profile: &'static str,
    /// Octets behind the header.
    pub payload_len: usize,
    /// The backend, or [`DROP_IN`].
    pub contender: String,
    /// Packets given at a time; 0 where they come by single calls.
    pub batch: usize,
    /// Streams that took turns.
    pub streams: usize,
}

/// A bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Required {
    /// So many times as fast.
    AtLeast(f64),
    /// So many times as slow.
    AtMost(f64),
    /// An aim, which is told and not required.
    Aim(f64),
}

impl Floor {
    /// Whether it is met; `None` where nobody can say, or nobody asks.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        let measured = self.measured?;
        match self.required {
            Required::AtLeast(floor) => Some(measured >= floor),
            Required::AtMost(ceiling) => Some(measured <= ceiling),
            Required::Aim(_) => None,
        }
    }
}

const CM_128: &str = "AES_CM_128_HMAC_SHA1_80";
const CM_256: &str = "AES_256_CM_HMAC_SHA1_80";
const GCM_128: &str = "AEAD_AES_128_GCM";
const GCM_256: &str = "AEAD_AES_256_GCM";

const LIBSRTP: &str = "libsrtp, OpenSSL 3";
const LIBSRTP_NSS: &str = "libsrtp, Debian's";
const IPSEC_MB: &str = "ipsec-mb, no SRTP";
const SHA1_BLOCKS: &str = "bare SHA-1 blocks";
const RTC_SRTP: &str = "rtc-srtp";
const ONE_STREAM: &str = "itself with 1 stream";

/// At most 15 % slower.
const WITHIN_15_PERCENT: f64 = 1.0 / 1.15;

/// Every floor, with what the results say.
#[must_use]
pub fn floors(results: &Results) -> Vec<Floor> {
    let mut floors = Vec::new();
    for operation in Operation::RTP {
        batches(results, operation, &mut floors);
    }
    for (payload_len, by_libsrtp) in [(160, 2.3), (1_200, 1.25)] {
        let single = Cell::new(results, Operation::Protect, CM_128, payload_len).single();
        floors.push(single.floor(LIBSRTP, Required::AtLeast(by_libsrtp)));
        floors.push(single.floor(SHA1_BLOCKS, Required::AtLeast(WITHIN_15_PERCENT)));
    }
    for payload_len in [160, 1_200] {
        let single = Cell::new(results, Operation::Protect, GCM_128, payload_len).single();
        floors.push(single.floor(LIBSRTP, Required::AtLeast(3.5)));
        floors.push(single.floor(IPSEC_MB, Required::Aim(1.0)));
    }
    let batch = Cell::new(results, Operation::Protect, GCM_128, 160).batch(64);
    floors.push(batch.floor(LIBSRTP, Required::AtLeast(5.0)));
    floors.push(batch.floor(IPSEC_MB, Required::Aim(1.0)));
    for (profile, single, in_batch) in [(CM_256, 2.3, 8.0), (GCM_256, 3.5, 5.0)] {
        let cell = Cell::new(results, Operation::Protect, profile, 160);
        floors.push(cell.single().floor(LIBSRTP, Required::Aim(single)));
        floors.push(cell.batch(64).floor(LIBSRTP, Required::Aim(in_batch)));
    }
    for backend in ["avx2", "ni"] {
        let cell = Cell::new(results, Operation::Protect, CM_128, 160);
        let batch = cell.on(backend).batch(64);
        floors.push(batch.floor(LIBSRTP, Required::AtLeast(3.5)));
    }
    for profile in [CM_128, GCM_128] {
        for payload_len in [20, 160, 480, 1_200] {
            let soft = Cell::new(results, Operation::Protect, profile, payload_len).on("soft");
            let required = match profile {
                CM_128 => Required::AtLeast(1.0),
                _ => Required::Aim(1.0),
            };
            floors.push(soft.single().floor(RTC_SRTP, required));
        }
    }
    for (batch, ceiling) in [(0, 1.5), (64, 2.0)] {
        floors.push(crowd(results, batch, ceiling));
    }
    floors
}

/// What is asked of libsrtp's C interface, with what the results say.
#[must_use]
pub fn drop_in_floors(results: &Results) -> Vec<Floor> {
    let mut floors = Vec::new();
    for (profile, by_nss, by_openssl) in [(CM_128, 9.0, 2.0), (GCM_128, 6.0, 2.5)] {
        let outcome = results.drop_in.duels.iter().find(|outcome| {
            (outcome.operation, outcome.profile.as_str()) == (Operation::Protect, profile)
        });
        let by = |meant: &dyn Fn(&Row, &Row) -> bool| {
            let standing = &outcome?.standing;
            let meant = standing.ratios.iter().filter(|ratio| {
                let (ours, other) = (&standing.rows[ratio.ours], &standing.rows[ratio.other]);
                ours.contender == DROP_IN && ours.streams == 1 && meant(ours, other)
            });
            meant.map(|ratio| ratio.ratio).min_by(f64::total_cmp)
        };
        let mut floor = |streams, by, required, measured| {
            let place = Place {
                question: Question::DropIn,
                operation: Operation::Protect,
                profile,
                payload_len: 160,
                contender: DROP_IN.to_owned(),
                batch: 0,
                streams,
            };
            let streams = match streams {
                1 => "1 stream",
                _ => "10,000 streams in turn",
            };
            floors.push(Floor {
                what: format!("srtp_protect, {profile}, 160 B, {streams}"),
                place,
                by,
                required,
                measured,
            });
        };
        let nss = by(&|_, other| other.contender.ends_with("-nss"));
        floor(1, LIBSRTP_NSS, Required::AtLeast(by_nss), nss);
        let openssl = by(&|_, other| other.is_libsrtp_openssl());
        floor(1, LIBSRTP, Required::AtLeast(by_openssl), openssl);
        // The crowd's time over the one stream's.
        let crowd = by(&|ours, other| other.is_same_but_streams(ours) && other.streams == 10_000);
        let required = Required::AtMost(1.5);
        floor(10_000, ONE_STREAM, required, crowd);
    }
    floors
}

fn batches(results: &Results, operation: Operation, floors: &mut Vec<Floor>) {
    let by_size = [
        (20, 10.0, 1.0),
        (160, 8.0, 1.0),
        (480, 6.0, 1.0),
        (1_200, 4.5, WITHIN_15_PERCENT),
    ];
    for (payload_len, by_libsrtp, by_ipsec_mb) in by_size {
        for batch in [16, 64] {
            let cell = Cell::new(results, operation, CM_128, payload_len).batch(batch);
            floors.push(cell.floor(LIBSRTP, Required::AtLeast(by_libsrtp)));
            floors.push(cell.floor(IPSEC_MB, Required::AtLeast(by_ipsec_mb)));
        }
    }
}

/// One of this project's contenders in one duel.
#[derive(Clone, Copy)]
struct Cell<'a> {
    results: &'a Results,
    operation: Operation,
    profile: &'static str,
    payload_len: usize,
    backend: &'a str,
    batch: usize,
}

impl<'a> Cell<'a> {
    fn new(
        results: &'a Results,
        operation: Operation,
        profile: &'static str,
        payload_len: usize,
    ) -> Self {
        Self {
            results,
            operation,
            profile,
            payload_len,
            backend: results.backend(),
            batch: 0,
        }
    }

    fn on(self, backend: &'a str) -> Self {
        Self { backend, ..self }
    }

    fn single(self) -> Self {
        self.batch(0)
    }

    fn batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    fn floor(self, by: &'static str, required: Required) -> Floor {
        let Self {
            operation,
            profile,
            payload_len,
            backend,
            batch,
            ..
        } = self;
        let given = match batch {
            0 => "single".to_owned(),
            batch => format!("batch of {batch}"),
        };
        Floor {
            what: format!("{operation}, {profile}, {payload_len} B, {backend}, {given}"),
            place: Place {
                question: Question::Packets,
                operation,
                profile,
                payload_len,
                contender: backend.to_owned(),
                batch,
                streams: 1,
            },
            by,
            required,
            measured: self.measured(by),
        }
    }

    /// Against the fastest of those that are meant.
    fn measured(self, by: &str) -> Option<f64> {
        let meant = move |other: &Row| match by {
            LIBSRTP => other.is_libsrtp_openssl(),
            IPSEC_MB => {
                other.contender.starts_with("ipsec-mb")
                    && (other.batch == self.batch || other.batch == 0)
            }
            SHA1_BLOCKS => other.contender == "sha1-blocks",
            _ => other.contender == "rtc-srtp",
        };
        let outcome = self
            .results
            .packets(self.operation, self.profile, self.payload_len)?;
        let ratios = outcome.standing.against(self.backend, self.batch, meant);
        ratios.map(|(_, ratio)| ratio).min_by(f64::total_cmp)
    }
}

/// 10,000 streams in turn against one.
fn crowd(results: &Results, batch: usize, ceiling: f64) -> Floor {
    let outcome = results.about(Question::Streams).find(|outcome| {
        (outcome.operation, outcome.profile.as_str()) == (Operation::Protect, CM_128)
    });
    let measured = outcome.and_then(|outcome| {
        let standing = &outcome.standing;
        standing.ratios.iter().find_map(|ratio| {
            let (ours, other) = (&standing.rows[ratio.ours], &standing.rows[ratio.other]);
            // The crowd's time over the one stream's.
            let meant = other.is_same_but_streams(ours)
                && (ours.streams, other.streams) == (1, 10_000)
                && ours.batch == batch;
            meant.then_some(ratio.ratio)
        })
    });
    Floor {
        what: format!(
            "protect, {CM_128}, 160 B, 10,000 streams in turn, {}",
            match batch {
                0 => "single".to_owned(),
                batch => format!("batch of {batch}"),
            }
        ),
        place: Place {
            question: Question::Streams,
            operation: Operation::Protect,
            profile: CM_128,
            payload_len: 160,
            contender: results.backend().to_owned(),
            batch,
            streams: 10_000,
        },
        by: ONE_STREAM,
        required: Required::AtMost(ceiling),
        measured,
    }
}
