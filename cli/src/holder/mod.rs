//! What the holder of a record has the registry do with it.

mod error;
mod notes;
mod points;

use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::{B256, Bytes, keccak256};
use anyhow::Result;
use callseal_eims::contract::{self, HOLDER_GAS};
use callseal_eims::{
    AccountKey, CallAdvance, CallError, OperatorId, Receipt, SignedCall, WalletCall,
};
use callseal_registry_client::{Answer, Record, Status, Verified};
use callseal_sts::{IdentityKey, Number, PublicKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use self::error::HolderError;
pub use self::notes::Notes;
pub use self::points::{Effect, Point, Points};
use crate::enrol::reader::Reader;
use crate::output_file::{Existing, OutputError};
use crate::phone_keys::{PhoneKeys, Work};
use crate::random::SystemRandom;
use crate::wallet_nodes::WalletNodes;

/// What may be done with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// What the operator has approved in its place is kept from coming into
    /// force.
    Object,
    /// It is taken out of force, for good.
    Revoke,
    /// Its key is replaced by a new one.
    Rotate,
}

/// A phone that speaks for its record.
pub struct Holder {
    terms: Terms,
    wallet: AccountKey,
    number_hash: B256,
}

/// What a [`Holder`] needs to be told.
pub struct Terms {
    /// The phone's secrets.
    pub keys: PhoneKeys,
    /// Where they are kept.
    pub path: PathBuf,
    /// Under what.
    pub passphrase: Zeroizing<String>,
    /// What it costs to try one, where the file is written anew.
    pub work: Work,
    /// Whose record it is.
    pub number: Number,
    /// Whose registry it is in.
    pub operator: OperatorId,
    /// Where it is kept what was signed.
    pub notes: PathBuf,
    /// Whom transactions are sent to.
    pub node: WalletNodes,
    /// How the registry is read.
    pub reader: Reader,
    /// How soon is looked again, where something is waited for.
    pub look_again: Duration,
    /// Where it can be stopped.
    pub points: Box<dyn Points>,
}

/// Is told how a change goes on.
pub trait Watcher {
    /// Something else has to happen first.
    fn waits(&mut self, for_what: &str);
    /// Something went wrong that is tried again.
    fn tries_again(&mut self, error: &HolderError);
    /// Whether to give up now.
    fn is_over(&mut self) -> bool;
}

/// How a change ended.
#[derive(Debug)]
pub enum Ended {
    /// The registry proves it.
    Done(Box<Verified<Answer>>),
    /// It was given up, waiting for this; the same command goes on.
    Waiting(String),
    /// It was stopped by this.
    Failed(HolderError),
}

/// A change that was begun.
struct Begun {
    call: WalletCall,
    notes: Notes,
}

enum Progress {
    Moved,
    Waits(String),
    Done(Box<Verified<Answer>>),
}

/// What the record says of a change that may have been made before.
enum Beginning {
    Call(Bytes, Option<String>),
    Done,
}

impl Holder {
    /// Makes ready; asks nobody yet.
    ///
    /// # Errors
    /// Where the wallet's secret is none, or the number.
    pub fn new(terms: Terms) -> Result<Self> {
        Ok(Self {
            wallet: AccountKey::from_bytes(*terms.keys.wallet())?,
            number_hash: contract::hash_of(terms.number.as_str().parse()?),
            terms,
        })
    }

    /// The phone's keys, as they are now.
    pub fn keys(&self) -> &PhoneKeys {
        &self.terms.keys
    }

    /// The own record, proven.
    ///
    /// # Errors
    /// [`HolderError::Read`].
    pub fn look_up(&mut self) -> Result<Verified<Answer>, HolderError> {
        Ok(self.terms.reader.look_up(&self.terms.number)?)
    }

    /// Makes a change, from where it was stopped before, until the registry
    /// proves it.
    ///
    /// # Errors
    /// Where the notes of an earlier run are there and unusable.
    pub fn make(&mut self, change: Change, watcher: &mut dyn Watcher) -> Result<Ended> {
        let kept = Notes::read(&self.terms.notes)?;
        let (mut begun, mut waits_for) = (None, String::new());
        loop {
            match self.go_on(change, kept.as_ref(), &mut begun) {
                Ok(Progress::Done(answer)) => return Ok(Ended::Done(answer)),
                Ok(Progress::Moved) => continue,
                Ok(Progress::Waits(for_what)) => {
                    watcher.waits(&for_what);
                    waits_for = for_what;
                }
                Err(error) if error.is_passing() && !watcher.is_over() => {
                    watcher.tries_again(&error);
                }
                Err(error) => return Ok(Ended::Failed(error)),
            }
            if watcher.is_over() {
                return Ok(Ended::Waiting(waits_for));
            }
            std::thread::sleep(self.terms.look_again);
        }
    }

