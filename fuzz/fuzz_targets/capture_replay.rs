#![no_main]

#[path = "../../cli/tests/fuzz/capture_replay.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::capture_replay(data));
