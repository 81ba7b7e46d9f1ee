#![no_main]

#[path = "../../cli/tests/fuzz/sealed_keys.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::sealed_keys(data));
