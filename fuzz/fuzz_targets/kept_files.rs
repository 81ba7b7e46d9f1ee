#![no_main]

#[path = "../../cli/tests/fuzz/kept_files.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::kept_files(data));
