//! What the operator's accounts have signed, until it is final.

use alloy_primitives::{Address, B256};

use super::{
    AWAITED, KEPT, META, ORDER, OUTBOX, Store, TO_APPROVE, TO_PAY, TOKENS, claim_key, forget_claim,
    in_order,
};
use crate::TokenHash;
use crate::contract::approved_number;
use crate::requests::Hold;
use crate::service::database::{Change, StoreError};
use crate::service::points::{Purpose, Write};
use crate::service::records::{Approved, Enrolment, Kept, Outgoing, Paid, Slot};

/// What is to be signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) purpose: Purpose,
    pub(crate) token: TokenHash,
    /// People want it, whatever the service thinks of it.
    pub(crate) by_hand: bool,
}

/// Why a payment cannot be made again.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PayAgainError {
    /// The token is not one that a phone has shown, or its payment is not
    /// lost.
    #[error("no payment with this token is lost")]
    NotLost,
    /// A fork could still bring the payment back.
    #[error(
        "a fork could still bring the payment back: wait until the block that has its nonce is final, while the service runs"
    )]
    NotFinal,
}

const NEXT_NONCE: &[u8] = b"next nonce";

impl Store {
    pub(crate) fn outgoing(&self, slot: Slot) -> Result<Option<Outgoing>, StoreError> {
        self.database.get(OUTBOX, &slot.to_key())
    }

    /// What is signed and neither settled nor lost, by account and nonce.
    pub(crate) fn outbox(&self) -> Result<Vec<(Slot, Outgoing)>, StoreError> {
        let slots = self.database.keys(OUTBOX, usize::MAX, Slot::of_key)?;
        let mut outbox = Vec::new();
        for slot in slots {
            if let Some(outgoing) = self.outgoing(slot)? {
                outbox.push((slot, outgoing));
            }
        }
        Ok(outbox)
    }

    /// What was settled or lost, and is not final.
    pub(crate) fn kept(&self) -> Result<Vec<(Slot, Kept)>, StoreError> {
        let slots = self.database.keys(KEPT, usize::MAX, Slot::of_key)?;
        let mut kept = Vec::new();
        for slot in slots {
            if let Some(one) = self.database.get(KEPT, &slot.to_key())? {
                kept.push((slot, one));
            }
        }
        Ok(kept)
    }

    /// Whether what had this nonce was lost.
    pub(crate) fn is_lost(&self, slot: Slot) -> Result<bool, StoreError> {
        let kept: Option<Kept> = self.database.get(KEPT, &slot.to_key())?;
        Ok(kept.is_some_and(|kept| kept.is_lost))
    }

    /// The nonce after the last one that was signed for; none where none was.
    pub(crate) fn next_nonce(&self, account: Address) -> Result<Option<u64>, StoreError> {
        self.database.get(META, &next_nonce_key(account))
    }

    /// Whether an approval of a claim of this number is out.
    pub(crate) fn is_being_approved(&self, number_hash: B256) -> Result<bool, StoreError> {
        let outbox = self.outbox()?;
        let mut numbers = outbox.iter().map(|(_, out)| approved_number(&out.data));
        Ok(numbers.any(|number| number == Some(number_hash)))
    }

    /// Records a transaction as signed, with the account's next nonce; `make`
    /// signs for that nonce. Nothing, if its purpose has one already.
    /// `chains_nonce` is what the chain says of the account: what it counts
    /// beyond our own count was used by somebody else.
    pub(crate) fn sign(
        &self,
        due: Due,
        account: Address,
        chains_nonce: u64,
        make: impl FnOnce(u64) -> Outgoing,
    ) -> Result<Option<(Slot, Outgoing)>, StoreError> {
        self.database.write(Write::Sign(due.purpose), |change| {
            if !is_due(change, due)? {
                return Ok(None);
            }
            let key = next_nonce_key(account);
            let ours: Option<u64> = change.get(META, &key)?;
            let nonce = ours.map_or(chains_nonce, |ours| ours.max(chains_nonce));
            // No account has so many (EIP-2681).
            let Some(next) = nonce.checked_add(1) else {
                return Ok(None);
            };
            let (slot, outgoing) = (Slot { account, nonce }, make(nonce));
            change.put(META, &key, &next)?;
            change.put(OUTBOX, &slot.to_key(), &outgoing)?;
            mark_signed(change, due, slot)?;
            Ok(Some((slot, outgoing)))
        })
    }

