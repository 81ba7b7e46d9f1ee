//! The registry as it stands now, from a light client's final blocks.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};

use crate::light::{
    Anchor, AnchorError, Beacon, SharedClient, Snapshot, SyncError, Synced, Update,
};
use crate::nodes::{Asked, NodeFault, Nodes, NodesError, no_answer};
use crate::number::{NumberError, number_hash};
use crate::record::Record;
use crate::registry::{Answer, LookUpError, RegistryConfig};
use crate::staple::{OwnStaple, StapleError};
use crate::transport::{RawProof, Transport};
use crate::verified::Verified;

/// A reader that finds the block to trust by itself: nothing but a checkpoint is believed.
///
/// Beacon nodes are asked in their order, execution nodes as [`Nodes`] says; one that fails or lies is passed over and
/// reported.
/// Answers are kept as long as the policy says. Several registries of one network share a light client.
///
/// Time is given with every question (Unix time in seconds); a wrong clock makes fresh answers look old, or old
/// ones fresh.
#[derive(Debug)]
pub struct LiveRegistry<B, T> {
    pub(crate) config: RegistryConfig,
    pub(crate) light: SharedClient<B>,
    nodes: Nodes<T>,
    pub(crate) policy: Policy,
    kept: BTreeMap<B256, Verified<Answer>>,
    /// The highest revision that was proven of a number.
    revisions: BTreeMap<B256, u32>,
    pub(crate) own: Option<OwnStaple>,
}

/// How old is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// No answer is given from a block older than this.
    pub max_age: Duration,
    /// A kept answer, and a final block, serve again while the block is younger than this; no longer than `max_age`,
    /// whatever is set.
    pub renew_age: Duration,
}

impl Default for Policy {
    /// An hour, and half an hour: blocks become final after about a quarter.
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(3600),
            renew_age: Duration::from_secs(1800),
        }
    }
}

/// An answer, and how it was come by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The proven answer.
    pub answer: Verified<Answer>,
    /// Whether it was kept from an earlier question.
    pub was_kept: bool,
    /// What became of the staple, where one was given: it is the answer, or it was refused.
    pub staple: Option<Result<(), StapleError>>,
    /// How the light client was brought up to date, if it had to be.
    pub synced: Option<Synced>,
    /// What execution nodes failed at, or lied about, before one proved the answer.
    pub faults: Vec<NodeFault>,
}

/// A revision of a number's record that was proven. It is to outlast the program, which says how: by
/// [`LiveRegistry::seen_revision`] after an answer, and [`LiveRegistry::remember`] before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeenRevision {
    /// The registry's contract.
    pub contract: Address,
    /// The number's hash, as the registry has it.
    pub number_hash: B256,
    /// The revision, from 1.
    pub revision: u32,
}

/// The most answers that are kept.
const MAX_KEPT: usize = 1_024;

/// The most numbers of which a revision is remembered.
const MAX_REVISIONS: usize = 65_536;

impl<B: Beacon, T: Transport> LiveRegistry<B, T> {
    /// A reader of one registry by these nodes, each with what it is to be called. Asks nothing yet. `light` is a
    /// [`LightClient`](crate::light::LightClient) of its own, or a handle on one that others read by too.
    pub fn new(
        config: RegistryConfig,
        light: impl Into<SharedClient<B>>,
        nodes: impl IntoIterator<Item = (String, T)>,
        policy: Policy,
    ) -> Self {
        let policy = Policy {
            renew_age: policy.renew_age.min(policy.max_age),
            ..policy
        };
        Self {
            config,
            light: light.into(),
            nodes: Nodes::new(config, nodes),
            policy,
            kept: BTreeMap::new(),
            revisions: BTreeMap::new(),
            own: None,
        }
    }

    /// Which registry this reads.
    pub fn config(&self) -> &RegistryConfig {
        &self.config
    }

    /// The light client, which others may read by too.
    pub fn light(&self) -> &SharedClient<B> {
        &self.light
    }

    /// Brings the light client up to date.
    ///
    /// # Errors
    ///
    /// [`SyncError`], as [`SharedClient::sync`]. Where two histories are proven, no kept answer serves again.
    pub fn sync(&mut self, now: u64) -> Result<Synced, SyncError> {
        self.light.sync(now)
    }

    /// Forgets what is kept where two histories are proven, whoever was shown them. Revisions stay: a lower one than
    /// the highest that was seen is refused all the same.
    ///
    /// # Errors
    ///
    /// [`SyncError::Disagreement`].
    pub(crate) fn uncontested(&mut self) -> Result<(), SyncError> {
        let store = self.light.store();
        let Some(contested) = store.contested() else {
            return Ok(());
        };
        self.kept.clear();
        self.own = None;
        Err(SyncError::Disagreement {
            slot: contested.slot,
            nodes: contested.nodes.clone(),
        })
    }

