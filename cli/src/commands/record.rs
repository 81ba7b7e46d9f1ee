//! `callseal record`: what a number's owner does with the own record.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, U256};
use anyhow::{Context, Result, bail};
use callseal_eims::{JsonRpcNode, Node as _, OperatorId};
use callseal_registry_client::{
    Answer, HttpTransport, Record, Registry, RegistryConfig, Status, Verified, layout,
};
use callseal_sts::Number;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::clock::unix_time;
use crate::commands::EXIT_FAILED;
use crate::commands::light::{BeaconArguments, NetworkArguments};
use crate::commands::phone::seconds;
use crate::commands::which_registry::WhichRegistry;
use crate::enrol::reader::{Reader, Trust};
use crate::enrol::wrapped;
use crate::file_lock::FileLock;
use crate::holder::{Change, Ended, Holder, HolderError, Terms, Watcher};
use crate::interrupt::Interrupt;
use crate::own_record::Concern;
use crate::phone_keys::PhoneKeys;
use crate::sealed_keys::PassphraseArguments;

/// Shows, revokes or renews a phone's own record, or objects to another's
///
/// The registry does at once what a record's holder says: the wallet in the
/// phone's key file says it, and pays for it. What comes of it is read back
/// with proofs.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows the own record, and whether another is to take its place
    #[command(after_help = SHOW_HELP)]
    Show(RecordArguments),
    /// Objects to what the operator has approved to take the record's place
    #[command(after_help = CHANGE_HELP)]
    Object(ChangeArguments),
    /// Takes the record out of force, for good: nobody can be called with its key any more
    #[command(after_help = CHANGE_HELP)]
    Revoke(RevokeArguments),
    /// Puts a new key in the record, at once, and in the key file
    ///
    /// The new key is in the file, beside the old one, before anybody hears of
    /// it, and takes the old one's place there once the registry proves it.
    #[command(after_help = CHANGE_HELP)]
    Rotate(ChangeArguments),
}

/// Whose record, in which registry, and who is believed.
#[derive(Debug, clap::Args)]
struct RecordArguments {
    /// The phone's key file, under a passphrase
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,

    #[command(flatten)]
    passphrase: PassphraseArguments,

    /// Our own number [default: the one in the key file]
    #[arg(long, value_name = "+NUMBER")]
    number: Option<Number>,

    /// An Ethereum node, which changes are sent to; what it says of records is not believed without proof
    #[arg(long, value_name = "URL", help_heading = "Registry")]
    rpc: String,

    #[command(flatten)]
    registry: WhichRegistry,

    /// Believes the node's newest block, instead of asking a --beacon for the newest final one: for a node of
    /// one's own, and for tests
    #[arg(
        long,
        required_unless_present = "beacon",
        conflicts_with_all = ["beacon", "checkpoint"],
        help_heading = "Registry"
    )]
    trust_node: bool,

    #[command(flatten)]
    network: NetworkArguments,

    #[command(flatten)]
    beacons: BeaconArguments,

    /// Prints one line of JSON at the end, and nothing else
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct ChangeArguments {
    #[command(flatten)]
    record: RecordArguments,

    /// Stops after so many seconds; the same command goes on later
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1800")]
    wait: Duration,

    /// How soon it looks again where it waits
    #[arg(
        long,
        value_name = "MILLISECONDS",
        default_value_t = 1_500,
        value_parser = clap::value_parser!(u64).range(10..)
    )]
    poll: u64,
}

#[derive(Debug, clap::Args)]
struct RevokeArguments {
    #[command(flatten)]
    change: ChangeArguments,

    /// Does not ask for the number first
    #[arg(long)]
    yes: bool,
}

/// Runs the command.
///
/// # Errors
/// What is unusable, by name.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.command {
        Command::Show(arguments) => show(arguments),
        Command::Object(arguments) => change(arguments, Change::Object, |_| Ok(())),
        Command::Rotate(arguments) => change(arguments, Change::Rotate, |_| Ok(())),
        Command::Revoke(RevokeArguments { change: of, yes }) => {
            change(of, Change::Revoke, |number| match yes {
                true => Ok(()),
                false => confirm(number),
            })
        }
    }
}

