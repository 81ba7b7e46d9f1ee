//! The `callseal` command: calls that are private end to end.
//!
//! The other crates are given time, randomness, files and sockets from here.
#![forbid(unsafe_code)]

pub mod capture;
pub mod g711;
pub mod keys_file;
pub mod output_file;
pub mod replay;
pub mod rtp;
pub mod secret;
pub mod speech;
pub mod table;
pub mod wav;
