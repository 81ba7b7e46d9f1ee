//! `callseal operator`: keys, registry, tokens and service of an operator.

mod approve;
mod by_hand;
mod deploy;
mod issue_token;
mod keys;
mod pay_again;
mod registry;
mod revoke;
mod rotate;
mod serve;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use alloy_primitives::Address;
use anyhow::Result;
use callseal_eims::{JsonRpcNode, Node as _, OperatorId};
use clap::Subcommand;

use crate::operator_keys::OperatorKeys;
use crate::sealed_keys::PassphraseArguments;

/// Runs an operator: keys, registry, tokens, and the service that phones enrol at
///
/// In this order: make keys; give their account ether; deploy the registry;
/// issue a token for each subscriber; serve. A phone with a token then enrols
/// itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callseal operator keys operator.json
  callseal operator deploy --keys operator.json --rpc http://127.0.0.1:8545
  callseal operator issue-token +8613800000001 --keys operator.json \\
      --contract 0x5FbD… --rpc http://127.0.0.1:8545
  callseal operator serve --keys operator.json --contract 0x5FbD… \\
      --rpc http://127.0.0.1:8545 --store eims.redb

The passphrase of the keys is asked for on the terminal; a service without one gets it by --passphrase-file.")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Keys(keys::Arguments),
    Deploy(deploy::Arguments),
    IssueToken(issue_token::Arguments),
    Serve(Box<serve::Arguments>),
    Status(status::Arguments),
    Approve(Box<approve::Arguments>),
    PayAgain(pay_again::Arguments),
    Revoke(Box<revoke::Arguments>),
    Rotate(Box<rotate::Arguments>),
}

/// Which keys, and how they are opened.
#[derive(Debug, clap::Args)]
struct KeyArguments {
    /// The operator's keys, made by `callseal operator keys`
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,

    #[command(flatten)]
    passphrase: PassphraseArguments,
}

/// Whose registry, and which node is asked about it.
#[derive(Debug, clap::Args)]
struct RegistryArguments {
    /// The operator's registry
    #[arg(long, value_name = "ADDRESS")]
    contract: Address,

    #[command(flatten)]
    node: NodeArguments,
}

/// An operator's own node.
#[derive(Debug, clap::Args)]
struct NodeArguments {
    /// An execution node of one's own: what it says is believed
    #[arg(long, value_name = "URL")]
    rpc: String,
}

/// Runs the command.
///
/// # Errors
/// What is unusable, by name.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.command {
        Command::Keys(arguments) => keys::run(arguments),
        Command::Deploy(arguments) => deploy::run(arguments),
        Command::IssueToken(arguments) => issue_token::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Status(arguments) => status::run(arguments),
        Command::Approve(arguments) => approve::run(arguments),
        Command::PayAgain(arguments) => pay_again::run(arguments),
        Command::Revoke(arguments) => revoke::run(arguments),
        Command::Rotate(arguments) => rotate::run(arguments),
    }?;
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    /// The service runs for months, and says what it does without being asked.
    pub fn least_verbosity(&self) -> u8 {
        match self.command {
            Command::Serve(_) => 1,
            _ => 0,
        }
    }
}

impl RegistryArguments {
    /// The node, and the registry on its chain.
    fn open(&self) -> Result<(JsonRpcNode, OperatorId)> {
        let mut node = self.node.open()?;
        let id = OperatorId {
            chain_id: node.chain_id()?,
            contract: self.contract.into_array(),
        };
        Ok((node, id))
    }
}

impl NodeArguments {
    fn open(&self) -> Result<JsonRpcNode> {
        Ok(JsonRpcNode::new(&self.rpc)?)
    }
}

impl KeyArguments {
    fn read(&self) -> Result<OperatorKeys> {
        let passphrase = self.passphrase.of_existing()?;
        Ok(OperatorKeys::read(&self.keys, &passphrase)?)
    }
}
