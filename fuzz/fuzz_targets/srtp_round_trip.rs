#![no_main]

#[path = "../../srtp/tests/fuzz/srtp_round_trip.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::srtp_round_trip(data));
