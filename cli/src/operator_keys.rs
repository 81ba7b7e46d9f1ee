//! The file that holds an operator's keys, under a passphrase.
//!
//! ```json
//! {
//!   "format": "callseal operator",
//!   "version": 1,
//!   "signing_key": "02c6047f…",
//!   "sealing_key": "8f40c5ad…",
//!   "account": { "version": 3, "id": "…", "address": "…", "crypto": { … } },
//!   "keys": { … }
//! }
//! ```
//!
//! `account` is an Ethereum keystore as it stands, for any wallet software: of
//! the account that pays and approves. `keys` is the `crypto` part of another
//! with the secrets of the key that signs tokens and of the one that phones
//! seal to, 32 octets each. Public keys that do not belong to the secrets are
//! refused.

use std::io;
use std::path::{Path, PathBuf};

use callseal_eims::{AccountKey, SealingKey, SigningKey};
use callseal_sts::Random;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::keys_file::read_text;
use crate::output_file::{Existing, OutputError, Privacy, write_whole};
use crate::phone_keys::Work;
use crate::phone_keys::keystore::{Keystore, OpenError, PassphraseKey, Sealed};
use crate::random::SystemRandom;

const FORMAT: &str = "callseal operator";
const VERSION: u32 = 1;

/// An operator's secrets.
#[derive(Clone, Debug)]
pub struct OperatorKeys {
    /// Of the account that pays and approves.
    pub account: AccountKey,
    /// What signs tokens.
    pub signing: SigningKey,
    /// What phones seal to.
    pub sealing: SealingKey,
}

/// Why an operator's key file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorKeysError {
    /// It could not be read.
    #[error("cannot read the keys {}; `callseal operator keys` makes some", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is no such file.
    #[error("{} is not an operator's key file: {what}", path.display())]
    NotKeys {
        /// The file.
        path: PathBuf,
        /// What is wrong, without any secret.
        what: String,
    },
    /// It cannot be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: String,
    version: u32,
    signing_key: String,
    sealing_key: String,
    account: Keystore,
    keys: Sealed,
}

/// What is wrong with a file, before its path is known.
enum Fault {
    NotKeys(String),
    Open(OpenError),
}

