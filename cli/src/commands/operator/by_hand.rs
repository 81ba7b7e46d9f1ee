//! What an operator's people have its account send.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use callseal_eims::service::{Ended, Order, Store, Terms, Worker};

use super::{KeyArguments, RegistryArguments};
use crate::operator_keys::OperatorKeys;

/// Whose registry, through which node, with which records.
#[derive(Debug, clap::Args)]
pub(super) struct ByHandArguments {
    #[command(flatten)]
    pub(super) keys: KeyArguments,

    #[command(flatten)]
    pub(super) registry: RegistryArguments,

    /// The service's records: they say what the account has out. The service must not be running
    #[arg(long, value_name = "FILE")]
    store: PathBuf,

    /// How many blocks have to follow until a transaction counts as settled
    #[arg(long, value_name = "BLOCKS", default_value_t = 6)]
    depth: u64,

    /// How long the chain is given; what it has not taken by then goes on when the service runs
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    patience: u64,

    /// Prints a line of JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// When an order is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// It is in a block; the service looks after it from there.
    InBlock,
    /// That block is deep in the chain.
    Settled,
}

impl ByHandArguments {
    /// Has the account send it, and waits for what becomes of it.
    pub(super) fn carry_out(
        &self,
        keys: &OperatorKeys,
        order: &Order,
        until: Until,
    ) -> Result<Ended> {
        let (node, operator) = self.registry.open()?;
        if !self.store.exists() {
            bail!("there are no records in {}", self.store.display());
        }
        let store = Store::open(&self.store, operator)?;
        let terms = Terms {
            depth: self.depth,
            ..Terms::default()
        };
        let mut worker = Worker::new(store, node, keys.account.clone(), terms);
        let nonce = worker
            .order(order)?
            .context("nothing was sent: it is done, or on its way")?;
        let (began, patience) = (Instant::now(), Duration::from_secs(self.patience));
        loop {
            match worker.end_of(nonce)? {
                Some(ended) if !ended.succeeded => bail!(
                    "the chain took the transaction {} back; nothing is changed",
                    ended.transaction
                ),
                Some(ended) if ended.is_settled || until == Until::InBlock => return Ok(ended),
                _ if began.elapsed() < patience => thread::sleep(LOOK_AGAIN),
                _ => bail!(
                    "not done after {} s: transaction {nonce} of the account is sent, and goes on when the service runs",
                    patience.as_secs()
                ),
            }
        }
    }
}

const LOOK_AGAIN: Duration = Duration::from_millis(200);
