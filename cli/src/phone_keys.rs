//! The file that holds all of a phone's secrets, under a passphrase.
//!
//! ```json
//! {
//!   "format": "callseal phone",
//!   "version": 1,
//!   "number": "+8613800000001",
//!   "identity_key": "0279be66…",
//!   "enrolment_key": "8f40c5ad…",
//!   "wallet": { "version": 3, "id": "…", "address": "…", "crypto": { … } },
//!   "keys": { … }
//! }
//! ```
//!
//! `wallet` is an Ethereum keystore as it stands, for any wallet software.
//! `keys` is the `crypto` part of another with the identity's secret and the
//! enrolment key's, 32 octets each. Public keys that do not belong to the
//! secrets are refused.
//!
//! While `callseal record rotate` replaces the identity, the file has both:
//! `next` then holds the new one, its `identity_key` and, as `crypto`, the
//! `crypto` part of a third keystore with its secret.

use std::fmt;
use std::path::Path;

use alloy_primitives::Address;
use callseal_eims::{AccountKey, KeyError, SealingKey};
use callseal_sts::{IdentityKey, Number, Random};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::output_file::{Existing, OutputError};
use crate::sealed_keys::keystore::{Keystore, OpenError, PassphraseKey, Sealed};
use crate::sealed_keys::{Fault, Kind, Secrets, write};
pub use crate::sealed_keys::{SealedKeysError, Work};

const FORMAT: &str = "callseal phone";
const VERSION: u32 = 1;
const KIND: Kind = Kind {
    format: FORMAT,
    version: VERSION,
    whose: "a phone's",
    maker: "callseal keygen --wallet",
};

/// A phone's secrets.
#[derive(Clone)]
pub struct PhoneKeys {
    /// Whose they are, if that is known.
    pub number: Option<Number>,
    /// Signs handshakes; the registry has its public half.
    pub identity: IdentityKey,
    /// What is to sign in its place, once the registry has its public half.
    pub next_identity: Option<IdentityKey>,
    /// What the operator seals to. Each run with a token has to use the same.
    pub enrolment: SealingKey,
    /// The wallet's secret, big-endian.
    wallet: Zeroizing<[u8; 32]>,
    address: Address,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: String,
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    identity_key: String,
    enrolment_key: String,
    wallet: Keystore,
    keys: Sealed,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<NextIdentity>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NextIdentity {
    identity_key: String,
    crypto: Sealed,
}

impl PhoneKeys {
    /// Fresh secrets; the identity may be one that is there already.
    pub fn generate(
        number: Option<Number>,
        identity: Option<IdentityKey>,
        random: &mut dyn Random,
    ) -> Self {
        loop {
            let mut wallet = Zeroizing::new([0; 32]);
            random.fill(&mut *wallet);
            let mut enrolment = Zeroizing::new([0; 32]);
            random.fill(&mut *enrolment);
            let identity = identity.clone();
            let identity = identity.unwrap_or_else(|| IdentityKey::generate(random));
            // All but one in 2^127 draws are below the group's order.
            if let Ok(keys) = Self::of(number, identity, SealingKey::from_bytes(*enrolment), wallet)
            {
                return keys;
            }
        }
    }

