//! The operator's records, in an embedded database whose every change is
//! synced before anything follows from it.

mod outbox;

pub use self::outbox::PayAgainError;
pub(crate) use self::outbox::{Due, Settled};

use core::fmt;
use std::path::Path;
use std::sync::Arc;

use alloy_primitives::{Address, B256};
use redb::TableDefinition;

use crate::requests::{Hold, Refusal, Status, Wait};
use crate::service::backends::Backends;
use crate::service::database::{Change, Database, META, StoreError, Table};
use crate::service::points::{Point, Points, Stopped, Write};
use crate::service::records::{Approved, Enrolment, Paid, Seen, Told};
use crate::{
    BookUnavailable, Claim, LoggedClaim, OperatorId, SealingPublicKey, Standing, TokenBook,
    TokenHash,
};

/// The operator's records. A clone is another handle on the same ones.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
}

/// Token hash → [`Enrolment`].
pub(crate) const TOKENS: Table<'_> = TableDefinition::new("tokens");
/// `u64(order) ‖ token hash` of those to be paid.
const TO_PAY: Table<'_> = TableDefinition::new("to pay");
/// Token hashes whose claim is on the chain, to be approved.
const TO_APPROVE: Table<'_> = TableDefinition::new("to approve");
/// Token hashes of which a phone has told its claim, until it is approved.
const AWAITED: Table<'_> = TableDefinition::new("awaited");
/// [`Slot`] → [`Outgoing`], until it is settled or lost.
const OUTBOX: Table<'_> = TableDefinition::new("outbox");
/// [`Slot`] → [`Kept`], from then on, until that is final.
const KEPT: Table<'_> = TableDefinition::new("kept");
/// `u64(block) ‖ number hash ‖ sender` of each claim in [`CLAIMS`].
const BLOCKS: Table<'_> = TableDefinition::new("blocks");
/// `number hash ‖ sender` → [`Seen`].
pub(crate) const CLAIMS: Table<'_> = TableDefinition::new("claims");
/// Number hash → Unix times of the payments for it.
const NUMBERS: Table<'_> = TableDefinition::new("numbers");

const TABLES: &[Table<'static>] = &[
    TOKENS, TO_PAY, TO_APPROVE, AWAITED, OUTBOX, KEPT, BLOCKS, CLAIMS, NUMBERS,
];

const SCANNED_TO: &[u8] = b"scanned to";
const ORDER: &[u8] = b"order";

const DAY: u64 = 86_400;

/// Claims on the chain that are remembered, most of them strangers'.
const MOST_CLAIMS: u64 = 10_000;

