#![no_main]

#[path = "../../sts/tests/fuzz/handshake_messages.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::handshake_messages(data));