    /// The wallet's address, where its fees are paid from.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The wallet's secret, big-endian, to sign transactions with.
    pub fn wallet(&self) -> &[u8; 32] {
        &self.wallet
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

    /// Whether the file says of itself that it is one of these, whatever else
    /// is wrong with it.
    pub fn is_meant_by(text: &str) -> bool {
        KIND.is_meant_by(text)
    }

    /// Writes the file, readable by its owner only, whole or not at all.
    ///
    /// # Errors
    /// [`OutputError`] where there is such a file already and it is to be
    /// kept, or it cannot be written.
    pub fn write(
        &self,
        path: &Path,
        passphrase: &str,
        work: Work,
        random: &mut dyn Random,
        existing: Existing,
    ) -> Result<(), OutputError> {
        write(path, existing, || {
            let secrets = Secrets {
                account: self.wallet.clone(),
                pair: [self.identity.to_bytes(), self.enrolment.to_bytes()],
            };
            let (wallet, keys) = secrets.seal(self.address, passphrase, work, random)?;
            let next = self.next_identity.as_ref();
            let next = next.map(|next| NextIdentity::seal(next, passphrase, work, random));
            let next = next.transpose()?;
            Ok(Contents {
                format: FORMAT.to_owned(),
                version: VERSION,
                number: self.number.as_ref().map(Number::to_string),
                identity_key: self.identity.public().to_string(),
                enrolment_key: hex::encode(self.enrolment.public().0),
                wallet,
                keys,
                next,
            })
        })
    }

    fn opened(contents: &Contents, passphrase: &str) -> Result<Self, Fault> {
        let number = contents.number.as_deref().map(Number::parse).transpose();
        let number = number.map_err(|error| Fault::NotKeys(format!("\"number\": {error}")))?;
        let secrets = Secrets::open(&contents.wallet, &contents.keys, passphrase)?;
        let [identity, enrolment] = secrets.pair;
        let identity = IdentityKey::from_bytes(*identity)
            .map_err(|error| Fault::NotKeys(format!("the identity's secret is {error}")))?;
        let enrolment = SealingKey::from_bytes(*enrolment);
        let mut keys = Self::of(number, identity, enrolment, secrets.account)
            .map_err(|error| Fault::NotKeys(format!("the wallet's secret is {error}")))?;
        let next = contents.next.as_ref();
        keys.next_identity = next.map(|next| next.open(passphrase)).transpose()?;
        let is_same = contents.identity_key == keys.identity.public().to_string()
            && contents.enrolment_key == hex::encode(keys.enrolment.public().0)
            && contents.wallet.is_of(keys.address);
        is_same.then_some(keys).ok_or_else(Fault::foreign_keys)
    }

    fn of(
        number: Option<Number>,
        identity: IdentityKey,
        enrolment: SealingKey,
        wallet: Zeroizing<[u8; 32]>,
    ) -> Result<Self, KeyError> {
        let address = AccountKey::from_bytes(*wallet)?.address();
        Ok(Self {
            number,
            identity,
            next_identity: None,
            enrolment,
            wallet,
            address,
        })
    }
}

impl NextIdentity {
    fn seal(
        key: &IdentityKey,
        passphrase: &str,
        work: Work,
        random: &mut dyn Random,
    ) -> Result<Self, OpenError> {
        let seal_by = PassphraseKey::make(passphrase, work, random)?;
        Ok(Self {
            identity_key: key.public().to_string(),
            crypto: Sealed::seal(&*key.to_bytes(), &seal_by, random),
        })
    }

    fn open(&self, passphrase: &str) -> Result<IdentityKey, Fault> {
        let key = self.crypto.key(passphrase)?;
        let secret = self.crypto.open(passphrase, &key)?;
        let secret = Zeroizing::new(<[u8; 32]>::try_from(&secret[..]).map_err(|_| {
            Fault::NotKeys("the next identity's secret is not 32 octets".to_owned())
        })?);
        let key = IdentityKey::from_bytes(*secret)
            .map_err(|error| Fault::NotKeys(format!("the next identity's secret is {error}")))?;
        let is_same = self.identity_key == key.public().to_string();
        is_same.then_some(key).ok_or_else(Fault::foreign_keys)
    }
}

impl fmt::Debug for PhoneKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhoneKeys")
            .field("identity", &self.identity.public())
            .field("wallet", &self.address)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::random::{Counting, SystemRandom};

    const NUMBER: &str = "+8613800000001";

    fn written(folder: &Path, identity: Option<IdentityKey>) -> (PhoneKeys, PathBuf) {
        let path = folder.join("alice.phone");
        let number = Number::parse(NUMBER).unwrap();
        let keys = PhoneKeys::generate(Some(number), identity, &mut SystemRandom);
        keys.write(
            &path,
            "open sesame",
            Work::LEAST,
            &mut SystemRandom,
            Existing::Keep,
        )
        .unwrap();
        (keys, path)
    }

    #[test]
    fn keys_are_read_as_they_were_written_and_only_by_their_owner() {
        let folder = tempfile::tempdir().unwrap();
        let identity = IdentityKey::from_bytes([0x5a; 32]).unwrap();
        let (keys, path) = written(folder.path(), Some(identity.clone()));
        let read = PhoneKeys::read(&path, "open sesame").unwrap();
        assert_eq!(read.identity.public(), identity.public());
        assert_eq!(read.enrolment.public(), keys.enrolment.public());
        assert_eq!(read.wallet(), keys.wallet());
        assert_eq!(read.address(), keys.address());
        assert_eq!(read.number.unwrap().to_string(), NUMBER);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        let error = PhoneKeys::read(&path, "open barley").unwrap_err();
        assert!(error.to_string().ends_with("the passphrase is wrong"));
    }

