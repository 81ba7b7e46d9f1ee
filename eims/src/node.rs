//! A node that transactions are sent to, and that is believed.
//!
//! A phone needs one to send its claim; what it then believes it reads with
//! proofs. An operator needs one of its own: whoever runs it can delay what the
//! operator does, and no lie of it makes the operator pay or approve twice.

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use thiserror::Error;

pub use callseal_registry_client::TransportError;

/// An execution node, asked one question at a time, blocking.
///
/// [`JsonRpcNode`](crate::JsonRpcNode) is one over HTTP.
pub trait Node: Send {
    /// The chain's id (EIP-155).
    ///
    /// # Errors
    ///
    /// [`TransportError`]; here and below, when no answer came.
    fn chain_id(&mut self) -> Result<u64, TransportError>;

    /// The newest block.
    ///
    /// # Errors
    ///
    /// [`TransportError`].
    fn head(&mut self) -> Result<Head, TransportError>;

    /// The hash of the block of this number, if there is one.
    ///
    /// # Errors
    ///
    /// [`TransportError`].
    fn block_hash(&mut self, number: u64) -> Result<Option<B256>, TransportError>;

    /// How many transactions of an account are in blocks: the nonce of its
    /// next one.
    ///
    /// # Errors
    ///
    /// [`TransportError`].
    fn nonce(&mut self, account: Address) -> Result<u64, TransportError>;

    /// The same with those that the node knows and that are in no block: at
    /// least as many, where what it says makes sense.
    ///
    /// # Errors
    ///
    /// [`TransportError`].
    fn nonce_with_waiting(&mut self, account: Address) -> Result<u64, TransportError> {
        self.nonce(account)
    }

    /// The number of the newest block that no fork can take back; none where
    /// the node does not say.
    ///
    /// # Errors
    ///
    /// [`TransportError`].
    fn finalized(&mut self) -> Result<Option<u64>, TransportError> {
        Ok(None)
    }

    /// What an account owns, in wei.
    ///
    /// # Errors
    ///
    /// [`TransportError`].
    fn balance(&mut self, account: Address) -> Result<U256, TransportError>;

    /// What block makers get for a unit of gas at present, in wei.
    ///
    /// # Errors
    ///
    /// [`TransportError`].
    fn tip(&mut self) -> Result<u128, TransportError>;

    /// What a call would end in after the newest block, without any effect.
    ///
    /// # Errors
    ///
    /// [`TransportError`].
    fn call(&mut self, from: Address, to: Address, data: Bytes) -> Result<CallEnd, TransportError>;

    /// Hands a signed transaction over. One that the node has already is no
    /// error.
    ///
    /// # Errors
    ///
    /// [`SendError`]. Whatever it says, the transaction may have got through.
    fn send(&mut self, raw: &[u8]) -> Result<(), SendError>;

    /// Where a transaction is, if it is in a block.
    ///
    /// # Errors
    ///
    /// [`TransportError`].
    fn receipt(&mut self, transaction: B256) -> Result<Option<Receipt>, TransportError>;

    /// What a contract logged under a first topic, in these blocks, both
    /// included, in their order.
    ///
    /// # Errors
    ///
    /// [`TransportError`].
    fn logs(
        &mut self,
        contract: Address,
        topic: B256,
        from: u64,
        to: u64,
    ) -> Result<Vec<BlockLog>, TransportError>;
}

/// The newest block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Its time, Unix seconds.
    pub timestamp: u64,
    /// What it burns for a unit of gas, in wei.
    pub base_fee: u128,
}

/// What a call would end in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CallEnd {
    /// It would return this.
    Returned(Bytes),
    /// It would be taken back, for this reason.
    Reverted(Bytes),
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// The number of its block.
    pub block_number: u64,
    /// The hash of its block.
    pub block_hash: B256,
    /// Whether it did what it says, and was not taken back.
    pub succeeded: bool,
}

/// A log, and the block that it is in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BlockLog {
    /// The number of its block.
    pub block_number: u64,
    /// Contract, topics, data.
    pub log: Log,
}

