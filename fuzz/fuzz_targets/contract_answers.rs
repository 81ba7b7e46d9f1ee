#![no_main]

#[path = "../../eims/tests/fuzz/contract_answers.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::contract_answers(data));