    /// The approved record of a number (E.164), or the proof that there is none, in a block young enough.
    ///
    /// # Errors
    ///
    /// [`LiveError`] says what failed. An error is not an absence: it means that nothing is known.
    pub fn look_up(&mut self, number: &str, now: u64) -> Result<Found, LiveError> {
        let number_hash = number_hash(number)?;
        self.uncontested()?;
        if let Some(kept) = self.kept.get(&number_hash)
            && kept.age(now) < self.policy.renew_age
            && self.check_revision(&number_hash, kept).is_ok()
        {
            return Ok(Found {
                answer: kept.clone(),
                was_kept: true,
                staple: None,
                synced: None,
                faults: Vec::new(),
            });
        }
        let (basis, mut synced) = self.basis(now)?;
        let Asked { answer, faults } = match self.ask(number, &basis.anchor) {
            // Nodes keep proofs of their newest blocks alone: perhaps ours has just become too old for them.
            Err(LiveError::NoAnswer { .. }) if synced.is_none() => {
                let (basis, renewed) = self.renewed_basis(now)?;
                synced = Some(renewed);
                self.ask(number, &basis.anchor)?
            }
            // A younger block was proven to us before than the one that we have asked about.
            Ok(asked) if self.check_revision(&number_hash, &asked.answer).is_err() => {
                let (basis, renewed) = self.renewed_basis(now)?;
                synced = Some(renewed);
                self.ask(number, &basis.anchor)?
            }
            asked => asked?,
        };
        // Somebody else may have been shown another history while we asked.
        self.uncontested()?;
        self.check_revision(&number_hash, &answer)?;
        self.keep(number_hash, answer.clone(), now);
        Ok(Found {
            answer,
            was_kept: false,
            staple: None,
            synced,
            faults,
        })
    }

    /// What `sender` claims for a number and the operator has not approved, or the proof that it claims nothing.
    ///
    /// # Errors
    ///
    /// [`LiveError`] says what failed.
    pub fn look_up_claim(
        &mut self,
        number: &str,
        sender: Address,
        now: u64,
    ) -> Result<Verified<Answer>, LiveError> {
        self.ask_now(now, |nodes| nodes.look_up_claim(number, sender))
    }

    /// Every claim of a number that the operator has not approved, as [`Nodes::look_up_claims`].
    ///
    /// # Errors
    ///
    /// [`LiveError`] says what failed.
    pub fn look_up_claims(
        &mut self,
        number: &str,
        now: u64,
    ) -> Result<Verified<Vec<Record>>, LiveError> {
        self.ask_now(now, |nodes| nodes.look_up_claims(number))
    }

    /// The highest revision of a number's record that was proven here, or remembered; `None` where none was.
    pub fn seen_revision(&self, number: &str) -> Option<SeenRevision> {
        let number_hash = number_hash(number).ok()?;
        Some(SeenRevision {
            contract: self.config.contract,
            number_hash,
            revision: *self.revisions.get(&number_hash)?,
        })
    }

    /// Remembers a revision from an earlier run: lower ones are refused from now on. One of another contract's record
    /// is passed over.
    pub fn remember(&mut self, seen: SeenRevision) {
        if seen.contract == self.config.contract {
            self.note_revision(seen.number_hash, seen.revision);
        }
    }

    /// Refuses what an older block has than one that was seen: revisions only grow.
    pub(crate) fn check_revision(
        &self,
        number_hash: &B256,
        answer: &Verified<Answer>,
    ) -> Result<(), OutdatedError> {
        let got = revision_of(answer);
        match self.revisions.get(number_hash) {
            Some(&seen) if got < seen => Err(OutdatedError { seen, got }),
            _ => Ok(()),
        }
    }

    /// Keeps an answer, unless a younger block's is kept.
    pub(crate) fn keep(&mut self, number_hash: B256, answer: Verified<Answer>, now: u64) {
        self.note_revision(number_hash, revision_of(&answer));
        let kept = self.kept.get(&number_hash);
        if kept.is_some_and(|kept| kept.block_number() > answer.block_number()) {
            return;
        }
        if self.kept.len() >= MAX_KEPT {
            let is_young =
                |_: &B256, kept: &mut Verified<Answer>| kept.age(now) < self.policy.renew_age;
            self.kept.retain(is_young);
            if self.kept.len() >= MAX_KEPT {
                self.kept.pop_first();
            }
        }
        self.kept.insert(number_hash, answer);
    }

    fn note_revision(&mut self, number_hash: B256, revision: u32) {
        // No record is lower than none.
        if revision == 0 {
            return;
        }
        if self.revisions.len() >= MAX_REVISIONS && !self.revisions.contains_key(&number_hash) {
            let lowest = self.revisions.iter().min_by_key(|(_, revision)| **revision);
            let lowest = lowest.map(|(number_hash, _)| *number_hash);
            lowest.map(|number_hash| self.revisions.remove(&number_hash));
        }
        let seen = self.revisions.entry(number_hash).or_default();
        *seen = revision.max(*seen);
    }

