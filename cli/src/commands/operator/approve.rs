//! `callseal operator approve`: a claim that the service has left pending.

use std::io::Write;

use alloy_primitives::{Address, B256};
use anyhow::{Context, Result, ensure};
use callseal_eims::contract::{APPROVE_CLIENT_GAS, ask_pending, pending};
use callseal_eims::service::Order;
use callseal_eims::{LoggedClaim, Number, hash_of};
use serde_json::json;

use super::by_hand::{ByHandArguments, Until};
use super::registry::ask;

/// Approves a claim that the service has left pending
///
/// Without --record-hash it only shows what is pending. Who approves by hand
/// vouches for it: that this key is this subscriber's. A number that has a
/// record gets the new one 48 hours later.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callseal operator approve +8613800000001 --sender 0x9a3f… \\
      --keys operator.json --contract 0x5FbD… \\
      --rpc http://127.0.0.1:8545 --store eims.redb

Once what it shows is what it has to be: the same with --record-hash 0x61c4…")]
pub(super) struct Arguments {
    /// Whose claim
    #[arg(value_name = "+NUMBER")]
    number: Number,

    /// The wallet that has sent it
    #[arg(long, value_name = "ADDRESS")]
    sender: Address,

    /// Approves exactly the claim of this hash
    #[arg(long, value_name = "HASH")]
    record_hash: Option<B256>,

    #[command(flatten)]
    by_hand: ByHandArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let by_hand = &arguments.by_hand;
    let claim = pending_claim(arguments)?;
    let hash = claim.record_hash();
    let approved = match arguments.record_hash {
        None => None,
        Some(wanted) => {
            ensure!(
                wanted == hash,
                "what is pending has the record hash {hash}, not {wanted}"
            );
            let keys = by_hand.keys.read()?;
            let order = Order {
                data: claim.approve_client(),
                gas_limit: APPROVE_CLIENT_GAS,
                approves: Some(claim),
            };
            Some(by_hand.carry_out(&keys, &order, Until::InBlock)?)
        }
    };
    let transaction = approved.map(|ended| ended.transaction);
    let (key, token) = (hex::encode(claim.key), claim.token_hash);
    let mut stdout = std::io::stdout().lock();
    if by_hand.json {
        let line = json!({
            "number": arguments.number.to_string(), "sender": claim.sender, "key": key,
            "token_hash": token.to_string(), "record_hash": hash, "transaction": transaction,
        });
        writeln!(stdout, "{line}")?;
        return Ok(());
    }
    writeln!(stdout, "number        {}", arguments.number)?;
    writeln!(stdout, "sender        {}", claim.sender)?;
    writeln!(stdout, "key           {key}")?;
    writeln!(stdout, "token hash    {token}")?;
    writeln!(stdout, "record hash   {hash}")?;
    match transaction {
        Some(transaction) => writeln!(stdout, "approved by   {transaction}")?,
        None => writeln!(
            stdout,
            "\nNothing is approved; to approve exactly this, add --record-hash {hash}"
        )?,
    }
    Ok(())
}

fn pending_claim(arguments: &Arguments) -> Result<LoggedClaim> {
    let registry = &arguments.by_hand.registry;
    let (mut node, contract) = (registry.node.open()?, registry.contract);
    let number_hash = hash_of(arguments.number);
    let question = ask_pending(number_hash, arguments.sender);
    let answer = ask(&mut node, contract, question)?;
    let claim = pending(number_hash, &answer)
        .with_context(|| format!("there is no registry at {contract}"))?;
    claim.with_context(|| {
        let (sender, number) = (arguments.sender, arguments.number);
        format!("{sender} has no claim of {number} pending")
    })
}