fn show(arguments: &RecordArguments) -> Result<ExitCode> {
    let (keys, passphrase) = arguments.keys()?;
    let number = arguments.number(&keys)?;
    let mut holder = arguments.holder(keys, passphrase, number, Duration::ZERO)?;
    let answer = holder.look_up()?;
    let (keys, mut stdout) = (holder.keys(), std::io::stdout().lock());
    match arguments.json {
        true => writeln!(stdout, "{}", record_json(&number, keys, &answer))?,
        false => {
            for line in record_lines(&number, keys, &answer) {
                writeln!(stdout, "{line}")?;
            }
        }
    }
    let is_well = answer
        .clone()
        .into_record()
        .is_some_and(|record| record.is_in_force() && record.value().holder == keys.address());
    Ok(match is_well && concern(keys, &answer).is_none() {
        true => ExitCode::SUCCESS,
        false => EXIT_FAILED.into(),
    })
}

fn change(
    arguments: &ChangeArguments,
    change: Change,
    confirmed: impl FnOnce(&Number) -> Result<()>,
) -> Result<ExitCode> {
    let of = &arguments.record;
    let notes = of.notes();
    let lock = FileLock::now_of(&notes);
    let lock = lock.with_context(|| format!("cannot lock {}", notes.display()))?;
    let Some(_lock) = lock else {
        bail!(
            "another `callseal record` is at work with {}",
            of.keys.display()
        );
    };
    let (keys, passphrase) = of.keys()?;
    let number = of.number(&keys)?;
    confirmed(&number)?;
    let look_again = Duration::from_millis(arguments.poll);
    let mut holder = of.holder(keys, passphrase, number, look_again)?;
    let mut display = Display::new(arguments, Interrupt::watch(Vec::new())?);
    let ended = holder.make(change, &mut display)?;
    display.bar.finish_and_clear();
    let code = report(of, change, &number, holder.keys(), &ended)?;
    if matches!(ended, Ended::Done(_)) {
        holder
            .forget()
            .with_context(|| format!("cannot remove {}", notes.display()))?;
    }
    Ok(code)
}

fn report(
    arguments: &RecordArguments,
    change: Change,
    number: &Number,
    keys: &PhoneKeys,
    ended: &Ended,
) -> Result<ExitCode> {
    let mut stdout = std::io::stdout().lock();
    let (answer, waits_for, error) = match ended {
        Ended::Done(answer) => (Some(answer), None, None),
        Ended::Waiting(for_what) => (None, Some(for_what), None),
        Ended::Failed(error) => (None, None, Some(error)),
    };
    if arguments.json {
        let line = json!({
            "number": number.to_string(),
            "change": change,
            "done": answer.is_some(),
            "record": answer.map(|answer| record_json(number, keys, answer)),
            "waits_for": waits_for,
            "error": error.map(ToString::to_string),
            "wallet": keys.address(),
            "missing_wei": error.and_then(HolderError::missing).map(|(_, wei)| wei.to_string()),
        });
        writeln!(stdout, "{line}")?;
    } else {
        let said = match (answer, waits_for, error) {
            (Some(answer), ..) => {
                let block = answer.block_number();
                format!("{}, as block {block} proves", done_in_words(change, number))
            }
            (_, Some(for_what), _) => {
                format!("not yet: it waits for {for_what}; the same command goes on")
            }
            (.., Some(error)) => match error.missing() {
                Some((wallet, wei)) => too_poor(wallet, wei),
                None => format!("not done: {error}"),
            },
            (None, None, None) => "not yet: stopped; the same command goes on".to_owned(),
        };
        writeln!(stdout, "{}", wrapped(&said))?;
        if let Some(answer) = answer {
            for line in record_lines(number, keys, answer) {
                writeln!(stdout, "{line}")?;
            }
        }
    }
    Ok(match ended {
        Ended::Done(_) => ExitCode::SUCCESS,
        Ended::Waiting(_) | Ended::Failed(_) => EXIT_FAILED.into(),
    })
}

fn done_in_words(change: Change, number: &Number) -> String {
    match change {
        Change::Object => format!("nothing takes the place of the record of {number} any more"),
        Change::Revoke => format!(
            "the record of {number} is revoked, for good: for another, the operator has to give out a new token"
        ),
        Change::Rotate => format!(
            "{number} has a new key; whoever has talked to this phone before is told that its key has changed, and \
             has to accept it (--accept-changed-key)"
        ),
    }
}

