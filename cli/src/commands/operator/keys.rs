//! `callseal operator keys`: who the operator is.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde_json::json;

use crate::operator_keys::OperatorKeys;
use crate::output_file::OutputError;
use crate::random::SystemRandom;
use crate::sealed_keys::{PassphraseArguments, Work};

/// Makes an operator's keys: account, token signing key, sealing key
///
/// The secrets go into the file, encrypted under a passphrase; only its owner
/// can read it (mode 0600). Keep a copy in a safe place: whoever has them is
/// the operator, and without them the registry is nobody's.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callseal operator keys operator.json
  callseal operator keys operator.json --passphrase-file passphrase --json
  callseal operator keys new.json --account-of operator.json  # to rotate")]
pub(super) struct Arguments {
    /// The file to be made; one that exists is never replaced
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Keeps the account of these keys, which are under the same passphrase
    #[arg(long, value_name = "FILE")]
    account_of: Option<PathBuf>,

    #[command(flatten)]
    passphrase: PassphraseArguments,

    /// Prints a line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    // Refused before anybody is asked for a passphrase.
    if arguments.file.symlink_metadata().is_ok() {
        bail!(
            "{} exists already; name another file",
            arguments.file.display()
        );
    }
    let (passphrase, account) = match &arguments.account_of {
        None => (arguments.passphrase.of_new()?, None),
        Some(path) => {
            let passphrase = arguments.passphrase.of_existing()?;
            let account = OperatorKeys::read(path, &passphrase)?.account;
            (passphrase, Some(account))
        }
    };
    let keys = OperatorKeys::generate(account);
    let written = keys.write(&arguments.file, &passphrase, Work::USUAL, &mut SystemRandom);
    match written {
        Err(OutputError::Exists(file)) => {
            bail!("{} exists already; name another file", file.display())
        }
        written => written?,
    }
    let (account, file) = (keys.account.address(), arguments.file.display());
    let (signing, sealing) = (keys.signing.public(), keys.sealing.public());
    let mut stdout = std::io::stdout().lock();
    if arguments.json {
        let line = json!({
            "file": file.to_string(), "account": account,
            "signing_key": signing.to_string(), "sealing_key": sealing.to_string(),
        });
        writeln!(stdout, "{line}")?;
    } else {
        writeln!(stdout, "keys          {file} (under the passphrase)")?;
        writeln!(
            stdout,
            "account       {account}, which needs ether to deploy, pay and approve"
        )?;
        writeln!(stdout, "signing key   {signing}")?;
        writeln!(stdout, "sealing key   {sealing}")?;
    }
    Ok(())
}
