//! The file that holds a phone's identity key.
//!
//! ```json
//! {
//!   "format": "callseal identity",
//!   "version": 1,
//!   "number": "+8613800000001",
//!   "public_key": "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
//!   "secret_key": "0000000000000000000000000000000000000000000000000000000000000001"
//! }
//! ```
//!
//! The number may be left out. The secret is a scalar of secp256k1; the public
//! key is its point in SEC 1 compressed form, and a file in which the two do
//! not belong together is refused.

use std::io;
use std::path::{Path, PathBuf};

use callseal_sts::{IdentityKey, Number};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::keys_file::read_text;
use crate::output_file::{Existing, OutputError, Privacy, write_whole};
use crate::phone_keys::PhoneKeys;
use crate::sealed_keys::PassphraseArguments;
use crate::secret::Secret;

const FORMAT: &str = "callseal identity";
const VERSION: u32 = 1;

/// An identity key, and the number that it is meant for.
#[derive(Clone, Debug)]
pub struct IdentityFile {
    /// The secret.
    pub key: IdentityKey,
    /// Whose it is, if the file says so.
    pub number: Option<Number>,
}

/// Why a key file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityFileError {
    /// It could not be read.
    #[error("cannot read the key file {}; make one with `callseal keygen`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is no key file.
    #[error("{} is not a key file of callseal: {what}", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What is wrong, without the secret.
        what: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: String,
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    public_key: String,
    secret_key: Secret,
}

impl IdentityFile {
    /// Reads a key file. One that others than its owner can read is used all
    /// the same, and a warning logged.
    ///
    /// # Errors
    /// [`IdentityFileError`] names the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, IdentityFileError> {
        let text = read_text(path).map_err(|source| IdentityFileError::Read {
            path: path.to_owned(),
            source,
        })?;
        warn_if_public(path);
        Self::parse(&text).map_err(|what| IdentityFileError::NotAKey {
            path: path.to_owned(),
            what,
        })
    }

    /// The identity in a key file of either kind: such a one, or a phone's with
    /// all its secrets, whose passphrase is then asked for.
    ///
    /// # Errors
    /// As for each of them, and where no passphrase is to be had.
    pub fn read_either(path: &Path, passphrase: &PassphraseArguments) -> anyhow::Result<Self> {
        let is_phones = read_text(path).is_ok_and(|text| PhoneKeys::is_meant_by(&text));
        if !is_phones {
            return Ok(Self::read(path)?);
        }
        let keys = PhoneKeys::read(path, &passphrase.of_existing()?)?;
        Ok(Self {
            key: keys.identity,
            number: keys.number,
        })
    }

    /// Writes the file, readable by its owner only, whole or not at all.
    ///
    /// # Errors
    /// [`OutputError`] where there is such a file already and it is to be
    /// kept, or it cannot be written.
    pub fn write(&self, path: &Path, existing: Existing) -> Result<(), OutputError> {
        let text = self.to_text().map_err(|error| OutputError::Io {
            path: path.to_owned(),
            source: error.into(),
        })?;
        write_whole(path, Privacy::Owner, existing, &text)
    }

    /// Reads the text of a file; the error is for people, and shows no secret.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let contents: Contents = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if contents.format != FORMAT {
            return Err(format!("\"format\" is not \"{FORMAT}\""));
        }
        if contents.version != VERSION {
            let version = contents.version;
            return Err(format!("version {version} is not known, only {VERSION}"));
        }
        let secret = <[u8; 32]>::try_from(contents.secret_key.expose())
            .map(Zeroizing::new)
            .map_err(|_| "\"secret_key\" is not 32 octets".to_owned())?;
        let key = IdentityKey::from_bytes(*secret)
            .map_err(|error| format!("\"secret_key\" is {error}"))?;
        if key.public().to_string() != contents.public_key.to_ascii_lowercase() {
            return Err("\"public_key\" does not belong to \"secret_key\"".to_owned());
        }
        let number = match contents.number {
            Some(text) => {
                Some(Number::parse(&text).map_err(|error| format!("\"number\": {error}"))?)
            }
            None => None,
        };
        Ok(Self { key, number })
    }

    /// The text that [`parse`](Self::parse) reads.
    ///
    /// # Errors
    /// None that is known; JSON's.
    pub fn to_text(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        let contents = Contents {
            format: FORMAT.to_owned(),
            version: VERSION,
            number: self.number.as_ref().map(Number::to_string),
            public_key: self.key.public().to_string(),
            secret_key: Secret::new(self.key.to_bytes().to_vec()),
        };
        let mut text = Zeroizing::new(Vec::new());
        serde_json::to_writer_pretty(&mut *text, &contents)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// A secret that others can read is worth a word, and no reason to refuse a
/// call: container platforms mount secrets that way.
fn warn_if_public(path: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = path.metadata() {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.display();
            tracing::warn!("{path} has mode {mode:04o}: others can read it; chmod 600 {path}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone_keys::Work;
    use crate::random::SystemRandom;

    fn example() -> IdentityFile {
        IdentityFile {
            key: IdentityKey::from_bytes([0x5a; 32]).unwrap(),
            number: Some(Number::parse("+8613800000001").unwrap()),
        }
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_only_by_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alice.key");
        example().write(&path, Existing::Keep).unwrap();
        let read = IdentityFile::read(&path).unwrap();
        assert_eq!(read.key.public(), example().key.public());
        assert_eq!(read.number, example().number);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn every_fault_is_named_and_no_secret_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alice.key");
        example().write(&path, Existing::Keep).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to, named) in [
            ("callseal identity", "PEM", "format"),
            ("\"version\": 1", "\"version\": 9", "version 9"),
            ("+8613800000001", "8613800000001", "number"),
            ("5a5a", "5a5b", "does not belong"),
            ("5a5a5a5a", "", "32 octets"),
            ("5a5a", "5a5x", "hexadecimal"),
            ("secret_key", "secret_kye", "secret_kye"),
        ] {
            let error = IdentityFile::parse(&text.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(named), "{named}: {error}");
            assert!(!error.contains("5a5a5a"), "{error}");
        }
    }

    #[test]
    fn a_phones_key_file_serves_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alice.phone");
        let keys = PhoneKeys::generate(example().number, Some(example().key), &mut SystemRandom);
        let random = &mut SystemRandom;
        keys.write(&path, "one", Work::LEAST, random, Existing::Keep)
            .unwrap();
        let passphrase_file = folder.path().join("passphrase");
        std::fs::write(&passphrase_file, "one\n").unwrap();
        let passphrase = PassphraseArguments {
            passphrase_file: Some(passphrase_file),
        };
        let read = IdentityFile::read_either(&path, &passphrase).unwrap();
        assert_eq!(read.key.public(), example().key.public());
        assert_eq!(read.number, example().number);
    }

    #[test]
    fn an_error_names_the_file() {
        let error = IdentityFile::read(Path::new("/nonexistent/alice.key")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/alice.key"));
    }
}
