#![no_main]

#[path = "../../registry-client/tests/fuzz/light_network.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::light_network(data));
