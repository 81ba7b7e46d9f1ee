#![no_main]

#[path = "../../srtp-capi/tests/fuzz/c_calls.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::c_calls(data));