fn too_poor(wallet: Address, wei: U256) -> String {
    let ether = f64::from(wei) / 1e18;
    format!(
        "not done: the wallet has too little ether; send at least {ether:.6} ether ({wei} wei) to {wallet} and run \
         the same command again"
    )
}

fn record_of(answer: &Verified<Answer>) -> Option<&Record> {
    match answer.value() {
        Answer::Record(record) => Some(record),
        Answer::Absent => None,
    }
}

/// What the owner has to know; a key that waits in the key file is no other's.
fn concern(keys: &PhoneKeys, answer: &Verified<Answer>) -> Option<Concern> {
    let next = keys.next_identity.as_ref().map(|next| next.public());
    let is_next = |record: &Record| next.is_some_and(|next| record.key == *next.as_bytes());
    let key = match record_of(answer).is_some_and(is_next) {
        true => next?,
        false => keys.identity.public(),
    };
    Concern::of(answer, &key)
}

fn record_json(number: &Number, keys: &PhoneKeys, answer: &Verified<Answer>) -> Value {
    let block = json!({
        "number": answer.block_number(), "hash": answer.block_hash(), "timestamp": answer.timestamp(),
    });
    let Some(record) = record_of(answer) else {
        return json!({ "number": number.to_string(), "status": "absent", "block": block });
    };
    let successor = record.successor.as_ref().map(|successor| {
        json!({
            "key": hex::encode(successor.key),
            "holder": successor.holder,
            "revision": successor.revision,
            "valid_since": successor.valid_since,
            "in_seconds": successor.valid_since.saturating_sub(answer.timestamp()),
        })
    });
    json!({
        "number": number.to_string(),
        "status": status(record, answer.timestamp()),
        "key": hex::encode(record.key),
        "key_is_ours": whose_key(record, keys).is_some(),
        "holder": record.holder,
        "holder_is_ours": record.holder == keys.address(),
        "valid_since": record.valid_since,
        "revision": record.revision,
        "successor": successor,
        "concern": concern(keys, answer).map(|concern| concern.to_string()),
        "block": block,
    })
}

fn record_lines(number: &Number, keys: &PhoneKeys, answer: &Verified<Answer>) -> Vec<String> {
    let proven_by = format!(
        "proven by     block {} {}",
        answer.block_number(),
        answer.block_hash()
    );
    let Some(record) = record_of(answer) else {
        return vec![
            format!("number        {number}"),
            "status        there is no record; `callseal enrol` makes one".to_owned(),
            proven_by,
        ];
    };
    let key = whose_key(record, keys).unwrap_or("not in this key file");
    let holder = match record.holder == keys.address() {
        true => "our wallet",
        false => "not our wallet",
    };
    let mut lines = vec![
        format!("number        {number}"),
        format!(
            "status        {} since Unix time {}, revision {}",
            status(record, answer.timestamp()),
            record.valid_since,
            record.revision
        ),
        format!("key           {} ({key})", hex::encode(record.key)),
        format!("holder        {} ({holder})", record.holder),
    ];
    if let Some(concern) = concern(keys, answer) {
        lines.push(wrapped(&format!("warning       {concern}")));
    }
    lines.push(proven_by);
    lines
}

fn status(record: &Record, time: u64) -> &'static str {
    match record.status {
        Status::Revoked => "revoked",
        _ if record.is_in_force(time) => "in force",
        _ => "not in force",
    }
}

fn whose_key(record: &Record, keys: &PhoneKeys) -> Option<&'static str> {
    let is = |key: &callseal_sts::IdentityKey| record.key == *key.public().as_bytes();
    if is(&keys.identity) {
        return Some("ours");
    }
    let next = keys.next_identity.as_ref().filter(|next| is(next));
    next.map(|_| "our new one; `callseal record rotate` finishes the change")
}

/// Whoever revokes a record has to know which.
fn confirm(number: &Number) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("a revocation is for good: give --yes where there is no terminal to ask on");
    }
    let mut stderr = std::io::stderr();
    write!(
        stderr,
        "This revokes the record of {number}, for good. Type the number to go on: "
    )?;
    stderr.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    if line.trim() != number.as_str() {
        bail!("that is not {number}; nothing was done");
    }
    Ok(())
}

impl RecordArguments {
    fn keys(&self) -> Result<(PhoneKeys, zeroize::Zeroizing<String>)> {
        let passphrase = self.passphrase.of_existing()?;
        Ok((PhoneKeys::read(&self.keys, &passphrase)?, passphrase))
    }

