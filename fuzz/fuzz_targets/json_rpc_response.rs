#![no_main]

#[path = "../../registry-client/tests/fuzz/json_rpc_response.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::json_rpc_response(data));
