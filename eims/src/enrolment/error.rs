//! Why an enrolment does not go on.

use alloy_primitives::{Address, B256};
use thiserror::Error;

use crate::{SendError, TransportError};

/// Why an enrolment does not go on now. What was done stays done.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum EnrolError<E> {
    /// The caller's: the wallet is not the one that the enrolment is of.
    #[error("the wallet is not the one that the enrolment was begun with")]
    OtherWallet,
    /// The caller's: the node is one of another chain.
    #[error("the node serves chain {got}, the operator's registry is on chain {expected}")]
    WrongChain {
        /// The registry's chain.
        expected: u64,
        /// The node's.
        got: u64,
    },
    /// The operator's: it could not pay the wallet.
    #[error("the operator's payment to the wallet has failed")]
    NotPaid,
    /// The registry's: it would take the claim back; nothing was sent.
    #[error("the registry would not take the claim{}", reason.map(|reason| format!(": {reason}")).unwrap_or_default())]
    ClaimRefused {
        /// Its words, if it gave any.
        reason: Option<&'static str>,
    },
    /// The registry's: it has taken the claim back, and the fee is paid.
    #[error("the registry has taken the claim back, in transaction {transaction}")]
    ClaimTakenBack {
        /// The claim's transaction.
        transaction: B256,
    },
    /// The operator's: it says that the claim is approved, and a block after
    /// that proves another record.
    #[error(
        "the number is {holder}'s in the registry and not ours, as block {block_number} proves: ask the operator"
    )]
    OtherRecord {
        /// Whose wallet has the record.
        holder: Address,
        /// Where that is proven.
        block_number: u64,
    },
    /// The operator's, or the holder's: the record was revoked.
    #[error("the record is revoked")]
    Revoked,
    /// The node's: it did not take the claim.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The node's: it gave no answer.
    #[error("the node gave no answer: {0}")]
    Node(#[from] TransportError),
    /// The surroundings': the operator, the disk, or the proofs.
    #[error("{0}")]
    Surroundings(E),
}
