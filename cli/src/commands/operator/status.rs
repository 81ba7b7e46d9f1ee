//! `callseal operator status`: what waits, and why.

use std::io::Write;
use std::path::PathBuf;

use alloy_primitives::utils::format_ether;
use alloy_primitives::{Address, U256};
use anyhow::{Result, bail};
use callseal_eims::service::{KnownClaim, KnownToken, Out, Overview, Purpose, Store};
use callseal_eims::{Approval, Node as _, Payment};
use serde_json::{Value, json};

use super::RegistryArguments;
use super::registry::present;
use crate::table::{Align, Table};

/// Says what waits and what was paid, and why a claim is left pending
///
/// Reads the service's records, so that the service must not be running; while
/// it runs, its log says the same. Tokens are named by their hashes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callseal operator status --contract 0x5FbD… --rpc http://127.0.0.1:8545 \\
      --store eims.redb
  callseal operator status --contract 0x5FbD… --rpc http://127.0.0.1:8545 \\
      --store eims.redb --all --json")]
pub(super) struct Arguments {
    #[command(flatten)]
    registry: RegistryArguments,

    /// The service's records
    #[arg(long, value_name = "FILE")]
    store: PathBuf,

    /// Also those who are enrolled
    #[arg(long)]
    all: bool,

    /// Prints a line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.store.exists() {
        bail!("there are no records at {}", arguments.store.display());
    }
    let (mut node, id) = arguments.registry.open()?;
    let account = present(&mut node, arguments.registry.contract)?.account;
    let balance = node.balance(account)?;
    let overview = Store::open(&arguments.store, id)?.overview()?;
    let shown = |token: &&KnownToken| arguments.all || !token.is_done();
    let tokens: Vec<_> = overview.tokens.iter().filter(shown).collect();
    match arguments.json {
        true => say_json(account, balance, &overview, &tokens),
        false => say(account, balance, &overview, &tokens),
    }
}

fn say(account: Address, balance: U256, overview: &Overview, tokens: &[&KnownToken]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let done = overview.tokens.iter().filter(|token| token.is_done());
    writeln!(stdout, "account       {account}")?;
    writeln!(stdout, "owns          {} ether", format_ether(balance))?;
    writeln!(
        stdout,
        "enrolled      {} of {} tokens shown",
        done.count(),
        overview.tokens.len()
    )?;
    if let Some(block) = overview.scanned_to {
        writeln!(stdout, "looked at     blocks up to {block}")?;
    }
    if !tokens.is_empty() {
        let mut table = Table::new([
            ("token", Align::Left),
            ("wallet", Align::Left),
            ("payment", Align::Left),
            ("approval", Align::Left),
        ]);
        for token in tokens {
            let wallet = token.wallet.map_or("-".into(), |wallet| wallet.to_string());
            table.row([
                short(&token.token.to_string()),
                wallet,
                payment(&token.status.payment),
                approval(&token.status.approval),
            ]);
        }
        write!(stdout, "\n{table}\n")?;
    }
    let held = overview.claims.iter();
    for (claim, why) in held.filter_map(|claim| Some((claim, claim.hold?))) {
        writeln!(
            stdout,
            "left pending  claim by {} in block {}, token {}: {why}",
            claim.claim.sender,
            claim.block_number,
            short(&claim.claim.token_hash.to_string())
        )?;
    }
    for out in &overview.out {
        writeln!(stdout, "out           {}", sent(out))?;
    }
    Ok(())
}

fn say_json(
    account: Address,
    balance: U256,
    overview: &Overview,
    tokens: &[&KnownToken],
) -> Result<()> {
    let done = overview.tokens.iter().filter(|token| token.is_done());
    let token = |token: &&KnownToken| -> Value {
        json!({
            "token_hash": token.token.to_string(), "wallet": token.wallet,
            "payment": payment(&token.status.payment), "approval": approval(&token.status.approval),
        })
    };
    let claim = |claim: &KnownClaim| -> Value {
        json!({
            "sender": claim.claim.sender, "number_hash": claim.claim.number_hash,
            "key": hex::encode(claim.claim.key), "token_hash": claim.claim.token_hash.to_string(),
            "record_hash": claim.claim.record_hash(), "block": claim.block_number,
            "left_pending": claim.hold.map(|hold| hold.to_string()),
        })
    };
    let out = |out: &Out| -> Value {
        json!({
            "account": out.account, "nonce": out.nonce, "for": purpose(out.purpose), "transaction": out.transaction,
            "wei": out.wei.to_string(),
        })
    };
    let line = json!({
        "account": account, "wei": balance.to_string(), "scanned_to": overview.scanned_to,
        "enrolled": done.count(), "shown": overview.tokens.len(),
        "tokens": tokens.iter().map(token).collect::<Vec<_>>(),
        "claims": overview.claims.iter().map(claim).collect::<Vec<_>>(),
        "out": overview.out.iter().map(out).collect::<Vec<_>>(),
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn payment(payment: &Payment) -> String {
    match payment {
        Payment::NotAsked => "not asked for".into(),
        Payment::Queued(_) => "waits".into(),
        Payment::Sent(_) => "sent".into(),
        Payment::Settled(sent) => format!("{} ether", format_ether(sent.wei)),
        Payment::Failed(_) => "the wallet took none".into(),
        Payment::Lost(_) => "lost: its nonce went to another transaction".into(),
    }
}

fn approval(approval: &Approval) -> String {
    match approval {
        Approval::NoClaim => "no claim seen".into(),
        Approval::Held(hold) => format!("left pending: {hold}"),
        Approval::Sent(_) => "sent".into(),
        Approval::Settled(_) => "approved".into(),
    }
}

fn sent(out: &Out) -> String {
    let transaction = out.transaction.map(|hash| hash.to_string());
    format!(
        "{}, nonce {}, {}",
        purpose(out.purpose),
        out.nonce,
        transaction.unwrap_or_default()
    )
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Pay => "payment",
        Purpose::Approve => "approval",
        Purpose::ByHand => "by hand",
        Purpose::Fill => "to fill a gap",
    }
}

/// Enough of a hash to find it by.
fn short(hash: &str) -> String {
    hash.chars().take(16).collect()
}
