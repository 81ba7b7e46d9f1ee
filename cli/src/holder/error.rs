//! Why a record is not changed.

use alloy_primitives::{Address, U256};
use callseal_eims::{CallError, KeyError, SendError};

use crate::enrol::reader::ReadError;
use crate::output_file::OutputError;

/// Why a record is not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HolderError {
    /// There is nothing to change.
    #[error("the registry has no record of the number; `callseal enrol` makes one")]
    NoRecord,
    /// It is somebody else's.
    #[error("the record's holder is the wallet {holder}, and this phone's is {wallet}")]
    NotHolder {
        /// Whose it is.
        holder: Address,
        /// Ours.
        wallet: Address,
    },
    /// It has a key that the phone has not, and nobody else can sign for it.
    #[error(
        "the record has the key {}, which is not in this key file",
        hex::encode(key)
    )]
    OtherKey {
        /// The key.
        key: [u8; 33],
    },
    /// It is out of force for good.
    #[error("the record is revoked: only the operator can do that now")]
    Revoked,
    /// There is nothing to object to.
    #[error("no successor waits to take the record's place: there is nothing to object to")]
    NoSuccessor,
    /// A later block proves something else.
    #[error(
        "block {block_number} proves that it is not so, or no more: look with `callseal record show`"
    )]
    NotSo {
        /// The block.
        block_number: u64,
    },
    /// The registry cannot be read.
    #[error("the registry cannot be read: {0}")]
    Read(#[from] ReadError),
    /// The registry is not told.
    #[error(transparent)]
    Call(#[from] CallError<OutputError>),
    /// The key file cannot be written.
    #[error(transparent)]
    KeyFile(#[from] OutputError),
    /// The identity's secret is none.
    #[error("the identity key: {0}")]
    Identity(KeyError),
}

impl HolderError {
    /// How much ether is missing, and which wallet lacks it.
    pub fn missing(&self) -> Option<(Address, U256)> {
        match self {
            Self::Call(CallError::Funds {
                wallet, missing, ..
            }) => Some((*wallet, *missing)),
            _ => None,
        }
    }

    /// Whether it may be otherwise in a minute.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Read(error) => error.is_passing(),
            Self::Call(CallError::Node(_) | CallError::Send(SendError::Transport(_))) => true,
            _ => false,
        }
    }
}