impl OperatorKeys {
    /// Fresh ones; the account may be one that is there already.
    pub fn generate(account: Option<AccountKey>) -> Self {
        Self {
            account: account.unwrap_or_else(|| AccountKey::generate(&mut SystemRandom)),
            signing: SigningKey::generate(&mut SystemRandom),
            sealing: SealingKey::generate(&mut SystemRandom),
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`OperatorKeysError`] names the file and what is wrong with it.
    pub fn read(path: &Path, passphrase: &str) -> Result<Self, OperatorKeysError> {
        let owned = || path.to_owned();
        let text = read_text(path).map_err(|source| OperatorKeysError::Read {
            path: owned(),
            source,
        })?;
        Self::parse(&text, passphrase).map_err(|fault| match fault {
            Fault::NotKeys(what) => OperatorKeysError::NotKeys {
                path: owned(),
                what,
            },
            Fault::Open(source) => OperatorKeysError::Open {
                path: owned(),
                source,
            },
        })
    }

    /// Writes a new file, readable by its owner only. One that exists stays:
    /// whoever loses an operator's keys loses the registry.
    ///
    /// # Errors
    /// [`OutputError`] where there is such a file already, or it cannot be
    /// written.
    pub fn write(
        &self,
        path: &Path,
        passphrase: &str,
        work: Work,
        random: &mut dyn Random,
    ) -> Result<(), OutputError> {
        let io_error = |source| OutputError::Io {
            path: path.to_owned(),
            source,
        };
        let key = PassphraseKey::make(passphrase, work, random)
            .map_err(|error| io_error(io::Error::other(error)))?;
        let mut both = Zeroizing::new([0; 64]);
        both[..32].copy_from_slice(&*self.signing.to_bytes());
        both[32..].copy_from_slice(&*self.sealing.to_bytes());
        let account = Zeroizing::new(*self.account.to_bytes());
        let contents = Contents {
            format: FORMAT.to_owned(),
            version: VERSION,
            signing_key: self.signing.public().to_string(),
            sealing_key: self.sealing.public().to_string(),
            account: Keystore::seal(&account, self.account.address(), &key, random),
            keys: Sealed::seal(&*both, &key, random),
        };
        let mut text =
            serde_json::to_vec_pretty(&contents).map_err(|error| io_error(error.into()))?;
        text.push(b'\n');
        write_whole(path, Privacy::Owner, Existing::Keep, &text)
    }

    fn parse(text: &str, passphrase: &str) -> Result<Self, Fault> {
        let not_keys = |what: String| Fault::NotKeys(what);
        let contents: Contents =
            serde_json::from_str(text).map_err(|error| not_keys(error.to_string()))?;
        if contents.format != FORMAT {
            return Err(not_keys(format!("\"format\" is not \"{FORMAT}\"")));
        }
        if contents.version != VERSION {
            return Err(not_keys("its version is not known".to_owned()));
        }
        let key = contents.keys.key(passphrase)?;
        let both = contents.keys.open(passphrase, &key)?;
        let account = contents.account.open(passphrase, &key)?;
        let length = || not_keys("its secrets are too short or too long".to_owned());
        let (signing, sealing) = both.split_first_chunk::<32>().ok_or_else(length)?;
        let sealing: Zeroizing<[u8; 32]> =
            Zeroizing::new(sealing.try_into().map_err(|_| length())?);
        let account: Zeroizing<[u8; 32]> =
            Zeroizing::new(account[..].try_into().map_err(|_| length())?);
        let keys = Self {
            account: AccountKey::from_bytes(*account)
                .map_err(|error| not_keys(format!("the account's secret is {error}")))?,
            signing: SigningKey::from_bytes(*signing)
                .map_err(|error| not_keys(format!("the signing key's secret is {error}")))?,
            sealing: SealingKey::from_bytes(*sealing),
        };
        let is_same = contents.signing_key == keys.signing.public().to_string()
            && contents.sealing_key == keys.sealing.public().to_string()
            && contents.account.is_of(keys.account.address());
        if !is_same {
            return Err(not_keys(
                "its public keys do not belong to its secrets".to_owned(),
            ));
        }
        Ok(keys)
    }
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path, name: &str) -> (OperatorKeys, PathBuf) {
        let path = folder.join(name);
        let keys = OperatorKeys::generate(None);
        keys.write(&path, "open sesame", Work::LEAST, &mut SystemRandom)
            .unwrap();
        (keys, path)
    }

    #[test]
    fn keys_are_read_as_they_were_written_and_only_by_their_owner() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, path) = written(folder.path(), "operator.json");
        let read = OperatorKeys::read(&path, "open sesame").unwrap();
        assert_eq!(read.account.address(), keys.account.address());
        assert_eq!(read.signing.public(), keys.signing.public());
        assert_eq!(read.sealing.public(), keys.sealing.public());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        let error = OperatorKeys::read(&path, "open barley").unwrap_err();
        assert!(error.to_string().ends_with("the passphrase is wrong"));
        let again = keys.write(&path, "open sesame", Work::LEAST, &mut SystemRandom);
        assert!(matches!(again, Err(OutputError::Exists(_))));
    }

    #[test]
    fn no_secret_stands_in_the_file_or_in_debug() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, path) = written(folder.path(), "operator.json");
        let shown = std::fs::read_to_string(path).unwrap() + &format!("{keys:?}");
        for secret in [
            &keys.account.to_bytes()[..],
            &keys.signing.to_bytes()[..],
            &keys.sealing.to_bytes()[..],
        ] {
            assert!(!shown.contains(&hex::encode(secret)));
        }
    }

    #[test]
    fn every_fault_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (_, path) = written(folder.path(), "operator.json");
        let (_, other) = written(folder.path(), "other.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let other: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(other).unwrap()).unwrap();
        let changed = |field: &str| {
            let mut changed: serde_json::Value = serde_json::from_str(&text).unwrap();
            changed[field] = other[field].clone();
            changed.to_string()
        };
        for (text, named) in [
            (text.replacen(FORMAT, "callseal phone", 1), "\"format\""),
            (
                text.replacen("\"version\": 1", "\"version\": 9", 1),
                "version",
            ),
            (text.replacen("\"keys\"", "\"kyes\"", 1), "kyes"),
            (changed("signing_key"), "do not belong"),
            (changed("sealing_key"), "do not belong"),
            (changed("keys"), "do not belong"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = OperatorKeys::read(&path, "open sesame").unwrap_err();
            assert!(error.to_string().contains(named), "{named}: {error}");
        }
    }
}
