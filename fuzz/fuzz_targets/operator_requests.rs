#![no_main]

#[path = "../../eims/tests/fuzz/operator_requests.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::operator_requests(data));
