//! From master keys to session keys, and from an MKI or an index to either.

mod derivation;
mod fingerprint;
mod life;
mod master;
mod mki;
mod range;
mod rate;
mod ring;
mod session;

pub use derivation::Label;
pub use life::{KeyLifetime, KeyLifetimeError};
pub use master::{KeyError, MasterKey};
pub use mki::{MAX_MKI_LEN, Mki, MkiError};
pub use range::IndexRange;
pub use rate::KeyDerivationRate;
pub use ring::{AddKeyError, RemoveKeyError, UnknownKey, UnknownMki, UnknownRange};

pub(crate) use life::Packets;
pub(crate) use ring::{Keyring, Kinship};
pub(crate) use session::{Epoch, RtpKeys};
