//! What files of keys under a passphrase have in common: an account's
//! keystore, two secrets more, and the public key of each.
//!
//! | field | meaning |
//! |---|---|
//! | `format`, `version` | which kind of file it is |
//! | a public key for each of the two secrets | refused where it does not belong to the secret |
//! | an Ethereum keystore | the account's secret; for any wallet software |
//! | `keys` | the `crypto` part of another keystore, of the two secrets, 32 octets each |

pub mod keystore;
mod passphrase;

use std::io;
use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use callseal_sts::Random;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use self::keystore::Work;
pub use self::passphrase::PassphraseArguments;
use crate::keys_file::read_text;
use crate::output_file::{Existing, OutputError, Privacy, write_whole};
use keystore::{Keystore, OpenError, PassphraseKey, Sealed};

/// A kind of such a file.
pub(crate) struct Kind {
    pub(crate) format: &'static str,
    pub(crate) version: u32,
    /// In errors: `an operator's`.
    pub(crate) whose: &'static str,
    /// The command that makes one.
    pub(crate) maker: &'static str,
}

/// Why a file of keys under a passphrase could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedKeysError {
    /// It could not be read.
    #[error("cannot read the keys {}; `{maker}` makes some", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The command that makes one.
        maker: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is no such file.
    #[error("{} is not {whose} key file: {what}", path.display())]
    NotKeys {
        /// The file.
        path: PathBuf,
        /// Whose it should be.
        whose: &'static str,
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

/// What is wrong with a file, before its path is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It is no such file; without any secret.
    #[error("{0}")]
    NotKeys(String),
    /// It cannot be opened.
    #[error(transparent)]
    Open(OpenError),
}

/// The secrets of a file.
pub(crate) struct Secrets {
    /// The account's, big-endian.
    pub(crate) account: Zeroizing<[u8; 32]>,
    pub(crate) pair: [Zeroizing<[u8; 32]>; 2],
}

/// What every such file begins with.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

impl Kind {
    /// Reads a file of this kind; `keys` makes its contents what they are.
    ///
    /// # Errors
    /// [`SealedKeysError`] names the file and what is wrong with it.
    pub(crate) fn read<C: DeserializeOwned, K>(
        &self,
        path: &Path,
        keys: impl FnOnce(C) -> Result<K, Fault>,
    ) -> Result<K, SealedKeysError> {
        let owned = || path.to_owned();
        let text = read_text(path).map_err(|source| SealedKeysError::Read {
            path: owned(),
            maker: self.maker,
            source,
        })?;
        self.open(&text, keys).map_err(|fault| match fault {
            Fault::NotKeys(what) => SealedKeysError::NotKeys {
                path: owned(),
                whose: self.whose,
                what,
            },
            Fault::Open(source) => SealedKeysError::Open {
                path: owned(),
                source,
            },
        })
    }

    /// The same of a file's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn open<C: DeserializeOwned, K>(
        &self,
        text: &str,
        keys: impl FnOnce(C) -> Result<K, Fault>,
    ) -> Result<K, Fault> {
        self.parse(text).and_then(keys)
    }

    /// Whether a file says of itself that it is of this kind, whatever else is
    /// wrong with it.
    pub(crate) fn is_meant_by(&self, text: &str) -> bool {
        serde_json::from_str::<Head>(text).is_ok_and(|head| head.format == self.format)
    }

    fn parse<C: DeserializeOwned>(&self, text: &str) -> Result<C, Fault> {
        let head: Head = serde_json::from_str(text)?;
        if head.format != self.format {
            let what = format!("\"format\" is not \"{}\"", self.format);
            return Err(Fault::NotKeys(what));
        }
        if head.version != self.version {
            let what = format!(
                "version {} is not known, only {}",
                head.version, self.version
            );
            return Err(Fault::NotKeys(what));
        }
        Ok(serde_json::from_str(text)?)
    }
}

/// Writes a file, readable by its owner only, whole or not at all.
///
/// # Errors
/// [`OutputError`] where there is such a file already and it is to be kept, or
/// it cannot be made or written.
pub(crate) fn write<C: Serialize>(
    path: &Path,
    existing: Existing,
    contents: impl FnOnce() -> Result<C, OpenError>,
) -> Result<(), OutputError> {
    let io_error = |source| OutputError::Io {
        path: path.to_owned(),
        source,
    };
    let contents = contents().map_err(|error| io_error(io::Error::other(error)))?;
    let mut text = serde_json::to_vec_pretty(&contents).map_err(|error| io_error(error.into()))?;
    text.push(b'\n');
    write_whole(path, Privacy::Owner, existing, &text)
}

impl Secrets {
    /// Seals them under a key made for them: the account's as a keystore of its
    /// own, the two others in one.
    ///
    /// # Errors
    /// Those of [`PassphraseKey::make`].
    pub(crate) fn seal(
        &self,
        address: Address,
        passphrase: &str,
        work: Work,
        random: &mut dyn Random,
    ) -> Result<(Keystore, Sealed), OpenError> {
        let key = PassphraseKey::make(passphrase, work, random)?;
        let mut both = Zeroizing::new([0; 64]);
        both[..32].copy_from_slice(&*self.pair[0]);
        both[32..].copy_from_slice(&*self.pair[1]);
        let account = Keystore::seal(&self.account, address, &key, random);
        Ok((account, Sealed::seal(&*both, &key, random)))
    }

    /// What was sealed.
    ///
    /// # Errors
    /// [`Fault`], also where they are of other lengths.
    pub(crate) fn open(account: &Keystore, keys: &Sealed, passphrase: &str) -> Result<Self, Fault> {
        let key = keys.key(passphrase)?;
        let both = keys.open(passphrase, &key)?;
        let account = account.open(passphrase, &key)?;
        let ([first, second], []) = both.as_chunks() else {
            return Err(Fault::length());
        };
        Ok(Self {
            account: Zeroizing::new(account[..].try_into().map_err(|_| Fault::length())?),
            pair: [first, second].map(|secret| Zeroizing::new(*secret)),
        })
    }
}

impl Fault {
    /// A public key in the file is another's.
    pub(crate) fn foreign_keys() -> Self {
        Self::NotKeys("its public keys do not belong to its secrets".to_owned())
    }

    fn length() -> Self {
        Self::NotKeys("its secrets are too short or too long".to_owned())
    }
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::NotKeys(error.to_string())
    }
}