/// Why a node did not take a transaction.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SendError {
    /// A transaction with this nonce is in a block: this one, or another.
    #[error("the node says that the nonce is used: {message}")]
    NonceUsed {
        /// The node's words.
        message: String,
    },
    /// The account cannot pay it.
    #[error("the account has not enough ether: {message}")]
    Funds {
        /// The node's words.
        message: String,
    },
    /// It offers too little, or not enough more than the one that it is to
    /// replace.
    #[error("the fee is too low: {message}")]
    Underpriced {
        /// The node's words.
        message: String,
    },
    /// Any other reason.
    #[error("the node refused the transaction: {message}")]
    Refused {
        /// The node's words.
        message: String,
    },
    /// Nobody knows whether it arrived.
    #[error(transparent)]
    Transport(TransportError),
}

impl SendError {
    /// Sorts a node's words; none where they say that it has the transaction
    /// already. Each client has words of its own.
    #[must_use]
    pub fn of_words(message: &str) -> Option<Self> {
        let words = message.to_ascii_lowercase();
        let says = |known: &[&str]| known.iter().any(|known| words.contains(known));
        let message = message.to_owned();
        // "replacement … underpriced" before "already": geth says of a lower
        // offer for a known nonce that it is underpriced.
        if says(&[
            "underpriced",
            "feetoolow",
            "fee too low",
            "max fee per gas less",
            "basefee",
        ]) {
            return Some(Self::Underpriced { message });
        }
        if says(&[
            "already known",
            "already imported",
            "known transaction",
            "alreadyknown",
        ]) {
            return None;
        }
        if says(&[
            "nonce too low",
            "oldnonce",
            "nonce is too low",
            "invalid nonce",
        ]) {
            return Some(Self::NonceUsed { message });
        }
        if says(&[
            "insufficient funds",
            "insufficientfunds",
            "enough funds",
            "balance too low",
        ]) {
            return Some(Self::Funds { message });
        }
        Some(Self::Refused { message })
    }
}

impl<T: Node + ?Sized> Node for Box<T> {
    fn chain_id(&mut self) -> Result<u64, TransportError> {
        (**self).chain_id()
    }

    fn head(&mut self) -> Result<Head, TransportError> {
        (**self).head()
    }

    fn block_hash(&mut self, number: u64) -> Result<Option<B256>, TransportError> {
        (**self).block_hash(number)
    }

    fn nonce(&mut self, account: Address) -> Result<u64, TransportError> {
        (**self).nonce(account)
    }

    fn nonce_with_waiting(&mut self, account: Address) -> Result<u64, TransportError> {
        (**self).nonce_with_waiting(account)
    }

    fn finalized(&mut self) -> Result<Option<u64>, TransportError> {
        (**self).finalized()
    }

    fn balance(&mut self, account: Address) -> Result<U256, TransportError> {
        (**self).balance(account)
    }

    fn tip(&mut self) -> Result<u128, TransportError> {
        (**self).tip()
    }

    fn call(&mut self, from: Address, to: Address, data: Bytes) -> Result<CallEnd, TransportError> {
        (**self).call(from, to, data)
    }

    fn send(&mut self, raw: &[u8]) -> Result<(), SendError> {
        (**self).send(raw)
    }

    fn receipt(&mut self, transaction: B256) -> Result<Option<Receipt>, TransportError> {
        (**self).receipt(transaction)
    }

    fn logs(
        &mut self,
        contract: Address,
        topic: B256,
        from: u64,
        to: u64,
    ) -> Result<Vec<BlockLog>, TransportError> {
        (**self).logs(contract, topic, from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_common_nodes_are_understood() {
        for known in ["already known", "AlreadyKnown", "Known transaction"] {
            assert_eq!(SendError::of_words(known), None, "{known}");
        }
        let of = |words: &str| SendError::of_words(words).unwrap();
        for words in [
            "nonce too low: next nonce 5, tx nonce 4",
            "OldNonce, Current nonce: 5",
        ] {
            assert!(matches!(of(words), SendError::NonceUsed { .. }), "{words}");
        }
        for words in [
            "insufficient funds for gas * price + value",
            "Insufficient funds for gas",
        ] {
            assert!(matches!(of(words), SendError::Funds { .. }), "{words}");
        }
        for words in [
            "replacement transaction underpriced",
            "max fee per gas less than block base fee",
            "already known, replacement transaction underpriced",
        ] {
            assert!(
                matches!(of(words), SendError::Underpriced { .. }),
                "{words}"
            );
        }
        assert!(matches!(of("txpool is full"), SendError::Refused { .. }));
    }
}
