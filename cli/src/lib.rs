//! The `callseal` command: calls that are private end to end.
//!
//! The other crates are given time, randomness, files and sockets from here.
#![forbid(unsafe_code)]

pub mod capture;
