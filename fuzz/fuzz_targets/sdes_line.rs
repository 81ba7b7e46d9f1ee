#![no_main]

#[path = "../../srtp/tests/fuzz/sdes_line.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::sdes_line(data));