    fn number(&self, keys: &PhoneKeys) -> Result<Number> {
        match self.number.or(keys.number) {
            Some(number) => Ok(number),
            None => bail!(
                "{} holds no number; say our own with --number",
                self.keys.display()
            ),
        }
    }

    /// Where it is kept what was signed: the key file's name with .change.
    fn notes(&self) -> PathBuf {
        let mut name = self.keys.clone().into_os_string();
        name.push(".change");
        name.into()
    }

    fn holder(
        &self,
        keys: PhoneKeys,
        passphrase: zeroize::Zeroizing<String>,
        number: Number,
        look_again: Duration,
    ) -> Result<Holder> {
        let mut node = JsonRpcNode::new(&self.rpc)?;
        let light = match self.trust_node {
            true => None,
            false => Some(self.network.open()?),
        };
        let chain_id = match &light {
            Some((network, _)) => network.chain_id(),
            None => node.chain_id()?,
        };
        let at = |contract| RegistryConfig {
            contract,
            code_hash: layout::CODE_HASH,
            chain_id,
        };
        let config = self.registry.operator_of(&number, at)?.registry;
        if config.chain_id != chain_id {
            bail!(
                "the operator's registry is on chain {}, and not on chain {chain_id}: name its --network, or its node",
                config.chain_id
            );
        }
        let trust = match light {
            None => Trust::node(JsonRpcNode::new(&self.rpc)?),
            Some((network, state)) => {
                let (light, _) = self.beacons.light_client(&network, &state, unix_time())?;
                Trust::light(light)
            }
        };
        let registry = Registry::new(
            config,
            alloy_primitives::B256::ZERO,
            HttpTransport::new(&self.rpc)?,
        );
        Holder::new(Terms {
            keys,
            path: self.keys.clone(),
            passphrase,
            number,
            operator: OperatorId {
                chain_id,
                contract: config.contract.into(),
            },
            notes: self.notes(),
            node,
            reader: Reader::new(registry, trust, unix_time),
            look_again,
        })
    }
}

/// What a person sees meanwhile; on a terminal only.
struct Display {
    bar: ProgressBar,
    ends: Instant,
    interrupt: Interrupt,
    warned: String,
}

impl Display {
    fn new(arguments: &ChangeArguments, interrupt: Interrupt) -> Self {
        let bar = match arguments.record.json || !std::io::stderr().is_terminal() {
            true => ProgressBar::hidden(),
            false => ProgressBar::new_spinner(),
        };
        let bar = match ProgressStyle::with_template("{spinner} {elapsed:>4}  {wide_msg}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        bar.enable_steady_tick(Duration::from_millis(120));
        Self {
            bar,
            ends: Instant::now() + arguments.wait,
            interrupt,
            warned: String::new(),
        }
    }
}

impl Watcher for Display {
    fn waits(&mut self, for_what: &str) {
        self.bar.set_message(format!("waits for {for_what}"));
        self.warned.clear();
    }

    fn tries_again(&mut self, error: &HolderError) {
        let error = error.to_string();
        if error != self.warned {
            self.bar.suspend(|| tracing::warn!("{error}; tried again"));
            self.warned.clone_from(&error);
        }
    }

    fn is_over(&mut self) -> bool {
        Instant::now() >= self.ends || self.interrupt.has_come()
    }
}

const HELP: &str = "\
Examples:
  callseal record show --keys alice.phone --operators operators.json --rpc https://rpc.example \\
      --beacon https://beacon.example --checkpoint 0x1bd0…
  callseal record object --keys alice.phone …      # the operator has approved another key: not with us
  callseal record revoke --keys alice.phone …      # the phone was stolen
  callseal record rotate --keys alice.phone …      # a new key, at once";

const SHOW_HELP: &str = "\
Exit codes:
  0  the record is in force, it is ours, and nothing waits to take its place
  1  something else is proven: look at it
  2  nothing is known: an argument, a file or a node is unusable";

const CHANGE_HELP: &str = "\
What was signed is kept beside the key file (.change) until the registry proves the change: the same command
again goes on, and pays nothing twice.

Exit codes:
  0  it is done, as the registry proves
  1  it is not, or not yet; the same command goes on
  2  an argument, a file or a node is unusable";
