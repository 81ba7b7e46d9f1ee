//! Where a passphrase comes from.

use std::io::{IsTerminal, stdin};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use zeroize::Zeroizing;

use crate::keys_file::read_text;

/// How the passphrase of a key file is given.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PassphraseArguments {
    /// A file whose first line is the key file's passphrase [default: $CALLSEAL_PASSPHRASE, else it is asked for on
    /// the terminal]
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub passphrase_file: Option<PathBuf>,
}

const VARIABLE: &str = "CALLSEAL_PASSPHRASE";

impl PassphraseArguments {
    /// The passphrase of a file that is there.
    ///
    /// # Errors
    /// Where none is given, or it cannot be read.
    pub fn of_existing(&self) -> Result<Zeroizing<String>> {
        match self.given()? {
            Some(passphrase) => Ok(passphrase),
            None => ask("passphrase: "),
        }
    }

    /// The passphrase of a file that is to be made; on a terminal it is asked
    /// for twice.
    ///
    /// # Errors
    /// Where none is given, it is empty, or the two differ.
    pub fn of_new(&self) -> Result<Zeroizing<String>> {
        let passphrase = match self.given()? {
            Some(passphrase) => passphrase,
            None => {
                let first = ask("new passphrase: ")?;
                if *first != *ask("again: ")? {
                    bail!("the two passphrases differ");
                }
                first
            }
        };
        if passphrase.is_empty() {
            bail!("the passphrase is empty");
        }
        Ok(passphrase)
    }

    fn given(&self) -> Result<Option<Zeroizing<String>>> {
        if let Some(path) = &self.passphrase_file {
            let text = read_text(path)
                .with_context(|| format!("cannot read the passphrase in {}", path.display()))?;
            let line = text.lines().next().unwrap_or_default();
            return Ok(Some(Zeroizing::new(line.to_owned())));
        }
        match std::env::var(VARIABLE) {
            Ok(passphrase) => Ok(Some(Zeroizing::new(passphrase))),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(error) => Err(error).with_context(|| VARIABLE.to_owned()),
        }
    }
}

fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    if !stdin().is_terminal() {
        bail!(
            "the key file has a passphrase, and there is no terminal to ask for it: give --passphrase-file or ${VARIABLE}"
        );
    }
    let passphrase = rpassword::prompt_password(prompt).context("cannot ask for a passphrase")?;
    Ok(Zeroizing::new(passphrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_file_is_the_passphrase_and_an_empty_one_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        let arguments = PassphraseArguments {
            passphrase_file: Some(path.clone()),
        };
        let error = format!("{:#}", arguments.of_existing().unwrap_err());
        assert!(error.contains("cannot read the passphrase in"), "{error}");
        for (contents, expected) in [("one two\n", "one two"), ("é\r\nrest", "é")] {
            std::fs::write(&path, contents).unwrap();
            assert_eq!(*arguments.of_existing().unwrap(), expected);
            assert_eq!(*arguments.of_new().unwrap(), expected);
        }
        std::fs::write(&path, "\n").unwrap();
        assert!(arguments.of_new().is_err());
    }
}
