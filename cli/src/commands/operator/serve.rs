//! `callseal operator serve`: the service that phones enrol at.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use alloy_primitives::utils::parse_ether;
use anyhow::{Context, Result};
use callseal_eims::service::{Bounds, Server, Store, Terms, Worker};
use callseal_eims::{JsonRpcNode, OperatorId, ResponderKeys, TokenSigners};
use serde_json::json;
use tokio::net::TcpListener;

use super::registry::{check_keys, check_previous_keys};
use super::{KeyArguments, RegistryArguments};
use crate::interrupt::Interrupt;
use crate::operator_keys::OperatorKeys;
use crate::random::SystemRandom;

/// Answers phones: pays their fee money, approves their claims
///
/// Runs until it is interrupted. It can be stopped at any moment, and killed:
/// what it has promised is in its store, and done when it runs again. While it
/// runs nobody else may send anything from its account. What it does is logged
/// on standard error, without keys or whole numbers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callseal operator serve --keys operator.json --contract 0x5FbD… \\
      --rpc http://127.0.0.1:8545 --store eims.redb
  callseal operator serve --keys operator.json --contract 0x5FbD… \\
      --rpc http://127.0.0.1:8545 --store eims.redb \\
      --passphrase-file passphrase --listen 0.0.0.0:7474")]
pub(super) struct Arguments {
    #[command(flatten)]
    keys: KeyArguments,

    #[command(flatten)]
    registry: RegistryArguments,

    /// What must survive: a file, made if there is none. Without it a token that was used can be used again
    #[arg(long, value_name = "FILE")]
    store: PathBuf,

    /// Where phones come; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7474")]
    listen: SocketAddr,

    /// The keys before these, which are good until the time that the registry says; under the same passphrase
    #[arg(long, value_name = "FILE")]
    previous_keys: Option<PathBuf>,

    /// What a phone is paid for its claim
    #[arg(long, value_name = "ETHER", default_value = "0.01", value_parser = wei, help_heading = "Terms")]
    fee_money: u128,

    /// The most that is offered for a unit of gas, in gwei (10^-9 ether)
    #[arg(
        long,
        value_name = "GWEI",
        default_value_t = 200,
        help_heading = "Terms"
    )]
    most_per_gas: u64,

    /// How many blocks have to follow until a transaction counts as settled
    #[arg(
        long,
        value_name = "BLOCKS",
        default_value_t = 6,
        help_heading = "Terms"
    )]
    depth: u64,

    /// The first block to look for claims in, where the store knows of none [default: the newest]
    #[arg(long, value_name = "NUMBER", help_heading = "Terms")]
    from_block: Option<u64>,

    /// Also approves claims of numbers that have a record: they replace it 48 hours later
    #[arg(long, help_heading = "Terms")]
    replacements: bool,

    /// How many connections there may be at a time
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 1_024,
        help_heading = "Bounds"
    )]
    connections: usize,

    /// Of these, from one address (IPv6: one network of 64 bits)
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 16,
        help_heading = "Bounds"
    )]
    connections_per_address: usize,

    /// Connections that one address may begin in a minute
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 60,
        help_heading = "Bounds"
    )]
    begun_per_minute: u32,

    /// How often the chain is looked at
    #[arg(
        long, value_name = "MILLISECONDS", default_value_t = 2_000,
        value_parser = clap::value_parser!(u64).range(10..), help_heading = "Bounds"
    )]
    poll: u64,

    /// Ends after this many seconds
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,

    /// Prints one line of JSON when it serves
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let (mut node, operator) = arguments.registry.open()?;
    let keys = arguments.keys.read()?;
    let responder = responder_keys(&mut node, arguments, &keys)?;
    let (terms, bounds) = (arguments.terms(), arguments.bounds());
    let store = Store::open(&arguments.store, operator)?;
    let worker = Worker::new(store.clone(), node, keys.account.clone(), terms);
    let server = Server::new(store, responder, terms, bounds, Box::new(SystemRandom));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the service's threads")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(arguments.listen)
            .await
            .with_context(|| format!("cannot listen on {}", arguments.listen))?;
        stop_in_time(&server, arguments.duration)?;
        announce(arguments, listener.local_addr()?, operator, &keys)?;
        server.serve(listener, worker).await?;
        tracing::info!("stopped; what is not settled yet goes on when it runs again");
        Ok(())
    })
}

impl Arguments {
    fn terms(&self) -> Terms {
        Terms {
            fee_money: self.fee_money,
            most_per_gas: u128::from(self.most_per_gas) * GWEI,
            depth: self.depth,
            from_block: self.from_block,
            replacements: self.replacements,
            ..Terms::default()
        }
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            connections: self.connections,
            connections_per_address: self.connections_per_address,
            begun_per_minute: self.begun_per_minute,
            poll: Duration::from_millis(self.poll),
            ..Bounds::default()
        }
    }
}

/// The keys that phones are answered with; the registry has to name them.
fn responder_keys(
    node: &mut JsonRpcNode,
    arguments: &Arguments,
    keys: &OperatorKeys,
) -> Result<ResponderKeys> {
    check_keys(node, arguments.registry.contract, keys)?;
    let signers = TokenSigners::new(keys.signing.public());
    let Some(path) = &arguments.previous_keys else {
        return Ok(ResponderKeys::new(keys.sealing.clone(), signers));
    };
    let passphrase = arguments.keys.passphrase.of_existing()?;
    let previous = OperatorKeys::read(path, &passphrase)?;
    let until = check_previous_keys(node, arguments.registry.contract, &previous)?;
    let signers = signers.with_previous(previous.signing.public(), until);
    let present = ResponderKeys::new(keys.sealing.clone(), signers);
    Ok(present.with_previous(previous.sealing, until))
}

/// Stops the service when it is interrupted, or its time is over.
fn stop_in_time(server: &Server, duration: Option<u64>) -> Result<()> {
    let stop = server.stopper();
    let interrupt = Interrupt::watch(Vec::new())?;
    let began = Instant::now();
    let is_over = move || duration.is_some_and(|most| began.elapsed().as_secs() >= most);
    thread::spawn(move || {
        while !interrupt.has_come() && !is_over() {
            thread::sleep(TICK);
        }
        stop();
    });
    Ok(())
}

fn announce(
    arguments: &Arguments,
    address: SocketAddr,
    operator: OperatorId,
    keys: &OperatorKeys,
) -> Result<()> {
    let account = keys.account.address();
    let mut stdout = std::io::stdout().lock();
    if arguments.json {
        let line = json!({
            "listen": address.to_string(), "operator": operator.to_string(), "account": account,
        });
        writeln!(stdout, "{line}")?;
    } else {
        writeln!(stdout, "serving       {address}")?;
        writeln!(stdout, "operator      {operator}")?;
        writeln!(stdout, "account       {account}")?;
        writeln!(stdout, "records       {}", arguments.store.display())?;
    }
    Ok(stdout.flush()?)
}

fn wei(ether: &str) -> Result<u128, String> {
    let wei = parse_ether(ether).map_err(|_| "not an amount of ether, as in 0.01".to_owned())?;
    u128::try_from(wei).map_err(|_| "more ether than there is".to_owned())
}

const GWEI: u128 = 1_000_000_000;
/// How soon an interrupt is noticed.
const TICK: Duration = Duration::from_millis(100);
