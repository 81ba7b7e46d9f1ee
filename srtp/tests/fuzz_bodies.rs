//! The fuzz targets' bodies over their seeds and over mutations of these,
//! the same in every run.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    clippy::duplicate_mod,
    reason = "each body is a program of its own elsewhere"
)]

use std::fs;
use std::path::Path;

use callseal_testkit::SplitMix64;

#[expect(unreachable_pub, reason = "the fuzz target includes the same file")]
#[path = "fuzz/sdes_line.rs"]
mod sdes_line;
#[expect(unreachable_pub, reason = "the fuzz target includes the same file")]
#[path = "fuzz/srtp_header.rs"]
mod srtp_header;
#[expect(unreachable_pub, reason = "the fuzz target includes the same file")]
#[path = "fuzz/srtp_operations.rs"]
mod srtp_operations;
#[expect(unreachable_pub, reason = "the fuzz target includes the same file")]
#[path = "fuzz/srtp_round_trip.rs"]
mod srtp_round_trip;
#[expect(unreachable_pub, reason = "the fuzz target includes the same file")]
#[path = "fuzz/srtp_unprotect_rtcp.rs"]
mod srtp_unprotect_rtcp;
#[expect(unreachable_pub, reason = "the fuzz target includes the same file")]
#[path = "fuzz/srtp_unprotect_rtp.rs"]
mod srtp_unprotect_rtp;

#[test]
fn reading_a_header_survives_mutation() {
    run("srtp_header", 300, srtp_header::srtp_header);
}

#[test]
fn unprotecting_rtp_survives_mutation() {
    run(
        "srtp_unprotect_rtp",
        100,
        srtp_unprotect_rtp::srtp_unprotect_rtp,
    );
}

#[test]
fn unprotecting_rtcp_survives_mutation() {
    run(
        "srtp_unprotect_rtcp",
        100,
        srtp_unprotect_rtcp::srtp_unprotect_rtcp,
    );
}

#[test]
fn round_trips_survive_mutation() {
    run("srtp_round_trip", 150, srtp_round_trip::srtp_round_trip);
}

#[test]
fn sequences_of_operations_survive_mutation() {
    run("srtp_operations", 30, srtp_operations::srtp_operations);
}

#[test]
fn reading_an_sdes_line_survives_mutation() {
    run("sdes_line", 2_000, sdes_line::sdes_line);
}

fn run(target: &str, mutations_per_seed: usize, body: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut paths: Vec<_> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    // The order in a directory is nobody's promise.
    paths.sort();
    let seeds: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty(), "no seeds in {}", directory.display());
    let mut random = SplitMix64::new(0x5a17);
    for seed in &seeds {
        body(seed);
        for _ in 0..mutations_per_seed {
            body(&mutated(seed, &mut random));
        }
    }
}

/// A few octets changed, cut off, put in or doubled.
fn mutated(seed: &[u8], random: &mut SplitMix64) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(data.len() as u64 + 1) as usize;
        match random.below(5) {
            0 if at < data.len() => data[at] ^= 1 << random.below(8),
            1 if at < data.len() => data[at] = random.next_u64() as u8,
            2 => data.truncate(at),
            3 => data.insert(at, random.next_u64() as u8),
            _ => data.extend_from_within(at..),
        }
    }
    data
}
