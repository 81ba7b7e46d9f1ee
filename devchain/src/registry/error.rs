//! Why the registry refuses.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolInterface;

use super::abi::Registry as contract;
use crate::transaction::{Outcome, SendError};

/// Why the registry did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The caller is not the operator.
    #[error("{caller} is not the operator")]
    NotOperator {
        /// Who called.
        caller: Address,
    },
    /// The caller is neither the claim's sender nor the operator.
    #[error("{caller} is neither the claim's sender nor the operator")]
    NotSenderNorOperator {
        /// Who called.
        caller: Address,
    },
    /// A key is not 64 octets long.
    #[error("a key has 64 octets, this one {len}")]
    BadKeyLength {
        /// Its octets.
        len: U256,
    },
    /// A key is not a point of secp256k1.
    #[error("the key is not on secp256k1")]
    KeyNotOnCurve,
    /// A proof of possession is not 65 octets long.
    #[error("a proof of possession has 65 octets, this one {len}")]
    BadProofLength {
        /// Its octets.
        len: U256,
    },
    /// A proof of possession is not by the key, or not for this claim.
    #[error("the proof of possession fails")]
    BadProofOfPossession,
    /// An identity key is the sender's wallet key.
    #[error("the identity key is the key of wallet {wallet}")]
    IdentityIsWallet {
        /// The wallet.
        wallet: Address,
    },
    /// There is no such claim.
    #[error("nothing is pending for number {number_hash} and sender {sender}")]
    NotPending {
        /// The number's hash.
        number_hash: B256,
        /// Who would have claimed it.
        sender: Address,
    },
    /// The claim is not the one that was checked.
    #[error("{pending} is pending, {expected} was to be approved")]
    RecordMismatch {
        /// The hash of what was checked.
        expected: B256,
        /// The hash of what is pending.
        pending: B256,
    },
    /// The number has no record that is in force.
    #[error("number {number_hash} has no record in force")]
    NotInForce {
        /// The number's hash.
        number_hash: B256,
    },
    /// The caller is not the record's holder.
    #[error("{caller} is not the record's holder")]
    NotHolder {
        /// Who called.
        caller: Address,
    },
    /// The caller is neither the record's holder nor the operator.
    #[error("{caller} is neither the record's holder nor the operator")]
    NotHolderNorOperator {
        /// Who called.
        caller: Address,
    },
    /// The present key has not signed this change.
    #[error("the record's present key has not signed this")]
    BadHolderSignature,
    /// The record has the new key already.
    #[error("number {number_hash} has this key already")]
    SameKey {
        /// The number's hash.
        number_hash: B256,
    },
    /// No successor waits.
    #[error("no successor waits for number {number_hash}")]
    NoSuccessor {
        /// The number's hash.
        number_hash: B256,
    },
    /// The operator's old keys were to go on for too long.
    #[error("old keys may go on for thirty days beside new ones, not for {asked} seconds")]
    OverlapTooLong {
        /// Seconds asked for.
        asked: U256,
    },
    /// The operator's new account has not signed its keys.
    #[error("the operator's new account has not signed these keys")]
    BadOperatorSignature,
    /// The contract ended in a way that its interface does not have.
    #[error("the registry answered unexpectedly: {0:?}")]
    Unexpected(Outcome),
    /// The chain did not take the transaction.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// What the contract's custom errors say.
pub(super) fn refusal(outcome: Outcome) -> RegistryError {
    use contract::RegistryErrors as Errors;

    let Outcome::Reverted(data) = &outcome else {
        return RegistryError::Unexpected(outcome);
    };
    let Ok(error) = contract::RegistryErrors::abi_decode(data) else {
        return RegistryError::Unexpected(outcome);
    };
    match error {
        Errors::NotOperator(e) => RegistryError::NotOperator { caller: e.caller },
        Errors::NotSenderNorOperator(e) => RegistryError::NotSenderNorOperator { caller: e.caller },
        Errors::BadKeyLength(e) => RegistryError::BadKeyLength { len: e.length },
        Errors::KeyNotOnCurve(_) => RegistryError::KeyNotOnCurve,
        Errors::BadProofLength(e) => RegistryError::BadProofLength { len: e.length },
        Errors::BadProofOfPossession(_) => RegistryError::BadProofOfPossession,
        Errors::IdentityIsWallet(e) => RegistryError::IdentityIsWallet { wallet: e.wallet },
        Errors::NotPending(e) => RegistryError::NotPending {
            number_hash: e.numberHash,
            sender: e.sender,
        },
        Errors::RecordMismatch(e) => RegistryError::RecordMismatch {
            expected: e.expected,
            pending: e.pending,
        },
        Errors::NotInForce(e) => RegistryError::NotInForce {
            number_hash: e.numberHash,
        },
        Errors::NotHolder(e) => RegistryError::NotHolder { caller: e.caller },
        Errors::NotHolderNorOperator(e) => RegistryError::NotHolderNorOperator { caller: e.caller },
        Errors::BadHolderSignature(_) => RegistryError::BadHolderSignature,
        Errors::SameKey(e) => RegistryError::SameKey {
            number_hash: e.numberHash,
        },
        Errors::NoSuccessor(e) => RegistryError::NoSuccessor {
            number_hash: e.numberHash,
        },
        Errors::OverlapTooLong(e) => RegistryError::OverlapTooLong { asked: e.asked },
        Errors::BadOperatorSignature(_) => RegistryError::BadOperatorSignature,
    }
}
