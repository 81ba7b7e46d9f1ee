#![no_main]

#[path = "../../cli/tests/fuzz/heard_packets.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::heard_packets(data));
