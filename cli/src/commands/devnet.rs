//! `callseal devnet`: an Ethereum network on this machine, to try things on.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use alloy_primitives::{Address, U256};
use anyhow::{Context, Result, bail};
use callseal_devchain::{DevBeacon, DevChain, Genesis, GenesisAccount};
use callseal_sts::Number;
use serde_json::json;

use crate::clock::unix_time;
use crate::demo::NUMBERS;
use crate::demo::subscribers::{CHAIN_ID, enrol_on};
use crate::identity_file::IdentityFile;
use crate::interrupt::Interrupt;
use crate::loopback_node::LoopbackNode;
use crate::output_file::{Existing, Privacy, write_whole};

/// An Ethereum network on this machine: chain, committees, registry, two subscribers
///
/// Serves JSON-RPC and the beacon API on 127.0.0.1 until it is interrupted. A transaction that is sent is in a block
/// at once; blocks become final every twelve seconds; committees of 32 keys change every 64 slots. Nothing of it is
/// real but what a light client checks.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What it leaves in its folder:
  network.json              the network's constants, for --network
  subscriber-1.key, …       the subscribers' identities, for `callseal call` and `callseal listen`

Examples:
  callseal devnet
  callseal devnet --number +8613800000001 --port 8545 --json
  callseal devnet --fund 0x1a64…      # the account of `callseal operator keys`")]
pub struct Arguments {
    /// A subscriber to enrol; may be repeated [default: the demonstration's two]
    #[arg(long, value_name = "+NUMBER")]
    number: Vec<Number>,

    /// An account that has 100 ether from the start, of an operator or a phone; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    fund: Vec<Address>,

    /// The port; 0 takes any that is free
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    port: u16,

    /// The folder for the network's constants and the subscribers' keys
    #[arg(long, value_name = "DIR", default_value = "callseal-devnet")]
    out: PathBuf,

    /// Replaces what an earlier network has left in the folder; one that still runs goes on with other keys than these
    #[arg(long)]
    force: bool,

    /// Ends after this many seconds
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,

    /// Prints one line of JSON when it serves
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Where a port, a file or the embedded chain refuses.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let numbers: Vec<String> = match arguments.number.as_slice() {
        [] => NUMBERS.iter().map(ToString::to_string).collect(),
        numbers => numbers.iter().map(ToString::to_string).collect(),
    };
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let existing = arguments.existing()?;
    // Far enough back that all its blocks have been by now.
    let began = unix_time() - BLOCK_TIME * (8 + 2 * numbers.len() as u64 + 8);
    let chain = DevChain::from_genesis(genesis(began, &arguments.fund));
    let beacon = DevBeacon::new(&chain)?;
    let checkpoint = beacon.finalize();
    let (registry, enrolled) =
        enrol_on(&chain, &numbers).context("cannot set up the embedded registry")?;
    beacon.finalize();
    beacon.pass_to(unix_time());
    let node = LoopbackNode::serve_by_clock(&chain, &beacon, arguments.port, unix_time)
        .with_context(|| format!("cannot serve on port {}", arguments.port))?;

    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("cannot make the folder {}", arguments.out.display()))?;
    let network = arguments.out.join(NETWORK);
    let constants = serde_json::to_string_pretty(beacon.network().terms())?;
    write_whole(&network, Privacy::Umask, existing, constants.as_bytes())?;
    let mut subscribers = Vec::new();
    for (index, subscriber) in (1..).zip(&enrolled) {
        let path = arguments.out.join(format!("subscriber-{index}.key"));
        let identity = IdentityFile {
            key: subscriber.key.clone(),
            number: Some(subscriber.number),
        };
        identity.write(&path, existing)?;
        subscribers.push((subscriber.number.to_string(), path.display().to_string()));
    }

    let (url, contract) = (node.url(), registry.address());
    let network = network.display();
    let mut stdout = std::io::stdout().lock();
    if arguments.json {
        let subscribers: Vec<_> = subscribers
            .iter()
            .map(|(number, key)| json!({ "number": number, "key_file": key }))
            .collect();
        let line = json!({
            "url": url, "contract": contract, "checkpoint": checkpoint,
            "network": network.to_string(), "subscribers": subscribers,
        });
        writeln!(stdout, "{line}")?;
    } else {
        writeln!(stdout, "serving       {url} (JSON-RPC and beacon API)")?;
        writeln!(stdout, "contract      {contract}")?;
        writeln!(stdout, "checkpoint    {checkpoint}")?;
        writeln!(stdout, "constants     {network}")?;
        for (number, key) in &subscribers {
            writeln!(stdout, "subscriber    {number}, {key}")?;
        }
        let number = subscribers.first().map_or("", |(number, _)| number);
        // Each is a network of its own, and what was verified of another is not replaced.
        let (of_checkpoint, _) = checkpoint.split_at(4);
        let state = format!("light-{}.state", hex::encode(of_checkpoint));
        let state = arguments.out.join(state);
        writeln!(
            stdout,
            "\nIn another terminal:\n  callseal registry get {number} --network {network} --state {} \\\n      --rpc {url} --beacon {url} --contract {contract} --checkpoint {checkpoint}",
            state.display()
        )?;
    }
    stdout.flush()?;
    drop(stdout);

    let interrupt = Interrupt::watch(Vec::new())?;
    let end = arguments
        .duration
        .map(|seconds| unix_time().saturating_add(seconds));
    while !interrupt.has_come() && end.is_none_or(|end| unix_time() < end) {
        beacon.pass_to(unix_time());
        thread::sleep(TICK);
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    /// What becomes of files that are there; an error before anything is served, where they are to stay.
    fn existing(&self) -> Result<Existing> {
        if self.force {
            return Ok(Existing::Replace);
        }
        let left = [NETWORK, "subscriber-1.key"].map(|name| self.out.join(name));
        if let Some(left) = left.iter().find(|left| left.symlink_metadata().is_ok()) {
            bail!(
                "{} exists already, and an earlier devnet may still need it: name another folder with --out, or \
                 replace what is there with --force",
                left.display()
            );
        }
        Ok(Existing::Keep)
    }
}

fn genesis(began: u64, funded: &[Address]) -> Genesis {
    let ether = U256::from(10_u64.pow(18));
    let funds = GenesisAccount {
        balance: U256::from(100) * ether,
        ..GenesisAccount::default()
    };
    let genesis = Genesis::new(CHAIN_ID).at(began);
    funded.iter().fold(genesis, |genesis, account| {
        genesis.with_account(*account, funds.clone())
    })
}

/// The name of the file with the network's constants.
const NETWORK: &str = "network.json";
/// The embedded chain's, in seconds.
const BLOCK_TIME: u64 = 12;
/// How soon an interrupt is noticed.
const TICK: Duration = Duration::from_millis(200);
