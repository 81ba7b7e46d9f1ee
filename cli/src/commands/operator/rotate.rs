//! `callseal operator rotate`: other keys for the same registry.

use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use callseal_eims::AccountKey;
use callseal_eims::contract::{ROTATE_OPERATOR_KEYS_GAS, rotate_operator_keys};
use callseal_eims::service::Order;
use callseal_registry_client::operator_keys_digest;
use serde_json::json;

use super::by_hand::{ByHandArguments, Until};
use super::registry::check_keys;
use crate::operator_keys::OperatorKeys;

/// Gives the registry other keys; the old ones stay good beside them for a while
///
/// For that while tokens signed with the old keys are taken, and phones may
/// seal to the old sealing key: serve with the new keys and --previous-keys.
/// With --overlap 0, for keys that were stolen, the old ones are good for
/// nothing at once.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callseal operator keys new.json --account-of operator.json
  callseal operator rotate --keys operator.json --new-keys new.json \\
      --contract 0x5FbD… --rpc http://127.0.0.1:8545 \\
      --store eims.redb
  callseal operator serve --keys new.json --previous-keys operator.json \\
      --contract 0x5FbD… \\
      --rpc http://127.0.0.1:8545 --store eims.redb")]
pub(super) struct Arguments {
    /// The new keys, made by `callseal operator keys`; under the same passphrase
    #[arg(long, value_name = "FILE")]
    new_keys: PathBuf,

    /// How long the old keys stay good
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=30))]
    overlap: u64,

    #[command(flatten)]
    by_hand: ByHandArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let by_hand = &arguments.by_hand;
    let (mut node, id) = by_hand.registry.open()?;
    let contract = by_hand.registry.contract;
    let passphrase = by_hand.keys.passphrase.of_existing()?;
    let keys = OperatorKeys::read(&by_hand.keys.keys, &passphrase)?;
    let new = OperatorKeys::read(&arguments.new_keys, &passphrase)?;
    let named = check_keys(&mut node, contract, &keys)?;
    let signing = AccountKey::from_bytes(*new.signing.to_bytes()).context("the signing key")?;
    let (signing, sealing) = (signing.uncompressed(), new.sealing.public().0);
    let revision = named.revision.saturating_add(1);
    let digest = operator_keys_digest(
        id.chain_id,
        contract,
        new.account.address(),
        &signing,
        &sealing,
        revision,
    );
    let overlap = arguments.overlap.saturating_mul(DAY);
    let order = Order {
        data: rotate_operator_keys(&new.account, &signing, sealing, overlap, digest),
        gas_limit: ROTATE_OPERATOR_KEYS_GAS,
        approves: None,
    };
    // A fork would leave the registry to the account that nobody serves with any more.
    let until = match new.account.address() == keys.account.address() {
        true => Until::InBlock,
        false => Until::Settled,
    };
    let ended = by_hand.carry_out(&keys, &order, until)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let about = now.saturating_add(overlap);
    let mut stdout = std::io::stdout().lock();
    if by_hand.json {
        let line = json!({
            "transaction": ended.transaction, "account": new.account.address(), "revision": revision,
            "signing_key": new.signing.public().to_string(), "sealing_key": new.sealing.public().to_string(),
            "overlap_seconds": overlap, "previous_good_until": about,
        });
        writeln!(stdout, "{line}")?;
    } else {
        writeln!(stdout, "rotated by    {}", ended.transaction)?;
        writeln!(stdout, "account       {}", new.account.address())?;
        writeln!(stdout, "key set       {revision}")?;
        writeln!(
            stdout,
            "\nServe with --keys {} --previous-keys {} for the next {} days",
            arguments.new_keys.display(),
            by_hand.keys.keys.display(),
            arguments.overlap
        )?;
    }
    Ok(())
}

const DAY: u64 = 86_400;
