//! The `callseal` command: calls that are private end to end.
//!
//! The other crates are given time, randomness, files and sockets from here.
#![forbid(unsafe_code)]

pub mod bench;
pub mod capture;
pub mod capture_files;
pub mod clock;
pub mod commands;
pub mod demo;
pub mod enrol;
pub mod g711;
pub mod heard;
pub mod holder;
pub mod identity_file;
pub mod interrupt;
pub mod key_arguments;
pub mod keys_file;
pub mod known_peers;
pub mod leg_driver;
pub mod logging;
pub mod look_up;
pub mod loopback_node;
pub mod media_sockets;
pub mod node_faults;
pub mod operator_keys;
pub mod operators_file;
pub mod output_file;
pub mod own_record;
pub mod phone;
pub mod phone_keys;
pub mod random;
pub mod record_source;
pub mod replay;
pub mod rtp;
pub mod scripts;
pub mod sealed_keys;
pub mod secret;
pub mod seen_revisions;
pub mod session;
pub mod sip;
pub mod speech;
pub mod table;
pub mod wallet_nodes;
pub mod wav;
pub mod wire_recorder;

mod args;
mod file_lock;
mod kept_history;
mod light_state;
mod look_up_evidence;
mod proof_sizes;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Command};
use crate::commands::EXIT_UNUSABLE;

/// The whole program: reads the command line, runs the command, and puts what
/// went wrong into words on standard error.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logging::start(arguments.verbose.max(arguments.command.least_verbosity()));
    if arguments.command.handles_media() {
        logging::warn_of_wrong_instructions();
    }
    let done = match &arguments.command {
        Command::Demo(arguments) => commands::demo::run(arguments),
        Command::Call(arguments) => commands::phone::call(arguments),
        Command::Listen(arguments) => commands::phone::listen(arguments),
        Command::Replay(arguments) => commands::replay::run(arguments),
        Command::Enrol(arguments) => commands::enrol::run(arguments),
        Command::Record(arguments) => commands::record::run(arguments),
        Command::Registry(arguments) => commands::registry::run(arguments),
        Command::Operator(arguments) => commands::operator::run(arguments),
        Command::Devnet(arguments) => commands::devnet::run(arguments),
        Command::Keygen(arguments) => commands::keygen::run(arguments),
        Command::Bench(arguments) => commands::bench::run(arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // Whoever closes the pipe has heard enough, and reads no error.
            if !is_broken_pipe(&error) {
                let _ = writeln!(std::io::stderr(), "error: {error:#}");
            }
            EXIT_UNUSABLE.into()
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == ErrorKind::BrokenPipe)
}
