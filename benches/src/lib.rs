//! Criterion groups that measure callseal.
#![forbid(unsafe_code)]
