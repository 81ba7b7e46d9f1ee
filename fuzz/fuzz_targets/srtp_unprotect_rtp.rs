#![no_main]

#[path = "../../srtp/tests/fuzz/srtp_unprotect_rtp.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::srtp_unprotect_rtp(data));
