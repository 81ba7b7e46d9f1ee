//! The registry as it stands now, from a light client's final blocks.

use core::time::Duration;
use std::collections::BTreeMap;

use alloy_consensus::Header;
use alloy_primitives::B256;

use crate::light::{Anchor, AnchorError, Beacon, LightClient, SyncError, Synced};
use crate::number::{NumberError, number_hash};
use crate::registry::{Answer, LookUpError, Registry, RegistryConfig};
use crate::staple::{OwnStaple, ProvenUpdates, StapleError};
use crate::transport::{RawProof, Transport};
use crate::verified::Verified;

/// A reader that finds the block to trust by itself: nothing but a checkpoint is believed.
///
/// Beacon nodes and execution nodes are asked in their order; one that fails or lies is passed over and reported.
/// Answers are kept as long as the policy says.
///
/// Time is given with every question (Unix time in seconds); a wrong clock makes fresh answers look old, or old
/// ones fresh.
#[derive(Debug)]
pub struct LiveRegistry<B, T> {
    pub(crate) config: RegistryConfig,
    pub(crate) light: LightClient<B>,
    nodes: Vec<Node<T>>,
    pub(crate) policy: Policy,
    kept: BTreeMap<B256, Verified<Answer>>,
    /// The highest revision that was proven of a number.
    revisions: BTreeMap<B256, u32>,
    pub(crate) proven_updates: ProvenUpdates,
    pub(crate) own: Option<OwnStaple>,
    /// Whether the light client was brought up to date since it was given to us.
    is_synced: bool,
}

/// An execution node, and what errors call it.
#[derive(Debug)]
struct Node<T> {
    name: String,
    registry: Registry<T>,
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

/// An execution node that gave nothing usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{node}: {cause}")]
pub struct NodeFault {
    /// What the node is called.
    pub node: String,
    /// What was wrong.
    pub cause: LookUpError,
}

/// The most answers that are kept.
const MAX_KEPT: usize = 1_024;

/// The most numbers of which a revision is remembered.
const MAX_REVISIONS: usize = 65_536;

impl<B: Beacon, T: Transport> LiveRegistry<B, T> {
    /// A reader of one registry by these nodes, each with what it is to be called. Asks nothing yet.
    pub fn new(
        config: RegistryConfig,
        light: LightClient<B>,
        nodes: impl IntoIterator<Item = (String, T)>,
        policy: Policy,
    ) -> Self {
        let policy = Policy {
            renew_age: policy.renew_age.min(policy.max_age),
            ..policy
        };
        let nodes = nodes.into_iter().map(|(name, transport)| Node {
            name,
            registry: Registry::new(config, B256::ZERO, transport),
        });
        Self {
            config,
            light,
            nodes: nodes.collect(),
            policy,
            kept: BTreeMap::new(),
            revisions: BTreeMap::new(),
            proven_updates: ProvenUpdates::default(),
            own: None,
            is_synced: false,
        }
    }

    /// What the light client believes.
    pub fn light(&self) -> &LightClient<B> {
        &self.light
    }

    /// Brings the light client up to date.
    ///
    /// # Errors
    ///
    /// [`SyncError`], as [`LightClient::sync`]. Where it casts doubt on what was believed before, no kept answer
    /// serves again.
    pub fn sync(&mut self, now: u64) -> Result<Synced, SyncError> {
        let synced = self.light.sync(now);
        match &synced {
            Ok(_) => self.is_synced = true,
            Err(error) if error.is_doubt() => self.forget_answers(),
            Err(_) => {}
        }
        synced
    }

    /// Two histories are proven, the one that is known and the one that `witness` has shown.
    pub(crate) fn contest(&mut self, slot: u64, witness: String) {
        self.light.contest(slot, witness);
        self.forget_answers();
    }

    /// Revisions stay: a lower one than the highest that was seen is refused all the same.
    fn forget_answers(&mut self) {
        self.kept.clear();
        self.proven_updates = ProvenUpdates::default();
        self.own = None;
        self.is_synced = false;
    }

