//! The operator's records, in an embedded database whose every change is
//! synced before anything follows from it.

use core::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::{Address, B256};
use redb::backends::FileBackend;
use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, StorageBackend, TableDefinition,
    WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::requests::{Hold, Refusal, Status, Wait};
use crate::service::points::{Point, Points, Purpose, Stopped, Write};
use crate::service::records::{Approved, Enrolment, Outgoing, Paid, Seen, Told};
use crate::{
    BookUnavailable, Claim, LoggedClaim, OperatorId, SealingPublicKey, Standing, TokenBook,
    TokenHash,
};

/// The operator's records. A clone is another handle on the same ones.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// Where a database's octets are, each time it is opened.
pub trait Backends: Send + Sync {
    /// The octets.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn open(&self) -> Result<Box<dyn StorageBackend>, redb::DatabaseError>;
}

/// A database that ends with this process: for trials and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

/// Why the records cannot be read or written. Whatever was to be written is
/// not, and what follows from it is not done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database, or the disk below it.
    #[error("the records {place} cannot be used: {cause}")]
    Database {
        /// Where they are.
        place: String,
        /// What the database says.
        cause: String,
    },
    /// The records are another operator's.
    #[error("the records {place} are of operator {found}, not of {expected}")]
    OtherOperator {
        /// Where they are.
        place: String,
        /// Whose they are.
        found: String,
        /// Whose they are to be.
        expected: OperatorId,
    },
    /// A record cannot be read: it is damaged, or a later version's.
    #[error("a record in {place} cannot be read: {cause}")]
    Record {
        /// Where it is.
        place: String,
        /// What is wrong.
        cause: String,
    },
    /// A test has stopped the service.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

struct Inner {
    place: String,
    file: Option<PathBuf>,
    backends: Option<Box<dyn Backends>>,
    operator: OperatorId,
    points: Box<dyn Points>,
    /// None after a failure: opened again at the next use.
    database: Mutex<Option<Database>>,
}

type Table<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

/// Name → number or text.
const META: Table<'_> = TableDefinition::new("meta");
/// Token hash → [`Enrolment`].
const TOKENS: Table<'_> = TableDefinition::new("tokens");
/// `u64(order) ‖ token hash` of those to be paid.
const TO_PAY: Table<'_> = TableDefinition::new("to pay");
/// Token hashes whose claim is on the chain, to be approved.
const TO_APPROVE: Table<'_> = TableDefinition::new("to approve");
/// Nonce → [`Outgoing`], until it is settled.
const OUTBOX: Table<'_> = TableDefinition::new("outbox");
/// `number hash ‖ sender` → [`Seen`].
const CLAIMS: Table<'_> = TableDefinition::new("claims");
/// Wallet → Unix times of the payments to it.
const WALLETS: Table<'_> = TableDefinition::new("wallets");

const NEXT_NONCE: &[u8] = b"next nonce";
const SCANNED_TO: &[u8] = b"scanned to";
const OPERATOR: &[u8] = b"operator";
const ORDER: &[u8] = b"order";

/// The most memory that the database takes for what it has read, in octets.
const CACHE_LEN: usize = 4 * 1024 * 1024;
const DAY: u64 = 86_400;

