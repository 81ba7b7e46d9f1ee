#![no_main]

#[path = "../../registry-client/tests/fuzz/operators_file.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::operators_file(data));
