//! `callseal registry`: what the registry holds, and the light client that finds it.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use anyhow::{Context, Result, bail};
use callseal_registry_client::light::{Beacon, Network};
use callseal_registry_client::{
    Answer, LiveError, LiveRegistry, LookUpError, Operator, Policy, RegistryConfig, Transport,
    Verified, layout,
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
use crate::look_up_evidence::{Asked, Claims, Evidence, LightEvidence};
use crate::proof_sizes::NotedProofs;
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

    /// Shows what this wallet claims; without it, whoever claims a number that has no record in force
    #[arg(long, value_name = "ADDRESS", help_heading = "Registry")]
    claimant: Option<Address>,

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
    let (light, beginning) = arguments.beacons.light_client(&network, &state, now)?;
    let proofs = NotedProofs::default();
    let nodes = named_nodes(&arguments.rpc)?.into_iter();
    let nodes = nodes.map(|(name, node)| (name, proofs.of(node)));
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
    let proofs = proofs.last();
    let is_in_force = match found.answer.value() {
        Answer::Record(record) => record.is_in_force(found.answer.timestamp()),
        Answer::Absent => false,
    };
    let claims = match (is_in_force, arguments.claimant) {
        (true, None) => Claims::default(),
        (_, claimant) => claims(&mut live, &arguments.number, claimant, now),
    };
    let is_claimed = claims.is_any();
    let asked = Asked {
        number: &arguments.number,
        operator: &operator.name,
        proofs,
        claims,
    };
    let evidence = Evidence::new(asked, &live, &beginning, &found, now);
    let mut stdout = std::io::stdout().lock();
    match arguments.light.json {
        true => writeln!(stdout, "{}", serde_json::to_string(&evidence)?)?,
        false => {
            for line in evidence.lines() {
                writeln!(stdout, "{line}")?;
            }
        }
    }
    Ok(match (is_in_force, is_claimed) {
        (true, _) => ExitCode::SUCCESS,
        (false, true) => EXIT_CLAIMED.into(),
        (false, false) => EXIT_FAILED.into(),
    })
}

/// What waits for the number; the record is proven, whether or not this is to be had.
fn claims<B: Beacon, T: Transport>(
    live: &mut LiveRegistry<B, T>,
    number: &Number,
    claimant: Option<Address>,
    now: u64,
) -> Claims {
    let number = number.as_str();
    let claims = match claimant {
        None => live.look_up_claims(number, now).map(Verified::into_value),
        Some(wallet) => {
            let claim = live.look_up_claim(number, wallet, now);
            claim.map(|claim| match claim.into_value() {
                Answer::Record(claim) => vec![claim],
                Answer::Absent => Vec::new(),
            })
        }
    };
    match claims {
        Ok(claims) => Claims::proven(claimant, &claims),
        Err(LiveError::Registry(error @ LookUpError::TooManyClaims { .. })) => {
            Claims::unknown(claimant, format!("{error}; name a wallet with --claimant"))
        }
        Err(error) => Claims::unknown(claimant, error.to_string()),
    }
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
    let (light, beginning) = arguments.beacons.light_client(&network, &state, now)?;
    let synced = light.sync(now);
    let synced = synced.context("the light client is not up to date")?;
    let store = light.store();
    let evidence = LightEvidence::new(&store, &beginning, Some(&synced));
    let mut stdout = std::io::stdout().lock();
    if arguments.light.json {
        let mut line = serde_json::to_value(&evidence)?;
        line["known"] = known(&store, &state, now);
        writeln!(stdout, "{line}")?;
        return Ok(ExitCode::SUCCESS);
    }
    for line in evidence.lines() {
        writeln!(stdout, "{line}")?;
    }
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
        false => {
            writeln!(stdout, "network       {}", store.network().name())?;
            tell(&mut stdout, &store, &state, now)?;
        }
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
  callseal registry get +8613800000001 --contract 0x5FbD… \\
      --rpc https://rpc.example \\
      --beacon https://beacon.example --checkpoint 0x1bd0…
  callseal registry get +8613800000001 --operators operators.json \\
      --rpc https://rpc.example \\
      --beacon https://beacon.example        # later: what was verified is kept
  callseal devnet                            # something to try it on

Exit codes:
  0  the registry vouches for the number's key
  1  it does not: no record, or none in force; that is proven
  2  nothing is known: an argument, a file or a node is unusable
  3  it does not, and somebody has claimed the number: the operator has not approved that yet, as is proven";

/// Of `registry get`, where no record is in force and a claim waits.
const EXIT_CLAIMED: u8 = 3;

const SYNC_HELP: &str = "\
A checkpoint is the root of a recent final block. Everything follows from it, so take it from where you
have reason to trust: your own node (curl NODE/eth/v1/beacon/headers/finalized), or several independent
services that say the same. Every --beacon is asked whether it has that block too. So is what this machine
has verified itself and kept, unless it is older than a week: a checkpoint that is not of the same history is
refused, and the state stays. If you are sure that the checkpoint is right, remove the state file and start again.

Examples:
  callseal registry sync --beacon https://beacon.example --checkpoint 0x1bd0…
  callseal registry sync --beacon https://one.example \\
      --beacon https://two.example";