impl Store {
    /// Opens or makes the records of `operator` in a file.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn open(file: &Path, operator: OperatorId) -> Result<Self, StoreError> {
        let database = Database::in_file(file, operator, TABLES)?;
        Ok(Self {
            database: Arc::new(database),
        })
    }

    /// Opens or makes the records of `operator` wherever `backends` has them;
    /// `points` is told of every change.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn on(
        backends: impl Backends + 'static,
        points: impl Points + 'static,
        operator: OperatorId,
    ) -> Result<Self, StoreError> {
        let (backends, points) = (Box::new(backends), Box::new(points));
        let database = Database::on(backends, operator, TABLES, points)?;
        Ok(Self {
            database: Arc::new(database),
        })
    }

    /// Whose records they are.
    #[must_use]
    pub fn operator(&self) -> OperatorId {
        self.database.operator()
    }

    /// A phone has described its claim: it is to be paid, unless it is already.
    /// `now` is Unix time in seconds.
    pub(crate) fn tell(
        &self,
        claim: &Claim,
        now: u64,
        payments_per_day: usize,
    ) -> Result<Result<(), Refusal>, StoreError> {
        let token = &claim.token_hash.0[..];
        let told = Told::of(claim);
        // Nothing is written for what is known.
        match self.enrolment(&claim.token_hash)? {
            None => return Ok(Err(Refusal::OtherToken)),
            Some(Enrolment {
                told: Some(before), ..
            }) => {
                return Ok(if before == told {
                    Ok(())
                } else {
                    Err(Refusal::OtherClaim)
                });
            }
            Some(_) => {}
        }
        self.database.write(Write::Tell, |change| {
            let Some(mut enrolment) = change.get::<Enrolment>(TOKENS, token)? else {
                return Ok(Err(Refusal::OtherToken));
            };
            if let Some(before) = &enrolment.told {
                return Ok(if *before == told {
                    Ok(())
                } else {
                    Err(Refusal::OtherClaim)
                });
            }
            // By the number, for which a token is needed: anybody can name
            // anybody's wallet.
            let number = told.number_hash.as_slice();
            let mut payments: Vec<u64> = change.get(NUMBERS, number)?.unwrap_or_default();
            payments.retain(|paid| now.saturating_sub(*paid) < DAY);
            if payments.len() >= payments_per_day {
                return Ok(Err(Refusal::NumberLimit));
            }
            payments.push(now);
            change.put(NUMBERS, number, &payments)?;
            let order: u64 = change.get(META, ORDER)?.unwrap_or(0);
            change.put(META, ORDER, &(order + 1))?;
            change.put(TO_PAY, &in_order(order, token), &())?;
            let expected = told.expected(claim.token_hash);
            if let Some(expected) = expected
                && seen(change, &expected)?
            {
                change.put(TO_APPROVE, token, &())?;
            }
            change.put(AWAITED, token, &())?;
            enrolment.told = Some(told);
            enrolment.paid = Paid::Queued;
            change.put(TOKENS, token, &enrolment)?;
            Ok(Ok(()))
        })
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// How far a token's enrolment is.
    pub(crate) fn status(
        &self,
        token: &TokenHash,
        wait: Wait,
    ) -> Result<Option<Status>, StoreError> {
        let Some(enrolment) = self.enrolment(token)? else {
            return Ok(None);
        };
        let slots = [
            match enrolment.paid {
                Paid::Signed { slot } => Some(slot),
                _ => None,
            },
            match enrolment.approved {
                Approved::Signed { slot } => Some(slot),
                _ => None,
            },
        ];
        let mut newest = Vec::new();
        for slot in slots.into_iter().flatten() {
            if let Some(outgoing) = self.outgoing(slot)?
                && let Some(variant) = outgoing.newest()
            {
                newest.push((slot, (variant.hash, outgoing.wei)));
            }
        }
        let of = |slot| {
            newest
                .iter()
                .find(|(known, _)| *known == slot)
                .map(|(_, sent)| *sent)
        };
        Ok(Some(enrolment.status(wait, of)))
    }

    pub(crate) fn enrolment(&self, token: &TokenHash) -> Result<Option<Enrolment>, StoreError> {
        self.database.get(TOKENS, &token.0)
    }

    /// The first few that wait to be paid, in the order of their asking.
    pub(crate) fn to_pay(&self, most: usize) -> Result<Vec<TokenHash>, StoreError> {
        self.database.keys(TO_PAY, most, |key| {
            key.get(8..)?.try_into().ok().map(TokenHash)
        })
    }

    pub(crate) fn to_approve(&self) -> Result<Vec<TokenHash>, StoreError> {
        self.database.keys(TO_APPROVE, usize::MAX, |key| {
            key.try_into().ok().map(TokenHash)
        })
    }

    /// The first few whose claim was told and is not approved, after this one.
    pub(crate) fn awaited(
        &self,
        after: Option<TokenHash>,
        most: usize,
    ) -> Result<Vec<TokenHash>, StoreError> {
        let after = after.as_ref().map_or(&[][..], |token| &token.0);
        self.database.keys_after(AWAITED, after, most, |key| {
            key.try_into().ok().map(TokenHash)
        })
    }

    /// A claim is on the chain that a phone has told.
    pub(crate) fn found(&self, token: &TokenHash) -> Result<(), StoreError> {
        self.database
            .write(Write::Judge, |change| change.put(TO_APPROVE, &token.0, &()))
    }

    /// Takes a claim off the list of those to be approved.
    pub(crate) fn strike(&self, token: &TokenHash) -> Result<(), StoreError> {
        self.database
            .write(Write::Judge, |change| change.remove(TO_APPROVE, &token.0))
    }

    pub(crate) fn scanned_to(&self) -> Result<Option<u64>, StoreError> {
        self.database.get(META, SCANNED_TO)
    }

    /// Records the claims in blocks `from` to `to`: those that the chain has,
    /// and no others. Says of each new one why it is left pending, if it is.
    pub(crate) fn scanned(
        &self,
        from: u64,
        to: u64,
        claims: &[(u64, LoggedClaim)],
    ) -> Result<Vec<(LoggedClaim, Option<Hold>)>, StoreError> {
        self.database.write(Write::Scan, |change| {
            let mut known = Vec::new();
            for (_, claim) in claims {
                known.push(seen(change, claim)?);
            }
            forget_claims_from(change, from)?;
            let mut new = Vec::new();
            for ((block_number, claim), known) in claims.iter().zip(known) {
                let token = &claim.token_hash.0[..];
                let enrolment: Option<Enrolment> = change.get(TOKENS, token)?;
                let hold = hold_of(claim, enrolment.as_ref());
                // Done with: the log is in a block that is looked at again.
                if hold == Some(Hold::UsedToken) {
                    continue;
                }
                let seen = Seen {
                    block_number: *block_number,
                    key: claim.key.to_vec().into(),
                    token: claim.token_hash.0.into(),
                };
                let key = claim_key(claim.number_hash, claim.sender);
                put_claim(change, &key, &seen)?;
                let is_open = enrolment.is_some_and(|enrolment| enrolment.approved.is_open());
                if hold.is_none() && is_open {
                    change.put(TO_APPROVE, token, &())?;
                }
                if !known {
                    new.push((*claim, hold));
                }
            }
            forget_oldest_claims(change)?;
            change.put(META, SCANNED_TO, &to)?;
            Ok(new)
        })
    }

    /// A claim is left pending for a reason that its phone is told; or it is
    /// not there any more.
    pub(crate) fn hold(&self, token: &TokenHash, hold: Option<Hold>) -> Result<(), StoreError> {
        self.database.write(Write::Judge, |change| {
            let key = &token.0[..];
            change.remove(TO_APPROVE, key)?;
            let Some(mut enrolment) = change.get::<Enrolment>(TOKENS, key)? else {
                return Ok(());
            };
            if enrolment.approved.is_open() {
                enrolment.approved =
                    hold.map_or(Approved::NoClaim, |hold| Approved::Held(hold as u8));
                change.put(TOKENS, key, &enrolment)?;
            }
            Ok(())
        })
    }

    /// Whether this very claim was seen on the chain.
    pub(crate) fn has_seen(&self, claim: &LoggedClaim) -> Result<bool, StoreError> {
        let key = claim_key(claim.number_hash, claim.sender);
        let seen: Option<Seen> = self.database.get(CLAIMS, &key)?;
        let seen = seen.and_then(|seen| seen.claim(claim.number_hash, claim.sender));
        Ok(seen == Some(*claim))
    }

    /// Puts claims that were left pending for this reason on the list again.
    pub(crate) fn reconsider(&self, hold: Hold) -> Result<(), StoreError> {
        let tokens = self
            .database
            .keys(TOKENS, usize::MAX, |key| key.try_into().ok().map(TokenHash))?;
        for token in tokens {
            let held = self
                .enrolment(&token)?
                .is_some_and(|enrolment| enrolment.approved == Approved::Held(hold as u8));
            if held {
                self.database
                    .write(Write::Judge, |change| change.put(TO_APPROVE, &token.0, &()))?;
            }
        }
        Ok(())
    }

    pub(crate) fn reach(&self, point: Point) -> Result<(), Stopped> {
        self.database.reach(point)
    }
}