    /// The approved record of a number (E.164), or the proof that there is none, in a block young enough.
    ///
    /// # Errors
    ///
    /// [`LiveError`] says what failed. An error is not an absence: it means that nothing is known.
    pub fn look_up(&mut self, number: &str, now: u64) -> Result<Found, LiveError> {
        let number_hash = number_hash(number)?;
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
        let (anchor, mut synced) = self.anchor(now)?;
        let (answer, faults) = match self.ask(number, &anchor) {
            // Nodes keep proofs of their newest blocks alone: perhaps ours has just become too old for them.
            Err(LiveError::NoAnswer { .. }) if synced.is_none() => {
                synced = Some(self.sync(now)?);
                let anchor = self.light.store().anchor(now, self.policy.max_age)?;
                self.ask(number, &anchor)?
            }
            // A younger block was proven to us before than the one that we have asked about.
            Ok((answer, _)) if self.check_revision(&number_hash, &answer).is_err() => {
                synced = Some(self.sync(now)?);
                let anchor = self.light.store().anchor(now, self.policy.max_age)?;
                self.ask(number, &anchor)?
            }
            asked => asked?,
        };
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

    /// The highest revision of a number's record that was proven here, or remembered.
    pub fn revision_seen(&self, number: &str) -> Option<u32> {
        self.revisions.get(&number_hash(number).ok()?).copied()
    }

    /// Remembers a revision from an earlier run: lower ones are refused from now on.
    ///
    /// # Errors
    ///
    /// [`NumberError`] where this is no telephone number.
    pub fn remember_revision(&mut self, number: &str, revision: u32) -> Result<(), NumberError> {
        self.note_revision(number_hash(number)?, revision);
        Ok(())
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
        if self.revisions.len() >= MAX_REVISIONS && !self.revisions.contains_key(&number_hash) {
            self.revisions.pop_first();
        }
        let seen = self.revisions.entry(number_hash).or_default();
        *seen = revision.max(*seen);
    }

    /// What proves a number's record, from the first node that can, and the block that it is proven for.
    pub(crate) fn gather(&mut self, number: &str, now: u64) -> Result<Gathered, LiveError> {
        let (mut anchor, mut synced) = self.anchor(now)?;
        if synced.is_none() && self.light.finality_update().is_none() {
            synced = Some(self.sync(now)?);
            anchor = self.light.store().anchor(now, self.policy.max_age)?;
        }
        match self.gather_at(number, &anchor) {
            // As above: perhaps the block has become too old for the nodes.
            Err(LiveError::NoAnswer { .. }) if synced.is_none() => {
                self.sync(now)?;
                let anchor = self.light.store().anchor(now, self.policy.max_age)?;
                self.gather_at(number, &anchor)
            }
            gathered => gathered,
        }
    }

    fn gather_at(&mut self, number: &str, anchor: &Anchor) -> Result<Gathered, LiveError> {
        let mut faults = Vec::new();
        for Node { name, registry } in &mut self.nodes {
            registry.trust_anchor(anchor);
            match registry.gather(number) {
                Ok(gathered) => return Ok(gathered),
                Err(cause) if cause.is_proven() => return Err(LiveError::Registry(cause)),
                Err(cause) => faults.push(NodeFault {
                    node: name.clone(),
                    cause,
                }),
            }
        }
        Err(LiveError::NoAnswer { faults })
    }

    fn anchor(&mut self, now: u64) -> Result<(Anchor, Option<Synced>), LiveError> {
        if self.is_synced
            && let Ok(anchor) = self.light.store().anchor(now, self.policy.renew_age)
        {
            return Ok((anchor, None));
        }
        let synced = self.sync(now);
        match (self.light.store().anchor(now, self.policy.max_age), synced) {
            (_, Err(error)) if error.is_doubt() => Err(error.into()),
            // Old enough to be renewed, young enough to go on with where that fails.
            (Ok(anchor), synced) => Ok((anchor, synced.ok())),
            (Err(_), Err(error)) => Err(error.into()),
            (Err(error), Ok(_)) => Err(error.into()),
        }
    }

    fn ask(
        &mut self,
        number: &str,
        anchor: &Anchor,
    ) -> Result<(Verified<Answer>, Vec<NodeFault>), LiveError> {
        let mut faults = Vec::new();
        for Node { name, registry } in &mut self.nodes {
            registry.trust_anchor(anchor);
            match registry.look_up(number) {
                Ok(answer) => return Ok((answer, faults)),
                Err(cause) if cause.is_proven() => return Err(LiveError::Registry(cause)),
                Err(cause) => faults.push(NodeFault {
                    node: name.clone(),
                    cause,
                }),
            }
        }
        Err(LiveError::NoAnswer { faults })
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

/// A record that was replaced since: a higher revision of it was proven before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("revision {got} of the record is out of date: revision {seen} was seen before")]
pub struct OutdatedError {
    /// The highest revision that was seen.
    pub seen: u32,
    /// The revision that came; 0 for no record at all.
    pub got: u32,
}

/// An answer, and what proves it: the block's header, the proofs.
pub(crate) type Gathered = (Verified<Answer>, Header, RawProof);

fn revision_of(answer: &Verified<Answer>) -> u32 {
    match answer.value() {
        Answer::Record(record) => record.revision,
        Answer::Absent => 0,
    }
}

fn no_answer(faults: &[NodeFault]) -> String {
    match faults {
        [] => "there is no execution node to ask".into(),
        faults => {
            let faults: Vec<_> = faults.iter().map(NodeFault::to_string).collect();
            format!("no execution node proved an answer: {}", faults.join("; "))
        }
    }
}