    /// What proves a number's record, from the first node that can, and what shows its block to be final.
    pub(crate) fn gather(&mut self, number: &str, now: u64) -> Result<Gathered, LiveError> {
        let (mut basis, mut synced) = self.basis(now)?;
        if synced.is_none() && basis.shown_by.is_none() {
            let (renewed, how) = self.renewed_basis(now)?;
            (basis, synced) = (renewed, Some(how));
        }
        match self.gather_at(number, &basis) {
            // As above: perhaps the block has become too old for the nodes.
            Err(LiveError::NoAnswer { .. }) if synced.is_none() => {
                let (basis, _) = self.renewed_basis(now)?;
                self.gather_at(number, &basis)
            }
            gathered => gathered,
        }
    }

    fn gather_at(&mut self, number: &str, basis: &Basis) -> Result<Gathered, LiveError> {
        self.nodes.trust_anchor(&basis.anchor);
        let (answer, header, proof) = self.nodes.gather(number)?.answer;
        Ok(Gathered {
            answer,
            header,
            proof,
            shown_by: basis.shown_by.clone(),
        })
    }

    /// The newest final block if it is young, or nothing younger is to be had.
    fn basis(&mut self, now: u64) -> Result<(Basis, Option<Synced>), LiveError> {
        let snapshot = self.light.snapshot();
        if snapshot.is_synced
            && let Ok(basis) = Basis::of(snapshot, now, self.policy.renew_age)
        {
            return Ok((basis, None));
        }
        let synced = self.sync(now);
        let basis = Basis::of(self.light.snapshot(), now, self.policy.max_age);
        match (basis, synced) {
            (_, Err(error)) if error.is_disagreement() => Err(error.into()),
            // Old enough to be renewed, young enough to go on with where that fails.
            (Ok(basis), synced) => Ok((basis, synced.ok())),
            (Err(_), Err(error)) => Err(error.into()),
            (Err(error), Ok(_)) => Err(error.into()),
        }
    }

    fn renewed_basis(&mut self, now: u64) -> Result<(Basis, Synced), LiveError> {
        let synced = self.sync(now)?;
        let basis = Basis::of(self.light.snapshot(), now, self.policy.max_age)?;
        Ok((basis, synced))
    }

    fn ask(&mut self, number: &str, anchor: &Anchor) -> Result<Asked<Verified<Answer>>, LiveError> {
        self.nodes.trust_anchor(anchor);
        Ok(self.nodes.look_up(number)?)
    }

    fn ask_now<A>(
        &mut self,
        now: u64,
        question: impl FnOnce(&mut Nodes<T>) -> Result<Asked<A>, NodesError>,
    ) -> Result<A, LiveError> {
        self.uncontested()?;
        let (basis, _) = self.basis(now)?;
        self.nodes.trust_anchor(&basis.anchor);
        let asked = question(&mut self.nodes)?;
        // As for records: somebody else may have been shown another history meanwhile.
        self.uncontested()?;
        Ok(asked.answer)
    }
}

/// Why nothing is known now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The caller's: this is no telephone number.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// The configuration's, and proven: every node would say the same.
    #[error(transparent)]
    Registry(LookUpError),
    /// The beacon nodes': the light client is not up to date.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// The beacon nodes': what they have is too old.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// Proven for a block that is older than one that we were shown before.
    #[error(transparent)]
    Outdated(#[from] OutdatedError),
    /// The execution nodes': none of them proved anything.
    #[error("{}", no_answer(faults))]
    NoAnswer {
        /// What each of them did instead.
        faults: Vec<NodeFault>,
    },
}

impl From<NodesError> for LiveError {
    fn from(error: NodesError) -> Self {
        match error {
            NodesError::Registry(LookUpError::Number(error)) => Self::Number(error),
            NodesError::Registry(error) => Self::Registry(error),
            NodesError::NoAnswer { faults } => Self::NoAnswer { faults },
        }
    }
}

/// A record that was replaced since: a higher revision of it was proven before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("revision {got} of the record is out of date: revision {seen} was seen before")]
pub struct OutdatedError {
    /// The highest revision that was seen.
    pub seen: u32,
    /// The revision that came; 0 for no record at all.
    pub got: u32,
}

/// A final block to prove things from.
struct Basis {
    anchor: Anchor,
    /// What shows it to be final, where that is known.
    shown_by: Option<Arc<Update>>,
}

impl Basis {
    fn of(snapshot: Snapshot, now: u64, max_age: Duration) -> Result<Self, AnchorError> {
        Ok(Self {
            anchor: snapshot.store.anchor(now, max_age)?,
            shown_by: snapshot.shown_by,
        })
    }
}

/// An answer, and what proves it.
pub(crate) struct Gathered {
    pub(crate) answer: Verified<Answer>,
    pub(crate) header: Header,
    pub(crate) proof: RawProof,
    pub(crate) shown_by: Option<Arc<Update>>,
}

fn revision_of(answer: &Verified<Answer>) -> u32 {
    match answer.value() {
        Answer::Record(record) => record.revision,
        Answer::Absent => 0,
    }
}
