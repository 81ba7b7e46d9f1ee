//! `callseal enrol`: a phone that gets its number's record into the registry.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alloy_primitives::Address;
use anyhow::{Context, Result, bail};
use callseal_eims::{self as eims, OperatorId, Step, Token};
use callseal_registry_client::RegistryConfig;
use callseal_sts::Number;
use serde_json::json;
use zeroize::Zeroizing;

use crate::commands::EXIT_FAILED;
use crate::commands::own_registry::{OwnRegistry, OwnRegistryArguments};
use crate::commands::waiting::{Waiting, WaitingArguments};
use crate::enrol::{
    Ended, EnrolFailure, Enroller, Terms, Watcher, advice, step_in_words, waiting_in_words, wrapped,
};
use crate::identity_file::IdentityFile;
use crate::keys_file::read_text;
use crate::output_file::Existing;
use crate::phone_keys::PhoneKeys;
use crate::random::SystemRandom;
use crate::sealed_keys::{PassphraseArguments, Work};

/// Gets a phone's number, wallet and key into its operator's registry
///
/// Makes the phone's keys if there are none yet, shows the operator the SIM's
/// token over a channel of their own, gets the fee money, claims the number in
/// the registry, waits for the approval, and reads the own record back with
/// proofs. Each step is kept: the same command again goes on from where it was
/// stopped, and nothing is paid or claimed twice.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP, mut_arg("poll", |poll| poll.help(POLL_HELP)))]
pub struct Arguments {
    /// The file with the SIM's token
    #[arg(long, value_name = "FILE")]
    token: PathBuf,

    /// The phone's key file, under a passphrase; it is made if there is none
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,

    #[command(flatten)]
    passphrase: PassphraseArguments,

    /// A new key file takes its identity from this one, of `callseal keygen`
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    identity: Option<PathBuf>,

    /// Where the operator takes enrolments
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    operator: String,

    #[command(flatten)]
    registry: OwnRegistryArguments,

    /// Where it is kept how far the enrolment is; no secret [default: the key file's name with .enrolment]
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    progress: Option<PathBuf>,

    #[command(flatten)]
    waiting: WaitingArguments,

    /// Prints one line of JSON at the end, and nothing else
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What is unusable, by name.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let token = token(&arguments.token)?;
    let claims = *token.unverified_claims();
    let number = Number::parse(&claims.number.to_string())?;
    let config = registry(arguments, &number, claims.operator)?;
    let (keys, _lock) = keys(arguments, number)?;
    let OwnRegistry {
        node,
        reader,
        faults,
    } = arguments.registry.open(config)?;
    let progress = arguments.progress.clone().unwrap_or_else(|| {
        let mut name = arguments.keys.clone().into_os_string();
        name.push(".enrolment");
        name.into()
    });
    let wallet = keys.address();
    let mut enroller = Enroller::new(Terms {
        keys,
        token,
        operator: claims.operator,
        address: arguments.operator.clone(),
        notes: progress.clone(),
        node,
        reader,
        look_again: arguments.waiting.look_again(),
    })?;
    let mut display = Display(arguments.waiting.begin(arguments.json)?);
    display.0.says(format!("{number}, wallet {wallet}"));
    let ended = enroller.run(&mut display)?;
    display.0.end();
    let ended = (ended, faults.all());
    report(arguments, &number, wallet, &progress, &ended)
}

fn report(
    arguments: &Arguments,
    number: &Number,
    wallet: Address,
    progress: &Path,
    (ended, faults): &(Ended, Vec<String>),
) -> Result<ExitCode> {
    let is_enrolled = matches!(ended.step, Step::Enrolled { .. });
    let computed = ended.took.saturating_sub(ended.paused);
    let block = match &ended.step {
        Step::Enrolled {
            block_number,
            block_hash,
        } => Some((block_number, block_hash)),
        _ => None,
    };
    let mut stdout = std::io::stdout().lock();
    if arguments.json {
        let line = json!({
            "number": number.to_string(),
            "wallet": wallet,
            "enrolled": is_enrolled,
            "step": step_in_words(&ended.step),
            "block_number": block.map(|(number, _)| number),
            "block_hash": block.map(|(_, hash)| hash),
            "waits_for": ended.waiting.as_ref().map(waiting_in_words),
            "error": ended.error.as_ref().map(ToString::to_string),
            "advice": ended.error.as_ref().and_then(advice),
            "faults": faults,
            "progress": progress.display().to_string(),
            "took_ms": ended.took.as_secs_f64() * 1_000.0,
            "without_pauses_ms": computed.as_secs_f64() * 1_000.0,
        });
        writeln!(stdout, "{line}")?;
    } else if is_enrolled {
        let (took, paused) = (ended.took.as_secs_f64(), ended.paused.as_secs_f64());
        writeln!(
            stdout,
            "{number} is enrolled: {}",
            step_in_words(&ended.step)
        )?;
        writeln!(
            stdout,
            "in {took:.1} s, {paused:.1} s of it between two looks at operator and chain"
        )?;
    } else {
        let why = match (&ended.error, &ended.waiting) {
            (Some(error), _) => format!("{number} is not enrolled: {error}"),
            (None, Some(waiting)) => format!("not yet: it waits for {}", waiting_in_words(waiting)),
            (None, None) => "not yet: stopped".to_owned(),
        };
        writeln!(stdout, "{}", wrapped(&why))?;
        if let Some(advice) = ended.error.as_ref().and_then(advice) {
            writeln!(stdout, "{}", wrapped(advice))?;
        }
        let so_far = step_in_words(&ended.step);
        writeln!(
            stdout,
            "{}",
            wrapped(&format!("so far: {so_far}; the same command goes on"))
        )?;
    }
    if !arguments.json {
        for fault in faults {
            writeln!(stdout, "{}", wrapped(&format!("passed over: {fault}")))?;
        }
    }
    Ok(match is_enrolled {
        true => ExitCode::SUCCESS,
        false => EXIT_FAILED.into(),
    })
}

