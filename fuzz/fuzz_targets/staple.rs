#![no_main]

#[path = "../../registry-client/tests/fuzz/staple.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    body::staple(data);
});