impl Store {
    /// Opens or makes the records of `operator` in a file.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn open(file: &Path, operator: OperatorId) -> Result<Self, StoreError> {
        Self::of(Inner {
            place: format!("in {}", file.display()),
            file: Some(file.to_owned()),
            backends: None,
            operator,
            points: Box::new(()),
            database: Mutex::new(None),
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
        Self::of(Inner {
            place: "of this process".into(),
            file: None,
            backends: Some(Box::new(backends)),
            operator,
            points: Box::new(points),
            database: Mutex::new(None),
        })
    }

    /// Whose records they are.
    #[must_use]
    pub fn operator(&self) -> OperatorId {
        self.inner.operator
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
        self.write(Write::Tell, |change| {
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
            let wallet = told.wallet.as_slice();
            let mut payments: Vec<u64> = change.get(WALLETS, wallet)?.unwrap_or_default();
            payments.retain(|paid| now.saturating_sub(*paid) < DAY);
            if payments.len() >= payments_per_day {
                return Ok(Err(Refusal::WalletLimit));
            }
            payments.push(now);
            change.put(WALLETS, wallet, &payments)?;
            let order: u64 = change.get(META, ORDER)?.unwrap_or(0);
            change.put(META, ORDER, &(order + 1))?;
            change.put(TO_PAY, &in_order(order, token), &())?;
            let expected = told.expected(claim.token_hash);
            if let Some(expected) = expected
                && change.seen(&expected)?
            {
                change.put(TO_APPROVE, token, &())?;
            }
            enrolment.told = Some(told);
            enrolment.paid = Paid::Queued;
            change.put(TOKENS, token, &enrolment)?;
            Ok(Ok(()))
        })
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
        let nonces = [
            match enrolment.paid {
                Paid::Signed { nonce } => Some(nonce),
                _ => None,
            },
            match enrolment.approved {
                Approved::Signed { nonce } => Some(nonce),
                _ => None,
            },
        ];
        let mut newest = Vec::new();
        for nonce in nonces.into_iter().flatten() {
            let outgoing: Option<Outgoing> = self.get(OUTBOX, &nonce.to_be_bytes())?;
            if let Some(outgoing) = outgoing
                && let Some(variant) = outgoing.newest()
            {
                newest.push((nonce, (variant.hash, outgoing.wei)));
            }
        }
        let of = |nonce| {
            newest
                .iter()
                .find(|(known, _)| *known == nonce)
                .map(|(_, sent)| *sent)
        };
        Ok(Some(enrolment.status(wait, of)))
    }

    pub(crate) fn enrolment(&self, token: &TokenHash) -> Result<Option<Enrolment>, StoreError> {
        self.get(TOKENS, &token.0)
    }

    /// The first few that wait to be paid, in the order of their asking.
    pub(crate) fn to_pay(&self, most: usize) -> Result<Vec<TokenHash>, StoreError> {
        self.keys(TO_PAY, most, |key| {
            key.get(8..)?.try_into().ok().map(TokenHash)
        })
    }

    pub(crate) fn to_approve(&self) -> Result<Vec<TokenHash>, StoreError> {
        self.keys(TO_APPROVE, usize::MAX, |key| {
            key.try_into().ok().map(TokenHash)
        })
    }

    /// What is sent and not settled, by nonce.
    pub(crate) fn outbox(&self) -> Result<Vec<(u64, Outgoing)>, StoreError> {
        let nonces = self.keys(OUTBOX, usize::MAX, |key| {
            key.try_into().ok().map(u64::from_be_bytes)
        })?;
        let mut outbox = Vec::new();
        for nonce in nonces {
            if let Some(outgoing) = self.get(OUTBOX, &nonce.to_be_bytes())? {
                outbox.push((nonce, outgoing));
            }
        }
        Ok(outbox)
    }

    pub(crate) fn scanned_to(&self) -> Result<Option<u64>, StoreError> {
        self.get(META, SCANNED_TO)
    }

    /// Records a transaction as signed, with the account's next nonce; `make`
    /// signs for that nonce. Nothing, if its purpose has one already.
    /// `chains_nonce` is what the chain says of the account.
    pub(crate) fn sign(
        &self,
        purpose: Purpose,
        token: &TokenHash,
        chains_nonce: u64,
        make: impl FnOnce(u64) -> Outgoing,
    ) -> Result<Option<(u64, Outgoing)>, StoreError> {
        self.write(Write::Sign(purpose), |change| {
            let key = &token.0[..];
            let Some(mut enrolment) = change.get::<Enrolment>(TOKENS, key)? else {
                return Ok(None);
            };
            let due = match purpose {
                Purpose::Pay => enrolment.paid == Paid::Queued,
                Purpose::Approve => {
                    matches!(enrolment.approved, Approved::NoClaim | Approved::Held(_))
                }
            };
            if !due {
                return Ok(None);
            }
            // While something of ours is out, our own count goes on; a nonce
            // that the chain counts beyond it was used by somebody else.
            let ours: Option<u64> = change.get(META, NEXT_NONCE)?;
            let nonce = match (ours, change.is_empty(OUTBOX)?) {
                (Some(ours), true) => ours.max(chains_nonce),
                (Some(ours), false) => ours,
                (None, _) => chains_nonce,
            };
            let outgoing = make(nonce);
            change.put(META, NEXT_NONCE, &(nonce + 1))?;
            change.put(OUTBOX, &nonce.to_be_bytes(), &outgoing)?;
            match purpose {
                Purpose::Pay => {
                    enrolment.paid = Paid::Signed { nonce };
                    change.remove_paid(key)?;
                }
                Purpose::Approve => {
                    enrolment.approved = Approved::Signed { nonce };
                    change.remove(TO_APPROVE, key)?;
                }
            }
            change.put(TOKENS, key, &enrolment)?;
            Ok(Some((nonce, outgoing)))
        })
    }

    /// Records one more variant of what is out.
    pub(crate) fn replace(&self, nonce: u64, outgoing: &Outgoing) -> Result<(), StoreError> {
        self.write(Write::Replace(outgoing.purpose), |change| {
            change.put(OUTBOX, &nonce.to_be_bytes(), outgoing)
        })
    }

    /// Records how a transaction has ended, deep in the chain.
    pub(crate) fn settle(
        &self,
        nonce: u64,
        outgoing: &Outgoing,
        transaction: B256,
        succeeded: bool,
    ) -> Result<(), StoreError> {
        self.write(Write::Settle(outgoing.purpose), |change| {
            change.remove(OUTBOX, &nonce.to_be_bytes())?;
            let key = outgoing.token.as_slice();
            let Some(mut enrolment) = change.get::<Enrolment>(TOKENS, key)? else {
                return Ok(());
            };
            let wei = outgoing.wei;
            match (outgoing.purpose, succeeded) {
                (Purpose::Pay, true) => enrolment.paid = Paid::Settled { transaction, wei },
                (Purpose::Pay, false) => enrolment.paid = Paid::Failed { transaction, wei },
                (Purpose::Approve, true) => {
                    enrolment.approved = Approved::Settled { transaction };
                    if let Some(told) = &enrolment.told {
                        change.remove(CLAIMS, &claim_key(told.number_hash, told.wallet))?;
                    }
                }
                (Purpose::Approve, false) => {
                    enrolment.taken_back = enrolment.taken_back.saturating_add(1);
                    if enrolment.taken_back < MOST_TAKEN_BACK {
                        enrolment.approved = Approved::NoClaim;
                        change.put(TO_APPROVE, key, &())?;
                    } else {
                        enrolment.approved = Approved::Held(Hold::TakenBack as u8);
                    }
                }
            }
            change.put(TOKENS, key, &enrolment)
        })
    }

    /// Records the claims in blocks `from` to `to`: those that the chain has,
    /// and no others. Says of each new one why it is left pending, if it is.
    pub(crate) fn scanned(
        &self,
        from: u64,
        to: u64,
        claims: &[(u64, LoggedClaim)],
    ) -> Result<Vec<(LoggedClaim, Option<Hold>)>, StoreError> {
        self.write(Write::Scan, |change| {
            let mut known = Vec::new();
            for (_, claim) in claims {
                known.push(change.seen(claim)?);
            }
            change.forget_claims(from)?;
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
                change.put(CLAIMS, &key, &seen)?;
                let is_out = enrolment
                    .is_some_and(|enrolment| matches!(enrolment.approved, Approved::Signed { .. }));
                if hold.is_none() && !is_out {
                    change.put(TO_APPROVE, token, &())?;
                }
                if !known {
                    new.push((*claim, hold));
                }
            }
            change.put(META, SCANNED_TO, &to)?;
            Ok(new)
        })
    }

