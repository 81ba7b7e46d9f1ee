//! `callseal registry`: what the registry holds, and the light client that finds it.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use alloy_primitives::B256;
use anyhow::{Context, Result, bail};
use callseal_registry_client::light::Network;
use callseal_registry_client::{
    Answer, LiveError, LiveRegistry, Operator, Policy, RegistryConfig, layout,
};
use callseal_sts::Number;
use clap::Subcommand;
use serde_json::json;

use crate::clock::unix_time;
use crate::commands::EXIT_FAILED;
use crate::commands::light::{BeaconArguments, NetworkArguments};
use crate::commands::which_registry::WhichRegistry;
use crate::enrol::reader::named_nodes;
use crate::light_state::LightState;
use crate::look_up_evidence::{evidence_json, evidence_lines};
use crate::seen_revisions::SeenRevisions;

/// Reads the registry through a light client that trusts nobody
///
/// From one checkpoint (the root of a recent block) it follows the signatures
/// of Ethereum's sync committees to the newest final block, and checks every
/// answer by Merkle proofs down from there.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Get(GetArguments),
    Sync(SyncArguments),
    Status(StatusArguments),
}

/// Looks a number up and shows the chain of evidence, step by step
#[derive(Debug, clap::Args)]
#[command(after_help = GET_HELP, mut_arg("beacon", |beacon| beacon.required(true)))]
struct GetArguments {
    /// Whose record
    #[arg(value_name = "+NUMBER")]
    number: Number,

    /// An execution node to ask; may be repeated, the others are asked where one fails or lies
    #[arg(long, value_name = "URL", required = true, help_heading = "Registry")]
    rpc: Vec<String>,

    #[command(flatten)]
    registry: WhichRegistry,

    /// keccak256 of the contract's code [default: that of this version's registry]
    #[arg(
        long,
        value_name = "HASH",
        conflicts_with = "operators",
        help_heading = "Registry"
    )]
    code_hash: Option<B256>,

    /// The oldest block that an answer may come from
    #[arg(
        long,
        value_name = "MINUTES",
        default_value_t = 60,
        help_heading = "Registry"
    )]
    max_age: u64,

    #[command(flatten)]
    light: LightArguments,

    #[command(flatten)]
    beacons: BeaconArguments,
}

/// Brings the light client up to date
#[derive(Debug, clap::Args)]
#[command(after_help = SYNC_HELP, mut_arg("beacon", |beacon| beacon.required(true)))]
struct SyncArguments {
    #[command(flatten)]
    light: LightArguments,

    #[command(flatten)]
    beacons: BeaconArguments,
}

/// Says what the light client knows, without asking anybody
#[derive(Debug, clap::Args)]
struct StatusArguments {
    #[command(flatten)]
    light: LightArguments,
}

#[derive(Debug, clap::Args)]
struct LightArguments {
    #[command(flatten)]
    network: NetworkArguments,

    /// Prints one line of JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What is unusable, by name.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.command {
        Command::Get(arguments) => get(arguments),
        Command::Sync(arguments) => sync(arguments),
        Command::Status(arguments) => status(arguments),
    }
}

fn get(arguments: &GetArguments) -> Result<ExitCode> {
    let now = unix_time();
    let (network, state) = arguments.light.network.open()?;
    let operator = operator(arguments, &network)?;
    let config = operator.registry;
    let (light, started) = arguments.beacons.light_client(&network, &state, now)?;
    let begun_at = light.store().finalized_slot();
    let nodes = named_nodes(&arguments.rpc)?;
    let max_age = Duration::from_secs(arguments.max_age.saturating_mul(60));
    let policy = Policy {
        max_age,
        renew_age: Policy::default().renew_age.min(max_age),
    };
    let mut live = LiveRegistry::new(config, light, nodes, policy);
    let mut seen = SeenRevisions::beside(state.path())?;
    seen.iter().for_each(|seen| live.remember(seen));
    let found = live.look_up(arguments.number.as_str(), now);
    if let Some(revision) = live.seen_revision(arguments.number.as_str()) {
        seen.note(revision)?;
    }
    let found = match found {
        Err(LiveError::Number(error)) => bail!(error),
        found => found.with_context(|| format!("nothing is known of {}", arguments.number))?,
    };
    let mut stdout = std::io::stdout().lock();
    match arguments.light.json {
        true => {
            let mut line = evidence_json(&arguments.number, &live, begun_at, &found, now);
            if !operator.name.is_empty() {
                line["operator"] = json!(operator.name);
            }
            writeln!(stdout, "{line}")?;
        }
        false => {
            if !operator.name.is_empty() {
                writeln!(stdout, "operator      {}", operator.name)?;
            }
            let lines = evidence_lines(&arguments.number, &live, begun_at, &started, &found, now);
            for line in lines {
                writeln!(stdout, "{line}")?;
            }
        }
    }
    let is_in_force = match found.answer.value() {
        Answer::Record(record) => record.is_in_force(found.answer.timestamp()),
        Answer::Absent => false,
    };
    Ok(match is_in_force {
        true => ExitCode::SUCCESS,
        false => EXIT_FAILED.into(),
    })
}

