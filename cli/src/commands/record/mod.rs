//! `callseal record`: what a number's owner does with the own record.

mod shown;

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use alloy_primitives::{Address, U256};
use anyhow::{Context, Result, bail};
use callseal_eims::OperatorId;
use callseal_sts::Number;
use clap::Subcommand;
use serde_json::json;

use crate::commands::EXIT_FAILED;
use crate::commands::own_registry::{OwnRegistry, OwnRegistryArguments};
use crate::commands::waiting::{Waiting, WaitingArguments};
use crate::enrol::wrapped;
use crate::file_lock::FileLock;
use crate::holder::{Change, Ended, Holder, HolderError, Terms, Watcher};
use crate::node_faults::NodeFaults;
use crate::phone_keys::{PhoneKeys, Work};
use crate::sealed_keys::PassphraseArguments;
use shown::OwnRecordShown;

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

    #[command(flatten)]
    registry: OwnRegistryArguments,

    /// Prints one line of JSON at the end, and nothing else
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct ChangeArguments {
    #[command(flatten)]
    record: RecordArguments,

    #[command(flatten)]
    waiting: WaitingArguments,
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
                false => {
                    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
                    confirm(number, stdin.is_terminal(), &mut stdin.lock(), &mut stderr)
                }
            })
        }
    }
}

fn show(arguments: &RecordArguments) -> Result<ExitCode> {
    let (keys, passphrase) = arguments.keys()?;
    let number = arguments.number(&keys)?;
    let (mut holder, faults) = arguments.holder(keys, passphrase, number, Duration::ZERO)?;
    let answer = holder.look_up()?;
    let mut stdout = std::io::stdout().lock();
    let shown = OwnRecordShown {
        number: &number,
        keys: holder.keys(),
        answer: &answer,
    };
    match arguments.json {
        true => {
            let mut line = shown.json();
            line["faults"] = json!(faults.all());
            writeln!(stdout, "{line}")?;
        }
        false => {
            for line in shown.lines() {
                writeln!(stdout, "{line}")?;
            }
            tell(&mut stdout, &faults)?;
        }
    }
    Ok(match shown.is_well() {
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
    let look_again = arguments.waiting.look_again();
    let (mut holder, faults) = of.holder(keys, passphrase, number, look_again)?;
    let mut display = Display(arguments.waiting.begin(of.json)?);
    let ended = holder.make(change, &mut display)?;
    display.0.end();
    let code = report(of, change, (&number, holder.keys()), &ended, &faults)?;
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
    (number, keys): (&Number, &PhoneKeys),
    ended: &Ended,
    faults: &NodeFaults,
) -> Result<ExitCode> {
    let mut stdout = std::io::stdout().lock();
    let shown = |answer| OwnRecordShown {
        number,
        keys,
        answer,
    };
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
            "record": answer.map(|answer| shown(answer).json()),
            "waits_for": waits_for,
            "error": error.map(ToString::to_string),
            "faults": faults.all(),
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
            for line in shown(answer).lines() {
                writeln!(stdout, "{line}")?;
            }
        }
    }
    if !arguments.json {
        tell(&mut stdout, faults)?;
    }
    Ok(match ended {
        Ended::Done(_) => ExitCode::SUCCESS,
        Ended::Waiting(_) | Ended::Failed(_) => EXIT_FAILED.into(),
    })
}

fn tell(out: &mut impl Write, faults: &NodeFaults) -> Result<()> {
    for fault in faults.all() {
        writeln!(out, "{}", wrapped(&format!("passed over   {fault}")))?;
    }
    Ok(())
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

/// Whoever revokes a record has to know which: asks for its number on a terminal, of which `input` is read.
fn confirm(
    number: &Number,
    is_terminal: bool,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<()> {
    if !is_terminal {
        bail!("a revocation is for good: give --yes where there is no terminal to ask on");
    }
    write!(
        output,
        "This revokes the record of {number}, for good. Type the number to go on: "
    )?;
    output.flush()?;
    let mut line = String::new();
    input.read_line(&mut line)?;
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
    ) -> Result<(Holder, NodeFaults)> {
        let chain_id = self.registry.chain_id()?;
        let config = self.registry.config(&number, chain_id)?;
        let OwnRegistry {
            node,
            reader,
            faults,
        } = self.registry.open(config)?;
        let holder = Holder::new(Terms {
            keys,
            path: self.keys.clone(),
            passphrase,
            work: Work::USUAL,
            number,
            operator: OperatorId {
                chain_id: config.chain_id,
                contract: config.contract.into(),
            },
            notes: self.notes(),
            node,
            reader,
            look_again,
            points: Box::new(()),
        })?;
        Ok((holder, faults))
    }
}

struct Display(Waiting);

impl Watcher for Display {
    fn waits(&mut self, for_what: &str) {
        self.0.waits_for(for_what);
    }

    fn tries_again(&mut self, error: &HolderError) {
        self.0.tries_again(error);
    }

    fn is_over(&mut self) -> bool {
        self.0.is_over()
    }
}

const HELP: &str = "\
Examples:
  callseal record show --keys alice.phone --operators operators.json \\
      --rpc https://rpc.example \\
      --beacon https://beacon.example --checkpoint 0x1bd0…
  callseal record show --help        # and with the same arguments:
  callseal record object --help      # to another key that was approved
  callseal record revoke --help      # the phone was stolen
  callseal record rotate --help      # a new key, at once";

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

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "+8613800000001";

    /// What is said on a terminal where this is typed, and whether the change goes on.
    fn typed(text: &str) -> (String, Result<()>) {
        let mut said = Vec::new();
        let number = Number::parse(NUMBER).unwrap();
        let confirmed = confirm(&number, true, &mut text.as_bytes(), &mut said);
        (String::from_utf8(said).unwrap(), confirmed)
    }

    #[test]
    fn a_revocation_goes_on_where_its_number_is_typed_and_nowhere_else() {
        let (said, confirmed) = typed("+8613800000001\r\n");
        assert!(confirmed.is_ok());
        assert!(said.contains(NUMBER) && said.contains("for good"), "{said}");
        for wrong in [
            "",
            "\n",
            "yes\n",
            "8613800000001\n",
            "+8613800000002\n",
            "+86138\n+8613800000001\n",
        ] {
            let error = typed(wrong).1.unwrap_err().to_string();
            assert!(error.contains("nothing was done"), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn where_there_is_no_terminal_nothing_is_read_and_nobody_is_asked() {
        let number = Number::parse(NUMBER).unwrap();
        let (mut input, mut said) = (NUMBER.as_bytes(), Vec::new());
        let refused = confirm(&number, false, &mut input, &mut said).unwrap_err();
        assert!(refused.to_string().contains("--yes"), "{refused}");
        assert_eq!((input, said), (NUMBER.as_bytes(), Vec::new()));
    }
}