    /// Records what is to use a nonce that nothing has; not if something has.
    pub(crate) fn fill(&self, slot: Slot, outgoing: &Outgoing) -> Result<bool, StoreError> {
        self.database.write(Write::Sign(Purpose::Fill), |change| {
            let key = slot.to_key();
            let is_free = change.get::<Outgoing>(OUTBOX, &key)?.is_none()
                && change.get::<Kept>(KEPT, &key)?.is_none();
            if is_free {
                change.put(OUTBOX, &key, outgoing)?;
            }
            Ok(is_free)
        })
    }

    /// Records one more variant of what is out.
    pub(crate) fn replace(&self, slot: Slot, outgoing: &Outgoing) -> Result<(), StoreError> {
        self.database
            .write(Write::Replace(outgoing.purpose), |change| {
                change.put(OUTBOX, &slot.to_key(), outgoing)
            })
    }

    /// Records how a transaction has ended, deep in the chain.
    pub(crate) fn settle(
        &self,
        slot: Slot,
        outgoing: &Outgoing,
        ended: Settled,
    ) -> Result<(), StoreError> {
        let Settled {
            transaction,
            succeeded,
            block_number,
        } = ended;
        self.database
            .write(Write::Settle(outgoing.purpose), |change| {
                keep(change, slot, outgoing, block_number, false)?;
                let key = outgoing.token.as_slice();
                let Some(mut enrolment) = change.get::<Enrolment>(TOKENS, key)? else {
                    return Ok(());
                };
                let wei = outgoing.wei;
                match (outgoing.purpose, succeeded) {
                    (Purpose::ByHand | Purpose::Fill, _) => return Ok(()),
                    (Purpose::Pay, true) => enrolment.paid = Paid::Settled { transaction, wei },
                    (Purpose::Pay, false) => enrolment.paid = Paid::Failed { transaction, wei },
                    (Purpose::Approve, true) => {
                        enrolment.approved = Approved::Settled { transaction };
                        if let Some(told) = &enrolment.told {
                            forget_claim(change, &claim_key(told.number_hash, told.wallet))?;
                        }
                    }
                    (Purpose::Approve, false) => take_back(change, key, &mut enrolment)?,
                }
                change.put(TOKENS, key, &enrolment)
            })
    }

    /// Records that another transaction has the nonce, deep in the chain. What
    /// was to be approved is approved with another nonce; a payment is not
    /// made again.
    pub(crate) fn lose(
        &self,
        slot: Slot,
        outgoing: &Outgoing,
        block_number: u64,
    ) -> Result<(), StoreError> {
        self.database
            .write(Write::Lose(outgoing.purpose), |change| {
                keep(change, slot, outgoing, block_number, true)?;
                let key = outgoing.token.as_slice();
                let Some(mut enrolment) = change.get::<Enrolment>(TOKENS, key)? else {
                    return Ok(());
                };
                match outgoing.purpose {
                    Purpose::ByHand | Purpose::Fill => return Ok(()),
                    Purpose::Pay => {
                        let newest = outgoing.newest();
                        enrolment.paid = Paid::Lost {
                            slot,
                            transaction: newest.map_or(B256::ZERO, |newest| newest.hash),
                            wei: outgoing.wei,
                        };
                    }
                    Purpose::Approve => take_back(change, key, &mut enrolment)?,
                }
                change.put(TOKENS, key, &enrolment)
            })
    }

    /// What was settled or lost is out again, as it was signed; or it is
    /// dropped, where something else has been done in its place since.
    /// `is_in_block`: one of its transactions is.
    pub(crate) fn reopen(
        &self,
        slot: Slot,
        kept: &Kept,
        is_in_block: bool,
    ) -> Result<bool, StoreError> {
        let outgoing = &kept.outgoing;
        self.database
            .write(Write::Reopen(outgoing.purpose), |change| {
                change.remove(KEPT, &slot.to_key())?;
                let key = outgoing.token.as_slice();
                let enrolment: Option<Enrolment> = change.get(TOKENS, key)?;
                let reopened = match (outgoing.purpose, enrolment) {
                    (Purpose::Pay, Some(enrolment)) => match enrolment.paid {
                        Paid::Settled { transaction, .. } | Paid::Failed { transaction, .. } => {
                            outgoing.has(transaction)
                        }
                        Paid::Lost { slot: lost, .. } => lost == slot,
                        Paid::NotAsked | Paid::Queued | Paid::Signed { .. } => false,
                    },
                    (Purpose::Approve, Some(enrolment)) => match enrolment.approved {
                        Approved::Settled { transaction } => outgoing.has(transaction),
                        Approved::NoClaim | Approved::Held(_) => is_in_block,
                        Approved::Signed { .. } => false,
                    },
                    _ => is_in_block || !kept.is_lost,
                };
                if reopened {
                    change.put(OUTBOX, &slot.to_key(), outgoing)?;
                    let due = Due {
                        purpose: outgoing.purpose,
                        token: TokenHash(outgoing.token.0),
                        by_hand: true,
                    };
                    mark_signed(change, due, slot)?;
                }
                Ok(reopened)
            })
    }

