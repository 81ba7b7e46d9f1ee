//! `callseal keygen`: a new identity.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use callseal_sts::{IdentityKey, Number};

use crate::identity_file::IdentityFile;
use crate::output_file::Existing;
use crate::random::SystemRandom;

/// Makes an identity key
///
/// The secret goes into the file, which only its owner can read (mode 0600).
/// The public key is printed: it is what the registry holds for the number.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callseal keygen alice.key
  callseal keygen alice.key --number +8613800000001 --json")]
pub struct Arguments {
    /// The file to be made
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The telephone number that the key is for, kept in the file
    #[arg(long, value_name = "+NUMBER")]
    number: Option<Number>,

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
    let identity = IdentityFile {
        key: IdentityKey::generate(&mut SystemRandom),
        number: arguments.number,
    };
    let existing = match arguments.force {
        true => Existing::Replace,
        false => Existing::Keep,
    };
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
