//! From master keys to session keys, and from an MKI to either.

mod derivation;
mod master;
mod mki;
mod ring;
mod session;

pub use derivation::Label;
pub use master::{KeyError, MasterKey};
pub use mki::{MAX_MKI_LEN, Mki, MkiError};
pub use ring::{AddKeyError, RemoveKeyError, UnknownMki};

pub(crate) use ring::{Key, Keyring};