/// Why a claim on the chain is left pending; none: it is the phone's.
pub(crate) fn hold_of(claim: &LoggedClaim, enrolment: Option<&Enrolment>) -> Option<Hold> {
    let Some(enrolment) = enrolment else {
        return Some(Hold::UnknownToken);
    };
    let Some(told) = &enrolment.told else {
        return Some(Hold::UnknownToken);
    };
    if told.wallet != claim.sender {
        return Some(Hold::OtherWallet);
    }
    if told.number_hash != claim.number_hash {
        return Some(Hold::OtherNumber);
    }
    if told.key[..] != claim.key {
        return Some(Hold::OtherKey);
    }
    matches!(enrolment.approved, Approved::Settled { .. }).then_some(Hold::UsedToken)
}

fn claim_key(number_hash: B256, sender: Address) -> Vec<u8> {
    [number_hash.as_slice(), sender.as_slice()].concat()
}

fn in_order(order: u64, token: &[u8]) -> Vec<u8> {
    [&order.to_be_bytes()[..], token].concat()
}

/// Forgets claims in blocks from `from` on.
fn forget_claims_from(change: &Change<'_>, from: u64) -> Result<(), StoreError> {
    for key in change.keys_from(BLOCKS, &from.to_be_bytes(), usize::MAX)? {
        change.remove(BLOCKS, &key)?;
        change.remove(CLAIMS, key.get(8..).unwrap_or_default())?;
    }
    Ok(())
}

