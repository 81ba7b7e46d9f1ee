//! What goes into a block and what comes out of it.

use alloy_primitives::{Address, B256, Bytes, Log, U256};

/// Something to execute. This chain believes who it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Who sends it, and pays.
    pub from: Address,
    /// Whom it calls; `None` creates a contract.
    pub to: Option<Address>,
    /// What it carries, in wei.
    pub value: U256,
    /// Calldata, or the code that makes the contract.
    pub data: Bytes,
}

impl Transaction {
    /// A call that carries nothing but data.
    pub fn call(from: Address, to: Address, data: impl Into<Bytes>) -> Self {
        Self {
            from,
            to: Some(to),
            value: U256::ZERO,
            data: data.into(),
        }
    }

    /// The creation of a contract by its init code: bytecode, then encoded arguments.
    pub fn create(from: Address, init_code: impl Into<Bytes>) -> Self {
        Self {
            from,
            to: None,
            value: U256::ZERO,
            data: init_code.into(),
        }
    }
}

/// What became of a transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The transaction's hash.
    pub transaction_hash: B256,
    /// The block that holds it.
    pub block_hash: B256,
    /// That block's number.
    pub block_number: u64,
    /// The gas that it was charged for.
    pub gas_used: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The contract that it created.
    pub created: Option<Address>,
    /// What it logged; nothing, if it failed.
    pub logs: Vec<Log>,
}

impl Receipt {
    /// Whether the transaction did what it says.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        matches!(self.outcome, Outcome::Returned(_))
    }
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It returned.
    Returned(Bytes),
    /// It took back what it did, and said why.
    Reverted(Bytes),
    /// It failed: out of gas, a bad instruction.
    Halted(String),
}

/// Why a transaction is in no block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The chain's rules forbid it: the sender cannot pay, for one.
    #[error("the transaction is not valid: {0}")]
    Invalid(String),
    /// It is in a block, and created nothing.
    #[error("the contract was not created: {0:?}")]
    NotCreated(Outcome),
}
