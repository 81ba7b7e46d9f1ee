//! The `callseal` command.
#![forbid(unsafe_code)]

fn main() {}
