#![no_main]

#[path = "../../rtcp-ext/tests/fuzz/handshake_fragments.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::handshake_fragments(data));
