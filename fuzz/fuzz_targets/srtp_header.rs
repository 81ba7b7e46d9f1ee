#![no_main]

#[path = "../../srtp/tests/fuzz/srtp_header.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::srtp_header(data));