fn token(path: &Path) -> Result<Token> {
    let text = read_text(path).map(Zeroizing::new);
    let text = text.with_context(|| format!("cannot read the token in {}", path.display()))?;
    text.trim()
        .parse()
        .with_context(|| format!("{} holds no token", path.display()))
}

/// The registry of the operator of our own configuration, which the token has to be of.
fn registry(
    arguments: &Arguments,
    number: &Number,
    token_of: OperatorId,
) -> Result<RegistryConfig> {
    // The nodes' own chain has to be the same.
    let ours = arguments.registry.config(number, token_of.chain_id)?;
    if (ours.chain_id, ours.contract.into_array()) != (token_of.chain_id, token_of.contract) {
        bail!(
            "{} is a token of another operator: of the registry {token_of}",
            arguments.token.display()
        );
    }
    Ok(ours)
}

/// A name may be unknown now and known later; what has no port never will.
fn host_and_port(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').ok_or("not of the form HOST:PORT")?;
    match port.parse::<u16>() {
        Ok(1..) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err("not of the form HOST:PORT".to_owned()),
    }
}

/// The phone's keys, made if they are not there; and the file, which nobody else enrols with as long as it is open.
fn keys(arguments: &Arguments, number: Number) -> Result<(PhoneKeys, File)> {
    let path = &arguments.keys;
    if !path.exists() {
        let identity = arguments.identity.as_deref().map(IdentityFile::read);
        let identity = identity.transpose()?.map(|identity| identity.key);
        let passphrase = arguments.passphrase.of_new()?;
        let keys = PhoneKeys::generate(Some(number), identity, &mut SystemRandom);
        keys.write(
            path,
            &passphrase,
            Work::USUAL,
            &mut SystemRandom,
            Existing::Keep,
        )?;
        return Ok((keys, locked(path)?));
    }
    let lock = locked(path)?;
    let keys = PhoneKeys::read(path, &arguments.passphrase.of_existing()?)?;
    if keys.number.is_some_and(|there| there != number) {
        bail!(
            "{} holds the keys of another number than the token's, {number}",
            path.display()
        );
    }
    Ok((keys, lock))
}

fn locked(path: &Path) -> Result<File> {
    let cannot = || format!("cannot lock {}", path.display());
    let file = File::open(path).with_context(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another `callseal enrol` is at work with {}",
            path.display()
        ),
        // A file system without locks: whoever has one runs one at a time.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => Err(error).with_context(cannot),
    }
}

struct Display(Waiting);

impl Watcher for Display {
    fn moved(&mut self, step: &Step) {
        self.0.says(step_in_words(step));
    }

    fn waits(&mut self, for_what: &eims::Waiting) {
        self.0.waits_for(&waiting_in_words(for_what));
    }

    fn tries_again(&mut self, error: &EnrolFailure) {
        self.0.tries_again(error);
    }

    fn is_over(&mut self) -> bool {
        self.0.is_over()
    }
}

const POLL_HELP: &str = "How soon it looks again where it waits; an operator takes some 600 questions with a token in \
    ten minutes";

const HELP: &str = "\
Examples:
  callseal enrol --token sim.token --keys alice.phone \\
      --operator eims.example:7474 \\
      --operators operators.json --rpc https://rpc.example \\
      --beacon https://beacon.example --checkpoint 0x1bd0…
  callseal enrol --token sim.token --keys alice.phone \\
      --operator 127.0.0.1:7474 \\
      --contract 0x5FbD… --rpc http://127.0.0.1:8545 --trust-node
  callseal record show --keys alice.phone --contract 0x5FbD… \\
      --rpc http://127.0.0.1:8545 --trust-node

Exit codes:
  0  the phone is enrolled: its record was read with proofs, and is in force
  1  it is not, or not yet; the same command goes on
  2  an argument or a file is unusable";
