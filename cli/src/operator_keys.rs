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

use std::path::Path;

use callseal_eims::{AccountKey, SealingKey, SigningKey};
use callseal_sts::Random;
use serde::{Deserialize, Serialize};

use crate::output_file::{Existing, OutputError};
use crate::random::SystemRandom;
use crate::sealed_keys::keystore::{Keystore, Sealed};
use crate::sealed_keys::{Fault, Kind, SealedKeysError, Secrets, Work, write};

const FORMAT: &str = "callseal operator";
const VERSION: u32 = 1;
const KIND: Kind = Kind {
    format: FORMAT,
    version: VERSION,
    whose: "an operator's",
    maker: "callseal operator keys",
};

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
    /// [`SealedKeysError`] names the file and what is wrong with it.
    pub fn read(path: &Path, passphrase: &str) -> Result<Self, SealedKeysError> {
        KIND.read(path, |contents| Self::opened(&contents, passphrase))
    }

    /// Opens the text of such a file.
    ///
    /// # Errors
    /// What is wrong with it, without any secret.
    pub fn open(text: &str, passphrase: &str) -> Result<Self, Fault> {
        KIND.open(text, |contents| Self::opened(&contents, passphrase))
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
        write(path, Existing::Keep, || {
            let secrets = Secrets {
                account: self.account.to_bytes(),
                pair: [self.signing.to_bytes(), self.sealing.to_bytes()],
            };
            let address = self.account.address();
            let (account, keys) = secrets.seal(address, passphrase, work, random)?;
            Ok(Contents {
                format: FORMAT.to_owned(),
                version: VERSION,
                signing_key: self.signing.public().to_string(),
                sealing_key: self.sealing.public().to_string(),
                account,
                keys,
            })
        })
    }

    fn opened(contents: &Contents, passphrase: &str) -> Result<Self, Fault> {
        let secrets = Secrets::open(&contents.account, &contents.keys, passphrase)?;
        let [signing, sealing] = secrets.pair;
        let keys = Self {
            account: AccountKey::from_bytes(*secrets.account)
                .map_err(|error| Fault::NotKeys(format!("the account's secret is {error}")))?,
            signing: SigningKey::from_bytes(*signing)
                .map_err(|error| Fault::NotKeys(format!("the signing key's secret is {error}")))?,
            sealing: SealingKey::from_bytes(*sealing),
        };
        let is_same = contents.signing_key == keys.signing.public().to_string()
            && contents.sealing_key == keys.sealing.public().to_string()
            && contents.account.is_of(keys.account.address());
        is_same.then_some(keys).ok_or_else(Fault::foreign_keys)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::random::Counting;

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

    /// The file is one of version 0.1.0, made with this randomness.
    #[test]
    fn a_file_of_before_is_read_and_written_octet_for_octet() {
        let text = include_str!("../tests/key_files/operator.json");
        let folder = tempfile::tempdir().unwrap();
        let [path, again] = ["operator.json", "again.json"].map(|name| folder.path().join(name));
        std::fs::write(&path, text).unwrap();
        let read = OperatorKeys::read(&path, "open sesame").unwrap();
        assert_eq!(*read.signing.to_bytes(), [1; 32]);
        let sealing = SealingKey::from_bytes([2; 32]);
        assert_eq!(read.sealing.public(), sealing.public());
        assert_eq!(*read.account.to_bytes(), [3; 32]);
        let mut random = Counting::default();
        read.write(&again, "open sesame", Work::LEAST, &mut random)
            .unwrap();
        assert_eq!(std::fs::read_to_string(again).unwrap(), text);
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