/// Forgets the claims in the oldest blocks while there are too many: anybody
/// may claim. One that a phone has told is asked for.
fn forget_oldest_claims(change: &Change<'_>) -> Result<(), StoreError> {
    let too_many = change.len(CLAIMS)?.saturating_sub(MOST_CLAIMS);
    let too_many = usize::try_from(too_many).unwrap_or(usize::MAX);
    if too_many == 0 {
        return Ok(());
    }
    for key in change.keys_from(BLOCKS, &[], too_many)? {
        change.remove(BLOCKS, &key)?;
        change.remove(CLAIMS, key.get(8..).unwrap_or_default())?;
    }
    Ok(())
}

fn put_claim(change: &Change<'_>, key: &[u8], seen: &Seen) -> Result<(), StoreError> {
    forget_claim(change, key)?;
    change.put(BLOCKS, &in_order(seen.block_number, key), &())?;
    change.put(CLAIMS, key, seen)
}

fn forget_claim(change: &Change<'_>, key: &[u8]) -> Result<(), StoreError> {
    if let Some(before) = change.get::<Seen>(CLAIMS, key)? {
        change.remove(BLOCKS, &in_order(before.block_number, key))?;
        change.remove(CLAIMS, key)?;
    }
    Ok(())
}

/// Whether this very claim was seen on the chain.
fn seen(change: &Change<'_>, claim: &LoggedClaim) -> Result<bool, StoreError> {
    let key = claim_key(claim.number_hash, claim.sender);
    let seen: Option<Seen> = change.get(CLAIMS, &key)?;
    let seen = seen.and_then(|seen| seen.claim(claim.number_hash, claim.sender));
    Ok(seen == Some(*claim))
}

impl TokenBook for Store {
    fn standing(&self, token: &TokenHash) -> Result<Standing, BookUnavailable> {
        let enrolment = self.enrolment(token).map_err(unavailable)?;
        Ok(standing(enrolment.as_ref()))
    }

    fn bind(
        &mut self,
        token: &TokenHash,
        phone: &SealingPublicKey,
    ) -> Result<Standing, BookUnavailable> {
        let before = self.standing(token)?;
        if before != Standing::Unused {
            return Ok(before);
        }
        self.database
            .write(Write::Bind, |change| {
                let enrolment: Option<Enrolment> = change.get(TOKENS, &token.0)?;
                if enrolment.is_some() {
                    return Ok(standing(enrolment.as_ref()));
                }
                let enrolment = Enrolment::bound_to(phone.0.into());
                change.put(TOKENS, &token.0, &enrolment)?;
                Ok(standing(Some(&enrolment)))
            })
            .map_err(unavailable)
    }
}

fn standing(enrolment: Option<&Enrolment>) -> Standing {
    match enrolment {
        None => Standing::Unused,
        Some(Enrolment {
            approved: Approved::Settled { .. },
            ..
        }) => Standing::Used,
        Some(enrolment) => Standing::Bound(SealingPublicKey(enrolment.phone_key.0)),
    }
}

fn unavailable(error: StoreError) -> BookUnavailable {
    tracing::error!("{error}");
    BookUnavailable
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Store({}, {})",
            self.database.operator(),
            self.database.place()
        )
    }
}
