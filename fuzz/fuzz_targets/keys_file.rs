#![no_main]

#[path = "../../cli/tests/fuzz/keys_file.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::keys_file(data));
