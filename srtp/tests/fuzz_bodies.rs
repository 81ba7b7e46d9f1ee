//! The fuzz targets' bodies over their seeds and over mutations of these,
//! the same in every run.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    clippy::duplicate_mod,
    reason = "each body is a program of its own elsewhere"
)]

use callseal_testkit::play;

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
    play("srtp_header", 300, srtp_header::srtp_header);
}

#[test]
fn unprotecting_rtp_survives_mutation() {
    play(
        "srtp_unprotect_rtp",
        100,
        srtp_unprotect_rtp::srtp_unprotect_rtp,
    );
}

#[test]
fn unprotecting_rtcp_survives_mutation() {
    play(
        "srtp_unprotect_rtcp",
        100,
        srtp_unprotect_rtcp::srtp_unprotect_rtcp,
    );
}

#[test]
fn round_trips_survive_mutation() {
    play("srtp_round_trip", 150, srtp_round_trip::srtp_round_trip);
}

#[test]
fn sequences_of_operations_survive_mutation() {
    play("srtp_operations", 30, srtp_operations::srtp_operations);
}

#[test]
fn reading_an_sdes_line_survives_mutation() {
    play("sdes_line", 2_000, sdes_line::sdes_line);
}