    /// A claim is left pending for a reason that its phone is told; or it is
    /// not there any more.
    pub(crate) fn hold(&self, token: &TokenHash, hold: Option<Hold>) -> Result<(), StoreError> {
        self.write(Write::Judge, |change| {
            let key = &token.0[..];
            change.remove(TO_APPROVE, key)?;
            let Some(mut enrolment) = change.get::<Enrolment>(TOKENS, key)? else {
                return Ok(());
            };
            if matches!(enrolment.approved, Approved::NoClaim | Approved::Held(_)) {
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
        let seen: Option<Seen> = self.get(CLAIMS, &key)?;
        let seen = seen.and_then(|seen| seen.claim(claim.number_hash, claim.sender));
        Ok(seen == Some(*claim))
    }

    /// Puts claims that were left pending for this reason on the list again.
    pub(crate) fn reconsider(&self, hold: Hold) -> Result<(), StoreError> {
        let tokens = self.keys(TOKENS, usize::MAX, |key| key.try_into().ok().map(TokenHash))?;
        for token in tokens {
            let held = self
                .enrolment(&token)?
                .is_some_and(|enrolment| enrolment.approved == Approved::Held(hold as u8));
            if held {
                self.write(Write::Judge, |change| change.put(TO_APPROVE, &token.0, &()))?;
            }
        }
        Ok(())
    }

    pub(crate) fn reach(&self, point: Point) -> Result<(), Stopped> {
        self.inner.points.reach(point)
    }

    fn of(inner: Inner) -> Result<Self, StoreError> {
        let store = Self {
            inner: Arc::new(inner),
        };
        drop(store.database()?);
        Ok(store)
    }

    /// The database, opened if it is not; whoever holds it is alone.
    fn database(&self) -> Result<Opened<'_>, StoreError> {
        let inner = &*self.inner;
        // Whoever panicked has left the database as it was synced.
        let mut guard = inner
            .database
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if guard.is_none() {
            let database = inner.open().map_err(|error| inner.failed(&error))?;
            self.claim_for_operator(&database)?;
            *guard = Some(database);
        }
        Ok(Opened(guard))
    }

    /// Makes all tables, and sees that the records are the operator's.
    fn claim_for_operator(&self, database: &Database) -> Result<(), StoreError> {
        let inner = &*self.inner;
        let made = || -> Result<Option<Vec<u8>>, redb::Error> {
            let transaction = database.begin_write()?;
            for table in [META, TOKENS, TO_PAY, TO_APPROVE, OUTBOX, CLAIMS, WALLETS] {
                transaction.open_table(table)?;
            }
            let found = {
                let mut meta = transaction.open_table(META)?;
                let found = meta.get(OPERATOR)?.map(|value| value.value().to_vec());
                if found.is_none() {
                    meta.insert(OPERATOR, &inner.operator.to_bytes()[..])?;
                }
                found
            };
            transaction.commit()?;
            Ok(found)
        };
        let found = made().map_err(|error| inner.failed(&error))?;
        match found {
            Some(found) if found != inner.operator.to_bytes() => Err(StoreError::OtherOperator {
                place: inner.place.clone(),
                found: OperatorId::from_bytes(&found)
                    .map_or("unknown".into(), |found| found.to_string()),
                expected: inner.operator,
            }),
            _ => Ok(()),
        }
    }

    fn get<T: DeserializeOwned>(
        &self,
        table: Table<'_>,
        key: &[u8],
    ) -> Result<Option<T>, StoreError> {
        let mut opened = self.database()?;
        let read = |database: &Database| -> Result<Option<Vec<u8>>, redb::Error> {
            let table = database.begin_read()?.open_table(table)?;
            Ok(table.get(key)?.map(|value| value.value().to_vec()))
        };
        let value = opened
            .with(read)
            .map_err(|error| self.inner.failed(&error))?;
        value.map(|value| self.inner.record(&value)).transpose()
    }

    fn keys<T>(
        &self,
        table: Table<'_>,
        most: usize,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut opened = self.database()?;
        let keys = |database: &Database| -> Result<Vec<T>, redb::Error> {
            let table = database.begin_read()?.open_table(table)?;
            let mut keys = Vec::new();
            for entry in table.iter()?.take(most) {
                keys.extend(read(entry?.0.value()));
            }
            Ok(keys)
        };
        opened.with(keys).map_err(|error| self.inner.failed(&error))
    }

    fn write<T>(
        &self,
        name: Write,
        change: impl FnOnce(&Change<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let inner = &*self.inner;
        inner.points.reach(Point::BeforeWrite(name))?;
        let changed = {
            let mut opened = self.database()?;
            let written = opened.with(|database| -> Result<_, redb::Error> {
                let transaction = database.begin_write()?;
                let changed = change(&Change {
                    inner,
                    transaction: &transaction,
                });
                match changed {
                    // Synced when this returns.
                    Ok(_) => transaction.commit()?,
                    Err(_) => transaction.abort()?,
                }
                Ok(changed)
            });
            written.map_err(|error| inner.failed(&error))??
        };
        inner.points.reach(Point::AfterWrite(name))?;
        Ok(changed)
    }
}

/// After so many approvals that the registry took back, people have to look.
const MOST_TAKEN_BACK: u8 = 3;

/// Why a claim on the chain is left pending; none: it is the phone's.
fn hold_of(claim: &LoggedClaim, enrolment: Option<&Enrolment>) -> Option<Hold> {
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

/// The database while somebody has it; closed where it fails, since it takes
/// nothing more then.
struct Opened<'a>(MutexGuard<'a, Option<Database>>);

impl Opened<'_> {
    fn with<T, E>(&mut self, work: impl FnOnce(&Database) -> Result<T, E>) -> Result<T, E> {
        let Some(database) = &*self.0 else {
            unreachable!("it was opened with this");
        };
        let done = work(database);
        if done.is_err() {
            *self.0 = None;
        }
        done
    }
}

/// A change in the making.
struct Change<'a> {
    inner: &'a Inner,
    transaction: &'a WriteTransaction,
}

impl Change<'_> {
    fn get<T: DeserializeOwned>(
        &self,
        table: Table<'_>,
        key: &[u8],
    ) -> Result<Option<T>, StoreError> {
        let read = || -> Result<Option<Vec<u8>>, redb::Error> {
            let table = self.transaction.open_table(table)?;
            let value = table.get(key)?.map(|value| value.value().to_vec());
            Ok(value)
        };
        let value = read().map_err(|error| self.inner.failed(&error))?;
        value.map(|value| self.inner.record(&value)).transpose()
    }

