#![no_main]

#[path = "../../eims/tests/fuzz/enrolment_notes.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::enrolment_notes(data));
