//! All that an operator's records say, at a glance.

use alloy_primitives::{Address, B256};

use crate::requests::{Hold, Payment, Wait};
use crate::service::database::StoreError;
use crate::service::points::Purpose;
use crate::service::records::Seen;
use crate::service::store::{CLAIMS, Store, TOKENS, hold_of};
use crate::{Approval, LoggedClaim, Status, TokenHash};

/// What an operator's records say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Overview {
    /// Every token that a phone has shown.
    pub tokens: Vec<KnownToken>,
    /// The claims on the chain that are not approved.
    pub claims: Vec<KnownClaim>,
    /// What is sent and not settled, by account and nonce.
    pub out: Vec<Out>,
    /// The last block that was looked at for claims.
    pub scanned_to: Option<u64>,
}

/// A token that a phone has shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KnownToken {
    /// Which.
    pub token: TokenHash,
    /// The wallet that the phone has named.
    pub wallet: Option<Address>,
    /// How far it is.
    pub status: Status,
}

/// A claim on the chain that is not approved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KnownClaim {
    /// In which block.
    pub block_number: u64,
    /// What it says.
    pub claim: LoggedClaim,
    /// Why it is left pending; none: it is a phone's, and in its turn.
    pub hold: Option<Hold>,
}

/// A transaction that is sent and not settled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Out {
    /// Who has signed it.
    pub account: Address,
    /// Which of the account's it is.
    pub nonce: u64,
    /// What it is for.
    pub purpose: Purpose,
    /// Its hash, the newest where it was signed again.
    pub transaction: Option<B256>,
    /// What it carries, in wei.
    pub wei: u128,
}

impl Store {
    /// All of it; read in many steps, so that something may change in between.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn overview(&self) -> Result<Overview, StoreError> {
        let out = self.outbox()?.into_iter().map(|(slot, outgoing)| Out {
            account: slot.account,
            nonce: slot.nonce,
            purpose: outgoing.purpose,
            transaction: outgoing.newest().map(|newest| newest.hash),
            wei: outgoing.wei,
        });
        Ok(Overview {
            tokens: self.known_tokens()?,
            claims: self.known_claims()?,
            out: out.collect(),
            scanned_to: self.scanned_to()?,
        })
    }

    fn known_tokens(&self) -> Result<Vec<KnownToken>, StoreError> {
        let read = |key: &[u8]| key.try_into().ok().map(TokenHash);
        let mut tokens = Vec::new();
        for token in self.database().keys(TOKENS, usize::MAX, read)? {
            let (enrolment, status) = (self.enrolment(&token)?, self.status(&token, Wait::Turn)?);
            if let (Some(enrolment), Some(status)) = (enrolment, status) {
                tokens.push(KnownToken {
                    token,
                    wallet: enrolment.told.map(|told| told.wallet),
                    status,
                });
            }
        }
        Ok(tokens)
    }

    fn known_claims(&self) -> Result<Vec<KnownClaim>, StoreError> {
        let read = |key: &[u8]| {
            let (number_hash, sender) = key.split_first_chunk::<32>()?;
            Some((B256::from(*number_hash), Address::try_from(sender).ok()?))
        };
        let mut claims = Vec::new();
        for (number_hash, sender) in self.database().keys(CLAIMS, usize::MAX, read)? {
            let key = [number_hash.as_slice(), sender.as_slice()].concat();
            let Some(seen) = self.database().get::<Seen>(CLAIMS, &key)? else {
                continue;
            };
            let Some(claim) = seen.claim(number_hash, sender) else {
                continue;
            };
            let enrolment = self.enrolment(&claim.token_hash)?;
            let held = match self.status(&claim.token_hash, Wait::Turn)? {
                Some(Status {
                    approval: Approval::Held(hold),
                    ..
                }) => Some(hold),
                _ => None,
            };
            claims.push(KnownClaim {
                block_number: seen.block_number,
                claim,
                hold: hold_of(&claim, enrolment.as_ref()).or(held),
            });
        }
        Ok(claims)
    }
}

impl KnownToken {
    /// Whether the operator has done all that it has to.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.status.payment, Payment::Settled(_))
            && matches!(self.status.approval, Approval::Settled(_))
    }
}
