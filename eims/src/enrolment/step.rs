//! How far an enrolment is, and what it waits for.

use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

use crate::{Hold, Payment, SignedCall};

/// How far an enrolment is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Step {
    /// The keys are there.
    Begun,
    /// The operator knows what will be claimed, and has been asked for money.
    Announced,
    /// The claim is signed, and perhaps sent.
    Signed(SignedCall),
    /// The claim is in a block; what put it there, if that is known.
    Claimed(Option<SignedCall>),
    /// The operator says that it has approved the claim.
    Approved {
        /// By this transaction.
        approval: B256,
        /// What put the claim into a block, if that is known.
        claim: Option<SignedCall>,
    },
    /// The own record was read, with proofs, and is in force.
    Enrolled {
        /// The block that it was proven in.
        block_number: u64,
        /// That block's hash.
        block_hash: B256,
    },
}

/// What came of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
#[non_exhaustive]
pub enum Advance {
    /// The next step can be done at once.
    Moved,
    /// Something else has to happen first: ask again in a few seconds.
    Waiting(Waiting),
    /// The phone is enrolled.
    Done,
}

/// What an enrolment waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Waiting {
    /// The fee money.
    Funds {
        /// How far the operator is with it.
        payment: Payment,
        /// What the wallet has, in wei.
        balance: U256,
    },
    /// Fees to fall, or more ether: the wallet cannot pay those of the moment.
    Fees {
        /// What the wallet has, in wei.
        balance: U256,
    },
    /// A block with the claim.
    Block {
        /// The claim's transaction.
        transaction: B256,
    },
    /// The operator to see the claim, and to approve it.
    Approval,
    /// The operator's people: the claim is left pending.
    Held(Hold),
    /// A block with the record that can be proven: on a real network a final
    /// one, a quarter of an hour later.
    Record,
    /// The same; meanwhile the number has the record of another wallet or key.
    OtherRecord {
        /// Whose.
        holder: Address,
    },
    /// The day when the record comes into force: the number had another one.
    Successor {
        /// Unix time in seconds.
        valid_since: u64,
    },
}
