//! `callseal operator revoke`: a record that must not be believed any more.

use std::io::Write;

use anyhow::Result;
use callseal_eims::contract::{REVOKE_BY_OPERATOR_GAS, revoke_by_operator};
use callseal_eims::service::Order;
use callseal_eims::{Number, hash_of};
use serde_json::json;

use super::by_hand::{ByHandArguments, Until};

/// Takes a number's record out of force, for good
///
/// For a phone that is lost, or a subscriber who has left. The number can be
/// claimed anew afterwards.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callseal operator revoke +8613800000001 --keys operator.json \\
      --contract 0x5FbD… --rpc http://127.0.0.1:8545 \\
      --store eims.redb")]
pub(super) struct Arguments {
    /// Whose record
    #[arg(value_name = "+NUMBER")]
    number: Number,

    #[command(flatten)]
    by_hand: ByHandArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let by_hand = &arguments.by_hand;
    let keys = by_hand.keys.read()?;
    let order = Order {
        data: revoke_by_operator(hash_of(arguments.number)),
        gas_limit: REVOKE_BY_OPERATOR_GAS,
        approves: None,
    };
    let ended = by_hand.carry_out(&keys, &order, Until::InBlock)?;
    let (number, transaction) = (arguments.number, ended.transaction);
    let mut stdout = std::io::stdout().lock();
    if by_hand.json {
        let line = json!({ "number": number.to_string(), "transaction": transaction });
        writeln!(stdout, "{line}")?;
    } else {
        writeln!(stdout, "revoked       {number}, by {transaction}")?;
    }
    Ok(())
}
