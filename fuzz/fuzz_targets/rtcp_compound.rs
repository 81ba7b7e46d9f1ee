#![no_main]

#[path = "../../rtcp-ext/tests/fuzz/rtcp_compound.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::rtcp_compound(data));
