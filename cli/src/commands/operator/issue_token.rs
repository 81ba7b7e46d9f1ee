//! `callseal operator issue-token`: what goes on a SIM.

use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::Address;
use anyhow::{Context, Result};
use callseal_eims::{JsonRpcNode, Lifetime, Node as _, Number, OperatorId, Token, TokenClaims};
use serde_json::json;

use super::KeyArguments;
use super::registry::check_keys;
use crate::output_file::{Existing, Privacy, write_whole};
use crate::random::SystemRandom;

/// Signs a token: its holder can enrol the number, once
///
/// Prints the token, which is a secret: it goes on the subscriber's SIM, or by
/// --out into a file that only its owner can read.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callseal operator issue-token +8613800000001 --keys operator.json \\
      --contract 0x5FbD… --rpc http://127.0.0.1:8545
  callseal operator issue-token +8613800000001 --keys operator.json \\
      --contract 0x5FbD… --chain-id 1 --out alice.token")]
pub(super) struct Arguments {
    /// Which number
    #[arg(value_name = "+NUMBER")]
    number: Number,

    #[command(flatten)]
    keys: KeyArguments,

    /// The operator's registry
    #[arg(long, value_name = "ADDRESS")]
    contract: Address,

    /// A node, which is asked whether that is a registry with these keys
    #[arg(long, value_name = "URL")]
    rpc: Option<String>,

    /// The registry's chain; needed where no node is asked
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "rpc",
        conflicts_with = "rpc"
    )]
    chain_id: Option<u64>,

    /// The operator's own count of its tokens [default: the time, in microseconds]
    #[arg(long, value_name = "N")]
    serial: Option<u64>,

    /// How long the token is good, from now on
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    days: u64,

    /// Writes the token to a new file that only its owner can read, instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Prints a line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let keys = arguments.keys.read()?;
    let chain_id = match (&arguments.rpc, arguments.chain_id) {
        (Some(url), _) => {
            let mut node = JsonRpcNode::new(url)?;
            check_keys(&mut node, arguments.contract, &keys)?;
            node.chain_id()?
        }
        (None, chain_id) => chain_id.context("neither --rpc nor --chain-id is given")?,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let issued = now.as_secs();
    let expires = issued.saturating_add(arguments.days.saturating_mul(DAY));
    let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
    let claims = TokenClaims {
        operator: OperatorId {
            chain_id,
            contract: arguments.contract.into_array(),
        },
        number: arguments.number,
        serial: arguments.serial.unwrap_or(micros),
        lifetime: Lifetime::new(issued, expires).context("--days is 0")?,
    };
    let token = Token::issue(claims, &keys.signing, &mut SystemRandom);
    let (text, hash) = (token.to_text(), token.hash());
    if let Some(path) = &arguments.out {
        let line = zeroize::Zeroizing::new(format!("{}\n", *text));
        write_whole(path, Privacy::Owner, Existing::Keep, line.as_bytes())?;
    }
    let file = arguments
        .out
        .as_ref()
        .map(|path| path.display().to_string());
    let shown = file.is_none().then_some(&**text);
    let mut stdout = std::io::stdout().lock();
    if arguments.json {
        let line = json!({
            "number": claims.number.to_string(), "serial": claims.serial,
            "operator": claims.operator.to_string(), "expires": expires,
            "token_hash": hash.to_string(), "token": shown, "file": file,
        });
        writeln!(stdout, "{line}")?;
    } else if let Some(text) = shown {
        writeln!(stdout, "{text}")?;
    } else if let Some(file) = file {
        writeln!(stdout, "token         {file} (keep it to yourself)")?;
        writeln!(stdout, "token hash    {hash}")?;
    }
    Ok(())
}

const DAY: u64 = 86_400;
