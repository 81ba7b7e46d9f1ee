#![no_main]

#[path = "../../registry-client/tests/fuzz/proof_walk.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::proof_walk(data));
