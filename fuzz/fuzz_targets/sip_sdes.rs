#![no_main]

#[path = "../../cli/tests/fuzz/sip_sdes.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::sip_sdes(data));
