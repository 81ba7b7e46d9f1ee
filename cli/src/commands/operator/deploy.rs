//! `callseal operator deploy`: a registry of one's own.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use alloy_primitives::{B256, Bytes, U256};
use anyhow::{Context, Result, bail, ensure};
use callseal_devchain::Operator;
use callseal_eims::{AccountKey, Fees, Node, Unsigned};
use serde_json::json;

use super::registry::check_keys;
use super::{KeyArguments, NodeArguments};
use crate::operator_keys::OperatorKeys;

/// Puts a registry of one's own on a chain; the keys' account pays
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callseal operator deploy --keys operator.json --rpc http://127.0.0.1:8545
  callseal operator deploy --keys operator.json --rpc http://127.0.0.1:8545 \\
      --passphrase-file passphrase --json")]
pub(super) struct Arguments {
    #[command(flatten)]
    keys: KeyArguments,

    #[command(flatten)]
    node: NodeArguments,

    /// How long the chain is given
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    patience: u64,

    /// Prints a line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut node = arguments.node.open()?;
    let chain_id = node.chain_id()?;
    let keys = arguments.keys.read()?;
    let account = keys.account.address();
    let (head, tip) = (node.head()?, node.tip()?);
    let nonce = node.nonce(account)?;
    // A service that has something out loses it to whoever takes its nonce.
    let waiting = node.nonce_with_waiting(account)?.saturating_sub(nonce);
    ensure!(
        waiting == 0,
        "{waiting} transactions of the account {account} are in no block yet: wait for them, or deploy with other keys"
    );
    let unsigned = Unsigned {
        chain_id,
        nonce,
        fees: Fees {
            max_per_gas: head.base_fee.saturating_mul(2).saturating_add(tip),
            tip_per_gas: tip,
        },
        gas_limit: DEPLOY_GAS,
        to: None,
        value: U256::ZERO,
        data: init_code(&keys)?,
    };
    let (owns, needs) = (node.balance(account)?, unsigned.cost_at_most());
    ensure!(
        owns >= needs,
        "the account {account} owns {owns} wei; up to {needs} are needed"
    );
    let contract = account.create(unsigned.nonce);
    let signed = unsigned.sign(&keys.account);
    node.send(&signed.raw)?;
    let patience = Duration::from_secs(arguments.patience);
    await_receipt(&mut node, signed.hash, patience)?;
    check_keys(&mut node, contract, &keys)?;
    let mut stdout = std::io::stdout().lock();
    if arguments.json {
        let line = json!({
            "contract": contract, "chain_id": chain_id, "transaction": signed.hash,
        });
        writeln!(stdout, "{line}")?;
    } else {
        writeln!(stdout, "contract      {contract}")?;
        writeln!(stdout, "chain         {chain_id}")?;
    }
    Ok(())
}

/// The registry's bytecode and its constructor's arguments.
fn init_code(keys: &OperatorKeys) -> Result<Bytes> {
    // The constructor takes both coordinates.
    let signing = AccountKey::from_bytes(*keys.signing.to_bytes()).context("the signing key")?;
    let operator = Operator {
        account: keys.account.address(),
        signing_key: signing.uncompressed(),
        sealing_key: keys.sealing.public().0,
    };
    Ok(operator.init_code())
}

fn await_receipt(node: &mut dyn Node, transaction: B256, patience: Duration) -> Result<()> {
    let began = Instant::now();
    loop {
        match node.receipt(transaction)? {
            Some(receipt) if receipt.succeeded => return Ok(()),
            Some(_) => bail!("the chain took the transaction {transaction} back"),
            None if began.elapsed() < patience => thread::sleep(LOOK_AGAIN),
            None => bail!(
                "the transaction {transaction} is in no block after {} s; it may be later",
                patience.as_secs()
            ),
        }
    }
}

/// The registry's deployment takes 2,427,205; what is left is not charged.
const DEPLOY_GAS: u64 = 3_500_000;
const LOOK_AGAIN: Duration = Duration::from_millis(500);