    fn put(&self, table: Table<'_>, key: &[u8], value: &impl Serialize) -> Result<(), StoreError> {
        let value = serde_json::to_vec(value).map_err(|error| self.inner.unreadable(&error))?;
        let write = || -> Result<(), redb::Error> {
            let mut table = self.transaction.open_table(table)?;
            table.insert(key, &value[..])?;
            Ok(())
        };
        write().map_err(|error| self.inner.failed(&error))
    }

    fn remove(&self, table: Table<'_>, key: &[u8]) -> Result<(), StoreError> {
        let write = || -> Result<(), redb::Error> {
            let mut table = self.transaction.open_table(table)?;
            table.remove(key)?;
            Ok(())
        };
        write().map_err(|error| self.inner.failed(&error))
    }

    fn is_empty(&self, table: Table<'_>) -> Result<bool, StoreError> {
        let read = || -> Result<bool, redb::Error> {
            let table = self.transaction.open_table(table)?;
            let first = table.first()?.is_none();
            Ok(first)
        };
        read().map_err(|error| self.inner.failed(&error))
    }

    /// Takes a token off the list of those to be paid.
    fn remove_paid(&self, token: &[u8]) -> Result<(), StoreError> {
        self.remove_where(TO_PAY, |key, _| key.get(8..) == Some(token), true)
    }

