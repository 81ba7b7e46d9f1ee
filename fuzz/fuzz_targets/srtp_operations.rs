#![no_main]

#[path = "../../srtp/tests/fuzz/srtp_operations.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::srtp_operations(data));
