//! `callseal operator pay-again`: a payment that has lost its nonce.

use std::io::Write;
use std::path::PathBuf;

use alloy_primitives::{Address, B256};
use anyhow::{Result, bail};
use callseal_eims::service::Store;
use callseal_eims::{JsonRpcNode, Node as _, OperatorId, TokenHash};
use serde_json::json;

/// Has a payment made again whose nonce went to another transaction
///
/// The service makes it the next time that it runs. It must not be running
/// now. Look first whether the wallet was paid: the service takes for lost what
/// its node says nothing of.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callseal operator pay-again 0x61c4… --contract 0x5FbD… \\
      --rpc http://127.0.0.1:8545 --store eims.redb")]
pub(super) struct Arguments {
    /// The hash of the token, as `callseal operator status --json` shows it
    #[arg(value_name = "TOKEN-HASH")]
    token_hash: B256,

    /// The operator's registry
    #[arg(long, value_name = "ADDRESS")]
    contract: Address,

    /// An execution node of one's own
    #[arg(long, value_name = "URL")]
    rpc: String,

    /// The service's records
    #[arg(long, value_name = "FILE")]
    store: PathBuf,

    /// Prints a line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.store.exists() {
        bail!("there are no records at {}", arguments.store.display());
    }
    let id = OperatorId {
        chain_id: JsonRpcNode::new(&arguments.rpc)?.chain_id()?,
        contract: arguments.contract.into_array(),
    };
    let token = TokenHash(arguments.token_hash.0);
    Store::open(&arguments.store, id)?.pay_again(&token)??;
    let mut stdout = std::io::stdout().lock();
    if arguments.json {
        let line = json!({ "token_hash": token.to_string() });
        writeln!(stdout, "{line}")?;
    } else {
        writeln!(
            stdout,
            "to be paid    by the service, for the token {token}"
        )?;
    }
    Ok(())
}