    /// Forgets claims in blocks from `from` on.
    fn forget_claims(&self, from: u64) -> Result<(), StoreError> {
        self.remove_where(
            CLAIMS,
            |_, value| {
                let seen: Result<Seen, _> = serde_json::from_slice(value);
                seen.is_ok_and(|seen| seen.block_number >= from)
            },
            false,
        )
    }

    /// Whether this very claim was seen on the chain.
    fn seen(&self, claim: &LoggedClaim) -> Result<bool, StoreError> {
        let key = claim_key(claim.number_hash, claim.sender);
        let seen: Option<Seen> = self.get(CLAIMS, &key)?;
        let seen = seen.and_then(|seen| seen.claim(claim.number_hash, claim.sender));
        Ok(seen == Some(*claim))
    }

    fn remove_where(
        &self,
        table: Table<'_>,
        is_meant: impl Fn(&[u8], &[u8]) -> bool,
        only_first: bool,
    ) -> Result<(), StoreError> {
        let write = || -> Result<(), redb::Error> {
            let mut table = self.transaction.open_table(table)?;
            let mut meant = Vec::new();
            for entry in table.iter()? {
                let (key, value) = entry?;
                if is_meant(key.value(), value.value()) {
                    meant.push(key.value().to_vec());
                    if only_first {
                        break;
                    }
                }
            }
            for key in meant {
                table.remove(&key[..])?;
            }
            Ok(())
        };
        write().map_err(|error| self.inner.failed(&error))
    }
}

/// A file that its owner alone can read: it says who enrols, and when.
fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Inner {
    fn open(&self) -> Result<Database, redb::Error> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_LEN);
        let database = match (&self.file, &self.backends) {
            (Some(file), _) => {
                builder.create_with_backend(FileBackend::new(private_file(file)?)?)?
            }
            (None, Some(backends)) => builder.create_with_backend(Erased(backends.open()?))?,
            (None, None) => unreachable!("records are in a file or elsewhere"),
        };
        Ok(database)
    }

    fn failed(&self, error: &redb::Error) -> StoreError {
        StoreError::Database {
            place: self.place.clone(),
            cause: error.to_string(),
        }
    }

    fn unreadable(&self, error: &serde_json::Error) -> StoreError {
        StoreError::Record {
            place: self.place.clone(),
            cause: error.to_string(),
        }
    }

    fn record<T: DeserializeOwned>(&self, value: &[u8]) -> Result<T, StoreError> {
        serde_json::from_slice(value).map_err(|error| self.unreadable(&error))
    }
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
        self.write(Write::Bind, |change| {
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

impl Backends for Memory {
    fn open(&self) -> Result<Box<dyn StorageBackend>, redb::DatabaseError> {
        Ok(Box::new(redb::backends::InMemoryBackend::new()))
    }
}

/// A backend behind a pointer, as the database wants it.
#[derive(Debug)]
struct Erased(Box<dyn StorageBackend>);

impl StorageBackend for Erased {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.0.write(offset, data)
    }

    fn close(&self) -> Result<(), std::io::Error> {
        self.0.close()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({}, {})", self.inner.operator, self.inner.place)
    }
}
