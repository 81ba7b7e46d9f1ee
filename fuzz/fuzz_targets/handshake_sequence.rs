#![no_main]

#[path = "../../sts/tests/fuzz/handshake_sequence.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::handshake_sequence(data));
