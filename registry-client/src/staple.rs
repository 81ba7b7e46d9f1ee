//! Records that travel with what proves them: ours to others, others' to us.

use crate::evidence::{Evidence, EvidenceError, Signatures, update_digest};
use crate::light::{Beacon, BeaconHeader, KNOWN, NODES, UpdateError};
use crate::live::{Found, LiveError, LiveRegistry, OutdatedError};
use crate::number::{NumberError, number_hash};
use crate::record::Record;
use crate::registry::Answer;
use crate::transport::Transport;
use crate::verified::Verified;

/// One's own record with its evidence, to be handed to whoever asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnStaple {
    /// The evidence; see [`Evidence`] for its form.
    pub octets: Vec<u8>,
    /// What it proves.
    pub answer: Verified<Answer>,
}

impl<B: Beacon, T: Transport> LiveRegistry<B, T> {
    /// The record of one's own number and key, with what proves it to others: a node is asked where the last one has
    /// become older than [`Policy::renew_age`](crate::Policy::renew_age), so this is to be called now and then, off
    /// the call's path, and not when somebody calls. What is proven is kept for [`look_up`](Self::look_up), also where it
    /// is nothing to hand over.
    ///
    /// # Errors
    ///
    /// [`OwnStapleError`] where the record is not in force under this key, or nothing proves it now.
    pub fn own_staple(
        &mut self,
        number: &str,
        key: &[u8; 33],
        now: u64,
    ) -> Result<OwnStaple, OwnStapleError> {
        self.uncontested().map_err(LiveError::from)?;
        if let Some(own) = &self.own
            && own.answer.age(now) < self.policy.renew_age
            && own.answer.is_about(number)
            && record_in_force(&own.answer).is_some_and(|record| record.key == *key)
        {
            return Ok(own.clone());
        }
        let gathered = self.gather(number, now)?;
        let answer = gathered.answer;
        // Also where there is nothing to hand over: then it is to be seen why.
        self.keep(
            number_hash(number).map_err(LiveError::from)?,
            answer.clone(),
            now,
        );
        match record_in_force(&answer) {
            Some(record) if record.key == *key => {}
            Some(_) => return Err(OwnStapleError::AnotherKey),
            None => return Err(OwnStapleError::NotInForce),
        }
        let finality_update = gathered.shown_by.ok_or(OwnStapleError::NothingToShow)?;
        let evidence = Evidence {
            finality_update: finality_update.as_ref().clone(),
            header: gathered.header,
            proof: gathered.proof,
        };
        let store = self.light.store();
        let own = OwnStaple {
            octets: evidence.encode(store.network())?,
            answer,
        };
        let update = update_digest(&evidence.finality_update, store.network());
        if let Some(finalized) = finalized(&evidence) {
            let noted = self.light.note_verified(update, finalized, NODES);
            noted.map_err(EvidenceError::from)?;
        }
        self.own = Some(own.clone());
        Ok(own)
    }

    /// The record of a number by what the one who claims it, and this key, has handed over; where that proves nothing,
    /// by asking a node as [`look_up`](Self::look_up) does. [`Found::staple`] says which.
    ///
    /// # Errors
    ///
    /// [`LiveError`], as of [`look_up`](Self::look_up). A staple that is refused is no error, and leads to no trust.
    pub fn look_up_stapled(
        &mut self,
        number: &str,
        key: &[u8; 33],
        staple: &[u8],
        now: u64,
    ) -> Result<Found, LiveError> {
        match self.verify_staple(number, key, staple, now) {
            Ok(answer) => Ok(Found {
                answer,
                was_kept: false,
                staple: Some(Ok(())),
                synced: None,
                faults: Vec::new(),
            }),
            Err(refused) => {
                let found = self.look_up(number, now)?;
                Ok(Found {
                    staple: Some(Err(refused)),
                    ..found
                })
            }
        }
    }

    /// What a staple proves of a number. No node is asked.
    ///
    /// It counts where its block is no older than [`Policy::max_age`](crate::Policy::max_age), and its record is in
    /// force, has this key, and is no older revision than one that was seen before.
    ///
    /// # Errors
    ///
    /// [`StapleError`] names the first thing that is wrong.
    pub fn verify_staple(
        &mut self,
        number: &str,
        key: &[u8; 33],
        staple: &[u8],
        now: u64,
    ) -> Result<Verified<Answer>, StapleError> {
        let number_hash = number_hash(number)?;
        let store = self.light.store();
        let evidence = Evidence::decode(staple, store.network())?;
        let update = update_digest(&evidence.finality_update, store.network());
        let signatures = match self.light.has_verified(update) {
            true => Signatures::Verified,
            false => Signatures::Unverified,
        };
        let finalized = finalized(&evidence);
        let witness = format!("what was handed over for {number}");
        let proven = evidence.check(
            &store,
            self.config,
            number,
            now,
            self.policy.max_age,
            signatures,
        );
        let proven = proven.and_then(|answer| {
            let finalized = finalized.ok_or(EvidenceError::NothingFinal)?;
            self.light.note_verified(update, finalized, &witness)?;
            Ok(answer)
        });
        // That is said of nothing but what two thirds of a committee have signed.
        if let Err(EvidenceError::Update(UpdateError::Contradiction { slot })) = proven {
            self.light.contest(slot, [KNOWN.into(), witness]);
        }
        let answer = proven?;
        match record_in_force(&answer) {
            Some(record) if record.key == *key => {}
            Some(_) => return Err(StapleError::AnotherKey),
            None => return Err(StapleError::NotInForce),
        }
        self.check_revision(&number_hash, &answer)?;
        self.keep(number_hash, answer.clone(), now);
        Ok(answer)
    }
}

/// Why a staple does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StapleError {
    /// The caller's: this is no telephone number.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// It is no evidence, or proves nothing of this number to us.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// It proves that the number's record is not in force.
    #[error("what was handed over shows a record that is not in force")]
    NotInForce,
    /// It proves that the number has another key.
    #[error("what was handed over shows another key than the one presented")]
    AnotherKey,
    /// It proves what was so before.
    #[error(transparent)]
    Outdated(#[from] OutdatedError),
}

/// Why there is nothing to hand over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnStapleError {
    /// Nothing is proven now.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// The operator does not vouch for our key.
    #[error("our own record is not in force")]
    NotInForce,
    /// The operator vouches for another key than ours.
    #[error("our own record has another key")]
    AnotherKey,
    /// No beacon node has given the update that shows what is final.
    #[error("no beacon node has shown what is final since we started")]
    NothingToShow,
    /// It is too long.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

fn finalized(evidence: &Evidence) -> Option<BeaconHeader> {
    let finalized = evidence.finality_update.finalized_header.as_ref()?;
    Some(finalized.value.beacon)
}

fn record_in_force(answer: &Verified<Answer>) -> Option<&Record> {
    match answer.value() {
        Answer::Record(record) if record.is_in_force(answer.timestamp()) => Some(record),
        _ => None,
    }
}
