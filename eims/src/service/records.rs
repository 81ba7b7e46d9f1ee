//! What the store holds.

use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};

use crate::requests::{Approval, Hold, Payment, Sent, Status, Wait};
use crate::service::points::Purpose;
use crate::{Claim, Fees, LoggedClaim, Signed, TokenHash};

/// How far a token is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Enrolment {
    /// The only phone that goes with it.
    pub(crate) phone_key: B256,
    /// What that phone is going to claim.
    pub(crate) told: Option<Told>,
    pub(crate) paid: Paid,
    pub(crate) approved: Approved,
    /// How often the registry has taken an approval back.
    pub(crate) taken_back: u8,
}

/// The claim that a phone has described.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Told {
    pub(crate) number_hash: B256,
    pub(crate) wallet: Address,
    /// SEC 1 compressed.
    pub(crate) key: Bytes,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Paid {
    NotAsked,
    Queued,
    Signed {
        slot: Slot,
    },
    Settled {
        transaction: B256,
        wei: u128,
    },
    Failed {
        transaction: B256,
        wei: u128,
    },
    /// Another transaction has the nonce.
    Lost {
        slot: Slot,
        transaction: B256,
        wei: u128,
    },
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Approved {
    NoClaim,
    /// A [`Hold`]'s number.
    Held(u8),
    Signed {
        slot: Slot,
    },
    Settled {
        transaction: B256,
    },
}

/// A nonce of an account: no two transactions with one are ever in a chain.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Slot {
    pub(crate) account: Address,
    pub(crate) nonce: u64,
}

/// Everything that is signed for a [`Slot`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Outgoing {
    pub(crate) purpose: Purpose,
    pub(crate) token: B256,
    pub(crate) to: Address,
    pub(crate) wei: u128,
    pub(crate) data: Bytes,
    pub(crate) gas_limit: u64,
    /// The same content with higher and higher fees; at least one.
    pub(crate) variants: Vec<Variant>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Variant {
    pub(crate) hash: B256,
    pub(crate) raw: Bytes,
    pub(crate) max_per_gas: u128,
    pub(crate) tip_per_gas: u128,
}

/// What was out and is not any more, as long as a fork may bring it back.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Kept {
    pub(crate) outgoing: Outgoing,
    /// The block that it is in, or in which it was given up.
    pub(crate) block_number: u64,
    /// Another transaction has the nonce.
    pub(crate) is_lost: bool,
}

/// A claim seen on the chain.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Seen {
    pub(crate) block_number: u64,
    pub(crate) key: Bytes,
    pub(crate) token: B256,
}

impl Enrolment {
    pub(crate) fn bound_to(phone_key: B256) -> Self {
        Self {
            phone_key,
            told: None,
            paid: Paid::NotAsked,
            approved: Approved::NoClaim,
            taken_back: 0,
        }
    }

    /// What a phone is told; `outgoing` gives a slot's newest variant.
    pub(crate) fn status(
        &self,
        wait: Wait,
        outgoing: impl Fn(Slot) -> Option<(B256, u128)>,
    ) -> Status {
        let sent = |(transaction, wei)| Sent { transaction, wei };
        let payment = match self.paid {
            Paid::NotAsked => Payment::NotAsked,
            Paid::Queued => Payment::Queued(wait),
            Paid::Signed { slot } => match outgoing(slot) {
                Some(newest) => Payment::Sent(sent(newest)),
                None => Payment::Queued(wait),
            },
            Paid::Settled { transaction, wei } => Payment::Settled(sent((transaction, wei))),
            Paid::Failed { transaction, wei } => Payment::Failed(sent((transaction, wei))),
            Paid::Lost {
                transaction, wei, ..
            } => Payment::Lost(sent((transaction, wei))),
        };
        let approval = match self.approved {
            Approved::NoClaim => Approval::NoClaim,
            Approved::Held(code) => Hold::of(code).map_or(Approval::NoClaim, Approval::Held),
            Approved::Signed { slot } => match outgoing(slot) {
                Some((transaction, _)) => Approval::Sent(transaction),
                None => Approval::NoClaim,
            },
            Approved::Settled { transaction } => Approval::Settled(transaction),
        };
        Status { payment, approval }
    }
}

impl Approved {
    /// Whether the claim may be approved, as far as this says.
    pub(crate) fn is_open(self) -> bool {
        match self {
            Self::NoClaim => true,
            Self::Held(code) => Hold::of(code) != Some(Hold::TakenBack),
            Self::Signed { .. } | Self::Settled { .. } => false,
        }
    }
}

impl Told {
    pub(crate) fn of(claim: &Claim) -> Self {
        Self {
            number_hash: claim.number_hash,
            wallet: claim.wallet,
            key: Bytes::copy_from_slice(&claim.compressed_key()),
        }
    }

    /// The claim as the chain has to show it.
    pub(crate) fn expected(&self, token: TokenHash) -> Option<LoggedClaim> {
        Some(LoggedClaim {
            number_hash: self.number_hash,
            sender: self.wallet,
            key: self.key[..].try_into().ok()?,
            token_hash: token,
        })
    }
}

impl Slot {
    pub(crate) fn to_key(self) -> [u8; 28] {
        let mut key = [0; 28];
        let (account, nonce) = key.split_at_mut(20);
        account.copy_from_slice(self.account.as_slice());
        nonce.copy_from_slice(&self.nonce.to_be_bytes());
        key
    }

    pub(crate) fn of_key(key: &[u8]) -> Option<Self> {
        let (account, nonce) = key.split_first_chunk::<20>()?;
        Some(Self {
            account: account.into(),
            nonce: u64::from_be_bytes(nonce.try_into().ok()?),
        })
    }
}

impl Outgoing {
    /// Whether this is one of the transactions.
    pub(crate) fn has(&self, transaction: B256) -> bool {
        let mut variants = self.variants.iter();
        variants.any(|variant| variant.hash == transaction)
    }

    pub(crate) fn newest(&self) -> Option<&Variant> {
        self.variants.last()
    }
}

impl Variant {
    pub(crate) fn of(signed: Signed, fees: Fees) -> Self {
        Self {
            hash: signed.hash,
            raw: signed.raw.into(),
            max_per_gas: fees.max_per_gas,
            tip_per_gas: fees.tip_per_gas,
        }
    }
}

impl Seen {
    pub(crate) fn claim(&self, number_hash: B256, sender: Address) -> Option<LoggedClaim> {
        Some(LoggedClaim {
            number_hash,
            sender,
            key: self.key[..].try_into().ok()?,
            token_hash: TokenHash(self.token.0),
        })
    }
}