    #[test]
    fn the_next_identity_is_kept_beside_the_present_one() {
        let folder = tempfile::tempdir().unwrap();
        let (mut keys, path) = written(folder.path(), None);
        let next = IdentityKey::from_bytes([0x5b; 32]).unwrap();
        keys.next_identity = Some(next.clone());
        let random = &mut SystemRandom;
        keys.write(&path, "one", Work::LEAST, random, Existing::Replace)
            .unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&hex::encode(*next.to_bytes())));
        let read = PhoneKeys::read(&path, "one").unwrap();
        assert_eq!(read.identity.public(), keys.identity.public());
        assert_eq!(read.next_identity.unwrap().public(), next.public());
        let other = text.replacen(
            &next.public().to_string(),
            &keys.identity.public().to_string(),
            1,
        );
        std::fs::write(&path, other).unwrap();
        let error = PhoneKeys::read(&path, "one").unwrap_err();
        assert!(error.to_string().contains("do not belong"), "{error}");
    }

    #[test]
    fn no_secret_stands_in_the_file_or_in_debug() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, path) = written(folder.path(), None);
        let shown = std::fs::read_to_string(path).unwrap() + &format!("{keys:?}");
        for secret in [
            &keys.wallet[..],
            &keys.identity.to_bytes()[..],
            &keys.enrolment.to_bytes()[..],
        ] {
            assert!(!shown.contains(&hex::encode(secret)));
        }
    }

    /// The file is one of version 0.1.0, made with this randomness.
    #[test]
    fn a_file_of_before_is_read_and_written_octet_for_octet() {
        let text = include_str!("../tests/key_files/phone.json");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alice.phone");
        std::fs::write(&path, text).unwrap();
        let read = PhoneKeys::read(&path, "open sesame").unwrap();
        assert_eq!(read.number.as_ref().unwrap().to_string(), NUMBER);
        assert_eq!(*read.identity.to_bytes(), [1; 32]);
        let enrolment = SealingKey::from_bytes([2; 32]);
        assert_eq!(read.enrolment.public(), enrolment.public());
        assert_eq!(read.wallet(), &[3; 32]);
        let mut random = Counting::default();
        read.write(
            &path,
            "open sesame",
            Work::LEAST,
            &mut random,
            Existing::Replace,
        )
        .unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    }

    /// The address of the wallet whose secret is 1 is known everywhere.
    #[test]
    fn the_address_is_ethereums() {
        let mut secret = [0; 32];
        secret[31] = 1;
        let keys = PhoneKeys::of(
            None,
            IdentityKey::from_bytes([1; 32]).unwrap(),
            SealingKey::from_bytes([2; 32]),
            Zeroizing::new(secret),
        );
        let address = keys.unwrap().address().to_string();
        assert_eq!(address, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
    }

    #[test]
    fn every_fault_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (_, path) = written(folder.path(), None);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(PhoneKeys::is_meant_by(&text));
        let (_, other) = {
            let folder = folder.path().join("other");
            std::fs::create_dir(&folder).unwrap();
            written(&folder, None)
        };
        let other: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(other).unwrap()).unwrap();
        let changed = |field: &str| {
            let mut changed: serde_json::Value = serde_json::from_str(&text).unwrap();
            changed[field] = other[field].clone();
            changed.to_string()
        };
        for (text, named) in [
            (text.replacen(FORMAT, "PEM", 1), "\"format\""),
            (
                text.replacen("\"version\": 1", "\"version\": 9", 1),
                "version",
            ),
            (text.replacen(NUMBER, "13", 1), "\"number\""),
            (text.replacen("\"keys\"", "\"kyes\"", 1), "kyes"),
            (changed("identity_key"), "do not belong"),
            (changed("enrolment_key"), "do not belong"),
            (changed("keys"), "do not belong"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = PhoneKeys::read(&path, "open sesame").unwrap_err();
            assert!(error.to_string().contains(named), "{named}: {error}");
        }
    }
}