    /// Forgets what was kept of a change that is proven, and reported.
    ///
    /// # Errors
    /// Where the notes cannot be removed.
    pub fn forget(&self) -> std::io::Result<()> {
        match std::fs::remove_file(&self.terms.notes) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    fn go_on(
        &mut self,
        change: Change,
        kept: Option<&Notes>,
        begun: &mut Option<Begun>,
    ) -> Result<Progress, HolderError> {
        let Some(under_way) = begun else {
            let answer = self.look_up()?;
            return match self.beginning(change, &answer, kept)? {
                Beginning::Done => self.finish(change, answer),
                Beginning::Call(data, key) => {
                    let operator = self.terms.operator;
                    let notes = Notes::new(change, operator, keccak256(&data), key);
                    let signed = kept.and_then(|kept| kept.clone().signed_for(&notes));
                    if change == Change::Object
                        && signed.is_none()
                        && !self.has_successor(&answer)?
                    {
                        return Err(HolderError::NoSuccessor);
                    }
                    let call = WalletCall::new(operator, data, HOLDER_GAS).resumed(signed);
                    *begun = Some(Begun { call, notes });
                    Ok(Progress::Moved)
                }
            };
        };
        let Terms {
            notes: path,
            node,
            points,
            ..
        } = &mut self.terms;
        let Begun { call, notes } = under_way;
        let mut keep = |signed: Option<&SignedCall>| {
            points.around(Effect::KeepsCall, || notes.keep(path, signed))
        };
        let advance = match call.signed() {
            None => call.advance(&self.wallet, node, &mut keep),
            Some(_) => points.around(Effect::Sends, || {
                call.advance(&self.wallet, node, &mut keep)
            }),
        };
        let receipt = match advance {
            Ok(CallAdvance::InBlock(receipt)) => receipt,
            Ok(CallAdvance::Waiting { transaction }) => {
                return Ok(Progress::Waits(format!("a block with it, {transaction}")));
            }
            Ok(_) => return Ok(Progress::Moved),
            Err(error) => return self.refused(change, error),
        };
        self.read_back(change, receipt)
    }

    /// What is to be said to the registry, given what it proves.
    fn beginning(
        &mut self,
        change: Change,
        answer: &Verified<Answer>,
        kept: Option<&Notes>,
    ) -> Result<Beginning, HolderError> {
        let Answer::Record(record) = answer.value() else {
            return Err(HolderError::NoRecord);
        };
        if record.holder != self.wallet.address() {
            return Err(HolderError::NotHolder {
                holder: record.holder,
                wallet: self.wallet.address(),
            });
        }
        match change {
            Change::Object if record.status == Status::Revoked => Err(HolderError::Revoked),
            Change::Object => Ok(Beginning::Call(
                contract::drop_successor(self.number_hash),
                None,
            )),
            Change::Revoke if record.status == Status::Revoked => Ok(Beginning::Done),
            Change::Revoke => {
                let (operator, key) = (self.terms.operator, self.key_of(record)?);
                let data =
                    contract::revoke_client(operator, self.number_hash, record.revision, &key);
                Ok(Beginning::Call(data, None))
            }
            Change::Rotate => self.rotation(record, kept),
        }
    }

    /// A rotation to the key that is kept for it, which is made if there is
    /// none yet.
    fn rotation(
        &mut self,
        record: &Record,
        kept: Option<&Notes>,
    ) -> Result<Beginning, HolderError> {
        if record.status == Status::Revoked {
            return Err(HolderError::Revoked);
        }
        let present = self.key_of(record)?;
        let identity = self.terms.keys.identity.public();
        let next = match &self.terms.keys.next_identity {
            Some(next) if record.key == *next.public().as_bytes() => return Ok(Beginning::Done),
            Some(next) => next.clone(),
            // Stopped after the key file was written, and before anybody was told.
            None if kept.is_some_and(|kept| kept.is_rotation_to(&identity.to_string())) => {
                return Ok(Beginning::Done);
            }
            None => {
                let next = IdentityKey::generate(&mut SystemRandom);
                let mut keys = self.terms.keys.clone();
                keys.next_identity = Some(next.clone());
                self.keep_keys(keys, Effect::KeepsNextKey)?;
                next
            }
        };
        let next = account_key(&next)?;
        let data = contract::rotate_client(
            self.terms.operator,
            self.number_hash,
            self.wallet.address(),
            record.revision,
            &present,
            &next,
        );
        Ok(Beginning::Call(data, Some(hex::encode(next.compressed()))))
    }

    /// Whether something waits to take the record's place: proven, or so new
    /// that the node alone says so.
    fn has_successor(&mut self, answer: &Verified<Answer>) -> Result<bool, HolderError> {
        use callseal_eims::{CallEnd, Node as _};
        if let Answer::Record(record) = answer.value()
            && record.successor.is_some()
        {
            return Ok(true);
        }
        let (from, to) = (self.wallet.address(), self.terms.operator.contract.into());
        let data = contract::drop_successor(self.number_hash);
        let would_end = self.terms.node.call(from, to, data);
        let would_end = would_end.map_err(CallError::from)?;
        Ok(matches!(would_end, CallEnd::Returned(_)))
    }

    /// The registry's refusal where the change is made already, by an earlier
    /// run whose notes are lost, and waits to be proven.
    fn refused(
        &mut self,
        change: Change,
        error: CallError<OutputError>,
    ) -> Result<Progress, HolderError> {
        if !matches!(error, CallError::Refused { .. }) {
            return Err(error.into());
        }
        let answer = self.look_up()?;
        let is_so = self.is_so(change, &answer);
        if is_so {
            return self.finish(change, answer);
        }
        match change {
            // Proven and no more there, or due before a block could say so.
            Change::Object if record_of(&answer).is_some_and(|it| it.successor.is_some()) => Ok(
                Progress::Waits("a final block in which it is gone".to_owned()),
            ),
            _ => Err(error.into()),
        }
    }

    /// Reads the record as everybody else will.
    fn read_back(&mut self, change: Change, receipt: Receipt) -> Result<Progress, HolderError> {
        let answer = self.look_up()?;
        if self.is_so(change, &answer) && answer.block_number() >= receipt.block_number {
            return self.finish(change, answer);
        }
        if answer.block_number() >= receipt.block_number {
            return Err(HolderError::NotSo {
                block_number: answer.block_number(),
            });
        }
        Ok(Progress::Waits("a final block that proves it".to_owned()))
    }

    fn is_so(&self, change: Change, answer: &Verified<Answer>) -> bool {
        let Some(record) = record_of(answer) else {
            return false;
        };
        let next = self.terms.keys.next_identity.as_ref();
        record.holder == self.wallet.address()
            && match change {
                Change::Object => record.successor.is_none(),
                Change::Revoke => record.status == Status::Revoked,
                Change::Rotate => next.is_some_and(|next| is_key(record, &next.public())),
            }
    }

    /// A new key that is proven to count takes the old one's place in the file.
    fn finish(
        &mut self,
        change: Change,
        answer: Verified<Answer>,
    ) -> Result<Progress, HolderError> {
        let mut keys = self.terms.keys.clone();
        if change == Change::Rotate
            && let Some(next) = keys.next_identity.take()
        {
            keys.identity = next;
            self.keep_keys(keys, Effect::TakesNextKey)?;
        }
        Ok(Progress::Done(Box::new(answer)))
    }

    /// Which of our keys a record has.
    fn key_of(&self, record: &Record) -> Result<AccountKey, HolderError> {
        let PhoneKeys {
            identity,
            next_identity,
            ..
        } = &self.terms.keys;
        let mut ours = [Some(identity), next_identity.as_ref()]
            .into_iter()
            .flatten();
        match ours.find(|key| is_key(record, &key.public())) {
            Some(key) => account_key(key),
            None => Err(HolderError::OtherKey { key: record.key }),
        }
    }

    /// Writes the key file anew; these are the keys once that has reached the
    /// disk.
    fn keep_keys(&mut self, keys: PhoneKeys, effect: Effect) -> Result<(), HolderError> {
        let Terms {
            path,
            passphrase,
            work,
            points,
            ..
        } = &self.terms;
        let write = || {
            let (random, existing) = (&mut SystemRandom, Existing::Replace);
            keys.write(path, passphrase, *work, random, existing)
        };
        points.around(effect, write)?;
        self.terms.keys = keys;
        Ok(())
    }
}

fn record_of(answer: &Verified<Answer>) -> Option<&Record> {
    match answer.value() {
        Answer::Record(record) => Some(record),
        Answer::Absent => None,
    }
}

fn is_key(record: &Record, key: &PublicKey) -> bool {
    record.key == *key.as_bytes()
}

fn account_key(identity: &IdentityKey) -> Result<AccountKey, HolderError> {
    AccountKey::from_bytes(*identity.to_bytes()).map_err(HolderError::Identity)
}
