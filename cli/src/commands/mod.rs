//! What can be done, a file a command.

pub mod bench;
pub mod demo;
pub mod devnet;
pub mod enrol;
pub mod keygen;
pub mod light;
pub mod operator;
pub mod own_registry;
pub mod phone;
pub mod record;
pub mod registry;
pub mod replay;
pub mod waiting;
pub mod which_registry;

/// It ran, and the answer is no.
pub const EXIT_FAILED: u8 = 1;

/// The input is unusable; clap's code for a wrong command line too.
pub const EXIT_UNUSABLE: u8 = 2;
