//! `callseal keygen`: a new identity.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use callseal_sts::{IdentityKey, Number};

use crate::identity_file::IdentityFile;
use crate::output_file::{Existing, OutputError};
use crate::phone_keys::PhoneKeys;
use crate::random::SystemRandom;
use crate::sealed_keys::{PassphraseArguments, Work};

/// Makes an identity key, or with --wallet all the keys of a phone
///
/// The secret goes into the file, which only its owner can read (mode 0600).
/// The public key is printed: it is what the registry holds for the number.
///
/// With --wallet the file also holds a wallet and the key for enrolment, all
/// encrypted under a passphrase.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callseal keygen alice.key
  callseal keygen alice.key --number +8613800000001 --json
  callseal keygen alice.phone --number +8613800000001 --wallet
  callseal keygen alice.phone --wallet --identity alice.key  # keeps it")]
pub struct Arguments {
    /// The file to be made
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The telephone number that the key is for, kept in the file
    #[arg(long, value_name = "+NUMBER")]
    number: Option<Number>,

    /// Makes a wallet and a key for enrolment too, and encrypts the file under a passphrase
    #[arg(long)]
    wallet: bool,

    /// Takes the identity from this key file instead of making one
    #[arg(long, value_name = "FILE", requires = "wallet")]
    identity: Option<PathBuf>,

    #[command(flatten)]
    passphrase: PassphraseArguments,

    /// Replaces the file if it exists; the key in it is lost
    #[arg(long)]
    force: bool,

    /// Prints a line of JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Where the file exists already or cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.wallet {
        return make_phone_keys(arguments);
    }
    if arguments.passphrase.passphrase_file.is_some() {
        bail!(
            "a key without a wallet stands in its file as it is, under no passphrase: \
             add --wallet, or leave --passphrase-file out"
        );
    }
    let identity = IdentityFile {
        key: IdentityKey::generate(&mut SystemRandom),
        number: arguments.number,
    };
    let existing = arguments.existing();
    identity.write(&arguments.file, existing)?;
    let public = identity.key.public().to_string();
    let file = arguments.file.display().to_string();
    let mut stdout = std::io::stdout().lock();
    match arguments.json {
        true => {
            let number = arguments.number.map(|number| number.to_string());
            let line = serde_json::json!({ "file": file, "number": number, "public_key": public });
            writeln!(stdout, "{line}")?;
        }
        false => {
            writeln!(stdout, "secret key   {file} (keep it to yourself)")?;
            writeln!(stdout, "public key   {public}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn make_phone_keys(arguments: &Arguments) -> Result<ExitCode> {
    let existing = arguments.existing();
    // Refused before anybody is asked for a passphrase.
    if existing == Existing::Keep && arguments.file.exists() {
        bail!(OutputError::Exists(arguments.file.clone()));
    }
    let identity = arguments.identity.as_deref().map(IdentityFile::read);
    let identity = identity.transpose()?;
    let number = identity.as_ref().and_then(|identity| identity.number);
    let keys = PhoneKeys::generate(
        arguments.number.or(number),
        identity.map(|identity| identity.key),
        &mut SystemRandom,
    );
    let passphrase = arguments.passphrase.of_new()?;
    keys.write(
        &arguments.file,
        &passphrase,
        Work::USUAL,
        &mut SystemRandom,
        existing,
    )?;
    let (public, wallet) = (keys.identity.public().to_string(), keys.address());
    let file = arguments.file.display().to_string();
    let mut stdout = std::io::stdout().lock();
    match arguments.json {
        true => {
            let number = keys.number.map(|number| number.to_string());
            let line = serde_json::json!({
                "file": file, "number": number, "public_key": public, "wallet": wallet,
            });
            writeln!(stdout, "{line}")?;
        }
        false => {
            writeln!(stdout, "secret keys  {file} (under the passphrase)")?;
            writeln!(stdout, "public key   {public}")?;
            writeln!(stdout, "wallet       {wallet}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn existing(&self) -> Existing {
        match self.force {
            true => Existing::Replace,
            false => Existing::Keep,
        }
    }
}