/// Whose registry the number is looked up in. Without a file of operators, one without a name.
fn operator(arguments: &GetArguments, network: &Network) -> Result<Operator> {
    let chain = network.chain_id();
    let operator = arguments
        .registry
        .operator_of(&arguments.number, |contract| RegistryConfig {
            contract,
            code_hash: arguments.code_hash.unwrap_or(layout::CODE_HASH),
            chain_id: chain,
        })?;
    let wanted = operator.registry.chain_id;
    if wanted != chain {
        bail!(
            "{} is of {}, whose registry is on chain {wanted}; {} is chain {chain}: name the other with --network",
            arguments.number,
            operator.name,
            network.name()
        );
    }
    Ok(operator)
}

fn sync(arguments: &SyncArguments) -> Result<ExitCode> {
    let now = unix_time();
    let (network, state) = arguments.light.network.open()?;
    let (light, started) = arguments.beacons.light_client(&network, &state, now)?;
    let synced = light.sync(now);
    let store = light.store();
    let synced = synced.context("the light client is not up to date")?;
    let mut stdout = std::io::stdout().lock();
    if arguments.light.json {
        let faults: Vec<_> = started
            .faults
            .iter()
            .chain(&synced.faults)
            .map(ToString::to_string)
            .collect();
        let line = json!({
            "updates": synced.updates, "faults": faults,
            "known": known(&store, &state, now),
        });
        writeln!(stdout, "{line}")?;
        return Ok(ExitCode::SUCCESS);
    }
    for fault in started.faults.iter().chain(&synced.faults) {
        writeln!(stdout, "passed over   {fault}")?;
    }
    writeln!(stdout, "updates       {} verified", synced.updates)?;
    tell(&mut stdout, &store, &state, now)?;
    Ok(ExitCode::SUCCESS)
}

fn status(arguments: &StatusArguments) -> Result<ExitCode> {
    let now = unix_time();
    let (network, state) = arguments.light.network.open()?;
    let Some(store) = state.read(&network, now)? else {
        bail!(
            "nothing is known yet of {}: {} does not exist; `callseal registry sync --checkpoint ROOT` begins",
            network.name(),
            state.path().display()
        );
    };
    let mut stdout = std::io::stdout().lock();
    match arguments.light.json {
        true => writeln!(stdout, "{}", known(&store, &state, now))?,
        false => tell(&mut stdout, &store, &state, now)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn known(
    store: &callseal_registry_client::light::Store,
    state: &LightState,
    now: u64,
) -> serde_json::Value {
    json!({
        "network": store.network().name(),
        "finalized_slot": store.finalized_slot(),
        "finalized_root": store.finalized().beacon.root(),
        "block_hash": store.finalized().execution.block_hash,
        "block_number": store.finalized().execution.block_number,
        "age_seconds": store.age(now).as_secs(),
        "period": store.period(),
        "next_committee_known": store.next_committee().is_some(),
        "state_file": state.path().display().to_string(),
    })
}

fn tell(
    out: &mut impl Write,
    store: &callseal_registry_client::light::Store,
    state: &LightState,
    now: u64,
) -> Result<()> {
    let execution = &store.finalized().execution;
    writeln!(out, "network       {}", store.network().name())?;
    writeln!(
        out,
        "final         slot {}, {} old",
        store.finalized_slot(),
        crate::look_up_evidence::in_words(store.age(now))
    )?;
    writeln!(out, "block root    {}", store.finalized().beacon.root())?;
    writeln!(
        out,
        "execution     block {} {}",
        execution.block_number, execution.block_hash
    )?;
    let next = match store.next_committee() {
        Some(_) => "known",
        None => "not known yet",
    };
    writeln!(
        out,
        "committee     period {}, the next one is {next}",
        store.period()
    )?;
    writeln!(out, "kept in       {}", state.path().display())?;
    Ok(())
}

const GET_HELP: &str = "\
Examples:
  callseal registry get +8613800000001 --contract 0x5FbD… --rpc https://rpc.example \\
      --beacon https://beacon.example --checkpoint 0x1bd0…
  callseal registry get +8613800000001 --operators operators.json --rpc https://rpc.example \\
      --beacon https://beacon.example        # later: what was verified is kept
  callseal devnet                            # something to try it on

Exit codes:
  0  the registry vouches for the number's key
  1  it does not: no record, or none in force; that is proven
  2  nothing is known: an argument, a file or a node is unusable";

const SYNC_HELP: &str = "\
A checkpoint is the root of a recent final block. Everything follows from it, so take it from where you
have reason to trust: your own node (curl NODE/eth/v1/beacon/headers/finalized), or several independent
services that say the same. Every --beacon is asked whether it has that block too.

Examples:
  callseal registry sync --beacon https://beacon.example --checkpoint 0x1bd0…
  callseal registry sync --beacon https://one.example --beacon https://two.example";