    /// What is in this block or an earlier one stays as it is.
    pub(crate) fn forget(&self, slots: &[Slot]) -> Result<(), StoreError> {
        self.database.write(Write::Forget, |change| {
            for slot in slots {
                change.remove(KEPT, &slot.to_key())?;
            }
            Ok(())
        })
    }

    /// Puts a lost payment on the list of those to be made, with a nonce of
    /// its own: for people to decide.
    ///
    /// # Errors
    ///
    /// [`StoreError`], outside; inside [`PayAgainError`].
    pub fn pay_again(&self, token: &TokenHash) -> Result<Result<(), PayAgainError>, StoreError> {
        self.database.write(Write::PayAgain, |change| {
            let Some(mut enrolment) = change.get::<Enrolment>(TOKENS, &token.0)? else {
                return Ok(Err(PayAgainError::NotLost));
            };
            let Paid::Lost { slot, .. } = enrolment.paid else {
                return Ok(Err(PayAgainError::NotLost));
            };
            if change.get::<Kept>(KEPT, &slot.to_key())?.is_some() {
                return Ok(Err(PayAgainError::NotFinal));
            }
            let order: u64 = change.get(META, ORDER)?.unwrap_or(0);
            change.put(META, ORDER, &(order + 1))?;
            change.put(TO_PAY, &in_order(order, &token.0), &())?;
            enrolment.paid = Paid::Queued;
            change.put(TOKENS, &token.0, &enrolment)?;
            Ok(Ok(()))
        })
    }
}

/// How a transaction has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    pub(crate) transaction: B256,
    pub(crate) succeeded: bool,
    pub(crate) block_number: u64,
}

/// Whether something is still to be signed for this purpose.
fn is_due(change: &Change<'_>, due: Due) -> Result<bool, StoreError> {
    let enrolment: Option<Enrolment> = change.get(TOKENS, &due.token.0)?;
    Ok(match (due.purpose, enrolment) {
        (Purpose::ByHand, _) => true,
        (Purpose::Pay, Some(enrolment)) => enrolment.paid == Paid::Queued,
        (Purpose::Approve, Some(enrolment)) => match enrolment.approved {
            Approved::Held(_) if due.by_hand => true,
            approved => approved.is_open(),
        },
        (Purpose::Fill, _) | (_, None) => false,
    })
}

fn mark_signed(change: &Change<'_>, due: Due, slot: Slot) -> Result<(), StoreError> {
    let key = &due.token.0[..];
    let Some(mut enrolment) = change.get::<Enrolment>(TOKENS, key)? else {
        return Ok(());
    };
    match due.purpose {
        Purpose::Pay => {
            enrolment.paid = Paid::Signed { slot };
            change.remove_first(TO_PAY, |order| order.get(8..) == Some(key))?;
        }
        Purpose::Approve => {
            enrolment.approved = Approved::Signed { slot };
            change.remove(AWAITED, key)?;
            change.remove(TO_APPROVE, key)?;
        }
        Purpose::ByHand | Purpose::Fill => return Ok(()),
    }
    change.put(TOKENS, key, &enrolment)
}

/// An approval has come to nothing.
fn take_back(
    change: &Change<'_>,
    token: &[u8],
    enrolment: &mut Enrolment,
) -> Result<(), StoreError> {
    enrolment.taken_back = enrolment.taken_back.saturating_add(1);
    if enrolment.taken_back >= MOST_TAKEN_BACK {
        enrolment.approved = Approved::Held(Hold::TakenBack as u8);
        return Ok(());
    }
    enrolment.approved = Approved::NoClaim;
    change.put(AWAITED, token, &())?;
    change.put(TO_APPROVE, token, &())
}

/// After so many approvals that came to nothing, people have to look.
const MOST_TAKEN_BACK: u8 = 3;

/// It is not out any more, and kept as long as a fork may bring it back.
fn keep(
    change: &Change<'_>,
    slot: Slot,
    outgoing: &Outgoing,
    block_number: u64,
    is_lost: bool,
) -> Result<(), StoreError> {
    let kept = Kept {
        outgoing: outgoing.clone(),
        block_number,
        is_lost,
    };
    change.remove(OUTBOX, &slot.to_key())?;
    change.put(KEPT, &slot.to_key(), &kept)
}

fn next_nonce_key(account: Address) -> Vec<u8> {
    [NEXT_NONCE, account.as_slice()].concat()
}
